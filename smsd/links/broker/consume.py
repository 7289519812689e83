"""Deliveries, and the channel they come by: consumers, and acks in as few frames as possible."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from smsd.core.topology import is_work_queue
from smsd.links.broker.properties import Properties

HEAVY = 16 * 1024
"""Octets from which a delivery counts as heavy: four times the longest ordinary request."""

HEAVY_MAX = 8 * 1024 * 1024
"""Octets of heavy deliveries that may be unsettled on one channel; beyond that nothing more is read until half of them
are settled. What is lighter is bounded by the prefetch."""

Ask = Callable[[Callable[[Callable[..., None]], object]], Awaitable[Any]]
"""Turns one of pika's callbacks into an answer: `AmqpSession.ask`."""


class Delivery:
    """One message from a queue."""

    __slots__ = (
        *("_channel", "_key", "_prefix", "_properties", "body", "first", "key", "priority", "provider", "redelivered"),
        "tag",
    )

    def __init__(
        self,
        channel: "ConsumeChannel",
        method: Any,
        properties: Properties,
        body: bytes,
        priority: int,
        first: bool = False,
        prefix: str = "",
    ) -> None:
        self._channel = channel
        self._prefix = prefix
        self._properties = properties
        self.tag: int = method.delivery_tag
        channel.came(self.tag, len(body) + properties.size)
        self.body = body
        self._key: str | bytes = method.routing_key
        self.key = _text(method.routing_key)
        self.redelivered: bool = method.redelivered
        self.provider = channel.name
        self.priority = priority
        self.first = first

    @property
    def message_id(self) -> str | None:
        return self._properties.message_id

    @property
    def correlation_id(self) -> str | None:
        return self._properties.correlation_id

    @property
    def reply_to(self) -> str | None:
        return self._properties.reply_to

    @property
    def headers(self) -> Mapping[str, str]:
        """Those that mean something to us, as far as they are text."""
        return self._properties.headers()

    @property
    def content_encoding(self) -> str:
        return self._properties.content_encoding

    @property
    def given_up(self) -> str | None:
        """Why a work queue of ours gave up on it, in the broker's word; None if none has since it was published.

        Other queues may have held it on its way, and dropped it into our exchange.
        """
        deaths = self._properties.deaths()
        return next((death.reason for death in deaths if is_work_queue(self._prefix, death.queue)), None)

    @property
    def unreadable(self) -> str | None:
        """What makes its properties unreadable."""
        return self._properties.check()

    @property
    def raw_key(self) -> str | bytes:
        """The routing key as it came, which need not be UTF-8."""
        return self._key

    @property
    def raw_properties(self) -> Properties:
        return self._properties

    @property
    def stale(self) -> bool:
        """Whether its connection is gone; the broker then delivers it again."""
        return not self._channel.is_open

    def ack(self) -> None:
        self._channel.ack(self.tag)

    def give_back(self) -> None:
        self._channel.give_back(self.tag)


class ConsumeChannel:
    """One channel with its consumers, and acks gathered into as few frames per turn of the loop as possible.

    `on_room` is called when there is room again on a channel that was too heavy to be read on.
    """

    def __init__(self, name: str, channel: Any, ask: Ask, on_room: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self._channel = channel
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._consumers: dict[str, str] = {}
        """Consumer tags by queue."""
        self._newest = 0
        """The highest delivery tag that came."""
        self._low = 1
        """The lowest delivery tag that is not acked."""
        self._acked: set[int] = set()
        """Acked tags above `_low`; those in `_fresh` have not been told to the broker."""
        self._fresh: set[int] = set()
        self._heavy: dict[int, int] = {}
        """Octets of heavy deliveries by tag, as long as they are not settled."""
        self._weight = 0
        """Their sum."""
        self._on_room = on_room
        self.too_heavy = False
        """Whether nothing more is to be read for now."""

    @property
    def is_open(self) -> bool:
        return bool(self._channel.is_open)

    async def consume(self, queue: str, prefetch: int, deliver: Callable[..., None], **options: Any) -> None:
        """Starts a consumer with a prefetch of its own (basic.qos counts for the consumers that come after it)."""
        await self._ask(lambda done: self._channel.basic_qos(prefetch_count=prefetch, callback=done))

        def start(done: Callable[..., None]) -> None:
            self._consumers[queue] = self._channel.basic_consume(queue, deliver, callback=done, **options)

        await self._ask(start)

    async def declare_exclusive(self) -> str:
        """Makes a queue of this connection's own, gone with its consumer; its name."""
        raw = self._channel
        declared = await self._ask(lambda done: raw.queue_declare("", exclusive=True, auto_delete=True, callback=done))
        name: str = declared.method.queue
        return name

    async def bind(self, queue: str, exchange: str, key: str, *, on: bool = True) -> None:
        """Has the exchange's messages with this key put into the queue, or no longer."""
        change = self._channel.queue_bind if on else self._channel.queue_unbind
        await self._ask(lambda done: change(queue, exchange, key, callback=done))

    def close(self) -> None:
        """Everything that was not acked goes back to its queue."""
        self._fresh.clear()
        if self.is_open:
            self._channel.close()

    async def depth(self, queue: str) -> int:
        """Messages that are ready in a queue. Raises LinkDown."""
        declared = await self._ask(lambda done: self._channel.queue_declare(queue, passive=True, callback=done))
        count: int = declared.method.message_count
        return count

    def queue_of(self, consumer_tag: str) -> str:
        """What this consumer reads."""
        return next((queue for queue, tag in self._consumers.items() if tag == consumer_tag), "a queue")

    @property
    def queues(self) -> list[str]:
        """Those that are read."""
        return list(self._consumers)

    @property
    def unsettled(self) -> bool:
        """Whether anything that came is neither acked, the broker told so, nor given back."""
        return self._low <= self._newest

    def cancel(self, queue: str) -> None:
        """No more deliveries from there; what was delivered can still be acked."""
        tag = self._consumers.pop(queue, None)
        if tag is not None and self.is_open:
            self._channel.basic_cancel(tag)

    def came(self, tag: int, octets: int) -> None:
        """A delivery came. Those left out before it were of a cancelled consumer: pika has rejected them by itself."""
        for rejected in range(self._newest + 1, tag):
            self._settled(rejected)
        self._newest = tag
        if octets < HEAVY:
            return
        self._heavy[tag] = octets
        self._weight += octets
        if self._weight > HEAVY_MAX and not self.too_heavy:
            self.too_heavy = True
            for queue in self.queues:
                self.cancel(queue)

    def _lighter(self, tag: int) -> None:
        if self._heavy and (octets := self._heavy.pop(tag, None)) is not None:
            self._weight -= octets
            if self.too_heavy and self._weight < HEAVY_MAX // 2:
                self.too_heavy = False
                self._loop.call_soon(self._on_room)

    def ack(self, tag: int) -> None:
        if tag < self._low or tag in self._acked:
            return  # the broker would close the channel for a second ack
        if not self._fresh:
            self._loop.call_soon(self._flush)
        self._fresh.add(tag)
        self._lighter(tag)

    def give_back(self, tag: int) -> None:
        """Back to the queue, for others or for later."""
        if self.is_open and tag >= self._low and tag not in self._acked and tag not in self._fresh:
            self._settled(tag)
            self._lighter(tag)
            self._channel.basic_nack(tag, requeue=True)

    def _settled(self, tag: int) -> None:
        self._acked.add(tag)
        while self._low in self._acked:
            self._acked.remove(self._low)
            self._low += 1

    def _flush(self) -> None:
        fresh, self._fresh = self._fresh, set()
        if not self.is_open:
            return
        low, acked = self._low, self._acked
        highest = 0
        while low in fresh or low in acked:
            if low in fresh:
                fresh.discard(low)
                highest = low
            acked.discard(low)
            low += 1
        self._low = low
        if highest:
            self._channel.basic_ack(highest, multiple=True)
        for tag in sorted(fresh):
            self._channel.basic_ack(tag)
        acked.update(fresh)


def _text(value: str | bytes) -> str:
    """A short string. pika leaves one that is no UTF-8 as octets, which nothing behind it expects."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
