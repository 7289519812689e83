"""`smsd check --connect`: is each connection open, and if not, what is wrong in an operator's words."""

import asyncio
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import click

from smsd.app import topology_of
from smsd.cli.options import check_provider
from smsd.cli.running import NoDaemon, ask
from smsd.core import declared
from smsd.core.errors import LinkDown
from smsd.core.smpp import status as smpp_status
from smsd.core.topology import Topology
from smsd.links.broker.amqp import shown
from smsd.links.broker.client import connected
from smsd.links.probe import probe
from smsd.settings.model import Broker, Provider, Settings
from smsd.settings.rules import same_connections


@dataclass(frozen=True, slots=True)
class Connection:
    """What came of one host of a provider, or, without a provider, of one node of the broker."""

    provider: str | None
    host: str | None
    open: bool
    detail: str
    status: int | None = None
    held: bool = False
    """Told by the running smsd, which holds the provider."""


def chosen(settings: Settings, names: Iterable[str]) -> list[Provider]:
    """The named providers, active or not; without names all active ones. Raises UsageError."""
    providers = settings.providers
    for name in names:
        check_provider(name, settings)
    return [providers[name] for name in dict.fromkeys(names)] or [one for one in providers.values() if one.active]


def connections(settings: Settings, providers: list[Provider]) -> list[Connection]:
    """The broker's nodes, then the providers in their order. Those that a running smsd holds are asked of it."""
    found = _told_by_daemon(settings, providers)
    free = [one for one in providers if one.name not in found]
    nodes = asyncio.run(_reach(settings, free, found))
    return nodes + [one for provider in providers for one in found[provider.name]]


def _told_by_daemon(settings: Settings, providers: list[Provider]) -> dict[str, list[Connection]]:
    """By provider, what need not or must not be tried: there are never two binds with the same connection data."""
    try:
        told = ask(settings)["providers"]
    except NoDaemon as nobody:
        if nobody.pid is not None:
            why = f"not tried: smsd runs (pid {nobody.pid}), may hold it, and can't be asked: {nobody.reason}"
            return {one.name: [Connection(one.name, None, False, why)] for one in providers}
        told = {}
    held = {name: one for name, one in settings.providers.items() if told.get(name, {}).get("active")}
    rest = {one.name: one.model_copy(update={"active": True}) for one in providers if one.name not in held}
    found = {
        name: [Connection(name, None, False, f"not tried: {why}")] for name, why in same_connections({**held, **rest})
    }
    return found | {name: [_daemons_word(name, told[name])] for name in held}


def _daemons_word(name: str, told: dict[str, Any]) -> Connection:
    is_open, detail = told["state"] == "open", str(told["detail"])
    if not is_open:
        return Connection(name, None, False, detail.removeprefix("connection closed: "), held=True)
    shorter = detail.removeprefix("connection open (").removesuffix(")").replace(f" at {told['host']}", "")
    return Connection(name, told["host"], True, shorter, held=True)


async def _reach(settings: Settings, providers: list[Provider], found: dict[str, list[Connection]]) -> list[Connection]:
    """Adds what the providers say to `found` and returns what the broker says; all of them at the same time."""

    async def add(provider: Provider) -> None:
        found[provider.name] = [Connection(provider.name, *astuple(one)) for one in await probe(provider)]

    wanted = topology_of(settings)
    nodes = asyncio.gather(*(_node(settings.broker, url, wanted) for url in settings.broker.url))
    await asyncio.gather(nodes, *(add(provider) for provider in providers))
    return nodes.result()


async def _node(broker: Broker, url: str, wanted: Topology) -> Connection:
    """Open means for smsd: reached, and all that is there of what smsd needs is as it needs it."""
    where = shown(url)
    try:
        async with connected(broker.model_copy(update={"url": (url,)})) as client:
            if broker.declare:
                wrong = "; ".join(await client.unlike(wanted))
            else:
                names = await client.missing(wanted)
                wrong = declared.missing(names) if names else ""
            return Connection(None, where, not wrong, wrong or "RabbitMQ")
    except LinkDown as down:
        return Connection(None, where, False, down.reason.removeprefix(f"{where}: "))


def as_json(found: list[Connection]) -> dict[str, Any]:
    """`ok` says whether all of them are open."""
    facts: dict[str, list[dict[str, Any]]] = {"broker": [], "connections": []}
    for one in found:
        fact: dict[str, Any] = {"host": one.host, "state": _state(one), "detail": one.detail}
        if one.provider is None:
            facts["broker"].append(fact)
        else:
            status = None if one.status is None else smpp_status.as_json(one.status)
            fact |= {"smpp_status": status, "held": one.held}
            facts["connections"].append({"provider": one.provider, **fact})
    return {"ok": all(one.open for one in found), **facts}


def show(found: list[Connection]) -> None:
    """For people: a line for each."""
    width = max(len(one.provider or "(broker)") for one in found)
    for one in found:
        where = f"{one.host}: " if one.host else ""
        held = " (said by the running smsd)" if one.held else ""
        click.echo(f"{one.provider or '(broker)':<{width}}  connection {_state(one):<6}  {where}{one.detail}{held}")


def _state(one: Connection) -> str:
    return "open" if one.open else "closed"
