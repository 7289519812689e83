"""A channel that the broker closes, or a consumer that it ends, is its provider's trouble and nobody else's."""

from typing import Any

from rig import rabbit
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage


def two_providers(stage: Stage, **rules: object) -> Daemon:
    simulators = {"p": stage.simulator(**rules), "q": stage.simulator()}
    return stage.daemon({name: provider(each.port) for name, each in simulators.items()})


def test_fault_08_a_queue_that_is_deleted_is_read_again_alone(stage: Stage) -> None:
    daemon = two_providers(stage)
    daemon.bound()
    crm = stage.crm
    crm.final(crm.send())
    with rabbit.connect(stage.url) as connection:
        connection.channel().queue_delete(f"{stage.prefix}.requests.p.normal")
    lost = eventually(lambda: [line for line in daemon.logged("channel") if line["of"] == "p"], 20)
    assert f"{stage.prefix}.requests.p.normal" in lost[0]["detail"]
    eventually(lambda: len(daemon.logged("channel")) == 2, 20)
    assert {result["status"] for result in crm.finals([crm.send(key="p"), crm.send(key="q")])} == {"sent"}
    assert crm.event("check_ok")["provider"] == "p"
    assert len(daemon.logged("broker")) == 1


def test_fault_08_the_returned_and_the_commands_are_read_again_alone(stage: Stage) -> None:
    daemon = two_providers(stage)
    daemon.bound()
    crm = stage.crm
    with rabbit.connect(stage.url) as connection:
        connection.channel().queue_delete(f"{stage.prefix}.returned")
    eventually(lambda: len(daemon.logged("channel")) == 2, 20)
    crm.publish("nobody", {"id": "m", "to": "+7 900 000 00 00", "text": "x"})
    assert crm.final("m")["reason"] == "unknown-provider"
    assert crm.command("status", key="all")["ok"]
    assert len(daemon.logged("broker")) == 1


def test_fault_08_a_consumer_timeout_costs_the_others_nothing(own_node: Any, stage: Stage) -> None:
    for name, milliseconds in (("consumer_timeout", 2000), ("channel_tick_interval", 1000)):
        own_node.rabbitmqctl("eval", f"application:set_env(rabbit, {name}, {milliseconds}).")
    stage.url = own_node.url
    stage._queue_type = "quorum"
    ports = {}
    broke = stage.simulator(errors=[{"status": "0x58"}])
    ports["p"], ports["q"] = broke.port, stage.simulator().port
    slow = {"errors": {"0x58": "retry"}, "retries": {"max_age": "1h", "delays": ["30s"]}}
    daemon = stage.daemon({"p": provider(ports["p"], **slow), "q": provider(ports["q"])})
    daemon.bound()
    crm = stage.crm
    waits = crm.send(key="p")
    lost = eventually(lambda: daemon.logged("channel"), 60)
    assert lost[0]["of"] == "p"
    assert {result["status"] for result in crm.finals(crm.send_many(20, "q"))} == {"sent"}
    broke.obey(errors=[])
    assert crm.final(waits, 90)["status"] == "sent"
    assert len(daemon.logged("broker")) == 1
