"""`smsd send` against a running daemon and simulator, and against brokers that have none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from rig import rabbit
from rig.daemon import provider
from rig.ports import free_port
from rig.rabbit import unique_prefix
from rig.smsc import Simulator
from rig.stage import Stage

from smsd.cli import main


class Scene:
    """A daemon with the providers p (receipts), plain (none) and idle (not active), and its configuration."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.prefix = stage.prefix
        self.simulator: Simulator = stage.simulator("--magic")
        port = self.simulator.port
        daemon = stage.daemon(
            {
                "p": provider(port, receipts=True, senders=["ACME", "Shop"]),
                "plain": provider(port, system_id="plain"),
                "idle": provider(port, system_id="idle", active=False),
            }
        )
        daemon.bound()
        self.config = directory / f"smsd-{daemon.port}.yaml"

    def send(self, *arguments: str) -> Result:
        return run(self.config, *arguments)


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["send", *arguments, "--config", str(config)])


@pytest.fixture(scope="module")
def scene(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("send")
    stage = Stage(broker_url, unique_prefix(), directory)
    try:
        yield Scene(stage, directory)
    finally:
        stage.close()


def config_with(directory: Path, url: str, prefix: str) -> Path:
    """A configuration for a broker that no daemon has been at."""
    config = directory / "smsd.yaml"
    config.write_text(yaml.safe_dump({"broker": {"url": url, "prefix": prefix}, "providers": {"p": {"host": "h"}}}))
    return config


def test_a_delivered_message_is_followed_to_its_end(scene: Scene) -> None:
    done = scene.send("p", "+7 900 000 00 11", "hello", "--wait", "--id", "first", "--from", "Shop")
    assert done.exit_code == 0, done.output
    (submit,) = (one for one in scene.simulator.submits() if one["destination_addr"] == "79000000011")
    smsc_id = submit["message_id"]
    assert submit["source_addr"] == "Shop"
    assert done.stdout.splitlines() == [
        f"first: sent         1 x gsm7, smsc_id {smsc_id}",
        f"first: delivered    1 x gsm7, smsc_id {smsc_id}",
    ]


def test_without_receipts_sent_is_the_good_end(scene: Scene) -> None:
    done = scene.send("plain", "+79000000012", "hello", "--wait", "--json")
    assert done.exit_code == 0, done.output
    (result,) = map(json.loads, done.stdout.splitlines())
    assert (result["status"], result["final"], result["provider"]) == ("sent", True, "plain")


def test_an_undelivered_message_ends_with_1(scene: Scene) -> None:
    done = scene.send("p", "+79000000002", "hello", "--wait", "--json")
    assert done.exit_code == 1
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["sent", "undelivered"]


def test_a_rejected_request_ends_with_1_and_its_reason(scene: Scene) -> None:
    done = scene.send("p", "+79000000013", "hello", "--wait", "--from", "Nobody", "--id", "from-nobody")
    assert done.exit_code == 1
    assert done.stdout.startswith("from-nobody: rejected     sender-not-allowed, from: 'Nobody' is not among")


def test_without_wait_it_ends_once_the_broker_has_it(scene: Scene) -> None:
    before = scene.simulator.count()
    done = scene.send("p", "+79000000014", "hello", "--id", "queued", "--priority", "urgent")
    assert (done.exit_code, done.stdout) == (0, "queued: queued as p.urgent\n")
    scene.simulator.sent(before + 1)
    done = scene.send("p", "+79000000014", "hello", "--json")
    shown = json.loads(done.stdout)
    assert shown.pop("id") != "queued"
    assert shown == {"exchange": f"{scene.prefix}.requests", "routing_key": "p.normal"}
    scene.simulator.sent(before + 2)


def test_no_final_result_in_time_ends_with_1(scene: Scene) -> None:
    done = scene.send("p", "+79000000006", "no receipt ever comes", "--wait", "--timeout", "500ms", "--id", "late")
    assert done.exit_code == 1
    assert done.stdout.startswith("late: sent ")
    assert done.stderr.endswith("late: no final result within 0.5 s; it may still come\n")


def test_a_request_for_an_inactive_provider_waits_in_its_queue(scene: Scene, broker_url: str) -> None:
    done = scene.send("idle", "+79000000015", "hello")
    assert done.exit_code == 0
    assert "idle is not active: the request waits in its queue until it is" in done.stderr
    with rabbit.connect(broker_url) as connection:
        assert rabbit.depth(connection, f"{scene.prefix}.requests.idle.normal") == (1, 0)


def test_an_unknown_provider_is_a_usage_error_that_lists_the_known_ones(scene: Scene) -> None:
    done = scene.send("q", "+79000000016", "hello")
    assert done.exit_code == 2
    assert "there is no provider 'q'; there is: idle, p, plain" in done.stderr


@pytest.mark.parametrize("timeout", ["5", "soon", "", "-1s"])
def test_a_timeout_needs_its_unit(scene: Scene, timeout: str) -> None:
    done = scene.send("p", "+79000000017", "hello", "--wait", "--timeout", timeout)
    assert done.exit_code == 2
    assert "is no duration: write it like 500ms, 30s, 24h or 7d" in done.stderr


def test_a_broker_out_of_reach_ends_with_75_and_no_secret(tmp_path: Path) -> None:
    port = free_port()
    config = config_with(tmp_path, f"amqp://guest:hush-hush@127.0.0.1:{port}/%2F", "any")
    done = run(config, "p", "+79000000018", "hello")
    assert done.exit_code == 75
    assert f"broker: 127.0.0.1:{port}: " in done.stderr
    assert "hush-hush" not in done.output


def test_the_second_node_is_tried_when_the_first_is_away(tmp_path: Path, broker_url: str) -> None:
    prefix = unique_prefix()
    config = config_with(tmp_path, broker_url, prefix)
    settings = yaml.safe_load(config.read_text())
    settings["broker"]["url"] = [f"amqp://127.0.0.1:{free_port()}", broker_url]
    config.write_text(yaml.safe_dump(settings))
    done = run(config, "p", "+79000000019", "hello")
    assert done.stderr.endswith(f"broker: it has no exchange {prefix}.requests: smsd has not run with it yet\n")


def test_a_broker_that_smsd_has_never_been_at_ends_with_75(tmp_path: Path, broker_url: str) -> None:
    prefix = unique_prefix()
    done = run(config_with(tmp_path, broker_url, prefix), "p", "+79000000020", "hello", "--wait")
    assert done.exit_code == 75
    assert f"broker: it has no exchange {prefix}.requests: smsd has not run with it yet" in done.stderr


def test_a_request_that_no_queue_takes_ends_with_1(tmp_path: Path, broker_url: str) -> None:
    prefix = unique_prefix()
    with rabbit.connect(broker_url) as connection:
        channel = connection.channel()
        channel.exchange_declare(f"{prefix}.requests", "topic")
        done = run(config_with(tmp_path, broker_url, prefix), "p", "+79000000021", "hello")
        channel.exchange_delete(f"{prefix}.requests")
    assert done.exit_code == 1
    assert f"{prefix}.requests with key p.normal: returned: no queue is bound for it" in done.stderr
