"""The status says it while the broker takes no publishes, which is not `connected` to those who wait for results."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner
from rig.patience import eventually
from rig.smsc import Simulator
from rig.stage import Stage

from smsd.cli import main


def state(daemon: Any) -> str:
    return str(daemon.status()["broker"]["state"])


def test_case_s_status_tells_of_a_broker_that_blocks(own_node: Any, prefix: str, tmp_path: Path) -> None:
    stage = Stage(own_node.url, prefix, tmp_path)
    simulator: Simulator = stage.simulator()
    try:
        daemon = stage.bound(simulator)
        crm = stage.crm
        assert state(daemon) == "connected"
        own_node.rabbitmqctl("set_vm_memory_high_watermark", "0.0001")
        simulator.inbound("hello")  # RabbitMQ tells only those who publish
        eventually(lambda: state(daemon) == "blocked" or None, 30)
        assert "short of memory" in daemon.status()["broker"]["detail"]
        shown = CliRunner().invoke(main, ["status", "--config", str(daemon.file)]).stdout
        assert "broker blocked: the broker takes no publishes" in " ".join(shown.split())
        own_node.rabbitmqctl("set_vm_memory_high_watermark", "0.9")
        eventually(lambda: state(daemon) == "connected" or None, 30)
        assert crm.until(lambda: [message["text"] for message in crm.inbound]) == ["hello"]
    finally:
        stage.close()
