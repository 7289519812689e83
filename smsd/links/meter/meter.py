"""What the daemon tells its metrics, and how they are read: the only module that knows prometheus_client.

Labels come from the settings (`provider`) and from closed lists, never from what a caller or a provider sends: a word
that is not in its list counts as `other`, a provider that is not in the settings as `unknown`. Every series exists
from the start, so that `rate()` sees its first increment.
"""

import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version as version_of

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from smsd.core.contract import PRIORITIES
from smsd.links.meter import table
from smsd.links.meter.families import Counts, Family, Levels, Seconds
from smsd.links.meter.table import About

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

UNKNOWN, DAEMON = "unknown", "smsd"


class PrometheusMeter:
    """Satisfies the flow's `Meter`; app sets the gauges just before a scrape.

    Each has a registry of its own. `providers` are the names of the settings, `version` is smsd's.
    """

    def __init__(self, providers: Iterable[str], *, version: str) -> None:
        self._registry = _registry(version)
        self._providers: set[str] = set()
        self._families: list[Family] = []
        self._count_providers()
        self._time_providers()
        self._look_at_providers()
        self._watch_daemon()
        self._of_providers = [family for family in self._families if not family.about.of_daemon]
        for family in self._of_providers:
            if not isinstance(family, Levels):
                family.add(UNKNOWN)
        self._events.add(DAEMON)
        self.set_providers(providers)

    def _count_providers(self) -> None:
        self._requests = self._counts(table.REQUESTS)
        self._segments = self._counts(table.SEGMENTS)
        self._submit_errors = self._counts(table.SUBMIT_ERRORS)
        self._results = self._counts(table.RESULTS)
        self._receipts_awaited = self._counts(table.RECEIPTS_AWAITED)
        self._receipts = self._counts(table.RECEIPTS)
        self._unmatched = self._counts(table.UNMATCHED)
        self._inbound = self._counts(table.INBOUND)
        self._attempts = self._counts(table.ATTEMPTS)
        self._bad_pdus = self._counts(table.BAD_PDUS)
        self._events = self._counts(table.EVENTS)

    def _time_providers(self) -> None:
        self._response = self._seconds(table.RESPONSE)
        self._queued = self._seconds(table.QUEUED)
        self._delivery = self._seconds(table.DELIVERY)

    def _look_at_providers(self) -> None:
        self._active = self._levels(table.ACTIVE)
        self._paused = self._levels(table.PAUSED)
        self._bind_up = self._levels(table.BIND_UP)
        self._bind_since = self._levels(table.BIND_SINCE, None)
        self._window_used = self._levels(table.WINDOW_USED)
        self._window_limit = self._levels(table.WINDOW_LIMIT, None)
        self._rate = self._levels(table.RATE, None)
        self._rate_configured = self._levels(table.RATE_CONFIGURED, None)
        self._waiting = self._levels(table.WAITING)
        self._oldest = self._levels(table.OLDEST, None)
        self._uncertain = self._levels(table.UNCERTAIN)

    def _watch_daemon(self) -> None:
        self._config_ok = self._levels(table.CONFIG_OK)
        self._config_at = self._levels(table.CONFIG_AT, None)
        self._intake_stopped = self._levels(table.INTAKE_STOPPED)
        self._dead_letters = self._counts(table.DEAD_LETTERS)
        self._broker_up = self._levels(table.BROKER_UP)
        self._broker_blocked = self._levels(table.BROKER_BLOCKED)
        self._confirm = self._seconds(table.CONFIRM)
        self._not_taken = self._counts(table.NOT_TAKEN)
        self._copies_dropped = self._counts(table.COPIES_DROPPED)
        self._events_dropped = self._counts(table.EVENTS_DROPPED)
        self._outbox = self._levels(table.OUTBOX)
        self._outbox_limit = self._levels(table.OUTBOX_LIMIT)
        self._journal_bytes = self._levels(table.JOURNAL_BYTES)
        self._journal_free = self._levels(table.JOURNAL_FREE)
        self._journal_records = self._counts(table.JOURNAL_RECORDS)
        self._journal_errors = self._counts(table.JOURNAL_ERRORS)
        self._fsync = self._seconds(table.FSYNC)
        self._loop_lag = self._levels(table.LOOP_LAG)

    def _counts(self, about: About) -> Counts:
        family = Counts(about, UNKNOWN)
        self._families.append(family)
        return family

    def _seconds(self, about: About) -> Seconds:
        family = Seconds(about, UNKNOWN)
        self._families.append(family)
        return family

    def _levels(self, about: About, first: float | None = 0) -> Levels:
        family = Levels(about, first)
        self._families.append(family)
        return family

    def set_providers(self, providers: Iterable[str]) -> None:
        """Makes the series of new providers and drops those of providers that are gone."""
        wanted = set(providers)
        for family in self._of_providers:
            for provider in wanted - self._providers:
                family.add(provider)
            for provider in self._providers - wanted:
                family.remove(provider)
        self._providers = wanted

    # --- what the flow counts

    def request(self, provider: str, outcome: str) -> None:
        self._requests.count(provider, outcome)

    def dead_letter(self, reason: str) -> None:
        self._dead_letters.count("", reason)

    def submitted(self, provider: str, priority: int, seconds_waited: float) -> None:
        self._queued.observe(seconds_waited, provider, PRIORITIES[priority])

    def answered(self, provider: str, outcome: str, seconds: float) -> None:
        self._segments.count(provider, outcome)
        self._response.observe(seconds, provider)

    def submit_error(self, provider: str, status: str) -> None:
        self._submit_errors.count(provider, status)

    def segment(self, provider: str, outcome: str) -> None:
        self._segments.count(provider, outcome)

    def result(self, provider: str, status: str) -> None:
        self._results.count(provider, status)

    def receipt_awaited(self, provider: str) -> None:
        self._receipts_awaited.count(provider)

    def receipt(self, provider: str, state: str) -> None:
        self._receipts.count(provider, state)

    def delivered_after(self, provider: str, seconds: float) -> None:
        self._delivery.observe(seconds, provider)

    def unmatched_receipt(self, provider: str) -> None:
        self._unmatched.count(provider)

    def inbound(self, provider: str) -> None:
        self._inbound.count(provider)

    def bind_attempt(self, provider: str, outcome: str) -> None:
        self._attempts.count(provider, outcome)

    def bad_pdu(self, provider: str) -> None:
        self._bad_pdus.count(provider)

    def event(self, provider: str, event: str) -> None:
        self._events.count(provider, event)

    def events_dropped(self, number: int) -> None:
        self._events_dropped.count("", more=number)

    # --- what the links count

    def publish_confirmed(self, seconds: float) -> None:
        self._confirm.observe(seconds)

    def publish_not_taken(self, reason: str) -> None:
        self._not_taken.count("", reason)

    def copy_dropped(self) -> None:
        self._copies_dropped.count("")

    def journal_committed(self, records: int, seconds: float) -> None:
        self._journal_records.count("", more=records)
        self._fsync.observe(seconds)

    def journal_failed(self) -> None:
        self._journal_errors.count("")

    # --- what the status page asks

    def answers(self) -> Iterator[tuple[str, int, list[int]]]:
        """Of each provider: segments accepted so far, and answers to submit_sm by bucket of RESPONSE_SECONDS."""
        for provider in self._providers:
            yield provider, self._segments.total(provider, "accepted"), self._response.counts(provider)

    # --- what is looked at just before a scrape

    def observe_provider(
        self,
        name: str,
        *,
        active: bool,
        paused: bool,
        bind_up: bool,
        since: float | None,
        window_used: int,
        window_limit: int,
        rate: float | None,
        rate_configured: float | None,
        waiting: Mapping[str, int],
        oldest: float | None,
    ) -> None:
        """One provider of the settings. Times are seconds since 1970, rates segments per second (None: no limit)."""
        self._active.set(active, name)
        self._paused.set(paused, name)
        self._bind_up.set(bind_up, name)
        self._bind_since.set(since, name)
        self._window_used.set(window_used, name)
        self._window_limit.set(window_limit, name)
        self._rate.set(math.inf if rate is None else rate, name)
        self._rate_configured.set(math.inf if rate_configured is None else rate_configured, name)
        self._oldest.set(oldest, name)
        for priority, number in waiting.items():
            self._waiting.set(number, name, priority)

    def observe_daemon(
        self,
        *,
        broker_up: bool,
        broker_blocked: bool,
        outbox_waiting: int,
        outbox_limit: int,
        outbox_full: bool,
        journal_trouble: bool,
        journal_bytes: int,
        journal_free: int,
        loop_lag: float,
        config_ok: bool,
        config_at: float,
        uncertain: Mapping[str, int],
    ) -> None:
        """The daemon itself. `uncertain` counts messages by provider, `config_at` is in seconds since 1970."""
        self._broker_up.set(broker_up)
        self._broker_blocked.set(broker_blocked)
        self._outbox.set(outbox_waiting)
        self._outbox_limit.set(outbox_limit)
        self._intake_stopped.set(outbox_full, word="outbox")
        self._intake_stopped.set(journal_trouble, word="journal")
        self._journal_bytes.set(journal_bytes)
        self._journal_free.set(journal_free)
        self._loop_lag.set(loop_lag)
        self._config_ok.set(config_ok)
        self._config_at.set(config_at)
        for provider in self._providers:
            self._uncertain.set(uncertain.get(provider, 0), provider)

    def render(self) -> bytes:
        """Everything, as `CONTENT_TYPE` says it."""
        ours = "\n".join(line for family in self._families for line in family.lines())
        return generate_latest(self._registry) + ours.encode() + b"\n"


def _registry(version: str) -> CollectorRegistry:
    """What is told of any Python process, and the versions."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    facts = {"version": version, "python": platform.python_version()}
    facts |= {package: version_of(package) for package in ("smpplib", "pika")}
    Info("smsd_build", "Versions of smsd and of what it stands on.", registry=registry).info(facts)
    return registry
