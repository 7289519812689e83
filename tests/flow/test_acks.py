"""Acks of one channel: gathered, and still each delivery as told."""

import asyncio
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.links.broker.consume import ConsumeChannel, Delivery
from smsd.links.broker.properties import Properties


class PikaChannel:
    """What ConsumeChannel uses of pika's channel; keeps what the broker would have settled."""

    is_open = True

    def __init__(self) -> None:
        self.unsettled = set(range(1, 31))
        self.settled: list[int] = []
        self.frames = 0

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.frames += 1
        tags = sorted(each for each in self.unsettled if each <= tag) if multiple else [tag]
        assert tags, "the broker closes a channel that acks what it does not know"
        assert set(tags) <= self.unsettled
        self.unsettled -= set(tags)
        self.settled += tags

    def basic_nack(self, tag: int, requeue: bool) -> None:
        assert requeue
        self.basic_ack(tag)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["ack", "ack", "ack", "give_back"]), st.booleans())))
def test_every_delivery_is_settled_as_told_once_and_no_other_is(steps: list[tuple[int, str, bool]]) -> None:
    async def scene() -> None:
        pika = PikaChannel()
        channel = ConsumeChannel("p", pika, SimpleNamespace())
        told = set()
        for tag, what, turn in steps:
            getattr(channel, what)(tag)
            told.add(tag)
            if turn:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sorted(pika.settled) == sorted(told)

    asyncio.run(scene())


def test_deliveries_that_pika_rejects_for_a_cancelled_consumer_do_not_cost_the_others_a_frame_each() -> None:
    """Nobody will ever ack them: waiting for that, every later tag would be kept in memory for ever."""

    async def scene() -> None:
        pika = PikaChannel()
        channel = ConsumeChannel("p", pika, SimpleNamespace())
        rejected = {1, 7, 8, 20}
        pika.unsettled -= rejected
        tags = [tag for tag in range(1, 31) if tag not in rejected]
        deliveries = [
            Delivery(
                channel,
                SimpleNamespace(delivery_tag=tag, routing_key="p", redelivered=False),
                Properties(b"\0\0"),
                b"",
                1,
            )
            for tag in tags
        ]
        for delivery in deliveries:
            delivery.ack()
        await asyncio.sleep(0)
        assert pika.settled == tags
        assert pika.frames == 1

    asyncio.run(scene())
