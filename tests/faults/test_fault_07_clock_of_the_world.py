"""Waiting goes by the loop's clock. That of the world may be set: it strands nobody and sends nobody early."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rig.messages import message, request
from world import PREFIX, eventually, in_a_loop, world

from smsd.core import history
from smsd.core.message import WAITING
from smsd.flow.lane import world_clock

HOUR, YEAR = 3600.0, 365 * 86400.0
STEPS = [-YEAR, -HOUR, -3.0, 3.0, HOUR, YEAR]


def after(seconds: float) -> str:
    return datetime.fromtimestamp(world_clock() + seconds, UTC).isoformat()


@pytest.mark.parametrize("step", [-3.0, -1.0, 3.0])
@in_a_loop
async def test_fault_07_a_clock_set_by_seconds_strands_nobody_who_waits_for_a_token(step: float) -> None:
    async with world(max_rate=8) as w:
        soon = after(0.2)
        deliveries = [w.come(w.request(send_after=soon)) for _ in range(12)]
        await eventually(lambda: w.smsc.counts()["submits"] == 3)
        w.ahead = step
        await eventually(lambda: len(w.results()) == 12, 15)
        w.broker.confirm()
        assert [delivery.acks for delivery in deliveries] == [1] * 12


@pytest.mark.parametrize("step", STEPS)
@in_a_loop
async def test_fault_07_a_delay_takes_its_time_wherever_the_clock_is_set(step: float) -> None:
    rules = {"errors": [{"status": "0x64", "times": 1}]}
    async with world(rules, retries={"delays": ["700ms"]}) as w:
        w.come(w.request())
        await eventually(lambda: w.holding.lane.waiting() and w.smsc.counts()["submits"] == 1)
        w.ahead = step
        await eventually(w.results)
        first, second = [submit["monotonic"] for submit in w.smsc.record.submits()]
        assert second - first >= 0.7


@in_a_loop
async def test_fault_07_send_after_comes_by_the_corrected_clock() -> None:
    async with world() as w:
        w.ahead = -40.0
        w.come(w.request(send_after=after(2)))
        await w.settle()
        assert w.smsc.counts()["submits"] == 0
        w.ahead = 5.0
        await eventually(w.results)


@in_a_loop
async def test_fault_07_nothing_goes_before_send_after_when_the_clock_is_set_back() -> None:
    async with world(max_rate=1) as w:
        soon = after(0.1)
        for _ in range(2):
            w.come(w.request(send_after=soon))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        w.ahead = -30.0
        await eventually(lambda: w.holding.lane.turns.next_date() is not None)
        assert w.smsc.counts()["submits"] == 1
        w.ahead = 0.0
        await eventually(lambda: len(w.results()) == 2)


@pytest.mark.parametrize("step", STEPS)
@in_a_loop
async def test_fault_07_what_comes_out_of_a_hold_queue_waits_for_the_rest_of_its_delay(step: float) -> None:
    rules = {"errors": [{"status": "0x64", "times": 1}]}
    async with world(rules, retries={"delays": ["300s"]}) as w:
        w.come(w.request())
        ((_, (exchange, _), headers, _),) = await eventually(lambda: w.broker.forwarded)
        assert exchange == f"{PREFIX}.hold.1m"
        assert 239 < history.rest(history.read(headers)) <= 240
        copy: Any = message(WAITING, asked=request())
        copy.due, copy.rest = history.due(headers), history.rest(history.read(headers))
        copy.come_back(now=1000.0, wall=world_clock() + 60.0 + step, most=300.0)
        assert 239 < copy.rests_until - 1000.0 <= 240


@pytest.mark.parametrize(("step", "left"), [(-YEAR, 300.0), (0.0, 200.0), (YEAR, 0.0)])
def test_fault_07_a_delay_of_an_older_version_is_no_longer_than_any(step: float, left: float) -> None:
    old = message(WAITING, due=1200.0)
    old.come_back(now=50.0, wall=1000.0 + step, most=300.0)
    assert old.rests_until == 50.0 + left


def test_fault_07_send_after_is_no_delay() -> None:
    asked = request().model_copy(update={"send_after": 5000.0})
    dated = message(WAITING, asked=asked, due=5000.0)
    dated.come_back(now=50.0, wall=1000.0, most=300.0)
    assert (dated.rests_until, dated.waits(50.0, 1000.0), dated.waits(50.0, 5000.0)) == (0.0, 4000.0, 0.0)
