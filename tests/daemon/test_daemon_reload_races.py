"""Reloads that meet something else: a stop, a broker that goes away, a pause, receipts and waits of who has left."""

from rig.daemon import provider
from rig.patience import eventually
from rig.reload import reload
from rig.stage import Stage


def test_who_has_left_still_tells_of_receipts_that_never_came_and_of_messages_that_stay_incomplete(
    stage: Stage,
) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    settings = {"receipts": True, "receipt_wait": "2s", "parts_wait": "2s"}
    daemon = stage.bound(simulator, **settings)
    crm = stage.crm
    id = crm.send()
    crm.result(id, "sent")
    simulator.inbound("x" * 200, order=[1])
    eventually(lambda: simulator.deliveries())
    reload(stage, daemon, {"p": provider(simulator.port, active=False, **settings)})
    crm.event("unbound")
    assert crm.final(id)["status"] == "unconfirmed"
    crm.until(lambda: crm.inbound)
    assert crm.inbound[0]["incomplete"] is True


def test_a_stop_while_a_provider_drains_for_its_rebind_awaits_its_window_and_ends_in_good_order(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.5)
    daemon = stage.bound(simulator)
    crm = stage.crm
    ids = crm.send_many(5)
    simulator.sent(5)
    reload(stage, daemon, {"p": provider(simulator.port, system_id="other")})
    assert daemon.term() == 0
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert [event["event"] for event in simulator.history()] == ["connected", "bound", "unbound", "closed"]


def test_a_broker_that_is_lost_while_a_provider_drains_costs_no_message(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0)
    way = stage.forward()
    way.open()
    daemon = stage.daemon({"p": provider(simulator.port, window=5)}, url=way.url)
    daemon.bound()
    crm = stage.crm
    ids = crm.send_many(12)
    simulator.sent(5)
    reload(stage, daemon, {"p": provider(simulator.port, window=5, system_id="other")}, url=way.url)
    way.close()
    eventually(lambda: len(simulator.history("bound")) == 2)
    way.open()
    assert {(result["status"], result["possible_duplicate"]) for result in crm.finals(ids)} == {("sent", False)}
    assert sorted(simulator.texts()) == sorted(f"message {id[1:]}" for id in ids)


def test_a_paused_provider_that_is_removed_and_added_again_is_still_paused_and_keeps_its_messages(
    stage: Stage,
) -> None:
    simulator, other = stage.simulator(), stage.simulator()
    providers = {"p": provider(simulator.port), "q": provider(other.port)}
    daemon = stage.daemon(providers)
    daemon.bound()
    crm = stage.crm
    crm.command("pause")
    id = crm.send()
    reload(stage, daemon, {"q": providers["q"]})
    crm.event("unbound")
    reload(stage, daemon, providers)
    crm.event("bound", after=2)
    assert daemon.status()["providers"]["p"]["paused"] is True
    assert (crm.waiting(), simulator.count()) == (1, 0)
    crm.command("resume")
    assert crm.final(id)["status"] == "sent"


def test_what_waits_to_be_tried_again_goes_back_to_its_queue_and_is_tried_once_the_provider_is_active(
    stage: Stage,
) -> None:
    simulator = stage.simulator(errors=[{"status": "0x14", "probability": 1.0}])
    retries = {"delays": ["5s"]}
    daemon = stage.bound(simulator, retries=retries)
    crm = stage.crm
    ids = crm.send_many(3)
    simulator.sent(3)
    reload(stage, daemon, {"p": provider(simulator.port, retries=retries, active=False)})
    crm.until(lambda: crm.waiting() == 3)
    simulator.obey(errors=[])
    reload(stage, daemon, {"p": provider(simulator.port, retries=retries)})
    finals = crm.finals(ids)
    assert {(result["status"], result["attempts"]) for result in finals} == {("sent", 2)}
    assert simulator.count() == 6


def test_a_message_whose_answer_never_comes_is_uncertain_once_its_provider_has_left(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{"probability": 1.0}])
    settings = {"submit_timeout": "2s"}
    daemon = stage.bound(simulator, **settings)
    crm = stage.crm
    report, resend = crm.send(), crm.send(on_uncertain="resend")
    simulator.sent(2)
    reload(stage, daemon, {})
    assert crm.final(report)["status"] == "uncertain"
    crm.until(lambda: crm.waiting() == 1)
    simulator.obey(no_answer=[])
    reload(stage, daemon, {"p": provider(simulator.port, **settings)})
    final = crm.final(resend)
    assert (final["status"], final["possible_duplicate"]) == ("sent", True)
    assert simulator.count() == 3
