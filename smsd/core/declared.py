"""What is at the broker already, declared by somebody else: what differs from ours, and what to do, for operators.

RabbitMQ compares one argument after the other and names the first that differs (AMQP 0-9-1 §1.7.2.1: 406).
"""

import re
from collections.abc import Mapping

from smsd.core.topology import Exchange, Queue, Topology

_UNLIKE = re.compile(
    r"inequivalent arg '(?P<name>[^']+)' for .* in vhost '(?P<vhost>[^']+)': received .* but current is (?P<is>.+)"
)
_VALUE = re.compile(r"^(?:the value )?'(?P<value>.*?)'(?: of type '\w+')?$")
_LOCKED = "RESOURCE_LOCKED"


def refused(what: Exchange | Queue, why: str) -> str:
    """Why it could not be declared, in RabbitMQ's words `why`: as a sentence, where they are known."""
    kind = "queue" if isinstance(what, Queue) else "exchange"
    if _LOCKED in why:
        return f"{kind} {what.name} belongs to another connection, which declared it exclusive: end that one"
    if (found := _UNLIKE.search(why)) is None:
        return f"{kind} {what.name}: {why}"
    name = found["name"]
    return (
        f"{kind} {what.name} was declared by somebody else: its {name} is {_told(name, found['is'])}, and smsd's is "
        f"{_ours(what, name)}. {_remedy(what, found['vhost'])}, or have it declared with {_all(what)}"
    )


def _told(name: str, value: str) -> str:
    """The value that is there, as RabbitMQ writes it."""
    if value.strip() == "none":
        return "classic" if name == "x-queue-type" else "not set"  # as newer versions say it themselves
    found = _VALUE.match(value.strip())
    return found["value"] if found else value.strip()


def _ours(what: Exchange | Queue, name: str) -> str:
    value = _wanted(what).get(name)
    return "not set" if value is None else _written(value)


def _wanted(what: Exchange | Queue) -> Mapping[str, str | int | bool]:
    """All that is compared."""
    plain: dict[str, str | int | bool] = {"durable": True, "auto_delete": False}
    plain |= {"exclusive": False} if isinstance(what, Queue) else {"type": what.kind, "internal": False}
    return plain | what.arguments


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _all(what: Exchange | Queue) -> str:
    first = ["durable"] if isinstance(what, Queue) else [f"type {what.kind}", "durable"]
    named = [f"{name}: {_written(value)}" for name, value in what.arguments.items()]
    return ", ".join([*first, *named]) + ("" if named else " and no arguments")


def _remedy(what: Exchange | Queue, vhost: str) -> str:
    if isinstance(what, Queue):
        return f"Delete it when it is empty (rabbitmqctl delete_queue -p {vhost} {what.name} --if-empty)"
    return "Delete it (its bindings go with it)"


def missing(names: list[str]) -> str:
    """What should be there and is not, where smsd is not to declare it."""
    return f"missing: {', '.join(names)}; `smsd topology` prints what to import"


def parts(whole: Topology) -> list[Exchange | Queue]:
    """All that can be declared, one by one."""
    return [*whole.exchanges, *whole.queues]
