"""`smsd stats`: how many messages were sent, delivered, failed, from the journal; smsd may be running or not."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from smsd.links.journal.tally import UnderWay

STATUSES = (
    *("sent", "delivered", "undelivered", "failed", "rejected", "expired", "cancelled", "uncertain", "unconfirmed"),
)
RARE = STATUSES[5:]
"""Left out of the table while there are none."""

Counts = dict[str, int]


@click.command(
    short_help="Count sent, delivered, failed messages by provider.",
    epilog="Examples: smsd stats; smsd stats acme --since 7d; smsd stats --campaign spring --json",
)
@click.argument("provider", metavar="[P]", required=False, shell_complete=providers_named)
@click.option("--campaign", metavar="C", help="Of this campaign only, and how many of it are still under way.")
@since_option("today", "From when on, to the quarter of an hour: today, 24h, 7d, 2026-03-01.")
@json_option
@config_option
def stats(provider: str | None, campaign: str | None, since: float, as_json: bool, config: str) -> None:
    """Count what became of messages, by provider.

    A message counts once for each status it has had: as `sent` when the provider accepted it, then as what its receipt
    said. `unknown` stands for requests that named no provider.
    """
    settings = load_to_look(config)
    from smsd.core.contract import timestamp
    from smsd.links.journal.tally import tally, under_way

    with journal_or_exit(settings.journal.path) as file:
        found = tally(file, since, provider=provider, campaign=campaign)
        pending = under_way(file, campaign, provider) if campaign is not None else None
    if provider is not None:
        check_provider(provider, settings, also=found)
    quiet = [] if campaign else [name for name, one in settings.providers.items() if one.active]
    names = [provider] if provider else [*dict.fromkeys([*quiet, *sorted(found)])]
    counted = {name: {status: found.get(name, {}).get(status, 0) for status in STATUSES} for name in names}
    total = {status: sum(counts[status] for counts in counted.values()) for status in STATUSES}
    if as_json:
        facts = {"since": timestamp(since), "campaign": campaign, "providers": counted, "total": total}
        more = {} if pending is None else {"under_way": pending._asdict()}
        click.echo(json.dumps(facts | more, ensure_ascii=False))
        return
    click.echo("\n".join(_table(counted, total)))
    if pending is not None:
        click.echo(_under_way(pending))


def _table(counted: dict[str, Counts], total: Counts) -> Iterator[str]:
    shown = [status for status in STATUSES if total[status] or status not in RARE]
    rows = [*counted.items(), *([("total", total)] if len(counted) != 1 else [])]
    widest = max(len("provider"), *(len(name) for name, _ in rows))
    yield "  ".join([f"{'provider':<{widest}}", *(f"{status:>11}" for status in shown)])
    for name, counts in rows:
        yield "  ".join([f"{name:<{widest}}", *(f"{counts[status]:>11}" for status in shown)])


def _under_way(pending: "UnderWay") -> str:
    return (
        f"under way: {pending.awaiting_receipt} await their receipt, {pending.without_result} are handed over or rest "
        "without a result yet; what still waits in RabbitMQ is not counted"
    )
