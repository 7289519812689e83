"""A provider that throttles is found out, over a real socket: few submits are refused once that is done."""

from world import eventually, in_a_loop, world


@in_a_loop
async def test_fault_22_a_provider_that_throttles_is_found_out() -> None:
    async with world({"throttle": {"per_second": 20}}, max_rate=60) as w:
        lane = w.holding.lane
        for n in range(250):
            w.come(w.request(to=f"+7 900 000 1{n:03}"))

        def sweep() -> bool:
            w.holding.sweep()
            return len(w.results()) >= 200

        await eventually(sweep, 18)
        submits = w.smsc.record.submits()
        later = [submit for submit in submits if submit["monotonic"] > submits[0]["monotonic"] + 3.0]
        refused = [submit for submit in later if submit["status"]]
        assert len(refused) <= len(later) / 10
        assert lane.pacer.slowed
        assert w.holding.status()["rate_now"] < 40
        events = [p.key for p, _ in w.broker.published if p.exchange == "sms.events"]
        assert events.count("p.throttled") == 1
