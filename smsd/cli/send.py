"""`smsd send`: requests through the front door, as a CRM would publish them, and what becomes of them."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click

from smsd.cli.options import (
    Unavailable,
    check_provider,
    config_option,
    duration,
    json_option,
    load_or_exit,
    providers_named,
)
from smsd.core.contract import PRIORITIES, REQUEST_TYPE, dumps
from smsd.core.errors import LinkDown
from smsd.core.publication import Confirm, Publication
from smsd.links.broker.client import Client, connected
from smsd.settings.model import Settings

GOOD = ("sent", "delivered")
"""Final statuses that count as success."""


EPILOG = """
FILE is CSV with a header (the column `to`, and any of text, id, from, campaign, encoding, flash, receipt, max_segments,
expires_at, send_after, on_uncertain), or holds one number per line. TEXT is for the rows that have none. The file is
checked first: if a line is bad, all bad ones are told and nothing is sent (exit code 1).

The same command again sends nothing twice, within journal.keep: a row without an id gets one made from what it says and
from its campaign, or, without a campaign, from the whole file. With one, a longer file sends what is new in it.

\b
Examples:
  smsd send acme '+7 900 000 00 11' 'Hello' --wait
  smsd send --file numbers.csv acme 'Come in, it is spring' --campaign spring --wait
  smsd send --file orders.csv acme            with the columns to,text,id
"""


@click.command(short_help="Send a message, or one to each number of a file.", epilog=EPILOG)
@click.argument("provider", metavar="P", shell_complete=providers_named)
@click.argument("words", metavar="[NUMBER] [TEXT]", nargs=-1)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send to every number of a file; see below.",
)
@click.option("--from", "sender", metavar="S", help="The sender; else the provider's first.")
@click.option("--priority", type=click.Choice(PRIORITIES), help="[default: normal, with --file bulk]")
@click.option("--id", "request_id", metavar="ID", help="The request's own id; else a new one.")
@click.option("--campaign", metavar="C", help="The campaign it belongs to, for smsd cancel and smsd stats.")
@click.option("--wait", is_flag=True, help="Follow the results until the final one.")
@click.option(
    "--timeout",
    metavar="TIME",
    default="60s",
    show_default=True,
    callback=duration,
    help="How long --wait waits; with --file: for the next result.",
)
@json_option
@config_option
def send(
    provider: str,
    words: tuple[str, ...],
    file: Path | None,
    sender: str | None,
    priority: str | None,
    request_id: str | None,
    campaign: str | None,
    wait: bool,
    timeout: float,
    as_json: bool,
    config: str,
) -> None:
    """Publish one request to provider P, or with --file one for each row; with --wait show how they end.

    Exit code 0 once the broker has it, with --wait if all ended as sent or delivered; 1 if not; 75 if the broker cannot
    be reached.
    """
    most = 1 if file else 2
    if len(words) > most or (file is None and len(words) < most):
        raise click.UsageError("give P NUMBER TEXT, or --file FILE P [TEXT]")
    if file is not None and request_id is not None:
        raise click.UsageError("--id is for one request; in a file it is a column")
    settings = load_or_exit(config)
    check_provider(provider, settings)
    if not settings.providers[provider].active:
        click.echo(f"{provider} is not active: the request waits in its queue until it is", err=True)
    priority = priority or ("normal" if file is None else "bulk")
    common = {name: value for name, value in (("from", sender), ("campaign", campaign)) if value is not None}
    waits = timeout if wait else None
    if file is not None:
        from smsd.cli import bulk

        if words:
            common["text"] = words[0]
        bulk.send(settings, provider, priority, str(file), common, waits, as_json)
    else:
        body = {"id": request_id or uuid.uuid4().hex, "to": words[0], "text": words[1], **common}
        _send_one(settings, f"{provider}.{priority}", body, waits, as_json)


def _send_one(settings: Settings, key: str, body: dict[str, str], waits: float | None, as_json: bool) -> None:
    request = Publication(f"{settings.broker.prefix}.requests", key, dumps(body), body["id"], REQUEST_TYPE)
    try:
        good = asyncio.run(_send(settings, request, waits, as_json))
    except LinkDown as down:
        raise Unavailable(f"broker: {down.reason}") from None
    sys.exit(0 if good else 1)


async def _send(settings: Settings, request: Publication, timeout: float | None, as_json: bool) -> bool:
    """Whether it went well, as far as was asked for. Raises LinkDown."""
    async with connected(settings.broker) as client:
        if await client.lacks(request.exchange):
            raise LinkDown("broker", f"it has no exchange {request.exchange}: smsd has not run with it yet")
        reply_to = None if timeout is None else await client.reply_queue()
        answer = await client.publish(request, reply_to)
        if answer is not Confirm.DONE:
            click.echo(f"{request.exchange} with key {request.key}: {answer.value}", err=True)
            return False
        if timeout is None:
            _show_queued(request, as_json)
            return True
        async for result in _results(client, timeout):
            _show(result, as_json)
            if result["final"]:
                return result["status"] in GOOD
    click.echo(f"{request.message_id}: no final result within {timeout:g} s; it may still come", err=True)
    return False


async def _results(client: Client, timeout: float) -> AsyncIterator[dict[str, Any]]:
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            yield json.loads(await client.reply(left))
        except TimeoutError:
            return


def _show_queued(request: Publication, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": request.message_id, "exchange": request.exchange, "routing_key": request.key}))
    else:
        click.echo(f"{request.message_id}: queued as {request.key}")


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    said = [result["reason"], result["detail"]]
    if result["segments"]:
        said.append(f"{result['segments']} x {result['encoding']}")
    said.extend(f"smsc_id {part['smsc_id']}" for part in result["parts"] if part["smsc_id"])
    click.echo(f"{result['id']}: {result['status']:<11}  {', '.join(word for word in said if word)}".rstrip())
