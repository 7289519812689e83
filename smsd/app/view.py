"""What the daemon says of itself, to whoever asks: /status, /livez, /readyz, /metrics, and the page for people."""

import time
from collections.abc import Sequence
from typing import Any

from smsd import __version__
from smsd.app.holdings import Holdings
from smsd.app.page import Routes, StatusPage
from smsd.core.contract import timestamp
from smsd.core.standing import at_rest
from smsd.flow.outbox import FULL, Outbox
from smsd.flow.report import Reporter
from smsd.links.broker.link import BrokerLink
from smsd.links.journal.journal import SqliteJournal
from smsd.links.meter import CONTENT_TYPE, PrometheusMeter
from smsd.links.page.facts import moment
from smsd.links.web import Reply, Request
from smsd.settings.model import Settings

BLOCKED = "the broker takes no publishes: it is short of memory or disk"


class View:
    """Reads what the daemon's parts know; changes nothing but the gauges."""

    def __init__(
        self,
        settings: Settings,
        node: str,
        started_at: float,
        *,
        holdings: Holdings,
        broker: BrokerLink,
        outbox: Outbox,
        journal: SqliteJournal,
        reporter: Reporter,
        meter: PrometheusMeter,
    ) -> None:
        self.settings = settings
        self.lag = 0.0
        """Seconds by which the event loop was late when last looked at."""
        self.refused: str | None = None
        """The first problem of the file that the last reload refused, as long as no good one has come."""
        self.configured_at = time.time()
        """When the settings in force were read."""
        self._node = node
        self._started_at = started_at
        self._holdings = holdings
        self._broker = broker
        self._outbox = outbox
        self._journal = journal
        self._reporter = reporter
        self._meter = meter
        self.page = StatusPage(
            self._look,
            lambda: self.settings.providers,
            meter=meter,
            failures=reporter.failures,
            journal_path=settings.journal.path,
        )

    def routes(self) -> Routes:
        """By method and path."""
        return {
            ("GET", "/livez"): self._livez,
            ("GET", "/readyz"): self._readyz,
            ("GET", "/status"): self._status,
            ("GET", "/metrics"): self._metrics,
        } | self.page.routes()

    def status(self) -> dict[str, Any]:
        """/status."""
        return {
            "node": self._node,
            "version": __version__,
            "started_at": timestamp(self._started_at),
            "broker": self._broker_status(),
            "outbox": len(self._outbox),
            "providers": {name: self._provider(name) for name in self.settings.providers},
        }

    def _broker_status(self) -> dict[str, str]:
        broker = self._broker
        if broker.connected and broker.blocked:
            return {"state": "blocked", "detail": BLOCKED}
        return {"state": "connected" if broker.connected else "closed", "detail": broker.state}

    def _provider(self, name: str) -> dict[str, Any]:
        if (holding := self._holdings.get(name)) is not None:
            return holding.status() | {"holder": self._node if holding.bound_as is not None else None}
        provider = self.settings.providers[name]
        return at_rest(provider, self._holdings.why_not(name) if provider.active else "not active")

    def _look(self) -> tuple[dict[str, Any], Sequence[str], Sequence[str]]:
        """What the page shows of the daemon: /status, what is wrong, what else is so."""
        broker = self._broker
        troubles = []
        if not broker.connected:
            troubles.append(f"no broker, nothing is sent: {broker.state}")
        elif broker.blocked:
            troubles.append(f"nothing is sent: {BLOCKED}")
        if self._journal.trouble is not None:
            troubles.append(f"{self._journal.trouble}; nothing is taken until the journal can be written")
        if self.refused is not None:
            troubles.append(f"the last reload was refused, the settings from before are in force: {self.refused}")
        return self.status(), troubles, [f"settings read {moment(self.configured_at, time.time())}"]

    def line(self) -> str:
        """All of it in one line, for `systemctl status`."""
        active = sum(provider.active for provider in self.settings.providers.values())
        bound = sum(holding.state == "open" for holding in self._holdings.values())
        waiting = f"{sum(len(holding.turns) for holding in self._holdings.values()):,}".replace(",", " ")
        told = [f"{bound}/{active} providers bound, {waiting} waiting"]
        if not self._broker.connected:
            told.append(f"no broker: {self._broker.state}")
        elif self._broker.blocked:
            told.append(f"nothing is sent: {BLOCKED}")
        if self._journal.trouble is not None:
            told.append(f"intake stopped: {self._journal.trouble}")
        elif self._outbox.full:
            told.append(f"intake stopped: {self._outbox.results} results and receipts wait for the broker")
        if self.refused is not None:
            told.append(f"last reload refused: {self.refused}")
        return "; ".join(told)

    async def _livez(self, _: Request) -> Reply:
        return Reply.json({"ok": True})

    async def _readyz(self, _: Request) -> Reply:
        if self._journal.trouble is not None:
            return Reply.json({"ready": False, "detail": self._journal.trouble}, 503)
        if self._broker.connected:
            return Reply.json({"ready": True})
        return Reply.json({"ready": False, "detail": f"no broker: {self._broker.state}"}, 503)

    async def _status(self, _: Request) -> Reply:
        return Reply.json(self.status())

    async def _metrics(self, _: Request) -> Reply:
        self._measure()
        return Reply(200, self._meter.render(), CONTENT_TYPE)

    def _measure(self) -> None:
        """Brings the gauges up to date, just before they are read."""
        now = time.time()
        for name in self.settings.providers:
            status, holding = self._provider(name), self._holdings.get(name)
            self._meter.observe_provider(
                name,
                active=status["active"],
                paused=status["paused"],
                bind_up=status["state"] == "open",
                since=holding.connection.since if holding else self._started_at,
                window_used=status["window_used"],
                window_limit=status["window"],
                rate=status["rate_now"] if holding else status["max_rate"],
                rate_configured=status["max_rate"],
                waiting=status["waiting"],
                oldest=holding.turns.oldest(now) if holding else None,
            )
        self._meter.observe_daemon(
            broker_up=self._broker.connected,
            broker_blocked=self._broker.blocked,
            outbox_waiting=len(self._outbox),
            outbox_limit=FULL,
            outbox_full=self._outbox.full,
            journal_trouble=self._journal.trouble is not None,
            journal_bytes=self._journal.size(),
            journal_free=self._journal.room(),
            loop_lag=self.lag,
            config_ok=self.refused is None,
            config_at=self.configured_at,
            uncertain=self._reporter.uncertain,
        )
