"""One provider's lane: whose turn, is there room, is it allowed yet; then intent, token, octets.

The order of the last steps is what makes rule 2 and rule 5 of design.md hold: a part is written only after its intent
is safe, and its token is taken in the moment of writing.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from typing import Protocol

from smsd.core.life import UNWRITTEN
from smsd.core.message import IN_FLIGHT, WAITING, Ending, Message, Part
from smsd.core.pacer import Pacer
from smsd.core.turns import EVERY_PRIORITY, Turns
from smsd.flow.ports import Broker, Journal, Meter
from smsd.flow.report import Reporter
from smsd.settings.model import Provider

LEAD = 0.003
"""Seconds before its token is due that a part's intent is given to the journal, about one commit's time. More would
let a bulk segment that is already intended pass before a code that arrives meanwhile."""

AHEAD = 8
"""One in so many places of the window: as many parts are given to the journal before there is room for them, so that
the window does not stand idle for the time of a commit. More would report more as uncertain after a crash."""

SWEEP = 0.5
"""Seconds between two looks for waiting messages that have expired."""


class SubmitLink(Protocol):
    """The bind that takes submit_sm."""

    def room(self) -> int: ...
    @property
    def submits(self) -> bool: ...
    @property
    def writable(self) -> bool: ...
    def submit(self, body: bytes, message: Message, part: Part, now: float) -> None: ...
    def flush(self) -> None: ...


class Lane:
    """Hands over one provider's messages. `link` is None while no bind is open."""

    def __init__(
        self,
        provider: Provider,
        pacer: Pacer,
        journal: Journal,
        broker: Broker,
        reporter: Reporter,
        meter: Meter,
        attempt: Callable[..., None],
        let_go: Callable[[Message], bool],
    ) -> None:
        self.provider = provider
        self.pacer = pacer
        self.turns = Turns()
        self.link: SubmitLink | None = None
        self.paused = False
        self.quiet: frozenset[int] = frozenset()
        """Priorities that wait at the broker for now."""
        self.stopping = False
        self.resting_until = 0.0
        """Loop time before which nothing is sent: the provider is out of credit."""
        self._journal = journal
        self._broker = broker
        self._reporter = reporter
        self._meter = meter
        self._attempt = attempt
        """Does what may fail for one message, so that the others go on (rule 7)."""
        self._let_go = let_go
        """Whether a message may not wait here any more; then it rests at the broker from now on."""
        self._ready: deque[tuple[Message, Part]] = deque()
        """Intents that are safe and wait for their token."""
        self._intended = 0
        """Parts between their turn and the wire: those given to the journal and those in `_ready`."""
        self._promised = 0
        """Tokens that they will take."""
        self.campaigns: Counter[str] = Counter()
        """Messages handed over by campaign, in this process."""
        self._expiring: set[Message] = set()
        self._swept_at = 0.0
        self._waking = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # --- messages come

    def add(self, message: Message, *, first: bool = False) -> None:
        """A message to hand over from `message.due` on, unless it has to wait at the broker."""
        if self._let_go(message):
            return
        if message.request.expires_at is not None:
            self._expiring.add(message)
        if message.due > time.time():
            self.turns.add_later(message)
        else:
            self.turns.add(message, first=first)
        self.wake()

    def wake(self) -> None:
        """Looks at the lane within this turn of the loop."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._pump)

    def take_out(self, priorities: Collection[int] = EVERY_PRIORITY) -> list[Message]:
        """Everything of these priorities that waits and has no part on its way."""
        ready, self._ready = self._ready, deque()
        for message, part in ready:
            if message.priority in priorities:
                self._take_back(message, part)
            else:
                self._ready.append((message, part))
        self._expiring = {message for message in self._expiring if message.priority not in priorities}
        return self.turns.clear(priorities)

    def waiting(self) -> list[Message]:
        return self.turns.all()

    # --- messages go

    def _pump(self) -> None:
        self._waking = False
        now, wall = self._loop.time(), time.time()
        for message in self.turns.due(wall):
            self.turns.add(message)
        if self._expiring and now >= self._swept_at + SWEEP:
            self._swept_at = now
            self._expire(wall)
        link = self.link
        if link is not None and not self._stands_still(now):
            self._write_ready(now)
            self._intend(link, now, wall)
            link.flush()
        self._arm(now, wall)

    def _stands_still(self, now: float) -> bool:
        broker = self._broker
        return self.paused or self.stopping or broker.blocked or not broker.connected or now < self.resting_until

    def _intend(self, link: SubmitLink, now: float, wall: float) -> None:
        """Gives parts to the journal: as many as soon fit into the window and may go within LEAD."""
        pacer, turns = self.pacer, self.turns
        unlimited = pacer.rate is None
        ahead = self.provider.window // AHEAD
        while link.submits and link.room() + ahead > self._intended and link.writable:
            if not unlimited and pacer.due(now, behind=self._promised) > now + LEAD:
                return
            message = turns.next(wall)
            if message is None:
                return
            if message.request.expires_at is not None and wall >= message.request.expires_at:
                self._end(message, _expired(message))
                continue
            self._attempt(message, self._begin, message, message.todo.pop(0))

    def _begin(self, message: Message, part: Part) -> None:
        self._journal.intend(message, part, self._now_safe)
        part.status = IN_FLIGHT
        message.in_flight += 1
        self._intended += 1
        self._promised += part.cost

    def _now_safe(self, message: Message, part: Part) -> None:
        now = self._loop.time()
        if self._ready or not self._write(message, part, now):
            self._ready.append((message, part))
            self._arm(now, time.time())
        self.wake()  # somebody has to write the octets, and to fill the window

    def _write_ready(self, now: float) -> None:
        while self._ready and self._write(*self._ready[0], now):
            self._ready.popleft()

    def _write(self, message: Message, part: Part, now: float) -> bool:
        """Writes the part if its token is there; takes it back if the facts have changed since its turn."""
        link = self.link
        stale = message.ending is not None or message.priority in self.quiet or _has_expired(message, time.time())
        if link is None or not link.submits or stale or self._stands_still(now):
            self._take_back(message, part)
            return True
        if not link.room():
            return False
        if self.pacer.due(now, part.cost) > now:
            return False
        self.pacer.take(now, part.cost)
        self._intended -= 1
        self._promised -= part.cost
        part.attempts += 1
        link.submit(part.body, message, part, now)
        if part.attempts == 1:
            self._first_attempt(message, part)
        return True

    def _first_attempt(self, message: Message, part: Part) -> None:
        if part.n == 1:
            if message.request.campaign:
                self.campaigns[message.request.campaign] += 1
            begun = max(message.received_at, message.request.send_after or 0.0)
            self._meter.submitted(message.provider, message.priority, time.time() - begun)

    def _take_back(self, message: Message, part: Part) -> None:
        """An intended part that was never written waits again, before all others."""
        self._intended -= 1
        self._promised -= part.cost
        message.in_flight -= 1
        if message.ending is not None:  # another segment has decided it meanwhile
            part.status = WAITING
            self._journal.note(message, UNWRITTEN, part)
            self.conclude(message)
            return
        message.wait_again(part)
        self._journal.note(message, UNWRITTEN, part)
        if not self._let_go(message):
            self.turns.add(message, first=True)

    def unbound(self) -> None:
        """The bind is gone: what was intended and not written waits again."""
        self.link = None
        for message, part in reversed(self._ready):
            self._take_back(message, part)
        self._ready.clear()

    # --- time

    def _arm(self, now: float, wall: float) -> None:
        """Wakes the lane when the next token, due time or expiry comes."""
        moments = []
        if self.link is not None and not self._stands_still(now):
            if self._ready and self.link.room():
                moments.append(self.pacer.due(now, self._ready[0][1].cost))
            elif self.turns.waiting_now() and self.link.room() > self._intended:
                moments.append(self.pacer.due(now, behind=self._promised) - LEAD)
        elif self.resting_until > now:
            moments.append(self.resting_until)
        if (due := self.turns.next_due()) is not None:
            moments.append(now + due - wall)
        if self._expiring:
            moments.append(now + SWEEP)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if moments:
            self._timer = self._loop.call_at(max(min(moments), now + 0.001), self.wake)

    def _expire(self, wall: float) -> None:
        for message in [m for m in self._expiring if m.ending or m.status or _has_expired(m, wall)]:
            self._expiring.discard(message)
            if message.todo and _has_expired(message, wall):
                self._end(message, _expired(message))

    # --- messages end without being handed over

    def _end(self, message: Message, ending: Ending) -> None:
        message.end(ending)
        self.conclude(message)

    def conclude(self, message: Message) -> bool:
        """Reports the message if nothing of it is on its way any more."""
        ending = message.conclusion()
        if ending is None:
            return False
        self._expiring.discard(message)
        self._reporter.report(message, ending)
        return True

    def expire(self, message: Message) -> None:
        """Ends a message that rested until its time had passed."""
        self._end(message, _expired(message))

    def cancel(self, message: Message) -> bool:
        """Ends a waiting message; False if all of it is on its way already."""
        if not message.todo or message.ending is not None:
            return False
        self._end(message, Ending("cancelled", "cancelled", "its campaign was cancelled before it was sent"))
        return True


def _has_expired(message: Message, wall: float) -> bool:
    expires_at = message.request.expires_at
    return expires_at is not None and wall >= expires_at


def _expired(message: Message) -> Ending:
    return Ending(
        "expired", "expired", "expires_at passed before it was handed to the provider", smpp_status=message.last_status
    )
