"""F9, F11: copies to those who asked go by a channel of their own, which nothing else is lost with."""

import asyncio
import json
from typing import Any

from rig import rabbit
from rig.crm import NUMBER
from rig.stage import Stage
from test_broker_link import Link, running
from world import eventually

from smsd.core.publication import Publication


def test_door_F11_a_user_who_may_not_answer_loses_only_the_answers(own_node: Any, prefix: str, tmp_path: Any) -> None:
    """Without the right to write to the default exchange, RabbitMQ closes the channel that a copy goes by."""
    own_node.rabbitmqctl("add_user", "limited", "secret")
    own_node.rabbitmqctl("set_permissions", "limited", ".*", rf"^({prefix}\.|amq\.gen)", ".*")
    stage = Stage(own_node.url, prefix, tmp_path)
    try:
        simulator = stage.simulator()
        url = own_node.url.replace("guest:guest", "limited:secret")
        daemon = stage.daemon({"p": {"host": "127.0.0.1", "port": simulator.port, "system_id": "acme"}}, url=url)
        daemon.bound()
        ids = [stage.crm.send(properties={"reply_to": "answers"}) for _ in range(20)]
        assert {result["status"] for result in stage.crm.finals(ids)} <= {"sent", "delivered"}
        assert len(daemon.logged("broker")) == 1
        closed = daemon.logged("channel")
        assert {each["of"] for each in closed} == {"copies"}
        assert "ACCESS_REFUSED" in closed[0]["detail"]
    finally:
        stage.close()


def test_door_F11_copies_go_on_once_their_channel_was_closed(broker_url: str, prefix: str) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        lost: list[str] = []
        link.on_copy_dropped = lambda: lost.append("copy")
        async with running(link, broker_url):
            with rabbit.connect(broker_url) as connection:
                queue = connection.channel().queue_declare("", exclusive=True).method.queue
                link.copy(queue, Publication("", "", b"1", "r1", "t"))
                await eventually(lambda: rabbit.depth(connection, queue)[0] == 1)
                raw = link._copies._channel
                raw.basic_publish(f"{prefix}.nowhere", "", b"")  # 404: the broker closes the channel for it
                await eventually(lambda: link.lost)

                async def arrives() -> bool:
                    link.copy(queue, Publication("", "", b"2", "r2", "t"))
                    await asyncio.sleep(0.1)
                    return rabbit.depth(connection, queue)[0] > 1

                while not await arrives():
                    assert link.ups == [True]
            assert [name for name, _ in link.lost] == [".copies"]
            assert "NOT_FOUND" in link.lost[0][1]
            assert lost  # those that came too soon

    asyncio.run(scene())


def test_door_F9_direct_replies_that_arrive_are_not_counted_as_dropped(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator(), receipts=True)
    got: list[dict[str, Any]] = []
    with rabbit.connect(stage.url) as connection:
        channel = connection.channel()
        take = lambda _, __, ___, body: got.append(json.loads(body))  # noqa: E731
        channel.basic_consume("amq.rabbitmq.reply-to", take, auto_ack=True)
        reply = rabbit.pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", delivery_mode=2)
        body = json.dumps({"id": "m", "to": NUMBER, "text": "x"})
        channel.basic_publish(f"{stage.prefix}.requests", "p", body, reply)
        while len(got) < 2:
            connection.process_data_events(0.1)
    assert [each["status"] for each in got] == ["sent", "delivered"]
    nowhere = stage.crm.send(properties={"reply_to": "no-such-queue"}, receipt=False)
    stage.crm.final(nowhere)
    stage.crm.until(lambda: daemon.metrics()["smsd_reply_copies_dropped_total"] == 1)
