"""`smsd pause`, `resume` and `cancel` against a running daemon, and where none answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from rig import rabbit
from rig.daemon import Daemon, provider
from rig.ports import free_port
from rig.rabbit import unique_prefix
from rig.stage import Stage

from smsd.cli import main
from smsd.links.journal.file import File


class Scene:
    """A daemon with the providers p (ten messages a second), q and idle (not active), and its configuration."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage = stage
        self.simulator = stage.simulator()
        port = self.simulator.port
        self.daemon: Daemon = stage.daemon(
            {
                "p": provider(port, max_rate=10),
                "q": provider(port, system_id="q"),
                "idle": provider(port, system_id="idle", active=False),
            }
        )
        self.daemon.bound()
        self.config = directory / f"smsd-{self.daemon.port}.yaml"

    def run(self, *arguments: str) -> Result:
        return smsd(self.config, *arguments)

    def paused(self) -> list[str]:
        return [name for name, one in self.daemon.status()["providers"].items() if one["paused"]]

    def changed(self, **settings: object) -> Path:
        """The configuration with other settings, which the daemon does not know."""
        path = self.config.with_name("changed.yaml")
        path.write_text(yaml.safe_dump(yaml.safe_load(self.config.read_text()) | settings))
        return path


def smsd(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(config)])


@pytest.fixture(scope="module")
def scene(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("control")
    stage = Stage(broker_url, unique_prefix(), directory)
    try:
        yield Scene(stage, directory)
    finally:
        stage.close()


# --- answered


def test_a_provider_is_paused_until_it_is_resumed(scene: Scene) -> None:
    told = scene.run("pause", "p")
    assert (told.exit_code, told.output) == (0, "p: paused\n")
    assert scene.paused() == ["p"]
    told = scene.run("resume", "p", "--json")
    answer = json.loads(told.stdout)
    assert (told.exit_code, answer["ok"], answer["provider"], answer["state"]) == (0, True, "p", "running")
    assert scene.paused() == []


def test_all_are_paused_and_resumed_at_once(scene: Scene) -> None:
    assert scene.run("pause", "all").output == "all: paused\n"
    assert scene.paused() == ["p", "q"]
    assert scene.run("resume", "all").output == "all: running\n"
    assert scene.paused() == []


def test_a_campaign_is_cancelled_and_counted_and_let_through_again(scene: Scene) -> None:
    crm = scene.stage.crm
    ids = crm.send_many(100, "p.bulk", campaign="autumn")
    scene.simulator.sent(1)
    told = scene.run("cancel", "--campaign", "autumn")
    assert told.exit_code == 0, told.output
    statuses = [result["status"] for result in crm.finals(ids)]
    cancelled, sent = statuses.count("cancelled"), statuses.count("sent")
    assert told.output == f"campaign autumn: {cancelled} cancelled, {sent} handed over before that\n"
    assert cancelled > sent > 0
    assert scene.run("resume", "all", "--campaign", "autumn").output == "all: campaign autumn goes on\n"
    assert crm.final(crm.send(campaign="autumn"))["status"] == "sent"


def test_one_message_is_cancelled_and_let_through_again(scene: Scene) -> None:
    crm = scene.stage.crm
    assert scene.run("cancel", "--id", "once-more", "p").exit_code == 0
    assert crm.final(crm.send(id="once-more"))["status"] == "cancelled"
    assert scene.run("resume", "p", "--id", "once-more").output == "p: message once-more goes on\n"


def test_one_message_is_cancelled_by_its_id(scene: Scene) -> None:
    scene.run("pause", "q")
    id = scene.stage.crm.send(key="q")
    told = scene.run("cancel", "q", "--id", id, "--json")
    assert told.exit_code == 0, told.output
    assert {name: json.loads(told.stdout)[name] for name in ("ok", "done")} == {"ok": True, "done": True}
    scene.run("resume", "q")
    assert scene.stage.crm.final(id)["status"] == "cancelled"


# --- refused and not answered


def test_a_provider_that_is_not_in_the_file_is_a_usage_error_with_a_suggestion(scene: Scene) -> None:
    for command in ("pause", "resume", "cancel --campaign c"):
        told = scene.run(*command.split(), "idel")
        assert told.exit_code == 2
        assert "there is no provider 'idel'; did you mean 'idle'?" in told.stderr


@pytest.mark.parametrize("what", [(), ("--campaign", "c", "--id", "i")])
def test_cancel_must_be_told_one_thing_to_cancel(scene: Scene, what: tuple[str, ...]) -> None:
    told = scene.run("cancel", *what)
    assert told.exit_code == 2
    assert "say what to cancel: --campaign C, or --id ID" in told.stderr


def test_an_inactive_provider_and_one_that_the_daemon_does_not_know_yet_can_not_be_paused(scene: Scene) -> None:
    told = scene.run("pause", "idle")
    assert (told.exit_code, told.stderr) == (1, "Error: idle is not active in the running smsd\n")
    changed = scene.changed(providers={"new": {"host": "h"}})
    told = smsd(changed, "pause", "new")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "Error: the running smsd does not know new yet: systemctl reload smsd\n"


def test_with_the_daemon_down_it_says_so_and_ends_with_75(scene: Scene) -> None:
    port = free_port()
    changed = scene.changed(http={"listen": f"127.0.0.1:{port}"}, journal={"path": "/nowhere/journal.db"})
    settings = yaml.safe_load(changed.read_text())
    settings["providers"]["other"] = {"host": "h"}
    changed.write_text(yaml.safe_dump(settings))
    told = smsd(changed, "pause", "other")
    assert (told.exit_code, told.stdout) == (75, "")
    assert told.stderr.endswith(f"Error: smsd is not running: 127.0.0.1:{port}: Connection refused\n")


def test_a_daemon_that_can_not_be_asked_is_told_by_its_journal(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    changed = scene.changed(http={"listen": ""}, journal={"path": str(path)}, providers={"other": {"host": "h"}})
    file = File(str(path), "process", 60.0)
    try:
        told = smsd(changed, "pause", "other")
    finally:
        file.close()
    assert told.exit_code == 75
    assert "Error: smsd runs (pid " in told.stderr
    assert told.stderr.endswith(") and can't be asked: http.listen is empty\n")


def test_a_daemon_at_another_broker_is_no_daemon_here(scene: Scene, broker_url: str) -> None:
    prefix = unique_prefix()
    changed = scene.changed(broker={"url": broker_url, "prefix": prefix})
    told = smsd(changed, "pause", "all")
    assert told.exit_code == 75
    assert f"it has no exchange {prefix}.control: smsd has not run with it yet" in told.stderr
    with rabbit.connect(broker_url) as connection:
        channel = connection.channel()
        channel.exchange_declare(f"{prefix}.control", "topic")
        told = smsd(changed, "pause", "all")
        channel.exchange_delete(f"{prefix}.control")
    assert told.exit_code == 75
    assert "smsd runs, but reads no commands here: does it run with this configuration's broker" in told.stderr


def test_a_broker_out_of_reach_ends_with_75(scene: Scene) -> None:
    port = free_port()
    told = smsd(scene.changed(broker={"url": f"amqp://127.0.0.1:{port}"}), "resume", "p")
    assert told.exit_code == 75
    assert f"Error: broker: 127.0.0.1:{port}: " in told.stderr
