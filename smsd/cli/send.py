"""`smsd send`: one request through the front door, as a CRM would publish it, and what becomes of it."""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import click

from smsd.cli.options import config_option, duration, json_option, load_or_exit
from smsd.core.contract import PRIORITIES, REQUEST_TYPE, dumps
from smsd.core.errors import LinkDown
from smsd.core.publication import Confirm, Publication
from smsd.links.broker.client import Client, connected
from smsd.settings.model import Settings

GOOD = ("sent", "delivered")
"""Final statuses that count as success."""


class _Unavailable(click.ClickException):
    exit_code = os.EX_TEMPFAIL


@click.command()
@click.argument("provider", metavar="P")
@click.argument("number", metavar="NUMBER")
@click.argument("text", metavar="TEXT")
@click.option("--from", "sender", metavar="S", help="The sender; else the provider's first.")
@click.option("--priority", type=click.Choice(PRIORITIES), default="normal", show_default=True)
@click.option("--id", "request_id", metavar="ID", help="The request's own id; else a new one.")
@click.option("--wait", is_flag=True, help="Follow the results until the final one.")
@click.option("--timeout", default="60s", show_default=True, callback=duration, help="How long --wait waits.")
@json_option
@config_option
def send(
    provider: str,
    number: str,
    text: str,
    sender: str | None,
    priority: str,
    request_id: str | None,
    wait: bool,
    timeout: float,
    as_json: bool,
    config: str,
) -> None:
    """Publish one request to provider P, and with --wait show its results as they come.

    Exit code 0 once the broker has it, with --wait if it ended as sent or delivered; 1 if it did not; 75 if the broker
    cannot be reached.
    """
    settings = load_or_exit(config)
    _check_provider(provider, settings)
    body = {"id": request_id or uuid.uuid4().hex, "to": number, "text": text}
    if sender is not None:
        body["from"] = sender
    exchange = f"{settings.broker.prefix}.requests"
    request = Publication(exchange, f"{provider}.{priority}", dumps(body), body["id"], REQUEST_TYPE)
    try:
        good = asyncio.run(_send(settings, request, timeout if wait else None, as_json))
    except LinkDown as down:
        raise _Unavailable(f"broker: {down.reason}") from None
    sys.exit(0 if good else 1)


def _check_provider(name: str, settings: Settings) -> None:
    if name not in settings.providers:
        known = ", ".join(settings.providers) or "none"
        raise click.UsageError(f"there is no provider {name!r}; there is: {known}")
    if not settings.providers[name].active:
        click.echo(f"{name} is not active: the request waits in its queue until it is", err=True)


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
