"""An SMSC most of whose PDUs are broken, and which counts what it gets for them; it lives in a thread of its own."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Self

from fuzz.link import Link
from fuzz.mutants import Mutants
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Pdu, decode, encode

BATCH = 50
"""Mutants written at once, and with them a message from a handset with a number."""
WINDOW = 400
"""Unanswered PDUs at which it waits."""
LIFE = 4_000
"""Mutants after which, on average, a connection ends."""
SECONDS = 30.0
"""How long the daemon may take to answer, to close and to bind again."""
NUMBERED = "handset-"
"""How the senders of numbered messages begin: further from those of mutants than wounds can reach."""
ENDINGS = ("bad framing", "bad framing", "half a PDU", "unbind")


class Smsc:
    """Writes `total` mutants between real traffic; `faults` has a sentence for all that the daemon did wrong."""

    def __init__(self, total: int, seed: int) -> None:
        self.total = total
        self.written = 0
        """Mutants so far."""
        self.numbers = 0
        """Messages from handsets so far: `number 1` and so on, every fifth in two parts."""
        self.faults: list[str] = []
        self.finished = threading.Event()
        """All mutants are written and answered; real traffic is still served."""
        self.taken: Counter[str] = Counter()
        """Texts of submit_sm that were answered."""
        self.seen: Counter[str] = Counter()
        """Texts of submit_sm, those too that were not answered since the connection was ending."""
        self.statuses: Counter[int] = Counter()
        """Of the answers to deliver_sm and data_sm."""
        self.endings: Counter[str] = Counter()
        self._mutants = Mutants(seed)
        self._chance = self._mutants.chance
        self._luck = Random(seed)
        """What depends on the daemon's pace is drawn from here, so that the mutants are the same whatever it is."""
        self._link: Link | None = None
        self._sequence = 0
        self._owed: dict[int, bytes] = {}
        """By sequence number: deliver_sm without an answer of 0. A new connection begins with them."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # --- a connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer, self._take, self.statuses)
        if self._link is not None:
            self.faults.append("a second connection beside the first")
        self._link = link
        talk = asyncio.create_task(self._talk(link))
        try:
            await link.listen()
            if not link.ending:
                self.faults.append(f"the daemon has left: {link.story()}")
        finally:
            self._link = None
            talk.cancel()
            (end,) = await asyncio.gather(talk, return_exceptions=True)
            if isinstance(end, Exception) and not isinstance(end, ConnectionError):
                self.faults.append(repr(end))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, link: Link) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await link.bound.wait()
            link.write(self._owed.values())
            while self.written < self.total:
                await link.room(WINDOW, SECONDS)
                link.write(self._batch())
                if self._chance.random() < BATCH / LIFE:
                    await link.room(1, SECONDS)
                    await self._end(link)
                    return
            await link.room(1, SECONDS)
            self.finished.set()
        except TimeoutError:
            self.faults.append(f"nothing within {SECONDS:g} s: {link.story()}")

    def _batch(self) -> Iterable[bytes]:
        """Mutants, and a numbered message somewhere between them."""
        batch = [self._mutants.well_framed() for _ in range(BATCH)]
        self.written += BATCH
        for pdu in self._numbered():
            batch.insert(self._chance.randrange(BATCH), pdu)
        return batch

    async def _end(self, link: Link) -> None:
        """Ends a connection on which nothing is unanswered, and waits for the daemon to close it."""
        link.ending = True
        ending = self._chance.choice(ENDINGS)
        self.endings[ending] += 1
        if ending == "unbind":
            link.write([HEADER.pack(MIN_PDU, pdus.UNBIND, 0, 1)])
        elif ending == "half a PDU":
            link.write([self._mutants.well_framed()[:-1]])
            link.hang_up()
        else:
            link.write([self._mutants.badly_framed()])
        async with asyncio.timeout(SECONDS):
            await link.closed.wait()

    # --- real traffic

    def _take(self, link: Link, frame: bytes) -> None:
        """One PDU that is no answer to a mutant."""
        _, command, status, sequence = HEADER.unpack_from(frame)
        if command == pdus.SUBMIT_SM:
            self._submit(link, frame, sequence)
        elif command == pdus.DELIVER_SM_RESP and self._owed.pop(sequence, None) is not None:
            if status:
                self.faults.append(f"a good deliver_sm was answered 0x{status:X}")
        elif command == pdus.BIND_TRANSCEIVER:
            link.write([encode(Pdu(pdus.BIND_TRANSCEIVER_RESP, 0, sequence, {"system_id": b"fuzz"}))])
            link.bound.set()
        elif command in (pdus.ENQUIRE_LINK, pdus.UNBIND):
            link.write([HEADER.pack(MIN_PDU, command | pdus.RESPONSE, 0, sequence)])
            link.ending = link.ending or command == pdus.UNBIND
        elif not link.ending and command != pdus.GENERIC_NACK:  # a broken alert_notification may get one
            self.faults.append(f"answered what needs no answer: {frame[:40].hex()}")

    def _submit(self, link: Link, frame: bytes, sequence: int) -> None:
        """The answer, and a receipt: one in eight before the answer, which the daemon has to keep till then."""
        pdu = decode(frame)
        text = pdu.octets("short_message").decode()
        self.seen[text] += 1
        if link.ending:
            return  # it is never read
        self.taken[text] += 1
        id = f"real-{self.taken.total()}"
        answer = encode(Pdu(pdus.SUBMIT_SM_RESP, 0, sequence, {"message_id": id.encode()}))
        words = f"id:{id} sub:001 dlvrd:001 submit date:2603011200 done date:2603011200 stat:DELIVRD err:000 text:"
        receipt = self._deliver(pdu.text("destination_addr"), words.encode(), 0x04)
        link.write((receipt, answer) if self._luck.randrange(8) == 0 else (answer, receipt))

    def _numbered(self) -> list[bytes]:
        self.numbers += 1
        source, text = f"{NUMBERED}{self.numbers}", f"number {self.numbers}".encode()
        if self.numbers % 5:
            return [self._deliver(source, text, 0)]
        parts = ((1, text[:4]), (2, text[4:]))
        return [self._deliver(source, bytes((5, 0, 3, self.numbers % 251, 2, n)) + part, 0x40) for n, part in parts]

    def _deliver(self, source: str, short_message: bytes, esm_class: int) -> bytes:
        self._sequence += 1
        fields = {
            "source_addr_ton": 1,
            "source_addr_npi": 1,
            "source_addr": source.encode(),
            "destination_addr": b"ACME",
            "esm_class": esm_class,
            "short_message": short_message,
        }
        pdu = self._owed[self._sequence] = encode(Pdu(pdus.DELIVER_SM, 0, self._sequence, fields))
        return pdu
