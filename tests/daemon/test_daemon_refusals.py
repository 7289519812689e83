"""Providers that say no, for now: throttling, retries, faults of the bind."""

from itertools import pairwise

from rig.daemon import provider
from rig.record import times
from rig.stage import Stage


def test_a_throttled_message_goes_behind_the_others_and_is_sent(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"text": "message 1$", "status": "0x58", "times": 2}])
    stage.bound(simulator, window=1, max_rate=100)
    finals = stage.crm.finals(stage.crm.send_many(5))
    assert {result["status"] for result in finals} == {"sent"}
    assert sorted(simulator.texts()) == sorted(["message 1"] * 3 + [f"message {n}" for n in range(2, 6)])
    assert simulator.texts()[-1] == "message 1"
    assert (finals[0]["attempts"], finals[1]["attempts"]) == (3, 1)
    assert finals[0]["possible_duplicate"] is False


def test_throttling_slows_the_rate_down_and_is_told_once(stage: Stage) -> None:
    simulator = stage.simulator(throttle={"per_second": 20})
    daemon = stage.bound(simulator, max_rate=60, window=5)
    crm = stage.crm
    assert {result["status"] for result in crm.finals(crm.send_many(80))} == {"sent"}
    throttled = crm.event("throttled")
    assert (throttled["provider"], throttled["state"], throttled["smpp_status"]["code"]) == ("p", "open", 0x58)
    refused = [submit for submit in simulator.submits() if submit["status"]]
    assert len(refused) < 80  # a sender that kept its rate would be refused twice as often as it is heard
    assert daemon.status()["providers"]["p"]["rate_now"] < 60
    simulator.obey(throttle={})
    crm.event("throttle_ended", timeout=60)
    assert daemon.status()["providers"]["p"]["rate_now"] == 60
    assert len(crm.named("throttled")) == len(crm.named("throttle_ended"))


def test_message_queue_full_is_throttling_too(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"status": "0x14", "times": 2}])
    stage.bound(simulator, max_rate=100)
    assert stage.crm.final(stage.crm.send())["attempts"] == 3
    assert stage.crm.event("throttled")["smpp_status"]["name"] == "ESME_RMSGQFUL"


def test_a_retryable_refusal_is_tried_again_after_its_delays(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"text": "busy", "status": "0x64", "times": 3}])
    stage.bound(simulator, window=1, retries={"max_age": "1h", "delays": ["300ms", "600ms"]})
    crm = stage.crm
    busy, other = crm.send("busy"), crm.send("other")
    assert crm.final(other)["status"] == "sent"
    assert crm.results[busy] == []  # a message that waits for its retry holds nobody up
    assert crm.final(busy)["attempts"] == 4
    tries = times([submit for submit in simulator.submits() if submit["text"] == "busy"])
    delays = [later - earlier for earlier, later in pairwise(tries)]
    assert [round(delay, 1) for delay in delays] == [0.3, 0.6, 0.6]


def test_errors_of_the_settings_override_the_class(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"text": "a", "status": "0x400", "times": 1}, {"text": "b", "status": "0x64"}])
    stage.bound(simulator, errors={"0x400": "retry", "0x64": "permanent"}, retries={"delays": ["100ms"]})
    results = stage.crm.finals([stage.crm.send("a"), stage.crm.send("b")])
    assert [result["status"] for result in results] == ["sent", "rejected"]


def test_a_fault_of_the_bind_binds_again_and_sends_again(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"status": "0x04", "times": 1}])
    stage.bound(simulator)
    result = stage.crm.final(stage.crm.send())
    assert (result["status"], result["attempts"], result["possible_duplicate"]) == ("sent", 2, False)
    assert len(simulator.history("bound")) == 2
    assert stage.crm.event("bound", after=1)["state"] == "open"


def test_a_fault_of_the_bind_leaves_nothing_uncertain(stage: Stage) -> None:
    simulator = stage.simulator(latency=[0.05, 0.3], seed=1, errors=[{"text": "5$", "status": "0x04", "times": 1}])
    daemon = stage.bound(simulator, window=10)
    finals = stage.crm.finals(stage.crm.send_many(30))
    assert {result["status"] for result in finals} == {"sent"}
    assert simulator.count() == 31
    assert "ESME_RINVBNDSTS" in stage.crm.event("lost")["detail"]
    assert [event["event"] for event in simulator.history()][2:4] == ["unbound", "closed"]
    daemon.bound()


def test_no_credit_waits_and_then_sends(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"status": "0x40B", "times": 1}])
    stage.bound(simulator, retries={"delays": ["300ms"]})
    crm = stage.crm
    ids = crm.send_many(3)
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert "0x40B" in crm.event("throttled")["detail"]


def test_a_refused_login_is_told_and_the_connection_stays_closed(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "secret"})
    daemon = stage.daemon({"p": provider(simulator.port, password="mistaken")})
    refused = stage.crm.event("auth_failed")
    assert (refused["state"], refused["smpp_status"]["name"]) == ("closed", "ESME_RINVPASWD")
    assert "mistaken" not in str(refused)
    assert daemon.status()["providers"]["p"]["state"] == "closed"
    id = stage.crm.send()
    stage.crm.read(0.5)
    assert stage.crm.results[id] == []
    assert len(simulator.history("bind_refused")) == 1


def test_a_login_that_the_provider_has_put_right_is_bound_after_the_wait(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "secret"})
    waits = {"min": "10ms", "max": "10ms", "auth_failed": "400ms"}
    daemon = stage.daemon({"p": provider(simulator.port, password="new", reconnect=waits)})
    stage.crm.event("auth_failed", after=1)
    simulator.obey(credentials={"acme": "new"})
    daemon.bound()
    tries = [event["at"] for event in simulator.history("bound", "bind_refused")]
    assert all(later - earlier >= 0.4 for earlier, later in pairwise(tries))


def test_a_refused_bind_is_tried_again_soon(stage: Stage) -> None:
    simulator = stage.simulator(bind_status="0x08")
    daemon = stage.daemon({"p": provider(simulator.port)})
    assert stage.crm.event("bind_rejected")["smpp_status"]["code"] == 8
    simulator.obey(bind_status=0)
    daemon.bound()


def test_already_bound_waits_for_the_other_to_leave(stage: Stage) -> None:
    simulator = stage.simulator(single_bind=True)
    first = stage.bound(simulator)
    second = stage.daemon({"q": provider(simulator.port)})
    told = stage.crm.event("already_bound")
    assert (told["provider"], told["state"], told["smpp_status"]["code"]) == ("q", "closed", 5)
    first.term()
    second.bound()
    tries = [event["at"] for event in simulator.history("bound", "bind_refused")][1:]
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(tries))
