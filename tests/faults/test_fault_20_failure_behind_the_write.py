"""What nobody foresaw in the moment of writing costs its own message, is told, and writes nothing twice."""

from typing import Any

import pytest
from test_quiet_hours import after
from world import eventually, in_a_loop, world


def failing(times: int = 1) -> Any:
    """Fails so many times, after which it does what `real` did."""
    left = [times]

    def wrap(real: Any) -> Any:
        def act(*arguments: Any, **named: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("nobody foresaw it")
            return real(*arguments, **named)

        return act

    return wrap


@in_a_loop
async def test_fault_20_an_exception_behind_the_write_writes_nothing_twice() -> None:
    """The meter fails for a part that waited for its token, when its octets are with the link already."""
    async with world({"latency": 0.1}, window=8) as w:
        deliveries = [w.come(w.request(f"text {n}")) for n in range(20)]
        await eventually(lambda: w.holding.lane._ready)
        w.meter.submitted = failing()(w.meter.submitted)
        await eventually(lambda: len(w.results()) == 20)
        w.broker.confirm()
        texts = [submit["text"] for submit in w.smsc.record.submits()]
        assert sorted(texts) == sorted(set(texts))
        assert len(texts) == 20
        assert (w.supervisor.crashes, len(w.buried)) == (1, 1)
        assert sum(delivery.acks for delivery in deliveries) == 19
        assert (w.holding.lane._intended, w.holding.lane._promised) == (0, 0)


@in_a_loop
async def test_fault_20_an_exception_of_the_link_itself_leaves_the_counts_right() -> None:
    async with world({"latency": 0.1}, window=8) as w:
        for n in range(20):
            w.come(w.request(f"text {n}"))
        await eventually(lambda: w.holding.lane._ready)
        bind = w.holding.binds[0]
        bind.submit = failing()(bind.submit)
        await eventually(lambda: len(w.results()) == 19)
        assert (w.supervisor.crashes, len(w.buried)) == (1, 1)
        assert w.smsc.counts()["submits"] == 19
        assert (w.holding.lane._intended, w.holding.lane._promised) == (0, 0)


@pytest.mark.parametrize("where", ["flush", "room"])
@in_a_loop
async def test_fault_20_the_lane_goes_on_after_a_failure_that_is_no_messages_own(where: str) -> None:
    async with world() as w:
        bind = w.holding.binds[0]
        setattr(bind, where, failing(2)(getattr(bind, where)))
        for _ in range(5):
            w.come(w.request())

        def done() -> bool:
            w.holding.sweep()
            return len(w.results()) == 5

        await eventually(done)
        assert w.supervisor.crashes >= 1
        assert w.smsc.counts()["submits"] == 5


@in_a_loop
async def test_fault_20_an_expiry_that_fails_does_not_stop_the_lane() -> None:
    async with world() as w:
        w.broker.blocked = True
        w.come(w.request(expires_at=after(0.4)))
        w.come(w.request())
        await w.settle()
        w.reporter.report = failing()(w.reporter.report)
        await eventually(lambda: w.supervisor.crashes == 1)
        w.broker.blocked = False
        w.holding.lane.wake()
        await eventually(lambda: len(w.results()) == 1)
        assert w.results()[0]["id"] == "m2"
