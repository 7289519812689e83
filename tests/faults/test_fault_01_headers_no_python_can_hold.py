"""What a publisher writes into headers is nobody's outage: neither of its provider nor of all."""

import json
import struct
from itertools import pairwise
from typing import Any

import pytest
from rig import octets, rabbit
from rig.crm import NUMBER
from rig.daemon import Daemon, provider
from rig.octets import FAR, nested, table, text, with_headers
from rig.stage import Stage

ODD: dict[str, bytes] = {
    "milliseconds for seconds": FAR,
    "the last timestamp": struct.pack(">cQ", b"T", 2**64 - 1),
    "a timestamp deep inside": b"F" + table((b"a", b"A" + octets.long(FAR))),
    "five thousand tables in one another": nested(5000),
    "a decimal of 255 places": struct.pack(">cBi", b"D", 255, -(2**31)),
    "text that is no UTF-8": text(b"\xff\xfe\x00"),
    "a float beyond all whole numbers": struct.pack(">cd", b"d", 1.7e308),
    "the other long": struct.pack(">cq", b"L", -(2**63)),
}


def two_providers(stage: Stage) -> Daemon:
    ports = {name: stage.simulator().port for name in "pq"}
    daemon = stage.daemon({name: provider(port, max_rate=200) for name, port in ports.items()})
    daemon.bound()
    return daemon


def body(id: str) -> bytes:
    return json.dumps({"id": id, "to": NUMBER, "text": "hello"}).encode()


def put(stage: Stage, key: str, id: str, properties: Any) -> None:
    octets.publish(stage.crm._open(), f"{stage.prefix}.requests", key, body(id), properties)


def one_connection(daemon: Daemon) -> bool:
    """Whether the session has never ended: all that was said of the broker is that it is there."""
    return len(daemon.logged("broker")) == 1


def test_fault_01_no_value_in_a_header_ends_the_connection(stage: Stage) -> None:
    daemon = two_providers(stage)
    odd = []
    for n, value in enumerate(ODD.values()):
        put(stage, "p", f"odd{n}", with_headers((b"when", value), (b"traceparent", value)))
        odd.append(f"odd{n}")
    codes = stage.crm.send_many(50, "q.urgent")
    assert {result["status"] for result in stage.crm.finals(codes + odd)} == {"sent"}
    assert one_connection(daemon)


def test_fault_01_a_misrouted_one_is_answered_and_the_start_survives_it(stage: Stage) -> None:
    daemon = two_providers(stage)
    put(stage, "nobody", "first", with_headers((b"when", FAR)))
    assert stage.crm.final("first")["reason"] == "unknown-provider"
    daemon.kill9()
    put(stage, "nobody", "second", with_headers((b"when", FAR)))
    daemon.start()
    daemon.ready()
    daemon.bound()
    assert stage.crm.final("second")["reason"] == "unknown-provider"
    assert {result["status"] for result in stage.crm.finals(stage.crm.send_many(10, "q"))} == {"sent"}
    assert len(daemon.logged("broker")) == 2


def test_fault_01_in_the_dead_queue_its_headers_are_as_they_were(stage: Stage) -> None:
    """A pika would fall over the timestamp: what lies there is looked at as octets.

    RabbitMQ 4.0 writes some integers as another type: what it makes of them on the way to any queue counts.
    """
    daemon = two_providers(stage)
    entries = [(f"h{n}".encode(), value) for n, value in enumerate([*ODD.values(), b"V"])]
    with rabbit.connect(stage.url) as connection, rabbit._channel(connection) as channel:
        channel.queue_declare(plain := f"{stage.prefix}.plain", exclusive=True)
        octets.publish(connection, "", plain, b"", with_headers(*entries))
        told, _ = octets.take(connection, plain)
        octets.publish(connection, f"{stage.prefix}.requests", "p", b"no json", with_headers(*entries))
        found, body_ = octets.take(connection, f"{stage.prefix}.dead")
    assert body_ == b"no json"
    starts = [told.index(octets.short(name)) for name, _ in entries]
    assert starts == sorted(starts)
    for start, end in pairwise(starts):
        assert told[start:end] in found
    assert text(b"not-json") in found
    assert one_connection(daemon)


@pytest.mark.parametrize(
    "value", [b"x" * 300, b"a b", "трасса".encode(), b"\xff"], ids=["long", "blank", "word", "octets"]
)
def test_fault_01_what_is_no_trace_is_not_passed_through(stage: Stage, value: bytes) -> None:
    two_providers(stage)
    put(stage, "p", "m", with_headers((b"traceparent", text(value))))
    stage.crm.final("m")
    assert "traceparent" not in (stage.crm.messages[-1].properties.headers or {})
