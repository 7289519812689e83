"""The CRM's side of the broker, for tests: a few blocking calls on pika.BlockingConnection.

Isolation is by prefix: every test that runs a daemon gives it `broker.prefix: <unique_prefix()>`, so that all names of
the contract are its own on the shared node (nothing to create, against a second or two for a virtual host), and takes
them away again with `delete_everything`.
"""

import importlib.util
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from rig import debian

Body = dict[str, Any] | bytes
Until = int | Callable[[list["Message"]], bool] | None

EXCHANGES = ("requests", "results", "inbound", "events", "control", "returned", "dead")
QUEUES = ("results", "inbound", "events", "returned", "dead")
HOLDS = ("hold.10s", "hold.1m", "hold.10m", "hold.1h")  # an exchange and a queue each
PRIORITIES = ("urgent", "normal", "bulk")


def _load_node_module() -> Any:
    """deploy/rabbitmq/node.py is a script of its own, not part of a package."""
    path = Path(__file__).parents[2] / "deploy" / "rabbitmq" / "node.py"
    spec = importlib.util.spec_from_file_location("smsd_private_node", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


private_node = _load_node_module()


class Node(private_node.Node):
    """A private node (deploy/rabbitmq/node.py) of the RabbitMQ to test against, see rig.debian."""

    def __init__(self, directory: Path | str | None = None, **options: Any) -> None:
        super().__init__(directory, root=debian.programs(), **options)


_numbers = itertools.count(1)


def unique_prefix() -> str:
    """A `broker.prefix` that no other test has used, on a broker that other runs share too."""
    return f"t{os.getpid():x}-{next(_numbers)}"


@dataclass(frozen=True)
class Message:
    """A message taken from a queue; `body` is the JSON read, or the bytes where it is none."""

    key: str
    body: Any
    properties: pika.BasicProperties
    redelivered: bool


def connect(url: str) -> BlockingConnection:
    """A blocking connection; use it as a context manager, or close it."""
    return pika.BlockingConnection(pika.URLParameters(url))


def publish(where: BlockingConnection | str, exchange: str, key: str, body: Body, **properties: Any) -> None:
    """Publish one message and return once the broker has it; AssertionError when no queue is bound for it."""
    publish_all(where, exchange, key, [body], **properties)


def publish_all(
    where: BlockingConnection | str, exchange: str, key: str, bodies: Iterable[Body], **properties: Any
) -> None:
    """Publish many in one transaction, so in one round trip; persistent JSON unless `properties` say otherwise."""
    named = pika.BasicProperties(**{"content_type": "application/json", "delivery_mode": 2, **properties})
    returned: list[str] = []
    with _connection(where) as connection, _channel(connection) as channel:
        channel.tx_select()
        channel.add_on_return_callback(lambda _channel, method, _properties, _body: returned.append(method.reply_text))
        for body in bodies:
            channel.basic_publish(exchange, key, _encoded(body), named, mandatory=True)
        channel.tx_commit()
        connection.process_data_events(0)  # the returns came before the commit's answer, but are dispatched here
    assert returned == [], f"{len(returned)} messages for {exchange!r} with key {key!r} came back: {returned[0]}"


def drain(connection: BlockingConnection, queue: str, *, until: Until = None, timeout: float = 10.0) -> list[Message]:
    """Take messages from the queue until there are `until` of them, or until it says so of the list so far.

    `timeout` is in seconds: when it passes, AssertionError with what came.  With `until=None` everything that comes
    within `timeout` is returned.  A queue with a single active consumer refuses this (basic.get): see `depth`.
    """
    taken: list[Message] = []
    deadline = time.monotonic() + timeout
    with _channel(connection) as channel:
        while until is None or not _enough(taken, until):
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method is not None:
                taken.append(Message(method.routing_key, _decoded(body), properties, method.redelivered))
            elif time.monotonic() < deadline:
                connection.sleep(0.02)
            elif until is None:
                break
            else:
                raise AssertionError(f"{queue}: not enough after {timeout} s, only {[each.body for each in taken]}")
    return taken


def depth(connection: BlockingConnection, queue: str) -> tuple[int, int]:
    """How many messages are ready in the queue, and how many consumers it has (a passive declare)."""
    with _channel(connection) as channel:
        answer = channel.queue_declare(queue, passive=True).method
        return answer.message_count, answer.consumer_count


def purge(connection: BlockingConnection, queue: str) -> int:
    """Throw away what is ready in the queue; how many that was."""
    with _channel(connection) as channel:
        return int(channel.queue_purge(queue).method.message_count)


def exists(connection: BlockingConnection, queue: str) -> bool:
    """Whether there is such a queue."""
    try:
        depth(connection, queue)
    except ChannelClosedByBroker as closed:
        if closed.reply_code == 404:
            return False
        raise
    return True


def delete_everything(where: BlockingConnection | str, prefix: str, providers: Iterable[str] = ()) -> None:
    """Delete all that the contract names under the prefix, the work queues of `providers` included."""
    queues = [*QUEUES, *HOLDS, *(f"requests.{name}.{priority}" for name in providers for priority in PRIORITIES)]
    with _connection(where) as connection, _channel(connection) as channel:
        for queue in queues:
            channel.queue_delete(f"{prefix}.{queue}")
        for exchange in (*EXCHANGES, *HOLDS):
            channel.exchange_delete(f"{prefix}.{exchange}")


@contextmanager
def _connection(where: BlockingConnection | str) -> Iterator[BlockingConnection]:
    if isinstance(where, str):
        with connect(where) as connection:
            yield connection
    else:
        yield where


@contextmanager
def _channel(connection: BlockingConnection) -> Iterator[BlockingChannel]:
    """A channel of its own for each call: an error closes only that one."""
    channel = connection.channel()
    try:
        yield channel
    finally:
        if channel.is_open:
            channel.close()


def _enough(taken: list[Message], until: int | Callable[[list[Message]], bool]) -> bool:
    return until(taken) if callable(until) else len(taken) >= until


def _encoded(body: Body) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
