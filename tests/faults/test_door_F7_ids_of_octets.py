"""F7: two ids that are no UTF-8 fell together, so that the second SMS was never sent and reported delivered."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import octets, rabbit
from rig.crm import NUMBER
from rig.octets import properties, short
from rig.stage import Stage

from smsd.core.contract import Refused, read_request
from smsd.links.broker.properties import Properties
from smsd.links.broker.strings import given_back, kept

UUIDS = [bytes.fromhex("01020380"), bytes.fromhex("01020381")]


def test_door_F7_two_message_ids_of_octets_are_each_refused_by_name(stage: Stage) -> None:
    stage.bound(stage.simulator())
    body = json.dumps({"to": NUMBER, "text": "code"}).encode()
    with rabbit.connect(stage.url) as connection:
        for uuid in UUIDS:
            odd = properties(delivery_mode=b"\x02", message_id=short(uuid), correlation_id=short(uuid))
            octets.publish(connection, f"{stage.prefix}.requests", "p", body, odd)
    crm = stage.crm
    crm.until(lambda: len(crm.messages) == 2)
    for message in crm.messages:
        assert (message.body["status"], message.body["reason"], message.body["id"]) == (
            "rejected",
            "invalid-request",
            None,
        )
        assert message.body["detail"] == (
            "id: is missing, and the AMQP message_id that stands in is not UTF-8, a UUID in octets perhaps: "
            "give each request its own"
        )
    assert sorted(message.properties.correlation_id for message in crm.messages) == UUIDS


def test_door_F7_with_an_id_in_the_body_a_message_id_may_be_anything(stage: Stage) -> None:
    stage.bound(stage.simulator())
    with rabbit.connect(stage.url) as connection:
        for n, uuid in enumerate(UUIDS):
            body = json.dumps({"id": f"m{n}", "to": NUMBER, "text": "code"}).encode()
            odd = properties(delivery_mode=b"\x02", message_id=short(uuid), correlation_id=short(uuid * 60))
            octets.publish(connection, f"{stage.prefix}.requests", "p", body, odd)
    assert {result["status"] for result in stage.crm.finals(["m0", "m1"])} == {"sent"}
    assert {message.properties.correlation_id for message in stage.crm.messages} == {uuid * 60 for uuid in UUIDS}


def test_door_F7_a_correlation_id_of_octets_outlives_a_restart(stage: Stage) -> None:
    """It waits in the journal for the receipt."""
    simulator = stage.simulator(receipts={"delay": 3})
    daemon = stage.bound(simulator, receipts=True)
    with rabbit.connect(stage.url) as connection:
        body = json.dumps({"id": "m", "to": NUMBER, "text": "code"}).encode()
        odd = properties(delivery_mode=b"\x02", correlation_id=short(b"\xff\x00\x80"))
        octets.publish(connection, f"{stage.prefix}.requests", "p", body, odd)
    stage.crm.result("m", "sent")
    daemon.kill9()
    daemon.start()
    assert stage.crm.final("m")["status"] == "delivered"
    assert {message.properties.correlation_id for message in stage.crm.messages} == {b"\xff\x00\x80"}


def test_door_F7_an_id_of_octets_is_none_of_a_body_that_is_too_long() -> None:
    """Nor of one that is refused for something else."""
    identity = Properties(properties(message_id=short(UUIDS[0])).octets).message_id
    with pytest.raises(Refused) as refused:
        read_request(b'{"to":"1"}', identity)
    assert refused.value.known["id"] is None


@given(st.binary(max_size=255) | st.text(max_size=60).map(str.encode))
def test_door_F7_any_octets_come_back_as_they_were(octets_: bytes) -> None:
    text = kept(octets_)
    assert given_back(text) == octets_
    assert given_back(json.loads(json.dumps(text))) == octets_
    text.encode()  # the journal takes it


@given(st.binary(max_size=6), st.binary(max_size=6))
def test_door_F7_different_octets_are_different_texts(one: bytes, other: bytes) -> None:
    assert (kept(one) == kept(other)) == (one == other)
