"""What faults are done to: a broker node, an SMSC for each provider, one smsd; and what is usual for them."""

import random
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from rig import rabbit
from rig.daemon import Daemon, provider, set_clock
from rig.patience import eventually
from rig.smsc import Simulator

PREFIX = "chaos"
START_SECONDS = 30.0

LONG_TEXTS = {"alfa": False, "bravo": False, "charlie": True}
"""The providers, and whether their messages have several segments."""
PROVIDERS = tuple(LONG_TEXTS)
USUAL: dict[str, Any] = {
    "latency": [0.02, 0.06],
    "errors": [],
    "no_answer": [],
    "receipts": {
        "delay": [0.0, 2.0],
        "rules": [{"to": "7$", "stat": "UNDELIV", "err": "001"}, {"to": "3$", "stat": "EXPIRED", "err": "027"}],
    },
}
"""The rules of an SMSC to which nothing is done."""


class Smsc(Simulator):
    """A simulator that also says whether it has said all it has to say."""

    def idle(self) -> bool:
        counts = self._ask("GET", "/counts")
        unanswered = sum(bind["unanswered_deliveries"] for bind in self.bound())
        return not (counts["waiting"] or counts["scheduled"] or unanswered)


class Victim(Daemon):
    """A daemon that can be frozen too."""

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def up(self) -> None:
        """Waits until it serves; the broker need not be there."""
        eventually(lambda: self._alive() and self.web("/livez")[0] == 200, START_SECONDS)

    def check(self) -> None:
        """AssertionError with its last words if it has ended by itself."""
        self._alive()

    def end(self) -> None:
        """Whatever state it is in."""
        if self._process.poll() is None:
            self.kill9()


class Scene:
    """All of it, running, until the context ends. Start it from the main thread (see Node)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        set_clock(directory / "clock", 0.0)
        self._open = ExitStack()
        try:
            self.node = self._open.enter_context(rabbit.Node())
            self.smscs = {name: self._open.enter_context(self._smsc(name)) for name in PROVIDERS}
            self.start_daemon()
            self.daemon.ready()
            self.daemon.bound()
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def start_daemon(self) -> None:
        """Another daemon, with the journal of the last one."""
        self.daemon = Victim(self._settings(), self._directory, ready=False)
        self._open.callback(self.daemon.end)
        self.daemon.up()

    def reload(self, number: int) -> None:
        """Settings of one provider change, by lot of the number: in place, or so that it must be bound anew."""
        chance = random.Random(number)
        settings = self._settings()
        changed = settings["providers"][chance.choice(PROVIDERS)]
        changed |= {"window": chance.randint(10, 120), "max_rate": changed["max_rate"] * chance.choice((1, 1, 0.7))}
        if chance.random() < 0.5:
            secret = self._directory / "secret"
            secret.write_text(f"word{number}")
            secret.chmod(0o600)
            changed["password"] = {"file": str(secret)}
        self.daemon.configure(settings)
        self.daemon.hup()

    def reload_broken(self) -> None:
        """A file that is no configuration; the next one is."""
        self.daemon.write("providers: {alfa: {host: [")
        self.daemon.hup()

    def _settings(self) -> dict[str, Any]:
        return {
            "broker": {"url": self.node.url, "prefix": PREFIX, "heartbeat": "2s"},
            "stop_timeout": "5s",
            "defaults": {
                "receipts": True,
                "submit_timeout": "3s",
                "enquire_link": {"interval": "2s", "timeout": "2s"},
                "retries": {"delays": ["200ms", "500ms", "1s"]},
            },
            "providers": {
                "alfa": self._provider("alfa", max_rate=150, window=20, senders=["ACME"]),
                "bravo": self._provider("bravo", max_rate=150, window=100, on_uncertain="resend"),
                "charlie": self._provider("charlie", max_rate=300, window=50),
            },
        }

    def log_of(self, name: str) -> Path:
        """What the provider's SMSC saw, a JSON line each."""
        return self._directory / f"smsc-{name}.jsonl"

    def left_in_queues(self) -> dict[str, int]:
        """Messages ready in the queues, by name; only where there are any."""
        work = [f"requests.{name}.{priority}" for name in PROVIDERS for priority in rabbit.PRIORITIES]
        with rabbit.connect(self.node.url) as connection:
            found = {
                queue: rabbit.depth(connection, f"{PREFIX}.{queue}")[0]
                for queue in (*rabbit.QUEUES, *rabbit.HOLDS, *work)
            }
        return {queue: number for queue, number in found.items() if number}

    def _smsc(self, name: str) -> Smsc:
        return Smsc("--log", str(self.log_of(name)), **USUAL)

    def _provider(self, name: str, **settings: Any) -> dict[str, Any]:
        usual = provider(self.smscs[name].port, **settings)
        del usual["receipts"]
        return usual
