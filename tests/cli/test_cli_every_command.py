"""What holds for every command: help, usage errors, configurations that can't be used, JSON, pipes."""

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smsd.cli import COMMANDS, main
from smsd.links.journal.file import File

READING_CONFIG = {
    "run": (),
    "check": (),
    "diff": ("none.yaml",),
    "send": ("p", "+79000000001", "Hi"),
    "preview": ("Hi", "--provider", "p"),
    "status": (),
    "log": (),
    "trace": ("order-1",),
    "stats": (),
    "pause": ("p",),
    "resume": ("p",),
    "cancel": ("--campaign", "c"),
    "topology": (),
}
"""Commands that need the configuration, with arguments that are right."""

LOOKING = ("status", "log", "trace", "stats")
"""Those of them that ask a running smsd, or its journal."""

PRINTING_JSON = ("check", "preview", "status", "log", "trace", "stats", "topology")
"""Those of them that need neither a broker nor a daemon."""


def smsd(*arguments: str, **environment: str) -> Result:
    told = CliRunner().invoke(main, arguments, env=environment)
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    return told


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration, and a journal with one message and a long connection log."""
    now = time.time()
    file = File(str(tmp_path / "journal.db"), "process", 86400.0)
    file.rotate(now)
    start = file.starts[0]
    event = {"event": "lost", "provider": "p", "state": "closed", "at": "2026-11-24T08:00:00.000Z", "detail": "x" * 100}
    result = {"provider": "p", "status": "rejected", "final": True, "result_id": "r", "reason": "bad-number"}
    body = json.dumps({**result, "detail": "to: no", "received_at": "2026-11-24T08:00:00.000Z"}).encode()
    file.write(
        {
            f"event_{start}": [(n, now, "p", json.dumps(event).encode()) for n in range(2000)],
            f"message_{start}": [(1, "order-1", b"", "")],
            f"result_{start}": [(1, "sms.results", "p.rejected", body, "r", None, "{}")],
        },
        {},
    )
    file.close()
    path = tmp_path / "smsd.yaml"
    path.write_text(
        f"journal: {{path: {tmp_path / 'journal.db'}}}\nhttp: {{listen: ''}}\nproviders: {{p: {{host: h}}}}\n"
    )
    return path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_tells_what_it_does_with_an_example(command: str, option: str) -> None:
    told = smsd(command, option)
    assert told.exit_code == 0
    assert told.stdout.startswith(f"Usage: main {command} ")
    assert "Example" in told.stdout or command == "completion"
    assert "--config" in told.stdout or command in ("simulator", "completion")


def test_the_commands_and_the_exit_codes_are_listed() -> None:
    told = smsd("--help").stdout
    assert all(f"\n  {command} " in told for command in COMMANDS)
    assert all(f"\n  {code:>4}  " in told for code in (0, 1, 2, 70, 75, 78))
    assert "..." not in told.partition("Commands:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_a_usage_error(command: str) -> None:
    told = smsd(command, "--bogus")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "No such option" in told.stderr


def test_an_unknown_command_is_a_usage_error() -> None:
    told = smsd("stauts")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "no such command: 'stauts'; did you mean" in told.stderr


@pytest.mark.parametrize("command", READING_CONFIG)
def test_a_missing_configuration_is_told_with_what_to_do(command: str, tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    told = smsd(command, *READING_CONFIG[command], "--config", str(path))
    assert (told.exit_code, told.stdout) == (78, "")
    assert told.stderr.splitlines() == [
        f"{path}:1:1: file: can't be read: No such file or directory",
        "name your configuration with --config FILE, or in SMSD_CONFIG",
    ]


@pytest.mark.parametrize("command", READING_CONFIG)
def test_a_configuration_that_is_none_is_told(command: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("nod: here\n")
    for path, sentence in (
        (tmp_path, "1:1: file: can't be read: Is a directory"),
        (tmp_path / "bad.yaml", "1:1: nod: "),
    ):
        told = smsd(command, *READING_CONFIG[command], SMSD_CONFIG=str(path))
        assert f"{path}:{sentence}" in told.stderr
        if path == tmp_path or command not in LOOKING:
            assert (told.exit_code, told.stdout) == (78, "")


@pytest.mark.parametrize("command", LOOKING)
def test_a_configuration_that_was_spoilt_is_told_and_blinds_nobody(command: str, config: Path) -> None:
    good = config.read_text()
    config.write_text(f"{good}nod: here\n")
    told = smsd(command, *READING_CONFIG[command], SMSD_CONFIG=str(config))
    assert told.stderr == f"{config}:4:1: nod: unknown key; did you mean 'node'?\n"
    config.write_text(good)
    assert (told.exit_code, told.stdout) == (0, smsd(command, *READING_CONFIG[command], SMSD_CONFIG=str(config)).stdout)


@contextmanager
def nobody() -> Iterator[None]:
    """This process as a user who may read what all may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("command", READING_CONFIG)
def test_a_configuration_of_another_user_is_told(command: str, config: Path) -> None:
    smsd(command, "--help")  # loads what nobody may not read
    config.chmod(0)
    with nobody():
        told = smsd(command, *READING_CONFIG[command], "--config", str(config))
    assert (told.exit_code, told.stdout) == (78, "")
    assert told.stderr.splitlines() == [
        f"{config}:1:1: file: can't be read: Permission denied",
        f"this user may not read {config}: become one who may, as in sudo -u smsd smsd …",
    ]


@pytest.mark.parametrize("command", PRINTING_JSON)
def test_facts_are_json_when_asked_for(command: str, config: Path) -> None:
    told = smsd(command, *READING_CONFIG[command], "--json", "--config", str(config))
    assert told.exit_code == 0, told.output
    documents = (
        [json.loads(line) for line in told.stdout.splitlines()] if command == "log" else [json.loads(told.stdout)]
    )
    assert documents
    assert all(isinstance(document, dict) for document in documents)


def test_the_variable_names_the_configuration_and_the_option_wins(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("providers: {a: {host: h}, b: {host: i}}\n")
    assert smsd("check", SMSD_CONFIG=str(other)).stdout == f"{other}: ok, 2 providers\n"
    assert smsd("check", "--config", str(config), SMSD_CONFIG=str(other)).stdout == f"{config}: ok, 1 provider\n"
    assert smsd("check", str(config), SMSD_CONFIG=str(other)).stdout == f"{config}: ok, 1 provider\n"


@pytest.mark.parametrize("command", [("log",), ("log", "--json"), ("topology",), ("status",), ("--help",)])
def test_a_pipe_that_nobody_reads_ends_it_quietly(command: tuple[str, ...], config: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "smsd", *command],
        env={**os.environ, "SMSD_CONFIG": str(config)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.close()  # as `head` does once it has its lines
    _, told = child.communicate(timeout=20)
    assert told == b""
    assert child.returncode in (0, 1)
