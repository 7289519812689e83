"""smsd as its users run it: a YAML file, a process, signals, an HTTP port, lines on stderr."""

import json
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from rig.clocked import OFFSET
from rig.patience import eventually
from rig.ports import free_port
from rig.power import recorded
from rig.web import ask

READY_SECONDS = 90.0
"""A second on an idle machine; what is tested is that, not how soon."""

LINES_SHOWN = 60


def provider(port: int, **settings: Any) -> dict[str, Any]:
    """A provider at 127.0.0.1 that reconnects quickly and, unless told otherwise, asks for no receipts."""
    quick = {"min": "50ms", "max": "200ms", "already_bound": "300ms", "auth_failed": "5s"}
    return {"host": "127.0.0.1", "port": port, "system_id": "acme", "receipts": False, "reconnect": quick, **settings}


def set_clock(file: Path, seconds: float) -> None:
    """Writes what a clocked daemon of that directory reads, in place: it has the file mapped."""
    with file.open("r+b" if file.exists() else "w+b") as clock:
        clock.write(OFFSET.pack(seconds))


class Daemon:
    """A running `smsd run`; `close` ends it. `settings` are those of the YAML; `trace` is for rig.power."""

    def __init__(
        self, settings: Mapping[str, Any], directory: Path, *, ready: bool = True, trace: Path | None = None
    ) -> None:
        self._clock = directory / "clock"
        """By how many seconds the daemon's clock of the world is off, once somebody has set it; see clocked.py."""
        self._trace = trace
        self.port = free_port()
        self.file = directory / f"smsd-{self.port}.yaml"
        self._stderr = directory / f"smsd-{self.port}.log"
        names = "-".join(settings["providers"])  # the next daemon for the same providers finds the same journal
        self._journal = directory / f"journal-{names}.db"
        self.configure(settings)
        self.start()
        if ready:
            try:
                self.ready()
            except BaseException:
                self.close()  # nobody else will: whoever wanted it has got an exception
                raise

    def start(self) -> None:
        """Starts it, again perhaps, on the same port."""
        with self._stderr.open("ab") as stderr:
            clocked = [str(Path(__file__).with_name("clocked.py")), str(self._clock)]
            smsd = clocked if self._clock.exists() else ["-m", "smsd"]
            command = [sys.executable, *smsd, "run", "--config", str(self.file)]
            if self._trace is not None:
                command = recorded(command, self._trace)
            self._process = subprocess.Popen(command, stderr=stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Writes the YAML file; a running daemon reads it on `hup`."""
        whole = {
            "http": {"listen": f"127.0.0.1:{self.port}"},
            "journal": {"path": str(self._journal)},
            "log": {"level": "info", "format": "json"},
            "node": "here",
            **settings,
        }
        self.write(yaml.safe_dump(whole, allow_unicode=True))

    def write(self, text: str) -> None:
        """The same with any text, for what is no settings."""
        self.file.write_text(text)

    @property
    def pid(self) -> int:
        return self._process.pid

    # --- its life

    def ready(self) -> None:
        """Waits for /readyz."""
        eventually(lambda: self._alive() and self.web("/readyz")[0] == 200, READY_SECONDS)

    def bound(self, *providers: str, timeout: float = 60.0) -> None:
        """Waits until the providers (by default all that are active) say `open`."""

        def all_open() -> bool:
            states = self.status()["providers"]
            return all(states[name]["state"] == "open" for name in providers or states if states[name]["active"])

        eventually(all_open, timeout)

    def set_clock(self, seconds: float) -> None:
        """Its clock of the world is off by so much from now on. Once before `start`, so that there is one to set."""
        set_clock(self._clock, seconds)

    def hup(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    def kill9(self) -> None:
        self._process.kill()
        self._process.wait()

    def term(self, timeout: float = 40.0) -> int:
        """SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def ask_to_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def _alive(self) -> bool:
        assert self._process.poll() is None, f"smsd ended with {self._process.returncode}: {self.tail()}"
        return True

    def close(self) -> None:
        """Ends it at once, should it still run, and prints its last words: pytest shows them when a test fails."""
        if self._process.poll() is None:
            self.kill9()
        print(self.tail(), file=sys.stderr)

    # --- what it says

    def web(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 while nobody listens."""
        try:
            return ask(self.port, "GET", path)
        except OSError:
            return 0, ""

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.web("/status")[1])
        return found

    def metrics(self) -> dict[str, float]:
        """Samples by their name with labels, as Prometheus reads them."""
        lines = [line for line in self.web("/metrics")[1].splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def log_lines(self) -> list[dict[str, Any]]:
        """What it logged; a line that is no JSON object is an error."""
        return [json.loads(line) for line in self._stderr.read_text().splitlines() if line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Its lines of one event; the log may be longer than memory should hold."""
        with self._stderr.open() as lines:
            return [json.loads(line) for line in lines if f'"event":"{event}"' in line]

    def tail(self) -> str:
        with self._stderr.open(errors="replace") as lines:
            return "".join(deque(lines, LINES_SHOWN)).rstrip("\n")

    def rss(self) -> float:
        """MB of memory that it has now."""
        self._alive()
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
