"""One ESME's TCP connection: framing, sequence numbers, batched writing. What to answer is the owner's business."""

import asyncio
from typing import Protocol, cast

from smsd.core.errors import RemoteProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Framer
from smsd.simulator.messages import Delivery

_LAST_SEQUENCE = 0x7FFFFFFF


class Owner(Protocol):
    """Who is told what happens."""

    def opened(self, connection: "Connection") -> None: ...
    def received(self, connection: "Connection", frames: list[bytes]) -> None: ...
    def malformed(self, connection: "Connection", frame: bytes, error: RemoteProtocolError) -> None: ...
    def closed(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """Reads PDUs and writes answers; all that is sent in one turn of the loop goes out in one write."""

    def __init__(self, owner: Owner, number: int) -> None:
        self.number = number
        self.peer = ""
        self.system_id = ""
        self.kind = ""
        """`transmitter`, `receiver`, `transceiver`; empty while not bound."""
        self.unanswered = 0
        """Submits that wait for their answer."""
        self.deliveries: dict[int, Delivery] = {}
        """deliver_sm that wait for theirs, by sequence_number."""
        self.enquired = False
        """An enquire_link of ours waits for its answer."""
        self.closing = False
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._transport: asyncio.Transport
        self._out: list[bytes] = []
        self._paused = False
        self._sequence = 0

    @property
    def transmits(self) -> bool:
        return self.kind in ("transmitter", "transceiver")

    @property
    def receives(self) -> bool:
        return self.kind in ("receiver", "transceiver")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is asyncio's
        self.closing = True
        self._out.clear()
        self._owner.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            # Good PDUs in front of a broken one come first; asking again tells of it.
            while frames := self._framer.feed(data):
                self._owner.received(self, frames)
                data = b""
        except RemoteProtocolError as error:
            self._owner.malformed(self, bytes.fromhex(error.pdu_hex), error)

    def pause_writing(self) -> None:
        """The ESME does not read its answers: take no more from it until it does."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._paused and not self.closing:
            self._transport.resume_reading()

    def send(self, octets: bytes) -> None:
        """Puts octets into the next write."""
        if self.closing:
            return
        if not self._out and not self._paused:
            self._loop.call_soon(self._flush)
        self._out.append(octets)

    def answer(self, command: int, sequence: int, status: int = 0, body: bytes = b"") -> None:
        """Sends the response to a request of the ESME's."""
        self.send(HEADER.pack(MIN_PDU + len(body), command | pdus.RESPONSE, status, sequence) + body)

    def request(self, command: int, body: bytes = b"") -> int:
        """Sends a request of the SMSC's and returns its sequence_number."""
        self._sequence = sequence = self._sequence + 1 if self._sequence < _LAST_SEQUENCE else 1
        self.send(HEADER.pack(MIN_PDU + len(body), command, 0, sequence) + body)
        return sequence

    def pause(self) -> None:
        """Neither reads nor writes, as a frozen peer; what is to be sent waits."""
        self._paused = True
        if not self.closing:
            self._transport.pause_reading()

    def resume(self) -> None:
        self._paused = False
        if not self.closing:
            self._transport.resume_reading()
            self._flush()

    def close(self) -> None:
        """Writes what is left and closes."""
        self._flush()
        self.closing = True
        self._transport.close()

    def abort(self) -> None:
        """Closes with a reset where the kernel has unsent or unread octets, and writes nothing more."""
        self.closing = True
        self._out.clear()
        self._transport.abort()

    def _flush(self) -> None:
        if self._out and not self._paused and not self.closing:
            self._transport.write(b"".join(self._out))
            self._out.clear()
