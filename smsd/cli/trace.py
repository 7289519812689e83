"""`smsd trace`: one message's life, from the journal; smsd may be running or not."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from smsd.cli.options import config_option, journal_or_exit, json_option, load_to_look
from smsd.core.smpp import pdus as smpp_pdus
from smsd.core.smpp import status as smpp_status
from smsd.core.smpp.codec import HEADER

if TYPE_CHECKING:
    from smsd.settings.model import Provider

SAID_ELSEWHERE = ("at", "step", "segment", "last_status", "age", "ending", "result_id")


@click.command(
    short_help="Show one message's life in order.",
    epilog="Examples: smsd trace order-4711; smsd trace order-4711 --pdus --json",
)
@click.argument("message_id", metavar="ID")
@click.option("--pdus", is_flag=True, help="With what went over the wire, for the provider's support (log.pdus).")
@json_option
@config_option
def trace(message_id: str, pdus: bool, as_json: bool, config: str) -> None:
    """Show one message's life in order: received, handed over, answered, receipts, results.

    ID is the request's own. A request that was not handed over yet is not in the journal: it waits in RabbitMQ.
    """
    settings = load_to_look(config)
    from smsd.links.journal.history import life

    with journal_or_exit(settings.journal.path) as file:
        found = life(file, message_id)
    if found is None:
        click.echo(
            f"nothing is known of {message_id!r}: it was not handed over yet (then it waits in RabbitMQ), or it was no "
            "valid request (then its result says why), or it is older than journal.keep "
            f"({settings.journal.keep / 86400:g} days), or its id is another one",
            err=True,
        )
        sys.exit(1)
    kept = any("hex" in step for step in found["steps"])
    if not pdus:
        found["steps"] = [step for step in found["steps"] if "hex" not in step]
    elif provider := settings.providers.get(found["provider"]):
        found["account"] = account(provider)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(lines(found)))
    if pdus and not kept:
        click.echo("no PDUs of it were kept: set `log.pdus: true`, reload, and let it happen again", err=True)
        sys.exit(1)


def account(provider: "Provider") -> dict[str, Any]:
    """What the provider's support asks for first."""
    return {
        "system_id": provider.system_id,
        "system_type": provider.system_type,
        "bind": provider.bind,
        "hosts": [host.where for host in provider.hosts],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The life for people, one step a line."""
    shown = [f"{found['id']} by {found['provider'] or 'no provider'}"]
    if "account" in found:
        shown.append(f"account: {_pairs(found['account'])}")
    for step in found["steps"]:
        segment = f" segment {step['segment']}" if "segment" in step else ""
        shown.append(f"{step['at']}  {step['step'] + segment:<22} {_facts(step)}".rstrip())
    if found["unpublished"]:
        shown.append(f"{found['unpublished']} of its results wait for RabbitMQ")
    return shown


def _facts(step: dict[str, Any]) -> str:
    if "hex" in step:
        return _pdu(step)
    facts = {name: value for name, value in step.items() if name not in SAID_ELSEWHERE and value not in (None, "")}
    return _pairs(facts)


def _pairs(facts: dict[str, Any]) -> str:
    return " ".join(f"{name}={_value(name, value)}" for name, value in facts.items())


def _pdu(step: dict[str, Any]) -> str:
    frame = bytes.fromhex(step["hex"])
    _, command, status, sequence = HEADER.unpack_from(frame)
    arrow = "->" if step["direction"] == "out" else "<-"
    return f"{arrow} {smpp_pdus.name(command)} {smpp_status.name(status)} sequence={sequence} {step['hex']}"


def _value(name: str, value: Any) -> str:
    if name == "smpp_status":
        return smpp_status.name(value)
    if name == "due":
        from smsd.core.contract import timestamp

        return timestamp(value)
    if name in ("receipt", "late"):
        value = value["raw"] or f"message_state {value.get('state')}"
    return value if isinstance(value, str) and " " not in value else json.dumps(value, ensure_ascii=False)
