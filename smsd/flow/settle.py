"""What an answer, a silence or a lost link means for a message.

Three outcomes, never two: answered, given up (timed out), lost. A part that may have reached the provider is never
sent again in silence (rule 3 of design.md): `on_uncertain` decides, and the result says so.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from smsd.core import message_id
from smsd.core.life import ANSWER, LATE_ANSWER, UNANSWERED, facts_of, facts_of_whole
from smsd.core.message import REJECTED, SENT, UNCERTAIN, WAITING, Ending, Message, Part
from smsd.core.smpp import status as smpp_status
from smsd.core.verdict import Verdict, explain, reason, verdict
from smsd.flow.events import Events
from smsd.flow.hold import Holds
from smsd.flow.lane import Lane
from smsd.flow.ports import Journal, Meter
from smsd.flow.report import Reporter
from smsd.settings.model import Provider

log = structlog.get_logger("smsd.settle")

MISREAD = (0x02, 0x03)
"""ESME_RINVCMDLEN and ESME_RINVCMDID."""

MISREADINGS = 5
"""So many of them in a row are a fault of the bind."""

TOO_LATE = Ending("failed", None, "the others were not handed over, since an answer came too late")

REST = 60.0
"""Seconds that a provider without credit is left alone before it is tried again, at most."""


class Settler:
    """Settles one provider's parts. `clock` gives the seconds that the provider has been bound in all."""

    def __init__(
        self,
        provider: Provider,
        lane: Lane,
        journal: Journal,
        reporter: Reporter,
        holds: Holds,
        events: Events,
        meter: Meter,
        clock: Callable[[], float],
        on_settled: Callable[[Message, Part, tuple[str, ...]], None],
        group: str,
    ) -> None:
        self.provider = provider
        self._lane = lane
        self._journal = journal
        self._reporter = reporter
        self._holds = holds
        self._events = events
        self._meter = meter
        self._clock = clock
        self._on_settled = on_settled
        self._group = group
        self._misreadings = 0
        """Answers in a row by which the SMSC could not read us."""

    def adopt(self, provider: Provider, group: str) -> None:
        """Settles by these settings from now on."""
        self.provider, self._group = provider, group

    # --- answered

    def answered(self, message: Message, part: Part, status: int, smsc_id: str, seconds: float, late: bool) -> bool:
        """A submit_sm_resp or generic_nack. True if the bind itself is at fault and has to be opened anew."""
        kind = verdict(status, self.provider.errors)
        self._meter.answered(message.provider, _OUTCOMES[kind], seconds)
        if status:
            self._meter.submit_error(message.provider, smpp_status.name(status))
        if late:
            self._answered_late(message, part, status, smsc_id, kind)
            return False
        message.in_flight -= 1
        part.smpp_status = status
        if kind is Verdict.ACCEPTED:
            keys = self._accept(message, part, smsc_id)
            self._lane.conclude(message)
            if message.receipt_asked:
                self._on_settled(message, part, keys)
            return False
        if kind is Verdict.PERMANENT:
            part.status = REJECTED
            message.end(Ending("rejected", reason(status, self.provider.errors), explain(status), True, status))
            self._note(message, ANSWER, part)
            self._lane.conclude(message)
            return self._misread(status)
        return self._refused_for_now(message, part, status, kind)

    def _misread(self, status: int) -> bool:
        """Whether the SMSC says once too often that it can't read us: then the stream, not the message, is at fault."""
        self._misreadings = self._misreadings + 1 if status in MISREAD else 0
        if self._misreadings < MISREADINGS:
            return False
        self._misreadings = 0
        return True

    def _accept(self, message: Message, part: Part, smsc_id: str) -> tuple[str, ...]:
        """Returns what its receipts may be found by."""
        self._misreadings = 0
        part.status = SENT
        part.smsc_id = smsc_id or None
        part.body = b""  # never sent again: not worth its memory while receipts are awaited
        if message.sent_at is None:
            message.sent_at = time.time()
        self._journal.note(message, ANSWER, part, **facts_of(part))
        if not smsc_id or not message.receipt_asked:
            return ()
        keys = message_id.filed(smsc_id, self.provider.message_id.submit)
        self._journal.file_under(message, part, self._group, keys)
        return keys

    def _note(self, message: Message, kind: str, part: Part, **more: str) -> None:
        """A step that did not end in acceptance, with all it may have changed."""
        first = message.first_refused_at
        age = None if first is None else self._clock() - first
        self._journal.note(message, kind, part, **facts_of(part), **facts_of_whole(message, age), **more)

    def _refused_for_now(self, message: Message, part: Part, status: int, kind: Verdict) -> bool:
        message.last_status = status
        if message.ending is not None:  # another segment has decided it already
            part.status = WAITING
            self._note(message, ANSWER, part)
            self._lane.conclude(message)
            return False
        message.wait_again(part)
        now = self._clock()
        if message.first_refused_at is None:
            message.first_refused_at = now
        retries = self.provider.retries
        if now - message.first_refused_at >= retries.max_age:
            detail = f"refused for {retries.max_age:g} s (retries.max_age): {explain(status)}"
            message.end(Ending("failed", reason(status, self.provider.errors), detail, False, status))
            self._note(message, ANSWER, part)
            self._lane.conclude(message)
        elif kind is Verdict.RETRY:
            delay = retries.delays[min(message.refusals, len(retries.delays) - 1)]
            message.refusals += 1
            message.due = time.time() + delay
            self._note(message, ANSWER, part)
            if not self._holds.hold(message, self._lane):
                self._lane.add(message)
        else:
            self._note(message, ANSWER, part)
            self._slow_down(status, kind)
            self._lane.add(message, first=True)
        return kind is Verdict.BIND_FAULT

    def _slow_down(self, status: int, kind: Verdict) -> None:
        now = asyncio.get_running_loop().time()
        lane = self._lane
        if kind is Verdict.NO_CREDIT:
            if now >= lane.resting_until:
                lane.resting_until = now + min(REST, self.provider.retries.delays[-1])
                self._events.emit("throttled", self.provider.name, detail=f"{explain(status)}; trying again in a while")
        elif kind is Verdict.THROTTLE and lane.pacer.slow_down(now):
            self._events.emit(
                "throttled", self.provider.name, detail=explain(status), smpp_status=smpp_status.as_json(status)
            )

    # --- not answered

    def timed_out(self, message: Message, part: Part) -> None:
        """submit_timeout passed: the provider may have it or not."""
        self._meter.segment(message.provider, "timeout")
        detail = f"handed to the provider, no answer within submit_timeout ({self.provider.submit_timeout:g} s)"
        self._uncertain(message, part, "no-response", detail)

    def lost(self, message: Message, part: Part, why: str) -> None:
        """The link is gone, and this part with it unanswered."""
        self._meter.segment(message.provider, "lost")
        self._uncertain(message, part, "connection-lost", f"handed to the provider, then the link was lost: {why}")

    def _uncertain(self, message: Message, part: Part, slug: str, detail: str) -> None:
        message.in_flight -= 1
        if message.resend and message.ending is None:
            message.possible_duplicate = True
            message.wait_again(part)
            now = self._clock()
            if message.first_refused_at is None:
                message.first_refused_at = now
            if now - message.first_refused_at < self.provider.retries.max_age:
                self._note(message, UNANSWERED, part, detail=detail)
                self._lane.add(message, first=True)
                return
            message.todo.clear()
        message.doubt(part, slug, detail)
        self._note(message, UNANSWERED, part, detail=detail)
        self._lane.conclude(message)

    def _answered_late(self, message: Message, part: Part, status: int, smsc_id: str, kind: Verdict) -> None:
        """The answer to a part that had been given up: once at most it corrects `uncertain`."""
        log.warning("late_answer", provider=message.provider, id=message.id, segment=part.n, status=status)
        if part.status == WAITING and kind is Verdict.ACCEPTED and part in message.todo:
            message.todo.remove(part)  # about to be sent again: not needed any more
            self._accepted_late(message, part, smsc_id)
            self._lane.conclude(message)
        elif part.status != UNCERTAIN or message.corrects is not None or message.status != "uncertain":
            return
        elif kind is Verdict.ACCEPTED:
            self._accepted_late(message, part, smsc_id)
            if all(other.status != UNCERTAIN for other in message.parts):
                self._certain_late(message)
        else:
            part.status, part.smpp_status = REJECTED, status
            self._note(message, LATE_ANSWER, part)
            message.corrects = message.result.message_id if message.result else None
            slug = reason(status, self.provider.errors)
            self._reporter.report(message, Ending("rejected", slug, explain(status), kind is Verdict.PERMANENT, status))

    def _certain_late(self, message: Message) -> None:
        """Nothing of it is in doubt any more; segments that had to wait when it was given up were never sent."""
        message.corrects = message.result.message_id if message.result else None
        if not all(part.accepted for part in message.parts):
            refused = next((part.smpp_status for part in message.parts if part.status == REJECTED), None)
            why = TOO_LATE if refused is None else Ending("failed", None, explain(refused), True, refused)
            self._reporter.report(message, message.partly_sent(why))
            return
        message.ending = None
        if not message.receipt_asked:
            self._reporter.report(message, Ending(SENT))

    def _accepted_late(self, message: Message, part: Part, smsc_id: str) -> None:
        part.smpp_status = 0
        if keys := self._accept(message, part, smsc_id):
            self._on_settled(message, part, keys)


_OUTCOMES = {
    Verdict.ACCEPTED: "accepted",
    Verdict.THROTTLE: "throttled",
    Verdict.PERMANENT: "refused",
    Verdict.RETRY: "refused",
    Verdict.BIND_FAULT: "refused",
    Verdict.NO_CREDIT: "no_credit",
}
