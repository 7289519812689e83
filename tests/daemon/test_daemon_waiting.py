"""Messages that must wait: send_after, hold queues, pauses, cancelled campaigns."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from rig import rabbit
from rig.daemon import provider
from rig.stage import Stage


def at(seconds: float) -> str:
    """A time of the contract, that many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_send_after_holds_one_message_and_nobody_else(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    due = time.time() + 1.5
    later = stage.crm.send("later", send_after=at(1.5))
    assert stage.crm.final(stage.crm.send("now"))["status"] == "sent"
    assert stage.crm.final(later)["status"] == "sent"
    submit = simulator.submits()[-1]
    assert submit["text"] == "later"
    assert 0 <= submit["at"] - due < 0.5


def test_a_message_that_waits_longer_than_a_minute_rests_in_a_hold_queue(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    crm = stage.crm
    for seconds in (75, 700, 4000):
        crm.send(send_after=at(seconds))
    crm.until(lambda: [crm.depth(f"hold.{name}") for name in ("10s", "1m", "10m", "1h")] == [0, 1, 1, 1])
    assert daemon.term() == 0
    assert crm.waiting() == 0  # the originals are acked
    with rabbit.connect(stage.url) as connection:
        (held,) = rabbit.drain(connection, f"{stage.prefix}.hold.1m", until=1)
    assert held.key == "p.normal"
    assert held.body["id"] == "m1"


def test_a_message_back_from_a_hold_queue_is_sent_once_it_is_due(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    id = crm.send("held", "p.bulk", send_after=at(64))
    with rabbit.connect(stage.url) as connection:  # taken out and given back by hand: a test can't wait a minute
        (held,) = rabbit.drain(connection, f"{stage.prefix}.hold.1m", until=1)
    assert daemon.term() == 0  # what it knew of the message is gone: the headers must say it all
    stage.bound(simulator)
    due = time.time() + 1
    del held.body["send_after"]
    crm.publish(held.key, held.body, headers={**held.properties.headers, "x-smsd-due": repr(due)})
    assert crm.final(id)["status"] == "sent"
    assert 0 <= simulator.submits()[0]["at"] - due < 0.5
    assert held.key == "p.bulk"


def test_pause_stops_consuming_and_resume_sends_what_waited(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator, max_rate=50)
    crm = stage.crm
    ids = crm.send_many(100)
    simulator.sent(20)
    assert paused(stage) == {"provider": "p", "state": "paused"}
    time.sleep(0.2)
    count = simulator.count()
    assert daemon.status()["providers"]["p"]["paused"] is True
    assert daemon.status()["providers"]["p"]["state"] == "open"
    crm.until(lambda: crm.waiting() == 100 - count)
    assert simulator.count() == count
    resumed = crm.command("resume")
    assert (resumed["ok"], resumed["state"]) == (True, "running")
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert simulator.count() == 100
    assert [event["event"] for event in crm.events if event["event"] in ("paused", "resumed")] == ["paused", "resumed"]


def paused(stage: Stage) -> dict[str, str]:
    answer = stage.crm.command("pause")
    assert (answer["ok"], answer["control_id"]) == (True, "c101")
    return {name: answer[name] for name in ("provider", "state")}


def test_cancel_ends_what_waits_and_counts_what_was_sent(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=50)
    crm = stage.crm
    campaign = crm.send_many(1500, "p.bulk", campaign="autumn")
    other = crm.send_many(10, campaign="winter")
    simulator.sent(40)
    answer = crm.command("cancel", campaign="autumn", timeout=30)
    statuses = [result["status"] for result in crm.finals(campaign)]
    assert set(statuses) == {"sent", "cancelled"}
    assert (answer["ok"], answer["done"]) == (True, True)
    assert answer["cancelled_waiting"] == statuses.count("cancelled")
    assert answer["already_sent"] == statuses.count("sent")
    assert {result["status"] for result in crm.finals(other)} == {"sent"}
    cancelled = next(result for id in campaign for result in crm.results[id] if result["status"] == "cancelled")
    assert (cancelled["reason"], cancelled["attempts"], cancelled["campaign"]) == ("cancelled", 0, "autumn")


def test_a_cancelled_campaign_stays_so_until_it_is_resumed(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    crm.command("cancel", campaign="autumn")
    assert crm.final(crm.send(campaign="autumn"))["status"] == "cancelled"
    assert crm.final(crm.send(campaign="winter"))["status"] == "sent"
    crm.command("resume", campaign="autumn")
    assert crm.final(crm.send(campaign="autumn"))["status"] == "sent"


def test_one_message_is_cancelled_by_its_id(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    crm = stage.crm
    id, other = crm.send("one", send_after=at(1)), crm.send("other", send_after=at(1))
    crm.read(0.2)
    answer = crm.command("cancel", id=id)
    assert (answer["done"], answer["cancelled_waiting"]) == (True, 1)
    assert [result["status"] for result in crm.finals([id, other])] == ["cancelled", "sent"]


def test_a_result_says_what_it_was_cancelled_by(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    crm.command("cancel", id="one")
    crm.command("cancel", campaign="autumn")
    by_id, by_campaign = crm.final(crm.send(id="one")), crm.final(crm.send(campaign="autumn"))
    assert by_id["detail"] == "id: was cancelled before it was sent"
    assert by_campaign["detail"] == "campaign: was cancelled before it was sent"


def test_status_by_command_is_the_status_page(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    answer = stage.crm.command("status", "all")
    page = daemon.status()
    assert answer["ok"] is True
    assert answer["providers"] == page["providers"]


def test_all_means_every_provider(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.daemon({name: provider(simulator.port, system_id=name) for name in ("a", "b")})
    daemon.bound()
    assert stage.crm.command("pause", "all")["ok"] is True
    assert [each["paused"] for each in daemon.status()["providers"].values()] == [True, True]


def test_wrong_commands_are_answered_with_a_sentence(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    wrong = [
        crm.command("dance"),
        crm.command("cancel"),
        crm.command("pause", "all", provider="nobody"),
        crm.command("pause", "p", provider="q"),
    ]
    assert [answer["ok"] for answer in wrong] == [False] * 4
    assert [answer["error"].partition(":")[0] for answer in wrong] == ["command", "campaign", "provider", "provider"]


def test_waiting_messages_are_sent_in_the_order_they_are_due(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    for seconds in (0.9, 0.3, 0.6):
        stage.crm.send(f"{seconds}", send_after=at(seconds))
    submits = simulator.sent(3)
    assert [submit["text"] for submit in submits] == ["0.3", "0.6", "0.9"]
    assert all(b["at"] - a["at"] > 0.1 for a, b in pairwise(submits))
