"""`smsd status`: what the running daemon says of its providers, at a glance."""

import http.client
import json
import socket
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smsd.cli.options import config_option, json_option, load_or_exit
from smsd.core.contract import PRIORITIES
from smsd.settings.model import Provider, Settings

TIMEOUT = 5.0
"""Seconds for the daemon's answer."""

PIPE_WIDTH = 200
"""Columns of the table where there is no terminal to ask."""


class NoDaemon(Exception):
    """Nobody who could be asked, and why."""


@click.command()
@json_option
@config_option
def status(as_json: bool, config: str) -> None:
    """Show each provider: state, since when, rate, window, waiting.

    With the daemon down all connections are closed; that too is exit code 0.
    """
    settings = load_or_exit(config, secrets=False)
    try:
        shown = ask(settings.http.listen)
    except NoDaemon as nobody:
        shown = without_daemon(settings, str(nobody))
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        show(shown)


def ask(listen: str) -> dict[str, Any]:
    """The daemon's /status at `listen`. Raises NoDaemon with a sentence."""
    if not listen:
        raise NoDaemon("smsd can't be asked: http.listen is empty")
    host, _, port = listen.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", "/status")
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == 200 else None
    except OSError as error:
        raise NoDaemon(f"smsd is not running: {listen}: {error.strerror or error}") from None
    except (http.client.HTTPException, ValueError):
        found = None
    finally:
        connection.close()
    if not isinstance(found, dict) or "providers" not in found:
        raise NoDaemon(f"what answers at {listen} is not smsd")
    return found


def without_daemon(settings: Settings, detail: str) -> dict[str, Any]:
    """The same document, as far as the configuration knows it."""
    return {
        "node": settings.node or socket.gethostname(),
        "version": None,
        "started_at": None,
        "broker": {"state": "closed", "detail": detail},
        "providers": {name: _closed(provider, detail) for name, provider in settings.providers.items()},
    }


def _closed(provider: Provider, detail: str) -> dict[str, Any]:
    return {
        "active": provider.active,
        "state": "closed",
        "since": None,
        "host": None,
        "max_rate": provider.max_rate,
        "rate_now": None,
        "window": provider.window,
        "window_used": 0,
        "waiting": dict.fromkeys(PRIORITIES, 0),
        "paused": False,
        "detail": detail if provider.active else "not active",
    }


def show(status: dict[str, Any]) -> None:
    """For people: a line about the daemon and a table of its providers."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(escape(_daemon_line(status)))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("provider", "state", "since", "host"):
        table.add_column(title, no_wrap=True)
    for title in ("rate / limit", "window", "waiting u/n/b"):
        table.add_column(title, no_wrap=True, justify="right")
    table.add_column("detail", overflow="fold")
    for name, provider in status["providers"].items():
        table.add_row(*_row(name, provider))
    if status["providers"]:
        console.print(table)


def _daemon_line(status: dict[str, Any]) -> str:
    broker = status["broker"]
    if status["version"] is None:
        return str(broker["detail"])
    line = (
        f"smsd {status['version']} on {status['node']}, since {_moment(status['started_at'])}; broker {broker['state']}"
    )
    return line if broker["state"] == "connected" or not broker.get("detail") else f"{line}: {broker['detail']}"


def _row(name: str, provider: dict[str, Any]) -> list[str]:
    is_open = provider["state"] == "open"
    colour = "green" if is_open else "red" if provider["active"] else "dim"
    state = f"[{colour}]connection {provider['state']}[/]" + (" [yellow](paused)[/]" if provider["paused"] else "")
    waiting = "/".join(str(provider["waiting"][priority]) for priority in PRIORITIES)
    return [
        escape(name),
        state,
        _moment(provider["since"]),
        escape(provider["host"] or "-"),
        f"{_rate(provider['rate_now'])} / {_rate(provider['max_rate'])}",
        f"{provider['window_used']}/{provider['window']}",
        waiting,
        escape(_brief(provider["detail"] or "")),
    ]


def _brief(detail: str) -> str:
    """Without what the columns `state` and `host` say already."""
    if detail.startswith("connection open"):
        _, found, quiet = detail.rpartition("; quiet until ")
        return found.removeprefix("; ") + quiet if found else ""
    return detail.removeprefix("connection closed: ")


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{round(rate, 1):g}"


def _moment(at: str | None) -> str:
    """A time of the contract in this machine's zone; the date only when it is not today's."""
    if at is None:
        return "-"
    moment = datetime.fromisoformat(at).astimezone()
    today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")
