"""Properties as octets: nothing raises, nothing is changed that need not be, and a copy always fits."""

import datetime
import struct
from decimal import Decimal
from typing import Any

import pika
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rig.octets import FAR, long, nested, properties, short, table, text, with_headers

from smsd.links.broker import frames
from smsd.links.broker.properties import DROPPED, Death, Properties

MOST = 131_000


def read(octets: Any) -> Properties:
    return Properties(octets.octets)


def decoded(copy: Properties) -> pika.BasicProperties:
    """What pika makes of it."""
    return pika.BasicProperties().decode(b"".join(copy.encode()))


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(),
    st.binary(),
    st.just(Decimal("1.5")),
    st.just(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
)
_WORDS = st.text(max_size=60)
SANE = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["content_type", "content_encoding", "correlation_id", "reply_to", "expiration"], _WORDS),
        **dict.fromkeys(["message_id", "type", "user_id", "app_id", "cluster_id"], _WORDS),
        "delivery_mode": st.integers(1, 2),
        "priority": st.integers(0, 255),
        "timestamp": st.integers(0, 2**63),
        "headers": st.dictionaries(st.text(max_size=20), _VALUES, max_size=5),
    },
)


@settings(max_examples=300, deadline=None)
@given(SANE)
def test_what_pika_writes_is_read_as_pika_reads_it(fields: dict[str, Any]) -> None:
    octets = b"".join(pika.BasicProperties(**fields).encode())
    found, whole = Properties(octets), pika.BasicProperties().decode(octets)
    assert found.check() is None
    assert b"".join(found.encode()) == octets
    assert (found.message_id, found.correlation_id) == (whole.message_id, whole.correlation_id)
    assert found.reply_to == (whole.reply_to or None)


@settings(max_examples=300, deadline=None)
@given(SANE, st.dictionaries(st.sampled_from(["x-smsd-due", "x-smsd-reason", "ours"]), st.text(max_size=30)))
def test_a_copy_differs_only_in_what_the_broker_acts_on(fields: dict[str, Any], extra: dict[str, str]) -> None:
    octets = b"".join(pika.BasicProperties(**fields).encode())
    copy, before = decoded(Properties(octets).with_headers(extra, MOST)), pika.BasicProperties().decode(octets)
    for name in ("content_type", "content_encoding", "priority", "correlation_id", "message_id", "timestamp", "type"):
        assert getattr(copy, name) == getattr(before, name)
    assert (copy.app_id, copy.cluster_id) == (before.app_id, before.cluster_id)
    assert (copy.delivery_mode, copy.expiration, copy.user_id) == (2, None, None)
    assert {**(before.headers or {}), **extra} == (copy.headers or {})


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200), st.integers(200, 400))
@example(b"\xff\xfc" + b"\xff" * 100, 200)
@example(struct.pack(">H", 1 << 13) + long(b"\x01aZ"), 200)
@example(struct.pack(">H", 1 << 13) + b"\xff\xff\xff\xff", 200)
def test_no_octets_raise_and_no_copy_is_longer_than_it_may_be(octets: bytes, room: int) -> None:
    found = Properties(octets)
    found.check()
    assert (found.message_id, found.correlation_id, found.reply_to) is not None
    assert isinstance(found.headers(), dict)
    assert isinstance(found.deaths(), list)
    most = room + found.size
    copy = found.with_headers({"ours": "x"}, most)
    written = b"".join(copy.encode())
    assert len(written) <= most
    assert Properties(written).check() is None


def test_tables_in_tables_are_one_value_however_deep() -> None:
    found = read(with_headers((b"deep", nested(10_000)), (b"traceparent", text(b"t"))))
    assert found.check() is None
    assert found.headers() == {"traceparent": "t"}


def test_of_a_header_that_comes_twice_the_last_counts_and_ours_replaces_all() -> None:
    found = read(with_headers((b"x-smsd-due", text(b"1")), (b"x-smsd-due", text(b"2"))))
    assert found.headers() == {"x-smsd-due": "2"}
    assert found.with_headers({"x-smsd-due": "3"}, MOST).headers() == {"x-smsd-due": "3"}
    assert b"".join(found.with_headers({"x-smsd-due": "3"}, MOST).encode()).count(b"x-smsd-due") == 1


@pytest.mark.parametrize("value", [FAR, b"x" + long(b"a"), b"I\0\0\0\1", b"V", b"t\1", b"A" + long(b"")])
def test_a_header_that_is_no_text_is_none_of_ours(value: bytes) -> None:
    assert read(with_headers((b"traceparent", value), (b"x-smsd-due", value))).headers() == {}


def test_the_newest_death_comes_first_whatever_surrounds_it() -> None:
    deaths = [b"F" + table((b"count", b"l" + b"\0" * 8), (b"reason", text(reason)), (b"queue", text(b"q" + reason)))
              for reason in (b"delivery_limit", b"expired")]  # fmt: skip
    found = read(with_headers((b"x-death", b"A" + long(b"V" + deaths[0] + FAR + deaths[1]))))
    assert found.deaths() == [Death("delivery_limit", "qdelivery_limit"), Death("expired", "qexpired")]


@pytest.mark.parametrize("value", [b"V", text(b"x"), b"A" + long(b"Z"), b"A" + long(b"F" + table((b"reason", b"V")))])
def test_an_x_death_that_is_none_tells_of_no_queue(value: bytes) -> None:
    assert [death.reason for death in read(with_headers((b"x-death", value))).deaths()] in ([], [""])


def test_headers_that_do_not_fit_are_left_out_as_a_whole_and_it_is_said() -> None:
    found = read(with_headers((b"a", text(b"x" * 1000)), (b"b", text(b"y")), message_id=short(b"m")))
    copy = found.with_headers({"ours": "1"}, 200)
    assert len(b"".join(copy.encode())) <= 200
    assert decoded(copy).headers == {DROPPED: "1015 octets of headers are more than a frame holds", "ours": "1"}
    assert copy.message_id == "m"


def test_the_two_lowest_flags_mean_nothing_as_they_mean_nothing_to_rabbitmq() -> None:
    assert read(properties(3, message_id=short(b"m"))).message_id == "m"


@pytest.mark.parametrize("reply_to", [b"amq.rabbitmq.reply-to", b""])
def test_a_copy_names_no_consumer_of_direct_replies_that_we_are_not(reply_to: bytes) -> None:
    copy = read(properties(reply_to=short(reply_to))).with_headers({}, MOST)
    assert copy.reply_to is None


def test_a_header_frame_is_taken_when_it_is_whole_and_of_basic() -> None:
    whole = pika.frame.Header(7, 1234, properties(message_id=short(b"m"))).marshal()
    assert frames.content_header(whole + b"more") == (len(whole), 7, 1234, properties(message_id=short(b"m")).octets)
    assert [frames.content_header(whole[:end]) for end in range(len(whole))] == [None] * len(whole)
    assert frames.content_header(whole[:-1] + b"\0") is None
    assert frames.content_header(pika.frame.Body(7, b"x" * 50).marshal()) is None
