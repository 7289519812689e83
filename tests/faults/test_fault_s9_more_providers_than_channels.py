"""A connection has so many channels; who gets none says so and is tried again, and the others don't notice."""

import asyncio
from typing import Any

from rig import rabbit
from test_broker_link import Link, running
from world import eventually

from smsd.core.topology import topology


def test_fault_s9_a_provider_without_a_channel_says_so(own_node: Any) -> None:
    """Four are the link's own, two are left."""
    own_node.rabbitmqctl("eval", "application:set_env(rabbit, channel_max, 6).")
    names = ["p", "q", "r"]

    async def scene() -> None:
        link = Link(own_node.url, "sms")
        link.topology = topology(names, prefix="sms", queue_type="classic", default_queues=True)
        async with running(link, own_node.url):
            for name in names:
                link.consume(name, 10)
                rabbit.publish(own_node.url, "sms.requests", name, {"id": name})
            await eventually(lambda: len(link.came) == 2 and link.lost)
            assert [name for name, _ in link.lost] == ["r"]
            assert "no channel left" in link.lost[0][1]
            link._readers.channels["p"].close()
            await eventually(lambda: link.back == ["r"], 30)
            await eventually(lambda: {delivery.provider for delivery in link.came} == {"p", "q", "r"})
            assert link.ups == [True]

    asyncio.run(scene())
