"""What providers send us: receipts find their message, the rest are messages from handsets.

A deliver_sm is answered OK only once what came of it is safe (rule 4 of design.md): in the journal, or, while the
journal is only memory, confirmed by the broker. Until then the provider keeps it and sends it again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from smsd.core.contract import RECEIPT_TYPE, dumps, result_id, timestamp
from smsd.core.inbound import Assembler, Whole, publication, read
from smsd.core.message import SENT, UNCERTAIN, Ending, Message, Part
from smsd.core.publication import Publication
from smsd.core.receipt import Outcome, Receipt, parse
from smsd.core.results import FINAL
from smsd.core.smpp.codec import Pdu
from smsd.flow.ports import Broker, Journal, Meter
from smsd.flow.report import Reporter
from smsd.settings.model import Provider

log = structlog.get_logger("smsd.receipts")

Answer = Callable[[int], None]
"""Answers the deliver_sm with a command_status."""

PARK = 30.0
"""Seconds that a receipt waits for its submit_sm_resp, which some SMSCs send later (quirk Q12)."""

PARKED_MAX = 50_000
UNSAFE_MAX = 20.0
"""Seconds after which a deliver_sm whose event is not safe yet is answered `deliver_fail_status`."""

ASSEMBLED_MAX = 10_000


class Receipts:
    """One provider's receipts and inbound messages."""

    def __init__(
        self,
        provider: Provider,
        group: str,
        journal: Journal,
        broker: Broker,
        reporter: Reporter,
        meter: Meter,
        publish: Callable[[Publication, Callable[[], None] | None], None],
        prefix: str,
        in_flight_to: Callable[[str], bool],
        outbox_full: Callable[[], bool],
    ) -> None:
        self.provider = provider
        self._group = group
        self._journal = journal
        self._broker = broker
        self._reporter = reporter
        self._meter = meter
        self._publish = publish
        self._prefix = prefix
        self._in_flight_to = in_flight_to
        self._outbox_full = outbox_full
        self._awaiting: deque[tuple[float, Message]] = deque()
        """Messages whose receipt must come by a time, in the order of these times."""
        self._parked: dict[str, tuple[float, Receipt, Pdu, Answer]] = {}
        self._assembler = Assembler(provider.parts_wait, ASSEMBLED_MAX)
        self._charsets = {encoding.data_coding: encoding.name for encoding in provider.encodings}
        self._unsafe: deque[tuple[float, _Once]] = deque()

    def arrived(self, pdu: Pdu, answer: Answer) -> None:
        """A deliver_sm or data_sm. `answer` must be called exactly once."""
        once = _Once(answer)
        if not (self._broker.connected or self._journal.durable) or self._outbox_full():
            once(self.provider.deliver_fail_status)
            return
        self._unsafe.append((asyncio.get_running_loop().time(), once))
        receipt = parse(
            pdu.octets("short_message"),
            pdu.number("esm_class"),
            pdu.number("data_coding"),
            pdu.tlvs,
            self.provider.receipt_format,
        )
        if receipt is None:
            self._inbound(pdu, once)
        else:
            self._meter.receipt(self.provider.name, receipt.stat or "unparsed")
            self._look_for(receipt, pdu, once)

    # --- receipts

    def _look_for(self, receipt: Receipt, pdu: Pdu, answer: Answer) -> None:
        forms = self.provider.message_id
        keys = receipt.keys(forms.submit, forms.receipt)

        def found(match: tuple[Message, Part] | None) -> None:
            if match is not None:
                self._apply(match[0], match[1], receipt, answer)
            elif keys and len(self._parked) < PARKED_MAX and self._may_be_early(pdu):
                now = asyncio.get_running_loop().time()
                for key in keys:
                    self._parked[key] = (now, receipt, pdu, answer)
            else:
                self._unmatched(receipt, pdu, answer)

        self._journal.match(self._group, keys, found)

    def _may_be_early(self, pdu: Pdu) -> bool:
        """Whether a message to either address is at the provider without its submit_sm_resp (quirks Q12, Q21)."""
        return self._in_flight_to(pdu.text("source_addr")) or self._in_flight_to(pdu.text("destination_addr"))

    def settled(self, message: Message, part: Part, key: str) -> None:
        """A submit_sm_resp has named its id (`key`, empty if it did not): a receipt may be waiting for it."""
        if self._parked and (parked := self._parked.pop(key, None)) is not None:
            _, receipt, _, answer = parked
            for other in [k for k, waiting in self._parked.items() if waiting[1] is receipt]:
                del self._parked[other]
            self._apply(message, part, receipt, answer)
        if message.status == SENT:
            if self.provider.receipt_wait is not None:
                self._awaiting.append((asyncio.get_running_loop().time() + self.provider.receipt_wait, message))
            self.conclude(message)

    def _apply(self, message: Message, part: Part, receipt: Receipt, answer: Answer) -> None:
        """A receipt of a part of ours: statuses only move forward."""

        def safe() -> None:
            answer(0)

        if part.status in ("delivered", "undelivered", "expired") or message.status in FINAL - {"uncertain"}:
            if message.untold and not self._journal.durable:
                message.when_told += (safe,)  # a repeat is no safer than the receipt that it repeats
            else:
                safe()  # or late news of an ended message
            return
        part.receipt = receipt.as_json()
        if receipt.outcome is Outcome.INTERMEDIATE:
            safe()
            return
        part.status = str(receipt.outcome)
        if message.status is None:  # other segments are still on their way: their end looks at the receipts
            safe()
            return
        self.conclude(message, safe)

    def conclude(self, message: Message, safe: Callable[[], None] | None = None) -> None:
        """Ends a message whose receipts say enough."""
        ending = message.receipt_verdict()
        if ending is None or message.status in FINAL - {"uncertain"}:
            if safe is not None:
                safe()
            return
        if message.status == UNCERTAIN and message.result is not None:
            message.corrects = message.corrects or message.result.message_id
        if message.sent_at is not None:
            self._meter.delivered_after(self.provider.name, time.time() - message.sent_at)
        self._reporter.report(message, ending, safe)

    def _unconfirmed(self, message: Message) -> None:
        if message.status == SENT:
            detail = f"no final receipt came within receipt_wait ({self.provider.receipt_wait:g} s)"
            self._reporter.report(message, Ending("unconfirmed", "no-receipt", detail))

    def _unmatched(self, receipt: Receipt, pdu: Pdu, answer: Answer) -> None:
        self._meter.unmatched_receipt(self.provider.name)
        shown = receipt.as_json()
        source, destination = pdu.text("source_addr"), pdu.text("destination_addr")
        identity = result_id("receipt", self.provider.name, source, destination, *receipt.ids, receipt.raw_hex)
        body: dict[str, Any] = {
            "receipt_id": identity,
            "provider": self.provider.name,
            "from": source,
            "to": destination,
            "smsc_id": receipt.ids[0] if receipt.ids else None,
            "receipt": shown,
            "received_at": timestamp(time.time()),
        }
        key = f"{self.provider.name}.unmatched"
        entry = Publication(f"{self._prefix}.results", key, dumps(body), identity, RECEIPT_TYPE)
        self._publish(entry, lambda: answer(0))
        log.warning("unmatched_receipt", provider=self.provider.name, ids=receipt.ids, stat=receipt.stat)

    # --- messages from handsets

    def _inbound(self, pdu: Pdu, answer: Answer) -> None:
        fragment = read(pdu, self._charsets)
        whole = self._assembler.add(self.provider.name, fragment, answer, asyncio.get_running_loop().time())
        if whole is not None:
            self._pass_on(whole)

    def _pass_on(self, whole: Whole) -> None:
        self._meter.inbound(self.provider.name)
        entry = publication(whole, self.provider.name, self._prefix, time.time())
        tokens = whole.tokens

        def confirmed() -> None:
            for answer in tokens:
                answer(0)

        self._publish(entry, confirmed)

    # --- time

    def sweep(self) -> None:
        """Called about once a second: parked receipts that nobody claimed, parts that stay alone, answers overdue."""
        now = asyncio.get_running_loop().time()
        for key, (since, receipt, pdu, answer) in list(self._parked.items()):
            if now < since + PARK:
                break
            del self._parked[key]
            if not any(waiting[1] is receipt for waiting in self._parked.values()):
                self._unmatched(receipt, pdu, answer)
        while self._awaiting and now >= self._awaiting[0][0]:
            self._unconfirmed(self._awaiting.popleft()[1])
        for whole in self._assembler.expired(now):
            self._pass_on(whole)
        while self._unsafe and (self._unsafe[0][1].done or now >= self._unsafe[0][0] + UNSAFE_MAX):
            self._unsafe.popleft()[1](self.provider.deliver_fail_status)

    def broker_lost(self) -> None:
        """What waits for a confirm is not safe: the provider keeps it and sends it again."""
        if not self._journal.durable:
            while self._unsafe:
                self._unsafe.popleft()[1](self.provider.deliver_fail_status)


class _Once:
    """An answer that is given once, by whoever comes first."""

    __slots__ = ("_answer", "done")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.done = False

    def __call__(self, status: int) -> None:
        if not self.done:
            self.done = True
            self._answer(status)
