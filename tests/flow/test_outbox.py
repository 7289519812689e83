"""Whatever the broker does, every publication reaches it, those of one request in their order."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import Broker, in_a_loop, settle

from smsd.core.publication import Confirm, Publication
from smsd.flow import outbox as module
from smsd.flow.outbox import FULL, ROOM, Outbox
from smsd.links.broker.consume import ConsumeChannel
from smsd.links.journal import MemoryJournal

STEPS = st.lists(
    st.sampled_from(["add", "add", "add", "confirm", "confirm", "return", "refuse", "lose", "come back", "retry"]),
    max_size=40,
)


def publication(n: int, order: str = "") -> Publication:
    return Publication("x", "k", b"", str(n), "t", order=order)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_publications_of_one_request_keep_their_order_and_all_arrive(steps: list[str]) -> None:
    async def scene() -> None:
        broker, done = Broker(), []
        outbox = Outbox(broker, MemoryJournal(), lambda _: None, lambda *_: None)
        added = 0
        for step in [*steps, "come back"]:
            if step == "add":
                outbox.add(publication(added, f"o{added % 2}"), lambda n=added: done.append(n))
                added += 1
            elif step == "lose":
                broker.connected = False
                broker.published.clear()
                outbox.connection_lost()
            elif step == "come back":
                broker.connected = True
                outbox.pump()
            elif step == "retry":
                await asyncio.sleep(0.002)
            elif broker.published:
                answers = {"confirm": Confirm.DONE, "return": Confirm.UNROUTABLE, "refuse": Confirm.REFUSED}
                broker.published.pop(0)[1](answers[step])
            await settle()
        while len(outbox):
            broker.confirm()
            await asyncio.sleep(0.001)
        assert sorted(done) == list(range(added))
        assert [n for n in done if n % 2] == list(range(1, added, 2))
        assert [n for n in done if not n % 2] == list(range(0, added, 2))
        assert outbox._chains == {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST_RETRY", 0.001)
        patch.setattr(module, "LAST_RETRY", 0.001)
        asyncio.run(scene())


@in_a_loop
async def test_intake_pauses_above_full_and_goes_on_below_room_without_anything_else_happening() -> None:
    broker, told = Broker(), []
    outbox = Outbox(broker, MemoryJournal(), told.append, lambda *_: None)
    for n in range(FULL + 1):
        outbox.add(publication(n))
    assert told == [True]
    while len(outbox) >= ROOM:
        assert told == [True]
        await settle()
        broker.confirm()
    assert told == [True, False]
    assert not outbox.full
    while len(outbox):
        await settle()
        broker.confirm()
    assert await outbox.flushed(0.1)


class PikaChannel:
    """What ConsumeChannel uses of pika's channel; keeps what the broker would have settled."""

    is_open = True

    def __init__(self) -> None:
        self.unsettled = set(range(1, 31))
        self.settled: list[int] = []

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
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
