"""What rests at the broker is not kept in memory for the sake of its expiry; nor are campaigns for ever."""

import gc
import weakref

from test_quiet_hours import after
from world import eventually, in_a_loop, world

from smsd.core.publication import Confirm
from smsd.flow import lane


@in_a_loop
async def test_fault_s5_a_message_in_a_hold_queue_is_forgotten_though_it_expires() -> None:
    async with world({"errors": [{"status": "0x64"}]}, retries={"delays": ["300s"]}) as w:
        w.come(w.request(expires_at=after(3600)))
        ((delivery, _, _, then),) = await eventually(lambda: w.broker.forwarded)
        (message,) = [*w.holding.lane._timed] or [None]
        kept = weakref.ref(message) if message is not None else (lambda: None)
        w.broker.forwarded.clear()
        then(Confirm.DONE)
        del message, then
        await w.settle()
        w.holding.lane.wake()
        await eventually(lambda: not w.holding.lane._timed)

        def gone() -> bool:
            gc.collect()
            return kept() is None

        await eventually(gone)
        assert delivery.acks == 1


@in_a_loop
async def test_fault_s5_campaigns_are_counted_up_to_a_bound_and_the_latest_stay() -> None:
    async with world() as w:
        counted = w.holding.lane
        for n in range(lane.CAMPAIGNS_MAX + 5):
            counted._count(f"c{n}")
            counted._count("always")
        assert len(counted.campaigns) == lane.CAMPAIGNS_MAX
        assert counted.campaigns["always"] == lane.CAMPAIGNS_MAX + 5
        assert counted.campaigns["c0"] == 0
