"""Fault 25: requests behind a provider that takes none are told when their time has passed."""

from datetime import UTC, datetime, timedelta

import pytest
from rig.daemon import provider
from rig.stage import Stage
from world import eventually, in_a_loop, world

from smsd.flow import holding as module


def test_fault_25_read_through_what_has_expired_is_told_and_the_rest_stays(stage: Stage) -> None:
    daemon = stage.daemon({"p": provider(1)})
    daemon.ready()
    crm = stage.crm
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    dead = [crm.send(expires_at=soon) for _ in range(3)]
    alive = crm.send_many(3)
    crm.read(0.6)
    crm.command("cancel", campaign="anything", timeout=40)
    assert {result["status"] for result in crm.finals(dead)} == {"expired"}
    assert not any(crm.results[id] for id in alive)


@in_a_loop
async def test_fault_25_queues_that_nobody_reads_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNREAD", 0.0)
    monkeypatch.setattr(module, "LOOK_AGAIN", 0.0)
    async with world() as w:
        w.holding.sweep()
        assert w.broker.lookers == []
        w.holding.pause("by a test")
        w.holding.sweep()
        ((name, look, then),) = w.broker.lookers
        w.holding.sweep()
        assert len(w.broker.lookers) == 1  # one look at a time
        over, waits = w.request(expires_at="2020-01-01T00:00:00Z"), w.request(expires_at="2100-01-01T00:00:00Z")
        assert (name, look(over), look(waits)) == ("p", True, False)
        await eventually(w.results)
        w.broker.confirm()
        assert ([result["status"] for result in w.results()], over.acks, waits.acks) == ([], 1, 0)
        then(True)
        await eventually(lambda: w.holding.sweep() or len(w.broker.lookers) == 2)
        w.holding.resume("by a test")
        then(True)
        w.holding.sweep()
        assert len(w.broker.lookers) == 2


@in_a_loop
async def test_fault_25_what_expired_while_it_rested_ends_when_it_comes_back() -> None:
    async with world({"errors": [{"status": "0x45"}]}, retries={"delays": ["50s"]}) as w:
        w.come(w.request(expires_at="2100-01-01T00:00:00Z"))
        await eventually(lambda: w.holding.lane.waiting() and w.smsc.counts()["submits"])
        w.holding.pause("by a test")
        again = w.request(id="m1", expires_at="2020-01-01T00:00:00Z")
        assert w.intake.look(again)
        await eventually(w.results)
        assert [result["status"] for result in w.results()] == ["expired"]
