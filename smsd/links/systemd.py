"""What the service manager is told, by sd_notify(3): datagrams to $NOTIFY_SOCKET; without one, nothing happens."""

import os
import socket

_TIMEOUT = 1.0
"""Seconds that a datagram may take: the loop must not hang on a service manager that does."""


def listens() -> bool:
    """Whether somebody is there to be told."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(*lines: str) -> bool:
    """Sends `lines` (`READY=1`, …) in one datagram. False if nobody asked for it or it could not be sent."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_TIMEOUT)
            sender.sendto("\n".join(lines).encode("utf-8", "replace"), address)
    except OSError:
        return False
    return True


def ready() -> bool:
    """The start, or a reload, is over: also one that failed."""
    return notify("READY=1")


def reloading(monotonic_us: int) -> bool:
    """A reload begins; `monotonic_us` is CLOCK_MONOTONIC in microseconds."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={monotonic_us}")


def stopping() -> bool:
    """The stop begins."""
    return notify("STOPPING=1")


def alive() -> bool:
    """What the watchdog waits for."""
    return notify("WATCHDOG=1")


def status(text: str) -> bool:
    """One line for `systemctl status`."""
    return notify("STATUS=" + " ".join(text.split()))


def watchdog_interval() -> float | None:
    """Seconds between two `alive`, half of what the watchdog allows; None if it does not watch this process."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(usec) / 2 / 1_000_000
