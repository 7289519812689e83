"""One connection of the SMSC: what was written on it and not answered yet."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from fuzz.mutants import OF_MUTANTS, key_of_answer
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, Framer

Key = tuple[int, int]
"""Command and sequence number of an answer."""
TO_MESSAGES = (pdus.DELIVER_SM_RESP, pdus.DATA_SM_RESP)


class Link:
    """Every PDU written that needs an answer must get one, once, until `ending`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        take: Callable[["Link", bytes], None],
        statuses: Counter[int],
    ) -> None:
        """`take` gets each PDU, but for answers to mutants. `statuses` counts those of answers to messages."""
        self.bound, self.closed = asyncio.Event(), asyncio.Event()
        self.ending = False
        """From now on anything may be lost."""
        self._reader = reader
        self._writer = writer
        self._take = take
        self._statuses = statuses
        self._unanswered: dict[Key, list[bytes]] = {}
        self._moved = asyncio.Event()

    def write(self, frames: Iterable[bytes]) -> None:
        """All in one piece."""
        frames = list(frames)
        for frame in frames:
            if not self.ending and (key := key_of_answer(frame)) is not None:
                self._unanswered.setdefault(key, []).append(frame)
        self._writer.write(b"".join(frames))

    def hang_up(self) -> None:
        """Writes nothing more."""
        self._writer.write_eof()

    async def room(self, window: int, seconds: float) -> None:
        """Waits until fewer than `window` PDUs are unanswered. TimeoutError if none is answered for `seconds`."""
        await self._writer.drain()
        while len(self._unanswered) >= window:
            self._moved.clear()
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    def story(self) -> str:
        """What is unanswered."""
        first = next(iter(self._unanswered.values()), [b""])[0]
        return f"{len(self._unanswered)} unanswered, the first {first.hex()}"

    async def listen(self) -> None:
        """Reads until the daemon closes."""
        framer = Framer()
        try:
            while chunk := await self._reader.read(65_536):
                for frame in framer.feed(chunk):
                    self._received(frame)
        except ConnectionError:  # it closed while we were still writing
            pass
        finally:
            self.closed.set()

    def _received(self, frame: bytes) -> None:
        _, command, status, sequence = HEADER.unpack_from(frame)
        key = command, sequence
        waiting = self._unanswered.get(key)
        if waiting is not None:
            waiting.pop()
            self._moved.set()
            if not waiting:
                del self._unanswered[key]
        if command in TO_MESSAGES:
            self._statuses[status] += 1
        if waiting is None or sequence < OF_MUTANTS:
            self._take(self, frame)
