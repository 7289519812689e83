"""`reply_to` is a publisher's word: a copy that can't be published is dropped and counted, and costs nobody more."""

import asyncio
import json

import pytest
from rig import octets, rabbit
from rig.crm import NUMBER
from rig.octets import properties, short
from rig.stage import Stage
from test_broker_link import Link, running
from world import eventually

from smsd.core.publication import Publication

ODD = [b"\xff" * 100, b"\xff" * 255, "я".encode() * 127, b"amq.rabbitmq.reply-to.made-up"]


def test_fault_19_a_reply_to_that_is_no_utf8_costs_only_its_copy(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    with rabbit.connect(stage.url) as connection:
        for n, name in enumerate(ODD):
            body = json.dumps({"id": f"m{n}", "to": NUMBER, "text": "x"}).encode()
            odd = properties(delivery_mode=b"\x02", reply_to=short(name), correlation_id=short(name))
            octets.publish(connection, f"{stage.prefix}.requests", "p", body, odd)
    assert {result["status"] for result in stage.crm.finals([f"m{n}" for n in range(len(ODD))])} == {"sent"}
    assert daemon.term() == 0
    assert stage.crm.waiting() == 0
    assert len(daemon.logged("broker")) == 1


@pytest.mark.parametrize("name", ["x" * 256, "я" * 128, "\ud800", ""], ids=["long", "octets", "surrogate", "empty"])
def test_fault_19_a_copy_to_no_name_is_dropped_and_counted(broker_url: str, prefix: str, name: str) -> None:
    """It may come out of a journal that an earlier version wrote."""

    async def scene() -> None:
        link = Link(broker_url, prefix)
        dropped: list[str] = []
        link.on_copy_dropped = lambda: dropped.append(name)
        async with running(link, broker_url):
            link.copy(name, Publication("", "", b"{}", "r", "t"))
            await eventually(lambda: dropped)
            assert link.ups == [True]

    asyncio.run(scene())


def test_fault_19_a_real_direct_reply_gets_its_copy(stage: Stage) -> None:
    stage.bound(stage.simulator())
    got: list[bytes] = []
    with rabbit.connect(stage.url) as connection:
        channel = connection.channel()
        take = lambda _, __, ___, body: got.append(body)  # noqa: E731
        channel.basic_consume("amq.rabbitmq.reply-to", take, auto_ack=True)
        body = json.dumps({"id": "m", "to": NUMBER, "text": "x"})
        reply = rabbit.pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", delivery_mode=2)
        channel.basic_publish(f"{stage.prefix}.requests", "p", body, reply)
        while not got:
            connection.process_data_events(0.1)
    assert json.loads(got[0])["status"] == "sent"
