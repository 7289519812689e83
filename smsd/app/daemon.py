"""Which links serve which flow, in which order they start and stop."""

import asyncio
import gc
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import structlog

from smsd import __version__
from smsd.app.holdings import Holdings, topology_of
from smsd.app.pulse import Pulse
from smsd.app.reload import Reload
from smsd.app.view import View
from smsd.core.contract import timestamp
from smsd.core.errors import JournalDamaged, JournalHeld
from smsd.core.publication import Confirm
from smsd.flow.control import Control
from smsd.flow.early import Early
from smsd.flow.events import Events
from smsd.flow.holding import Holding
from smsd.flow.intake import Intake
from smsd.flow.moves import Moves
from smsd.flow.outbox import Entry, Outbox
from smsd.flow.ports import Delivery
from smsd.flow.recovery import recover
from smsd.flow.report import Reporter
from smsd.flow.returned import Returned
from smsd.flow.stopped import Stopped
from smsd.flow.supervisor import Supervisor
from smsd.links import systemd
from smsd.links.broker.client import tls_context
from smsd.links.broker.link import BrokerLink
from smsd.links.journal.commits import Commits
from smsd.links.journal.file import DiskTrouble, File
from smsd.links.journal.journal import SqliteJournal
from smsd.links.meter import PrometheusMeter
from smsd.links.smsc import Dialer
from smsd.links.web import Request, WebServer
from smsd.settings.model import Provider, Settings
from smsd.settings.rules import loopback

log = structlog.get_logger("smsd")

FLUSH_TIMEOUT = 10.0
"""Seconds that a stop waits for the last results' confirms; what is not confirmed stays in the request queues."""

UNUSABLE = (JournalHeld, JournalDamaged, DiskTrouble)
"""Why there is no journal to work with at the start."""

SWEEP = 0.5
"""Seconds between two looks at what only time changes."""


class Daemon:
    """smsd run."""

    def __init__(self, settings: Settings, file: File, config: str) -> None:
        self._settings = settings
        """Those of the start; what is in force since is in `_reload`."""
        self._loop = asyncio.get_running_loop()
        self._draw = random.Random().random
        self._stopping = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._paused: set[str] = set()
        """Providers that were paused in an earlier run."""
        node = settings.node or socket.gethostname()
        self.node = node
        prefix = settings.broker.prefix
        self._meter = PrometheusMeter(settings.providers, version=__version__)
        self._exit = 0
        commits = Commits(
            file,
            attempt=lambda *what: self._supervisor.attempt(*what),
            on_trouble=self._journal_trouble,
            on_damage=self._journal_damaged,
            on_commit=self._meter.journal_committed,
        )
        self._journal = SqliteJournal(file, commits)
        self._broker = self._make_broker(node)
        self._outbox = Outbox(
            self._broker,
            self._journal,
            self._outbox_full,
            self._undeliverable,
            on_dropped=lambda number: self._events.dropped(number),
        )
        self._events = Events(self._outbox.add_at_once, self._journal, self._meter, prefix, node)
        self._reporter = Reporter(self._outbox, self._journal, self._meter, prefix)
        self._early = Early()
        self._moves = Moves(self._broker, self._meter, prefix)
        self._supervisor = Supervisor(self._moves.bury)
        started_at = time.time()
        self._holdings = Holdings(
            settings,
            self._make_holding,
            self._broker,
            self._events,
            self._supervisor,
            mine=(timestamp(started_at), node),
        )
        self._view = View(
            settings,
            node,
            started_at,
            holdings=self._holdings,
            broker=self._broker,
            outbox=self._outbox,
            journal=self._journal,
            reporter=self._reporter,
            meter=self._meter,
        )
        self._stopped = Stopped(self._journal)
        self._control = Control(
            self._broker,
            self._journal,
            self._holdings,
            self._stopped,
            self._reporter,
            self._view.status,
            self._holdings.neighbours.holds,
        )
        self._intake = Intake(
            moves=self._moves,
            journal=self._journal,
            reporter=self._reporter,
            meter=self._meter,
            destinations=self._holdings,
            stopped=self._stopped,
            with_delivery=self._supervisor.with_delivery,
        )
        self._returned = Returned(
            moves=self._moves,
            journal=self._journal,
            reporter=self._reporter,
            meter=self._meter,
            known_providers=lambda: self._reload.settings.providers,
            with_delivery=self._supervisor.with_delivery,
        )
        self._wire_broker()
        self._web = WebServer(self._view.routes(), on_error=_web_failed)
        self._pulse = Pulse(self._view, self._journal)
        self._reload = Reload(
            config,
            settings,
            holdings=self._holdings,
            events=self._events,
            meter=self._meter,
            view=self._view,
            pulse=self._pulse,
            web=self._web,
            supervisor=self._supervisor,
        )

    # --- putting it together

    def _make_broker(self, node: str) -> BrokerLink:
        broker = self._settings.broker
        return BrokerLink(
            urls=broker.url,
            password=broker.password.reveal() if broker.password is not None else None,
            heartbeat=broker.heartbeat,
            tls=lambda: tls_context(broker.tls),
            name=f"smsd@{node}",
            app_id=f"smsd/{__version__}",
            prefix=broker.prefix,
            topology=topology_of(self._settings),
            declare=broker.declare,
            draw=self._draw,
        )

    def _wire_broker(self) -> None:
        broker, guard = self._broker, self._supervisor.guard
        broker.on_delivery = guard(self._intake.arrived)
        broker.on_returned = guard(self._returned.arrived)
        broker.on_control = guard(self._commanded)
        broker.on_up = self._broker_up
        broker.on_down = self._broker_down
        broker.on_blocked = self._broker_blocked
        broker.on_channel_lost = self._channel_lost
        broker.on_channel_back = self._channel_back
        broker.on_confirm = self._meter.publish_confirmed
        broker.on_copy_dropped = self._meter.copy_dropped

    def _make_holding(self, provider: Provider) -> Holding:
        holding = Holding(
            provider,
            dial=lambda provider: Dialer(provider.tls, provider.bind_timeout),
            broker=self._broker,
            journal=self._journal,
            reporter=self._reporter,
            events=self._events,
            meter=self._meter,
            publish=self._outbox.add,
            prefix=self._settings.broker.prefix,
            outbox_full=lambda: self._outbox.full,
            draw=self._draw,
            supervisor=self._supervisor,
            look=self._supervisor.look(self._intake.look),
            early=self._early,
        )
        holding.lane.paused = holding.name in self._paused
        return holding

    def _recover(self) -> None:
        """Takes up what an earlier run has left in the journal."""
        self._outbox.restore(self._journal.left)
        recover(self._journal.uncertain(), self._journal, self._reporter)
        standing = self._journal.standing()
        self._paused = {provider for provider, kind, _ in standing if kind == "paused"}
        self._stopped.restore(decided for decided in standing if decided[1] != "paused")
        for provider in self._journal.awaited():
            self._holdings.resting(provider)
        for number, at, provider, octets in self._journal.parked():
            self._holdings.resting(provider).receipts.restore(number, at, octets)

    # --- what the links say

    def _journal_trouble(self, why: str) -> None:
        if why:
            self._meter.journal_failed()
            self._events.emit("intake_stopped", detail=f"{why}; requests stay in RabbitMQ until it can be written")
        else:
            self._events.emit("intake_resumed", detail="the journal can be written again")
        for holding in self._holdings.values():
            holding.update()

    def _journal_damaged(self, why: str) -> None:
        """Nothing can be made safe any more: what is known only in memory is as good as lost already."""
        log.critical("journal", detail=why)
        self._exit = os.EX_SOFTWARE
        self._stop_now.set()
        self._stopping.set()

    def _commanded(self, delivery: Delivery) -> None:
        if not self._holdings.neighbours.takes(delivery):
            self._control.arrived(delivery)

    def _broker_up(self) -> None:
        log.info("broker", state=self._broker.state)
        self._outbox.pump()
        self._holdings.broker_up()

    def _broker_down(self, why: str) -> None:
        log.warning("broker", state=why)
        self._outbox.connection_lost()
        for holding in self._holdings.values():
            holding.broker_lost()

    def _channel_lost(self, name: str, why: str) -> None:
        log.warning("channel", of=name.strip("."), detail=f"{why}; opened again alone")
        if name in self._holdings:
            self._holdings[name].channel_lost(why)

    def _channel_back(self, name: str) -> None:
        log.info("channel", of=name.strip("."), detail="open again")
        if name in self._holdings:
            self._holdings[name].channel_back()

    def _broker_blocked(self, blocked: bool) -> None:
        detail = "the broker takes no publishes (short of memory or disk)" if blocked else "the broker takes publishes"
        log.warning("broker", state=detail)
        self._outbox.pump()
        for holding in self._holdings.values():
            holding.lane.wake()

    def _outbox_full(self, full: bool) -> None:
        detail = f"{self._outbox.results} results and receipts wait for the broker"
        self._events.emit("intake_stopped" if full else "intake_resumed", detail=detail)
        for holding in self._holdings.values():
            holding.update()

    def _undeliverable(self, entry: Entry, answer: Confirm) -> None:
        self._meter.publish_not_taken(answer.name.lower())
        if entry.tries == 1:
            where = f"{entry.publication.exchange} with key {entry.publication.key}"
            log.error("unroutable", detail=f"{where}: {answer.value}; kept and tried again")

    # --- the life of the daemon

    def _keep(self, name: str, begin: Callable[[], Any]) -> None:
        self._tasks.append(asyncio.create_task(self._supervisor.keep(name, begin), name=name))

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT; returns the exit code."""
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signal_, self._asked_to_stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload.ask)
        if self._settings.http.listen:
            try:
                port = await self._web.start(self._settings.http.listen)
            except OSError as error:
                why = f"can't listen on {self._settings.http.listen}: {os.strerror(error.errno or 0)}"
                log.critical("http", detail=f"{why}: stop what listens there, or set http.listen")
                return os.EX_TEMPFAIL
            listen = self._settings.http.listen
            reach = "this machine only" if loopback(listen) else "open to whoever reaches it"
            where = f"{listen.rpartition(':')[0]}:{port}, {reach}"
            log.info("listening", detail=f"/ (the status page) /metrics /livez /readyz /status on {where}")
        try:
            self._recover()
        except UNUSABLE as error:
            return _unusable(error)
        names = ", ".join(self._settings.providers) or "none"
        self._events.emit("started", detail=f"smsd {__version__}, providers: {names}")
        self._pulse.ready()
        self._keep("broker", self._broker.run)
        self._keep("sweep", self._sweep)
        await self._stopping.wait()
        await self._stop()
        return self._exit

    def _asked_to_stop(self) -> None:
        (self._stop_now if self._stopping.is_set() else self._stopping).set()

    async def _sweep(self) -> None:
        while True:
            before = self._loop.time()
            await asyncio.sleep(SWEEP)
            self._view.lag = max(0.0, self._loop.time() - before - SWEEP)
            self._view.page.sample()
            self._holdings.sweep()
            self._pulse.beat()

    async def _stop(self) -> None:
        """Stops in good order; a second signal stops without waiting for anybody."""
        self._reload.stop()
        systemd.stopping()
        self._events.emit("stopping", detail="asked to stop: waiting for the providers' answers")
        drain = asyncio.ensure_future(self._drain())
        now = asyncio.ensure_future(self._stop_now.wait())
        await asyncio.wait([drain, now], return_when=asyncio.FIRST_COMPLETED)
        for task in (drain, now, *self._tasks):
            task.cancel()
        await asyncio.wait([drain, now, *self._tasks], timeout=FLUSH_TIMEOUT)
        await self._journal.close(FLUSH_TIMEOUT)
        await self._web.stop()

    async def _drain(self) -> None:
        await self._holdings.stop(self._loop.time() + self._reload.settings.stop_timeout)
        if self._broker.connected:
            await self._outbox.flushed(FLUSH_TIMEOUT)
        log.info("stopped", unconfirmed=len(self._outbox))
        await self._broker.close()


def _web_failed(request: Request, error: Exception) -> None:
    log.error("web", path=request.path, error=repr(error))


def run(settings: Settings, config: str) -> int:
    """Runs the daemon in a loop of its own; `config` is the file that the settings come from."""
    # Messages are freed by their reference counts; the collector, at its own pace, would walk every waiting one for
    # each few hundred that come (a sixth of the CPU per message).
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        import uvloop  # optional
    except ImportError:
        return asyncio.run(_run(settings, config))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, config))


async def _run(settings: Settings, config: str) -> int:
    journal = settings.journal
    try:
        file = File(journal.path, journal.durability, journal.keep)
        try:
            daemon = Daemon(settings, file, config)
        except BaseException:
            file.close()
            raise
    except UNUSABLE as error:
        return _unusable(error)
    return await daemon.run()


def _unusable(error: Exception) -> int:
    """Says why the journal can't be used; returns the exit code."""
    log.critical("journal", detail=str(error))
    return os.EX_SOFTWARE if isinstance(error, JournalDamaged) else os.EX_TEMPFAIL
