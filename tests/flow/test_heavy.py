"""Prefetch counts messages; of heavy ones no more is taken than memory should hold."""

import asyncio

from rig import rabbit
from test_broker_link import Link, running
from world import eventually

from smsd.links.broker.consume import HEAVY_MAX

MB = 1024 * 1024


def test_of_heavy_requests_only_so_many_octets_are_taken_at_a_time(broker_url: str, prefix: str) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        async with running(link, broker_url):
            bodies = [f"{n:02} ".encode() + b"x" * MB for n in range(20)]
            rabbit.publish_all(broker_url, f"{prefix}.requests", "p", bodies)
            link.consume("p", 100)
            done: set[bytes] = set()
            while len(done) < 20:
                held = await eventually(lambda: [each for each in link.came if not each.stale], 20)
                assert sum(len(each.body) for each in held) <= HEAVY_MAX + 2 * MB
                link.came.clear()
                for delivery in held:
                    done.add(delivery.body[:2])
                    delivery.ack()
                    await asyncio.sleep(0)
            assert link.ups == [True]
            assert link.lost == []

    asyncio.run(scene())
