"""Everything that runs for the demo: a broker node, the simulator, smsd; each a real process, each ended by its pid.

All their files are in one temporary directory, removed at the end. The processes also end when the demo's own process
does, however that ends (setpriv --pdeathsig).
"""

import json
import signal
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "rabbitmq"))

from node import Node, NodeError, spare_ports  # noqa: E402 (a script of its own, found by the line above)

START_SECONDS = 30.0
STOP_SECONDS = 40.0
PASSWORDS = {"acme": "demo-a", "nord": "demo-n"}

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StageError(Exception):
    """Something did not start or did not end as it should; the message says what its log says."""


class Stage:
    """Context manager: on entering all is running and smsd is ready."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._exits = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        """Exit codes of what was stopped."""

    def __enter__(self) -> Self:
        with self._exits:
            self.directory = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="smsd-demo-")))
            self.ports = dict(zip(("smpp", "control", "http"), spare_ports(3), strict=True))
            self._start_node()
            self._write_settings()
            self._start_simulator()
            self._start_smsd()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    # --- starting

    def _start_node(self) -> None:
        node = Node(self.directory / "rabbitmq")
        self._exits.callback(node.close)
        try:
            node.start()
        except NodeError as error:
            raise StageError(str(error)) from None
        self.ports["amqp"] = node.port
        self.amqp_url = node.url
        self._say("RabbitMQ", f"127.0.0.1:{node.port}, a node of its own")

    def _write_settings(self) -> None:
        template = string.Template((HERE / "smsd.yaml").read_text("utf-8"))
        self.settings = self.directory / "smsd.yaml"
        self.settings.write_text(template.substitute(self.ports, journal=self.directory / "journal.db"), "utf-8")
        for name, password in PASSWORDS.items():
            file = self.directory / f"{name}.password"
            file.touch(mode=0o600)
            file.write_text(password)
        rules = {"credentials": PASSWORDS, "receipts": {"delay": [0.3, 1.0]}, "latency": [0.02, 0.1]}
        (self.directory / "simulator.json").write_text(json.dumps(rules))

    def _start_simulator(self) -> None:
        smpp, control = self.ports["smpp"], self.ports["control"]
        self.control = f"http://127.0.0.1:{control}"
        rules = str(self.directory / "simulator.json")
        listen = ["--listen", f"127.0.0.1:{smpp}", "--control", f"127.0.0.1:{control}"]
        self._spawn("simulator", "simulator", *listen, "--rules", rules, "--magic")
        self._await("simulator", lambda: answers(f"{self.control}/counts"))
        self._say("simulator", f"127.0.0.1:{smpp} speaks SMPP, {self.control} takes orders")

    def _start_smsd(self) -> None:
        self.web = f"http://127.0.0.1:{self.ports['http']}"
        self._spawn("smsd", "run", "--config", str(self.settings))
        self._await("smsd", lambda: answers(f"{self.web}/readyz"))
        self._say("smsd", f"{self.web}/status /metrics, two providers")

    def _spawn(self, name: str, *arguments: str) -> None:
        argv = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "smsd", *arguments]
        with (self.directory / f"{name}.log").open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for the demo, which ends them in good order.
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._processes[name] = process
        self._exits.callback(self._end, name)

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self._processes[name].poll() is not None or time.monotonic() > deadline:
                raise StageError(f"{name} did not start\n{self.last_words(name)}")
            time.sleep(0.05)

    # --- while it runs, and the end

    def last_words(self, name: str) -> str:
        """The end of a process's log."""
        log = self.directory / f"{name}.log"
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:]) if log.exists() else ""

    def alive(self) -> bool:
        return all(process.poll() is None for process in self._processes.values())

    def smsd(self, *arguments: str) -> str:
        """What a command of smsd prints."""
        argv = [sys.executable, "-m", "smsd", *arguments, "--config", str(self.settings)]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=START_SECONDS).stdout

    def order(self, path: str, **body: Any) -> Any:
        """Tells the simulator to do something. Raises urllib.error.HTTPError."""
        return fetched(urllib.request.Request(self.control + path, json.dumps(body).encode()))

    def submits(self) -> list[dict[str, Any]]:
        """Every submit_sm that the simulator got."""
        found: list[dict[str, Any]] = fetched(f"{self.control}/submits?since=0&limit=1000")
        return found

    def metrics(self) -> str:
        with _direct.open(f"{self.web}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def stop_smsd(self) -> int:
        """SIGTERM, and its exit code."""
        self._end("smsd")
        return self.codes["smsd"]

    def _end(self, name: str) -> None:
        process = self._processes[name]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            self.codes[name] = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            self.codes[name] = process.wait()


def fetched(what: str | urllib.request.Request) -> Any:
    with _direct.open(what, timeout=5) as answer:
        return json.load(answer)


def answers(url: str) -> bool:
    try:
        fetched(url)
    except (OSError, ValueError):  # 503 is an OSError too
        return False
    return True
