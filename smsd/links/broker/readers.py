"""The channels of one session that consume: each stands alone.

One that the broker closes, or that can't be opened, costs nobody else anything. It is told, and opened again after a
pause; its deliveries go stale and come again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from smsd.core.backoff import Backoff
from smsd.core.errors import LinkDown
from smsd.links.broker.amqp import AmqpSession
from smsd.links.broker.consume import ConsumeChannel

FIRST, LAST = 0.5, 30.0
"""Seconds before a channel is opened again; doubled each time that it fails soon."""

STEADY = 60.0
"""Seconds that a channel has to live for its next loss to count as the first."""

Begin = Callable[[AmqpSession, ConsumeChannel], Awaitable[None]]
"""Starts what a channel is for; called again when something else is wanted of it. Raises LinkDown."""

Mend = Callable[[str, AmqpSession], Awaitable[None]]
"""Makes what a channel that failed needs to be there. Raises LinkDown."""


class Readers:
    """Channels by name. `on_lost(name, reason)` and `on_back(name)` are told once for each trouble."""

    def __init__(
        self,
        draw: Callable[[], float],
        mend: Mend,
        on_lost: Callable[[str, str], None],
        on_back: Callable[[str], None],
    ) -> None:
        self._draw, self._mend, self._on_lost, self._on_back = draw, mend, on_lost, on_back
        self._loop = asyncio.get_running_loop()
        self._session: AmqpSession | None = None
        self.channels: dict[str, ConsumeChannel] = {}
        self.troubles: dict[str, str] = {}
        """Why those that are not open are not."""
        self._begins: dict[str, Begin] = {}
        self._starts: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._opened: dict[str, float] = {}
        """Since when each is open, in loop time."""

    def begin(self, session: AmqpSession) -> None:
        """A new session: there are no channels yet."""
        self._session = session

    def end(self) -> None:
        """The session is over, and with it all of its channels."""
        self._session = None
        for start in self._starts.values():
            start.cancel()
        for timer in self._timers.values():
            timer.cancel()
        self.channels.clear()
        self.troubles.clear()
        self._begins.clear()
        self._starts.clear()
        self._timers.clear()
        self._opened.clear()

    def start(self, name: str, begin: Begin) -> asyncio.Task[None] | None:
        """Has `begin` done on this channel, which is opened if need be; None while it waits to be opened again.

        One task at a time: two would leave consumers that nobody can cancel.
        """
        self._begins[name] = begin
        if self._session is None or name in self._timers:
            return None
        task = self._starts.get(name)
        if task is None or task.done():
            task = self._starts[name] = asyncio.create_task(self._start(name, self._session))
        return task

    async def _start(self, name: str, session: AmqpSession) -> None:
        try:
            if name in self.troubles:
                await self._mend(name, session)
            channel = self.channels.get(name)
            if channel is None or not channel.is_open:
                lost = partial(self._lost, name, session)
                channel = await session.consumer(name.strip("."), lost, partial(self._has_room, name, session))
                if session is not self._session:
                    return
                self.channels[name] = channel
                self._opened[name] = self._loop.time()
            await self._begins[name](session, channel)
        except LinkDown as down:
            self._lost(name, session, down.reason)
        else:
            if self.troubles.pop(name, None) is not None:
                self._on_back(name)

    def _lost(self, name: str, session: AmqpSession, reason: str) -> None:
        if session is not self._session or name in self._timers:
            return  # all of them are lost, or this one is known to be
        if (channel := self.channels.pop(name, None)) is not None:
            channel.close()
        backoff = self._backoffs.setdefault(name, Backoff(FIRST, LAST, self._draw))
        if self._loop.time() - self._opened.pop(name, self._loop.time()) > STEADY:
            backoff.reset()
        self._timers[name] = self._loop.call_later(backoff.delay(), self._begin_again, name, session)
        before, self.troubles[name] = self.troubles.get(name), reason
        if channel is not None or before != reason:
            self._on_lost(name, reason)

    def _has_room(self, name: str, session: AmqpSession) -> None:
        if session is self._session and name in self._begins:
            self.start(name, self._begins[name])

    def _begin_again(self, name: str, session: AmqpSession) -> None:
        self._timers.pop(name, None)
        if session is self._session:
            self.start(name, self._begins[name])
