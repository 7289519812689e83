"""Fault 9: two daemons on one broker without `cluster`; a journal that is new."""

from pathlib import Path
from typing import Any

import pytest
from rig import rabbit
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage


def second(stage: Stage, providers: dict[str, Any], tmp_path: Path, **settings: Any) -> Daemon:
    """Another machine's daemon: the same providers, another journal."""
    return stage.daemon(providers, node="there", journal={"path": str(tmp_path / "there.db")}, **settings)


def test_fault_09_the_second_daemon_does_not_bind_and_names_the_first(stage: Stage, tmp_path: Path) -> None:
    simulator = stage.simulator()
    providers = {"p": provider(simulator.port, max_rate=50)}
    first = stage.daemon(providers)
    first.bound()
    other = second(stage, providers, tmp_path)
    detail = eventually(lambda: "another smsd" in (told := other.status()["providers"]["p"]["detail"]) and told)
    assert "on node here" in detail
    assert stage.crm.event("already_bound")["node"] == "there"
    assert {result["status"] for result in stage.crm.finals(stage.crm.send_many(100))} == {"sent"}
    assert simulator.count() == 100
    assert len(simulator.bound()) == 1
    assert (first.status()["providers"]["p"]["holder"], other.status()["providers"]["p"]["holder"]) == ("here", None)


def test_fault_09_a_paused_provider_is_held_all_the_same(stage: Stage, tmp_path: Path) -> None:
    simulator = stage.simulator()
    providers = {"p": provider(simulator.port)}
    stage.daemon(providers).bound()
    stage.crm.command("pause")
    other = second(stage, providers, tmp_path)
    eventually(lambda: "another smsd" in other.status()["providers"]["p"]["detail"])
    assert len(simulator.bound()) == 1


@pytest.mark.parametrize("key", ["p", "all"])
def test_fault_09_only_the_holder_obeys_and_answers(stage: Stage, tmp_path: Path, key: str) -> None:
    simulator = stage.simulator()
    providers = {"p": provider(simulator.port)}
    stage.daemon(providers).bound()
    other = second(stage, providers, tmp_path)
    eventually(lambda: "another smsd" in other.status()["providers"]["p"]["detail"])
    answers = [stage.crm.command(command, key) for command in ("pause", "resume") * 5]
    assert [answer["ok"] for answer in answers] == [True] * 10
    assert stage.crm.command("pause", key)["ok"]
    id = stage.crm.send(campaign="c")
    assert stage.crm.command("cancel", key, campaign="c", timeout=70)["cancelled_waiting"] == 1
    assert stage.crm.final(id)["status"] == "cancelled"


def test_fault_09_two_daemons_with_providers_of_their_own_do_not_mind(stage: Stage, tmp_path: Path) -> None:
    simulator = stage.simulator()
    first = stage.daemon({"p": provider(simulator.port)})
    first.bound()
    other = second(stage, {"q": provider(simulator.port, system_id="q")}, tmp_path)
    other.bound()
    assert {result["status"] for result in stage.crm.finals([stage.crm.send(key="p"), stage.crm.send(key="q")])} == {
        "sent"
    }


def test_fault_09_after_a_broker_restart_the_first_still_holds_it(own_node: Any, tmp_path: Path) -> None:
    stage = Stage(own_node.url, rabbit.unique_prefix(), tmp_path, "quorum")
    try:
        simulator = stage.simulator()
        providers = {"p": provider(simulator.port)}
        first = stage.daemon(providers)
        first.bound()
        other = second(stage, providers, tmp_path)
        eventually(lambda: "another smsd" in other.status()["providers"]["p"]["detail"])
        own_node.stop()
        own_node.start()
        first.ready()
        other.ready()
        assert stage.crm.final(stage.crm.send(), 30)["status"] == "sent"
        assert "another smsd" in other.status()["providers"]["p"]["detail"]
        assert [len(simulator.bound()), len(simulator.history("bound"))] == [1, 1]
    finally:
        stage.close()


def test_fault_09_a_new_journal_treats_redelivered_requests_as_uncertain(stage: Stage, tmp_path: Path) -> None:
    simulator = stage.simulator(no_answer=[{}])
    providers = {"p": provider(simulator.port, window=5)}
    first = stage.daemon(providers)
    first.bound()
    ids = stage.crm.send_many(5)
    simulator.sent(5)
    first.kill9()
    simulator.obey(no_answer=[])
    second(stage, providers, tmp_path).bound()  # the first one's machine is gone, and its journal with it
    late = stage.crm.send_many(5)
    assert {result["status"] for result in stage.crm.finals(late)} == {"sent"}
    results = stage.crm.finals(ids)
    assert {(result["status"], result["reason"]) for result in results} == {("uncertain", "connection-lost")}
    assert "journal" in results[0]["detail"]
    assert simulator.count() == 10


def test_fault_09_told_to_resend_a_new_journal_says_so_in_the_result(stage: Stage, tmp_path: Path) -> None:
    simulator = stage.simulator(no_answer=[{}])
    providers = {"p": provider(simulator.port, on_uncertain="resend")}
    first = stage.daemon(providers)
    first.bound()
    stage.crm.send(id="m")
    simulator.sent(1)
    first.kill9()
    simulator.obey(no_answer=[])
    second(stage, providers, tmp_path).bound()
    result = stage.crm.final("m")
    assert (result["status"], result["possible_duplicate"], simulator.count()) == ("sent", True, 2)


def test_fault_09_what_we_gave_back_ourselves_is_not_uncertain(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=20)
    ids = stage.crm.send_many(60)
    simulator.sent(5)
    for _ in range(3):
        stage.crm.command("pause")
        stage.crm.command("resume")
    assert {result["status"] for result in stage.crm.finals(ids)} == {"sent"}
    assert simulator.count() == 60


def test_fault_09_who_may_not_ask_holds_its_providers_all_the_same(own_node: Any, tmp_path: Path) -> None:
    prefix = rabbit.unique_prefix()
    own_node.rabbitmqctl("add_user", "poor", "poor")
    own_node.rabbitmqctl("set_permissions", "poor", ".*", rf"^(?!{prefix}\.control$).*$", ".*")
    stage = Stage(own_node.url, prefix, tmp_path, "quorum")
    try:
        simulator = stage.simulator()
        url = own_node.url.replace("guest:guest", "poor:poor")
        daemon = stage.daemon({"p": provider(simulator.port)}, url=url)
        daemon.bound()
        assert stage.crm.final(stage.crm.send())["status"] == "sent"
        assert "can't ask" in daemon.logged("neighbours")[0]["detail"]
        assert len(daemon.logged("broker")) == 1
    finally:
        stage.close()
