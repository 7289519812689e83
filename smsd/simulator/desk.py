"""The SMSC's side of SMPP 3.4: what every PDU of an ESME is answered with, and what follows from it."""

import time
from collections.abc import Callable
from typing import Any

from smsd.core.errors import RemoteProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Pdu, decode, encode_body
from smsd.simulator.accounts import Accounts
from smsd.simulator.connection import Connection
from smsd.simulator.messages import ENROUTE, message_state, smpp_time
from smsd.simulator.record import Record
from smsd.simulator.rules import Rules
from smsd.simulator.submits import WRONG_STATE, Submits
from smsd.simulator.timetable import Timetable

UNKNOWN_COMMAND, ALREADY_BOUND = 0x03, 0x05
WRONG_PASSWORD, WRONG_SYSTEM_ID, QUERY_FAILED = 0x0E, 0x0F, 0x67

_KINDS = {
    pdus.BIND_RECEIVER: "receiver",
    pdus.BIND_TRANSMITTER: "transmitter",
    pdus.BIND_TRANSCEIVER: "transceiver",
}
_SMPP_34 = 0x34


class Desk:
    """Answers PDUs, and holds what all connections share: rules, accounts, record."""

    def __init__(self, rules: Rules, record: Record) -> None:
        self.rules = rules
        self.record = record
        self.timetable = Timetable()
        self.connections: dict[int, Connection] = {}
        self.accounts = Accounts(rules.receipts, self.timetable, record)
        self.submits = Submits(rules, self.accounts, record, self.timetable)
        self.frozen = False
        """New connections are paused at once."""
        self._duties: dict[int, Callable[[Connection, Pdu], None]] = {
            **dict.fromkeys(_KINDS, self._bind),
            pdus.UNBIND: self._unbind,
            pdus.UNBIND_RESP: lambda connection, _: connection.close(),
            pdus.ENQUIRE_LINK: lambda connection, pdu: connection.answer(pdu.command, pdu.sequence),
            pdus.ENQUIRE_LINK_RESP: self._enquiry_answered,
            pdus.DELIVER_SM_RESP: self._delivery_answered,
            pdus.GENERIC_NACK: self._delivery_answered,
            pdus.QUERY_SM: self._query,
        }
        self.follow(rules)

    def follow(self, rules: Rules) -> None:
        """Does everything by these rules from now on."""
        self.rules = rules
        self.record.charsets = rules.charsets
        self.record.counts_only = rules.record == "counts"
        self.accounts.follow(rules.receipts)
        self.submits.follow(rules)
        for connection in self.connections.values():
            self._enquire_later(connection)

    def opened(self, connection: Connection) -> None:
        self.connections[connection.number] = connection
        self.record.event("connected", time.time(), connection.number, peer=connection.peer)
        if self.frozen:
            connection.pause()

    def closed(self, connection: Connection) -> None:
        self.connections.pop(connection.number, None)
        self.record.event("closed", time.time(), connection.number, system_id=connection.system_id)
        if connection.kind:
            self.accounts[connection.system_id].leave(connection)

    def malformed(self, connection: Connection, frame: bytes, error: RemoteProtocolError) -> None:
        """Answers what can't be read, and closes when the next PDU can't be found any more."""
        self.record.malformed += 1
        self.record.event("malformed", time.time(), connection.number, detail=str(error), pdu=error.pdu_hex)
        _, command, _, sequence = HEADER.unpack_from(frame.ljust(MIN_PDU, b"\0"))
        if error.fatal:
            connection.send(HEADER.pack(MIN_PDU, pdus.GENERIC_NACK, error.status, 0))
            connection.close()
        elif command < pdus.RESPONSE:
            connection.answer(command, sequence, error.status)

    def received(self, connection: Connection, frames: list[bytes]) -> None:
        """All PDUs of one read. They share their times."""
        now, at = time.monotonic(), time.time()
        for frame in frames:
            if connection.closing:
                return
            try:
                pdu = decode(frame)
            except RemoteProtocolError as error:
                self.malformed(connection, frame, error)
                continue
            command = pdu.command
            self.record.received[command] += 1
            if command == pdus.SUBMIT_SM or command == pdus.DATA_SM:
                self.submits.take(connection, pdu, frame, now, at)
            elif duty := self._duties.get(command):
                duty(connection, pdu)
            elif command < pdus.RESPONSE:
                connection.send(HEADER.pack(MIN_PDU, pdus.GENERIC_NACK, UNKNOWN_COMMAND, pdu.sequence))

    def _bind(self, connection: Connection, pdu: Pdu) -> None:
        system_id, kind = pdu.text("system_id"), _KINDS[pdu.command]
        facts: dict[str, Any] = {"system_id": system_id, "kind": kind, "version": pdu.number("interface_version")}
        if status := self._why_not_bind(connection, system_id, kind, pdu.text("password")):
            self.record.event("bind_refused", time.time(), connection.number, status=status, **facts)
            connection.answer(pdu.command, pdu.sequence, status)
            return
        connection.system_id, connection.kind = system_id, kind
        version = pdu.number("interface_version")
        tlvs = [(pdus.TLV_SC_INTERFACE_VERSION, bytes((version,)))] if version >= _SMPP_34 else []
        body = encode_body(pdu.command | pdus.RESPONSE, {"system_id": self.rules.name.encode("latin-1")}, tlvs)
        connection.answer(pdu.command, pdu.sequence, 0, body)
        self.record.event("bound", time.time(), connection.number, status=0, **facts)
        account = self.accounts[system_id]
        if connection.receives:
            account.join(connection)
        self._enquire_later(connection)

    def _why_not_bind(self, connection: Connection, system_id: str, kind: str, password: str) -> int:
        rules = self.rules
        if connection.kind:
            return ALREADY_BOUND
        if rules.bind_status:
            return rules.bind_status
        if rules.credentials is not None:
            if system_id not in rules.credentials:
                return WRONG_SYSTEM_ID
            if rules.credentials[system_id] != password:
                return WRONG_PASSWORD
        if rules.single_bind and any(
            other.system_id == system_id and not other.closing and _clash(other.kind, kind)
            for other in self.connections.values()
        ):
            return ALREADY_BOUND
        return 0

    def _unbind(self, connection: Connection, pdu: Pdu) -> None:
        if not connection.kind:
            connection.answer(pdu.command, pdu.sequence, WRONG_STATE)
            return
        self.record.event("unbound", time.time(), connection.number, system_id=connection.system_id)
        connection.answer(pdu.command, pdu.sequence)
        connection.close()

    def _query(self, connection: Connection, pdu: Pdu) -> None:
        message = self.submits.messages.get(pdu.text("message_id"))
        if not connection.kind:
            connection.answer(pdu.command, pdu.sequence, WRONG_STATE)
        elif message is None or message.system_id != connection.system_id:
            connection.answer(pdu.command, pdu.sequence, QUERY_FAILED)
        else:
            ended = message.has_ended(time.time())
            fields: dict[str, int | bytes] = {
                "message_id": message.message_id.encode("ascii"),
                "final_date": smpp_time(message.ends_at).encode("ascii") if ended else b"",
                "message_state": message_state((ended and message.stat) or ENROUTE),
            }
            connection.answer(pdu.command, pdu.sequence, 0, encode_body(pdus.QUERY_SM_RESP, fields))

    def _delivery_answered(self, connection: Connection, pdu: Pdu) -> None:
        if connection.kind:
            self.accounts[connection.system_id].answered(connection, pdu.sequence, pdu.status)

    def _enquiry_answered(self, connection: Connection, _: Pdu) -> None:
        connection.enquired = False

    def _enquire_later(self, connection: Connection) -> None:
        if self.rules.enquire_link is not None and connection.kind:
            self.timetable.at(time.monotonic() + self.rules.enquire_link, self._enquire, connection, self.rules)

    def _enquire(self, connection: Connection, rules: Rules) -> None:
        if connection.closing or rules is not self.rules:  # newer rules have begun a count of their own
            return
        if connection.enquired:
            connection.abort()
            return
        connection.enquired = True
        connection.request(pdus.ENQUIRE_LINK)
        self._enquire_later(connection)


def _clash(one: str, other: str) -> bool:
    """Whether two binds of one system_id are too much of the same: as providers that allow one bind see it."""
    return bool(one) and ("transceiver" in (one, other) or one == other)
