"""Long waits are the broker's: a confirmed copy of the request rests in a hold queue, and the original is acked.

It comes back by itself under the same routing key, with its history in headers, and is looked at again.
"""

import asyncio
from collections.abc import Callable

from smsd.core import history
from smsd.core.contract import PRIORITIES
from smsd.core.life import HELD
from smsd.core.message import Message
from smsd.core.publication import Confirm
from smsd.core.topology import HOLDS
from smsd.flow.lane import Lane, world_clock
from smsd.flow.ports import Broker, Journal

LOCAL = 60.0
"""Seconds that a message may wait in our memory; longer waits go to the broker."""


class Holds:
    """Puts one provider's messages into hold queues. `clock` gives the seconds that it has been bound in all."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        prefix: str,
        clock: Callable[[], float],
        wall: Callable[[], float] = world_clock,
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._prefix = prefix
        self._clock = clock
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._unconfirmed: set[Message] = set()

    def hold(self, message: Message, lane: Lane) -> bool:
        """Begins to hold the message if its wait is long enough; False means: keep it here.

        A message with segments in flight stays: its copy could not tell what becomes of them.
        """
        now, wall = self._loop.time(), self._wall()
        wait = message.waits(now, wall)
        if wait <= LOCAL or message.in_flight or not self._broker.connected:
            return False
        delivery = next((delivery for delivery in message.deliveries if not delivery.stale), None)
        if delivery is None:
            return False
        name = max((name for name in HOLDS if HOLDS[name] <= wait), key=HOLDS.__getitem__)
        age = self._clock() - (message.first_refused_at or 0.0)
        message.held = True
        if message.rests_until > now:  # as the world's clock is now: it may have been set
            message.put_off(message.rests_until - now, now, wall)
        if message.touched:
            self._journal.note(message, HELD, due=message.due)
        self._unconfirmed.add(message)

        def answered(answer: Confirm) -> None:
            self._unconfirmed.discard(message)
            if answer is Confirm.DONE:
                deliveries, message.deliveries = message.deliveries, []
                for copy in deliveries:
                    copy.ack()
            else:
                message.held = False
                lane.add(message)

        key = f"{message.provider}.{PRIORITIES[message.priority]}"
        rest = message.rests_until - now - HOLDS[name] if message.rests_until > now else None
        headers = history.headers(message, age, rest)
        self._broker.forward(delivery, f"{self._prefix}.hold.{name}", key, headers, answered)
        return True

    def broker_lost(self) -> None:
        """The originals of copies that were not confirmed come again: they rest at the broker all the same."""
        for message in self._unconfirmed:
            message.deliveries.clear()
        self._unconfirmed.clear()
