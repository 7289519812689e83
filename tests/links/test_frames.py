"""Frames of basic.publish: the same octets as pika's, whatever the message."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame
from pika.spec import Basic, BasicProperties

from smsd.links.broker import frames

FRAME_MIN = 4096
"""AMQP 0-9-1's frame-min-size: no peer may ask for less."""

SHORT = st.text(max_size=255).filter(lambda text: len(text.encode()) <= 255)
FILLED = SHORT.filter(bool)

FIELDS = {
    "channel": st.integers(1, 0xFFFF),
    "exchange": SHORT,
    "key": SHORT,
    "body": st.binary(max_size=300),
    "message_id": SHORT,
    "correlation_id": st.none() | FILLED,
    "kind": SHORT,
    "app_id": SHORT,
    "timestamp": st.integers(0, 2**64 - 1),
    "frame_max": st.sampled_from([FRAME_MIN, 131_072]),
}

ONE: dict[str, Any] = {
    "channel": 1,
    "exchange": "sms.results",
    "key": "beeline.sent",
    "body": b'{"id":"1"}',
    "message_id": "c0ffee",
    "correlation_id": "order-1",
    "kind": "sms.result.v1",
    "app_id": "smsd/1",
    "timestamp": 1_772_366_400,
    "frame_max": 131_072,
}


def by_pika(
    channel: int,
    exchange: str,
    key: str,
    body: bytes,
    message_id: str,
    correlation_id: str | None,
    kind: str,
    app_id: str,
    timestamp: int,
    frame_max: int,
) -> bytes:
    """The same publish put together from pika's own frames, as its connection does."""
    properties = BasicProperties(
        content_type="application/json",
        delivery_mode=2,
        correlation_id=correlation_id,
        message_id=message_id,
        timestamp=timestamp,
        type=kind,
        app_id=app_id,
    )
    most = frame_max - 8
    pieces: list[Any] = [
        frame.Method(channel, Basic.Publish(exchange=exchange, routing_key=key, mandatory=True)),
        frame.Header(channel, len(body), properties),
        *(frame.Body(channel, body[at : at + most]) for at in range(0, len(body), most)),
    ]
    return b"".join(piece.marshal() for piece in pieces)


def published(**changes: Any) -> bytes:
    return frames.publish(**{**ONE, **changes})


def body_frames(octets: bytes) -> list[bytes]:
    """The payloads of the body frames (AMQP 0-9-1 §2.3.5), each checked for its end mark."""
    found, at = [], 0
    while at < len(octets):
        kind, _, size = struct.unpack_from(">BHI", octets, at)
        assert octets[at + 7 + size] == 0xCE
        if kind == 3:
            found.append(octets[at + 7 : at + 7 + size])
        at += size + 8
    return found


@given(st.fixed_dictionaries(FIELDS))
def test_the_octets_are_pikas(message: dict[str, Any]) -> None:
    assert published(**message) == by_pika(**message)


@pytest.mark.parametrize("length", [0, 1, FRAME_MIN - 9, FRAME_MIN - 8, FRAME_MIN - 7, 2 * (FRAME_MIN - 8), 100_000])
def test_bodies_around_the_longest_frame_are_pikas_too(length: int) -> None:
    message = {**ONE, "body": bytes(range(256)) * (length // 256) + bytes(length % 256), "frame_max": FRAME_MIN}
    assert published(**message) == by_pika(**message)


def test_a_body_longer_than_a_frame_is_cut_and_none_is_longer_than_agreed() -> None:
    body = bytes(range(250)) * 40
    pieces = body_frames(published(body=body, frame_max=FRAME_MIN))
    assert [len(piece) for piece in pieces] == [4088, 4088, 1824]
    assert b"".join(pieces) == body


def test_a_body_that_just_fits_is_one_frame() -> None:
    body = b"x" * (FRAME_MIN - 8)
    assert body_frames(published(body=body, frame_max=FRAME_MIN)) == [body]


def test_without_a_correlation_id_the_property_is_absent() -> None:
    assert published(correlation_id=None) == by_pika(**{**ONE, "correlation_id": None})
    assert len(published(correlation_id=None)) == len(published()) - len("order-1") - 1


LONG = {"256 letters": "x" * 256, "128 letters of two octets": "я" * 128}


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
@pytest.mark.parametrize("name", ["exchange", "key", "message_id", "correlation_id", "kind", "app_id"])
def test_a_string_of_more_than_255_octets_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"255 octets|short string"):
        published(**{name: value})


@pytest.mark.parametrize("name", ["exchange", "key", "message_id", "correlation_id", "kind", "app_id"])
def test_a_string_of_255_octets_is_not(name: str) -> None:
    message = {**ONE, name: "я" * 127 + "x"}
    assert published(**message) == by_pika(**message)


def test_a_short_string_begins_with_its_length_in_octets() -> None:
    assert frames.short_string("") == b"\0"
    assert frames.short_string("яx") == b"\x03\xd1\x8fx"
