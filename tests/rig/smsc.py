"""An SMSC for tests: the `smsd simulator` command as a process of its own, told what to do by its control port."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from rig.patience import eventually
from rig.web import ask

PAGE = 1000
"""Entries of the record fetched at once."""


class Simulator:
    """A running simulator; `close` ends it. `options` are the command's, `rules` those of docs/simulator.md."""

    def __init__(self, *options: str, listen: str = "127.0.0.1:0", **rules: Any) -> None:
        command = [sys.executable, "-m", "smsd", "simulator", "--listen", listen, "--control", "127.0.0.1:0"]
        self._process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        found = re.search(r":(\d+), control on http://127\.0\.0\.1:(\d+)$", self._process.stdout.readline())
        assert found is not None, "the simulator did not start, see its words on stderr"
        self.port, self._control = int(found[1]), int(found[2])
        if rules:
            self.obey(**rules)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    # --- orders

    def obey(self, **rules: Any) -> None:
        """Replaces the rules that are named, whole."""
        self._ask("PATCH", "/rules", {name.removesuffix("_"): value for name, value in rules.items()})

    def inbound(self, text: str, **order: Any) -> None:
        """A message from a handset."""
        self._ask("POST", "/inbound", {"from": "79000000001", "to": "ACME", "text": text, **order})

    def receipt(self, message_id: str, **order: Any) -> None:
        self._ask("POST", "/receipt", {"message_id": message_id, **order})

    def raw(self, octets: str) -> None:
        """Octets, in hex, to every bound connection."""
        self._ask("POST", "/raw", {"hex": octets})

    def cut(self) -> None:
        """Aborts every connection without a word."""
        self._ask("POST", "/disconnect")

    def unbind(self) -> None:
        self._ask("POST", "/unbind")

    def freeze(self) -> None:
        self._ask("POST", "/pause")

    def thaw(self) -> None:
        self._ask("POST", "/resume")

    def go_down(self) -> None:
        """Takes no new connections and aborts those that are there."""
        self._ask("POST", "/listen", {"open": False, "drop": True})

    def come_up(self) -> None:
        self._ask("POST", "/listen", {"open": True})

    # --- the record

    def submits(self) -> list[dict[str, Any]]:
        """Every submit so far, oldest first."""
        return self._pages("/submits")

    def texts(self) -> list[str]:
        return [submit["text"] for submit in self.submits()]

    def sent(self, n: int, timeout: float = 10.0) -> list[dict[str, Any]]:
        """The submits, once there are `n` of them."""
        eventually(lambda: self.count() >= n or None, timeout)
        return self.submits()

    def count(self) -> int:
        """How many submits there were."""
        return sum(self._ask("GET", "/counts")["statuses"].values())

    def received(self) -> dict[str, int]:
        """PDUs that came, by command."""
        found: dict[str, int] = self._ask("GET", "/counts")["received"]
        return found

    def deliveries(self) -> list[dict[str, Any]]:
        """How our deliver_sm were answered, oldest first."""
        return self._pages("/deliveries")

    def bound(self) -> list[dict[str, Any]]:
        """Who is bound now."""
        found: list[dict[str, Any]] = self._ask("GET", "/binds")["bound"]
        return found

    def history(self, *names: str) -> list[dict[str, Any]]:
        """What happened to connections, oldest first: connected, bound, bind_refused, unbound, malformed, closed."""
        events = self._ask("GET", f"/binds?limit={10 * PAGE}")["events"]
        return [event for event in events if event["event"] in names or not names]

    def _pages(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := self._ask("GET", f"{path}?since={found[-1]['n'] if found else 0}&limit={PAGE}"):
            found += page
        return found

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = ask(self._control, method, path, body)
        assert status == 200, answer
        return json.loads(answer)


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for a host `name`, and its key."""
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    about = ["-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*new, *about, "-out", cert, "-keyout", key], check=True, capture_output=True)
    return cert, key
