"""A message's head and steps are the message: read back after any life, it is what it was."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rig.messages import message, request

from smsd.core.contract import dumps
from smsd.core.life import (
    ANSWER,
    HELD,
    INTENT,
    LATE_ANSWER,
    RECEIPT,
    RESULT,
    UNANSWERED,
    UNWRITTEN,
    Step,
    facts_of,
    facts_of_whole,
    head,
    revive,
)
from smsd.core.message import IN_FLIGHT, REJECTED, SENT, UNCERTAIN, WAITING, Ending, Message, Part
from smsd.core.publication import Publication

KNOWN = (
    "id", "provider", "priority", "fingerprint", "received_at", "recipient", "sender", "encoding", "segments",
    "receipt_asked", "resend", "correlation_id", "reply_to", "traceparent", "reference",
)  # fmt: skip
"""What a head keeps."""

LIVED = (
    "in_flight", "refusals", "last_status", "ending", "status", "result", "possible_duplicate", "corrects", "sent_at",
    "done_at", "touched", "segments_sent", "host",
)  # fmt: skip
"""What steps make of it, in every state of a life."""


class Life:
    """A message that lives, with its steps noted as the flow notes them; the clock goes on by a second each time."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.head = head(message)
        self.steps: list[Step] = []
        self.at = 1_800_000_000.0

    def _note(self, kind: str, part: Part | None = None, **facts: Any) -> None:
        self.at += 1
        written = dumps(facts).decode() if facts else ""
        self.steps.append(Step(self.at, kind, part.n if part is not None else 0, written))

    def read_back(self) -> Message:
        message = self.message
        return revive(message.id, message.fingerprint, self.head, self.steps, message.result)

    # --- what can happen, each with whether it can now

    def intend(self, which: int) -> None:
        message = self.message
        if message.todo and message.ending is None:
            part = message.todo.pop(0)
            part.status, part.host = IN_FLIGHT, f"h{which % 2}:2775"
            message.in_flight += 1
            self._note(INTENT, part, **({} if part.host == message.host else {"host": part.host}))

    def _flying(self, which: int) -> Part | None:
        flying = [part for part in self.message.parts if part.status == IN_FLIGHT]
        return flying[which % len(flying)] if flying else None

    def take_back(self, which: int) -> None:
        if (part := self._flying(which)) is not None:
            self._back(part)
            self._note(UNWRITTEN, part)

    def _back(self, part: Part) -> None:
        message = self.message
        message.in_flight -= 1
        if message.ending is None:
            message.wait_again(part)
        else:
            part.status = WAITING

    def accept(self, which: int) -> None:
        if (part := self._flying(which)) is not None:
            self._handed_over(part)
            part.smpp_status = 0
            self.message.in_flight -= 1
            self._accepted(part)

    def _handed_over(self, part: Part) -> None:
        part.attempts += 1
        part.tlvs = {"0x1422": f"{part.attempts:02d}"} if part.attempts % 2 else None
        self.message.host = self.message.host or part.host

    def _accepted(self, part: Part) -> None:
        part.status, part.smsc_id = SENT, f"id{part.n}"
        self._note(ANSWER, part, **facts_of(part))
        self.message.sent_at = self.message.sent_at or self.at

    def refuse(self, which: int) -> None:
        if (part := self._flying(which)) is not None:
            message = self.message
            message.in_flight -= 1
            self._handed_over(part)
            part.smpp_status, part.status = 0x0B, REJECTED
            message.end(Ending("rejected", "refused-by-provider", f"segment {part.n}", True, 0x0B))
            self._note(ANSWER, part, **facts_of(part), **facts_of_whole(message, self._age()))

    def refuse_for_now(self, which: int) -> None:
        if (part := self._flying(which)) is not None:
            message = self.message
            self._handed_over(part)
            part.smpp_status = message.last_status = 0x58
            self._back(part)
            message.first_refused_at = message.first_refused_at or self.at
            message.refusals += 1
            self._note(ANSWER, part, **facts_of(part), **facts_of_whole(message, self._age()))

    def lose(self, which: int) -> None:
        if (part := self._flying(which)) is not None:
            message = self.message
            tlvs = part.tlvs
            self._handed_over(part)
            part.tlvs = tlvs
            if message.resend and message.ending is None:
                message.possible_duplicate = True
                self._back(part)
                message.first_refused_at = message.first_refused_at or self.at
            else:
                message.in_flight -= 1
                message.doubt(part, "no-response", "no answer")
            facts = facts_of(part) | facts_of_whole(message, self._age())
            self._note(UNANSWERED, part, **facts, detail="no answer")

    def answer_late(self, which: int) -> None:
        waiting = [part for part in self.message.todo if part.attempts]
        if waiting:
            part = waiting[which % len(waiting)]
            self.message.todo.remove(part)
            part.smpp_status = 0
            self._accepted(part)

    def refuse_late(self, which: int) -> None:
        message = self.message
        doubted = [part for part in message.parts if part.status == UNCERTAIN]
        if doubted and message.status == UNCERTAIN and message.corrects is None:
            part = doubted[which % len(doubted)]
            part.status, part.smpp_status = REJECTED, 0x0B
            self._note(LATE_ANSWER, part, **facts_of(part), **facts_of_whole(message, self._age()))
            assert message.result is not None
            message.corrects = message.result.message_id
            self._report(Ending("rejected", "refused-by-provider"))

    def receive(self, which: int) -> None:
        accepted = [part for part in self.message.parts if part.accepted]
        if accepted:
            part = accepted[which % len(accepted)]
            ended = part.status != SENT
            shown = {"stat": "DELIVRD", "n": len(self.steps)}
            also = [other for other in accepted if other is not part and other.status == SENT][: which % 2]
            if not ended:
                for each in (part, *also):
                    each.receipt, each.status = shown, ("delivered", "undelivered", SENT)[which % 3]
            facts: dict[str, Any] = {"late": shown} if ended else {"status": part.status, "receipt": shown}
            if also and not ended:
                facts["also"] = [each.n for each in also]
            self._note(RECEIPT, part, **facts)

    def conclude(self, _: int) -> None:
        message = self.message
        ending = message.conclusion() if message.status is None else None
        if ending is not None:
            self._report(ending)

    def _report(self, ending: Ending) -> None:
        message = self.message
        final = ending.status != SENT or not message.receipt_asked
        message.status = ending.status
        message.result = Publication("x", "k", b"", f"r{len(self.steps)}", "t", order=message.id)
        corrects = {"corrects": message.corrects} if message.corrects else {}
        self._note(RESULT, status=ending.status, final=final, result_id=message.result.message_id, **corrects)
        if final:
            message.done_at = self.at

    def hold(self, which: int) -> None:
        message = self.message
        if message.touched and not message.in_flight and message.ending is None:
            message.due = float(which)
            self._note(HELD, due=message.due)

    def _age(self) -> float | None:
        first = self.message.first_refused_at
        return None if first is None else self.at - first


EVENTS = st.sampled_from(
    [Life.intend, Life.intend, Life.intend, Life.take_back, Life.accept, Life.accept, Life.refuse, Life.refuse_for_now,
     Life.lose, Life.answer_late, Life.refuse_late, Life.receive, Life.conclude, Life.conclude, Life.hold]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4), st.booleans(), st.booleans(), st.lists(st.tuples(EVENTS, st.integers(0, 11)), max_size=30))
def test_a_message_read_back_is_what_it_was(parts: int, resend: bool, receipt: bool, events: list[Any]) -> None:
    life = Life(message(*[WAITING] * parts, resend=resend, receipt_asked=receipt))
    for happen, which in events:
        happen(life, which)
        lived, read = life.message, life.read_back()
        for name in (*KNOWN, *LIVED):
            assert getattr(read, name) == getattr(lived, name), name
        shown = [(facts_of(part), part.receipt, part.n, part.cost, part.host) for part in lived.parts]
        assert [(facts_of(part), part.receipt, part.n, part.cost, part.host) for part in read.parts] == shown
        assert read.hosts() == lived.hosts()
        assert [part.n for part in read.todo] == [part.n for part in lived.todo]
        assert read.conclusion() == lived.conclusion()
        for one_for_all in (False, True):
            assert read.receipt_verdict(one_for_all) == lived.receipt_verdict(one_for_all)
        assert read.due == lived.due
        assert (read.first_refused_at is None) == (lived.first_refused_at is None)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_head_keeps_what_the_request_said(data: st.DataObject) -> None:
    callback = data.draw(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), st.lists))
    asked = request(
        id=data.draw(st.text(min_size=1, max_size=9)),
        campaign=data.draw(st.none() | st.text(max_size=9)),
        callback=callback,
        expires_at=data.draw(st.none() | st.just("2099-01-01T00:00:00.5+03:00")),
    )
    made = message(
        asked=asked,
        cost=data.draw(st.integers(1, 9)),
        priority=data.draw(st.integers(0, 2)),
        correlation_id=data.draw(st.none() | st.text(max_size=9)),
        reply_to=tuple(data.draw(st.lists(st.text(min_size=1, max_size=5), max_size=2))),
        traceparent=data.draw(st.none() | st.text(max_size=5)),
        reference=data.draw(st.none() | st.integers(0, 0xFFFF)),
    )
    read = revive(made.id, made.fingerprint, head(made), [], None)
    for name in KNOWN:
        assert getattr(read, name) == getattr(made, name), name
    for name in ("id", "to", "campaign", "callback", "expires_at"):
        assert getattr(read.request, name) == getattr(asked, name)
    assert [(part.n, part.cost, part.status, part.body) for part in read.parts] == [
        (1, made.parts[0].cost, WAITING, b"")
    ]
    assert read.held
    assert read.deliveries == []


def test_a_head_does_not_keep_the_text() -> None:
    made = message(asked=request(text="the secret code is 4711"))
    assert "4711" not in head(made)


def test_steps_of_segments_that_a_later_cut_no_longer_has_are_passed_over() -> None:
    long = Life(message(WAITING, WAITING))
    for _ in range(2):
        long.intend(0)
        long.lose(0)
    short = message(WAITING)
    read = revive(short.id, short.fingerprint, head(short), long.steps, None)
    assert len(read.parts) == 1


def test_what_a_callback_holds_that_is_no_unicode_is_kept() -> None:
    made = message(asked=request(callback={"name": "\ud800"}))
    assert revive(made.id, made.fingerprint, head(made), [], None).request.callback == {"name": "\ud800"}
