"""The properties of a message (AMQP 0-9-1 §4.2.6.1, basic's content header) as the octets that came.

Whoever may publish a request writes them: tables in tables, times out of any range, text that is no UTF-8. So they are
cut into properties and headers by their lengths and looked into no further. What smsd needs is decoded when it is asked
for; everything else is published again octet by octet.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from smsd.links.broker import replies, strings

_HEADERS, _DELIVERY_MODE, _REPLY_TO, _EXPIRATION, _USER_ID = 1 << 13, 1 << 12, 1 << 9, 1 << 8, 1 << 4
_CONTENT_ENCODING, _CORRELATION_ID, _MESSAGE_ID = 1 << 14, 1 << 10, 1 << 7
_SHORT_STRINGS = 1 << 15 | 1 << 14 | 1 << 10 | 1 << 9 | 1 << 8 | 1 << 7 | 1 << 5 | 1 << 4 | 1 << 3 | 1 << 2
_FLAGS = tuple(1 << bit for bit in range(15, 1, -1))
"""In the order of the properties. The two lowest bits mean nothing to RabbitMQ, which passes them on."""

_FIXED = {_DELIVERY_MODE: 1, 1 << 11: 1, 1 << 6: 8}
"""Octets of the properties that are no strings: delivery_mode, priority, timestamp."""

_WIDTHS = dict(zip(b"tbBsuUIilLfdDTV", (1, 1, 1, 2, 2, 2, 4, 4, 8, 8, 4, 8, 5, 8, 0), strict=True))
"""Octets behind each tag of a field value that has a fixed size (RabbitMQ's table of them, and its errata)."""

_LONG = frozenset(b"SxAF")
"""Tags whose value says its own length in four octets: text, octets, array, table."""

PERSISTENT = b"\x02"

_BROKERS = frozenset(b"x-death x-delivery-count x-acquired-count x-received-from x-shovelled x-delay CC BCC".split())
_BROKERS_BEGIN = (b"x-first-death-", b"x-last-death-", b"x-opt-", b"x-stream-", b"x-shovelled-")
"""Headers that RabbitMQ or its plugins write, or act on: a copy with them would be taken for what it is not. An x-death
that is published again makes 3.10 drop the message as one that goes round in circles."""

DROPPED = "x-smsd-headers-dropped"
"""Header of a copy that lacks foreign headers: why."""

_NEVER_AGAIN = (_HEADERS, _EXPIRATION, _USER_ID)
"""A caller's TTL must not make us lose it, and the broker takes no user_id but our own."""


class Death(NamedTuple):
    """Why, and in which queue, the broker gave up on a message."""

    reason: str
    queue: str


class Unreadable(ValueError):
    """Octets that are no properties, or no table."""


class Properties:
    """What pika takes for BasicProperties: it is sent by `encode`. Nothing of it raises, whatever the octets are."""

    INDEX = 0x3C
    NAME = "BasicProperties"

    __slots__ = ("_fields", "trouble")

    def __init__(self, octets: bytes) -> None:
        self.trouble: str | None = None
        """What makes them unreadable; what could be read before that is there."""
        self._fields: dict[int, bytes] = {}
        try:
            for flag, value in _fields(octets):
                self._fields[flag] = value
        except Unreadable as error:
            self.trouble = str(error)
            self._fields.pop(_HEADERS, None)

    @property
    def size(self) -> int:
        """Octets of all values."""
        return sum(map(len, self._fields.values()))

    @property
    def content_encoding(self) -> str:
        """What the body was put through, `gzip` for instance; "" for nothing."""
        return self._fields.get(_CONTENT_ENCODING, b"\0")[1:].decode("utf-8", "replace")

    @property
    def message_id(self) -> str | None:
        """Octets that are no UTF-8 are lone surrogates: an id that is another one's would be taken for a repeat."""
        octets = self._fields.get(_MESSAGE_ID)
        return None if octets is None else octets[1:].decode("utf-8", "surrogateescape")

    @property
    def correlation_id(self) -> str | None:
        """As `strings` keeps it."""
        octets = self._fields.get(_CORRELATION_ID)
        return None if octets is None else strings.kept(octets[1:])

    @property
    def reply_to(self) -> str | None:
        """The name of a queue; None if it is no UTF-8, for then it would be another's name that we publish to."""
        octets = self._fields.get(_REPLY_TO, b"\0")[1:]
        try:
            return octets.decode() or None
        except UnicodeDecodeError:
            return None

    # --- headers

    def headers(self) -> dict[str, str]:
        """The headers that mean something to us, as far as they are text; of one that comes twice, the last."""
        if _HEADERS not in self._fields:
            return {}
        return {
            name.decode("utf-8", "replace"): value[5:].decode("utf-8", "replace")
            for name, value in self._entries()
            if value[:1] == b"S" and (name == b"traceparent" or name.startswith(b"x-smsd-"))
        }

    def deaths(self) -> list[Death]:
        """What the broker says of queues that gave up on the message, the newest first (its header x-death)."""
        found = b""
        for name, value in self._entries():
            if name == b"x-death":
                found = value
        if found[:1] != b"A":
            return []
        deaths = []
        try:
            for value in _values(found[5:]):
                if value[:1] == b"F":
                    death = dict(_table(value[5:]))
                    deaths.append(Death(*(_long_text(death.get(name, b"")) for name in (b"reason", b"queue"))))
        except Unreadable:
            return []
        return deaths

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Names, and values as they came, tag included; not kept, since a frame holds sixty thousand of them."""
        try:
            yield from _table(self._fields.get(_HEADERS, b"\0\0\0\0")[4:])
        except Unreadable as error:
            self.trouble = self.trouble or str(error)

    def check(self) -> str | None:
        """What makes them unreadable, the headers included."""
        for _ in self._entries():
            pass
        return self.trouble

    # --- to publish

    def with_headers(self, extra: Mapping[str, str], most: int) -> "Properties":
        """The same with more headers, and without what would make the copy another message at the broker.

        At most `most` octets; where foreign headers don't fit into that, they are left out, and a header says so.
        """
        names = {name.encode() for name in extra}
        foreign = b"".join(
            [_entry(*each) for each in self._entries() if each[0] not in names and not _is_the_brokers(each[0])]
        )
        ours = b"".join([_entry(name.encode(), _long_string(value)) for name, value in extra.items()])
        fields = {flag: value for flag, value in self._fields.items() if flag not in _NEVER_AGAIN}
        fields[_DELIVERY_MODE] = PERSISTENT
        if fields.get(_REPLY_TO, b"")[1:] == replies.PSEUDO_QUEUE:
            del fields[_REPLY_TO]
        why = f"unreadable: {self.trouble}" if self.trouble else ""
        if len(foreign) + len(ours) + sum(map(len, fields.values())) + 6 > most:
            why = f"{len(foreign)} octets of headers are more than a frame holds"
        if why:
            foreign = _entry(DROPPED.encode(), _long_string(why))
        if table := foreign + ours:
            fields[_HEADERS] = struct.pack(">I", len(table)) + table
        copy = Properties(b"\0\0")
        copy._fields = fields
        return copy

    def encode(self) -> list[bytes]:
        """As pika's own: the flags, and the values in their order."""
        flags = sum(self._fields)
        return [struct.pack(">H", flags), *(self._fields[flag] for flag in _FLAGS if flag in self._fields)]


def _is_the_brokers(name: bytes) -> bool:
    return name in _BROKERS or name.startswith(_BROKERS_BEGIN)


def _entry(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + value


def _long_string(text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    return struct.pack(">cI", b"S", len(octets)) + octets


def _long_text(value: bytes) -> str:
    return value[5:].decode("utf-8", "replace") if value[:1] == b"S" else ""


def _fields(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """By flag, each property's octets, its length included."""
    if len(octets) < 2:
        raise Unreadable("no property flags")
    flags = octets[0] << 8 | octets[1]
    at = 2
    for flag in _FLAGS:
        if not flags & flag:
            continue
        if flag & _SHORT_STRINGS:
            end = at + 1 + (octets[at] if at < len(octets) else 0)
        elif flag == _HEADERS:
            end = at + 4 + int.from_bytes(octets[at : at + 4], "big")
        else:
            end = at + _FIXED[flag]
        if end > len(octets):
            raise Unreadable(f"the properties end at octet {len(octets)}, in the middle of one")
        yield flag, octets[at:end]
        at = end


def _table(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of a table, without its length."""
    at = 0
    while at < len(octets):
        start = at + 1 + octets[at]
        end = _end(octets, start)
        yield octets[at + 1 : start], octets[start:end]
        at = end


def _values(octets: bytes) -> Iterator[bytes]:
    """The values of an array, without its length."""
    at = 0
    while at < len(octets):
        end = _end(octets, at)
        yield octets[at:end]
        at = end


def _end(octets: bytes, at: int) -> int:
    """Where the field value that begins at `at` ends."""
    tag = octets[at] if at < len(octets) else -1
    if (width := _WIDTHS.get(tag)) is not None:
        end = at + 1 + width
    elif tag in _LONG:
        end = at + 5 + int.from_bytes(octets[at + 1 : at + 5], "big")
    elif tag == -1:
        raise Unreadable("a header without a value")
    else:
        raise Unreadable(f"a header of an unknown type, {bytes((tag,))!r}")
    if end > len(octets):
        raise Unreadable("a header that is longer than its table")
    return end
