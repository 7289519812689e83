"""The broker as the flow sees it: always there, sometimes connected.

A supervisor opens one `AmqpSession` after another, declares (or checks) the topology, starts the consumers that are
wanted, and says when it is up and down. Publishes that a lost session left unconfirmed are not repeated here: the
outbox still holds them and is told by `on_down`. A channel that consumes may be lost and come back alone (`Readers`).
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from smsd.core import declared
from smsd.core.backoff import Backoff
from smsd.core.contract import CONTROL_TYPE, PRIORITIES
from smsd.core.errors import LinkDown
from smsd.core.publication import Confirm, Publication
from smsd.core.topology import Topology, part, work_queue
from smsd.core.turns import EVERY_PRIORITY
from smsd.links.broker import amqp
from smsd.links.broker.amqp import AmqpSession
from smsd.links.broker.consume import ConsumeChannel, Delivery
from smsd.links.broker.copies import Copies
from smsd.links.broker.readers import Readers
from smsd.links.broker.through import Look, Through

CONNECT_TIMEOUT = 15.0
"""Seconds for one try at one node of the cluster, authentication included."""

RETURNED, CONTROL, COPIES = ".returned", ".control", ".copies"
"""Names of the channels that are no provider's, none of which has a dot."""


class Wanted(NamedTuple):
    """What is to be read of a provider's work queues."""

    prefetch: int
    priorities: frozenset[int]


class BrokerLink:
    """Owns the connection to RabbitMQ. Callbacks are set by app before `run`."""

    def __init__(
        self,
        *,
        urls: tuple[str, ...],
        password: str | None,
        heartbeat: float,
        tls: Callable[[], Any],
        name: str,
        app_id: str,
        prefix: str,
        topology: Topology,
        declare: bool,
        draw: Callable[[], float],
    ) -> None:
        self._urls, self._password, self._heartbeat, self._tls = urls, password, heartbeat, tls
        self._name, self._app_id, self._prefix = name, app_id, prefix
        self.topology = topology
        """What must be there; a change counts from the next connection on."""
        self._declare = declare
        self._backoff = Backoff(0.5, 5.0, draw)
        self._session: AmqpSession | None = None
        self._up = False
        self._begun = False
        self._closed = False
        self._blocked = False
        self._readers = Readers(
            draw,
            self._mend,
            lambda name, reason: self._reader_lost(name, reason),
            lambda name: self.on_channel_back(name),
        )
        self._copies = Copies(
            app_id, lambda: self.on_copy_dropped(), lambda reason: self.on_channel_lost(COPIES, reason)
        )
        self._wanted: dict[str, Wanted] = {}
        self._unconfirmed: dict[int, tuple[str, str, Callable[[Confirm], None], float]] = {}
        """By tag: exchange, message_id, who wants the answer, and since when."""
        self._returned: set[int] = set()
        self._tag = 0
        self._through: dict[str, asyncio.Task[None]] = {}
        """Who reads each provider's queues through, on this session."""
        self._reading: set[str] = set()
        """Queues that are being read through, and not otherwise."""
        self._read: set[str] = set()
        """Queues that have had a consumer in this run."""
        self.state = "never connected"
        self.on_confirm: Callable[[float], None]
        """Seconds from a publish to the broker's answer."""
        self.on_copy_dropped: Callable[[], None]
        """A reply_to copy that nobody could be found for."""
        self.on_delivery: Callable[[Delivery], None]
        self.on_returned: Callable[[Delivery], None]
        self.on_control: Callable[[Delivery], None]
        self.on_up: Callable[[], None]
        self.on_down: Callable[[str], None]
        self.on_blocked: Callable[[bool], None]
        self.on_channel_lost: Callable[[str, str], None]
        """Whose messages go by it, a provider or one of the names above, and why. It is opened again alone."""
        self.on_channel_back: Callable[[str], None]
        self._control: tuple[ConsumeChannel, str] | None = None
        """The queue that commands come by, on this session."""
        self.control_keys: Collection[str] = ()
        """The keys that it is bound with when a session begins."""
        self._control_keys: frozenset[str] = frozenset()
        """Those that it is bound with now."""
        self._adding = asyncio.Lock()
        """One at a time changes what is there on a session."""

    @property
    def connected(self) -> bool:
        return self._up

    @property
    def blocked(self) -> bool:
        """The broker takes no publishes for now (it is short of memory or disk)."""
        return self._blocked

    # --- the connection

    async def run(self) -> None:
        """Keeps a connection until it is cancelled or closed. Begun anew after a crash, it tells of that first."""
        if self._begun:
            self.on_down("begun anew after an error of our own")
        self._begun = True
        turn = 0
        while not self._closed:  # a cancellation alone may get lost: wait_for of Python 3.11 can swallow it
            url = self._urls[turn % len(self._urls)]
            turn += 1
            reason = await self._live(url)
            self.state = reason
            delay = self._backoff.delay()
            self.on_down(f"{reason}; next try in {delay:.1f} s")
            await asyncio.sleep(delay)

    async def _live(self, url: str) -> str:
        """One connection, from open to its end; says why it ended."""
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def end(reason: str) -> None:
            self._session, self._up = None, False  # at once: a publish on it would raise in whoever asks for it
            self._copies.end()
            self._readers.end()
            if not ended.done():
                ended.set_result(reason)

        session = AmqpSession(end, self._set_blocked)
        try:
            tls = self._tls() if url.startswith("amqps") else None  # anew each time: certificates get renewed
            await session.open(url, self._password, self._heartbeat, self._name, tls, CONNECT_TIMEOUT)
            async with self._adding:
                await self._prepare(session)
            await self._listen()
            if ended.done():
                return ended.result()
            self._up = True
            self.state = f"connected to {amqp.shown(url)}"
            self._backoff.reset()
            self.on_up()
            for provider in self._wanted:
                self._start_consuming(provider)
            return await ended
        except LinkDown as down:
            return down.reason
        finally:
            await self._forget(session)

    async def _prepare(self, session: AmqpSession) -> None:
        if self._declare:
            await session.declare(self.topology)
        elif missing := await session.missing(self.topology):
            raise LinkDown("broker", declared.missing(missing))
        self._tag = 0
        await session.publisher(self._confirmed, self._was_returned)
        await self._copies.begin(session)
        self._session = session
        self._control_keys = frozenset(self.control_keys)
        self._readers.begin(session)

    async def _listen(self) -> None:
        """What waits among the returned comes at once, and may have to be passed on: the publisher is there already."""
        starts = [self._readers.start(RETURNED, self._read_returned), self._readers.start(CONTROL, self._read_control)]
        await asyncio.wait([start for start in starts if start is not None])

    async def _read_returned(self, _: AmqpSession, channel: ConsumeChannel) -> None:
        queue = f"{self._prefix}.returned"
        if queue not in channel.queues and not channel.too_heavy:
            await channel.consume(queue, 100, self._deliver(channel, self.on_returned))

    async def _read_control(self, session: AmqpSession, channel: ConsumeChannel) -> None:
        if not channel.queues and not channel.too_heavy:
            queue = await session.exclusive_queue(channel, f"{self._prefix}.control", [*self._control_keys])
            await channel.consume(queue, 100, self._deliver(channel, self.on_control), exclusive=True)
            self._control = channel, queue

    async def _mend(self, name: str, session: AmqpSession) -> None:
        """Queues that were deleted are declared anew."""
        if self._declare and name != CONTROL:
            queues = [self._queue(name, priority) for priority in EVERY_PRIORITY]
            lost = part(self.topology, [f"{self._prefix}{name}"] if name == RETURNED else queues)
            async with self._adding:
                await session.declare(lost, vital=False)

    def _reader_lost(self, name: str, reason: str) -> None:
        if name == CONTROL:
            self._control = None
        self.on_channel_lost(name, reason)

    async def _forget(self, session: AmqpSession) -> None:
        self._session, self._up, self._control = None, False, None
        self._copies.end()
        self._readers.end()
        for task in self._through.values():
            task.cancel()
        self._through.clear()
        self._reading.clear()
        self._unconfirmed.clear()
        self._returned.clear()
        self._set_blocked(False)
        await session.close()

    async def add(self, more: Topology) -> None:
        """Declares, or checks, what is to be there besides. Raises LinkDown; the session and all else go on."""
        async with self._adding:
            session = self._session
            if session is None or not self._up:
                raise LinkDown("broker", "not connected")
            if self._declare:
                await session.declare(more, vital=False)
            elif missing := await session.missing(more):
                raise LinkDown("broker", declared.missing(missing))

    async def set_control_keys(self, keys: Collection[str]) -> None:
        """Commands with these keys are for us, on this connection; a new one begins with `control_keys`."""
        async with self._adding:
            before, self._control_keys = self._control_keys, frozenset(keys)
            if self._session is None or self._control is None:
                return
            try:
                channel, queue = self._control
                for key in before ^ self._control_keys:
                    await channel.bind(queue, f"{self._prefix}.control", key, on=key in self._control_keys)
            except LinkDown:
                return  # the channel is gone; the next one begins with all of them

    async def ask_all(self, body: bytes, identity: str) -> bool:
        """A command to every smsd that reads commands here; False if there is none. Answers come as commands do.

        Raises LinkDown, also when the broker's rights do not allow it; the session goes on then.
        """
        if self._session is None or self._control is None:
            raise LinkDown("broker", "not connected")
        question = Publication(f"{self._prefix}.control", "all", body, identity, CONTROL_TYPE, identity)
        return await self._session.ask_all(
            question, amqp.own_properties(question, identity, self._app_id, self._control[1])
        )

    def _set_blocked(self, blocked: bool) -> None:
        if blocked != self._blocked:
            self._blocked = blocked
            self.on_blocked(blocked)

    async def close(self) -> None:
        """Ends the connection in good order, for good; acks and publishes given before are still written."""
        self._closed = True
        if self._session is not None:
            await asyncio.sleep(0)
            await self._session.close()

    # --- consuming

    def consume(self, provider: str, prefetch: int, priorities: Collection[int] = EVERY_PRIORITY) -> None:
        """Wants the queues of these priorities read, and no others of the provider's, now and after every reconnect."""
        before = self._wanted.get(provider)
        wanted = self._wanted[provider] = Wanted(prefetch, frozenset(priorities))
        if wanted == before:
            return
        kept = wanted.priorities if before is not None and before.prefetch == prefetch else frozenset[int]()
        self._cancel(provider, EVERY_PRIORITY - kept)
        if self._up:
            self._start_consuming(provider)

    def stop_consuming(self, provider: str) -> None:
        """No more deliveries; those that came can still be acked or given back."""
        self._wanted.pop(provider, None)
        self._cancel(provider, EVERY_PRIORITY)

    def _cancel(self, provider: str, priorities: Collection[int]) -> None:
        if channel := self._readers.channels.get(provider):
            for priority in priorities:
                channel.cancel(self._queue(provider, priority))

    def _queue(self, provider: str, priority: int) -> str:
        return work_queue(self._prefix, provider, PRIORITIES[priority])

    def _start_consuming(self, provider: str) -> None:
        self._readers.start(provider, self._consume)

    async def _consume(self, _: AmqpSession, channel: ConsumeChannel) -> None:
        """Starts consumers until all that is wanted is read, whatever becomes of the wish meanwhile."""
        provider = channel.name
        while (priority := self._not_read_yet(provider, channel)) is not None:
            wanted, queue = self._wanted[provider], self._queue(provider, priority)
            await channel.consume(queue, wanted.prefetch, self._deliver(channel, self.on_delivery, priority))
            now = self._wanted.get(provider)
            if channel.too_heavy or now is None or now.prefetch != wanted.prefetch or priority not in now.priorities:
                channel.cancel(queue)

    def _not_read_yet(self, provider: str, channel: ConsumeChannel) -> int | None:
        wanted = self._wanted.get(provider)
        priorities = sorted(wanted.priorities) if wanted is not None and not channel.too_heavy else ()
        read = {*channel.queues, *self._reading}
        return next((each for each in priorities if self._queue(provider, each) not in read), None)

    def read_through(self, provider: str, look: Look, then: Callable[[bool], None]) -> None:
        """Shows `look` all that waits in the provider's work queues, then tells whether that was all of it.

        What `look` takes it acks itself; the rest goes back. A queue is not read otherwise meanwhile. One reading of a
        provider's queues at a time: another one waits for it.
        """
        session = self._session
        if session is None or not self._up:
            then(False)
            return
        earlier = self._through.get(provider)
        self._through[provider] = asyncio.create_task(self._read_through(provider, session, look, then, earlier))

    async def _read_through(
        self,
        provider: str,
        session: AmqpSession,
        look: Look,
        then: Callable[[bool], None],
        earlier: asyncio.Task[None] | None,
    ) -> None:
        whole = False
        try:
            if earlier is not None:
                await asyncio.wait([earlier])
            channel = await session.consumer(provider, on_lost=lambda _: None)  # whoever asks next is told
            through = Through(channel, look)
            whole = all([await self._read_queue(provider, priority, through) for priority in sorted(EVERY_PRIORITY)])
            await through.give_back()
        except LinkDown:
            return  # the channel is gone: all of it comes again
        finally:
            if self._through.get(provider) is asyncio.current_task():
                del self._through[provider]
            then(whole)
        await through.settled()
        channel.close()

    async def _read_queue(self, provider: str, priority: int, through: Through) -> bool:
        queue = self._queue(provider, priority)
        self._reading.add(queue)
        self._cancel(provider, {priority})
        try:
            return await through.read(queue, priority, self._is_first(queue))
        finally:
            self._reading.discard(queue)
            if self._up and provider in self._wanted:
                self._start_consuming(provider)

    def _is_first(self, queue: str) -> bool:
        """Whether nobody has read the queue in this run; from now on somebody has."""
        first = queue not in self._read
        self._read.add(queue)
        return first

    def _deliver(self, channel: ConsumeChannel, arrived: Callable[[Delivery], None], priority: int = 1) -> Any:
        first = self._is_first(self._queue(channel.name, priority))

        def deliver(_: Any, method: Any, properties: Any, body: bytes) -> None:
            arrived(Delivery(channel, method, properties, body, priority, first, self._prefix))

        return deliver

    # --- publishing

    def publish(self, publication: Publication, then: Callable[[Confirm], None]) -> None:
        """Sends one publication; `then` gets the broker's answer unless the session ends first."""
        self._send(publication, publication.exchange, publication.key, then)

    def copy(self, queue: str, publication: Publication) -> None:
        """The same body to the caller's own queue, at best effort."""
        self._copies.send(queue, publication)

    def _send(self, publication: Publication, exchange: str, key: str, then: Callable[[Confirm], None]) -> None:
        if self._session is not None:  # else as if lost with the connection: `on_down` tells whoever asked
            self._session.publish(publication, exchange, key, self._app_id)
            self._tag += 1  # only now: what could not be written has no tag at the broker
            self._unconfirmed[self._tag] = (exchange, publication.message_id, then, time.monotonic())

    def forward(
        self, delivery: Delivery, exchange: str, key: str, headers: dict[str, str], then: Callable[[Confirm], None]
    ) -> None:
        """A delivery's body and properties to another exchange, with more headers: hold queues and the dead queue."""
        if self._session is not None:
            same = delivery.raw_key if key == delivery.key else key
            message_id = self._session.republish(exchange, same, delivery.body, delivery.raw_properties, headers)
            self._tag += 1
            self._unconfirmed[self._tag] = (exchange, message_id, then, time.monotonic())

    def _was_returned(self, message_id: str, exchange: str) -> None:
        """basic.return comes before the ack of the same publish, which would otherwise look like success."""
        for tag, (known_exchange, known_id, *_) in self._unconfirmed.items():
            if known_id == message_id and known_exchange == exchange and tag not in self._returned:
                self._returned.add(tag)
                return

    def _confirmed(self, tag: int, multiple: bool, acked: bool) -> None:
        if multiple:
            tags = []
            for known in self._unconfirmed:
                if known > tag:
                    break
                tags.append(known)
        else:
            tags = [tag] if tag in self._unconfirmed else []
        outcome = Confirm.DONE if acked else Confirm.REFUSED
        now = time.monotonic()
        for known in tags:
            _, _, then, since = self._unconfirmed.pop(known)
            self.on_confirm(now - since)
            if self._returned and known in self._returned:
                self._returned.discard(known)
                then(Confirm.UNROUTABLE)
            else:
                then(outcome)
