"""All that AMQP 0-9-1 lets a publisher write, as octets: properties, field tables with every type, and bodies.

What RabbitMQ itself refuses, by closing the publisher's channel or connection, is left out: floats that are no numbers,
another's `user_id`, an `expiration` that is no number, `CC` and `BCC` that are no lists of text, the bare name of
direct replies in `reply_to`, other delivery modes than 1 and 2, frames that are cut short or too long.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rig.octets import FLAGS, long, nested, short, table, text

NUMBER = "+7 900 000 00 00"

Value = st.SearchStrategy[bytes]


@dataclass(frozen=True)
class Odd:
    """A request: `id` is what it will be answered by, None where nobody can tell."""

    id: str | None
    key: bytes
    octets: bytes
    body: bytes


@dataclass(frozen=True)
class Limits:
    """What this broker takes: optional tags of fields, the two low property flags, and whose connection it is."""

    tags: bytes
    low: tuple[int, ...]
    user: bytes


def _fixed(tag: bytes, size: int) -> Value:
    edges = [b"\0" * size, b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), b"\x80" + b"\0" * (size - 1)]
    return st.one_of(st.sampled_from(edges), st.binary(min_size=size, max_size=size)).map(lambda octets: tag + octets)


_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_SINGLE = st.floats(allow_nan=False, allow_infinity=False, width=32)
_WORDS = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(lambda word: word.encode("utf-8", "replace")))


@cache
def leaves(limits: Limits) -> Value:
    """Field values of every type that holds no others."""
    sizes = {b"t": 1, b"b": 1, b"B": 1, b"s": 2, b"u": 2, b"I": 4, b"i": 4, b"l": 8, b"D": 5, b"T": 8}
    sizes |= {bytes((tag,)): 8 if tag == ord("L") else 2 for tag in limits.tags}
    return st.one_of(
        *(_fixed(tag, size) for tag, size in sizes.items()),
        st.just(b"V"),
        _FINITE.map(lambda number: struct.pack(">cd", b"d", number)),
        _SINGLE.map(lambda number: struct.pack(">cf", b"f", number)),
        _WORDS.map(text),
        _WORDS.map(lambda octets: b"x" + long(octets)),
    )


@cache
def values(limits: Limits) -> Value:
    """Field values, tables and lists among them, now and then huge or deep."""
    mixed = st.recursive(
        leaves(limits),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(lambda each: b"A" + long(b"".join(each))),
            st.lists(st.tuples(_NAMES, inner), max_size=4).map(lambda each: b"F" + table(*each)),
        ),
        max_leaves=12,
    )
    huge = st.integers(1, 60_000).map(lambda size: text(b"x" * size))
    deep = st.integers(1, 3000).map(nested)
    return st.one_of(mixed, mixed, mixed, mixed, mixed, huge, deep)


_NAMES = st.one_of(_WORDS, st.sampled_from([b"", b"a" * 255, b"\xff" * 255, b"a", b"\0"]))

_OURS = st.sampled_from(
    [b"traceparent", b"x-smsd-history", b"x-smsd-reason", b"x-smsd-rerouted", b"x-smsd-headers-dropped", b"x-smsd-due"]
)
_BROKERS = st.sampled_from(
    [b"x-death", b"x-first-death-reason", b"x-last-death-queue", b"x-delivery-count", b"x-opt-a", b"x-stream-offset"]
)


@cache
def _death(limits: Limits) -> Value:
    """A forged x-death, made well enough to be believed."""
    reasons = st.sampled_from([b"delivery_limit", b"expired", b"maxlen", b"rejected", b"", b"\xff"])
    entry = st.tuples(reasons, _WORDS).map(
        lambda found: (
            b"F" + table((b"reason", text(found[0])), (b"queue", text(found[1])), (b"count", b"l" + b"\1" * 8))
        )
    )
    return st.one_of(st.lists(entry, max_size=3).map(lambda each: b"A" + long(b"".join(each))), values(limits))


@cache
def headers(limits: Limits, *, copies: bool) -> Value:
    """A whole table; `copies`: the broker may be told to route it to others too."""
    keys = st.sampled_from([b"p", b"q.bulk", b"nobody", b"\xff"]).map(text)
    copied = st.tuples(
        st.sampled_from([b"CC", b"BCC"]), st.lists(keys, max_size=2).map(lambda k: b"A" + long(b"".join(k)))
    )
    entries = [
        st.tuples(_NAMES, values(limits)),
        st.tuples(_OURS, values(limits)),
        st.tuples(_BROKERS, values(limits)),
        st.tuples(st.just(b"x-death"), _death(limits)),
        *([copied] if copies else []),
    ]
    tables = st.lists(st.one_of(*entries), max_size=6).map(lambda each: table(*each))
    many = st.integers(100, 20_000).map(lambda count: long(b"\0V" * count))
    return st.one_of(tables, tables, tables, tables, tables, many).filter(lambda octets: len(octets) < 110_000)


@cache
def _shorts() -> Value:
    return st.one_of(_WORDS, st.sampled_from([b"", b"\xff" * 255, b"a" * 255, "я".encode() * 127])).map(short)


_CHOSEN = st.sets(st.sampled_from(list(FLAGS)))


@cache
def _made(limits: Limits, copies: bool) -> dict[str, Value]:
    """How each property is made."""
    made: dict[str, Value] = {name: _shorts() for name in FLAGS}
    made |= {
        "headers": headers(limits, copies=copies),
        "delivery_mode": st.sampled_from([b"\1", b"\2"]),
        "priority": st.binary(min_size=1, max_size=1),
        "timestamp": st.binary(min_size=8, max_size=8),
        "expiration": st.sampled_from([b"0", b"1", b"60000", b"4294967295"]).map(short),
        "user_id": st.just(short(limits.user)),
        "reply_to": _shorts().filter(lambda name: not name[1:].startswith(b"amq.")),
    }
    return made


@st.composite
def properties(draw: Any, limits: Limits, identity: bytes | None, *, copies: bool) -> bytes:
    """Every property there or not."""
    made = _made(limits, copies)
    chosen = draw(_CHOSEN)
    found = {name: draw(made[name]) for name in chosen}
    if identity is not None:
        found["message_id"] = short(identity)
    flags = draw(st.sampled_from(limits.low)) | sum(FLAGS[name] for name in found)
    return struct.pack(">H", flags) + b"".join(found[name] for name in FLAGS if name in found)


_JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.integers(10**300, 10**310), st.floats(), st.text(max_size=30),
        st.sampled_from(["\ud800", "\udfff\ud800", "\0", "x" * 3000, NUMBER]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10,
)  # fmt: skip

_FIELDS = st.one_of(
    st.sampled_from(["to", "text", "from", "encoding", "flash", "expires_at", "receipt", "max_segments"]),
    st.sampled_from(["on_uncertain", "campaign", "tlvs", "callback", "colour"]),
)


@st.composite
def bodies(draw: Any, identity: str) -> bytes:
    """A JSON object with this id and anything else."""
    fields = [("id", identity), ("to", NUMBER), ("text", "odd")]
    fields += draw(st.lists(st.tuples(_FIELDS, _JSON), max_size=4))
    if draw(st.booleans()):
        fields.append(("deep", json.loads("[" * (depth := draw(st.integers(1, 400))) + "]" * depth)))
    written = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in fields)  # names may come twice
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf", b" \n"])) + f"{{{written}}}".encode()


@cache
def nobodies() -> Value:
    """Bodies that have no id."""
    return st.one_of(
        st.binary(max_size=60).filter(lambda octets: b"id" not in octets),
        _JSON.filter(lambda value: not isinstance(value, dict)).map(lambda value: json.dumps(value).encode()),
        st.sampled_from([b"", b"[" * 100_000, b'{"a":' * 5000, b"\xff\xfe{\0}\0", b"{}", b"x" * 300_000, b"nul\0"]),
    )


@st.composite
def requests(draw: Any, limits: Limits, keys: list[bytes], number: int) -> Odd:
    """One request that no good publisher would send."""
    identity = f"o{number}"
    key = draw(st.sampled_from(keys))
    kind = draw(st.sampled_from(["properties", "properties", "named", "fields", "nobody"]))
    if kind == "properties":
        body = json.dumps({"id": identity, "to": NUMBER, "text": "odd"}).encode()
        return Odd(identity, key, draw(properties(limits, None, copies=True)), body)
    if kind == "named":
        body = json.dumps({"to": NUMBER, "text": "odd"}).encode()
        return Odd(identity, key, draw(properties(limits, identity.encode(), copies=True)), body)
    if kind == "fields":
        return Odd(identity, key, draw(properties(limits, None, copies=True)), draw(bodies(identity)))
    return Odd(None, key, draw(properties(limits, b"", copies=False)), draw(nobodies()))


def generate(count: int, limits: Limits, keys: list[bytes], chance: int) -> Iterator[Odd]:
    """So many requests, the same for the same `chance`."""
    made = 0
    while made < count:
        batch = _batch(min(200, count - made), limits, keys, chance + made, made)
        yield from batch
        made += len(batch)


def _batch(count: int, limits: Limits, keys: list[bytes], chance: int, first: int) -> list[Odd]:
    batch: list[Odd] = []

    @seed(chance)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def collect(drawn: st.DataObject) -> None:
        batch.append(drawn.draw(requests(limits, keys, first + len(batch))))

    collect()
    return batch[:count]
