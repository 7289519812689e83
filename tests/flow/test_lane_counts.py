"""What was taken for its turn and could not be written goes back, once, in its order, or ends."""

import asyncio

from world import eventually, in_a_loop, stalled, world

from smsd.core.message import Ending

LONG = "x" * 400


async def intended(w, number: int) -> None:
    """Lets a waiting lane go on, until so many of its parts are with the journal."""
    w.broker.blocked = False
    w.holding.lane.wake()
    await eventually(lambda: w.holding.lane._intended == number)


@in_a_loop
async def test_no_octet_of_a_submit_leaves_before_its_intent_is_committed() -> None:
    async with world() as w:
        await w.wait(w.request(LONG), w.request())
        with stalled(w.journal):
            await intended(w, 4)
            await asyncio.sleep(0.05)
            assert w.smsc.counts()["submits"] == 0
        await eventually(lambda: len(w.results()) == 2)
        assert w.smsc.counts()["submits"] == 4


@in_a_loop
async def test_a_link_lost_between_intent_and_write_sends_nothing_and_the_segments_keep_their_order() -> None:
    async with world() as w:
        await w.wait(w.request(LONG))
        with stalled(w.journal):
            await intended(w, 3)
            w.smsc.disconnect()
            await eventually(lambda: w.holding.state == "closed")
        await eventually(w.results)
        texts = [submit["text"] for submit in w.smsc.record.submits()]
        assert (len(texts), "".join(texts)) == (3, LONG)
        assert [submit["short_message"][10:12] for submit in w.smsc.record.submits()] == ["01", "02", "03"]
        assert w.results()[0]["attempts"] == 1
        assert w.results()[0]["possible_duplicate"] is False


@in_a_loop
async def test_nothing_is_written_to_a_bind_that_is_leaving() -> None:
    """The intent was committed while another answer made the bind leave."""
    async with world() as w:
        await w.wait(w.request())
        with stalled(w.journal):
            await intended(w, 1)
            w.holding.binds[0].rebind("a fault")
            w.holding.binds[0].received(b"")
        await eventually(lambda: w.holding.state == "closed")
        await eventually(w.results)
        assert w.smsc.counts()["submits"] == 1
        assert w.holding.lane._intended == 0
        assert len({submit["connection"] for submit in w.smsc.record.submits()}) == 1


@in_a_loop
async def test_a_segment_whose_message_has_ended_meanwhile_is_not_written() -> None:
    async with world() as w:
        await w.wait(w.request())
        (message,) = w.holding.lane.waiting()
        with stalled(w.journal):
            await intended(w, 1)
            message.end(Ending("rejected", "refused-by-provider", "by another segment", True))
        await eventually(w.results)
        assert [result["status"] for result in w.results()] == ["rejected"]
        assert w.smsc.counts()["submits"] == 0
        assert w.holding.lane._intended == 0


@in_a_loop
async def test_a_message_given_back_between_intent_and_write_is_sent_once() -> None:
    async with world() as w:
        first, second = w.request(), w.request(LONG)
        await w.wait(first, second)
        with stalled(w.journal):
            await intended(w, 4)
            w.holding.pause("by a test")
        await eventually(lambda: w.holding.lane._intended == 0)
        w.holding.give_back()
        assert (first.given_back, second.given_back) == (1, 1)
        w.holding.resume("by a test")
        await asyncio.sleep(0.05)
        assert w.smsc.counts()["submits"] == 0
        again = [w.come(w.request(id="m1")), w.come(w.request(LONG, id="m2"))]
        await eventually(lambda: len(w.results()) == 2)
        w.broker.confirm()
        assert [delivery.acks for delivery in again] == [1, 1]
        assert w.smsc.counts()["submits"] == 4


@in_a_loop
async def test_a_message_paused_between_intent_and_write_goes_back_to_its_queue_by_itself() -> None:
    """RabbitMQ closes the channel of a consumer that keeps a delivery for long, and a pause may be long."""
    async with world() as w:
        delivery = w.request()
        await w.wait(delivery)
        with stalled(w.journal):
            await intended(w, 1)
            w.holding.pause("by a test")
        await w.settle()
        w.holding.sweep()
        assert delivery.given_back == 1
        assert w.holding.lane.waiting() == []


@in_a_loop
async def test_what_was_intended_when_the_broker_went_is_not_sent_before_it_is_delivered_again() -> None:
    """Another node may get it meanwhile: nothing that waits is ours any more."""
    async with world() as w:
        delivery = w.request()
        await w.wait(delivery)
        with stalled(w.journal):
            await intended(w, 1)
            w.lose_broker()
            delivery.stale = True
        await w.settle()
        w.find_broker()
        await asyncio.sleep(0.05)
        assert w.smsc.counts()["submits"] == 0
        again = w.come(w.request(id="m1"))
        await eventually(w.results)
        w.broker.confirm()
        assert (delivery.acks, again.acks) == (0, 1)
        assert w.smsc.counts()["submits"] == 1


@in_a_loop
async def test_a_request_whose_connection_went_while_the_journal_was_asked_is_left_to_its_redelivery() -> None:
    async with world() as w:
        with stalled(w.journal):
            first = w.come(w.request())
            w.lose_broker()
            first.stale = True
        await w.settle()
        w.find_broker()
        await asyncio.sleep(0.05)
        assert w.smsc.counts()["submits"] == 0
        again = w.come(w.request(id="m1"))
        await eventually(w.results)
        w.broker.confirm()
        assert (first.acks, again.acks) == (0, 1)


@in_a_loop
async def test_a_window_that_shrank_between_intent_and_write_is_not_exceeded() -> None:
    async with world({"latency": 0.05}, window=4) as w:
        await w.wait(*(w.request() for _ in range(4)))
        session = w.holding.binds[0]._session
        with stalled(w.journal):
            await intended(w, 4)
            session.limits = type(session.limits)(window=1)
        seen = set()
        while len(w.results()) < 4:
            await asyncio.sleep(0.005)
            seen.add(session.window_used)
        assert seen <= {0, 1}
        assert 1 in seen
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
