"""A command's own short connection to RabbitMQ: publish, wait for the confirm, read the replies.

Unlike the daemon's it is never reconnected: whatever ends the connection ends the command, with a sentence.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from smsd import __version__
from smsd.core import advice
from smsd.core.errors import LinkDown
from smsd.core.publication import Confirm, Publication
from smsd.core.topology import Exchange, Topology
from smsd.links.broker import amqp
from smsd.links.broker.amqp import ANSWER_TIMEOUT, AmqpSession
from smsd.settings.model import Broker, BrokerTls

CONNECT_TIMEOUT = 10.0
"""Seconds for one try at one node of the cluster."""

PREFETCH = 100

UNCONFIRMED_MAX = 200
"""Messages that are published before the broker has confirmed the first of them."""


class Inbox:
    """What the connection brings, in order; after its end only that."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[Any] = asyncio.Queue()

    @property
    def empty(self) -> bool:
        return self._came.empty()

    def put(self, item: Any) -> None:
        self._came.put_nowait(item)

    async def take(self, timeout: float) -> Any:
        """The next item. Raises TimeoutError after `timeout` seconds, LinkDown when the connection has ended."""
        item = await asyncio.wait_for(self._came.get(), timeout)
        if isinstance(item, LinkDown):
            self.put(item)
            raise item
        return item


class Client:
    """An open connection; `connected` makes one."""

    def __init__(self) -> None:
        self._confirms, self._replies = Inbox(), Inbox()
        self._returned = False
        self._published = 0
        self._unconfirmed: set[int] = set()
        """Delivery tags."""
        self._session = AmqpSession(self._ended, on_blocked=lambda _: None)

    def _ended(self, reason: str) -> None:
        for inbox in (self._confirms, self._replies):
            inbox.put(LinkDown("broker", reason))

    async def open(self, url: str, broker: Broker) -> None:
        """Connects to one node. Raises LinkDown, without the url's password."""
        password = broker.password.reveal() if broker.password is not None else None
        tls = tls_context(broker.tls) if url.startswith("amqps") else None
        await self._session.open(url, password, broker.heartbeat, "smsd command", tls, CONNECT_TIMEOUT)
        await self._session.publisher(self._confirmed, self._came_back)

    async def close(self) -> None:
        await self._session.close()

    async def lacks(self, exchange: str) -> bool:
        """Whether there is no such exchange: to publish to it would end the connection. Raises LinkDown."""
        return bool(await self._session.missing(Topology((Exchange(exchange, "topic"),), (), ())))

    async def unlike(self, wanted: Topology) -> list[str]:
        """What of it exists otherwise than wanted; nothing is created. Raises LinkDown."""
        return await self._session.unlike(wanted)

    async def missing(self, wanted: Topology) -> list[str]:
        """What of it does not exist. Raises LinkDown."""
        return await self._session.missing(wanted)

    def _came_back(self, _: str, __: str) -> None:
        self._returned = True

    def _confirmed(self, tag: int, multiple: bool, acked: bool) -> None:
        told = {one for one in self._unconfirmed if one <= tag} if multiple else {tag}
        self._unconfirmed -= told
        # The broker acks what it has returned, too. What it returned stands before the confirm.
        answer = Confirm.UNROUTABLE if self._returned else Confirm.DONE if acked else Confirm.REFUSED
        for _ in told:
            self._confirms.put(answer)

    async def publish(self, publication: Publication, reply_to: str | None = None) -> Confirm:
        """Publishes one message, mandatory; returns the broker's answer to it. Raises LinkDown."""
        self._returned = False
        self._put(publication, reply_to)
        return await self._confirm()

    async def publish_all(
        self, publications: Iterable[Publication], reply_to: str | None, on_confirmed: Callable[[], None]
    ) -> Confirm:
        """Publishes many, to one exchange and key; the first bad answer ends it and is returned. Raises LinkDown.

        `on_confirmed` is called for each that the broker has.
        """
        self._returned = False
        for publication in publications:
            self._put(publication, reply_to)
            if len(self._unconfirmed) >= UNCONFIRMED_MAX:
                if (answer := await self._confirm()) is not Confirm.DONE:
                    return answer
                on_confirmed()
        while self._unconfirmed or not self._confirms.empty:
            if (answer := await self._confirm()) is not Confirm.DONE:
                return answer
            on_confirmed()
        return Confirm.DONE

    async def _confirm(self) -> Confirm:
        try:
            answer: Confirm = await self._confirms.take(ANSWER_TIMEOUT)
        except TimeoutError:
            raise LinkDown("broker", f"it took no message within {ANSWER_TIMEOUT:g} s") from None
        return answer

    def _put(self, publication: Publication, reply_to: str | None) -> None:
        self._published += 1
        self._unconfirmed.add(self._published)
        properties = amqp.own_properties(publication, publication.correlation_id, f"smsd/{__version__}", reply_to)
        self._session.publish_as(publication.exchange, publication.key, publication.body, properties)

    async def reply_queue(self) -> str:
        """Makes an exclusive queue and reads it: its name is what `reply_to` has to say. Raises LinkDown."""
        channel = await self._session.consumer("replies")
        queue = await self._session.exclusive_queue(channel, "", [])

        def deliver(_: Any, method: Any, __: Any, body: bytes) -> None:
            channel.ack(method.delivery_tag)
            self._replies.put(body)

        await channel.consume(queue, PREFETCH, deliver, exclusive=True)
        return queue

    async def reply(self, timeout: float) -> bytes:
        """The next reply's body. Raises TimeoutError after `timeout` seconds, LinkDown."""
        body: bytes = await self._replies.take(timeout)
        return body


@asynccontextmanager
async def connected(broker: Broker) -> AsyncIterator[Client]:
    """A client at the first node that answers. Raises LinkDown with what each of them said."""
    reasons = []
    for url in broker.url:
        client = Client()
        try:
            await client.open(url, broker)
        except LinkDown as down:
            await client.close()
            reasons.append(down.reason)
            continue
        try:
            yield client
        finally:
            await client.close()
        return
    raise LinkDown("broker", "; ".join(reasons))


def tls_context(tls: BrokerTls) -> ssl.SSLContext:
    """Whom to trust and who we are, for amqps://. Raises LinkDown when a file can't be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:  # ssl.SSLError is one too
        raise LinkDown("broker", advice.broker(f"TLS: the files can't be used: {error}")) from None
    return context
