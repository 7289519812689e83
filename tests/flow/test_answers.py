"""What the provider says, and what it says too late, too often, or in the middle of a failure of ours."""

import asyncio

from world import eventually, in_a_loop, world

from smsd.core.message import Message

LONG = "x" * 400


@in_a_loop
async def test_an_answer_that_makes_us_fail_costs_only_its_own_message() -> None:
    """All answers come in one piece; what nobody foresaw is played by a journal that fails at the second."""
    async with world({"latency": 0.05, "receipts": {"stat": None}}, receipts=True) as w:
        settle, calls = w.journal.settle, []

        def failing(message: Message, *rest: object) -> None:
            calls.append(message)
            if len(calls) == 2:
                raise RuntimeError("disk gone")
            settle(message, *rest)

        w.journal.settle = failing
        deliveries = [w.come(w.request()) for _ in range(5)]
        await eventually(lambda: len(w.results()) == 4)
        w.broker.confirm()
        assert [delivery.acks for delivery in deliveries] == [1, 0, 1, 1, 1]
        assert w.buried == [deliveries[1]]
        assert w.supervisor.crashes == 1
        assert w.holding.binds[0].window_used == 0


@in_a_loop
async def test_a_lost_link_settles_every_segment_even_if_one_makes_us_fail() -> None:
    async with world({"no_answer": [{}]}) as w:
        meter, seen = w.meter.segment, []

        def failing(provider: str, outcome: str) -> None:
            seen.append(outcome)
            if len(seen) == 1:
                raise RuntimeError("nobody foresaw it")
            meter(provider, outcome)

        w.meter.segment = failing
        deliveries = [w.come(w.request()) for _ in range(4)]
        await eventually(lambda: w.smsc.counts()["submits"] == 4)
        w.smsc.disconnect()
        await eventually(lambda: len(w.results()) == 3)
        await eventually(lambda: w.smsc.binds())
        assert {result["status"] for result in w.results()} == {"uncertain"}
        assert w.buried == [deliveries[3]]


@in_a_loop
async def test_the_end_of_an_old_connection_does_not_end_the_next_one() -> None:
    """A frozen peer takes no octets, so the old socket may end long after the new bind is there."""
    async with world({"no_answer": [{"text": "first"}]}) as w:
        bind = w.holding.binds[0]
        old = bind._connection
        w.come(w.request("first"))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        w.smsc.disconnect()
        await eventually(lambda: bind._connection is not None and bind._connection is not old and bind.open)
        old.connection_lost(TimeoutError("no acknowledgement"))
        old.resume_writing()
        await asyncio.sleep(0.02)
        assert bind.open
        assert w.holding.state == "open"


@in_a_loop
async def test_a_connection_that_takes_no_octets_is_dropped_and_not_kept_beside_the_next() -> None:
    async with world(window=10_000, enquire_link={"interval": "100ms", "timeout": "200ms", "when": "always"}) as w:
        bind = w.holding.binds[0]
        old = bind._connection
        w.smsc.pause()
        pieces = 0
        while old.writable:
            old.write(b"\0" * 65536)
            pieces += 1
        await eventually(lambda: bind._connection is not old)
        assert pieces > 1
        assert old._transport is None or old._transport.get_write_buffer_size() == 0


@in_a_loop
async def test_a_repeated_receipt_is_answered_ok_only_once_the_first_is_safe() -> None:
    async with world({"receipts": {"delay": 0, "copies": 2}}, receipts=True) as w:
        w.come(w.request())
        await eventually(lambda: w.results())
        w.broker.confirm()
        await eventually(lambda: [r["status"] for r in w.results()] == ["delivered"])
        await asyncio.sleep(0.05)
        assert w.smsc.record.answers == {}
        w.broker.confirm()
        await eventually(lambda: w.smsc.record.answers == {0: 2})


@in_a_loop
async def test_receipts_that_are_not_safe_when_the_broker_goes_are_refused_once_and_come_again() -> None:
    rules = {"receipts": {"delay": 0, "copies": 2, "resend_after": 0.1}}
    async with world(rules, receipts=True, deliver_fail_status="0x14") as w:
        w.come(w.request())
        await eventually(lambda: w.results())
        w.broker.confirm()
        await eventually(lambda: [r["status"] for r in w.results()] == ["delivered"])
        await asyncio.sleep(0.02)
        w.lose_broker()
        await eventually(lambda: w.smsc.record.answers.get(0x14, 0) >= 2)
        w.find_broker()
        assert w.smsc.record.answers.keys() == {0x14}
        await asyncio.sleep(0.15)
        assert w.smsc.record.answers.keys() == {0x14}
        w.broker.confirm()
        await eventually(lambda: w.smsc.record.answers.get(0) == 2)


@in_a_loop
async def test_the_broker_lost_with_segments_in_flight_gives_one_final_result_and_acks_the_redelivery() -> None:
    async with world({"latency": 0.1}, window=2) as w:
        first = w.come(w.request(LONG))
        await eventually(lambda: w.smsc.counts()["submits"] == 2)
        w.lose_broker()
        first.stale = True
        await eventually(lambda: w.holding.binds[0].window_used == 0)
        assert w.smsc.counts()["submits"] == 2
        w.find_broker()
        again = w.come(w.request(LONG, id="m1"))
        await eventually(w.results)
        w.broker.confirm()
        assert (first.acks, again.acks) == (0, 1)
        assert w.smsc.counts()["submits"] == 3


@in_a_loop
async def test_a_refusal_while_the_rest_is_back_in_the_queue_ends_the_message_once() -> None:
    async with world({"latency": 0.1, "errors": [{"status": "0x0B"}]}, window=1) as w:
        first = w.come(w.request(LONG))
        await eventually(lambda: w.smsc.counts()["submits"] == 1)
        w.holding.pause("by a test")
        assert first.given_back == 1
        (result,) = await eventually(w.results)
        w.broker.confirm()
        w.holding.resume("by a test")
        again = w.come(w.request(LONG, id="m1"))
        (repeated,) = await eventually(w.results)
        assert repeated["result_id"] == result["result_id"]
        w.broker.confirm()
        assert again.acks == 1
        assert w.smsc.counts()["submits"] == 1


@in_a_loop
async def test_a_fault_of_the_bind_awaits_the_answers_of_the_others_and_sends_each_message_once_more() -> None:
    rules = {"latency": 0.1, "errors": [{"status": "0x04", "times": 3}]}
    async with world(rules, window=5) as w:
        for _ in range(5):
            w.come(w.request())
        await eventually(lambda: len(w.results()) == 5)
        assert {result["status"] for result in w.results()} == {"sent"}
        assert w.smsc.counts()["submits"] == 8
        assert [event["event"] for event in w.smsc.record.events()].count("bound") == 2
        assert "unbound" in [event["event"] for event in w.smsc.record.events()]


@in_a_loop
async def test_tls_files_that_can_not_be_read_are_a_reason_for_this_provider_alone() -> None:
    async with world(bound=False, tls={"ca_file": "/nowhere/ca.pem"}) as w:
        await eventually(lambda: "TLS" in w.holding.detail)
        assert w.holding.state == "closed"


@in_a_loop
async def test_a_full_outbox_refuses_what_the_provider_sends_until_there_is_room() -> None:
    async with world({"receipts": {"delay": 0.1, "resend_after": 0.1}}, receipts=True) as w:
        w.come(w.request())
        await eventually(lambda: w.results())
        w.broker.confirm()
        w.outbox._full = True
        await eventually(lambda: w.smsc.record.answers.get(0x14))
        assert w.results() == []
        w.outbox._full = False
        await eventually(lambda: [r["status"] for r in w.results()] == ["delivered"])
        w.broker.confirm()
        await eventually(lambda: w.smsc.record.answers.get(0) == 1)


@in_a_loop
async def test_a_bind_that_is_stopped_while_it_dials_is_never_asked_for() -> None:
    async with world(bound=False) as w:
        await asyncio.sleep(0)
        await w.holding.binds[0].stop()
        await eventually(lambda: w.smsc.record.events())
        await eventually(lambda: w.smsc.record.events()[-1]["event"] == "closed")
        assert w.smsc.record.received == {}
