"""`smsd send --file` against a running daemon and simulator."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from rig import rabbit
from rig.daemon import provider
from rig.patience import eventually
from rig.ports import free_port
from rig.rabbit import unique_prefix
from rig.smsc import Simulator
from rig.stage import Stage

from smsd.cli import main


class Scene:
    """A daemon with the provider p (receipts), and idle (not active)."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.prefix = stage.prefix
        self.directory = directory
        self.simulator: Simulator = stage.simulator("--magic")
        port = self.simulator.port
        providers = {
            "p": provider(port, receipts=True, senders=["ACME", "Shop"]),
            "idle": provider(port, system_id="idle", active=False),
        }
        daemon = stage.daemon(providers)
        daemon.bound()
        self.config = directory / f"smsd-{daemon.port}.yaml"

    def written(self, text: str) -> Path:
        path = self.directory / "numbers.csv"
        path.write_text(text)
        return path

    def send(self, text: str, *arguments: str) -> Result:
        """Sends a file of this text to p, unless told otherwise."""
        words = arguments if arguments and not arguments[0].startswith("-") else ("p", *arguments)
        return run(self.config, "--file", str(self.written(text)), *words)

    def sent_to(self) -> Counter[str]:
        """How often a message was sent to each number."""
        return Counter(one["destination_addr"] for one in self.simulator.submits())


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["send", *arguments, "--config", str(config)])


@pytest.fixture(scope="module")
def scene(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("bulk")
    stage = Stage(broker_url, unique_prefix(), directory)
    try:
        yield Scene(stage, directory)
    finally:
        stage.close()


def numbers(first: int, count: int) -> str:
    return "".join(f"+7900010{n:04d}\n" for n in range(first, first + count))


def test_every_number_is_sent_to_once_and_followed_to_its_end(scene: Scene) -> None:
    before = scene.sent_to()
    done = scene.send(numbers(1000, 700), "p", "Hello", "--wait")
    assert (done.exit_code, done.output) == (0, "700 published as p.bulk: 700 delivered\n")
    assert scene.sent_to() - before == Counter(f"7900010{n:04d}" for n in range(1000, 1700))


def test_the_same_command_again_sends_nothing_and_tells_the_same_results(scene: Scene) -> None:
    text = numbers(2000, 20)
    first = scene.send(text, "p", "Hello", "--wait")
    before = scene.simulator.count()
    again = scene.send(text, "p", "Hello", "--wait")
    assert (again.exit_code, again.output) == (0, first.output)
    assert scene.simulator.count() == before


def test_a_longer_file_of_a_campaign_sends_what_is_new_in_it(scene: Scene) -> None:
    campaign = ("--campaign", "spring", "--wait")
    scene.send(numbers(3000, 5), "p", "Hello", *campaign)
    before = scene.simulator.count()
    done = scene.send(numbers(2998, 8), "p", "Hello", *campaign)
    assert done.output == "8 published as p.bulk: 8 delivered\n"
    assert scene.simulator.count() == before + 3


def test_rows_that_end_badly_are_told_with_their_lines_and_end_with_1(scene: Scene) -> None:
    text = "to,text,from\n79000040011,one,Shop\n79000040002,two,\n79000040012,three,\n79000040012,three,\n"
    done = scene.send(text, "--wait")
    assert done.exit_code == 1
    assert done.stdout == "3 published as p.bulk: 2 delivered, 1 undelivered\n"
    left_out, bad = done.stderr.splitlines()
    assert left_out.endswith("numbers.csv: rows left out, as they repeat an earlier one: 1")
    assert "numbers.csv:3: undelivered: delivery-failed: " in bad
    as_json = json.loads(scene.send(text, "--wait", "--json").stdout)
    (not_sent,) = as_json.pop("not_sent")
    assert (not_sent["line"], not_sent["status"]) == (3, "undelivered")
    assert as_json == {
        "published": 3,
        "repeated_rows": 1,
        "results": {"delivered": 2, "undelivered": 1},
        "without_final_result": 0,
    }


def test_of_a_file_with_bad_lines_nothing_is_sent_and_every_one_is_told(scene: Scene) -> None:
    before = scene.simulator.count()
    done = scene.send("to,text\n79000050001,good\n12,short\n79000050002,\n", "--wait")
    assert (done.exit_code, done.stdout) == (1, "")
    path = scene.directory / "numbers.csv"
    assert done.stderr.splitlines() == [
        f"{path}:3: to: has 2 digits: write an international number of 5 to 15 digits, such as +79000000000",
        f"{path}:4: text: is missing: give TEXT, or a column 'text'",
        f"{path}: nothing was sent; bad lines: 2",
    ]
    assert scene.simulator.count() == before


def test_without_wait_it_ends_once_the_broker_has_them(scene: Scene, broker_url: str) -> None:
    done = scene.send(numbers(6000, 30), "idle", "Hello", "--priority", "normal")
    assert (done.exit_code, done.stdout) == (0, "30 published as idle.normal\n")
    assert "idle is not active: the request waits in its queue until it is" in done.stderr
    with rabbit.connect(broker_url) as connection:
        assert rabbit.depth(connection, f"{scene.prefix}.requests.idle.normal") == (30, 0)


def test_when_no_result_comes_any_more_the_rest_is_counted(scene: Scene) -> None:
    done = scene.send("79000070011\n79000070006\n", "p", "no receipt for one", "--wait", "--timeout", "1s")
    assert done.exit_code == 1
    assert done.output == "2 published as p.bulk: 1 delivered, 1 without a final result, which may still come\n"


def test_ctrl_c_tells_how_far_it_came(scene: Scene) -> None:
    before = scene.simulator.count()
    file = scene.written("79000080006\n")
    command = [sys.executable, "-m", "smsd", "send", "--file", str(file), "p", "no receipt", "--wait"]
    environment = {**os.environ, "SMSD_CONFIG": str(scene.config)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
        scene.simulator.sent(before + 1)
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=10)
    assert child.returncode == 1
    assert told.endswith(
        "stopped: 1 of 1 are published; the same command again sends the others, and none twice\n\nAborted!\n"
    )
    assert "Traceback" not in told


def test_a_broker_out_of_reach_ends_with_75(scene: Scene, tmp_path: Path) -> None:
    settings = yaml.safe_load(scene.config.read_text())
    settings["broker"]["url"] = f"amqp://127.0.0.1:{free_port()}"
    config = tmp_path / "smsd.yaml"
    config.write_text(yaml.safe_dump(settings))
    done = run(config, "--file", str(scene.written(numbers(9000, 2))), "p", "Hello")
    assert done.exit_code == 75
    assert "; 0 of 2 are published; the same command again sends the others, and none twice\n" in done.stderr


def test_a_priority_without_a_queue_ends_with_1_and_says_how_far_it_came(scene: Scene, broker_url: str) -> None:
    prefix = unique_prefix()
    settings = yaml.safe_load(scene.config.read_text())
    settings["broker"]["prefix"] = prefix
    config = scene.directory / "other.yaml"
    config.write_text(yaml.safe_dump(settings))
    with rabbit.connect(broker_url) as connection:
        channel = connection.channel()
        channel.exchange_declare(f"{prefix}.requests", "topic")
        done = run(config, "--file", str(scene.written(numbers(9000, 300))), "p", "Hello")
        channel.exchange_delete(f"{prefix}.requests")
    assert done.exit_code == 1
    assert f"{prefix}.requests with key p.bulk: returned: no queue is bound for it; 0 of 300 are" in done.stderr


def test_a_progress_bar_is_for_terminals_only(scene: Scene) -> None:
    file = scene.written(numbers(9500, 3))
    command = [sys.executable, "-m", "smsd", "send", "--file", str(file), "p", "Hello", "--wait"]
    environment = {**os.environ, "SMSD_CONFIG": str(scene.config), "TERM": "xterm", "COLUMNS": "100"}
    parent, terminal = os.openpty()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True) as child:
        os.close(terminal)
        shown = b""
        eventually(lambda: child.poll() is not None, 20)
        try:
            while chunk := os.read(parent, 4096):
                shown += chunk
        except OSError:  # the other end is closed
            os.close(parent)
        assert child.stdout is not None
        assert child.stdout.read() == "3 published as p.bulk: 3 delivered\n"
    assert "published" in shown.decode()
    assert "3/3" in shown.decode()


@pytest.mark.parametrize(
    "arguments",
    [("p",), ("p", "+79000000001"), ("p", "+79000000001", "Hi", "there"), ("--file", "F", "p", "Hi", "there")],
)
def test_numbers_come_from_the_line_or_from_a_file(scene: Scene, arguments: tuple[str, ...]) -> None:
    file = str(scene.written(numbers(9600, 1)))
    done = run(scene.config, *(file if one == "F" else one for one in arguments))
    assert done.exit_code == 2
    assert "give P NUMBER TEXT, or --file FILE P [TEXT]" in done.stderr


def test_one_id_for_a_whole_file_is_refused(scene: Scene) -> None:
    done = scene.send(numbers(9700, 1), "p", "Hi", "--id", "a")
    assert done.exit_code == 2
    assert "--id is for one request; in a file it is a column" in done.stderr
