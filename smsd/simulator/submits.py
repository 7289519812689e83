"""submit_sm and data_sm: decided, recorded, answered when their latency is over, and followed by their receipts."""

import time

from smsd.core.smpp.codec import Pdu, encode_tlvs
from smsd.simulator.accounts import Accounts
from smsd.simulator.connection import Connection
from smsd.simulator.messages import ENROUTE, Message, Messages
from smsd.simulator.receipts import intermediate_of, receipts_of, wants_intermediate, wants_receipt
from smsd.simulator.record import Record
from smsd.simulator.rules import Rules
from smsd.simulator.script import Ids, Script, Verdict
from smsd.simulator.timetable import Timetable

WRONG_STATE = 0x04
WORDS = 0x001D
"""additional_status_info_text (SMPP 3.4 §5.3.2.11)."""
_NOT_BOUND = Verdict(WRONG_STATE)


class Submits:
    """Takes submits under the rules of the moment; what was promised under older ones stays so."""

    def __init__(self, rules: Rules, accounts: Accounts, record: Record, timetable: Timetable) -> None:
        self.messages = Messages()
        self._accounts = accounts
        self._record = record
        self._timetable = timetable
        self._ids = _ids(rules)
        self.follow(rules)

    def follow(self, rules: Rules) -> None:
        """Goes by these rules from now on."""
        self._rules = rules
        self._script = Script(rules)
        self._tlvs = encode_tlvs([(int(tag, 16), bytes.fromhex(value)) for tag, value in rules.tlvs.items()])
        if rules.message_ids != self._ids.rules:
            self._ids = _ids(rules)

    def take(self, connection: Connection, pdu: Pdu, frame: bytes, now: float, at: float) -> None:
        """One submit, read at `now` (monotonic) = `at` (epoch). Hot: 20 000 a second."""
        verdict, system_id = _NOT_BOUND, connection.system_id
        if connection.transmits:
            queued = self._accounts[system_id].queued
            verdict = self._script.decide(system_id, pdu, now, connection.unanswered, queued)
        latency = self._script.latency()
        message = self._accept(system_id, pdu, frame, at + latency) if verdict.status == 0 else None
        message_id = message.message_id if message else ""
        self._record.submit(at, now, system_id, connection.number, frame, message_id, verdict.status)
        if verdict.cut == "before":
            connection.abort()
            return
        connection.unanswered += 1
        if verdict.status is None:
            return
        if latency:
            self._timetable.at(now + latency, self._answer, connection, pdu, verdict, message)
        else:
            self._answer(connection, pdu, verdict, message)

    def _accept(self, system_id: str, pdu: Pdu, frame: bytes, at: float) -> Message:
        outcome = self._script.outcome(pdu)
        message_id, receipt_id = self._ids.next()
        message = Message(
            message_id,
            receipt_id,
            system_id,
            frame,
            pdu.number("registered_delivery"),
            at,
            outcome.stat,
            outcome.err,
            at + self._script.receipt_delay(),
        )
        self.messages.add(message)
        return message

    def _answer(self, connection: Connection, pdu: Pdu, verdict: Verdict, message: Message | None) -> None:
        connection.unanswered -= 1
        status, cut = verdict.status or 0, verdict.cut
        if message is None:
            words = b"\0" + encode_tlvs([(WORDS, verdict.words.encode())]) if verdict.words else b""
            connection.answer(pdu.command, pdu.sequence, status, words)
        else:
            early = self._rules.receipts.before_response
            if early and _is_reported(message):
                self._send_receipts(message)
            body = message.message_id.encode("ascii") + b"\0" + self._tlvs
            connection.answer(pdu.command, pdu.sequence, status, body)
            if message.registered_delivery and not early:
                self._plan_receipts(message)
        if cut and not connection.closing:
            connection.close()

    def _plan_receipts(self, message: Message) -> None:
        asked, now = message.registered_delivery, time.time()
        account, form = self._accounts[message.system_id], self._rules.receipts
        if wants_intermediate(asked) or (form.enroute and wants_receipt(asked, ENROUTE)):
            account.deliver(intermediate_of(message, form, now))
        if _is_reported(message):
            account.scheduled += 1
            self._timetable.at(time.monotonic() + max(0.0, message.ends_at - now), self._end, message)

    def _end(self, message: Message) -> None:
        self._accounts[message.system_id].scheduled -= 1
        self._send_receipts(message)

    def _send_receipts(self, message: Message) -> None:
        account = self._accounts[message.system_id]
        for delivery in receipts_of(message, self._rules.receipts, time.time()):
            account.deliver(delivery)


def _is_reported(message: Message) -> bool:
    return message.stat is not None and wants_receipt(message.registered_delivery, message.stat)


def _ids(rules: Rules) -> Ids:
    """Without a number to start from: microseconds of the clock, which no rate overtakes between two starts."""
    return Ids(rules.message_ids, time.time_ns() // 1000)
