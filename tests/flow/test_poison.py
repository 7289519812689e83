"""What no schema forbids and no text can hold: it costs at most its own request, never the lane or the journal."""

import asyncio
import datetime
import json
from typing import Any

import pytest
from world import Delivery, eventually, in_a_loop, world

from smsd.flow.control import Control

STRANGE = [(b"\xff", {}), (b"\xff", {"max_rate": 1000}), (5, {}), (datetime.datetime(2026, 1, 1), {}), ({"a": 1}, {})]


@pytest.mark.parametrize(("value", "settings"), STRANGE, ids=repr)
def test_a_traceparent_that_is_no_text_costs_nobody_anything(value: Any, settings: dict[str, Any]) -> None:
    """AMQP headers have types: a string that is no UTF-8 comes as octets."""

    @in_a_loop
    async def scene() -> None:
        async with world(**settings) as w:
            strange = w.come(w.request(headers={"traceparent": value}))
            usual = [w.come(w.request()) for _ in range(3)]
            await eventually(lambda: len(w.results()) == 4)
            w.broker.confirm()
            assert [delivery.acks for delivery in (strange, *usual)] == [1] * 4
            assert w.buried == []
            assert w.holding.lane._intended == 0

    scene()


@pytest.mark.parametrize("name", ["campaign", "id"])
def test_a_command_about_a_name_that_is_no_unicode_does_not_stop_the_journal(name: str) -> None:
    @in_a_loop
    async def scene() -> None:
        async with world() as w:
            control = Control(w.broker, w.journal, {"p": w.holding}, w.stopped, w.reporter, dict, lambda _: False)
            body = json.dumps({"command": "cancel", name: "\ud800", "control_id": "c"})
            control.arrived(Delivery(body.encode(), key="p", reply_to="q"))
            w.come(w.request())
            await eventually(lambda: w.results() or w.damage)
            assert w.damage == []
            for task in control._tasks:
                task.cancel()
            await asyncio.gather(*control._tasks, return_exceptions=True)

    scene()
