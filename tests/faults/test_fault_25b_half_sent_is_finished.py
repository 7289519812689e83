"""A pause in the middle of a long message does not leave half of it at the provider."""

from world import eventually, in_a_loop, stalled, world

LONG = "x" * 400


@in_a_loop
async def test_fault_25b_a_pause_lets_the_begun_message_end_and_begins_no_other() -> None:
    async with world({"latency": 0.1}, window=1) as w:
        begun, other = w.come(w.request(LONG)), w.come(w.request("other"))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        w.holding.pause("by a test")
        assert (begun.given_back, other.given_back) == (0, 1)
        (result,) = await eventually(w.results)
        assert (result["status"], result["segments_sent"]) == ("sent", 3)
        w.broker.confirm()
        await w.settle()
        assert (begun.acks, w.smsc.counts()["submits"]) == (1, 3)


@in_a_loop
async def test_fault_25b_a_refused_segment_of_a_begun_message_is_tried_again_in_the_pause() -> None:
    rules = {"latency": 0.05, "errors": [{"text": "y", "status": "0x64", "times": 1}]}
    async with world(rules, window=1, retries={"delays": ["50ms"]}) as w:
        w.come(w.request("x" * 153 + "y" * 100))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        w.holding.pause("by a test")
        (result,) = await eventually(w.results)
        assert (result["status"], result["segments_sent"]) == ("sent", 2)


@in_a_loop
async def test_fault_25b_what_was_intended_and_not_written_is_not_begun() -> None:
    async with world() as w:
        delivery = w.request(LONG)
        await w.wait(delivery)
        with stalled(w.journal):
            w.broker.blocked = False
            w.holding.lane.wake()
            await eventually(lambda: w.holding.lane._intended == 3)
            w.holding.pause("by a test")
        await w.settle()
        assert (delivery.given_back, w.smsc.counts()["submits"]) == (1, 0)
