"""`smsd pause`, `resume` and `cancel`: a command to the daemon that holds the provider, and its answer."""

import json
import os
import sys
import uuid
from typing import TYPE_CHECKING, Any

import click

from smsd.cli.options import (
    Unavailable,
    check_provider,
    config_option,
    json_option,
    load_or_exit,
    providers_named,
)

if TYPE_CHECKING:
    from smsd.settings.model import Settings

ALL = "all"
"""In a provider's place: every one that a daemon holds."""

ANSWER_WITHIN = {"pause": 10.0, "resume": 10.0, "cancel": 70.0}
"""Seconds. A daemon answers a cancel after 60 s at the latest."""


@click.command(short_help="Hand nothing more to a provider.", epilog="Examples: smsd pause acme; smsd pause all")
@click.argument("provider", metavar="P", shell_complete=providers_named)
@json_option
@config_option
def pause(provider: str, as_json: bool, config: str) -> None:
    """Hand nothing more to provider P; what waits, waits in RabbitMQ. P `all`: to no provider.

    The connection stays open, receipts still come. It lasts until `smsd resume`, over restarts too.
    """
    _carry_out(config, provider, as_json, {"command": "pause"})


@click.command(
    short_help="Go on after pause, or let a cancelled campaign through.",
    epilog="Examples: smsd resume acme; smsd resume all; smsd resume all --campaign spring",
)
@click.argument("provider", metavar="P", shell_complete=providers_named)
@click.option("--campaign", metavar="C", help="Let a cancelled campaign through again, and change nothing else.")
@click.option("--id", "request_id", metavar="ID", help="The same for one cancelled message.")
@json_option
@config_option
def resume(provider: str, campaign: str | None, request_id: str | None, as_json: bool, config: str) -> None:
    """Go on after `smsd pause`. P `all`: with every provider."""
    _carry_out(config, provider, as_json, {"command": "resume", "campaign": campaign, "id": request_id})


@click.command(
    short_help="End what waits of a campaign.",
    epilog="Examples: smsd cancel --campaign spring; smsd cancel --id order-4711 acme",
)
@click.argument("provider", metavar="[P]", default=ALL, shell_complete=providers_named)
@click.option("--campaign", metavar="C", help="Which campaign.")
@click.option("--id", "request_id", metavar="ID", help="Instead: which message.")
@json_option
@config_option
def cancel(provider: str, campaign: str | None, request_id: str | None, as_json: bool, config: str) -> None:
    """End what waits of a campaign, at provider P or at all: each message gets its result `cancelled`.

    RabbitMQ's queues are read through for it, also while the provider is paused, closed or quiet. Later messages of
    the campaign are cancelled as they come, until `smsd resume P --campaign C`. Exit code 75 if not all that waits is
    cancelled after a minute: the same command again goes on, and tells how far it is.
    """
    if (campaign is None) == (request_id is None):
        raise click.UsageError("say what to cancel: --campaign C, or --id ID")
    _carry_out(config, provider, as_json, {"command": "cancel", "campaign": campaign, "id": request_id})


def _carry_out(config: str, provider: str, as_json: bool, command: dict[str, Any]) -> None:
    settings = load_or_exit(config)
    check_provider(provider, settings, also=(ALL,))
    import asyncio  # not needed to complete a word

    from smsd.core.errors import LinkDown

    if command["command"] == "cancel" and sys.stderr.isatty():
        click.echo("waiting until all that waits is cancelled …", err=True)
    try:
        answer = asyncio.run(_ask(settings, provider, command))
    except LinkDown as down:
        raise Unavailable(f"broker: {down.reason}") from None
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    elif answer["ok"]:
        click.echo(_told(answer, command))
    else:
        click.echo(answer["error"], err=True)
    if not answer["ok"]:
        sys.exit(1)
    sys.exit(0 if answer.get("done", True) else os.EX_TEMPFAIL)


async def _ask(settings: "Settings", provider: str, command: dict[str, Any]) -> dict[str, Any]:
    """The daemon's answer. Raises LinkDown, Unavailable if nobody answers, and ClickException if nobody ever will."""
    from smsd.core.contract import CONTROL_TYPE, dumps
    from smsd.core.publication import Confirm, Publication
    from smsd.links.broker.client import connected

    control_id = uuid.uuid4().hex
    exchange = f"{settings.broker.prefix}.control"
    body = {name: value for name, value in command.items() if value is not None} | {"control_id": control_id}
    async with connected(settings.broker) as client:
        if await client.lacks(exchange):
            raise Unavailable(f"broker: it has no exchange {exchange}: smsd has not run with it yet")
        request = Publication(exchange, provider, dumps(body), control_id, CONTROL_TYPE, control_id)
        if await client.publish(request, await client.reply_queue()) is not Confirm.DONE:
            raise _nobody(settings, provider)
        within = ANSWER_WITHIN[command["command"]]
        try:
            answer: dict[str, Any] = json.loads(await client.reply(within))
        except TimeoutError:
            raise Unavailable(f"no answer within {within:g} s; it may be carried out all the same: smsd log") from None
    return answer


def _nobody(settings: "Settings", provider: str) -> click.ClickException:
    """Why no daemon reads commands for a provider."""
    from smsd.cli.running import NoDaemon, ask

    try:
        told = ask(settings)
    except NoDaemon as nobody:
        return Unavailable(str(nobody))
    if told["broker"]["state"] == "closed":
        return Unavailable(f"smsd runs, but has no connection to RabbitMQ: {told['broker'].get('detail')}")
    if provider != ALL and provider not in told["providers"]:
        return click.ClickException(f"the running smsd does not know {provider} yet: systemctl reload smsd")
    if provider != ALL and not told["providers"][provider]["active"]:
        return click.ClickException(f"{provider} is not active in the running smsd")
    return Unavailable("smsd runs, but reads no commands here: does it run with this configuration's broker.url?")


def _told(answer: dict[str, Any], command: dict[str, Any]) -> str:
    """An answer for people."""
    campaign = command.get("campaign")
    if command["command"] != "cancel":
        what = f"campaign {campaign}" if campaign else f"message {command['id']}" if command.get("id") else ""
        return f"{answer['provider']}: {what} goes on" if what else _state(answer)
    what = f"campaign {campaign}" if campaign else f"message {command['id']}"
    counted = f"{what}: {answer['cancelled_waiting']} cancelled"
    if campaign:  # of a single message nobody counts it
        counted += f", {answer['already_sent']} handed over before that"
    return counted if answer["done"] else f"{counted}; not all yet: the rest is cancelled as it comes"


def _state(answer: dict[str, Any]) -> str:
    return f"{answer['provider']}: {answer['state']}"
