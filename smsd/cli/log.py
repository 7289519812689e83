"""`smsd log`: the connection log, from the journal; smsd may be running or not."""

import json

import click

from smsd.cli.options import (
    check_provider,
    config_option,
    journal_or_exit,
    json_option,
    load_to_look,
    providers_named,
    since_option,
)

MOST = 10_000
"""Lines at most."""


@click.command(
    short_help="Show when connections opened and closed, and why.",
    epilog="Examples: smsd log acme; smsd log smsd --since 7d; smsd log --json | tail -1",
)
@click.argument("provider", metavar="[P]", required=False, shell_complete=providers_named)
@since_option("24h", "How far back, or from when on: 30m, 7d, today, 2026-03-01T12:00.")
@json_option
@config_option
def log(provider: str | None, since: float, as_json: bool, config: str) -> None:
    """Show when connections opened and closed, and why; P is a provider, or `smsd` for the daemon's own events.

    With --json an object a line. smsd may be running or not.
    """
    settings = load_to_look(config)
    from smsd.links.journal.history import connection_log

    with journal_or_exit(settings.journal.path) as file:
        events = connection_log(file, provider, since, MOST)
    if provider is not None and not events:
        check_provider(provider, settings, also=("smsd",))
    for event in events:
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            state = f"connection {event['state']}" if event["state"] else ""
            name = event["provider"] or "smsd"
            click.echo(f"{event['at']}  {name:<12} {event['event']:<16} {state:<18} {event['detail']}")
