"""`smsd trace` and `smsd log` on a journal that no daemon has open."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smsd.cli import main
from smsd.links.journal.file import File

HEAD = {"provider": "p", "to": "79000000000", "sender": "ACME", "encoding": "gsm7", "segments": 1, "campaign": None}
RESULT = {"provider": "p", "status": "sent", "final": True, "result_id": "r1", "reason": None, "detail": None}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of a journal with one message and three events, the last of them an hour old."""
    now = time.time()
    file = File(str(tmp_path / "journal.db"), "process", 86400.0)
    file.rotate(now)
    start = file.starts[0]
    steps = [
        (1, 11, now - 9, "intent", 1, ""),
        (1, 12, now - 8, "answer", 1, json.dumps({"status": "sent", "smpp_status": 0, "smsc_id": "77"})),
        (1, 13, now - 8, "result", 0, json.dumps({"status": "sent", "final": True, "result_id": "r1"})),
    ]
    events = [
        (21, now - 7200, "p", json.dumps(event("lost", "closed", "2026-11-24T08:00:00.000Z")).encode()),
        (22, now - 3600, "q", json.dumps(event("bound", "open", "2026-11-24T09:00:00.000Z")).encode()),
    ]
    file.write(
        {
            f"message_{start}": [(1, "order-1", b"print", json.dumps({**HEAD, "received_at": now - 10}))],
            f"step_{start}": steps,
            f"result_{start}": [(1, "sms.results", "p.sent", json.dumps(RESULT), "r1", None, "{}")],
            f"event_{start}": events,
        },
        {},
    )
    file.close()
    path = tmp_path / "smsd.yaml"
    path.write_text(f"journal: {{path: {tmp_path / 'journal.db'}}}\n")
    return path


def event(name: str, state: str, at: str) -> dict[str, str]:
    return {"event": name, "provider": "p" if name == "lost" else "q", "state": state, "at": at, "detail": "why"}


def smsd(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(config)])


def test_trace_tells_a_life_in_order_one_step_a_line(config: Path) -> None:
    told = smsd(config, "trace", "order-1")
    assert told.exit_code == 0
    first, *lines = told.stdout.splitlines()
    assert first == "order-1 by p"
    assert [line.split()[1] for line in lines] == ["received", "intent", "answer", "result"]
    assert "smpp_status=ESME_ROK smsc_id=77" in lines[2]


def test_trace_as_json_has_the_steps_and_the_last_result(config: Path) -> None:
    told = json.loads(smsd(config, "trace", "order-1", "--json").stdout)
    assert [step["step"] for step in told["steps"]] == ["received", "intent", "answer", "result"]
    assert told["results"] == [RESULT]


def test_trace_of_an_unknown_id_says_where_it_may_be(config: Path) -> None:
    told = smsd(config, "trace", "order-2")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "it waits in RabbitMQ" in told.stderr


def test_log_tells_events_of_the_time_asked_for_the_oldest_first(config: Path) -> None:
    lines = smsd(config, "log").stdout.splitlines()
    assert [line.split()[1:3] for line in lines] == [["p", "lost"], ["q", "bound"]]
    assert "connection open" in lines[1]
    assert [line.split()[2] for line in smsd(config, "log", "--since", "90m").stdout.splitlines()] == ["bound"]
    assert [json.loads(line)["event"] for line in smsd(config, "log", "p", "--json").stdout.splitlines()] == ["lost"]


@pytest.mark.parametrize("command", [("trace", "order-1"), ("log",)])
def test_without_a_journal_there_is_a_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = tmp_path / "smsd.yaml"
    path.write_text(f"journal: {{path: {tmp_path / 'nowhere.db'}}}\n")
    told = smsd(path, *command)
    assert told.exit_code == 1
    assert "no journal at" in told.stderr


def test_a_span_that_is_none_is_refused(config: Path) -> None:
    assert "is no time: write it like" in smsd(config, "log", "--since", "long").stderr
