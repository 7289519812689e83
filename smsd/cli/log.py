"""`smsd log`: the connection log, from the journal; smsd may be running or not."""

import json
import sys
import time

import click

from smsd.cli.options import config_option, json_option, load_or_exit
from smsd.core.errors import JournalDamaged
from smsd.links.journal.file import DiskTrouble, Reading
from smsd.links.journal.history import connection_log
from smsd.settings.scalars import seconds

MOST = 10_000
"""Lines at most."""


def _span(_: click.Context, __: click.Parameter, value: str) -> float:
    try:
        return float(seconds(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no duration: write 30m, 24h or 7d") from None


@click.command()
@click.argument("provider", required=False)
@click.option(
    "--since", metavar="TIME", default="24h", show_default=True, callback=_span, help="How far back: 30m, 7d."
)
@json_option
@config_option
def log(provider: str | None, since: float, as_json: bool, config: str) -> None:
    """Show when connections opened and closed, and why; PROVIDER is a name, or `smsd` for the daemon's own events."""
    settings = load_or_exit(config, secrets=False)
    try:
        file = Reading(settings.journal.path)
        try:
            events = connection_log(file, provider, time.time() - since, MOST)
        finally:
            file.close()
    except (JournalDamaged, DiskTrouble) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    for event in events:
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            state = f"connection {event['state']}" if event["state"] else ""
            name = event["provider"] or "smsd"
            click.echo(f"{event['at']}  {name:<12} {event['event']:<16} {state:<18} {event['detail']}")
