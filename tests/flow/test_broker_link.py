"""The connection to a real broker: what is in the air when it comes, goes, or brings something odd."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from rig import rabbit
from rig.ports import free_port
from world import eventually

from smsd.core.publication import Confirm, Publication
from smsd.core.topology import topology
from smsd.links.broker.link import BrokerLink
from smsd.links.broker.strings import given_back


class Link(BrokerLink):
    """A link to the test's own names, with what it told."""

    def __init__(self, url: str, prefix: str) -> None:
        super().__init__(
            urls=(url,),
            password=None,
            heartbeat=5,
            tls=None,
            name="test",
            app_id="test",
            prefix=prefix,
            topology=topology(["p"], prefix=prefix, queue_type="classic", default_queues=True),
            declare=True,
            draw=lambda: 0.0,
        )
        self.prefix = prefix
        self.came: list[Any] = []
        self.ups: list[bool] = []
        self.on_delivery = self.on_returned = self.on_control = self.came.append
        self.on_up = lambda: self.ups.append(True)
        self.on_down = lambda _: self.ups.append(False)
        self.on_blocked = lambda _: None
        self.on_confirm = lambda _: None
        self.on_copy_dropped = lambda: None
        self.lost: list[tuple[str, str]] = []
        self.back: list[str] = []
        self.on_channel_lost = lambda name, reason: self.lost.append((name, reason))
        self.on_channel_back = self.back.append


@asynccontextmanager
async def running(link: Link, url: str) -> AsyncIterator[Link]:
    task = asyncio.create_task(link.run())
    try:
        await eventually(lambda: link.ups)
        yield link
    finally:
        await link.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rabbit.delete_everything(url, link.prefix, ["p"])


def declare(url: str, prefix: str) -> None:
    """What a daemon that ran before has left."""

    async def go() -> None:
        link = Link(url, prefix)
        task = asyncio.create_task(link.run())
        await eventually(lambda: link.ups)
        await link.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())


def forwarding(link: Link, answers: list[Confirm]) -> Callable[[Any], None]:
    """What the intake does with a returned request."""

    def forward(delivery: Any) -> None:
        def then(answer: Confirm) -> None:
            answers.append(answer)
            delivery.ack()

        link.forward(delivery, f"{link.prefix}.dead", "", {"x-smsd-reason": "test"}, then)

    return forward


def test_what_waits_among_the_returned_when_we_connect_is_passed_on(broker_url: str, prefix: str) -> None:
    declare(broker_url, prefix)
    rabbit.publish_all(broker_url, f"{prefix}.returned", "p", [{"id": f"m{n}"} for n in range(50)])

    async def scene() -> None:
        link = Link(broker_url, prefix)
        answers: list[Confirm] = []
        link.on_returned = forwarding(link, answers)
        async with running(link, broker_url):
            await eventually(lambda: len(answers) == 50)

    asyncio.run(scene())


def publish_wire(url: str, exchange: str, key: str, body: bytes, properties: Any) -> None:
    with rabbit.connect(url) as connection, rabbit._channel(connection) as channel:
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, body, properties, mandatory=True)


class Latin(rabbit.pika.BasicProperties):
    """A correlation_id and a message_id that are no UTF-8."""

    def encode(self) -> list[bytes]:
        return [struct.pack(">H", 1 << 10 | 1 << 7), b"\x02\xe9\xe9", b"\x03a\xffb"]


def test_ids_that_are_no_utf8_stay_apart_and_can_be_published(broker_url: str, prefix: str) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            publish_wire(broker_url, f"{prefix}.returned", "p", b"{}", Latin())
            await eventually(lambda: link.came)
            (delivery,) = link.came
            assert (given_back(delivery.correlation_id), delivery.message_id) == (b"\xe9\xe9", "a\udcffb")
            answers: list[Confirm] = []
            result = Publication(f"{prefix}.results", "p.sent", b"{}", "r", "t", delivery.correlation_id)
            link.publish(result, answers.append)
            await eventually(lambda: answers)
            assert answers == [Confirm.DONE]

    asyncio.run(scene())


def test_a_publication_that_can_not_be_written_leaves_the_confirms_of_the_others_alone(
    broker_url: str, prefix: str
) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        answers: list[str] = []
        async with running(link, broker_url):
            impossible = Publication(f"{prefix}.results", "p.sent", b"{}", "x" * 300, "t")
            try:
                link.publish(impossible, lambda _: answers.append("impossible"))
            except ValueError:
                answers.append("refused")
            good = Publication(f"{prefix}.results", "p.sent", b"{}", "r", "t")
            link.publish(good, lambda answer: answers.append(answer.value))
            await eventually(lambda: len(answers) == 2)
            assert answers == ["refused", "confirmed"]

    asyncio.run(scene())


def test_from_the_moment_the_session_ends_nothing_is_sent_on_it(broker_url: str, prefix: str) -> None:
    """A forward on a channel that has just been closed would raise in the middle of somebody's answer."""

    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            rabbit.publish(broker_url, f"{prefix}.returned", "p", {"id": "m"})
            await eventually(lambda: link.came)
            (delivery,) = link.came
            seen: list[bool] = []

            def closed(*_: Any) -> None:
                seen.append(link.connected)
                link.forward(delivery, f"{prefix}.dead", "", {}, lambda _: None)
                link.publish(Publication(f"{prefix}.results", "p.sent", b"{}", "r", "t"), lambda _: None)

            assert link._session is not None
            link._session._publisher.add_on_close_callback(closed)
            link._session._publisher.basic_publish("no-such-exchange", "", b"")
            await eventually(lambda: link.ups == [True, False, True])
            assert seen == [False]

    asyncio.run(scene())


def test_a_start_that_fails_on_our_side_still_says_that_the_broker_is_down(broker_url: str, prefix: str) -> None:
    """Who waits for confirms must hear of it, whatever ended the session."""

    async def scene() -> None:
        link = Link(broker_url, prefix)

        def fail() -> None:
            raise RuntimeError("of our own")

        link.on_up = fail
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(link.run(), 10)
        assert not link.connected
        link.on_up = lambda: link.ups.append(True)
        async with running(link, broker_url):
            await eventually(lambda: link.ups == [False, True])

    asyncio.run(scene())


def test_consumers_that_come_and_go_quickly_end_as_wanted(broker_url: str, prefix: str) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            for pause in (0, 0.001, 0.003, 0.01, 0.02):
                for _ in range(5):
                    link.consume("p", 10)
                    await asyncio.sleep(pause)
                    link.stop_consuming("p")
                    await asyncio.sleep(pause / 2)
            await asyncio.sleep(0.2)
            queue = f"{prefix}.requests.p.normal"
            with rabbit.connect(broker_url) as connection:
                assert rabbit.depth(connection, queue)[1] == 0
                link.consume("p", 10)
                await asyncio.sleep(0.3)
                assert rabbit.depth(connection, queue)[1] == 1
            rabbit.publish(broker_url, f"{prefix}.requests", "p", {"id": "m"})
            await eventually(lambda: len(link.came) == 1)
            assert link.ups == [True]

    asyncio.run(scene())


def test_only_the_queues_of_the_priorities_wanted_are_read(broker_url: str, prefix: str) -> None:
    """What one priority gives back when it is wanted no more waits in its queue until it is wanted again."""
    keys = ("p.urgent", "p.normal", "p.bulk")

    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            link.consume("p", 10)
            for key in keys:
                rabbit.publish_all(broker_url, f"{prefix}.requests", key, [{"id": f"m{n}"} for n in range(15)])
            await eventually(lambda: len(link.came) == 30)
            link.consume("p", 10, {0})
            for delivery in link.came:
                if delivery.priority:
                    delivery.give_back()
            with rabbit.connect(broker_url) as connection:

                def found() -> list[tuple[int, int]]:
                    return [rabbit.depth(connection, f"{prefix}.requests.{key}") for key in keys]

                await eventually(lambda: found() == [(5, 1), (15, 0), (15, 0)])
                for delivery in link.came:
                    delivery.ack()
                await eventually(lambda: found() == [(0, 1), (15, 0), (15, 0)])
                link.consume("p", 10, {1, 2})
                await eventually(lambda: found() == [(0, 0), (5, 1), (5, 1)])
            assert [delivery.priority for delivery in link.came].count(0) == 15
            assert link.ups == [True]

    asyncio.run(scene())


def test_a_wish_that_changes_quickly_ends_as_wanted_and_survives_a_reconnect(broker_url: str, prefix: str) -> None:
    wishes: tuple[set[int], ...] = ({0, 1, 2}, {0}, {1, 2}, set(), {2}, {0, 1})

    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            with rabbit.connect(broker_url) as connection:

                def consumers() -> list[int]:
                    return [rabbit.depth(connection, f"{prefix}.requests.p.{name}")[1] for name in rabbit.PRIORITIES]

                for pause in (0, 0.0005, 0.001, 0.002, 0.004, 0.01):
                    for wish in wishes:
                        link.consume("p", 10, wish)
                        await asyncio.sleep(pause)
                    await eventually(lambda: consumers() == [1, 1, 0])
                link.consume("p", 20, {0, 1})
                await eventually(lambda: consumers() == [1, 1, 0])
                link._session._publisher.basic_publish("no-such-exchange", "", b"")
                await eventually(lambda: link.ups == [True, False, True])
                await eventually(lambda: consumers() == [1, 1, 0])
                link.stop_consuming("p")
                await eventually(lambda: consumers() == [0, 0, 0])

    asyncio.run(scene())


def test_a_delivery_acked_twice_or_after_its_session_harms_nobody(broker_url: str, prefix: str) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            link.consume("p", 10)
            rabbit.publish_all(broker_url, f"{prefix}.requests", "p", [{"id": f"m{n}"} for n in range(3)])
            await eventually(lambda: len(link.came) == 3)
            for _ in range(2):
                for delivery in link.came[:2]:
                    delivery.ack()
                    delivery.give_back()
                await asyncio.sleep(0.05)
            link._session._publisher.basic_publish("no-such-exchange", "", b"")
            await eventually(lambda: link.ups == [True, False, True])
            link.came[2].ack()
            await eventually(lambda: len(link.came) == 4)
            assert link.came[3].body == link.came[2].body
            assert link.came[2].stale
            await asyncio.sleep(0.05)
            assert link.ups == [True, False, True]

    asyncio.run(scene())


def test_a_link_that_was_closed_ends_by_itself() -> None:
    """Python 3.11's wait_for swallows a cancellation that comes together with what it waits for."""

    async def scene() -> None:
        link = Link(f"amqp://guest:guest@127.0.0.1:{free_port()}/%2F", "nobody")
        task = asyncio.create_task(link.run())
        await eventually(lambda: "refused" in link.state)
        await link.close()
        await asyncio.wait_for(task, 10.0)

    asyncio.run(scene())
