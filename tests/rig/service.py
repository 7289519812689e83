"""smsd as a service of a machine's systemd, seen through systemctl and journalctl."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rig.machine import Machine
from rig.patience import eventually
from rig.ports import free_port
from rig.web import ask

CONFIG = "/etc/smsd/smsd.yaml"
POLICY = "/usr/sbin/policy-rc.d"


def install(machine: Machine, package: Path, *, start: bool) -> str:
    """dpkg -i; unless told to `start`, Debian's policy for services is that none is started. What dpkg said."""
    if not start:
        machine.write(POLICY, "#!/bin/sh\nexit 101\n", 0o755)
    machine.path("/root/smsd.deb").write_bytes(package.read_bytes())
    said = machine.run("dpkg", "--install", "/root/smsd.deb")
    machine.path(POLICY).unlink(missing_ok=True)
    return said


class Service:
    """smsd.service. Its web port is a spare one."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.port = free_port()

    def configure(self, settings: Mapping[str, Any]) -> None:
        whole = {"http": {"listen": f"127.0.0.1:{self.port}"}, **settings}
        self.machine.write(CONFIG, yaml.safe_dump(whole, allow_unicode=True))

    def drop_in(self, *lines: str) -> None:
        """Settings of the unit's [Service] that differ for this test."""
        self.machine.write("/etc/systemd/system/smsd.service.d/test.conf", "\n".join(["[Service]", *lines, ""]))
        self.machine.run("systemctl", "daemon-reload")

    def secret(self, name: str, text: str) -> None:
        """A file in /etc/smsd/secrets that only root may read."""
        self.machine.write(f"/etc/smsd/secrets/{name}", text, 0o600)

    # --- systemctl

    def ask(self, verb: str) -> "subprocess.CompletedProcess[str]":
        """`systemctl VERB smsd`, whatever comes of it."""
        return self.machine.attempt("systemctl", "--no-pager", "--full", verb, "smsd")

    def start(self, *providers: str) -> None:
        """Starts it and waits until the providers are bound."""
        self.machine.run("systemctl", "start", "smsd")
        self.bound(*providers)

    def kill(self, signal: str) -> None:
        self.machine.run("systemctl", "kill", "--kill-who=main", f"--signal={signal}", "smsd")

    def show(self, name: str) -> str:
        """One property of the unit."""
        return self.machine.run("systemctl", "show", "--value", "--property", name, "smsd").strip()

    def pid(self) -> int:
        """Inside; 0 while it does not run."""
        return int(self.show("MainPID"))

    def state(self) -> str:
        """Like `active running`, `failed failed`, `activating auto-restart`."""
        return f"{self.show('ActiveState')} {self.show('SubState')}"

    # --- what it says

    def journal(self, *options: str) -> str:
        """Its lines in systemd's journal, and systemd's about it; without time and host."""
        return self.machine.run("journalctl", "--no-pager", "--output=cat", "--unit=smsd", *options)

    def bound(self, *providers: str, timeout: float = 20.0) -> None:
        """Waits until they are."""

        def up() -> bool:
            try:
                told = ask(self.port, "GET", "/metrics")[1].splitlines()
            except OSError:
                return False
            return all(f'smsd_bind_up{{provider="{name}"}} 1' in told for name in providers)

        eventually(up, timeout)

    def clear(self) -> None:
        """Stops it at once and takes away what it and its test have left."""
        left = "/etc/systemd/system/smsd.service.d /var/lib/smsd /etc/smsd/secrets/*"
        for each in (
            "systemctl kill --signal=KILL smsd; systemctl stop smsd",
            f"rm -rf {left}; systemctl daemon-reload; systemctl reset-failed smsd",
        ):
            self.machine.run("sh", "-c", each, check=False)
