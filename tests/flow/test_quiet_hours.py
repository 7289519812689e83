"""Quiet hours: what they apply to waits at the broker, whatever way it comes; the others go on."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from world import Delivery, eventually, in_a_loop, settle, stalled, world

LONG = "x" * 400
URGENT, NORMAL, BULK = 0, 1, 2

REAL = time.time


class Clock:
    """The wall clock, as a test sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        monkeypatch.setattr(time, "time", lambda: REAL() + self.ahead)

    def hours(self, **more: Any) -> dict[str, Any]:
        """Quiet hours from 10 to 20 minutes ahead, give or take one."""
        begin, end = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (10, 20))
        return {"from": f"{begin:%H:%M}", "to": f"{end:%H:%M}", "timezone": "UTC", **more}

    def quiet(self, w: Any) -> None:
        self.ahead = 15 * 60
        w.holding.sweep()

    def over(self, w: Any) -> None:
        self.ahead = 25 * 60
        w.holding.sweep()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def request(w: Any, priority: int, text: str = "hello", **fields: Any) -> Delivery:
    delivery: Delivery = w.request(text, **fields)
    delivery.priority = priority
    return delivery


def after(seconds: float) -> str:
    """A time of the contract, on the clock of the test."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


@in_a_loop
async def test_only_the_queues_of_quiet_priorities_are_left_alone_until_the_hours_are_over(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        assert w.broker.priorities == {"p": {URGENT, NORMAL, BULK}}
        clock.quiet(w)
        assert w.broker.priorities == {"p": {URGENT}}
        clock.over(w)
        assert w.broker.priorities == {"p": {URGENT, NORMAL, BULK}}


@in_a_loop
async def test_hours_for_all_leave_no_queue_read_and_give_everything_back(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours(applies_to=["urgent", "normal", "bulk"])) as w:
        waiting = [request(w, priority) for priority in (URGENT, NORMAL, BULK)]
        await w.wait(*waiting)
        clock.quiet(w)
        assert w.broker.priorities == {}
        assert [delivery.given_back for delivery in waiting] == [1, 1, 1]


@in_a_loop
async def test_what_waits_goes_back_to_its_queue_and_the_others_are_sent(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        urgent, normal, bulk = (request(w, priority) for priority in (URGENT, NORMAL, BULK))
        due, urgent_due = (request(w, priority, send_after=after(30)) for priority in (BULK, URGENT))
        await w.wait(urgent, normal, bulk, due, urgent_due)
        clock.quiet(w)
        assert [delivery.given_back for delivery in (urgent, normal, bulk, due, urgent_due)] == [0, 1, 1, 1, 0]
        assert w.holding.lane.turns.waiting() == {"urgent": 2, "normal": 0, "bulk": 0}
        w.broker.blocked = False
        w.holding.lane.wake()
        await eventually(lambda: len(w.results()) == 2)
        w.broker.confirm()
        assert (urgent.acks, urgent_due.acks, w.smsc.counts()["submits"]) == (1, 1, 2)


@in_a_loop
async def test_what_went_back_is_sent_once_the_hours_are_over(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        await w.wait(request(w, NORMAL))
        clock.quiet(w)
        w.broker.blocked = False
        clock.over(w)
        again = w.come(request(w, NORMAL, id="m1"))
        await eventually(w.results)
        w.broker.confirm()
        assert (again.acks, w.smsc.counts()["submits"]) == (1, 1)


@in_a_loop
async def test_a_delivery_on_its_way_when_the_hours_begin_returns_to_its_queue(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        clock.quiet(w)
        late, urgent = w.come(request(w, BULK)), w.come(request(w, URGENT))
        await eventually(w.results)
        assert (late.given_back, urgent.given_back) == (1, 0)
        assert w.holding.lane.waiting() == []
        assert w.smsc.counts()["submits"] == 1


@in_a_loop
async def test_what_was_intended_when_the_hours_begin_is_not_written(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        bulk, urgent = request(w, BULK), request(w, URGENT)
        await w.wait(bulk)
        with stalled(w.journal):
            w.broker.blocked = False
            w.holding.lane.wake()
            await eventually(lambda: w.holding.lane._intended)
            clock.quiet(w)
        await settle(w.journal)
        w.come(urgent)
        await eventually(w.results)
        assert bulk.given_back == 1
        assert w.smsc.counts()["submits"] == 1
        assert [result["id"] for result in w.results()] == ["m2"]


@in_a_loop
@pytest.mark.parametrize(("priority", "given_back"), [(URGENT, 0), (BULK, 1)])
async def test_an_intended_message_that_waits_for_room_goes_back_at_once_if_it_is_quiet(
    priority: int, given_back: int, clock: Clock
) -> None:
    async with world({"latency": 0.5}, quiet_hours=clock.hours(), window=8) as w:
        for _ in range(8):
            w.come(request(w, URGENT))
        await eventually(lambda: w.smsc.counts()["submits"] == 8)
        ninth = w.come(request(w, priority))
        await eventually(lambda: w.holding.lane._ready)
        clock.quiet(w)
        assert ninth.given_back == given_back
        await eventually(lambda: len(w.results()) == 9 - given_back)
        assert w.smsc.counts()["submits"] == 9 - given_back


@in_a_loop
async def test_a_refusal_in_quiet_hours_is_retried_when_they_are_over(clock: Clock) -> None:
    """The answer comes when the hours have begun: the message, with what is known of it, rests in its queue."""
    rules = {"errors": [{"status": "0x64", "times": 1}], "latency": 0.2}
    async with world(rules, quiet_hours=clock.hours(), errors={"0x64": "retry"}, retries={"delays": ["10ms"]}) as w:
        delivery = w.come(request(w, NORMAL))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        clock.quiet(w)
        await eventually(lambda: delivery.given_back)
        assert w.holding.lane.waiting() == []
        clock.over(w)
        again = w.come(request(w, NORMAL, id="m1"))
        await eventually(w.results)
        assert (w.results()[0]["status"], w.results()[0]["attempts"]) == ("sent", 2)
        w.broker.confirm()
        assert again.acks == 1


@in_a_loop
async def test_a_message_half_sent_when_the_hours_begin_is_finished_and_no_other_is_begun(clock: Clock) -> None:
    async with world({"latency": 0.2}, quiet_hours=clock.hours(), window=1) as w:
        delivery, other = w.come(request(w, NORMAL, LONG)), w.come(request(w, NORMAL))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        clock.quiet(w)
        assert (delivery.given_back, other.given_back) == (0, 1)
        await eventually(w.results)
        w.broker.confirm()
        assert (delivery.acks, w.smsc.counts()["submits"]) == (1, 3)


@in_a_loop
async def test_expires_at_ends_what_waited_when_it_comes_again(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        await w.wait(request(w, NORMAL, expires_at=(expiry := after(16 * 60))))
        clock.quiet(w)
        w.broker.blocked = False
        clock.over(w)
        w.come(request(w, NORMAL, id="m1", expires_at=expiry))
        await eventually(w.results)
        assert [result["status"] for result in w.results()] == ["expired"]
        assert w.smsc.counts()["submits"] == 0


@in_a_loop
async def test_what_went_back_does_not_expire_here_and_what_stayed_does(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        expiry = after(15 * 60 + 0.3)
        await w.wait(request(w, NORMAL, expires_at=expiry), request(w, URGENT, expires_at=expiry))
        clock.quiet(w)
        await eventually(lambda: not w.holding.lane.waiting())
        w.broker.blocked = False
        w.outbox.pump()
        await eventually(w.results)
        assert [(result["id"], result["status"]) for result in w.results()] == [("m2", "expired")]


@in_a_loop
async def test_hours_that_begin_while_the_broker_is_away_hold_when_it_is_back(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        w.lose_broker()
        clock.quiet(w)
        w.find_broker()
        assert w.broker.priorities == {"p": {URGENT}}
        late = w.come(request(w, NORMAL))
        await eventually(lambda: late.given_back)
        assert w.smsc.counts()["submits"] == 0


@in_a_loop
async def test_a_pause_and_its_end_leave_the_quiet_priorities_alone(clock: Clock) -> None:
    async with world(quiet_hours=clock.hours()) as w:
        clock.quiet(w)
        w.holding.pause("by a test")
        assert w.broker.priorities == {}
        w.holding.resume("by a test")
        assert w.broker.priorities == {"p": {URGENT}}


@in_a_loop
async def test_status_says_until_when_it_is_quiet_and_for_whom(clock: Clock) -> None:
    async with world(quiet_hours=(hours := clock.hours())) as w:
        before = w.holding.status()["detail"]
        clock.quiet(w)
        assert w.holding.status()["detail"] == f"{before}; quiet until {hours['to']} (normal, bulk)"
        clock.over(w)
        assert w.holding.status()["detail"] == before
