"""What the service manager hears of a running smsd: ready, reload, its state in one line, signs of life."""

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.daemon import provider
from rig.patience import eventually
from rig.stage import Stage

WATCHDOG = 1.0
"""Seconds, as WatchdogSec= has them."""


class Manager:
    """Reads $NOTIFY_SOCKET."""

    def __init__(self, receiver: socket.socket) -> None:
        self.heard: list[tuple[float, str]] = []
        self._receiver = receiver
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while line := self._receiver.recv(4096).decode():
            self.heard.append((time.monotonic(), line))

    def lines(self, beginning: str = "") -> list[str]:
        return [line for _, line in self.heard if line.startswith(beginning) and line != "WATCHDOG=1"]

    def status(self) -> str:
        return (self.lines("STATUS=") or [""])[-1].removeprefix("STATUS=")

    def alive(self, since: float) -> int:
        """Signs of life since then."""
        return sum(line == "WATCHDOG=1" and at > since for at, line in self.heard)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG * 1_000_000)))
        yield Manager(receiver)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", str(tmp_path / "notify"))


def test_the_status_line_says_how_many_are_bound_and_how_much_waits(stage: Stage, manager: Manager) -> None:
    simulator = stage.simulator(latency=1.0)
    daemon = stage.daemon({"p": provider(simulator.port, window=1), "q": provider(1), "r": provider(1, active=False)})
    daemon.bound("p")
    assert manager.lines()[0] == "READY=1"
    eventually(lambda: manager.status() == "1/2 providers bound, 0 waiting")
    told = len(manager.lines())
    time.sleep(1.2)
    assert len(manager.lines()) == told, "told only when it changes"
    stage.crm.send_many(1500)
    eventually(lambda: manager.status() == "1/2 providers bound, 500 waiting")
    assert daemon.term() == 0
    assert "STOPPING=1" in manager.lines()


def test_the_status_line_says_that_the_broker_is_away(stage: Stage, manager: Manager) -> None:
    simulator = stage.simulator()
    way = stage.forward()
    way.open()
    stage.daemon({"p": provider(simulator.port)}, url=way.url).bound()
    way.close()
    eventually(lambda: manager.status().startswith("1/1 providers bound, 0 waiting; no broker: "))
    way.open()
    eventually(lambda: manager.status() == "1/1 providers bound, 0 waiting")


def test_a_reload_is_told_from_its_beginning_to_its_end_whatever_becomes_of_it(stage: Stage, manager: Manager) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    eventually(lambda: manager.status() == "1/1 providers bound, 0 waiting")
    daemon.write("providers: {p: {host: x, windw: 5}}")
    daemon.hup()
    stage.crm.event("config_refused")
    refused = "providers.p.windw: unknown key; did you mean 'window'?"
    eventually(lambda: "last reload refused: " in manager.status() and refused in manager.status())
    stage.configure(daemon, {"p": provider(simulator.port)})
    daemon.hup()
    stage.crm.event("config_reloaded")
    eventually(lambda: manager.status() == "1/1 providers bound, 0 waiting")
    told = [line for line in manager.lines() if not line.startswith("STATUS=")]
    assert [line.partition("\n")[0] for line in told] == ["READY=1", *("RELOADING=1", "READY=1") * 2]
    began = int(told[1].partition("MONOTONIC_USEC=")[2]) / 1_000_000
    assert 0 < time.monotonic() - began < 30


def test_signs_of_life_come_as_long_as_loop_and_journal_go_on(stage: Stage, manager: Manager) -> None:
    simulator = stage.simulator()
    journal = stage.directory / "held.db"
    stage.daemon({"p": provider(simulator.port)}, journal={"path": str(journal)}).bound()
    began = time.monotonic()
    eventually(lambda: manager.alive(since=began) >= 3, 3 * WATCHDOG)
    held = sqlite3.connect(journal, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")  # as a disk that does not answer: a commit hangs
    stage.crm.send()
    time.sleep(WATCHDOG)
    hanging = time.monotonic()
    time.sleep(1.5 * WATCHDOG)
    assert manager.alive(since=hanging) == 0
    held.close()
    eventually(lambda: manager.alive(since=hanging) >= 2)


def test_signs_of_life_come_while_the_disk_is_full(small_disk: Path, stage: Stage, manager: Manager) -> None:
    simulator = stage.simulator()
    stage.daemon({"p": provider(simulator.port)}, journal={"path": str(small_disk / "journal.db")}).bound()
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:  # until nothing fits any more: the journal grows meanwhile
            filler.write(b"x" * 4096)
    stage.crm.send_many(300)
    eventually(lambda: "; intake stopped: journal " in manager.status())
    full = time.monotonic()
    eventually(lambda: manager.alive(since=full) >= 4, 4 * WATCHDOG)
    (small_disk / "filler").unlink()
    eventually(lambda: "intake stopped" not in manager.status())
