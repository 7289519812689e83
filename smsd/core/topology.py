"""Every exchange, queue and binding of the contract, with exactly its arguments.

The arguments are fixed for good: RabbitMQ answers 406 to a declaration that differs in one of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from smsd.core.contract import PRIORITIES

HOLDS: dict[str, int] = {"10s": 10, "1m": 60, "10m": 600, "1h": 3600}
"""Hold queues by name, with how many seconds a request rests in each."""

OUTGOING = ("results", "inbound", "events")
"""Exchanges whose messages the CRM reads; each gets a default queue, so that nothing is lost before the CRM binds."""

Arguments = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    kind: str
    arguments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Binding:
    exchange: str
    queue: str
    key: str


@dataclass(frozen=True, slots=True)
class Topology:
    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


def work_queue(prefix: str, provider: str, priority: str) -> str:
    return f"{prefix}.requests.{provider}.{priority}"


def is_work_queue(prefix: str, name: str) -> bool:
    """Whether `name` is a work queue of some provider, one that is gone from the YAML included."""
    begin, _, priority = name.rpartition(".")
    return priority in PRIORITIES and begin.rpartition(".")[0] == f"{prefix}.requests"


def topology(providers: Iterable[str], *, prefix: str, queue_type: str, default_queues: bool) -> Topology:
    """What has to be there for these providers, active or not: an inactive one's requests wait in its queues."""
    queues = list(_queues(list(providers), prefix, queue_type, default_queues))
    return Topology(tuple(_exchanges(prefix)), tuple(q for q, _ in queues), tuple(b for _, bs in queues for b in bs))


def of_provider(provider: str, *, prefix: str, queue_type: str) -> Topology:
    """What has to be there for this provider besides."""
    queues = list(_work_queues(provider, prefix, queue_type))
    return Topology((), tuple(q for q, _ in queues), tuple(b for _, bs in queues for b in bs))


def part(whole: Topology, names: Iterable[str]) -> Topology:
    """Of all that has to be there, the queues of these names."""
    wanted = frozenset(names)
    queues = tuple(queue for queue in whole.queues if queue.name in wanted)
    return Topology((), queues, tuple(binding for binding in whole.bindings if binding.queue in wanted))


def _exchanges(prefix: str) -> Iterator[Exchange]:
    yield Exchange(f"{prefix}.returned", "fanout")
    yield Exchange(f"{prefix}.dead", "fanout")
    yield Exchange(f"{prefix}.requests", "topic", {"alternate-exchange": f"{prefix}.returned"})
    for name in (*OUTGOING, "control", *(f"hold.{hold}" for hold in HOLDS)):
        yield Exchange(f"{prefix}.{name}", "topic")


def _queues(
    providers: list[str], prefix: str, queue_type: str, default_queues: bool
) -> Iterator[tuple[Queue, list[Binding]]]:
    plain: Arguments = {"x-queue-type": queue_type}
    for name in ("returned", "dead"):
        yield Queue(f"{prefix}.{name}", plain), [Binding(f"{prefix}.{name}", f"{prefix}.{name}", "")]
    if default_queues:
        for name in OUTGOING:
            yield Queue(f"{prefix}.{name}", plain), [Binding(f"{prefix}.{name}", f"{prefix}.{name}", "#")]
    for hold, seconds in HOLDS.items():
        name = f"{prefix}.hold.{hold}"
        rest: Arguments = {"x-dead-letter-exchange": f"{prefix}.requests", "x-message-ttl": seconds * 1000}
        yield Queue(name, _safe(queue_type) | rest), [Binding(name, name, "#")]
    for provider in providers:
        yield from _work_queues(provider, prefix, queue_type)


def _work_queues(provider: str, prefix: str, queue_type: str) -> Iterator[tuple[Queue, list[Binding]]]:
    work: Arguments = {"x-dead-letter-exchange": f"{prefix}.returned", "x-single-active-consumer": True}
    for priority in PRIORITIES:
        name = work_queue(prefix, provider, priority)
        keys = [f"{provider}.{priority}"] + ([provider] if priority == "normal" else [])
        yield Queue(name, _safe(queue_type) | work), [Binding(f"{prefix}.requests", name, key) for key in keys]


def _safe(queue_type: str) -> Arguments:
    """The arguments of a queue whose messages must not get lost on the way to its dead-letter exchange."""
    plain: Arguments = {"x-queue-type": queue_type}
    if queue_type == "quorum":
        plain |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    return plain


def definitions(wanted: Topology, vhost: str) -> dict[str, object]:
    """RabbitMQ's definitions.json for `rabbitmqctl import_definitions`."""
    return {
        "exchanges": [
            {
                "name": exchange.name,
                "vhost": vhost,
                "type": exchange.kind,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": exchange.arguments,
            }
            for exchange in wanted.exchanges
        ],
        "queues": [
            {"name": queue.name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": queue.arguments}
            for queue in wanted.queues
        ],
        "bindings": [
            {
                "source": binding.exchange,
                "vhost": vhost,
                "destination": binding.queue,
                "destination_type": "queue",
                "routing_key": binding.key,
                "arguments": {},
            }
            for binding in wanted.bindings
        ],
    }
