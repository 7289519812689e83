"""Fault 11: what is only in the file stayed in memory, as the acks that nobody waited for, each with its message."""

import gc

import pytest
from world import eventually, in_a_loop, world

from smsd.core.message import Message
from smsd.flow import outbox as module
from smsd.links.journal import journal
from smsd.simulator.orders import ReceiptOrder

RECEIPTS, RECENT, IN_MEMORY = 60, 5, 12


def messages() -> int:
    """How many there are in this process."""
    gc.collect()
    return sum(type(each) is Message for each in gc.get_objects())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", IN_MEMORY)
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(journal, "RECENT", RECENT)


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_fault_11_receipts_without_a_broker_cost_disk_not_memory() -> None:
    async with world({"receipts": {"stat": None}}, receipts=True) as w:
        deliveries = [w.come(w.request()) for _ in range(RECEIPTS)]
        await eventually(lambda: w.broker.confirm() or all(each.acks for each in deliveries))
        await w.settle()
        w.lose_broker()
        for submit in w.smsc.record.submits():
            w.smsc.receipt(ReceiptOrder(message_id=submit["message_id"]))
        await eventually(lambda: len(w.outbox) == RECEIPTS)
        await w.settle()
        assert messages() <= RECENT + IN_MEMORY
        w.find_broker()
        told: list[str] = []
        while len(w.outbox):
            await w.settle()
            told += [result["id"] for result in w.results()]
            w.broker.confirm()
        assert sorted(told) == sorted(f"m{n}" for n in range(1, RECEIPTS + 1))
