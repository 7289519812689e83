"""Fault 8: what a provider can't send is not kept from the broker for half an hour."""

import asyncio

import pytest
from world import eventually, in_a_loop, world

from smsd.core.publication import Confirm
from smsd.flow import holding as module


@in_a_loop
async def test_fault_08_what_waits_for_credit_goes_back_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world({"errors": [{"status": "0x40B"}]}) as w:
        first, second = (w.come(w.request()) for _ in range(2))
        await eventually(lambda: w.holding.lane.resting_until)
        await w.settle()
        w.holding.sweep()
        assert (first.given_back, second.given_back) == (0, 0)
        monkeypatch.setattr(module, "UNACKED", 0.0)
        await asyncio.sleep(0.01)
        w.holding.sweep()
        assert (first.given_back, second.given_back) == (1, 1)
        assert w.holding.lane.waiting() == []
        assert (await w.known()).message.held  # it was tried: that stays known


@in_a_loop
async def test_fault_08_a_pause_while_the_outbox_is_full_gives_back() -> None:
    async with world(max_rate=1) as w:
        waiting = [w.come(w.request()) for _ in range(20)]
        await eventually(lambda: len(w.holding.lane.waiting()) >= 15)
        w.outbox._full = True
        w.holding.update()
        w.holding.pause("by a test")
        w.holding.sweep()
        await eventually(lambda: sum(delivery.given_back for delivery in waiting) >= 15)


@in_a_loop
async def test_fault_08_a_hold_that_was_refused_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as w:
        request = w.come(w.request(send_after="2100-01-01T00:00:00Z"))
        await eventually(lambda: w.broker.forwarded)
        w.broker.forwarded.pop()[3](Confirm.REFUSED)
        monkeypatch.setattr(module, "UNACKED", 0.0)
        await asyncio.sleep(0.01)
        w.holding.sweep()
        await eventually(lambda: request.given_back)
        w.come(w.request(id="m1", send_after="2100-01-01T00:00:00Z"))
        await eventually(lambda: w.broker.forwarded)


@in_a_loop
async def test_fault_08_a_slow_rate_prefetches_no_window_that_it_can_not_fill() -> None:
    async with world(max_rate=1, window=10_000, submit_timeout="60s") as w:
        assert w.broker.prefetch["p"] == 100
