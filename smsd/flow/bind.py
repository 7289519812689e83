"""Keeps one bind open for ever: connect, bind, pump octets between socket and session, wait, again."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from smsd.core.backoff import Backoff
from smsd.core.binding import bind_fields, limits
from smsd.core.errors import LinkDown
from smsd.core.message import Message, Part
from smsd.core.smpp import status as smpp_status
from smsd.core.smpp.codec import Pdu
from smsd.core.smpp.events import (
    Answered,
    Arrived,
    BindRefused,
    Bound,
    Closed,
    Event,
    Malformed,
    Noticed,
    TimedOut,
)
from smsd.core.smpp.session import Session
from smsd.core.smpp.states import State
from smsd.core.verdict import BindVerdict, bind_verdict, explain
from smsd.flow.ports import Connection, Dial
from smsd.flow.wire import IN, OUT, Wire
from smsd.settings.model import Host, Provider

STABLE = 30.0
"""Seconds a bind must have lived before its loss is answered with the shortest wait again."""


class Owner(Protocol):
    """Who is told what becomes of a bind."""

    wire: Wire | None
    """Who is shown every PDU, if anybody is."""

    def connecting(self, bind: "Bind", host: Host) -> None: ...
    def bound(self, bind: "Bind", host: Host, system_id: str) -> None: ...
    def refused(self, host: Host, kind: BindVerdict, status: int | None, wait: float) -> None: ...
    def unreachable(self, host: Host, reason: str, wait: float) -> None: ...
    def closed(self, bind: "Bind", host: Host, reason: str, asked: bool, wait: float) -> None: ...
    def answered(self, message: Message, part: Part, answer: Answered) -> bool: ...
    def timed_out(self, message: Message, part: Part) -> str | None: ...
    def lost(self, message: Message, part: Part, why: str, age: float) -> None: ...
    def arrived(self, pdu: Pdu, answer: Callable[[int], None]) -> None: ...
    def noticed(self, sentence: str, octets_hex: str, malformed: bool) -> None: ...
    def answers_done(self) -> None: ...


class Bind:
    """One bind of a kind (transceiver, transmitter, receiver)."""

    def __init__(
        self,
        provider: Provider,
        kind: str,
        dial: Dial,
        owner: Owner,
        draw: Callable[[], float],
        attempt: Callable[..., None],
    ) -> None:
        self.provider = provider
        self.kind = kind
        self.open = False
        self._dial = dial
        self._owner = owner
        self._attempt = attempt
        """Tells the owner of one event, so that its failure does not cost the other events (rule 7)."""
        self._session: Session | None = None
        self._connection: Connection | None = None
        self._over: asyncio.Future[Closed] | None = None
        self._refusal: int | None = None
        self._was_refused = False
        self._bound_at: float | None = None
        self._where = ""
        self._last = False
        """Whether no other session follows this one."""
        self._asked = False
        """Whether the end of this session was our own wish."""
        self._leaving: str | None = None
        """Why nothing more is submitted on this session, which ends once its window is answered or given up."""
        self._in_order = False
        """Whether the peer has agreed to the end of this session: else its TCP may be silent."""
        self._taken: list[Event] = []
        """What the last octets meant, while the owner is being told."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(provider.reconnect.min, provider.reconnect.max, draw)

    # --- what the lane uses

    def room(self) -> int:
        return self._session.room() if self._session is not None and self._leaving is None else 0

    @property
    def submits(self) -> bool:
        """Whether it takes submit_sm at all, now or as soon as there is room."""
        return self._session is not None and self._leaving is None and self._session.state is State.BOUND

    @property
    def writable(self) -> bool:
        return self._connection is not None and self._connection.writable

    @property
    def window_used(self) -> int:
        return self._session.window_used if self._session is not None else 0

    @property
    def host(self) -> str:
        """HOST:PORT of this session."""
        return self._where

    def submit(self, body: bytes, message: Message, part: Part, now: float) -> None:
        assert self._session is not None
        frame = self._session.submit(body, (message, part), now)
        if self._owner.wire is not None:
            self._owner.wire.about(message, part, OUT, frame)

    def flush(self) -> None:
        """Writes what the session has to say."""
        session, connection = self._session, self._connection
        if session is None or connection is None:
            return
        if octets := session.data_to_send():
            connection.write(octets)
            if self._owner.wire is not None:
                self._owner.wire.sent(self.kind, octets)
            self._arm()

    # --- the life of the bind

    async def run(self) -> None:
        """Connects again and again; ends by cancellation, or after `finish` with this session."""
        turn = 0
        while not self._last:
            host = self.provider.hosts[turn % len(self.provider.hosts)]
            self._bound_at = None
            wait = await self._live(host)
            if self._bound_at is not None and self._loop.time() - self._bound_at > STABLE:
                self._backoff.reset()
                turn = 0  # the first host is the one the provider wants; the others are backups
            else:
                turn += 1
            if not self._last:
                await asyncio.sleep(wait)

    async def _live(self, host: Host) -> float:
        """One connection from dial to close. Returns how many seconds to wait before the next."""
        self._owner.connecting(self, host)
        self._over = self._loop.create_future()
        self._refusal, self._was_refused = None, False
        self._leaving = None
        self._in_order = False
        try:
            self._connection = await self._dial(host.host, host.port, self)
        except LinkDown as down:
            wait = self._backoff.delay()
            self._owner.unreachable(host, down.reason, wait)
            return wait
        if self._last:  # stopped while it dialled
            self._end_connection()
            return 0.0
        self._host, self._where = host, host.where
        self._session = Session(self.kind, bind_fields(self.provider), limits(self.provider))
        self._session.heard = self._heard
        self._session.connected(self._loop.time())
        self.flush()
        self._arm()
        try:
            closed = await self._over
        finally:
            self._end_connection()
        return self._ended(host, closed)

    def _ended(self, host: Host, closed: Closed) -> float:
        was_open, self.open = self.open, False
        kind = bind_verdict(self._refusal)
        if not self._was_refused:
            wait = 0.0 if self._last else self._backoff.delay()
            if was_open:
                self._owner.closed(self, host, self._leaving or closed.reason, self._asked, wait)
            else:
                self._owner.unreachable(host, self._leaving or closed.reason, wait)
            return wait
        reconnect = self.provider.reconnect
        waits = {BindVerdict.ALREADY_BOUND: reconnect.already_bound, BindVerdict.AUTH_FAILED: reconnect.auth_failed}
        wait = waits.get(kind) or self._backoff.delay()
        self._owner.refused(host, kind, self._refusal, wait)
        return wait

    def _end_connection(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._connection.close(in_order=self._in_order)
        self._connection = self._session = None

    def rebind(self, reason: str) -> None:
        """Ends this session in good order, so that the next one is opened after the usual wait.

        Its window is awaited: what the provider will still answer must not end as uncertain.
        """
        self._leaving = self._leaving or reason

    def _leave(self) -> None:
        session = self._session
        if session is not None and session.state is State.BOUND and not session.unanswered():
            session.unbind(self._loop.time())

    def adopt(self, provider: Provider, dial: Dial) -> None:
        """Works by these settings from now on; they have the same connection data."""
        self.provider, self._dial = provider, dial
        self._backoff.set_bounds(provider.reconnect.min, provider.reconnect.max)
        if self._session is not None:
            self._session.limits = limits(provider)
            self._arm()

    def finish(self) -> None:
        """No other session follows this one."""
        self._last = True

    async def stop(self, why: str = "") -> None:
        """Unbinds and waits for the answer (at most the session's own limit). `run` then ends."""
        self._last = self._asked = True
        self._leaving = self._leaving or why or None
        session, over = self._session, self._over
        if session is None or over is None or over.done():
            return
        if self.open:
            if session.state is State.BOUND:
                session.unbind(self._loop.time())
            self.flush()
            self._arm()
        else:
            self._take(session.disconnected("stopped", self._loop.time(), by_peer=False))
        await asyncio.wait([over], timeout=10)

    def recipients(self) -> Iterator[Message]:
        """The messages that wait for an answer, or whose answer came in the octets that are being taken right now."""
        if self._session is not None:
            for message, _ in self._session.waiting():
                yield message
        for event in self._taken:
            if isinstance(event, Answered):
                yield event.context[0]

    @property
    def unanswered(self) -> int:
        return self._session.unanswered() if self._session is not None else 0

    # --- what the connection says

    def received(self, chunk: bytes) -> None:
        if self._session is not None:
            self._take(self._session.receive_data(chunk, self._loop.time()))

    def _heard(self, frames: list[bytes]) -> None:
        if self._owner.wire is not None:
            self._owner.wire.received(self.kind, frames)

    def lost(self, reason: str) -> None:
        if self._session is not None:
            self._take(self._session.disconnected(reason, self._loop.time()))

    def resumed(self) -> None:
        """The socket takes octets again."""
        self._owner.answers_done()

    def _tick(self) -> None:
        self._timer = None
        if self._session is not None:
            self._attempt(None, self._look_at_the_clock, self._session)
            self._arm()

    def _look_at_the_clock(self, session: Session) -> None:
        self._take(session.tick(self._loop.time()))

    def _arm(self) -> None:
        """One timer per bind, for whatever is due first; a later deadline just makes the old one look in vain."""
        deadline = self._session.deadline() if self._session is not None else None
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(max(deadline, self._loop.time() + 0.001), self._tick)

    def _take(self, events: list[Event]) -> None:
        owner, attempt = self._owner, self._attempt
        session = self._session
        self._taken = events
        for event in events:
            if type(event) is Answered:
                attempt(event.context[0], self._answered, event)
            elif type(event) is TimedOut:
                attempt(event.context[0], self._timed_out, *event.context)
            elif type(event) is Closed:
                self._closed(event)
            else:
                attempt(None, self._take_rare, event)
        self._taken = []
        if self._leaving is not None:
            self._leave()
        attempt(None, self.flush)
        self._arm()
        if events and session is not None:
            owner.answers_done()

    def _answered(self, event: Answered) -> None:
        message, part = event.context
        if self._owner.wire is not None:
            self._owner.wire.about(message, part, IN, event.pdu.frame)
        if self._owner.answered(message, part, event):
            self.rebind(explain(event.status))

    def _timed_out(self, message: Message, part: Part) -> None:
        if (why := self._owner.timed_out(message, part)) is not None:
            self.rebind(why)

    def _closed(self, event: Closed) -> None:
        self._in_order = event.in_order
        self._attempt(None, self.flush)
        number = len(event.lost)
        for age, (message, part) in enumerate(reversed(event.lost)):
            self._attempt(message, self._owner.lost, message, part, event.reason, age / number)
        if self._over is not None and not self._over.done():
            self._over.set_result(event)

    def _take_rare(self, event: Event) -> None:
        owner = self._owner
        if isinstance(event, Arrived):
            session = self._session
            assert session is not None
            owner.arrived(event.pdu, lambda status: self._answer(session, event.pdu, status))
        elif isinstance(event, Bound):
            self.open = True
            self._bound_at = self._loop.time()
            owner.bound(self, self._host, event.system_id)
        elif isinstance(event, BindRefused):
            self._was_refused = event.status is not None
            self._refusal = event.status
        elif isinstance(event, Noticed):
            owner.noticed(event.sentence, f"{smpp_status.name(event.pdu.status)} seq {event.pdu.sequence}", False)
        elif isinstance(event, Malformed):
            owner.noticed(event.sentence, event.pdu_hex, True)

    def _answer(self, session: Session, pdu: Pdu, status: int) -> None:
        """Answers a deliver_sm on the session that it came by; on a new one its sequence would mean nothing."""
        if session is self._session:
            session.answer(pdu, status)
            self._loop.call_soon(self.flush)
