"""An SMSC whose every octet the test chooses, and the flow that is bound to it: a real socket, and all behind it.

The world's broker takes whatever it is given: what the CRM would see is in `published`.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from world import Delivery, World, eventually, world

from smsd.core.errors import RemoteProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Framer, Pdu, Value, decode, encode_body, encode_tlvs

HANDSET, SENDER = b"79000000000", b"ACME"
OK = 0

Document = dict[str, Any]
Reply = Callable[[Pdu], bytes]


def pdu(command: int, sequence: int, body: bytes = b"", status: int = OK) -> bytes:
    """A PDU with any octets behind its header."""
    return HEADER.pack(MIN_PDU + len(body), command, status, sequence) + body


def response(request: Pdu, body: bytes = b"", status: int = OK) -> bytes:
    """The response to a request of the ESME's."""
    return pdu(request.command | pdus.RESPONSE, request.sequence, body, status)


def bind_resp(request: Pdu) -> bytes:
    return response(request, b"smsc\0")


class HandSmsc:
    """Binds, and answers enquire_link and unbind, as `replies` says; everything else is up to the test."""

    def __init__(self, replies: dict[int, Reply] | None = None) -> None:
        binds = dict.fromkeys((pdus.BIND_TRANSCEIVER, pdus.BIND_TRANSMITTER, pdus.BIND_RECEIVER), bind_resp)
        self.replies: dict[int, Reply] = {**binds, pdus.ENQUIRE_LINK: response, pdus.UNBIND: response} | (replies or {})
        self.received: list[Pdu] = []
        """Whatever came, on whatever connection; each with its octets in `frame`."""
        self.lines: list[Line] = []
        """All connections there ever were."""
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: Line(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for line in self.lines:
            line.transport.abort()
        await eventually(lambda: all(line.lost for line in self.lines))

    def send(self, *frames: bytes) -> None:
        """Octets, PDU or not, in one write to the newest connection."""
        self.lines[-1].transport.write(b"".join(frames))

    def heard(self, command: int) -> list[Pdu]:
        return [pdu for pdu in self.received if pdu.command == command]

    async def hears(self, command: int, n: int = 1) -> Pdu:
        """The n-th PDU of this command, once it is there."""
        await eventually(lambda: len(self.heard(command)) >= n)
        return self.heard(command)[n - 1]


class Line(asyncio.Protocol):
    """One connection of the ESME's; `opened` and `lost` are times of the loop."""

    def __init__(self, smsc: HandSmsc) -> None:
        self._smsc = smsc
        self._framer = Framer()
        self.opened = asyncio.get_running_loop().time()
        self.lost: float | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._smsc.lines.append(self)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._framer.feed(data)
        except RemoteProtocolError:  # not SMPP: a TLS greeting
            self.transport.close()
            return
        for frame in frames:
            request = decode(frame)
            request.frame = frame
            self._smsc.received.append(request)
            if reply := self._smsc.replies.get(request.command):
                self.transport.write(reply(request))

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = asyncio.get_running_loop().time()


class Field:
    """One provider's flow with an SMSC by hand at its other end."""

    def __init__(self, flow: World, smsc: HandSmsc) -> None:
        self.flow = flow
        self.smsc = smsc
        self._published: list[tuple[str, Document]] = []
        self._sequences = itertools.count(1000)
        self._submits = itertools.count(1)

    # --- the CRM's side

    @property
    def published(self) -> list[tuple[str, Document]]:
        """Exchange and body of everything so far; the broker confirms it by this."""
        broker = self.flow.broker
        self._published += [(entry.exchange, json.loads(entry.body)) for entry, _ in broker.published]
        broker.confirm()
        return self._published

    def results(self, id: str = "m1") -> list[Document]:
        """A request's results."""
        return [body for exchange, body in self.published if exchange == "sms.results" and body.get("id") == id]

    def statuses(self, id: str = "m1") -> list[str]:
        return [result["status"] for result in self.results(id)]

    @property
    def unmatched(self) -> list[Document]:
        """Receipts of no message of ours."""
        return [body for exchange, body in self.published if exchange == "sms.results" and "receipt_id" in body]

    @property
    def inbound(self) -> list[Document]:
        return [body for exchange, body in self.published if exchange == "sms.inbound"]

    def events(self, name: str) -> list[Document]:
        return [body for exchange, body in self.published if exchange == "sms.events" and body["event"] == name]

    async def becomes(self, status: str, id: str = "m1") -> Document:
        """The request's first result with this status."""
        await eventually(lambda: status in self.statuses(id))
        return next(result for result in self.results(id) if result["status"] == status)

    async def quiet(self) -> None:
        """Until nothing is under way: what has not been published by now is not going to be."""
        before = None
        while (now := len(self.published)) != before:
            before = now
            await self.flow.settle()

    # --- messages and their answers

    async def come(self, text: str = "hello", **fields: Any) -> Pdu:
        """A request comes; its submit_sm, not yet answered."""
        self.flow.come(self.flow.request(text, **fields))
        return await self.smsc.hears(pdus.SUBMIT_SM, next(self._submits))

    async def accept(self, smsc_id: bytes, text: str = "hello", **fields: Any) -> None:
        """A request comes, and its submit_sm is accepted with this message_id."""
        submit = await self.come(text, **fields)
        already = self._sent()
        self.smsc.send(response(submit, smsc_id + b"\0"))
        await eventually(lambda: self._sent() > already)

    def _sent(self) -> int:
        return sum(body.get("status") == "sent" for _, body in self.published)

    def request(self, text: str = "hello", **fields: Any) -> Delivery:
        return self.flow.come(self.flow.request(text, **fields))

    # --- what the SMSC sends

    async def deliver(
        self,
        short_message: bytes = b"",
        *tlvs: tuple[int, bytes],
        command: int = pdus.DELIVER_SM,
        esm_class: int = 0x04,
        tail: bytes = b"",
        **fields: Value,
    ) -> int:
        """A deliver_sm, a receipt unless told otherwise; `tail` are octets behind its TLVs. The answer's status."""
        given: dict[str, Value] = {"source_addr": HANDSET, "destination_addr": SENDER, "esm_class": esm_class, **fields}
        if command == pdus.DELIVER_SM:
            given["short_message"] = short_message
        return await self.deliver_octets(encode_body(command, given) + encode_tlvs(tlvs) + tail, command)

    async def deliver_octets(self, body: bytes, command: int = pdus.DELIVER_SM, sequence: int | None = None) -> int:
        """The same with any body and sequence_number."""
        already = len(self.smsc.heard(command | pdus.RESPONSE))
        sequence = next(self._sequences) if sequence is None else sequence
        self.smsc.send(pdu(command, sequence, body))
        answer = await self.smsc.hears(command | pdus.RESPONSE, already + 1)
        assert answer.sequence == sequence
        return answer.status


@asynccontextmanager
async def field(smsc: HandSmsc | None = None, *, bound: bool = True, **settings: Any) -> AsyncIterator[Field]:
    """A field bound to `smsc`, with receipts asked for unless `settings` (of the provider) say otherwise."""
    smsc = smsc or HandSmsc()
    async with world(smsc=smsc, bound=bound, **{"receipts": True, **settings}) as flow:
        yield Field(flow, smsc)
