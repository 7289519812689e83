"""0x14 and 0x58 that are meant for one recipient: it waits, and nobody else does."""

from typing import Any

import pytest
from world import eventually, in_a_loop, world

from smsd.core.refusals import TRIES

BAD = "+7 900 000 99 99"


def tries(w: Any, number: str = "79000009999") -> int:
    return sum(submit["destination_addr"] == number for submit in w.smsc.record.submits())


def refusing(status: str, to: str = "9999$") -> dict[str, Any]:
    return {"errors": [{"to": to, "status": status}]}


@pytest.mark.parametrize("status", ["0x14", "0x58"])
@in_a_loop
async def test_fault_22_a_refused_number_is_tried_a_few_times_and_then_waits(status: str) -> None:
    async with world(refusing(status), max_rate=50) as w:
        w.come(w.request(to=BAD))
        for n in range(150):
            w.come(w.request(to=f"+7 900 000 1{n:03}"))
        await eventually(lambda: len(w.results()) == 150, 15)
        await eventually(lambda: tries(w) == TRIES)
        (waiting,) = w.holding.lane.waiting()
        assert waiting.refusals == 1  # it waits with retries.delays
        assert w.holding.lane.pacer.slowed is False
        assert w.holding.lane.pacer.rate == 50


@in_a_loop
async def test_fault_22_other_messages_to_a_refused_number_share_its_delay() -> None:
    async with world(refusing("0x14"), max_rate=100) as w:
        for n in range(50):
            w.come(w.request(to=BAD))
            w.come(w.request(to=f"+7 900 000 20 {n:02}"))
        await eventually(lambda: len(w.results()) == 50)
        await eventually(lambda: all(each.rests_until for each in w.holding.lane.waiting()))
        assert len(w.holding.lane.waiting()) == 50
        assert {each.last_status for each in w.holding.lane.waiting()} == {0x14}


@in_a_loop
async def test_fault_22_it_ends_failed_after_max_age_and_so_do_those_that_shared() -> None:
    retries = {"delays": ["100ms"], "max_age": "2s"}
    async with world(refusing("0x58"), max_rate=100, retries=retries) as w:
        for n in range(5):
            w.come(w.request(to=BAD))
            w.come(w.request(to=f"+7 900 000 20 {n:02}"))
        await eventually(lambda: len(w.results()) == 10, 15)
        ended = [result for result in w.results() if result["to"] == "79000009999" or result["status"] != "sent"]
        assert {(result["status"], result["reason"]) for result in ended} == {("failed", "throttled")}
        assert {result["smpp_status"]["code"] for result in ended} == {0x58}
        assert len(ended) == 5


@in_a_loop
async def test_fault_22_a_number_that_is_accepted_again_is_remembered_no_more() -> None:
    rules = {"errors": [{"to": "9999$", "status": "0x14", "times": TRIES + 1}]}
    async with world(rules, max_rate=100, retries={"delays": ["200ms"]}) as w:
        w.come(w.request(to=BAD))
        for n in range(50):
            w.come(w.request(to=f"+7 900 000 20 {n:02}"))
        await eventually(lambda: len(w.results()) == 51, 15)
        assert len(w.holding.lane.refusals) == 0
