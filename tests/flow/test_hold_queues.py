"""Messages that rest at the broker: whatever is lost or comes twice, each ends once."""

import time

from world import eventually, in_a_loop, world

from smsd.core.publication import Confirm


@in_a_loop
async def test_a_cancelled_message_is_not_sent_when_it_comes_back_from_a_hold_queue() -> None:
    async with world() as w:
        first = w.come(w.request(send_after="2100-01-01T00:00:00Z", campaign="c"))
        await eventually(lambda: w.broker.forwarded)
        w.broker.forwarded[0][3](Confirm.DONE)
        assert first.acks == 1
        w.stopped.stop("p", "campaign", "c")
        back = w.come(w.request(id="m1", send_after="2100-01-01T00:00:00Z", campaign="c"))
        await eventually(w.results)
        assert [result["status"] for result in w.results()] == ["cancelled"]
        w.broker.confirm()
        assert back.acks == 1
        assert w.smsc.counts()["submits"] == 0


@in_a_loop
async def test_a_hold_that_was_never_confirmed_is_begun_again_with_the_redelivery() -> None:
    async with world() as w:
        first = w.come(w.request(send_after="2100-01-01T00:00:00Z"))
        await eventually(lambda: w.broker.forwarded)
        w.lose_broker()
        first.stale = True
        w.find_broker()
        again = w.come(w.request(id="m1", send_after="2100-01-01T00:00:00Z"))
        await eventually(lambda: len(w.broker.forwarded) == 1)
        w.broker.forwarded[0][3](Confirm.DONE)
        assert (first.acks, again.acks) == (0, 1)


@in_a_loop
async def test_two_copies_of_a_held_message_give_one_submit_and_both_are_acked() -> None:
    """The first hold's confirm was lost with the connection, though its copy had reached the hold queue."""
    async with world() as w:
        soon = time.time() + 61
        asked = {"send_after": "2026-01-01T00:00:00Z"}
        first = w.request(headers={"x-smsd-due": repr(soon)}, **asked)
        w.come(first)
        await eventually(lambda: w.broker.forwarded)
        w.lose_broker()
        first.stale = True
        w.find_broker()
        w.come(w.request(id="m1", headers={"x-smsd-due": repr(soon)}, **asked))
        await eventually(lambda: w.broker.forwarded)
        w.broker.forwarded.pop()[3](Confirm.DONE)
        copies = [w.come(w.request(id="m1", **asked)) for _ in range(2)]
        await eventually(w.results)
        w.broker.confirm()
        assert [copy.acks for copy in copies] == [1, 1]
        assert w.smsc.counts()["submits"] == 1


@in_a_loop
async def test_a_held_message_that_its_queue_gave_up_on_goes_back_there_and_on_when_its_time_has_come() -> None:
    """Handed over before, then back in its queue; a policy or RabbitMQ 4's delivery limit may send it to `returned`."""
    async with world({"errors": [{"status": "0x58", "times": 1}]}) as w:
        w.come(w.request())
        await eventually(lambda: w.smsc.record.statuses[0x58] == 1 and w.holding.lane.waiting())
        w.holding.pause("by a test")
        assert (await w.known()).message.held
        back = w.request(id="m1")
        back.given_up = "delivery_limit"
        w.returned.arrived(back)
        await eventually(lambda: w.broker.forwarded)
        _, where, _, then = w.broker.forwarded.pop()
        assert where == ("sms.requests", "p")
        then(Confirm.DONE)
        assert (back.acks, back.given_back) == (1, 0)
        w.holding.resume("by a test")
        again = w.come(w.request(id="m1"))
        await eventually(w.results)
        w.broker.confirm()
        assert again.acks == 1
        assert (await w.known()).result.key == "p.sent"
