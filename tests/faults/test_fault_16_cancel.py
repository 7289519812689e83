"""Fault 16: `cancel` tells the truth, whatever state the provider is in."""

import itertools
from typing import Any

import pytest
from rig import rabbit
from rig.daemon import provider
from rig.stage import Stage
from world import in_a_loop, settle, world

from smsd.flow import stopped as module
from smsd.flow.stopped import ALL, Stopped, TooMany

QUIET = {"from": "00:00", "to": "23:59", "timezone": "UTC", "applies_to": ["urgent", "normal", "bulk"]}


def cancelled(stage: Stage, answer: dict[str, Any], campaign: list[str], others: list[str], queue: str) -> None:
    """The answer, the results and the queue say the same."""
    assert (answer["ok"], answer["done"]) == (True, True)
    assert answer["cancelled_waiting"] == len(campaign)
    assert {result["status"] for result in stage.crm.finals(campaign, 5)} == {"cancelled"}
    assert not any(stage.crm.results[id] for id in others)
    assert stage.crm.waiting(queue) == len(others)


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_fault_16_a_paused_campaign_is_cancelled_at_the_broker(broker_url: str, tmp_path: Any, queue_type: str) -> None:
    stage = Stage(broker_url, rabbit.unique_prefix(), tmp_path, queue_type)
    try:
        simulator = stage.simulator()
        stage.bound(simulator)
        crm = stage.crm
        crm.command("pause")
        campaign = list(itertools.chain(*(crm.send_many(700, key, campaign="c") for key in ("p.bulk", "p.urgent"))))
        others = crm.send_many(600, "p.bulk", campaign="other")
        cancelled(stage, crm.command("cancel", campaign="c", timeout=40), campaign, others, "p")
        assert simulator.count() == 0
        crm.command("resume")
        assert {result["status"] for result in crm.finals(others)} == {"sent"}
        assert simulator.count() == len(others)
    finally:
        stage.close()


def test_fault_16_a_closed_providers_campaign_is_cancelled_too(stage: Stage) -> None:
    daemon = stage.daemon({"p": provider(1)})
    daemon.ready()
    campaign, others = stage.crm.send_many(30, campaign="c"), stage.crm.send_many(5)
    stage.crm.until(lambda: "closed" in daemon.status()["providers"]["p"]["detail"])
    answer = stage.crm.command("cancel", campaign="c", timeout=40)
    assert (answer["done"], answer["cancelled_waiting"]) == (True, 30)
    assert {result["status"] for result in stage.crm.finals(campaign)} == {"cancelled"}
    assert not any(stage.crm.results[id] for id in others)


def test_fault_16_in_quiet_hours_a_campaign_is_cancelled_too(stage: Stage) -> None:
    stage.bound(stage.simulator(), quiet_hours=QUIET)
    campaign, others = stage.crm.send_many(30, campaign="c"), stage.crm.send_many(5)
    cancelled(stage, stage.crm.command("cancel", campaign="c", timeout=40), campaign, others, "p")


def test_fault_16_behind_other_messages_a_campaign_is_cancelled_at_once(stage: Stage) -> None:
    stage.bound(stage.simulator(), max_rate=5)
    crm = stage.crm
    others, campaign = crm.send_many(300), crm.send_many(50, campaign="c")
    answer = crm.command("cancel", campaign="c", timeout=40)
    assert (answer["done"], answer["cancelled_waiting"]) == (True, 50)
    assert {result["status"] for result in crm.finals(campaign, 5)} == {"cancelled"}
    assert sum(bool(crm.results[id]) for id in others) < len(others)


def test_fault_16_the_same_cancel_twice_at_once_is_answered_twice(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    crm.command("pause")
    crm.send_many(200, campaign="c")
    rabbit.publish(
        crm._open(), f"{stage.prefix}.control", "p", {"command": "cancel", "campaign": "c", "control_id": "first"},
        reply_to=crm._replies,
    )  # fmt: skip
    second = crm.command("cancel", campaign="c", timeout=40)
    first = crm.until(lambda: crm._answers.get("first"))
    assert first["cancelled_waiting"] == second["cancelled_waiting"] == 200


# --- what stands


@in_a_loop
async def test_fault_16_a_cancel_to_all_is_one_entry_and_none_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    async with world(bound=False) as w:
        stopped = Stopped(w.journal)
        for campaign in ("one", "two", "three"):
            stopped.stop(ALL, "campaign", campaign)
        with pytest.raises(TooMany, match="resume"):
            stopped.stop(ALL, "campaign", "four")
        assert stopped.holds("p", "one", "m")
        stopped.resume(ALL, "campaign", "one", ["p", "q"])
        assert not stopped.holds("p", "one", "m")
        await settle(w.journal)
        assert set(w.journal.standing()) == {("all", "campaign", "two"), ("all", "campaign", "three")}


@in_a_loop
async def test_fault_16_resumed_with_one_provider_it_stays_stopped_with_others() -> None:
    async with world(bound=False) as w:
        stopped = Stopped(w.journal)
        stopped.stop(ALL, "campaign", "c")
        stopped.resume("p", "campaign", "c", ["p", "q"])
        assert [stopped.holds(name, "c", "m") for name in ("p", "q")] == [False, True]
        await settle(w.journal)
        again = Stopped(w.journal)
        again.restore(w.journal.standing())
        assert [again.holds(name, "c", "m") for name in ("p", "q")] == [False, True]
