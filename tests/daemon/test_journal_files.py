"""The journal as a file: held by one smsd, refused with advice when it can't be used, and read by `smsd trace`."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from rig.daemon import provider
from rig.stage import Stage

TEMPFAIL = 75
PAGE = 4096


class Journal:
    """A journal and a configuration that names it, for commands besides the daemon of a test."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.db"
        self._file = directory / "commands.yaml"
        settings = {
            "journal": {"path": str(self.path)},
            "http": {"listen": ""},
            "log": {"format": "console"},
            "providers": {"p": {"host": "127.0.0.1", "active": False}},
        }
        self._file.write_text(yaml.safe_dump(settings))

    def smsd(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "smsd", *arguments, "--config", str(self._file)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def trace(self, id: str) -> dict[str, Any]:
        told = self.smsd("trace", id, "--json")
        assert told.returncode == 0, told.stderr
        found: dict[str, Any] = json.loads(told.stdout)
        return found


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def holders(path: Path) -> set[int]:
    """Processes that have the file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it ended meanwhile
            if link.readlink() == path:
                found.add(int(link.parts[2]))
    return found


def test_a_second_smsd_on_the_same_journal_is_refused_and_told_who_holds_it(stage: Stage, journal: Journal) -> None:
    daemon = stage.daemon({"p": provider(1)}, journal={"path": str(journal.path)})
    (holder,) = holders(journal.path)
    second = journal.smsd("run")
    assert second.returncode == TEMPFAIL
    assert f"{journal.path} is held by another smsd (pid {holder})" in second.stderr
    assert daemon.web("/readyz")[0] == 200


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // PAGE // 2 * PAGE)


def page_overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // PAGE // 2 * PAGE)
        file.write(b"\xff" * PAGE)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


DAMAGES: dict[Callable[[Path], None], str] = {
    garbage: "is damaged",
    truncated: "is damaged",
    page_overwritten: "is damaged",
    newer: "is of version 99",
}
"""And what smsd says of it; what to do follows."""
ADVICE = {"is damaged": "move the file and its -wal aside", "is of version 99": "install the newer smsd again"}


def test_a_journal_that_cannot_be_used_is_refused_with_advice_and_left_as_it_is(
    stage: Stage, journal: Journal, tmp_path: Path
) -> None:
    simulator = stage.simulator()
    daemon = stage.daemon({"p": provider(simulator.port)}, journal={"path": str(journal.path)})
    stage.crm.finals(stage.crm.send_many(200))
    assert daemon.term() == 0
    good = shutil.copy(journal.path, tmp_path / "good.db")
    for damage, told in DAMAGES.items():
        shutil.copy(good, journal.path)
        damage(journal.path)
        before = journal.path.read_bytes()
        refused = journal.smsd("run")
        assert refused.returncode not in (0, TEMPFAIL), damage
        assert f"{journal.path} {told}" in refused.stderr, damage
        assert ADVICE[told] in refused.stderr, damage
        assert "Traceback" not in refused.stderr
        assert journal.path.read_bytes() == before, damage


def steps(life: dict[str, Any]) -> list[str]:
    """What happened, in order, each result with its status."""
    assert all(one["at"] <= other["at"] for one, other in pairwise(life["steps"]))
    return [
        " ".join(filter(None, (each["step"], each["step"] == "result" and each["status"]))) for each in life["steps"]
    ]


def test_trace_tells_the_life_of_a_message_in_order_whether_smsd_runs_or_not(stage: Stage, journal: Journal) -> None:
    simulator = stage.simulator()
    settings = {"p": provider(simulator.port, receipts=True)}
    daemon = stage.daemon(settings, journal={"path": str(journal.path)})
    crm = stage.crm
    delivered, refused = crm.send(), crm.send(to="12")
    crm.finals([delivered, refused])
    running = [journal.trace(delivered), journal.trace(refused)]
    assert steps(running[0]) == ["received", "intent", "answer", "result sent", "receipt", "result delivered"]
    assert (running[0]["id"], running[0]["provider"]) == (delivered, "p")
    assert running[0]["results"][-1] == crm.results[delivered][-1]
    assert steps(running[1]) == ["result rejected"]
    daemon.kill9()
    assert [journal.trace(delivered)["steps"], journal.trace(refused)["steps"]] == [each["steps"] for each in running]
    unknown = journal.smsd("trace", "nobody", "--json")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("nothing is known of 'nobody'")


def test_trace_tells_what_a_kill_did_to_a_message(stage: Stage, journal: Journal) -> None:
    simulator = stage.simulator(no_answer=[{"times": 2}])
    settings = {"p": provider(simulator.port)}
    daemon = stage.daemon(settings, journal={"path": str(journal.path)})
    crm = stage.crm
    reported, resent = crm.send("one", on_uncertain="report"), crm.send("two", on_uncertain="resend")
    simulator.sent(2)
    daemon.kill9()
    assert steps(journal.trace(reported)) == ["received", "intent"]
    daemon = stage.daemon(settings, journal={"path": str(journal.path)})
    crm.finals([reported, resent])
    assert steps(journal.trace(reported)) == ["received", "intent", "unanswered", "result uncertain"]
    again = ["received", "intent", "unanswered", "intent", "answer", "result sent"]
    assert steps(journal.trace(resent)) == again
    assert daemon.term() == 0
    assert steps(journal.trace(resent)) == again
