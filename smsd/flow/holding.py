"""Everything that one provider needs while this daemon holds it: lane, binds, receipts, and when to consume.

Consuming follows from facts: a bind is open (or was a moment ago), nobody paused the provider, the outbox has room, and
for each priority that these are not its quiet hours.
"""

import asyncio
import math
from collections.abc import Callable, Collection
from typing import Any

import structlog

from smsd.core.address import tail
from smsd.core.binding import kinds
from smsd.core.ceiling import AnswerTimes, ceiling
from smsd.core.compose import Composed, Composer
from smsd.core.contract import PRIORITIES, SendRequest, timestamp
from smsd.core.message import Message, Part
from smsd.core.pacer import Pacer
from smsd.core.publication import Publication
from smsd.core.quiet import Quiet
from smsd.core.smpp.codec import Pdu
from smsd.core.smpp.events import Answered
from smsd.core.standing import at_rest
from smsd.core.turns import EVERY_PRIORITY, Turns
from smsd.core.verdict import BindVerdict
from smsd.flow.bind import Bind
from smsd.flow.connection import ConnectionState
from smsd.flow.early import Early
from smsd.flow.events import Events
from smsd.flow.hold import Holds
from smsd.flow.lane import Lane, world_clock
from smsd.flow.ports import Broker, Delivery, Dial, Journal, Meter
from smsd.flow.receipts import Receipts
from smsd.flow.report import Reporter
from smsd.flow.settle import Settler
from smsd.flow.supervisor import Supervisor
from smsd.flow.wire import Wire
from smsd.settings.change import rebinds
from smsd.settings.model import Host, Provider

log = structlog.get_logger("smsd.bind")

GIVE_BACK_AFTER = 60.0
"""Seconds without a bind after which waiting messages go back to their queue; RabbitMQ closes the channel of a consumer
that keeps one for 30 minutes."""

UNACKED = 600.0
"""Seconds that a message may wait here unacked, whatever it waits for; then it goes back to its queue, well before
RabbitMQ's consumer_timeout of 30 minutes, and comes again at once or when its turn is near."""

UNREAD = 60.0
"""Seconds after which queues that are not read are looked through for messages that are over."""

LOOK_AGAIN, LOOK_SHARE = 300.0, 20
"""Seconds between two such looks, at least; and at most one part in so many of the time is spent with looking."""

FEW = 100
"""Messages that are fetched for a window as large as that, however slow the rate."""

PREFETCH = 500
"""Messages of each priority that keep the window full at any rate, unless the window itself is larger; more of them
would only go cold in our memory."""


class Holding:
    """One provider of this daemon. Satisfies the intake's Destination and the bind's Owner."""

    def __init__(
        self,
        provider: Provider,
        *,
        dial: Callable[[Provider], Dial],
        broker: Broker,
        journal: Journal,
        reporter: Reporter,
        events: Events,
        meter: Meter,
        publish: Callable[[Publication], None],
        prefix: str,
        outbox_full: Callable[[], bool],
        draw: Callable[[], float],
        supervisor: Supervisor,
        look: Callable[[Delivery], bool],
        early: Early,
        wall: Callable[[], float] = world_clock,
    ) -> None:
        self.provider = provider
        self.name = provider.name
        self.held = True
        """Whether its messages are ours to send; else they wait in their queues."""
        self._loop = asyncio.get_running_loop()
        self._broker = broker
        self._journal = journal
        self._events = events
        self.connection = ConnectionState(provider.name, events, meter)
        self._wall = wall
        self._holds = Holds(broker, journal, prefix, self.connection.clock, wall)
        self._meter = meter
        self._outbox_full = outbox_full
        self._dial = dial
        self._draw = draw
        self._supervisor = supervisor
        self._composer = Composer(provider, int(draw() * 65536))
        pacer = Pacer(provider.max_rate, self._loop.time())
        self.lane = Lane(provider, pacer, journal, broker, reporter, meter, supervisor.attempt, self._let_go, wall)
        group = _group(provider)
        self.receipts = Receipts(provider, group, journal, reporter, meter, publish, prefix, early, self._in_flight_to)
        self._settler = Settler(
            provider,
            self.lane,
            journal,
            reporter,
            self._holds,
            events,
            meter,
            self.connection.clock,
            self.receipts.settled,
            group,
        )
        self.binds = self._make_binds()
        self.bound_as: Provider | None = None
        """By whose connection data the binds live; None while there are none."""
        self._tasks: list[asyncio.Task[None]] = []
        self._quiet = _quiet(provider)
        self._consuming: frozenset[int] = frozenset()
        """Priorities whose queues are read."""
        self._prefetched = 0
        """How many of each are asked for in advance."""
        self._look = look
        self._answers = AnswerTimes()
        self._swept_at = self._loop.time()
        self._look_at = math.inf
        """Loop time at which the queues that are not read are looked through next."""
        self._looking = False
        self.wire: Wire | None = None
        self.channel_trouble: str | None = None
        """Why its queues are not read although we want it, while the broker is connected."""

    def __repr__(self) -> str:
        return f"<Holding {self.name}: {self.state}, {self.connection.detail}>"

    @property
    def state(self) -> str:
        """`open` or `closed`: what the CRM shows."""
        return self.connection.state

    @property
    def resend(self) -> bool:
        return self.provider.on_uncertain == "resend"

    # --- coming, changing, leaving

    def _make_binds(self) -> list[Bind]:
        provider, dial = self.provider, self._dial(self.provider)
        return [Bind(provider, kind, dial, self, self._draw, self._supervisor.attempt) for kind in kinds(provider)]

    def enter(self) -> None:
        """Binds, as its settings are now, and takes messages."""
        self.binds, self.bound_as = self._make_binds(), self.provider
        self.held = True
        self.lane.stopping = False
        self.connection.about_to_bind()
        names = [(f"bind {self.name} {bind.kind}", bind.run) for bind in self.binds]
        self._tasks = [asyncio.create_task(self._supervisor.keep(name, run), name=name) for name, run in names]
        self.update()

    def adopt(self, provider: Provider) -> None:
        """Works by these settings from now on, all but the connection data, which ask for other binds.

        What has been composed already, or filed to be found by a receipt, stays as it is.
        """
        before, self.provider = self.provider, provider
        group = _group(provider)
        self._composer.adopt(provider)
        self.receipts.adopt(provider, group)
        self._settler.adopt(provider, group)
        self._quiet = _quiet(provider)
        lane = self.lane
        lane.provider = provider
        if provider.max_rate != before.max_rate:
            slowed = lane.pacer.slowed
            lane.pacer.set_limit(provider.max_rate, self._loop.time())
            if slowed:
                self._events.emit("throttle_ended", self.name, detail="max_rate was changed: it counts in full")
        if self.bound_as is not None and not rebinds(self.bound_as, provider):
            for bind in self.binds:
                bind.adopt(provider, self._dial(provider))
        self.update()
        lane.wake()

    def release(self) -> None:
        """Its messages are not ours any more: those that wait return to their queues, which are not read."""
        self.held = False
        self.update()
        self.give_back()

    async def leave(self, why: str, deadline: float) -> None:
        """Submits nothing more, awaits the window until `deadline` (loop time), unbinds and waits for the answer."""
        self.lane.stopping = True
        for bind in self.binds:
            bind.finish()
        while self._loop.time() < deadline and any(bind.unanswered for bind in self.binds):
            await asyncio.sleep(0.02)
        await asyncio.gather(*(bind.stop(why) for bind in self.binds))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.bound_as = None

    # --- the intake's side

    def compose(self, request: SendRequest, reference: int | None) -> Composed:
        return self._composer.compose(request, reference)

    def take(self, message: Message) -> None:
        message.came_at = self._loop.time()
        self.lane.come_back(message)
        if not self._hold_on_arrival(message):
            self.lane.add(message)

    def cancel(self, message: Message) -> bool:
        return self.lane.cancel(message)

    def expire(self, message: Message) -> None:
        self.lane.expire(message)

    def _hold_on_arrival(self, message: Message) -> bool:
        return self._holds.hold(message, self.lane)

    def bound_clock(self) -> float:
        return self.connection.clock()

    # --- consuming

    def update(self) -> None:
        """Starts or stops consuming as the facts are now, of each priority."""
        recently = self.connection.open_within(GIVE_BACK_AFTER)
        lane = self.lane
        before, lane.quiet = lane.quiet, self._quiet.priorities(self._wall())
        safe = not self._journal.full and not self._outbox_full()
        reading = recently and self.held and not lane.paused and safe
        wanted = EVERY_PRIORITY - lane.quiet if reading else frozenset[int]()
        prefetch = self._prefetch() if wanted else 0
        if (wanted, prefetch) != (self._consuming, self._prefetched):
            self._consuming, self._prefetched = wanted, prefetch
            if wanted:
                self._broker.consume(self.name, prefetch, wanted)
            else:
                self._broker.stop_consuming(self.name)
            self._look_at = math.inf if wanted == EVERY_PRIORITY or not self.held else self._loop.time() + UNREAD
        if self.held and (not recently or lane.paused):
            self.give_back(begun=not recently)
        elif fell_quiet := lane.quiet - before:
            self.give_back(fell_quiet, begun=False)

    def _prefetch(self) -> int:
        """About two seconds' worth, or the window: nothing stays unacked for long, and the window stays full.

        A large window that the rate can't fill within the time that answers have is worth no messages in our memory.
        """
        rate, window = self.provider.max_rate, self.provider.window
        enough = max(2 * window, PREFETCH)
        if rate is None:
            return enough
        fills = min(window, max(FEW, math.ceil(rate * self.provider.submit_timeout)))
        return min(max(fills, round(2 * rate)), enough)

    def read_through(self, then: Callable[[bool], None]) -> None:
        """Has the requests looked at that wait at the broker; those that are over end. Tells whether it saw all."""
        self._broker.read_through(self.name, self._look, then)

    def _look_through(self, now: float) -> None:
        """Nobody reads some of its queues: who waits there for longer than its request wants is told so."""
        if now < self._look_at or self._looking or not self._broker.connected or self._journal.full:
            return

        def looked(_: bool) -> None:
            self._looking = False
            took = self._loop.time() - now
            if self._look_at != math.inf:
                self._look_at = self._loop.time() + max(LOOK_AGAIN, LOOK_SHARE * took)

        self._looking = True
        self.read_through(looked)

    def give_back(self, priorities: Collection[int] = EVERY_PRIORITY, *, begun: bool = True) -> None:
        """Waiting messages return to their queue; what is known of those already tried stays with us.

        Without `begun` those stay of which the provider has some segment: a pause does not leave half a message there.
        """
        for message in self.lane.take_out(priorities, begun=begun):
            self._rest_at_broker(message)

    def _give_back_old(self, now: float) -> None:
        """What has waited here for long, for credit or for its turn, must not be unacked any longer."""
        old = [each for each in self.lane.waiting() if now - each.came_at > UNACKED and not each.in_flight]
        for message in old:
            self.lane.turns.remove(message)
            self._rest_at_broker(message)

    def _let_go(self, message: Message) -> bool:
        """A message comes to the lane, or back to it: while paused or quiet, or no longer held, it waits in its queue,
        and what the broker is about to deliver again, perhaps to another node, is not ours until then."""
        away = bool(message.deliveries) and all(delivery.stale for delivery in message.deliveries)
        rests = not self.held or ((self.lane.paused or message.priority in self.lane.quiet) and not message.begun)
        if not (rests or away or not self._broker.connected):
            return False
        self._rest_at_broker(message)
        return True

    def _rest_at_broker(self, message: Message) -> None:
        deliveries, message.deliveries = message.deliveries, []
        if message.place is None:
            self._journal.put_back(message)
        else:
            message.held = True
        for delivery in deliveries:
            delivery.give_back()

    def broker_lost(self) -> None:
        """All deliveries will come again; another node may get them. Nothing waiting is ours any more."""
        for message in self.lane.take_out():
            self._rest_at_broker(message)
        self._holds.broker_lost()
        self.channel_trouble = None  # with the next connection all channels are opened anew

    def channel_lost(self, why: str) -> None:
        """The broker closed the channel that its messages came by: they will come again, to us or to others."""
        if self.channel_trouble is None:
            self._events.emit("check_failed", self.name, detail=f"its queues are not read: {why}")
        self.channel_trouble = why
        for message in self.lane.take_out():
            self.lane.add(message)  # which lets go those whose deliveries are stale

    def channel_back(self) -> None:
        if self.channel_trouble is not None:
            self.channel_trouble = None
            self._events.emit("check_ok", self.name, detail="its queues are read again")

    def broker_up(self) -> None:
        self.lane.wake()

    def sweep(self) -> None:
        """Called about twice a second."""
        now = self._loop.time()
        self.update()
        if now >= self._swept_at + UNACKED / 10:
            self._swept_at = now
            self._give_back_old(now)
        self._look_through(now)
        self.receipts.sweep()
        pacer = self.lane.pacer
        if pacer.slowed and pacer.recover(self._loop.time()):
            self._events.emit("throttle_ended", self.name, detail="the full rate is back")
        self.lane.wake()

    # --- operators' side

    def watch(self, on: bool) -> None:
        """Whether every PDU is told, to the log and to the journal."""
        self.wire = self.receipts.wire = Wire(self.name, self._journal) if on else None

    def pause(self, detail: str) -> None:
        if not self.lane.paused:
            self.lane.paused = True
            self._journal.stand(self.name, "paused", "", True)
            self._events.emit("paused", self.name, detail=detail)
            self.update()

    def resume(self, detail: str) -> None:
        if self.lane.paused:
            self.lane.paused = False
            self._journal.stand(self.name, "paused", "", False)
            self._events.emit("resumed", self.name, detail=detail)
            self.update()
            self.lane.wake()

    def status(self) -> dict[str, Any]:
        """The provider's part of /status."""
        now = self._wall()
        quiet, until = self._quiet.sentence(now), self._quiet.until(now)
        connection, pacer = self.connection, self.lane.pacer
        trouble = f"its queues are not read: {self.channel_trouble}" if self.channel_trouble else ""
        return at_rest(self.provider, "; ".join(filter(None, (connection.detail, quiet, trouble)))) | {
            "state": self.state,
            "since": timestamp(connection.since),
            "host": connection.host,
            "rate_now": pacer.rate,
            "window_used": sum(bind.window_used for bind in self.binds),
            "waiting": self.lane.turns.waiting(),
            "paused": self.lane.paused,
            "quiet_until": None if until is None else timestamp(until),
            "ceiling": ceiling(
                closed=self.state != "open",
                paused=self.lane.paused,
                quiet=quiet if len(self._quiet.priorities(now)) == len(PRIORITIES) else None,
                rate=pacer.rate,
                max_rate=self.provider.max_rate,
                slowed=pacer.slowed,
                window=self.provider.window,
                answer=self._answers.median(),
            ),
        }

    @property
    def turns(self) -> Turns:
        return self.lane.turns

    # --- what the binds say

    def connecting(self, bind: Bind, host: Host) -> None:
        self.connection.connecting(bind.kind, host)

    def bound(self, bind: Bind, host: Host, system_id: str) -> None:
        if bind.kind != "receiver":
            self.lane.link = bind
        all_of = [other.kind for other in self.binds] if all(other.open for other in self.binds) else None
        self.connection.bound(bind.kind, host, system_id, all_of)
        self.update()
        self.lane.wake()

    def refused(self, host: Host, kind: BindVerdict, status: int | None, wait: float) -> None:
        self.connection.refused(host, kind, status, wait)

    def unreachable(self, host: Host, reason: str, wait: float) -> None:
        self.connection.unreachable(host, reason, wait)

    def closed(self, bind: Bind, host: Host, reason: str, asked: bool, wait: float) -> None:
        if bind.kind != "receiver":
            self.lane.unbound()
        self.connection.closed(host, reason, asked, wait)

    def answered(self, message: Message, part: Part, answer: Answered) -> bool:
        self._answers.add(answer.latency)
        return self._settler.answered(message, part, answer)

    def timed_out(self, message: Message, part: Part) -> str | None:
        self.receipts.given_up(message)
        return self._settler.timed_out(message, part)

    def lost(self, message: Message, part: Part, why: str, age: float) -> None:
        self.lane.link = None
        self._settler.lost(message, part, why, age)

    def arrived(self, pdu: Pdu, answer: Callable[[int], None]) -> None:
        self.receipts.arrived(pdu, answer)

    def noticed(self, sentence: str, octets_hex: str, malformed: bool) -> None:
        if malformed:
            self._meter.bad_pdu(self.name)
        log.warning("bad_pdu" if malformed else "pdu", provider=self.name, detail=sentence, pdu=octets_hex)

    def answers_done(self) -> None:
        self.lane.wake()

    def _in_flight_to(self, number: str) -> bool:
        """`number` is a tail: providers write numbers in national and international forms."""
        recipients = (message.recipient for bind in self.binds for message in bind.recipients())
        return any(recipient.endswith(number) and tail(recipient) == number for recipient in recipients)


def _group(provider: Provider) -> str:
    """Within which receipts are matched: the provider's own, unless it shares one."""
    return provider.receipt_group or f"={provider.name}"


def _quiet(provider: Provider) -> Quiet:
    hours = provider.quiet_hours
    return Quiet(hours, hours.zone if hours else None)
