"""A provider's settings change under messages that wait, are on their way, or have been answered."""

from world import eventually, in_a_loop, provider, world


@in_a_loop
async def test_a_smaller_window_lets_answers_come_and_a_larger_one_is_filled() -> None:
    async with world({"latency": 0.2}, window=8) as w:
        for _ in range(30):
            w.come(w.request())
        await eventually(lambda: len(w.smsc.record.submits()) == 8)
        w.holding.adopt(provider(w.smsc.port, window=2))
        used = []
        for _ in range(3):
            before = len(w.smsc.record.submits())
            await eventually(lambda before=before: len(w.smsc.record.submits()) > before)
            used.append(w.holding.status()["window_used"])
        assert max(used) <= 2
        w.holding.adopt(provider(w.smsc.port, window=20))
        await eventually(lambda: w.holding.status()["window_used"] > 10)
        assert len(w.smsc.record.events()) == 2, "connected and bound, once"


@in_a_loop
async def test_what_has_been_composed_keeps_its_form_and_what_comes_has_the_new_one() -> None:
    async with world(senders=["Old"], long_messages="udh") as w:
        await w.wait(w.request("x" * 200), w.request())
        w.holding.adopt(provider(w.smsc.port, senders=["New"], long_messages="sar", receipts=True))
        w.come(w.request("x" * 200))
        w.broker.blocked = False
        w.holding.lane.wake()
        submits = await eventually(lambda: (found := w.smsc.record.submits()) and len(found) == 5 and found)
        assert [submit["source_addr"] for submit in submits] == ["Old", "Old", "Old", "New", "New"]
        assert [submit["esm_class"] for submit in submits] == [0x40, 0x40, 0, 0, 0]
        assert [submit["registered_delivery"] for submit in submits] == [0, 0, 0, 1, 1]
        assert "0x020C" in submits[3]["tlvs"]


@in_a_loop
async def test_a_new_prefetch_is_asked_of_the_broker_and_the_same_one_is_not() -> None:
    async with world(max_rate=100) as w:
        assert w.broker.prefetch == {"p": 200}
        w.holding.adopt(provider(w.smsc.port, max_rate=20))
        assert w.broker.prefetch == {"p": 40}
        w.broker.prefetch["p"] = 0  # would be set again
        w.holding.adopt(provider(w.smsc.port, max_rate=20, title="another"))
        assert w.broker.prefetch == {"p": 0}


@in_a_loop
async def test_a_new_rate_ends_a_time_of_throttling_and_an_unchanged_one_does_not() -> None:
    async with world(max_rate=100) as w:
        pacer = w.holding.lane.pacer
        now = w.holding._loop.time()
        assert pacer.slow_down(now, now, accepted=50.0)
        w.holding.adopt(provider(w.smsc.port, max_rate=100, window=5))
        assert pacer.rate == 48.5
        w.holding.adopt(provider(w.smsc.port, max_rate=80))
        assert (pacer.rate, pacer.slowed) == (80, False)
        await w.settle()
        assert [p.key for p, _ in w.broker.published if p.exchange == "sms.events"][-1] == "p.throttle_ended"


@in_a_loop
async def test_released_messages_return_to_their_queue_and_so_does_what_comes_late() -> None:
    async with world({"latency": 0.1}, window=1) as w:
        deliveries = [w.come(w.request()) for _ in range(5)]
        await eventually(lambda: len(w.smsc.record.submits()) == 1)
        w.holding.release()
        late = w.come(w.request())
        await w.holding.leave("changed", w.holding._loop.time() + 5.0)
        await w.settle()
        w.broker.confirm()
        await w.settle()
        assert [(delivery.acks, delivery.given_back) for delivery in [*deliveries, late]] == [(1, 0), *[(0, 1)] * 5]
        assert (w.broker.prefetch, w.holding.lane.waiting()) == ({}, [])
        assert [event["event"] for event in w.smsc.record.events()] == ["connected", "bound", "unbound", "closed"]
        assert w.holding.connection.detail == "connection closed: changed"


@in_a_loop
async def test_what_waits_stays_in_the_lane_while_the_bind_is_made_anew() -> None:
    async with world({"latency": 0.1}, window=1) as w:
        for _ in range(5):
            w.come(w.request())
        await eventually(lambda: len(w.smsc.record.submits()) == 1)
        await w.holding.leave("changed", w.holding._loop.time() + 5.0)
        assert (len(w.smsc.record.submits()), len(w.holding.lane.waiting())) == (1, 4)
        assert w.broker.prefetch == {"p": 500}
        w.holding.enter()
        await eventually(lambda: len(w.smsc.record.submits()) == 5)


@in_a_loop
async def test_without_answers_the_window_is_given_up_at_the_deadline() -> None:
    async with world({"latency": 3600.0}, window=2) as w:
        for _ in range(5):
            w.come(w.request())
        await eventually(lambda: len(w.smsc.record.submits()) == 2)
        await w.holding.leave("changed", w.holding._loop.time() + 0.1)
        await w.settle()
        assert [result["status"] for result in w.results()] == ["uncertain", "uncertain"]
        assert len(w.holding.lane.waiting()) == 3
