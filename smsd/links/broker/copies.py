"""Copies of results, and answers to commands, to the queues of those who asked for them: at best effort.

What a `reply_to` says is somebody else's word, and the broker may close a channel for it, or forbid the default
exchange altogether. So they have a channel of their own, which nothing else is lost with.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from smsd.core.errors import LinkDown
from smsd.core.publication import Publication
from smsd.links.broker import replies
from smsd.links.broker.amqp import AmqpSession

REST = 1.0
"""Seconds without copies after the broker has closed their channel."""

WAITING_MAX = 1000
"""Copies that are kept while the channel is being opened."""


class Copies:
    """Counts what does not arrive by `on_dropped`, and says by `on_lost(reason)` why the channel was closed."""

    def __init__(self, app_id: str, on_dropped: Callable[[], None], on_lost: Callable[[str], None]) -> None:
        self._app_id = app_id
        self._on_dropped = on_dropped
        self._on_lost = on_lost
        self._session: AmqpSession | None = None
        self._channel: Any = None
        self._opening: asyncio.Task[None] | None = None
        self._closed_until = 0.0
        self._waiting: list[tuple[str, Publication]] = []
        self._tag = 0
        self._out: set[int] = set()
        """Delivery tags that the broker has not answered."""

    async def begin(self, session: AmqpSession) -> None:
        """Opens the channel early: a connection may have none left when the first copy comes."""
        self._session, self._closed_until = session, 0.0
        await self._open(session)

    def end(self) -> None:
        """The connection is gone, and what was on its way is lost with it."""
        self._session = self._channel = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        self._drop(len(self._waiting))
        self._waiting.clear()
        self._out.clear()

    def send(self, queue: str, publication: Publication) -> None:
        session = self._session
        if session is None or not replies.usable(queue):
            self._on_dropped()
        elif self._channel is not None:
            self._publish(session, queue, publication)
        elif asyncio.get_running_loop().time() < self._closed_until or len(self._waiting) >= WAITING_MAX:
            self._on_dropped()
        else:
            self._waiting.append((queue, publication))
            if self._opening is None:
                self._opening = asyncio.create_task(self._open(session))

    def _publish(self, session: AmqpSession, queue: str, publication: Publication) -> None:
        """A direct reply is no queue: RabbitMQ 3.10 returns what is mandatory and has arrived all the same."""
        mandatory = not queue.startswith(replies.PREFIX)
        session.publish(publication, "", queue, self._app_id, channel=self._channel, mandatory=mandatory)
        self._tag += 1
        self._out.add(self._tag)

    async def _open(self, session: AmqpSession) -> None:
        try:
            channel = await session.side_publisher(self._confirmed, self._on_dropped, self._lost)
        except LinkDown as down:
            if session is self._session:
                self._lost(down.reason)
            return
        finally:
            if self._opening is asyncio.current_task():
                self._opening = None
        if session is not self._session or not channel.is_open:
            return
        self._channel, self._tag = channel, 0
        waiting, self._waiting = self._waiting, []
        for queue, publication in waiting:
            self._publish(session, queue, publication)

    def _confirmed(self, tag: int, multiple: bool, acked: bool) -> None:
        told = {each for each in self._out if each <= tag} if multiple else self._out & {tag}
        self._out -= told
        if not acked:
            self._drop(len(told))

    def _lost(self, reason: str) -> None:
        self._channel = None
        self._closed_until = asyncio.get_running_loop().time() + REST
        self._drop(len(self._out) + len(self._waiting))
        self._out.clear()
        self._waiting.clear()
        self._on_lost(reason)

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._on_dropped()
