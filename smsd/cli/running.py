"""The running daemon, asked; and what configuration and journal know without it."""

import http.client
import json
import os
import socket
from collections.abc import Mapping
from typing import Any

import click

from smsd.core.errors import JournalDamaged
from smsd.core.standing import at_rest
from smsd.links.journal.file import DiskTrouble, Reading, holder
from smsd.links.journal.history import Last, last_known
from smsd.settings.model import Provider, Settings

TIMEOUT = 5.0
"""Seconds for the daemon's answer."""


class NoDaemon(Exception):
    """Nobody who could be asked, and why. With `pid` an smsd has the journal all the same."""

    def __init__(self, reason: str, *, away: bool = False, pid: str | None = None) -> None:
        if pid is not None:
            sentence = f"smsd runs (pid {pid}) and can't be asked: {reason}"
        else:
            sentence = f"smsd is not running: {reason}" if away else f"smsd can't be asked: {reason}"
        super().__init__(sentence)
        self.reason = reason
        self.pid = pid


def ask(settings: Settings) -> dict[str, Any]:
    """The daemon's /status. Raises NoDaemon with a sentence."""
    listen, pid = settings.http.listen, holder(settings.journal.path)
    if not listen:
        raise NoDaemon("http.listen is empty", pid=pid)
    host, _, port = listen.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", "/status")
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == 200 else None
    except OSError as error:
        raise NoDaemon(f"{listen}: {error.strerror or error}", away=True, pid=pid) from None
    except (http.client.HTTPException, ValueError):
        found = None
    finally:
        connection.close()
    if not isinstance(found, dict) or "providers" not in found:
        raise NoDaemon(f"what answers at {listen} is not smsd", pid=pid)
    return found


def known_last(path: str) -> dict[str, Last]:
    """What the journal knows of the connections."""
    if not os.path.exists(path):
        return {}
    try:
        file = Reading(path)
        try:
            return last_known(file)
        finally:
            file.close()
    except (JournalDamaged, DiskTrouble) as error:
        click.echo(str(error), err=True)
        return {}


def without_daemon(settings: Settings, nobody: NoDaemon, last: Mapping[str, Last]) -> dict[str, Any]:
    """The same document, as far as configuration and journal know it."""
    detail = str(nobody)
    return {
        "node": settings.node or socket.gethostname(),
        "version": None,
        "started_at": None,
        "broker": {"state": "closed", "detail": detail},
        "providers": {
            name: _unasked(provider, nobody, last.get(name)) for name, provider in settings.providers.items()
        },
    }


def _unasked(provider: Provider, nobody: NoDaemon, last: Last | None) -> dict[str, Any]:
    state, since, detail = "closed", None, str(nobody) if provider.active else "not active"
    if last is not None and (last.state == "closed" or nobody.pid is not None):
        state, since, detail = last.state, last.since, last.detail.partition("; next try in")[0]
    elif last is not None:
        detail = f"smsd ended without closing it; it was open since {last.since}"
    whole = at_rest(provider, detail)
    return whole | {
        "state": state,
        "since": since,
        "paused": last is not None and last.paused,
        "ceiling": whole["ceiling"] if state == "closed" else None,
    }
