"""A small ESME on the project's codec, and an SMSC to go with it: what the simulator's tests are told in."""

import asyncio
import ssl as tls
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Framer, Pdu, Value, decode, encode
from smsd.simulator.rules import Rules
from smsd.simulator.smsc import Smsc

PATIENCE = 5.0
"""Seconds until a test that waits for a PDU has failed."""

SUBMIT: dict[str, Value] = {
    "source_addr_ton": 5,
    "source_addr": b"ACME",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": b"79000000000",
    "short_message": b"hello",
}


class Esme:
    """Sends requests, and hands over PDUs in the order in which they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = Framer()
        self._come: list[Pdu] = []
        self._sequence = 0

    @classmethod
    async def connect(cls, port: int, ssl: tls.SSLContext | None = None) -> "Esme":
        esme = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=ssl))
        _connected.append(esme)
        return esme

    @classmethod
    async def bound(cls, port: int, kind: str = "transceiver", system_id: str = "acme") -> "Esme":
        esme = await cls.connect(port)
        answer = await esme.bind(kind, system_id)
        assert answer.status == 0
        return esme

    async def bind(
        self, kind: str = "transceiver", system_id: str = "acme", password: str = "secret", version: int = 0x34
    ) -> Pdu:
        command = {value: key for key, value in pdus.COMMANDS.items()}[f"bind_{kind}"]
        fields = {"system_id": system_id.encode(), "password": password.encode(), "interface_version": version}
        return await self.ask(command, fields)

    def send(self, command: int, fields: dict[str, Value] | None = None, tlvs: Any = ()) -> int:
        self._sequence += 1
        self.write(encode(Pdu(command, 0, self._sequence, fields or {}, tuple(tlvs))))
        return self._sequence

    def submit(self, **fields: Value) -> int:
        return self.send(pdus.SUBMIT_SM, SUBMIT | fields)

    def answer(self, request: Pdu, status: int = 0) -> None:
        self.write(encode(Pdu(request.command | pdus.RESPONSE, status, request.sequence)))

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def ask(self, command: int, fields: dict[str, Value] | None = None) -> Pdu:
        sequence = self.send(command, fields)
        answer = await self.next()
        assert answer.sequence == sequence
        return answer

    async def submitted(self, **fields: Value) -> Pdu:
        """The answer to a submit_sm, when it is the next PDU that comes."""
        return await self.ask(pdus.SUBMIT_SM, SUBMIT | fields)

    async def next(self) -> Pdu:
        """The next PDU. Raises EOFError when the SMSC has closed instead."""
        while not self._come:
            octets = await asyncio.wait_for(self._reader.read(65_536), PATIENCE)
            if not octets:
                raise EOFError
            self._come += map(decode, self._framer.feed(octets))
        return self._come.pop(0)

    async def next_delivery(self) -> Pdu:
        """The next PDU, which must be a deliver_sm, answered."""
        pdu = await self.next()
        assert pdu.command == pdus.DELIVER_SM
        self.answer(pdu)
        return pdu

    async def is_closed(self) -> bool:
        """Whether the SMSC closes before it sends anything more."""
        try:
            await self.next()
        except (EOFError, ConnectionError):
            return True
        return False

    async def close(self) -> None:
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


_connected: list[Esme] = []


async def close_all() -> None:
    """Closes every ESME that is still connected."""
    while _connected:
        await _connected.pop().close()


@asynccontextmanager
async def smsc_with(**rules: Any) -> AsyncIterator[Smsc]:
    """A simulator that goes by these rules; in the end it is stopped, and all ESMEs are closed."""
    smsc = Smsc(Rules.model_validate(rules))
    await smsc.start()
    try:
        yield smsc
    finally:
        await close_all()
        await smsc.stop()


@asynccontextmanager
async def bound_esme(kind: str = "transceiver", **rules: Any) -> AsyncIterator[tuple[Smsc, Esme]]:
    """A simulator and one who is bound to it."""
    async with smsc_with(**rules) as smsc:
        yield smsc, await Esme.bound(smsc.port, kind)
