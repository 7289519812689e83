"""What must reach the broker, until it has: results, receipts, inbound messages, events.

A publication leaves only when the broker has confirmed and routed it. One that was returned or refused is tried again;
a lost connection puts everything unconfirmed back to the front. Publications of one request keep their order: the next
waits for the confirm of the one before. All of them are in the journal; beyond IN_MEMORY, they are only there.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

from smsd.core.publication import Confirm, Publication
from smsd.flow.ports import Broker, Journal

FULL = 10_000
"""Publications waiting at which intake pauses (contract)."""

ROOM = 5_000
"""Publications waiting at which intake resumes."""

IN_MEMORY = 12_000
"""Publications in memory, at most; the broker may be away for hours while receipts come."""

PAGE = 2_000
"""Publications fetched from the journal together."""

UNCONFIRMED = 2_000
"""Publications handed to the broker without its answer, at most."""

FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds before an unroutable publication is tried again; doubled each time."""


class Entry:
    """One publication on its way; `number` is the journal's, None if it could not be kept there."""

    __slots__ = ("done", "number", "publication", "tries")

    def __init__(self, publication: Publication, done: Callable[[], None] | None, number: int | None = None) -> None:
        self.publication = publication
        self.done = done
        self.number = number
        self.tries = 0


class Outbox:
    """Holds publications; `on_full(True/False)` says when intake must pause and may go on."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        on_full: Callable[[bool], None],
        on_problem: Callable[[Entry, Confirm], None],
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._on_full = on_full
        self._on_problem = on_problem
        self._waiting: deque[Entry] = deque()
        self._unconfirmed: dict[int, Entry] = {}
        self._chains: dict[str, deque[Entry] | None] = {}
        """Orders with an entry on its way, and what waits behind it."""
        self._later: list[tuple[float, int, Entry]] = []
        self._numbers = count()
        self._size = 0
        self._on_disk = 0
        """Publications that are in the journal only; as long as there are any, new ones join them there."""
        self._fetched = 0
        """The last number that is, or was, in memory."""
        self._last = 0
        """The last number that the journal has."""
        self._dones: dict[int, Callable[[], None]] = {}
        """Who is waiting for those on disk."""
        self._fetching = False
        self._full = False
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return self._size

    @property
    def full(self) -> bool:
        return self._full

    def restore(self, size: int, last: int, first: list[tuple[int, Publication]]) -> None:
        """What an earlier run has left: how many, the last one's number, and the first of them."""
        if not size:
            return
        self._size = size
        self._on_disk = size - len(first)
        self._last = last
        self._empty.clear()
        self._is_it_full()
        for number, publication in first:
            self._enter(Entry(publication, None, number))

    def add(self, publication: Publication, done: Callable[[], None] | None = None) -> None:
        """`done` is called once the broker has it."""
        self._size += 1
        self._empty.clear()
        self._is_it_full()
        self._journal.keep(publication, partial(self._kept, publication, done))

    def add_at_once(self, publication: Publication) -> None:
        """What is worth telling even if it can't be made safe: an event while the journal is in trouble."""
        if self._journal.trouble is None:
            self.add(publication)
        else:
            self._size += 1
            self._empty.clear()
            self._enter(Entry(publication, None))

    def _is_it_full(self) -> None:
        if self._size > FULL and not self._full:
            self._full = True
            self._on_full(True)

    def _kept(self, publication: Publication, done: Callable[[], None] | None, number: int) -> None:
        """It survives us from now on: it may leave."""
        self._last = number
        if self._on_disk or self._size > IN_MEMORY:
            self._on_disk += 1
            if done is not None:
                self._dones[number] = done
            self._fetch()
        else:
            self._enter(Entry(publication, done, number))

    def _enter(self, entry: Entry) -> None:
        if entry.number is not None:
            self._fetched = entry.number
        if order := entry.publication.order:
            if order in self._chains:
                chain = self._chains[order] = self._chains[order] or deque()
                chain.append(entry)
                return
            self._chains[order] = None
        self._waiting.append(entry)
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self.pump)

    def _fetch(self) -> None:
        """Gets the next page from the journal, once there is room for it."""
        if self._on_disk and not self._fetching and self._size - self._on_disk < IN_MEMORY - PAGE:
            self._fetching = True
            self._journal.kept(self._fetched, PAGE, self._fetch_done)

    def _fetch_done(self, page: list[tuple[int, Publication]]) -> None:
        self._fetching = False
        for number, publication in page:
            if number > self._last:  # committed a moment ago: its turn to be counted has not come
                break
            self._on_disk -= 1
            self._enter(Entry(publication, self._dones.pop(number, None), number))
        self._fetch()

    def pump(self) -> None:
        """Hands over as much as the broker may have unconfirmed."""
        self._pumping = False
        broker, waiting, unconfirmed = self._broker, self._waiting, self._unconfirmed
        while waiting and len(unconfirmed) < UNCONFIRMED and broker.connected and not broker.blocked:
            entry = waiting.popleft()
            number = next(self._numbers)
            unconfirmed[number] = entry
            broker.publish(entry.publication, partial(self._answered, number))

    def _answered(self, number: int, answer: Confirm) -> None:
        entry = self._unconfirmed.pop(number, None)
        if entry is None:
            return  # of a connection that is gone: the entry is waiting again
        if answer is Confirm.DONE:
            self._done(entry)
        else:
            self._retry(entry, answer)
        if self._waiting and not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self.pump)

    def _done(self, entry: Entry) -> None:
        publication = entry.publication
        if entry.number is not None:
            self._journal.published(entry.number)
        self._size -= 1
        if self._on_disk:
            self._fetch()
        for queue in publication.reply_to:
            self._broker.copy(queue, publication)
        if order := publication.order:
            chain = self._chains[order]
            if chain:
                self._waiting.append(chain.popleft())
            else:
                del self._chains[order]
        if self._full and self._size < ROOM:
            self._full = False
            self._on_full(False)
        if not self._size:
            self._empty.set()
        if entry.done is not None:
            entry.done()

    def _retry(self, entry: Entry, answer: Confirm) -> None:
        loop = asyncio.get_running_loop()
        delay = min(FIRST_RETRY * 2**entry.tries, LAST_RETRY)
        entry.tries += 1
        heapq.heappush(self._later, (loop.time() + delay, next(self._numbers), entry))
        self._on_problem(entry, answer)
        if self._timer is None:
            self._timer = loop.call_later(delay, self._again)

    def _again(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._later and self._later[0][0] <= loop.time() + 0.01:
            self._waiting.append(heapq.heappop(self._later)[2])
        if self._later:
            self._timer = loop.call_at(self._later[0][0], self._again)
        self.pump()

    def connection_lost(self) -> None:
        """What the broker did not confirm goes first again, in its order."""
        self._waiting.extendleft(reversed(self._unconfirmed.values()))
        self._unconfirmed.clear()

    async def flushed(self, timeout: float) -> bool:
        """Waits until everything has reached the broker; False if `timeout` seconds were not enough."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return True
