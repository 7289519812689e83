"""What was taken for its turn and could not be written goes back, once, in its order, or ends."""

import asyncio

from world import eventually, in_a_loop, settle, world

from smsd.core.message import Ending, Message, Part
from smsd.links.journal import MemoryJournal

LONG = "x" * 400


class SlowJournal(MemoryJournal):
    """A journal whose commits take until `commit`."""

    def __init__(self) -> None:
        super().__init__()
        self.intents = []

    def intend(self, message: Message, part: Part, then) -> None:
        self.intents.append((then, message, part))

    def commit(self) -> None:
        intents, self.intents = self.intents, []
        for then, message, part in intents:
            then(message, part)


def slow(w) -> SlowJournal:
    w.holding.lane._journal = journal = SlowJournal()
    return journal


@in_a_loop
async def test_a_link_lost_between_intent_and_write_sends_nothing_and_the_segments_keep_their_order() -> None:
    async with world() as w:
        journal = slow(w)
        w.come(w.request(LONG))
        await eventually(lambda: len(journal.intents) == 3)
        w.smsc.disconnect()
        await eventually(lambda: w.holding.state == "closed")
        journal.commit()
        await eventually(lambda: w.holding.state == "open")
        await eventually(lambda: len(journal.intents) == 3)
        journal.commit()
        await eventually(w.results)
        texts = [submit["text"] for submit in w.smsc.record.submits()]
        assert (len(texts), "".join(texts)) == (3, LONG)
        assert [submit["short_message"][10:12] for submit in w.smsc.record.submits()] == ["01", "02", "03"]
        assert w.results()[0]["attempts"] == 1


@in_a_loop
async def test_nothing_is_written_to_a_bind_that_is_leaving() -> None:
    """The intent was committed while another answer made the bind leave."""
    async with world() as w:
        journal = slow(w)
        w.come(w.request())
        await eventually(lambda: journal.intents)
        w.holding.binds[0].rebind("a fault")
        w.holding.binds[0].received(b"")
        journal.commit()
        await eventually(lambda: w.holding.state == "closed")
        await eventually(lambda: journal.intents)
        journal.commit()
        await eventually(w.results)
        assert w.smsc.counts()["submits"] == 1
        assert w.holding.lane._intended == 0


@in_a_loop
async def test_a_segment_whose_message_has_ended_meanwhile_is_not_written() -> None:
    async with world() as w:
        journal = slow(w)
        w.come(w.request())
        await eventually(lambda: journal.intents)
        message = journal.intents[0][1]
        message.end(Ending("rejected", "refused-by-provider", "by another segment", True))
        journal.commit()
        await eventually(w.results)
        assert [result["status"] for result in w.results()] == ["rejected"]
        assert w.smsc.counts()["submits"] == 0
        assert w.holding.lane._intended == 0


@in_a_loop
async def test_a_message_given_back_between_intent_and_write_is_sent_once() -> None:
    async with world() as w:
        journal = slow(w)
        first = w.come(w.request())
        second = w.come(w.request(LONG))
        await eventually(lambda: len(journal.intents) == 4)
        w.holding.pause("by a test")
        journal.commit()
        w.holding.give_back()
        assert (first.given_back, second.given_back) == (1, 1)
        w.holding.resume("by a test")
        await asyncio.sleep(0.05)
        assert w.smsc.counts()["submits"] == 0
        again = [w.come(w.request(id="m1")), w.come(w.request(LONG, id="m2"))]
        await eventually(lambda: len(journal.intents) == 4)
        journal.commit()
        await eventually(lambda: len(w.results()) == 2)
        w.broker.confirm()
        assert [delivery.acks for delivery in again] == [1, 1]
        assert w.smsc.counts()["submits"] == 4


@in_a_loop
async def test_a_window_that_shrank_between_intent_and_write_is_not_exceeded() -> None:
    async with world({"latency": 0.2}, window=4) as w:
        journal = slow(w)
        for _ in range(4):
            w.come(w.request())
        await eventually(lambda: len(journal.intents) == 4)
        session = w.holding.binds[0]._session
        session.limits = type(session.limits)(window=1)
        journal.commit()
        assert session.window_used == 1
        while len(w.results()) < 4:
            await settle()
            await asyncio.sleep(0.01)
            journal.commit()
            assert session.window_used <= 1
        assert w.smsc.counts()["submits"] == 4


@in_a_loop
async def test_a_payload_of_more_segments_than_a_second_has_goes_and_the_next_message_too() -> None:
    async with world(long_messages="payload", max_rate=2) as w:
        w.come(w.request("y" * 450))
        w.come(w.request())
        await eventually(lambda: len(w.results()) == 1)
        await eventually(lambda: len(w.results()) == 2)
        first, second = [submit["monotonic"] for submit in w.smsc.record.submits()]
        assert second - first >= 1.0
