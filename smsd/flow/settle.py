"""What an answer, a silence or a lost link means for a message.

Three outcomes, never two: answered, given up (timed out), lost. A part that may have reached the provider is never
sent again in silence (rule 3 of design.md): `on_uncertain` decides, and the result says so.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

import structlog

from smsd.core import message_id
from smsd.core.life import ANSWER, LATE_ANSWER, UNANSWERED, facts_of, facts_of_whole
from smsd.core.message import REJECTED, RESENDS, SENT, UNCERTAIN, WAITING, Ending, Message, Part
from smsd.core.response import kept, refusal
from smsd.core.smpp import status as smpp_status
from smsd.core.smpp.events import Answered
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

FAULTS, FAULTS_ALONE = 3, 10
"""Faults of the bind with one message after which it is the message's: while others pass, and in any case."""

SILENCES = 3
"""So many submits in a row without an answer, or a window if that is more, and the provider is asked one by one."""

SILENT_MOST = 900.0
"""Seconds, at most, between two such questions."""


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
        self._loop = asyncio.get_running_loop()
        self._misreadings = 0
        """Answers in a row by which the SMSC could not read us."""
        self._passed = 0
        """Segments accepted."""
        self._faulty: WeakKeyDictionary[Message, int] = WeakKeyDictionary()
        """Messages that were taken for a fault of the bind: how many segments had passed before."""
        self._silences = 0
        """Submits in a row that were not answered, not even late."""
        self._silence_rest = 0.0
        """Seconds to leave the provider alone after the next one of them."""
        lane.postpone = self.postpone

    def adopt(self, provider: Provider, group: str) -> None:
        """Settles by these settings from now on."""
        self.provider, self._group = provider, group

    # --- answered

    def answered(self, message: Message, part: Part, answer: Answered) -> bool:
        """A submit_sm_resp or generic_nack. True if the bind itself is at fault and has to be opened anew."""
        status, smsc_id, seconds = answer.status, answer.message_id, answer.latency
        kind = verdict(status, self.provider.errors)
        self._meter.answered(message.provider, _OUTCOMES[kind], seconds)
        if status:
            self._meter.submit_error(message.provider, smpp_status.name(status))
        self._heard()
        if answer.late:
            self._answered_late(message, part, answer, kind)
            return False
        message.in_flight -= 1
        part.written = False
        part.smpp_status = status
        part.tlvs = kept(answer.pdu.tlvs) if answer.pdu.tlvs else None
        if kind is Verdict.ACCEPTED:
            keys = self._accept(message, part, smsc_id)
            self._passes(message, part, seconds)
            self._lane.conclude(message)
            if message.receipt_asked:
                self._on_settled(message, part, keys)
            return False
        if kind is Verdict.PERMANENT:
            part.status = REJECTED
            why = refusal(status, part.tlvs)
            message.end(Ending("rejected", reason(status, self.provider.errors), why, True, status))
            self._note(message, ANSWER, part)
            self._lane.conclude(message)
            return self._misread(status)
        return self._refused_for_now(message, part, status, kind, self._loop.time() - seconds)

    def _passes(self, message: Message, part: Part, seconds: float) -> None:
        """Whom it hits passes at the next try: then it was the rate that was too high."""
        self._passed += 1
        refusals, pacer, now = self._lane.refusals, self._lane.pacer, self._loop.time()
        if refusals.accepted(message.recipient, now, part.cost) and refusals.tells_of_the_rate(now, pacer.rate):
            self._slow_down(now, now - seconds, refusals.status)

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
        part.smsc_id = smsc_id if message_id.bare(smsc_id) else None
        part.body = b""  # never sent again: not worth its memory while receipts are awaited
        if message.sent_at is None:
            message.sent_at = self._lane.wall()
        self._journal.note(message, ANSWER, part, **facts_of(part))
        if part.smsc_id is None or not message.receipt_asked:
            return ()
        keys = message_id.filed(part.smsc_id, self.provider.message_id.submit)
        self._journal.file_under(message, part, self._group, keys)
        return keys

    def _note(self, message: Message, kind: str, part: Part, **more: str) -> None:
        """A step that did not end in acceptance, with all it may have changed."""
        first = message.first_refused_at
        age = None if first is None else self._clock() - first
        self._journal.note(message, kind, part, **facts_of(part), **facts_of_whole(message, age), **more)

    def _refused_for_now(self, message: Message, part: Part, status: int, kind: Verdict, sent_at: float) -> bool:
        message.last_status = status
        to_blame = kind is Verdict.THROTTLE and self._recipient_is_to_blame(message, status, sent_at)
        if message.ending is not None:  # another segment has decided it already
            part.status = WAITING
            self._note(message, ANSWER, part)
            self._lane.conclude(message)
            return False
        message.wait_again(part)
        if self._outlived(message):
            self._fail(message, part, status)
        elif kind is Verdict.BIND_FAULT:
            return self._bind_fault(message, part, status)
        elif kind is Verdict.NO_CREDIT:
            self._note(message, ANSWER, part)
            self._no_credit(status)
            self._lane.add(message, first=True)
        else:
            self._try_later(message, part, self._delay(message, kind, to_blame))
        return False

    def _outlived(self, message: Message) -> bool:
        """Whether it has been refused for retries.max_age."""
        now = self._clock()
        if message.first_refused_at is None:
            message.first_refused_at = now
        return now - message.first_refused_at >= self.provider.retries.max_age

    def _fail(self, message: Message, part: Part | None, status: int) -> None:
        refused = part or next(iter(message.todo), None)
        why = refusal(status, refused.tlvs if refused else None)
        detail = f"refused for {self.provider.retries.max_age:g} s (retries.max_age): {why}"
        message.end(Ending("failed", reason(status, self.provider.errors), detail, False, status))
        if part is not None:
            self._note(message, ANSWER, part)
        self._lane.conclude(message)

    def _delay(self, message: Message, kind: Verdict, to_blame: bool) -> float:
        """Seconds until the next try of a message that was refused for now."""
        delays, refusals, now = self.provider.retries.delays, self._lane.refusals, self._loop.time()
        if kind is Verdict.THROTTLE and not to_blame:
            refusals.try_first(message, now)
            return refusals.soon(message.recipient)
        waited = message.refusals
        if to_blame:
            waited = max(waited, refusals.waits(message.recipient))
        delay = delays[min(waited, len(delays) - 1)]
        message.refusals += 1
        if to_blame:
            refusals.put_off(message.recipient, now + delay)
        return delay

    def _try_later(self, message: Message, part: Part, delay: float) -> None:
        message.put_off(delay, self._loop.time(), self._lane.wall())
        self._note(message, ANSWER, part)
        self._rest(message)

    def _rest(self, message: Message) -> None:
        if not self._holds.hold(message, self._lane):
            self._lane.add(message)

    def postpone(self, message: Message, delay: float) -> None:
        """Its recipient is refused: it shares the delay, and retries.max_age too, without a try of its own."""
        message.last_status = message.last_status or self._lane.refusals.status
        if self._outlived(message):
            self._fail(message, None, message.last_status)
            return
        message.put_off(delay, self._loop.time(), self._lane.wall())
        self._rest(message)

    def _recipient_is_to_blame(self, message: Message, status: int, sent_at: float) -> bool:
        lane, now = self._lane, self._loop.time()
        lane.refusals.status = status
        if lane.refusals.refused(message.recipient, now):
            return True
        if lane.pacer.slowed or lane.refusals.rate_is_to_blame(now):
            self._slow_down(now, sent_at, status)
        return False

    def _slow_down(self, now: float, sent_at: float, status: int) -> None:
        pacer, refusals = self._lane.pacer, self._lane.refusals
        before = pacer.rate
        accepted = refusals.per_second(now, sent_at) if pacer.slowed else refusals.most_per_second(now)
        if pacer.slow_down(now, sent_at, accepted):
            self._events.emit(
                "throttled", self.provider.name, detail=explain(status), smpp_status=smpp_status.as_json(status)
            )
        if pacer.rate != before:
            refusals.forgive(pacer.resumes_at)

    def _no_credit(self, status: int) -> None:
        now, lane = self._loop.time(), self._lane
        if now >= lane.resting_until:
            lane.resting_until = now + min(REST, self.provider.retries.delays[-1])
            self._events.emit("throttled", self.provider.name, detail=f"{explain(status)}; trying again in a while")

    def _bind_fault(self, message: Message, part: Part, status: int) -> bool:
        """True if the bind is to be opened anew; the message waits behind others, one of which may be at fault."""
        message.faults += 1
        others = self._passed - self._faulty.setdefault(message, self._passed)
        if message.faults < (FAULTS if others else FAULTS_ALONE):
            self._note(message, ANSWER, part)
            self._lane.add(message)
            return True
        part.status = REJECTED
        others_pass = " while others pass" if others else ""
        why = refusal(status, part.tlvs)
        detail = f"the bind was opened anew {message.faults - 1} times for this message{others_pass}: {why}"
        message.end(Ending("failed", reason(status, self.provider.errors), detail, bool(others), status))
        self._note(message, ANSWER, part)
        self._lane.conclude(message)
        return not others

    # --- not answered

    def timed_out(self, message: Message, part: Part) -> str | None:
        """submit_timeout passed: the provider may have it or not. Why the bind is to be opened anew, if it is."""
        self._meter.segment(message.provider, "timeout")
        detail = f"handed to the provider, no answer within submit_timeout ({self.provider.submit_timeout:g} s)"
        why = self._unheard()
        self._uncertain(message, part, "no-response", detail)
        return why

    def _heard(self) -> None:
        """An answer, late or not, accepted or not."""
        self._silences = 0
        if self._lane.trial:
            self._lane.trial = False
            self._silence_rest = self._lane.resting_until = 0.0

    def _unheard(self) -> str | None:
        """A submit was not answered. Each further one may be an SMS of which nobody knows: they get fewer and fewer.

        First the provider is left alone for as long again, since it may be no more than slow; then one segment is
        tried, and if that is not answered, one on a new bind after each rest, which gets longer.
        """
        lane, now = self._lane, self._loop.time()
        self._silences += 1
        if lane.trial:
            self._silence_rest = min(2 * self._silence_rest or REST, SILENT_MOST)
            lane.resting_until = now + self._silence_rest
            return f"{self._silences} submits in a row were not answered: the next one goes in {self._silence_rest:g} s"
        if self._silences >= max(SILENCES, self.provider.window):
            lane.trial = True
            lane.resting_until = now + self.provider.submit_timeout
        return None

    def lost(self, message: Message, part: Part, why: str, age: float) -> None:
        """The link is gone, and this part with it unanswered; `age` from 0, the newest such part, to almost 1.

        The oldest is sent again last, and by itself: if the link died of it, the others do not go with it again.
        """
        self._meter.segment(message.provider, "lost")
        self._uncertain(message, part, "connection-lost", f"handed to the provider, then the link was lost: {why}", age)

    def _uncertain(self, message: Message, part: Part, slug: str, detail: str, age: float = 0.0) -> None:
        message.in_flight -= 1
        part.written = False
        if message.resend and message.ending is None and self._may_resend(message, part):
            part.resent += 1
            message.possible_duplicate = True
            message.wait_again(part)
            delays = self.provider.retries.delays
            delay = delays[min(part.resent, len(delays)) - 1] * (1 + age)
            message.put_off(delay, self._loop.time(), self._lane.wall())
            self._note(message, UNANSWERED, part, detail=detail)
            self._rest(message)
            return
        message.doubt(part, slug, detail)
        self._note(message, UNANSWERED, part, detail=detail)
        self._lane.conclude(message)

    def _may_resend(self, message: Message, part: Part) -> bool:
        now = self._loop.time()
        if message.doubted_since is None:
            message.doubted_since, message.doubted_at = now, self._lane.wall()
        return part.resent < RESENDS and now - message.doubted_since < self.provider.retries.max_age

    def _answered_late(self, message: Message, part: Part, answer: Answered, kind: Verdict) -> None:
        """The answer to a part that had been given up: once nothing is in doubt any more it corrects `uncertain`."""
        status = answer.status
        log.warning("late_answer", provider=message.provider, id=message.id, segment=part.n, status=status)
        if part.status == WAITING and kind is Verdict.ACCEPTED and part in message.todo:
            message.todo.remove(part)  # about to be sent again: not needed any more
            keys = self._accepted_late(message, part, answer)
            self._lane.conclude(message)
            if message.receipt_asked:
                self._on_settled(message, part, keys)
            return
        if part.status != UNCERTAIN or message.corrects is not None or message.status != UNCERTAIN:
            return
        keys = ()
        if kind is Verdict.ACCEPTED:
            keys = self._accepted_late(message, part, answer)
        else:
            part.status, part.smpp_status, part.tlvs = REJECTED, status, kept(answer.pdu.tlvs)
            self._note(message, LATE_ANSWER, part)
        if all(other.status != UNCERTAIN for other in message.parts):
            self._certain_late(message)
        if part.accepted and message.receipt_asked:
            self._on_settled(message, part, keys)

    def _certain_late(self, message: Message) -> None:
        """Nothing of it is in doubt any more; segments that had to wait when it was given up were never sent."""
        if all(part.accepted for part in message.parts):
            message.corrects = message.result.message_id if message.result else None
            message.ending = None
            if not message.receipt_asked:
                self._reporter.report(message, Ending(SENT))
            return
        message.corrects = message.result.message_id if message.result else None
        part = next((part for part in message.parts if part.status == REJECTED), None)
        if part is None or part.smpp_status is None:
            self._reporter.report(message, message.partly_sent(TOO_LATE))
            return
        status, errors = part.smpp_status, self.provider.errors
        permanent = verdict(status, errors) is Verdict.PERMANENT
        refused = Ending("rejected", reason(status, errors), refusal(status, part.tlvs), permanent, status)
        self._reporter.report(message, message.partly_sent(refused) if message.segments_sent else refused)

    def _accepted_late(self, message: Message, part: Part, answer: Answered) -> tuple[str, ...]:
        part.smpp_status, part.tlvs = 0, kept(answer.pdu.tlvs)
        self._passed += 1
        return self._accept(message, part, answer.message_id)


_OUTCOMES = {
    Verdict.ACCEPTED: "accepted",
    Verdict.THROTTLE: "throttled",
    Verdict.PERMANENT: "refused",
    Verdict.RETRY: "refused",
    Verdict.BIND_FAULT: "refused",
    Verdict.NO_CREDIT: "no_credit",
}
