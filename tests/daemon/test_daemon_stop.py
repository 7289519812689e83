"""SIGTERM under load, and what a crash leaves."""

import time

from rig.daemon import provider
from rig.stage import Stage


def test_sigterm_awaits_the_window_and_leaves_the_rest_in_the_queue(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.3)
    daemon = stage.bound(simulator, window=20)
    crm = stage.crm
    ids = crm.send_many(1000)
    simulator.sent(100)
    assert daemon.term() == 0
    crm.read(0.5)
    sent = {id for id in ids if crm.results[id]}
    assert {result["status"] for id in sent for result in crm.results[id]} == {"sent"}
    assert len(sent) == simulator.count()
    crm.until(lambda: len(sent) + crm.waiting() == 1000)  # the broker takes a moment to have them back
    assert [event["event"] for event in simulator.history()[-2:]] == ["unbound", "closed"]
    assert crm.named("stopping")
    assert crm.named("unbound")


def test_the_next_daemon_sends_exactly_what_the_first_left(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.2)
    daemon = stage.bound(simulator, window=20)
    ids = stage.crm.send_many(300)
    simulator.sent(50)
    assert daemon.term() == 0
    stage.bound(simulator, window=50)
    assert len(stage.crm.finals(ids)) == 300
    texts = simulator.texts()
    assert len(texts) == len(set(texts)) == 300


def test_after_a_kill_9_every_request_still_gets_a_final_result(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.2)
    daemon = stage.bound(simulator, window=20)
    ids = stage.crm.send_many(300)
    simulator.sent(50)
    daemon.kill9()
    stage.bound(simulator, window=20)
    finals = stage.crm.finals(ids)
    texts = simulator.texts()
    assert len(texts) - len(set(texts)) <= 20  # no more than what was in flight can come twice
    assert len(set(texts)) >= 300 - sum(result["status"] == "uncertain" for result in finals)


def test_an_smsc_that_never_answers_ends_in_uncertain_within_stop_timeout(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{"text": "silence"}])
    daemon = stage.daemon({"p": provider(simulator.port)}, stop_timeout="1s")
    daemon.bound()
    id = stage.crm.send("silence")
    simulator.sent(1)
    began = time.monotonic()
    assert daemon.term() == 0
    assert time.monotonic() - began < 4
    assert stage.crm.final(id)["status"] == "uncertain"
    assert stage.crm.waiting() == 0


def test_what_was_answered_as_uncertain_at_the_stop_is_not_in_the_queue_too(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{}])
    daemon = stage.daemon({"p": provider(simulator.port, window=2)}, stop_timeout="500ms")
    daemon.bound()
    ids = stage.crm.send_many(5)
    simulator.sent(2)
    assert daemon.term() == 0
    assert [result["status"] for result in stage.crm.finals(ids[:2])] == ["uncertain"] * 2
    assert stage.crm.waiting() == 3


def test_a_second_sigterm_stops_without_waiting(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{"text": "silence"}])
    daemon = stage.bound(simulator)
    stage.crm.send("silence")
    simulator.sent(1)
    daemon.ask_to_stop()
    stage.crm.event("stopping")
    began = time.monotonic()
    daemon.term()
    assert time.monotonic() - began < 3


def test_sigterm_ends_a_daemon_that_was_never_bound(stage: Stage) -> None:
    simulator = stage.simulator()
    simulator.go_down()
    daemon = stage.daemon({"p": provider(simulator.port)})
    ids = stage.crm.send_many(3)
    assert daemon.term(10) == 0
    assert stage.crm.waiting() == len(ids)


def test_retries_that_wait_here_go_back_to_the_queue_on_sigterm(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"text": "busy", "status": "0x64"}])
    daemon = stage.bound(simulator, retries={"max_age": "1h", "delays": ["50s"]})
    stage.crm.send_many(3, text="busy {}")
    simulator.sent(3)
    assert daemon.term() == 0
    assert stage.crm.waiting() == 3
