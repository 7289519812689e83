"""The status page's routes, and what it takes to fill it: gathered when somebody looks, at most once a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from smsd.core.contract import timestamp
from smsd.core.errors import JournalDamaged
from smsd.core.failures import Failures
from smsd.core.hour import EVERY, TOTAL, Hour, Sample
from smsd.flow.events import WARNINGS
from smsd.links.journal.file import DiskTrouble, Reading
from smsd.links.journal.history import latest
from smsd.links.journal.tally import tally
from smsd.links.meter import RESPONSE_SECONDS, PrometheusMeter
from smsd.links.page.document import ASSETS, POLICY, document
from smsd.links.page.facts import Facts, Opened, Warnings, Wish
from smsd.links.web import Reply, Request
from smsd.settings.model import Provider

Routes = dict[tuple[str, str], Callable[[Request], Awaitable[Reply]]]

FRESH = 1.0
"""Seconds that what was gathered in memory is shown again, to however many readers."""

READ_EVERY = 3.0
"""Seconds between two looks into the journal; longer where a look takes long, for at most a twentieth of the time."""

EVENTS = 400
"""The latest events, in which the warnings are looked for."""

LOG = 20
"""Lines of a provider's connection log."""

OPENED = 10
"""Providers that one reader may have open."""

DAY = 86_400.0


class StatusPage:
    """`GET /`, and the files that belong to it. Read-only, for anybody who can reach the port.

    `look` gives /status with what is wrong and what else is worth saying, see Facts.
    """

    def __init__(
        self,
        look: Callable[[], tuple[dict[str, Any], Sequence[str], Sequence[str]]],
        providers: Callable[[], Mapping[str, Provider]],
        *,
        meter: PrometheusMeter,
        failures: Failures,
        journal_path: str,
    ) -> None:
        self._look = look
        self._providers = providers
        self._meter = meter
        self._failures = failures
        self._journal_path = journal_path
        self._hour = Hour(RESPONSE_SECONDS, time.monotonic())
        self._sampled_at = 0.0
        self._facts: Facts | None = None
        self._reading = asyncio.Lock()
        self._read_again_at = 0.0
        self._today: Mapping[str, Mapping[str, int]] = {}
        self._warnings: Sequence[Warnings] = ()
        self._unread: str | None = None
        """Why the journal can't be read."""

    def routes(self) -> Routes:
        """By method and path."""
        return {("GET", "/"): self._page, **{("GET", path): self._asset for path in ASSETS}}

    def sample(self) -> None:
        """Looks at the counters, if it is time to; called from the daemon's sweep, whether anybody reads or not."""
        now = time.monotonic()
        if now >= self._sampled_at + EVERY:
            self._sampled_at = now
            self._hour.take((Sample(*counters) for counters in self._meter.answers()), now, time.time())

    async def _asset(self, request: Request) -> Reply:
        octets, content_type = ASSETS[request.path]
        return Reply(200, octets, content_type)

    async def _page(self, request: Request) -> Reply:
        await self._read_journal()
        query = request.query
        asked = [name for name in query.get("open", "").split(",") if name in self._providers()][:OPENED]
        opened = await self._open(asked) if asked else {}
        wish = Wish(opened, query.get("q", "").strip(), "all" in query)
        body = document(self._gathered(), wish)
        return Reply(200, body, "text/html; charset=utf-8", {"Content-Security-Policy": POLICY})

    # --- what is in memory

    def _gathered(self) -> Facts:
        now = time.time()
        if self._facts is None or not self._facts.at <= now < self._facts.at + FRESH:
            status, troubles, notes = self._look()
            providers = self._providers()
            unread = [f"the journal can't be read: {self._unread}"] if self._unread else []
            self._facts = Facts(
                at=now,
                status=status,
                titles={name: provider.title or name for name, provider in providers.items()},
                hosts={name: one.hosts[0].where for name, one in providers.items()},
                troubles=[*troubles, *unread],
                notes=notes,
                rates={name: self._hour.rate(name) for name in status["providers"]},
                today=self._today,
                hour=self._hour.points(TOTAL),
                failures=list(self._failures.recent(now)),
                warnings=self._warnings,
            )
        return self._facts

    # --- what is in the journal: read in a thread, over a connection of its own

    async def _read_journal(self) -> None:
        async with self._reading:
            began = time.monotonic()
            if began < self._read_again_at:
                return
            try:
                self._today, self._warnings = await asyncio.to_thread(_read, self._journal_path, time.time())
                self._unread = None
            except (DiskTrouble, JournalDamaged) as error:
                self._unread = str(error)
            ended = time.monotonic()
            self._read_again_at = ended + max(READ_EVERY, 19 * (ended - began))

    async def _open(self, names: Iterable[str]) -> dict[str, Opened]:
        try:
            async with self._reading:
                logs = await asyncio.to_thread(_read_logs, self._journal_path, names)
        except (DiskTrouble, JournalDamaged):
            logs = {}  # _read_journal has said so
        return {name: Opened(logs.get(name, []), self._hour.points(name)) for name in names}


def _read(path: str, now: float) -> tuple[Mapping[str, Mapping[str, int]], Sequence[Warnings]]:
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    with closing(Reading(path)) as file:
        return tally(file, midnight), _warnings(latest(file, EVENTS), timestamp(now - DAY))


def _warnings(events: Iterable[Mapping[str, Any]], since: str) -> Sequence[Warnings]:
    """What an operator should look at, of each kind at each provider the last; `events` are the latest first."""
    kinds: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for event in events:
        if event["event"] in WARNINGS and event["at"] >= since:
            kinds.setdefault((event["provider"] or "", event["event"]), []).append(event)
    return [
        Warnings(provider, kind, len(alike), alike[0]["at"], alike[0]["detail"])
        for (provider, kind), alike in kinds.items()
    ]


def _read_logs(path: str, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Without `connecting`: what came of it follows, with the same host."""
    logs = {}
    with closing(Reading(path)) as file:
        for name in names:
            events = latest(file, 2 * LOG, name)
            logs[name] = [event for event in events if event["event"] != "connecting"][:LOG]
    return logs
