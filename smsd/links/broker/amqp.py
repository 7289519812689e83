"""One AMQP connection from open to close: the only module that names pika.

A channel or session is never repaired: when it is closed it has ended, and whoever needs it opens a new one. That is
what makes delivery tags safe: a tag is only ever used on the channel object that it came by. The session ends with its
connection or the channel that publishes; a channel that consumes ends alone.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pika
import pika.exceptions
import pika.frame
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from smsd.core import advice, declared
from smsd.core.errors import LinkDown
from smsd.core.publication import Publication
from smsd.core.topology import Binding, Exchange, Queue, Topology
from smsd.links.broker import frames
from smsd.links.broker.consume import ConsumeChannel
from smsd.links.broker.properties import Properties
from smsd.links.broker.strings import SHORT, given_back

PERSISTENT = 2

ROOM = 4096
"""Octets of a copy's header frame that are left to the broker, which adds x-death on the way through a hold queue."""

HEADER_MAX = 1024
"""Characters of a header of our own; a journal of an earlier version may hold longer ones, which no frame can carry."""

ANSWER_TIMEOUT = 30.0
"""Seconds for one answer of the broker; declaring a quorum queue takes some tens of milliseconds."""


class Connection(AsyncioConnection):
    """pika's, with two changes.

    pika writes three frames per publish with a system call each; this joins what one turn of the loop writes.
    `_adapter_emit_data` is where pika's adapters take octets over. Measured: 76-84 to 59-68 µs of CPU per message.

    pika decodes all that a publisher has written into properties, and one value that Python can't hold ends the
    connection. `_read_frame` is where frames are decoded: those with properties are read by `Properties` instead.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pending: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        super().__init__(*args, **kwargs)

    def emit(self, octets: bytes) -> None:
        """Writes whole frames, in their order among pika's own."""
        self._adapter_emit_data(octets)

    def _read_frame(self) -> tuple[int, Any]:
        if (found := frames.content_header(self._frame_buffer)) is None:
            return super()._read_frame()
        length, channel, body_size, octets = found
        return length, pika.frame.Header(channel, body_size, Properties(octets))

    def _adapter_emit_data(self, data: bytes) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)

    def _has_pending_callbacks(self, value: Any) -> bool:
        """Nobody waits for a delivery by callback: consumers get it from the channel."""
        return type(value.method) is not Basic.Deliver and bool(super()._has_pending_callbacks(value))

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending and self._transport is not None:
            super()._adapter_emit_data(b"".join(pending))


class AmqpSession:
    """One connection. `on_closed(reason)` is called once when it has ended, for whatever reason."""

    def __init__(self, on_closed: Callable[[str], None], on_blocked: Callable[[bool], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_closed = on_closed
        self._on_blocked = on_blocked
        self._connection: Connection | None = None
        self._publisher: Channel | None = None
        self._ended = False
        self._asked: dict[asyncio.Future[Any], Channel | None] = {}
        """Answers that are being waited for; the end of the session, or of their channel, answers them."""

    async def open(self, url: str, password: str | None, heartbeat: float, name: str, tls: Any, timeout: float) -> None:
        """Connects and opens the publishing channel. Raises LinkDown; the url's password is in no message."""
        where = shown(url)
        try:
            parameters = _parameters(url, password, heartbeat, name, tls)
        except (ValueError, OSError) as error:
            raise LinkDown("broker", f"{where}: {error}") from None
        opened: asyncio.Future[None] = self._loop.create_future()
        self._connection = Connection(
            parameters,
            on_open_callback=lambda _: _answer(opened),
            on_open_error_callback=lambda _, error: self._failed(opened, error),
            on_close_callback=lambda _, error: self._closed(opened, error),
        )
        try:
            await asyncio.wait_for(opened, timeout)
        except TimeoutError:
            self.abort()
            raise LinkDown("broker", f"{where}: {advice.broker(f'no answer within {timeout:g} s')}") from None
        except pika.exceptions.AMQPError as error:
            raise LinkDown("broker", f"{where}: {advice.broker(_sentence(error))}") from None
        self._connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked(True))
        self._connection.add_on_connection_unblocked_callback(lambda *_: self._on_blocked(False))

    def _failed(self, opened: asyncio.Future[None], error: Any) -> None:
        self._ended = True
        if not opened.done():
            opened.set_exception(error if isinstance(error, pika.exceptions.AMQPError) else _amqp_error(error))

    def _closed(self, opened: asyncio.Future[None], error: Any) -> None:
        if not opened.done():
            self._failed(opened, error)
            return
        self._end(_sentence(error))

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(LinkDown("broker", reason))
        if self._connection is not None and self._connection.is_open:
            self._connection.close()
        self._on_closed(reason)

    async def ask(
        self, question: Callable[[Callable[..., None]], object], channel: Channel | None = None, *, vital: bool = True
    ) -> Any:
        """Turns one of pika's callbacks into an answer.

        Raises LinkDown with the reason when the session ends first, or `channel` if one is given. Where no answer comes
        at all, the session is ended too if that is `vital`, else the channel.
        """
        answer: asyncio.Future[Any] = self._loop.create_future()

        def done(*arguments: Any) -> None:
            if not answer.done():
                answer.set_result(arguments[0] if arguments else None)

        self._asked[answer] = channel
        try:
            question(done)
            return await asyncio.wait_for(answer, ANSWER_TIMEOUT)
        except pika.exceptions.NoFreeChannels:
            raise LinkDown("broker", "the connection has no channel left: the broker's channel_max") from None
        except pika.exceptions.AMQPError as error:
            raise LinkDown("broker", _sentence(error)) from None
        except TimeoutError:
            reason = f"no answer within {ANSWER_TIMEOUT:g} s"
            if vital:
                self._end(reason)  # whoever asked in the background would never ask again
            elif channel is not None:
                _close(channel)
            raise LinkDown("broker", reason) from None
        finally:
            del self._asked[answer]

    async def channel(self, *, vital: bool = True) -> Channel:
        """A new channel; if the broker closes one that is `vital`, the session ends."""
        assert self._connection is not None
        connection = self._connection
        channel: Channel = await self.ask(lambda done: connection.channel(on_open_callback=done))
        channel.add_on_close_callback(self._channel_closed)
        if vital:
            channel.add_on_close_callback(self._vital_channel_closed)
        return channel

    def _channel_closed(self, channel: Channel, error: Any) -> None:
        for answer, asked_on in self._asked.items():
            if asked_on is channel and not answer.done():
                answer.set_exception(LinkDown("broker", _sentence(error)))

    def _vital_channel_closed(self, _: Channel, error: Any) -> None:
        if not isinstance(error, pika.exceptions.ChannelClosedByClient):
            self._end(_sentence(error))

    async def consumer(
        self,
        name: str,
        on_lost: Callable[[str], None] | None = None,
        on_room: Callable[[], None] = lambda: None,
    ) -> ConsumeChannel:
        """A channel for consuming. `on_lost(reason)` hears of it when the broker closes it, or ends one of its
        consumers, while the session goes on; without anybody to hear it the session ends."""
        lost = on_lost or self._end
        channel = await self.channel(vital=False)
        consuming = ConsumeChannel(name, channel, partial(self.ask, channel=channel, vital=on_lost is None), on_room)

        def closed(_: Channel, error: Any) -> None:
            if isinstance(error, pika.exceptions.ChannelClosedByBroker):  # else the whole connection, or by ourselves
                lost(_sentence(error))

        def cancelled(frame: Any) -> None:
            queue = consuming.queue_of(frame.method.consumer_tag)
            lost(f"the broker stopped {queue}: it was deleted, or a message was kept for longer than consumer_timeout")

        channel.add_on_close_callback(closed)
        channel.add_on_cancel_callback(cancelled)
        return consuming

    async def publisher(
        self, on_confirm: Callable[[int, bool, bool], None], on_return: Callable[[str, str], None]
    ) -> None:
        """Opens the channel of `publish`. `on_confirm(tag, multiple, acked)`; `on_return(message_id, exchange)`."""
        channel = await self.channel()

        def confirmed(frame: Any) -> None:
            method = frame.method
            on_confirm(method.delivery_tag, method.multiple, method.NAME == "Basic.Ack")

        channel.add_on_return_callback(
            lambda _, method, properties, __: on_return(properties.message_id or "", method.exchange)
        )
        await self.ask(lambda done: channel.confirm_delivery(confirmed, callback=done))
        self._publisher = channel

    async def side_publisher(
        self,
        on_confirm: Callable[[int, bool, bool], None],
        on_return: Callable[[], None],
        on_closed: Callable[[str], None],
    ) -> Channel:
        """A channel to publish on beside: `on_closed(reason)` hears of it when the broker closes it, and all else goes
        on. Raises LinkDown."""
        channel = await self.channel(vital=False)

        def confirmed(frame: Any) -> None:
            method = frame.method
            on_confirm(method.delivery_tag, method.multiple, method.NAME == "Basic.Ack")

        def closed(_: Channel, error: Any) -> None:
            if isinstance(error, pika.exceptions.ChannelClosedByBroker):  # else the whole connection
                on_closed(_sentence(error))

        channel.add_on_return_callback(lambda *_: on_return())
        await self.ask(lambda done: channel.confirm_delivery(confirmed, callback=done), channel, vital=False)
        channel.add_on_close_callback(closed)
        return channel

    def publish(
        self,
        publication: Publication,
        exchange: str,
        key: str,
        app_id: str,
        *,
        channel: Channel | None = None,
        mandatory: bool = True,
    ) -> None:
        """Hands one message to the connection, persistent; tags count from 1 on, on each channel."""
        assert self._publisher is not None
        assert self._connection is not None
        channel = channel or self._publisher
        correlation_id = publication.correlation_id
        if correlation_id is not None and len(correlation_id) > 63 and len(given_back(correlation_id)) > SHORT:
            correlation_id = None  # an id of 128 letters may have more octets than AMQP can carry; the body has it
        if publication.headers:
            own = own_properties(publication, correlation_id, app_id)
            channel.basic_publish(exchange, key, publication.body, own, mandatory=mandatory)
            return
        self._connection.emit(
            frames.publish(
                channel.channel_number,
                exchange,
                key,
                publication.body,
                message_id=publication.message_id,
                correlation_id=correlation_id,
                kind=publication.type,
                app_id=app_id,
                timestamp=int(time.time()),
                frame_max=self._connection.params.frame_max,
                mandatory=mandatory,
            )
        )

    async def ask_all(self, question: Publication, properties: Any) -> bool:
        """Publishes a command to all who listen; False if nobody does. Raises LinkDown.

        On a channel of its own: whoever has no right to publish there must not lose the others by that.
        """
        channel = await self.channel(vital=False)
        returned: list[bool] = []
        confirmed: list[Callable[..., None]] = []
        channel.add_on_return_callback(lambda *_: returned.append(True))
        turn_on = partial(channel.confirm_delivery, lambda frame: confirmed[0](frame))
        await self.ask(lambda done: turn_on(callback=done), channel, vital=False)

        def publish(done: Callable[..., None]) -> None:
            confirmed.append(done)
            channel.basic_publish(question.exchange, question.key, question.body, properties, mandatory=True)

        await self.ask(publish, channel, vital=False)
        channel.close()
        return not returned

    def publish_as(self, exchange: str, key: str, body: bytes, properties: Any) -> None:
        """Hands over one message with properties of the caller's making (`own_properties`)."""
        assert self._publisher is not None
        self._publisher.basic_publish(exchange, key, body, properties, mandatory=True)

    def republish(
        self, exchange: str, key: str | bytes, body: bytes, properties: Properties, headers: dict[str, str]
    ) -> str:
        """Somebody else's message, with its own properties and more headers; returns its message_id."""
        assert self._publisher is not None
        assert self._connection is not None
        most = self._connection.params.frame_max - frames.OVERHEAD - ROOM
        copy = properties.with_headers(headers, most)
        self._publisher.basic_publish(exchange, key, body, copy, mandatory=True)
        return copy.message_id or ""

    async def declare(self, wanted: Topology, *, vital: bool = True) -> None:
        """Declares everything. Raises LinkDown with what exists otherwise than wanted, and what to do; then the session
        ends as well, if it is `vital`."""
        channel = await self.channel(vital=vital)
        for one in declared.parts(wanted):
            await self._declare(channel, one, vital=vital)
        for binding in wanted.bindings:
            await self._bind(channel, binding, vital=vital)
        await self._give_up(channel)

    async def _bind(self, channel: Channel, binding: Binding, *, vital: bool) -> None:
        bind = partial(channel.queue_bind, binding.queue, binding.exchange, binding.key)
        try:
            await self.ask(lambda done: bind(callback=done), channel, vital=vital)
        except LinkDown as down:
            raise LinkDown("broker", f"binding of {binding.queue}: {down.reason}") from None

    async def _declare(self, channel: Channel, one: Exchange | Queue, *, vital: bool) -> None:
        arguments = one.arguments or None
        if isinstance(one, Exchange):
            declare = partial(channel.exchange_declare, one.name, one.kind, durable=True, arguments=arguments)
        else:
            declare = partial(channel.queue_declare, one.name, durable=True, arguments=arguments)
        try:
            await self.ask(lambda done: declare(callback=done), channel, vital=vital)
        except LinkDown as down:
            raise LinkDown("broker", declared.refused(one, down.reason)) from None

    async def unlike(self, wanted: Topology) -> list[str]:
        """What of it exists otherwise than wanted, each with what to do. What does not exist is left so."""
        found = []
        for one in declared.parts(wanted):
            if not await self._exists(one):
                continue
            channel = await self.channel(vital=False)
            try:
                await self._declare(channel, one, vital=False)
            except LinkDown as down:
                found.append(down.reason)
            else:
                await self._give_up(channel)
        return found

    async def _give_up(self, channel: Channel) -> None:
        """Closes a channel and waits until its number is free: the next one may be the last that there is."""

        def close(done: Callable[..., None]) -> None:
            channel.add_on_close_callback(lambda *_: done())
            channel.close()

        await self.ask(close)

    async def missing(self, wanted: Topology) -> list[str]:
        """What of it does not exist. Each miss costs a channel: RabbitMQ closes it (404)."""
        kinds = {Exchange: "exchange", Queue: "queue"}
        absent = [one for one in declared.parts(wanted) if not await self._exists(one)]
        return [f"{kinds[type(one)]} {one.name}" for one in absent]

    async def _exists(self, one: Exchange | Queue) -> bool:
        channel = await self.channel(vital=False)
        declare = channel.exchange_declare if isinstance(one, Exchange) else channel.queue_declare
        try:
            await self.ask(lambda done: declare(one.name, passive=True, callback=done), channel)
        except LinkDown as down:
            return "NOT_FOUND" not in down.reason
        await self._give_up(channel)
        return True

    async def exclusive_queue(self, channel: ConsumeChannel, exchange: str, keys: list[str]) -> str:
        """A queue of this connection's own, bound with `keys`; gone with the connection."""
        name: str = await channel.declare_exclusive()
        for key in keys:
            await channel.bind(name, exchange, key)
        return name

    async def close(self) -> None:
        """Says goodbye and waits for the answer, at most two seconds."""
        self._ended = True
        if self._connection is None or self._connection.is_closed:
            return
        gone: asyncio.Future[None] = self._loop.create_future()
        self._connection.add_on_close_callback(lambda *_: _answer(gone))
        if self._connection.is_open:
            self._connection.close()
        await asyncio.wait([gone], timeout=2)

    def abort(self) -> None:
        """Drops the connection without a word."""
        self._ended = True
        if self._connection is not None and not self._connection.is_closed:
            try:
                self._connection.close()
            except pika.exceptions.AMQPError:
                return  # it was on its way out already


def own_properties(
    publication: Publication, correlation_id: str | None, app_id: str, reply_to: str | None = None
) -> BasicProperties:
    """The properties of what we publish."""
    return BasicProperties(
        content_type="application/json",
        delivery_mode=PERSISTENT,
        message_id=publication.message_id,
        correlation_id=given_back(correlation_id) if correlation_id is not None else None,
        type=publication.type,
        headers={name: value for name, value in publication.headers.items() if len(str(value)) <= HEADER_MAX},
        app_id=app_id,
        timestamp=int(time.time()),
        reply_to=reply_to,
    )


def shown(url: str) -> str:
    """The address without login and password, for people."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (5671 if parts.scheme == 'amqps' else 5672)}"


def _parameters(url: str, password: str | None, heartbeat: float, name: str, tls: Any) -> pika.URLParameters:
    parts = urlsplit(url)
    if parts.username is not None and parts.password is None:  # pika can't read a login without one
        url = parts._replace(netloc=parts.netloc.replace("@", ":@")).geturl()
    parameters = pika.URLParameters(url)
    if password is not None:
        parameters.credentials = pika.PlainCredentials(parameters.credentials.username, password)
    if url.startswith("amqps"):
        parameters.ssl_options = pika.SSLOptions(tls, parts.hostname)
    parameters.heartbeat = max(1, round(heartbeat))
    parameters.connection_attempts = 1
    parameters.socket_timeout = 5
    parameters.client_properties = {"connection_name": name}
    return parameters


_QUOTED = re.compile(r"^\w+: \(\d+\) '(.*)'$")
"""How pika shows, as the reason of one error, another one with the broker's own words."""


def _close(channel: Channel) -> None:
    with contextlib.suppress(pika.exceptions.AMQPError):  # it is closing already
        channel.close()


def _answer(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _amqp_error(error: Any) -> pika.exceptions.AMQPError:
    return pika.exceptions.AMQPConnectionError(error)


def _sentence(error: Any) -> str:
    """pika's nested errors in a few words."""
    wrapper = pika.exceptions.AMQPConnectionError
    while isinstance(error, wrapper) and error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    if isinstance(error, OSError):
        return error.strerror or str(error)
    text = getattr(error, "reply_text", "") or (str(error.args[0]) if getattr(error, "args", None) else "")
    inner = getattr(error, "exception", None) or (error.exceptions[-1] if getattr(error, "exceptions", None) else None)
    if inner is not None and inner is not error:
        return _sentence(inner)
    return _QUOTED.sub(r"\1", text) or type(error).__name__
