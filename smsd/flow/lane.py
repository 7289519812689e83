"""One provider's lane: whose turn, is there room, is it allowed yet; then intent, token, octets.

The order of the last steps is what makes rule 2 and rule 5 of design.md hold: a part is written only after its intent
is safe, its token is taken in the moment of writing, and counts from the moment at which its octets are out.

Delays are the loop's time, so that a clock of the world that is set changes none of them; `send_after` and `expires_at`
are the world's, which is looked at again and again.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from typing import Protocol

from smsd.core.life import UNANSWERED, UNWRITTEN, facts_of, facts_of_whole
from smsd.core.message import IN_FLIGHT, WAITING, Ending, Message, Part
from smsd.core.pacer import Pacer
from smsd.core.refusals import Refusals
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
"""Seconds between two looks at the world's clock: whose `send_after` has come, who has expired."""

UNFLUSHED = 0.003
"""Seconds that octets may wait for others to be written with them: less than the pacer's guard."""

CAMPAIGNS_MAX = 10_000
"""Campaigns whose messages are counted: those that were heard of last."""


def world_clock() -> float:
    """Seconds since 1970, by a clock that may be set."""
    return time.time()


class SubmitLink(Protocol):
    """The bind that takes submit_sm."""

    def room(self) -> int: ...
    @property
    def submits(self) -> bool: ...
    @property
    def writable(self) -> bool: ...
    @property
    def window_used(self) -> int: ...
    @property
    def host(self) -> str:
        """HOST:PORT."""

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
        wall: Callable[[], float] = world_clock,
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
        """Loop time before which nothing is sent: the provider is out of credit, or answers nobody."""
        self.trial = False
        """Whether one segment goes at a time, until one is answered: many in a row were not."""
        self.refusals = Refusals()
        self.postpone: Callable[[Message, float], None] = self._postpone
        """What becomes of a message whose recipient is refused: it waits so many seconds."""
        self.wall = wall
        """Seconds since 1970."""
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
        """Messages handed over by campaign, in this process; the one heard of last at the end."""
        self._timed: set[Message] = set()
        """Messages that may end while they wait here: they expire, or are too long in doubt."""
        self._swept_at = 0.0
        self._unflushed_since: float | None = None
        self._waking = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # --- messages come

    def add(self, message: Message, *, first: bool = False) -> None:
        """A message to hand over once its time has come, unless it has to wait at the broker."""
        if self._let_go(message):
            return
        now, wall = self._loop.time(), self.wall()
        if message.doubted_at is not None and message.doubted_since is None:
            message.doubted_since = now - max(0.0, wall - message.doubted_at)
        if message.request.expires_at is not None or message.doubted_at is not None:
            self._timed.add(message)
        if message.waits(now, wall):
            self.turns.add_later(message, now)
        else:
            self.turns.add(message, first=first)
        self.wake()

    def come_back(self, message: Message) -> None:
        """It rested elsewhere: its delay goes on by our clock."""
        message.come_back(self._loop.time(), self.wall(), max(self.provider.retries.delays))

    def _postpone(self, message: Message, delay: float) -> None:
        message.put_off(delay, self._loop.time(), self.wall())
        self.add(message)

    def wake(self) -> None:
        """Looks at the lane within this turn of the loop."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._pump)

    def take_out(self, priorities: Collection[int] = EVERY_PRIORITY, *, begun: bool = True) -> list[Message]:
        """Everything of these priorities that waits and has no part on its way.

        Without `begun` those stay of which the provider has some segment: the rest of them follows.
        """
        ready, self._ready = self._ready, deque()
        for message, part in ready:
            if message.priority in priorities and (begun or not message.begun):
                self._attempt(message, self._take_back, message, part)
            else:
                self._ready.append((message, part))
        self._timed = {message for message in self._timed if message.priority not in priorities}
        taken = self.turns.clear(priorities)
        if begun:
            return taken
        for message in taken:
            if message.begun:
                self.add(message)
        return [message for message in taken if not message.begun]

    def waiting(self) -> list[Message]:
        return self.turns.all()

    # --- messages go

    def _pump(self) -> None:
        self._waking = False
        now, wall = self._loop.time(), self.wall()
        self._attempt(None, self._turn, now, wall)
        self._attempt(None, self._arm, now, wall)

    def _turn(self, now: float, wall: float) -> None:
        for message in self.turns.due(now, wall):
            self.turns.add(message, first=message is self.refusals.probe)
        if self._timed and now >= self._swept_at + SWEEP:
            self._swept_at = now
            self._sweep(now, wall)
        link = self.link
        if link is not None and not self._stands_still(now):
            self._write_ready(now)
            self._intend(link, now, wall)
            self._flush()

    def _stands_still(self, now: float) -> bool:
        broker = self._broker
        return self.stopping or broker.blocked or not broker.connected or now < self.resting_until

    def _places(self, link: SubmitLink) -> int:
        """How many parts may be on their way to the wire."""
        if self.trial:
            return 0 if link.window_used else min(1, link.room())
        return link.room()

    def _rests(self, message: Message) -> bool:
        """Whether it waits while the provider is paused, or quiet; what was begun goes on."""
        return (self.paused or message.priority in self.quiet) and not message.begun

    def _intend(self, link: SubmitLink, now: float, wall: float) -> None:
        """Gives parts to the journal: as many as soon fit into the window and may go within LEAD."""
        pacer, turns = self.pacer, self.turns
        unlimited = pacer.rate is None
        ahead = 0 if self.trial else self.provider.window // AHEAD
        while link.submits and self._places(link) + ahead > self._intended and link.writable:
            if not unlimited and pacer.due(now, behind=self._promised) > now + LEAD:
                return
            message = turns.next(now, wall)
            if message is None:
                return
            if message.request.expires_at is not None and wall >= message.request.expires_at:
                self._attempt(message, self._end, message, _expired(message))
            elif self._doubted_too_long(message, now):
                self._attempt(message, self._give_up, message)
            elif self._rests(message):
                turns.leave(message)
                self._attempt(message, self._let_go, message)
            elif len(self.refusals) and (wait := self.refusals.wait(message.recipient, now)):
                turns.leave(message)
                self._attempt(message, self.postpone, message, wait)
            else:
                self._attempt(message, self._begin, message, message.todo.pop(0))

    def _begin(self, message: Message, part: Part) -> None:
        assert self.link is not None
        part.host = self.link.host
        self._journal.intend(message, part, self._now_safe)
        part.status = IN_FLIGHT
        message.in_flight += 1
        self._intended += 1
        self._promised += part.cost

    def _now_safe(self, message: Message, part: Part) -> None:
        now = self._loop.time()
        if self._unflushed_since is not None and now > self._unflushed_since + UNFLUSHED:
            self._attempt(None, self._flush)
        self.wake()  # somebody has to write the octets, and to fill the window
        if self._ready or not self._may_write(message, part, now):
            self._ready.append((message, part))
            self._arm(now, self.wall())
        else:
            self._write(message, part, now)

    def _write_ready(self, now: float) -> None:
        while self._ready and self._may_write(*self._ready[0], now):
            message, part = self._ready.popleft()
            self._attempt(message, self._write, message, part, now)

    def _may_write(self, message: Message, part: Part, now: float) -> bool:
        """Whether it is decided what becomes of an intended part now: its token is there, or it is not written."""
        if self._is_stale(message, now):
            return True
        assert self.link is not None
        return self._places(self.link) > 0 and self.pacer.due(now, part.cost) <= now

    def _is_stale(self, message: Message, now: float) -> bool:
        """Whether the facts have changed since its turn."""
        link = self.link
        ended = message.ending is not None or self._rests(message) or _has_expired(message, self.wall())
        return link is None or not link.submits or ended or self._stands_still(now)

    def _write(self, message: Message, part: Part, now: float) -> None:
        """Writes a part whose token is there, or takes it back. It counts as written before anything can fail."""
        if self._is_stale(message, now):
            self._take_back(message, part)
            return
        assert self.link is not None
        self.pacer.take(now, part.cost)
        self._intended -= 1
        self._promised -= part.cost
        part.attempts += 1
        part.written = True
        part.host = self.link.host
        if message.host is None:
            message.host = part.host
        if self._unflushed_since is None:
            self._unflushed_since = now
        self.link.submit(part.body, message, part, now)
        if part.attempts == 1:
            self._first_attempt(message, part)

    def _flush(self) -> None:
        """Writes the octets, from when on the provider counts them."""
        self._unflushed_since = None
        if self.link is not None:
            self.link.flush()
        self.pacer.written(self._loop.time())

    def _first_attempt(self, message: Message, part: Part) -> None:
        if part.n == 1:
            if message.request.campaign:
                self._count(message.request.campaign)
            since = max(message.received_at, message.send_after)
            self._meter.submitted(message.provider, message.priority, self.wall() - since)

    def _count(self, campaign: str) -> None:
        self.campaigns[campaign] = self.campaigns.pop(campaign, 0) + 1
        if len(self.campaigns) > CAMPAIGNS_MAX:
            del self.campaigns[next(iter(self.campaigns))]

    def _take_back(self, message: Message, part: Part) -> None:
        """An intended part that was never written waits again, before all others."""
        self._intended -= 1
        self._promised -= part.cost
        message.in_flight -= 1
        part.written = False
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
        self._unflushed_since = None
        ready, self._ready = self._ready, deque()
        for message, part in reversed(ready):
            self._attempt(message, self._take_back, message, part)

    # --- time

    def _arm(self, now: float, wall: float) -> None:
        """Wakes the lane when the next token, due time or expiry comes."""
        moments = []
        if self.link is not None and not self._stands_still(now):
            if self._ready and self._places(self.link):
                moments.append(self.pacer.due(now, self._ready[0][1].cost))
            elif self.turns.waiting_now() and self._places(self.link) > self._intended:
                moments.append(self.pacer.due(now, behind=self._promised) - LEAD)
        elif self.resting_until > now:
            moments.append(self.resting_until)
        if (due := self.turns.next_due()) is not None:
            moments.append(due)
        if (date := self.turns.next_date()) is not None:
            moments.append(now + min(date - wall, SWEEP))
        if self._timed:
            moments.append(now + SWEEP)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if moments:
            self._timer = self._loop.call_at(max(min(moments), now + 0.001), self.wake)

    def _sweep(self, now: float, wall: float) -> None:
        for message in tuple(self._timed):
            if message.ending or message.status or message.held:
                self._timed.discard(message)
            elif message.todo and _has_expired(message, wall):
                self._attempt(message, self._end, message, _expired(message))
            elif message.todo and self._doubted_too_long(message, now):
                self._attempt(message, self._give_up, message)

    def _doubted_too_long(self, message: Message, now: float) -> bool:
        """Whether retries.max_age has passed since a segment was first in doubt, with a bind or without one."""
        since = message.doubted_since
        return since is not None and now >= since + self.provider.retries.max_age

    def _give_up(self, message: Message) -> None:
        """It is not sent again after all."""
        self._timed.discard(message)
        detail = f"in doubt, and not sent again within retries.max_age ({self.provider.retries.max_age:g} s)"
        for part in [part for part in message.todo if part.resent]:
            message.doubt(part, "no-response", detail)
            self._journal.note(message, UNANSWERED, part, **facts_of(part), **facts_of_whole(message), detail=detail)
        self.conclude(message)

    # --- messages end without being handed over

    def _end(self, message: Message, ending: Ending) -> None:
        message.end(ending)
        self.conclude(message)

    def conclude(self, message: Message) -> bool:
        """Reports the message if nothing of it is on its way any more."""
        ending = message.conclusion()
        if ending is None:
            return False
        self._timed.discard(message)
        self._reporter.report(message, ending)
        return True

    def expire(self, message: Message) -> None:
        """Ends a message that rested until its time had passed."""
        self._end(message, _expired(message))

    def cancel(self, message: Message) -> bool:
        """Ends a waiting message; False if all of it is on its way already."""
        if not message.todo or message.ending is not None:
            return False
        self._end(message, Ending("cancelled", "cancelled", "it, or its campaign, was cancelled before it was sent"))
        return True


def _has_expired(message: Message, wall: float) -> bool:
    expires_at = message.request.expires_at
    return expires_at is not None and wall >= expires_at


def _expired(message: Message) -> Ending:
    return Ending(
        "expired", "expired", "expires_at passed before it was handed to the provider", smpp_status=message.last_status
    )
