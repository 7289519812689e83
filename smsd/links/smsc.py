"""Sockets to SMSCs: TCP over IPv4 or IPv6, TLS with verification and server name. Knows octets, not PDUs."""

import asyncio
import os
import socket
import ssl
from typing import Protocol, cast

from smsd.core import advice
from smsd.core.errors import LinkDown
from smsd.links import addresses
from smsd.settings.model import Tls, host_port

KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""Seconds, seconds, probes: a half-open connection is noticed even while nothing is sent (quirk Q43)."""

USER_TIMEOUT = 30_000
"""Milliseconds that written octets may stay unacknowledged by the peer's TCP before the connection counts as lost."""

TLS_GOODBYE = 2.0
"""Seconds to wait for a peer's close_notify."""


class Peer(Protocol):
    """Who is told what happens on the connection."""

    def received(self, chunk: bytes) -> None: ...
    def lost(self, reason: str) -> None: ...
    def resumed(self) -> None: ...


class SmscConnection(asyncio.Protocol):
    """One open connection."""

    def __init__(self, peer: Peer) -> None:
        self._peer: Peer | None = peer
        """None once we have closed: the end of an old connection must not be taken for that of the next one."""
        self._transport: asyncio.Transport | None = None
        self.writable = True
        """False while the socket takes no more: what is written then would only wait in our memory."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport = transport
        # Paused as soon as anything is left unwritten: on a lost link only octets that left can be uncertain.
        # (high=1, not 0: asyncio's TLS transport takes a buffer of 0 octets for one that has reached a limit of 0.)
        transport.set_write_buffer_limits(high=1, low=0)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in (*KEEPALIVE, (socket.TCP_USER_TIMEOUT, USER_TIMEOUT)):
                raw.setsockopt(socket.IPPROTO_TCP, option, value)

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self._peer.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._peer is not None:
            self._peer.lost(_why(error) if error else "the provider closed the connection")

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self._peer is not None:
            self._peer.resumed()

    def write(self, octets: bytes) -> None:
        if self._transport is not None:
            self._transport.write(octets)

    def close(self, *, in_order: bool) -> None:
        """Closes at once: what the peer's TCP does not take now would keep the old connection open beside the next.

        So would TLS, whose end is agreed upon (close_notify): only a peer that has ended the session itself,
        `in_order`, is waited for, and no longer than TLS_GOODBYE.
        """
        self._peer = None
        if self._transport is not None:
            self._transport.close() if in_order and self.writable else self._transport.abort()


class Dialer:
    """Opens connections to one provider. Its TLS files are read anew each time: certificates get renewed."""

    def __init__(self, tls: Tls | None, timeout: float) -> None:
        """`timeout` is in seconds, for the name, TCP and TLS together."""
        self._tls = tls
        self._timeout = timeout

    async def __call__(self, host: str, port: int, peer: Peer) -> SmscConnection:
        """Connects. Raises LinkDown with a sentence for people."""
        context = _context(self._tls) if self._tls is not None else None
        deadline = asyncio.get_running_loop().time() + self._timeout  # no file of ours costs the provider its time
        found = await addresses.resolve(host, port, deadline)
        raw = await addresses.connect(found, host_port(host, port), deadline)
        name = (self._tls.server_hostname or host) if self._tls is not None else None
        return await _talk(raw, port, peer, context, name, deadline)


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:  # ssl.SSLError is one too
        raise LinkDown("smsc", f"TLS: the files of this provider can't be used: {error}") from None
    return context


async def _talk(
    raw: socket.socket, port: int, peer: Peer, context: ssl.SSLContext | None, name: str | None, deadline: float
) -> SmscConnection:
    """The connection on a connected socket, TLS included."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(deadline):
            _, connection = await loop.create_connection(
                lambda: SmscConnection(peer),
                sock=raw,
                ssl=context,
                server_hostname=name,
                ssl_shutdown_timeout=TLS_GOODBYE if context is not None else None,
            )
    except ssl.SSLCertVerificationError as error:
        raise LinkDown("smsc", advice.distrusted(error.verify_code, error.verify_message)) from None
    except TimeoutError:
        raise LinkDown("smsc", advice.no_handshake(port, "no answer within bind_timeout")) from None
    except OSError as error:
        raise LinkDown("smsc", advice.no_handshake(port, _why(error))) from None
    return connection


def _why(error: Exception) -> str:
    """The words of an exception of sockets or TLS."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or "the provider closed the connection"
