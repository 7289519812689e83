"""Deliveries, and the channel they come by: consumers, and acks in as few frames as possible."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Ask = Callable[[Callable[[Callable[..., None]], object]], Awaitable[Any]]
"""Turns one of pika's callbacks into an answer: `AmqpSession.ask`."""


class Delivery:
    """One message from a queue."""

    __slots__ = ("_channel", "_properties", "body", "first", "key", "priority", "provider", "redelivered", "tag")

    def __init__(
        self, channel: "ConsumeChannel", method: Any, properties: Any, body: bytes, priority: int, first: bool = False
    ) -> None:
        self._channel = channel
        self._properties = properties
        self.tag: int = method.delivery_tag
        channel.came(self.tag)
        self.body = body
        self.key: str = _text(method.routing_key) or ""
        self.redelivered: bool = method.redelivered
        self.provider = channel.name
        self.priority = priority
        self.first = first

    @property
    def message_id(self) -> str | None:
        return _text(self._properties.message_id)

    @property
    def correlation_id(self) -> str | None:
        return _text(self._properties.correlation_id)

    @property
    def reply_to(self) -> str | None:
        return _text(self._properties.reply_to)

    @property
    def headers(self) -> Mapping[str, Any]:
        return self._properties.headers or {}

    @property
    def raw_properties(self) -> Any:
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
    """One channel with its consumers, and acks gathered into as few frames per turn of the loop as possible."""

    def __init__(self, name: str, channel: Any, ask: Ask) -> None:
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

    @property
    def is_open(self) -> bool:
        return bool(self._channel.is_open)

    async def consume(self, queue: str, prefetch: int, deliver: Callable[..., None], **options: Any) -> None:
        """Starts a consumer with a prefetch of its own (basic.qos counts for the consumers that come after it)."""
        await self._ask(lambda done: self._channel.basic_qos(prefetch_count=prefetch, callback=done))

        def start(done: Callable[..., None]) -> None:
            self._consumers[queue] = self._channel.basic_consume(queue, deliver, callback=done, **options)

        await self._ask(start)

    @property
    def queues(self) -> list[str]:
        """Those that are read."""
        return list(self._consumers)

    @property
    def unsettled(self) -> bool:
        """Whether anything that came is neither acked, the broker told so, nor given back."""
        return self._low <= self._newest

    def close(self) -> None:
        """What is not settled returns to its queue."""
        if self.is_open:
            self._channel.close()

    def cancel(self, queue: str) -> bool:
        """No more deliveries from there; what was delivered can still be acked. False if nobody reads it."""
        tag = self._consumers.pop(queue, None)
        if tag is not None and self.is_open:
            self._channel.basic_cancel(tag)
        return tag is not None

    def came(self, tag: int) -> None:
        """A delivery came. Those left out before it were of a cancelled consumer: pika has rejected them by itself."""
        for rejected in range(self._newest + 1, tag):
            self._settled(rejected)
        self._newest = tag

    def ack(self, tag: int) -> None:
        if tag < self._low or tag in self._acked:
            return  # the broker would close the channel for a second ack
        if not self._fresh:
            self._loop.call_soon(self._flush)
        self._fresh.add(tag)

    def give_back(self, tag: int) -> None:
        """Back to the queue, for others or for later."""
        if self.is_open and tag >= self._low and tag not in self._acked and tag not in self._fresh:
            self._settled(tag)
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


def _text(value: str | bytes | None) -> str | None:
    """A short string. pika leaves one that is no UTF-8 as octets, which nothing behind it expects."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
