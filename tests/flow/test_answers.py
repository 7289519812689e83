"""What the provider says, and what it says too late, too often, or in the middle of a failure of ours."""

import asyncio
from typing import Any

import pytest
from world import eventually, in_a_loop, stalled, unwritable, world

from smsd.core.message import Message, Part
from smsd.flow import receipts
from smsd.links.journal import commits
from smsd.simulator.orders import Inbound

LONG = "x" * 400


@in_a_loop
async def test_an_answer_that_makes_us_fail_costs_only_its_own_message() -> None:
    """All answers come in one piece; what nobody foresaw is played by a journal that fails at the second."""
    async with world({"latency": 0.05, "receipts": {"stat": None}}, receipts=True) as w:
        file_under, calls = w.journal.file_under, []

        def failing(message: Message, *rest: object) -> None:
            calls.append(message)
            if len(calls) == 2:
                raise RuntimeError("nobody foresaw it")
            file_under(message, *rest)

        w.journal.file_under = failing
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
async def test_a_receipt_and_its_repetition_are_answered_ok_only_once_the_journal_has_them() -> None:
    async with world({"receipts": {"delay": 0.1, "copies": 2}}, receipts=True) as w:
        w.come(w.request())
        await eventually(w.results)
        await w.settle()
        w.broker.confirm()
        await w.settle()
        with stalled(w.journal):
            await eventually(lambda: w.smsc.binds()[0]["unanswered_deliveries"] == 2)
            await asyncio.sleep(0.05)
            assert w.smsc.record.answers == {}
            assert w.results() == []
        await eventually(lambda: w.smsc.record.answers == {0: 2})
        assert [result["status"] for result in w.results()] == ["delivered"]


@in_a_loop
async def test_receipts_and_messages_that_come_while_the_broker_is_down_are_answered_ok_and_published_later() -> None:
    async with world({"receipts": {"delay": 0.1, "copies": 2}}, receipts=True) as w:
        w.come(w.request())
        await eventually(w.results)
        w.broker.confirm()
        w.lose_broker()
        w.smsc.inbound(Inbound(**{"from": "79000000000", "to": "acme", "text": "STOP"}))
        await eventually(lambda: w.smsc.record.answers == {0: 3})
        assert w.broker.published == []
        w.find_broker()
        assert [result["status"] for result in w.results()] == ["delivered"]
        assert [p.exchange for p, _ in w.broker.published].count("sms.inbound") == 1


@in_a_loop
async def test_while_the_journal_is_in_trouble_a_receipt_is_refused_and_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commits, "AGAIN", 0.05)
    async with world({"receipts": {"delay": 0.1, "resend_after": 0.05}}, receipts=True) as w:
        w.come(w.request())
        await eventually(w.results)
        w.broker.confirm()
        await w.settle()
        with unwritable(w.journal):
            await eventually(lambda: w.journal.trouble)
            assert w.smsc.record.answers == {}
            assert "p" not in w.broker.prefetch
            w.holding.sweep()
            await eventually(lambda: w.smsc.record.answers.get(0x14, 0) >= 3)
            assert w.results() == []
        await eventually(lambda: w.smsc.record.answers.get(0) == 1)
        assert w.journal.trouble is None
        assert "p" in w.broker.prefetch
        assert [result["status"] for result in w.results()] == ["delivered"]
        w.broker.confirm()
        await w.settle()
        assert w.results() == []


@in_a_loop
async def test_a_receipt_that_is_not_safe_in_time_is_refused_once_and_acknowledged_when_it_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts, "UNSAFE_MAX", 0.05)
    async with world({"receipts": {"delay": 0.1, "resend_after": 0.2}}, receipts=True) as w:
        w.come(w.request())
        await eventually(w.results)
        w.broker.confirm()
        await w.settle()
        with stalled(w.journal):
            await eventually(lambda: w.smsc.binds()[0]["unanswered_deliveries"] == 1)
            w.holding.sweep()
            await asyncio.sleep(0.06)
            assert w.smsc.record.answers == {}
            w.holding.sweep()
            await eventually(lambda: w.smsc.record.answers == {0x14: 1})
        await eventually(lambda: w.smsc.record.answers == {0x14: 1, 0: 1})
        assert [result["status"] for result in w.results()] == ["delivered"]


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
        w.holding.give_back()
        assert first.given_back == 1
        (result,) = await eventually(w.results)
        w.broker.confirm()
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
async def test_of_a_message_that_makes_us_fail_nothing_more_is_sent() -> None:
    """What nobody foresaw is played by a journal that fails at the second segment."""
    async with world() as w:
        intend = w.journal.intend

        def failing(message: Message, part: Part, then: Any) -> None:
            if part.n == 2:
                raise RuntimeError("nobody foresaw it")
            intend(message, part, then)

        w.journal.intend = failing
        delivery, other = w.come(w.request(LONG)), w.come(w.request())
        await eventually(lambda: len(w.results()) == 1)
        await w.settle()
        w.broker.confirm()
        assert (w.buried, delivery.acks, other.acks) == ([delivery], 0, 1)
        assert w.smsc.counts()["submits"] == 2


@in_a_loop
async def test_an_smsc_that_can_not_read_us_five_times_in_a_row_is_bound_anew() -> None:
    async with world({"errors": [{"text": "x", "status": "0x03"}]}) as w:
        for text in "xxxxaxxxx":
            w.come(w.request(text))
            await w.settle()
        await eventually(lambda: len(w.results()) == 9)
        assert [event["event"] for event in w.smsc.record.events()].count("bound") == 1
        w.come(w.request("x"))
        await eventually(lambda: [event["event"] for event in w.smsc.record.events()].count("bound") == 2)
        assert [result["status"] for result in w.results()].count("rejected") == 9


@in_a_loop
async def test_tls_files_that_can_not_be_read_are_a_reason_for_this_provider_alone() -> None:
    async with world(bound=False, tls={"ca_file": "/nowhere/ca.pem"}) as w:
        await eventually(lambda: "TLS" in w.holding.connection.detail)
        assert w.holding.state == "closed"


@in_a_loop
async def test_a_full_outbox_stops_requests_and_not_receipts() -> None:
    async with world({"receipts": {"delay": 0.1}}, receipts=True) as w:
        w.come(w.request())
        await eventually(w.results)
        w.broker.confirm()
        w.outbox._full = True
        w.holding.update()
        assert "p" not in w.broker.prefetch
        await eventually(lambda: w.smsc.record.answers == {0: 1})
        assert [result["status"] for result in w.results()] == ["delivered"]


@in_a_loop
async def test_a_bind_that_is_stopped_while_it_dials_is_never_asked_for() -> None:
    async with world(bound=False) as w:
        await asyncio.sleep(0)
        await w.holding.binds[0].stop()
        await eventually(lambda: w.smsc.record.events())
        await eventually(lambda: w.smsc.record.events()[-1]["event"] == "closed")
        assert w.smsc.record.received == {}


@in_a_loop
async def test_a_late_yes_to_one_segment_of_a_message_given_up_says_that_it_was_partly_sent() -> None:
    async with world({"latency": 0.3}, window=1, submit_timeout="150ms") as w:
        w.come(w.request(LONG))
        (uncertain,) = await eventually(w.results)
        w.broker.confirm()
        assert (uncertain["status"], uncertain["reason"]) == ("uncertain", "no-response")
        (corrected,) = await eventually(w.results)
        assert (corrected["status"], corrected["reason"]) == ("failed", "partly-sent")
        assert (corrected["corrects"], corrected["final"]) == (uncertain["result_id"], True)
        assert (corrected["segments_sent"], corrected["segments"], corrected["permanent"]) == (1, 3, False)
        assert corrected["detail"] == (
            "only 1 of 3 segments were accepted: the others were not handed over, since an answer came too late"
        )
        assert w.smsc.counts()["submits"] == 1
