"""What providers send us: receipts find their message, the rest are messages from handsets.

A deliver_sm is answered OK only once what came of it is in the journal (rule 4 of design.md): the receipt and the
result that it brings about, the message from the handset, or, where neither can be told yet, the PDU itself. While the
journal can't take it, the provider is told to keep it and send it again.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from smsd.core import message_id
from smsd.core.address import tail
from smsd.core.assembler import Assembler, Whole, publication
from smsd.core.contract import RECEIPT_TYPE, dumps, result_id, timestamp
from smsd.core.errors import RemoteProtocolError
from smsd.core.life import RECEIPT
from smsd.core.message import SENT, UNCERTAIN, Ending, Message, Part
from smsd.core.mobile_originated import read
from smsd.core.publication import Publication
from smsd.core.receipt import Outcome, Receipt, parse
from smsd.core.results import FINAL
from smsd.core.smpp.codec import Pdu, decode
from smsd.flow.early import Doubts, Early, Parked
from smsd.flow.ports import Journal, Meter
from smsd.flow.report import Reporter
from smsd.flow.wire import IN, Wire
from smsd.settings.model import Provider

log = structlog.get_logger("smsd.receipts")

Answer = Callable[[int], None]
"""Answers the deliver_sm with a command_status."""

UNSAFE_MAX = 20.0
"""Seconds after which a deliver_sm whose event is not safe yet is answered `deliver_fail_status`."""

UNSAFE = 10_000
"""Such deliver_sm at most; while so many wait, others are answered `deliver_fail_status` at once."""

ASSEMBLED_MAX = 10_000

STAT_SHOWN, UNEXPLAINED = 32, 100
"""Characters of a stat word that nobody knows in the log, and such words of one provider at most."""

GROUPS = 4
"""Receipt groups, the one in force and earlier ones of this run, under which messages are looked for."""


class Receipts:
    """One provider's receipts and inbound messages.

    `in_flight_to` says whether a segment is unanswered that goes to a number, of which it is given the tail.
    """

    def __init__(
        self,
        provider: Provider,
        group: str,
        journal: Journal,
        reporter: Reporter,
        meter: Meter,
        publish: Callable[[Publication], None],
        prefix: str,
        early: Early,
        in_flight_to: Callable[[str], bool],
    ) -> None:
        self._groups: list[str] = []
        self._journal = journal
        self._reporter = reporter
        self._meter = meter
        self._publish = publish
        self._prefix = prefix
        self._early = early
        self._doubts = Doubts(in_flight_to)
        self._loop = asyncio.get_running_loop()
        self._assembler = Assembler(provider.parts_wait, ASSEMBLED_MAX)
        self._unsafe: dict[_Once, float] = {}
        """Answers that wait until their event is safe, with the loop time since when."""
        self._hangs = False
        """Whether one of them has waited for too long, and nothing has become safe since."""
        self._unexplained: set[str] = set()
        """Stat words that were logged."""
        self.wire: Wire | None = None
        self._awaits = False
        """Whether messages of this run may have to get their receipt by a certain time."""
        self.adopt(provider, group)

    def adopt(self, provider: Provider, group: str) -> None:
        """Reads by these settings from now on; messages sent under an earlier receipt group are still found."""
        self.provider = provider
        self._groups = [group, *(other for other in self._groups if other != group)][:GROUPS]
        self._early.join(provider, group, self._doubts)
        self._assembler.parts_wait = provider.parts_wait
        # Of two with one data_coding the first is the plainer one: gsm7 before gsm7-tr.
        self._charsets = {encoding.data_coding: encoding.name for encoding in reversed(provider.encodings)}
        self._awaits = self._awaits or provider.receipt_wait is not None

    def arrived(self, pdu: Pdu, answer: Answer) -> None:
        """A deliver_sm or data_sm. `answer` must be called exactly once."""
        once = _Once(answer)
        if self._journal.trouble is not None or self._journal.full or self._hangs or len(self._unsafe) >= UNSAFE:
            once(self.provider.deliver_fail_status)
            return
        now = self._loop.time()
        self._unsafe[once] = now
        self._take(Parked(pdu, now), partial(self._safe, once))

    def _safe(self, once: "_Once") -> None:
        self._unsafe.pop(once, None)
        once(0)

    def restore(self, number: int, at: float, octets: bytes) -> None:
        """A PDU that an earlier run has parked at `at`, in seconds since 1970."""
        try:
            pdu = decode(octets)
        except RemoteProtocolError:  # it could be read when it came: only another version of smsd finds fault with it
            self._journal.unpark(number)
            return
        pdu.frame = octets
        self._take(Parked(pdu, self._loop.time() - max(0.0, time.time() - at), number), _nobody_waits)

    def _take(self, parked: Parked, safe: Callable[[], None]) -> None:
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
                if parked.receipt.unexplained:
                    self._ask_for_meaning(parked.receipt)
            self._look_for(parked, parked.receipt, safe)

    # --- receipts

    def _ask_for_meaning(self, receipt: Receipt) -> None:
        """A stat word that nobody knows: each is logged once."""
        word = (receipt.stat or "")[:STAT_SHOWN]
        if word not in self._unexplained and len(self._unexplained) < UNEXPLAINED:
            self._unexplained.add(word)
            detail = f"taken for `{receipt.outcome}`: say in receipt_format.stat_map what it means"
            log.warning("unknown_stat", provider=self.provider.name, stat=word, detail=detail)

    def _look_for(self, parked: Parked, receipt: Receipt, safe: Callable[[], None], last: bool = False) -> None:
        """Finds the message of a receipt, which may have to wait for its id, unless it was the `last` time."""
        forms = self.provider.message_id
        keys = receipt.keys(forms.submit, forms.receipt)

        def found(match: tuple[Message, Part] | None) -> None:
            sure = match is not None and tail(match[0].recipient) in parked.numbers and not self._ended(*match)
            if not (sure or last) and keys and self._park_early(parked, keys):
                self._park(parked)
            elif match is not None:
                self._apply(*match, receipt, parked.pdu)
                self._unpark(parked)
            else:
                self._unmatched(parked, receipt)
            self._journal.safe(safe)

        self._journal.match(self._groups, keys, found, parked.numbers)

    def _park_early(self, parked: Parked, keys: tuple[str, ...]) -> bool:
        """Whether it waits for an answer that may still come, about a number that it names.

        An SMSC that uses its ids again may mean that message, and not the older one that is known by the id.
        """
        expected = self._early.expects(self._groups, parked.numbers, self._loop.time())
        return expected and self._early.park(self.provider.name, parked, self._groups, keys)

    def _park(self, parked: Parked) -> None:
        if parked.number is None:
            parked.number = self._journal.park(self.provider.name, parked.pdu.frame)

    def _unpark(self, parked: Parked) -> None:
        if parked.number is not None:
            self._journal.unpark(parked.number)
            parked.number = None

    def given_up(self, message: Message) -> None:
        """submit_timeout passed for a segment: its receipt may come before its answer, if that comes at all."""
        self._doubts.give_up(message.recipient, self._loop.time())

    def settled(self, message: Message, part: Part, keys: tuple[str, ...]) -> None:
        """A part was accepted under an id (`keys`, none if it has none): a receipt may be waiting for it."""
        if keys and len(message.parts) > 1:
            self._share(message, part)
        for parked in self._early.claim(self._groups[0], keys, message.recipient):
            assert parked.receipt is not None
            self._apply(message, part, parked.receipt, parked.pdu)
            self._unpark(parked)
        if message.status == SENT and self.provider.receipt_wait is not None:
            self._journal.await_receipt(message, time.time() + self.provider.receipt_wait)
        if message.status in (SENT, UNCERTAIN):
            self.conclude(message)

    def _share(self, message: Message, part: Part) -> None:
        """An id that another part has too: what a receipt has said of that one it has said of this one."""
        known = next((twin for twin in self._twins(message, part) if twin.receipt is not None), None)
        if known is not None:
            part.receipt = known.receipt
            if known.settled:
                part.status = known.status
            self._journal.note(message, RECEIPT, part, status=part.status, receipt=part.receipt)

    def _twins(self, message: Message, part: Part) -> list[Part]:
        """Other parts with the id of this one: some SMSCs give one to the whole message."""
        named = [other for other in message.parts if other.accepted and other.smsc_id is not None]
        if part.smsc_id is None or len(named) < 2:
            return []
        base = self._settings_of(message).message_id.submit
        name = message_id.filed(part.smsc_id, base)
        return [other for other in named if other is not part and message_id.filed(other.smsc_id or "", base) == name]

    def _apply(self, message: Message, part: Part, receipt: Receipt, pdu: Pdu) -> None:
        """A receipt of a part of ours: statuses only move forward."""
        if self.wire is not None:
            self.wire.about(message, part, IN, pdu.frame)
        shown = receipt.as_json()
        if self._ended(message, part):
            self._journal.note(message, RECEIPT, part, late=shown)
            return
        final = receipt.outcome is not Outcome.INTERMEDIATE
        status = str(receipt.outcome) if final else part.status
        twins = [twin for twin in self._twins(message, part) if not twin.settled]
        for each in (part, *twins):
            each.receipt, each.status = shown, status
        also = {"also": [twin.n for twin in twins]} if twins else {}
        self._journal.note(message, RECEIPT, part, status=status, receipt=shown, **also)
        # While other segments are on their way, their end looks at the receipts.
        if final and message.status is not None:
            self.conclude(message)

    def _ended(self, message: Message, part: Part) -> bool:
        """Whether no receipt of the part can change anything any more."""
        if self._one_for_all(message) and any(other.settled for other in message.parts):
            return True
        return part.settled or message.status in FINAL - {UNCERTAIN}

    def _one_for_all(self, message: Message) -> bool:
        return self._settings_of(message).receipt_for == "message"

    def _settings_of(self, message: Message) -> Provider:
        """Those of the provider that it was sent by: another one of its group may get its receipt."""
        return self._early.settings(message.provider) or self.provider

    def conclude(self, message: Message) -> None:
        """Ends a message whose receipts say enough."""
        ending = message.receipt_verdict(self._one_for_all(message))
        if ending is None or message.status in FINAL - {UNCERTAIN}:
            return
        if message.status == UNCERTAIN and message.result is not None:
            message.corrects = message.corrects or message.result.message_id
        if message.sent_at is not None:
            self._meter.delivered_after(message.provider, time.time() - message.sent_at)
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
                detail = "no final receipt came within receipt_wait" + (f" ({wait:g} s)" if wait else "")
                self._reporter.report(message, Ending("unconfirmed", "no-receipt", detail))

    def _unmatched(self, parked: Parked, receipt: Receipt) -> None:
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

    def _inbound(self, parked: Parked) -> None:
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
        for parked in self._early.overdue(self.provider.name, now):
            assert parked.receipt is not None
            self._look_for(parked, parked.receipt, _nobody_waits, last=True)
        if self.provider.receipt_wait is not None and self._journal.trouble is None:
            self._journal.overdue(self.provider.name, self._overdue)
        for whole in self._assembler.expired(now):
            self._pass_on(whole)
        self._refuse_unsafe(now)

    def _refuse_unsafe(self, now: float) -> None:
        trouble = self._journal.trouble is not None
        while self._unsafe:
            once, since = next(iter(self._unsafe.items()))
            if not trouble and now < since + UNSAFE_MAX:
                return
            del self._unsafe[once]
            once(self.provider.deliver_fail_status)
            if not trouble and not self._hangs:
                self._hangs = True
                self._journal.safe(self._moves)

    def _moves(self) -> None:
        """The journal goes on: what comes may become safe in time."""
        self._hangs = False


def _nobody_waits() -> None:
    """For a PDU that was answered long ago."""


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
