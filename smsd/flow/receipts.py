"""What providers send us: receipts find their message, the rest are messages from handsets.

A deliver_sm is answered OK only once what came of it is in the journal (rule 4 of design.md): the receipt and the
result that it brings about, the message from the handset, or, where neither can be told yet, the PDU itself. While the
journal can't take it, the provider is told to keep it and send it again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from smsd.core.contract import RECEIPT_TYPE, dumps, result_id, timestamp
from smsd.core.errors import RemoteProtocolError
from smsd.core.inbound import Assembler, Whole, publication, read
from smsd.core.life import RECEIPT
from smsd.core.message import SENT, UNCERTAIN, Ending, Message, Part
from smsd.core.publication import Publication
from smsd.core.receipt import Outcome, Receipt, parse
from smsd.core.results import FINAL
from smsd.core.smpp.codec import Pdu, decode
from smsd.flow.ports import Journal, Meter
from smsd.flow.report import Reporter
from smsd.flow.wire import IN, Wire
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

GROUPS = 4
"""Receipt groups, the one in force and earlier ones of this run, under which messages are looked for."""


class Receipts:
    """One provider's receipts and inbound messages."""

    def __init__(
        self,
        provider: Provider,
        group: str,
        journal: Journal,
        reporter: Reporter,
        meter: Meter,
        publish: Callable[[Publication], None],
        prefix: str,
        in_flight_to: Callable[[str], bool],
    ) -> None:
        self._groups: list[str] = []
        self._journal = journal
        self._reporter = reporter
        self._meter = meter
        self._publish = publish
        self._prefix = prefix
        self._in_flight_to = in_flight_to
        self._loop = asyncio.get_running_loop()
        self._parked: dict[_Parked, tuple[str, ...]] = {}
        """Receipts that nobody claims yet, and what they may be claimed by; the oldest first."""
        self._claims: dict[str, list[_Parked]] = {}
        self._assembler = Assembler(provider.parts_wait, ASSEMBLED_MAX)
        self._unsafe: deque[tuple[float, _Once]] = deque()
        self.wire: Wire | None = None
        self._awaits = False
        """Whether messages of this run may have to get their receipt by a certain time."""
        self.adopt(provider, group)

    def adopt(self, provider: Provider, group: str) -> None:
        """Reads by these settings from now on; messages sent under an earlier receipt group are still found."""
        self.provider = provider
        self._groups = [group, *(other for other in self._groups if other != group)][:GROUPS]
        self._assembler.parts_wait = provider.parts_wait
        self._charsets = {encoding.data_coding: encoding.name for encoding in provider.encodings}
        self._awaits = self._awaits or provider.receipt_wait is not None

    def arrived(self, pdu: Pdu, answer: Answer) -> None:
        """A deliver_sm or data_sm. `answer` must be called exactly once."""
        once = _Once(answer)
        if self._journal.trouble is not None:
            once(self.provider.deliver_fail_status)
            return
        now = self._loop.time()
        self._unsafe.append((now, once))
        self._take(_Parked(pdu, now), lambda: once(0))

    def restore(self, number: int, at: float, octets: bytes) -> None:
        """A PDU that an earlier run has parked at `at`, in seconds since 1970."""
        try:
            pdu = decode(octets)
        except RemoteProtocolError:  # it could be read when it came: only another version of smsd finds fault with it
            self._journal.unpark(number)
            return
        pdu.frame = octets
        self._take(_Parked(pdu, self._loop.time() - max(0.0, time.time() - at), number), lambda: None)

    def _take(self, parked: "_Parked", safe: Callable[[], None]) -> None:
        pdu = parked.pdu
        parked.receipt = parse(
            pdu.octets("short_message"),
            pdu.number("esm_class"),
            pdu.number("data_coding"),
            pdu.tlvs,
            self.provider.receipt_format,
        )
        if parked.receipt is None:
            self._inbound(parked)
            self._journal.safe(safe)
        else:
            if parked.number is None:
                self._meter.receipt(self.provider.name, parked.receipt.stat or "unparsed")
            self._look_for(parked, parked.receipt, safe)

    # --- receipts

    def _look_for(self, parked: "_Parked", receipt: Receipt, safe: Callable[[], None]) -> None:
        forms = self.provider.message_id
        keys = receipt.keys(forms.submit, forms.receipt)

        def found(match: tuple[Message, Part] | None) -> None:
            if match is not None:
                self._apply(match[0], match[1], receipt, parked.pdu)
                self._unpark(parked)
            elif keys and len(self._parked) < PARKED_MAX and self._may_be_early(parked):
                self._park(parked)
                self._parked[parked] = tuple(keys)
                for key in keys:
                    self._claims.setdefault(key, []).append(parked)
            else:
                self._unmatched(parked, receipt)
            self._journal.safe(safe)

        self._journal.match(self._groups, keys, found)

    def _may_be_early(self, parked: "_Parked") -> bool:
        """Whether a message to either address is at the provider without its submit_sm_resp (quirks Q12, Q21)."""
        pdu = parked.pdu
        return self._in_flight_to(pdu.text("source_addr")) or self._in_flight_to(pdu.text("destination_addr"))

    def _park(self, parked: "_Parked") -> None:
        if parked.number is None:
            parked.number = self._journal.park(self.provider.name, parked.pdu.frame)

    def _unpark(self, parked: "_Parked") -> None:
        if parked.number is not None:
            self._journal.unpark(parked.number)
            parked.number = None

    def settled(self, message: Message, part: Part, keys: tuple[str, ...]) -> None:
        """A submit_sm_resp has named its id (`keys`, none if it did not): a receipt may be waiting for it."""
        for key in keys:
            for parked in tuple(self._claims.get(key, ())):
                self._let_go(parked)
                assert parked.receipt is not None
                self._apply(message, part, parked.receipt, parked.pdu)
                self._unpark(parked)
        if message.status == SENT:
            if self.provider.receipt_wait is not None:
                self._journal.await_receipt(message, time.time() + self.provider.receipt_wait)
            self.conclude(message)

    def _let_go(self, parked: "_Parked") -> None:
        for key in self._parked.pop(parked):
            self._claims[key].remove(parked)
            if not self._claims[key]:
                del self._claims[key]

    def _apply(self, message: Message, part: Part, receipt: Receipt, pdu: Pdu) -> None:
        """A receipt of a part of ours: statuses only move forward."""
        if self.wire is not None:
            self.wire.about(message, part, IN, pdu.frame)
        shown = receipt.as_json()
        ended = part.status in ("delivered", "undelivered", "expired") or message.status in FINAL - {"uncertain"}
        if not ended:
            part.receipt = shown
            if receipt.outcome is not Outcome.INTERMEDIATE:
                part.status = str(receipt.outcome)
        facts = {} if ended else {"status": part.status, "receipt": shown}
        self._journal.note(message, RECEIPT, part, **facts or {"late": shown})
        # While other segments are on their way, their end looks at the receipts.
        if not ended and receipt.outcome is not Outcome.INTERMEDIATE and message.status is not None:
            self.conclude(message)

    def conclude(self, message: Message) -> None:
        """Ends a message whose receipts say enough."""
        ending = message.receipt_verdict()
        if ending is None or message.status in FINAL - {"uncertain"}:
            return
        if message.status == UNCERTAIN and message.result is not None:
            message.corrects = message.corrects or message.result.message_id
        if message.sent_at is not None:
            self._meter.delivered_after(self.provider.name, time.time() - message.sent_at)
        self._reporter.report(message, ending)
        if self._awaits:
            self._journal.await_receipt(message, None)

    def _overdue(self, messages: list[Message]) -> None:
        wait = self.provider.receipt_wait
        if wait is None:  # since the question was asked
            return
        for message in messages:
            self._journal.await_receipt(message, None)
            if message.status == SENT:
                detail = f"no final receipt came within receipt_wait ({wait:g} s)"
                self._reporter.report(message, Ending("unconfirmed", "no-receipt", detail))

    def _unmatched(self, parked: "_Parked", receipt: Receipt) -> None:
        pdu = parked.pdu
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
        self._publish(entry)
        self._unpark(parked)
        log.warning("unmatched_receipt", provider=self.provider.name, ids=receipt.ids, stat=receipt.stat)

    # --- messages from handsets

    def _inbound(self, parked: "_Parked") -> None:
        fragment = read(parked.pdu, self._charsets)
        whole = self._assembler.add(self.provider.name, fragment, parked, parked.since)
        if whole is None or parked not in whole.tokens:
            self._park(parked)
        if whole is not None:
            self._pass_on(whole)

    def _pass_on(self, whole: Whole) -> None:
        self._meter.inbound(self.provider.name)
        self._publish(publication(whole, self.provider.name, self._prefix, time.time()))
        for parked in whole.tokens:
            self._unpark(parked)

    # --- time

    def sweep(self) -> None:
        """Called about once a second: parked receipts that nobody claimed, parts that stay alone, answers overdue."""
        now = self._loop.time()
        while self._parked and now >= (parked := next(iter(self._parked))).since + PARK:
            self._let_go(parked)
            assert parked.receipt is not None
            self._unmatched(parked, parked.receipt)
        if self.provider.receipt_wait is not None and self._journal.trouble is None:
            self._journal.overdue(self.provider.name, self._overdue)
        for whole in self._assembler.expired(now):
            self._pass_on(whole)
        patience = UNSAFE_MAX if self._journal.trouble is None else 0.0
        while self._unsafe and (self._unsafe[0][1].done or now >= self._unsafe[0][0] + patience):
            self._unsafe.popleft()[1](self.provider.deliver_fail_status)


class _Parked:
    """A PDU that can't be dealt with yet. `number` is the journal's, once it is kept there."""

    __slots__ = ("number", "pdu", "receipt", "since")

    def __init__(self, pdu: Pdu, since: float, number: int | None = None) -> None:
        self.pdu = pdu
        self.since = since
        self.number = number
        self.receipt: Receipt | None = None


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
