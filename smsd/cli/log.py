"""`smsd log`: the connection log, from the journal; smsd may be running or not."""

import json
import time

import click

from smsd.cli.options import config_option, duration, journal_or_exit, json_option, load_or_exit
from smsd.links.journal.history import connection_log

MOST = 10_000
"""Lines at most."""


@click.command()
@click.argument("provider", required=False)
@click.option(
    "--since", metavar="TIME", default="24h", show_default=True, callback=duration, help="How far back: 30m, 7d."
)
@json_option
@config_option
def log(provider: str | None, since: float, as_json: bool, config: str) -> None:
    """Show when connections opened and closed, and why; PROVIDER is a name, or `smsd` for the daemon's own events."""
    settings = load_or_exit(config, secrets=False)
    with journal_or_exit(settings.journal.path) as file:
        events = connection_log(file, provider, time.time() - since, MOST)
    for event in events:
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            state = f"connection {event['state']}" if event["state"] else ""
            name = event["provider"] or "smsd"
            click.echo(f"{event['at']}  {name:<12} {event['event']:<16} {state:<18} {event['detail']}")
