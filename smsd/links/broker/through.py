"""A work queue read through: everything that waits there is looked at once, and what is not taken goes back.

AMQP can't look into a queue, only take from it. So consumers follow one another on a channel of their own, each with a
prefetch of CHUNK: that bounds what is on its way to us, and lets the other queues of the connection be read meanwhile.
Of what was looked at only the delivery tag is kept.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from smsd.links.broker.consume import ConsumeChannel, Delivery

CHUNK = 500
"""Messages on their way to us at most."""

STILL = 2.0
"""Seconds without any delivery after which somebody else must have what waits."""

SETTLE = 60.0
"""Seconds for the results of what was taken to reach the broker; afterwards its requests come again, to be told so."""

Look = Callable[[Delivery], bool]
"""Whether the delivery is taken; then whoever took it acks it."""


class Through:
    """One provider's queues, one after the other."""

    def __init__(self, channel: ConsumeChannel, look: Look) -> None:
        self._channel = channel
        self._look = look
        self._passed: list[int] = []
        """Delivery tags of what was not taken."""
        self._came = 0
        self._first = False
        self._news = asyncio.Event()

    async def read(self, queue: str, priority: int, first: bool) -> bool:
        """Reads all that waits now. False if not all of it could be had. Raises LinkDown.

        `first`: nobody has read the queue before in this run.
        """
        self._first = first
        at_first = await self._channel.depth(queue)
        start = self._came
        while (waiting := await self._channel.depth(queue)) and self._came - start < at_first:
            if not await self._chunk(queue, priority, min(waiting, CHUNK)):
                return False
        return True

    async def _chunk(self, queue: str, priority: int, most: int) -> bool:
        """The next `most` messages; False if none came."""
        before = self._came

        def deliver(_: Any, method: Any, properties: Any, body: bytes) -> None:
            self._arrived(Delivery(self._channel, method, properties, body, priority, self._first))

        await self._channel.consume(queue, most, deliver)
        try:
            while self._came < before + most:
                self._news.clear()
                await asyncio.wait_for(self._news.wait(), STILL)
        except TimeoutError:
            return self._came > before
        finally:
            self._channel.cancel(queue)
        return True

    def _arrived(self, delivery: Delivery) -> None:
        self._came += 1
        self._news.set()
        if not self._look(delivery):
            self._passed.append(delivery.tag)

    async def give_back(self) -> None:
        """What was not taken returns to its queues; what was stays until it is acked, for SETTLE at most."""
        for number, tag in enumerate(self._passed):
            self._channel.give_back(tag)
            if number % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
        self._passed.clear()

    async def settled(self) -> None:
        """Waits until all is acked that was taken."""
        deadline = asyncio.get_running_loop().time() + SETTLE
        while self._channel.is_open and self._channel.unsettled and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
