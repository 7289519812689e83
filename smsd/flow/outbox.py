"""What must reach the broker, until it has: results, receipts, inbound messages, events.

A publication leaves only when the broker has confirmed and routed it. One that was returned or refused is tried again;
a lost connection puts everything unconfirmed back to the front. Publications of one request keep their order: the next
waits for the confirm of the one before. All of them are in the journal; beyond what a line holds, they are only there.

Results, inbound messages and events wait in lines of their own, so that one kind, for which nobody has bound a queue,
does not stand in the way of another. Only results stop the intake: what handsets send is kept, however much it is, and
of events the newest are.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

from smsd.core.contract import EVENT_TYPE, INBOUND_TYPE, RECEIPT_TYPE, RESULT_TYPE
from smsd.core.publication import Confirm, Publication
from smsd.flow.ports import Broker, Journal

FULL = 10_000
"""Results and receipts waiting at which intake pauses (contract)."""

ROOM = 5_000
"""Results and receipts waiting at which intake resumes."""

IN_MEMORY = 12_000
"""Results and receipts in memory, at most; the broker may be away for hours while receipts come."""

INBOUND_IN_MEMORY = 4_000
"""Messages from handsets in memory, at most."""

EVENTS = 10_000
"""Events that wait, at most: beyond, the oldest are dropped. The connection log and the daemon's log have them all."""

DROPPED = 500
"""Events dropped together."""

PAGE = 2_000
"""Publications fetched from the journal together."""

UNCONFIRMED = 2_000
"""Publications handed to the broker without its answer, at most."""

FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds before an unroutable publication is tried again; doubled each time."""

DOUBLED = 10
"""Times, at most: nobody may read them for weeks."""


class Line:
    """Publications of one kind that wait; `room` is how many of them may be in memory."""

    def __init__(self, types: tuple[str, ...], room: int) -> None:
        self.types = types
        """Of AMQP, see the contract."""
        self.room = room
        self.size = 0
        self.on_disk = 0
        """Publications that are in the journal only; as long as there are any, new ones join them there."""
        self.fetched = 0
        """The last number that is, or was, in memory."""
        self.last = 0
        """The last number that the journal has."""
        self.dones: dict[int, Callable[[], None]] = {}
        """Of those on disk: the acks of deliveries that wait for them, no more than are unacked."""
        self.fetching = False


class Entry:
    """One publication on its way; `number` is the journal's, None if it could not be kept there."""

    __slots__ = ("age", "done", "line", "number", "publication", "tries")

    def __init__(
        self, line: Line, publication: Publication, done: Callable[[], None] | None, number: int | None = None
    ) -> None:
        self.line = line
        self.publication = publication
        self.done = done
        self.number = number
        self.tries = 0
        self.age = 0
        """Grows from one to the next that comes into memory."""


class Outbox:
    """Holds publications.

    `on_full(True/False)` says when intake must pause and may go on, `on_dropped` how many events nobody has read.
    """

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        on_full: Callable[[bool], None],
        on_problem: Callable[[Entry, Confirm], None],
        on_dropped: Callable[[int], None],
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._on_full = on_full
        self._on_problem = on_problem
        self._on_dropped = on_dropped
        self._results = Line((RESULT_TYPE, RECEIPT_TYPE), IN_MEMORY)
        self._inbound = Line((INBOUND_TYPE,), INBOUND_IN_MEMORY)
        self._events = Line((EVENT_TYPE,), EVENTS + 2 * DROPPED + PAGE)
        self._lines = {type: line for line in (self._results, self._inbound, self._events) for type in line.types}
        self._waiting: deque[Entry] = deque()
        self._unconfirmed: dict[int, Entry] = {}
        self._chains: dict[str, deque[Entry] | None] = {}
        """Orders with an entry on its way, and what waits behind it."""
        self._later: list[tuple[float, int, Entry]] = []
        self._numbers = count()
        self._full = False
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return self._results.size + self._inbound.size + self._events.size

    @property
    def results(self) -> int:
        """Results and receipts that wait: those that count towards FULL."""
        return self._results.size

    @property
    def full(self) -> bool:
        return self._full

    def restore(self, left: Callable[[tuple[str, ...], int], tuple[int, int, list[tuple[int, Publication]]]]) -> None:
        """What an earlier run has left. `left` says of some types how many there are, the last number, the first."""
        for line in dict.fromkeys(self._lines.values()):
            line.size, line.last, first = left(line.types, line.room)
            line.on_disk = line.size - len(first)
            for number, publication in first:
                self._enter(Entry(line, publication, None, number))
        if len(self):
            self._empty.clear()
        self._is_it_full()
        self._drop_old_events()

    def add(self, publication: Publication, done: Callable[[], None] | None = None) -> None:
        """`done` is called once the broker has it, if the connection of now lasts until then."""
        line = self._lines[publication.type]
        line.size += 1
        self._empty.clear()
        self._is_it_full()
        self._journal.keep(publication, partial(self._kept, line, publication, done))

    def add_at_once(self, publication: Publication) -> None:
        """What is worth telling even if it can't be made safe: an event while the journal is in trouble."""
        if self._journal.trouble is None and not self._journal.full:
            self.add(publication)
        else:
            line = self._lines[publication.type]
            line.size += 1
            self._empty.clear()
            self._enter(Entry(line, publication, None))
            self._drop_old_events()

    def _is_it_full(self) -> None:
        if self._results.size > FULL and not self._full:
            self._full = True
            self._on_full(True)

    def _kept(self, line: Line, publication: Publication, done: Callable[[], None] | None, number: int) -> None:
        """It survives us from now on: it may leave."""
        line.last = number
        if line.on_disk or line.size > line.room:
            line.on_disk += 1
            if done is not None:
                line.dones[number] = done
            self._fetch(line)
        else:
            self._enter(Entry(line, publication, done, number))
        if line is self._events:
            self._drop_old_events()

    def _enter(self, entry: Entry) -> None:
        entry.age = next(self._numbers)
        if entry.number is not None:
            entry.line.fetched = entry.number
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

    def _fetch(self, line: Line) -> None:
        """Gets the next page from the journal, once there is room for it."""
        if line.on_disk and not line.fetching and line.size - line.on_disk <= line.room - PAGE:
            line.fetching = True
            self._journal.kept(line.types, line.fetched, PAGE, partial(self._fetch_done, line))

    def _fetch_done(self, line: Line, page: list[tuple[int, Publication]]) -> None:
        line.fetching = False
        for number, publication in page:
            if number > line.last:  # committed a moment ago: its turn to be counted has not come
                break
            line.on_disk -= 1
            self._enter(Entry(line, publication, line.dones.pop(number, None), number))
        if line is self._events:
            self._drop_old_events()
        self._fetch(line)

    def _drop_old_events(self) -> None:
        """Keeps the newest EVENTS; what is at the broker already, or not in memory yet, is not looked at."""
        line = self._events
        if line.size <= EVENTS + DROPPED:
            return
        here = [entry for entry in (*self._waiting, *(late[2] for late in self._later)) if entry.line is line]
        old = set(sorted(here, key=lambda entry: entry.age)[: line.size - EVENTS])
        left = [entry for entry in self._waiting if entry not in old]
        self._waiting.clear()
        self._waiting.extend(left)
        self._later = [late for late in self._later if late[2] not in old]
        heapq.heapify(self._later)
        for entry in old:
            self._leave(entry)
        if old:
            self._on_dropped(len(old))

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
        self._leave(entry)
        for queue in publication.reply_to:
            self._broker.copy(queue, publication)
        if order := publication.order:
            chain = self._chains[order]
            if chain:
                self._waiting.append(chain.popleft())
            else:
                del self._chains[order]
        if self._full and self._results.size < ROOM:
            self._full = False
            self._on_full(False)
        if entry.done is not None:
            entry.done()

    def _leave(self, entry: Entry) -> None:
        """It need not be kept any more."""
        line = entry.line
        if entry.number is not None:
            self._journal.published(entry.number)
        line.size -= 1
        if line.on_disk:
            self._fetch(line)
        if not len(self):
            self._empty.set()

    def _retry(self, entry: Entry, answer: Confirm) -> None:
        loop = asyncio.get_running_loop()
        delay = min(FIRST_RETRY * 2 ** min(entry.tries, DOUBLED), LAST_RETRY)
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
        """What the broker did not confirm goes first again, in its order; the acks would mean nothing any more."""
        self._waiting.extendleft(reversed(self._unconfirmed.values()))
        self._unconfirmed.clear()
        for line in self._lines.values():
            line.dones.clear()

    async def flushed(self, timeout: float) -> bool:
        """Waits until everything has reached the broker; False if `timeout` seconds were not enough."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return True
