"""`smsd status`: what the running daemon says of its providers, at a glance."""

import json
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smsd.cli.options import config_option, json_option, load_to_look
from smsd.cli.running import NoDaemon, ask, known_last, without_daemon
from smsd.core.ceiling import held_down
from smsd.core.contract import PRIORITIES

PIPE_WIDTH = 200
"""Columns of the table where there is no terminal to ask."""


@click.command(
    short_help="Show each provider: state, rate, window, waiting.",
    epilog="Examples: smsd status; smsd status --json | jq .providers.acme.state",
)
@json_option
@config_option
def status(as_json: bool, config: str) -> None:
    """Show each provider: state, since when, rate, window, waiting.

    With the daemon down all connections are closed, and the journal tells since when and why, as far as it was known.
    That too is exit code 0.
    """
    settings = load_to_look(config)
    try:
        shown = ask(settings)
    except NoDaemon as nobody:
        shown = without_daemon(settings, nobody, known_last(settings.journal.path))
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        show(shown)


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
        escape("; ".join(filter(None, (_brief(provider["detail"]), held_down(provider))))),
    ]


def _brief(detail: str | None) -> str:
    """Without what the columns `state` and `host` say already."""
    detail = detail or ""
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
