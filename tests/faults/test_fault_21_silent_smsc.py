"""An SMSC that answers enquire_link and no submit does not eat the campaign: it is asked ever more rarely."""

from by_hand import HandSmsc, field, response
from world import eventually, in_a_loop, world

from smsd.core.smpp import pdus


@in_a_loop
async def test_fault_21_a_silent_smsc_costs_a_window_and_then_one_at_a_time() -> None:
    async with world({"no_answer": [{}]}, window=5, submit_timeout="150ms") as w:
        for _ in range(100):
            w.come(w.request())
        await eventually(lambda: len(w.results()) == 6)
        assert w.smsc.counts()["submits"] == 5 + 1
        assert {result["status"] for result in w.results()} == {"uncertain"}
        assert len(w.holding.lane.waiting()) == 94
        assert w.holding.lane.resting_until - w.holding._loop.time() > 50
        await eventually(lambda: [event["event"] for event in w.smsc.record.events()].count("bound") == 2)


@in_a_loop
async def test_fault_21_the_first_answer_ends_the_trial() -> None:
    async with world({"no_answer": [{"times": 5}]}, window=5, submit_timeout="150ms") as w:
        for _ in range(50):
            w.come(w.request())
        await eventually(lambda: len(w.results()) == 50)
        assert [result["status"] for result in w.results()].count("uncertain") == 5
        assert w.holding.lane.trial is False


@in_a_loop
async def test_fault_21_an_smsc_that_is_only_slow_is_not_taken_for_silent() -> None:
    async with world({"latency": 1.6}, window=5, submit_timeout="1s") as w:
        for _ in range(12):
            w.come(w.request())
        await eventually(lambda: w.smsc.counts()["submits"] == 12, 15)
        assert [event["event"] for event in w.smsc.record.events()].count("bound") == 1


@in_a_loop
async def test_fault_21_the_event_and_the_detail_say_what_is_wrong() -> None:
    async with field(HandSmsc({pdus.SUBMIT_SM: lambda _: b""}), window=3, submit_timeout="150ms") as f:
        for _ in range(10):
            f.request()
        await eventually(lambda: f.events("lost"))
        detail = f.events("lost")[0]["detail"]
        assert "4 submits in a row were not answered: the next one goes in 60 s" in detail


@in_a_loop
async def test_fault_21_an_answer_after_a_rest_ends_it() -> None:
    async with field(HandSmsc({pdus.SUBMIT_SM: lambda _: b""}), receipts=False, window=3, submit_timeout="150ms") as f:
        for _ in range(10):
            f.request()
        await eventually(lambda: len(f.smsc.lines) >= 2 and f.flow.holding.state == "open")
        f.smsc.replies[pdus.SUBMIT_SM] = lambda pdu: response(pdu, b"1\0")
        f.flow.holding.lane.resting_until = 0.0  # a minute later
        f.flow.holding.lane.wake()
        await eventually(lambda: [f.statuses(f"m{n}") for n in range(5, 11)] == [["sent"]] * 6)
        assert f.flow.holding.lane.trial is False
