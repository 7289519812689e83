"""The broker goes away and the SMSC goes away, under load: nothing is lost, nothing is sent twice in silence."""

from typing import Any

from rig import rabbit
from rig.crm import Crm
from rig.smsc import Simulator
from rig.stage import Stage


def unreported_duplicates(simulator: Simulator, crm: Crm) -> set[str]:
    """Texts that came more than once although no result says `possible_duplicate`."""
    texts = simulator.texts()
    twice = {text for text in texts if texts.count(text) > 1}
    told = {f"message {id[1:]}" for id, results in crm.results.items() if any(r["possible_duplicate"] for r in results)}
    return twice - told


def test_a_broker_that_restarts_under_load_loses_nothing(own_node: Any, prefix: str, tmp_path: Any) -> None:
    stage = Stage(own_node.url, prefix, tmp_path, queue_type="quorum")
    try:
        simulator = stage.simulator(latency=0.05)
        daemon = stage.bound(simulator, max_rate=150, window=20)
        crm = stage.crm
        ids = crm.send_many(1000)
        simulator.sent(200)
        own_node.stop()
        assert daemon.web("/readyz")[0] == 503
        own_node.start()
        finals = crm.finals(ids, timeout=60)
        assert {result["status"] for result in finals} == {"sent"}
        assert unreported_duplicates(simulator, crm) == set()
        assert simulator.count() == 1000
        assert daemon.term() == 0
        assert crm.waiting() == 0
    finally:
        stage.close()


def test_an_smsc_that_restarts_under_load_loses_nothing(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.05)
    daemon = stage.bound(simulator, max_rate=200, window=20)
    crm = stage.crm
    ids = crm.send_many(800)
    simulator.sent(200)
    simulator.go_down()
    crm.event("lost")
    crm.read(0.5)
    simulator.come_up()
    finals = crm.finals(ids)
    uncertain = [result for result in finals if result["status"] == "uncertain"]
    assert {result["status"] for result in finals} <= {"sent", "uncertain"}
    assert len(uncertain) <= 20
    assert all(result["reason"] == "connection-lost" for result in uncertain)
    texts = simulator.texts()
    assert len(texts) == len(set(texts)) <= 800
    assert len(texts) >= 800 - len(uncertain)
    assert daemon.term() == 0
    assert crm.waiting() == 0


def test_resend_after_an_smsc_restart_reports_every_possible_duplicate(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.05)
    stage.bound(simulator, max_rate=200, window=20, on_uncertain="resend")
    crm = stage.crm
    ids = crm.send_many(400)
    simulator.sent(100)
    simulator.cut()
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert unreported_duplicates(simulator, crm) == set()
    assert len(set(simulator.texts())) == 400


def test_an_smsc_that_says_unbind_is_bound_again(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    simulator.unbind()
    assert stage.crm.event("unbound")["state"] == "closed"
    stage.crm.event("bound", after=1)
    daemon.bound()
    assert stage.crm.final(stage.crm.send())["status"] == "sent"


def test_a_frozen_smsc_is_noticed_by_enquire_link(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, enquire_link={"interval": "300ms", "timeout": "300ms", "when": "idle"})
    simulator.freeze()
    assert "enquire_link" in stage.crm.event("lost")["detail"]
    simulator.thaw()
    assert stage.crm.final(stage.crm.send())["status"] == "sent"


def test_deleted_queues_are_declared_and_consumed_again(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    with rabbit.connect(stage.url) as connection:
        connection.channel().queue_delete(f"{stage.prefix}.requests.p.normal")
        stage.crm.until(lambda: rabbit.exists(connection, f"{stage.prefix}.requests.p.normal"))
    assert stage.crm.final(stage.crm.send())["status"] == "sent"


def test_results_that_no_queue_takes_are_kept_until_one_does(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    crm = stage.crm
    with rabbit.connect(stage.url) as connection:
        channel = connection.channel()
        channel.queue_unbind(f"{stage.prefix}.results", f"{stage.prefix}.results", "#")
        id = crm.send()
        crm.until(lambda: daemon.status()["outbox"] == 1)
        crm.read(0.3)
        assert crm.results[id] == []
        channel.queue_bind(f"{stage.prefix}.results", f"{stage.prefix}.results", "#")
    assert crm.final(id)["status"] == "sent"
    crm.until(lambda: daemon.status()["outbox"] == 0)
