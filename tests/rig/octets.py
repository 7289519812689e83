"""Properties and headers of a message as octets (AMQP 0-9-1 §4.2.5), for what no library lets a publisher write."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika

from rig.patience import eventually

_NAMES = ("content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to")
_NAMES += ("expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id")

FLAGS = {name: 1 << 15 - n for n, name in enumerate(_NAMES)}
"""Of the properties, in their order."""

FAR = struct.pack(">cQ", b"T", 1_772_366_400_000)
"""A timestamp in milliseconds where AMQP counts seconds: the year 58134."""


class Octets(pika.BasicProperties):
    """Properties as they go over the wire."""

    def __init__(self, octets: bytes = b"\0\0") -> None:
        super().__init__()
        self.octets = octets

    def encode(self) -> list[bytes]:
        return [self.octets]

    def decode(self, encoded: bytes, offset: int = 0) -> "Octets":
        self.octets = encoded[offset:]
        return self


@contextmanager
def undecoded() -> Iterator[None]:
    """What pika takes in this block comes with its properties as octets."""
    kept = pika.spec.props[Octets.INDEX]
    pika.spec.props[Octets.INDEX] = Octets
    try:
        yield
    finally:
        pika.spec.props[Octets.INDEX] = kept


def short(octets: bytes) -> bytes:
    return bytes((len(octets),)) + octets


def long(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets


def table(*entries: tuple[bytes, bytes]) -> bytes:
    """A table with its length; the values with their tags."""
    return long(b"".join(short(name) + value for name, value in entries))


def text(octets: bytes) -> bytes:
    """A field value: long string."""
    return b"S" + long(octets)


def nested(depth: int, inner: bytes = b"V") -> bytes:
    """A field value: tables in tables."""
    sizes = [len(inner) + 6 * n for n in range(depth)]
    return b"".join(b"F" + struct.pack(">I", size + 1) + b"\0" for size in reversed(sizes)) + inner


def properties(low: int = 0, **fields: bytes) -> Octets:
    """Properties by pika's names, each as octets; `low` are the two flags that mean nothing."""
    flags = low | sum(FLAGS[name] for name in fields)
    return Octets(struct.pack(">H", flags) + b"".join(fields[name] for name in FLAGS if name in fields))


def with_headers(*entries: tuple[bytes, bytes], **fields: bytes) -> Octets:
    """Persistent, with these headers."""
    return properties(delivery_mode=b"\x02", headers=table(*entries), **fields)


def publish(connection: Any, exchange: str, key: str | bytes, body: bytes, octets: Octets) -> None:
    """One message as it is; returns once the broker has it. Raises pika's errors when it does not take it."""
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, body, octets, mandatory=True)
    channel.close()


def take(connection: Any, queue: str, timeout: float = 10.0) -> tuple[bytes, bytes]:
    """The next message of a queue: its properties and its body."""
    channel = connection.channel()

    def look() -> tuple[Any, ...] | None:
        found = channel.basic_get(queue, auto_ack=True)
        return found if found[0] is not None else None

    with undecoded():
        _, properties, body = eventually(look, timeout)
    channel.close()
    return properties.octets, body
