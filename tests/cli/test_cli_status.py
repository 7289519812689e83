"""`smsd status`, with a daemon, without one, and with a stranger on its port."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rig.ports import free_port
from rig.rabbit import unique_prefix
from rig.stage import Stage

from smsd.cli import main
from smsd.cli.status import show
from smsd.links.journal.file import File

CONFIG = """\
node: here
http: {{listen: "{listen}"}}
providers:
  p: {{host: 127.0.0.1, max_rate: 30}}
  idle: {{host: 127.0.0.1, active: false, system_id: other}}
"""


def run(config: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["status", "--config", str(config), *options])


@contextmanager
def stranger(body: bytes) -> Iterator[str]:
    """Something else that answers HTTP; its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: the test's output is for the test."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def config_of(directory: Path, listen: str) -> Path:
    config = directory / "smsd.yaml"
    config.write_text(CONFIG.format(listen=listen))
    return config


def test_a_running_daemon_is_asked(broker_url: str, tmp_path: Path) -> None:
    stage = Stage(broker_url, unique_prefix(), tmp_path)
    try:
        simulator = stage.simulator()
        daemon = stage.bound(simulator, max_rate=2.5, window=7)
        config = tmp_path / f"smsd-{daemon.port}.yaml"
        shown = run(config)
        assert shown.exit_code == 0
        head, titles, row = (line.rstrip() for line in shown.stdout.splitlines())
        assert head.startswith("smsd ")
        assert head.endswith("; broker connected")
        assert titles.split("  ")[0] == "provider"
        assert row.startswith("p         connection open  ")
        assert row.split()[4:] == [f"127.0.0.1:{simulator.port}", "2.5", "/", "2.5", "0/7", "0/0/0"]
        assert json.loads(run(config, "--json").stdout) == daemon.status()
    finally:
        stage.close()


def test_with_the_daemon_down_every_provider_is_closed_and_that_is_no_error(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    config = config_of(tmp_path, listen)
    shown = run(config, "--json")
    assert shown.exit_code == 0
    why = f"smsd is not running: {listen}: Connection refused"
    closed = {"state": "closed", "since": None, "host": None, "rate_now": None, "window": 10, "window_used": 0}
    rest = {
        "waiting": {"urgent": 0, "normal": 0, "bulk": 0}, "paused": False, "senders": [],
        "encodings": ["gsm7", "ucs2"], "max_segments": 10, "quiet_until": None, "holder": None,
        "ceiling": {"per_second": 0, "by": "closed", "detail": "the connection is closed: nothing can be sent"},
    }  # fmt: skip
    assert json.loads(shown.stdout) == {
        "node": "here",
        "version": None,
        "started_at": None,
        "broker": {"state": "closed", "detail": why},
        "providers": {
            "p": {"active": True, "title": "p", "max_rate": 30.0, "detail": why, **closed, **rest},
            "idle": {"active": False, "title": "idle", "max_rate": None, "detail": "not active", **closed, **rest},
        },
    }
    lines = run(config).stdout.splitlines()
    assert lines[0] == why
    assert [line.split("  ")[0] for line in lines[2:]] == ["p", "idle"]
    assert all("connection closed" in line for line in lines[2:])


def journal(directory: Path, *events: tuple[str, str, str, str, str]) -> Path:
    """The configuration of a journal with these events: provider, its state then, event, time of day, detail."""
    path = directory / "journal.db"
    file = File(str(path), "process", 86400.0)
    file.rotate(1000.0)
    bodies = [
        {"provider": name, "state": state, "event": event, "at": f"2026-03-01T{at}:00.000Z", "detail": detail}
        for name, state, event, at, detail in events
    ]
    rows = [(n, 1000.0, body["provider"], json.dumps(body).encode()) for n, body in enumerate(bodies)]
    file.write({"event_1000": rows}, {})
    file.stand("q", "paused", "", True, 1000.0)
    file.close()
    config = directory / "smsd.yaml"
    config.write_text(
        f"journal: {{path: {path}}}\nhttp: {{listen: '127.0.0.1:{free_port()}'}}\n"
        "providers: {p: {host: a}, q: {host: b}, r: {host: c}}\n"
    )
    return config


def told(config: Path) -> dict[str, tuple[str, str | None, str]]:
    shown = run(config, "--json")
    assert shown.exit_code == 0
    providers = json.loads(shown.stdout)["providers"]
    return {name: (one["state"], one["since"], one["detail"]) for name, one in providers.items()}


EVENTS = (
    ("p", "open", "bound", "10:00", "connection open (transceiver at a:1)"),
    ("q", "open", "bound", "10:01", "connection open (transceiver at b:1)"),
    ("p", "closed", "lost", "11:00", "connection closed: the peer closed it; next try in 1.0 s"),
    ("p", "closed", "connecting", "11:01", "transceiver to a:1"),
    ("p", "closed", "auth_failed", "11:02", "connection closed: wrong password; next try in 300 s"),
    ("q", "open", "paused", "12:00", "by command c1"),
)


def test_with_the_daemon_down_the_journal_tells_since_when_it_is_closed_and_why(tmp_path: Path) -> None:
    config = journal(tmp_path, *EVENTS)
    known = told(config)
    assert known["p"] == ("closed", "2026-03-01T11:00:00.000Z", "connection closed: wrong password")
    open_since = "smsd ended without closing it; it was open since 2026-03-01T10:01:00.000Z"
    assert known["q"] == ("closed", None, open_since)
    assert known["r"][:2] == ("closed", None)
    assert known["r"][2].startswith("smsd is not running: ")
    paused = {name: one["paused"] for name, one in json.loads(run(config, "--json").stdout)["providers"].items()}
    assert paused == {"p": False, "q": True, "r": False}
    head, _, p, q, _ = run(config).stdout.splitlines()
    assert head.startswith("smsd is not running: ")
    assert p.rstrip().endswith("wrong password")
    assert "connection closed (paused)" in q


def test_a_daemon_that_runs_and_can_not_be_asked_is_told_with_what_it_wrote_last(tmp_path: Path) -> None:
    config = journal(tmp_path, *EVENTS)
    file = File(str(tmp_path / "journal.db"), "process", 86400.0)
    try:
        head = run(config).stdout.splitlines()[0]
        known = told(config)
    finally:
        file.close()
    assert head.startswith(f"smsd runs (pid {os.getpid()}) and can't be asked: 127.0.0.1:")
    assert known["p"] == ("closed", "2026-03-01T11:00:00.000Z", "connection closed: wrong password")
    assert known["q"] == ("open", "2026-03-01T10:01:00.000Z", "connection open (transceiver at b:1)")


def test_a_damaged_journal_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    config = journal(tmp_path)
    (tmp_path / "journal.db").write_bytes(b"no journal\n" * 1000)
    shown = run(config)
    assert shown.exit_code == 0
    assert "journal.db is damaged" in shown.stderr
    assert shown.stdout.startswith("smsd is not running: ")


def test_http_switched_off_is_said(tmp_path: Path) -> None:
    shown = run(config_of(tmp_path, ""))
    assert shown.exit_code == 0
    assert shown.stdout.startswith("smsd can't be asked: http.listen is empty\n")


@pytest.mark.parametrize("body", [b"hello", b"[]", b'{"ok": true}'])
def test_a_stranger_on_the_port_is_not_taken_for_smsd(tmp_path: Path, body: bytes) -> None:
    with stranger(body) as listen:
        shown = run(config_of(tmp_path, listen))
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"smsd can't be asked: what answers at {listen} is not smsd\n")


def test_what_is_wrong_and_what_is_paused_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    provider = {
        "active": True, "state": "closed", "since": "2026-03-01T12:00:00.000Z", "host": None, "max_rate": 1000.0,
        "rate_now": 62.5, "window": 10, "window_used": 3, "waiting": {"urgent": 1, "normal": 2, "bulk": 300},
        "paused": True, "detail": "connection closed: ESME_RINVPASWD [0x0E]; next try in 300 s", "ceiling": None,
    }  # fmt: skip
    broker = {"state": "closed", "detail": "127.0.0.1:1: Connection refused"}
    whole = {"node": "n", "version": "0.1.0", "started_at": "2026-03-01T12:00:00.000Z", "broker": broker}
    show({**whole, "providers": {"p": provider}})
    head, _, row = (line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert head.endswith("; broker closed: 127.0.0.1:1: Connection refused")
    assert "connection closed (paused)" in row
    assert "62.5 / 1000    3/10        1/2/300  ESME_RINVPASWD [0x0E]; next try in 300 s" in row


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("connection open (transceiver at h:1, SMSC a; b)", "0/0/0"),
        (
            "connection open (transceiver at h:1, SMSC a; b); quiet until 08:00 (bulk)",
            "0/0/0    quiet until 08:00 (bulk)",
        ),
        ("connection closed: no answer; quiet until 08:00 (bulk)", "0/0/0    no answer; quiet until 08:00 (bulk)"),
    ],
)
def test_quiet_hours_are_told_and_what_other_columns_say_is_not(
    detail: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = {
        "active": True, "state": "open", "since": None, "host": "h:1", "max_rate": None, "rate_now": None,
        "window": 10, "window_used": 0, "waiting": dict.fromkeys(("urgent", "normal", "bulk"), 0),
        "paused": False, "detail": detail, "ceiling": None,
    }  # fmt: skip
    whole = {"node": "n", "version": "0.1.0", "started_at": None, "broker": {"state": "connected"}}
    show({**whole, "providers": {"p": provider}})
    row = capsys.readouterr().out.splitlines()[-1].rstrip()
    assert " ".join(row.split()).endswith(" ".join(told.split()))


def test_a_configuration_that_does_not_say_where_smsd_is_ends_with_78(tmp_path: Path) -> None:
    config = tmp_path / "smsd.yaml"
    config.write_text("http: 7\n")
    assert run(config).exit_code == 78
