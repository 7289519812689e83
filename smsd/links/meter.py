"""What is measured, in Prometheus' form: the only module that knows prometheus_client.

Labels come from the settings (`provider`) and from closed lists, never from what a caller or a provider sends: a word
that is not in its list counts as `other`, a provider that is not in the settings as `unknown`. Every series exists
from the start, so that `rate()` sees its first increment.
"""

import math
import platform
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version as version_of
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import HistogramMetricFamily, Metric

from smsd.core.contract import PRIORITIES
from smsd.core.results import FINAL
from smsd.core.smpp.status import NAMES

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

UNKNOWN, OTHER, DAEMON = "unknown", "other", "smsd"

# Bounds lie where alerts do.
RESPONSE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
QUEUE_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
DELIVERY_SECONDS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
SAFE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

_STATS = (
    *("DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "ENROUTE", "SCHEDULED", "FAILED"),
    *("DELIVERED", "UNDELIVERABLE", "ACCEPTED", "REJECTED", "BUFFERED"),
    "unparsed",
)
_BIND_OUTCOMES = ("bound", "bind_rejected", "auth_failed", "already_bound", "unreachable")
_EVENTS = (
    *("connecting", *_BIND_OUTCOMES[:-1], "lost", "unbound", "throttled", "throttle_ended", "paused", "resumed"),
    *("lease_acquired", "lease_lost", "check_ok", "check_failed", "campaign_progress"),
    *("started", "stopping", "config_reloaded", "config_refused", "intake_stopped", "intake_resumed"),
)


class _Counts:
    """A counter for each provider and each word of a closed list.

    Counts are gathered in plain numbers and handed over when somebody looks: it is done several times per message.
    """

    def __init__(self, registry: CollectorRegistry, name: str, help: str, label: str = "", words: Iterable[str] = ()):
        self._label = label
        self._words = (*words, OTHER) if label else ("",)
        self._counter = Counter(name, help, ["provider", label] if label else ["provider"], registry=registry)
        self._gathered: dict[tuple[str, str], int] = {}
        self._handed: Counts[tuple[str, str]] = Counts()

    def add(self, provider: str) -> None:
        for word in self._words:
            self._gathered[provider, word] = 0
            self._counter.labels(*self._values(provider, word))

    def remove(self, provider: str) -> None:
        for word in self._words:
            del self._gathered[provider, word], self._handed[provider, word]
            self._counter.remove(*self._values(provider, word))

    def _values(self, provider: str, word: str) -> tuple[str, ...]:
        return (provider, word) if self._label else (provider,)

    def count(self, provider: str, word: str = "") -> None:
        gathered = self._gathered
        try:
            gathered[provider, word] += 1
        except KeyError:
            known_word = word if word in self._words else OTHER
            known = (provider, known_word) if (provider, known_word) in gathered else (UNKNOWN, known_word)
            gathered[known] += 1

    def hand_over(self) -> None:
        for (provider, word), number in self._gathered.items():
            if number:
                self._counter.labels(*self._values(provider, word)).inc(number)
                self._handed[provider, word] += number
                self._gathered[provider, word] = 0

    def total(self, provider: str, word: str) -> int:
        return self._gathered[provider, word] + self._handed[provider, word]


class _Seconds:
    """A histogram for each provider, counted here and told to prometheus_client when somebody looks."""

    def __init__(self, registry: CollectorRegistry, name: str, help: str, buckets: tuple[float, ...]):
        self._name, self._help, self._buckets = name, help, buckets
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def add(self, provider: str) -> None:
        self._counts[provider] = [0] * (len(self._buckets) + 1)
        self._sums[provider] = 0.0

    def remove(self, provider: str) -> None:
        del self._counts[provider], self._sums[provider]

    def counts(self, provider: str) -> list[int]:
        """Observations of each bucket, the last being what is beyond all bounds."""
        return self._counts[provider]

    def observe(self, provider: str, seconds: float) -> None:
        if provider not in self._counts:
            provider = UNKNOWN
        # A clock that was set back must not take anything from a sum.
        seconds = max(seconds, 0.0)
        self._counts[provider][bisect_left(self._buckets, seconds)] += 1
        self._sums[provider] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._help, labels=["provider"])
        bounds = [*(repr(float(bound)) for bound in self._buckets), "+Inf"]
        for provider, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([provider], buckets, self._sums[provider])
        yield family


class _Level:
    """A gauge for each provider, absent while there is nothing to tell. `first` is its value before it is set."""

    def __init__(self, registry: CollectorRegistry, name: str, help: str, first: float | None = None):
        self._gauge = Gauge(name, help, ["provider"], registry=registry)
        self._first = first
        self._shown: set[str] = set()

    def add(self, provider: str) -> None:
        self.set(provider, self._first)

    def set(self, provider: str, value: float | None) -> None:
        if value is None:
            self.remove(provider)
        else:
            self._shown.add(provider)
            self._gauge.labels(provider).set(value)

    def remove(self, provider: str) -> None:
        if provider in self._shown:
            self._shown.remove(provider)
            self._gauge.remove(provider)


class PrometheusMeter:
    """Satisfies the flow's `Meter`; app sets the gauges just before a scrape.

    Each has a registry of its own. `providers` are the names of the settings, `version` is smsd's.
    """

    def __init__(self, providers: Iterable[str], *, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._providers: set[str] = set()
        self._make_counters(self._registry)
        self._make_histograms(self._registry)
        self._make_gauges(self._registry)
        self._make_daemon_metrics(self._registry, version)
        self._families = [one for one in vars(self).values() if isinstance(one, _Counts | _Seconds | _Level)]
        for family in self._families:
            if not isinstance(family, _Level):
                family.add(UNKNOWN)
        self._events.add(DAEMON)
        self.set_providers(providers)

    def _make_counters(self, registry: CollectorRegistry) -> None:
        def counts(name: str, help: str, label: str = "", words: Iterable[str] = ()) -> _Counts:
            return _Counts(registry, name, help, label, words)

        self._requests = counts(
            "smsd_requests_total",
            "Requests taken from the work queues.",
            "outcome",
            ("accepted", "refused", "duplicate", "expired"),
        )
        self._segments = counts(
            "smsd_segments_submitted_total",
            "Segments handed to the provider, by what came back.",
            "outcome",
            ("accepted", "throttled", "refused", "timeout", "lost"),
        )
        self._submit_errors = counts(
            "smsd_submit_errors_total",
            "Segments that the provider refused, by the name of the SMPP command_status.",
            "status",
            (name for status, name in NAMES.items() if status),
        )
        self._results = counts("smsd_results_total", "Results published.", "status", sorted({*FINAL, "sent"}))
        self._receipts = counts("smsd_receipts_total", "Delivery receipts, by their stat word.", "state", _STATS)
        self._unmatched = counts("smsd_receipts_unmatched_total", "Delivery receipts that fit no message.")
        self._inbound = counts("smsd_inbound_messages_total", "Messages from handsets.")
        self._attempts = counts("smsd_bind_attempts_total", "Attempts to bind.", "outcome", _BIND_OUTCOMES)
        self._bad_pdus = counts("smsd_bad_pdus_total", "PDUs that could not be read.")
        self._events = counts("smsd_events_total", "Events published.", "event", _EVENTS)

    def _make_histograms(self, registry: CollectorRegistry) -> None:
        self._response = _Seconds(
            registry, "smsd_submit_response_seconds", "From a submit_sm to its answer.", RESPONSE_SECONDS
        )
        self._queued = _Seconds(
            registry,
            "smsd_request_to_submit_seconds",
            "From a request's arrival to its first submit_sm: queue and pacing.",
            QUEUE_SECONDS,
        )
        self._delivery = _Seconds(
            registry, "smsd_delivery_seconds", "From the first accepted segment to the final receipt.", DELIVERY_SECONDS
        )

    def _make_gauges(self, registry: CollectorRegistry) -> None:
        def level(name: str, help: str, first: float | None = None) -> _Level:
            return _Level(registry, name, help, first)

        self._bind_up = level("smsd_bind_up", "Whether the connection to the provider is open.", 0)
        self._bind_since = level("smsd_bind_since_timestamp_seconds", "When that connection last opened or closed.")
        self._window_used = level("smsd_window_used", "Unanswered submit_sm.")
        self._window_limit = level("smsd_window_limit", "Unanswered submit_sm at most.")
        self._rate = level("smsd_rate_limit_segments_per_second", "Effective limit, after throttling; +Inf for none.")
        self._rate_configured = level(
            "smsd_rate_limit_configured_segments_per_second", "The setting max_rate; +Inf for none."
        )
        self._oldest = level(
            "smsd_lane_oldest_message_timestamp_seconds",
            "When the oldest waiting message arrived; none while none waits.",
        )
        self._uncertain = level("smsd_messages_uncertain", "Messages that the provider may have or not.", 0)
        self._waiting = Gauge(
            "smsd_lane_waiting_messages", "Messages waiting in memory.", ["provider", "priority"], registry=registry
        )

    def _make_daemon_metrics(self, registry: CollectorRegistry, version: str) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        facts = {"version": version, "python": platform.python_version()}
        facts |= {package: version_of(package) for package in ("smpplib", "pika")}
        Info("smsd_build", "Versions of smsd and of what it stands on.", registry=registry).info(facts)

        def gauge(name: str, help: str) -> Gauge:
            return Gauge(name, help, registry=registry)

        def seconds(name: str, help: str) -> Histogram:
            return Histogram(name, help, registry=registry, buckets=SAFE_SECONDS)

        self._config_ok = gauge("smsd_config_last_reload_successful", "Whether the last (re)load of the settings was.")
        self._config_at = gauge(
            "smsd_config_last_reload_success_timestamp_seconds", "When settings were last loaded successfully."
        )
        self._broker_up = gauge("smsd_broker_up", "Whether the broker is connected.")
        self._broker_blocked = gauge("smsd_broker_blocked", "Whether the broker takes no publishes for now.")
        self._outbox = gauge("smsd_outbox_waiting", "Publications that the broker has not confirmed.")
        self._loop_lag = gauge("smsd_loop_lag_seconds", "How late the event loop is.")
        self._confirm = seconds("smsd_broker_publish_confirm_seconds", "From a publish to its confirm.")
        self._journal_bytes = gauge("smsd_journal_bytes", "Size of the journal.")
        self._journal_records = Counter("smsd_journal_records_total", "Records committed.", registry=registry)
        self._journal_errors = Counter("smsd_journal_errors_total", "Commits that failed.", registry=registry)
        self._fsync = seconds("smsd_journal_fsync_seconds", "Duration of a commit.")

    def set_providers(self, providers: Iterable[str]) -> None:
        """Makes the series of new providers and drops those of providers that are gone."""
        wanted = set(providers)
        for provider in wanted - self._providers:
            for family in self._families:
                family.add(provider)
            for priority in PRIORITIES:
                self._waiting.labels(provider, priority).set(0)
        for provider in self._providers - wanted:
            for family in self._families:
                family.remove(provider)
            for priority in PRIORITIES:
                self._waiting.remove(provider, priority)
        self._providers = wanted

    # --- what the flow counts

    def request(self, provider: str, outcome: str) -> None:
        self._requests.count(provider, outcome)

    def submitted(self, provider: str, seconds_waited: float) -> None:
        self._queued.observe(provider, seconds_waited)

    def answered(self, provider: str, outcome: str, seconds: float) -> None:
        self._segments.count(provider, outcome)
        self._response.observe(provider, seconds)

    def submit_error(self, provider: str, status: str) -> None:
        self._submit_errors.count(provider, status)

    def segment(self, provider: str, outcome: str) -> None:
        self._segments.count(provider, outcome)

    def result(self, provider: str, status: str) -> None:
        self._results.count(provider, status)

    def receipt(self, provider: str, state: str) -> None:
        self._receipts.count(provider, state)

    def delivered_after(self, provider: str, seconds: float) -> None:
        self._delivery.observe(provider, seconds)

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

    # --- what the links count

    def publish_confirmed(self, seconds: float) -> None:
        self._confirm.observe(seconds)

    def journal_committed(self, records: int, seconds: float) -> None:
        self._journal_records.inc(records)
        self._fsync.observe(seconds)

    def journal_failed(self) -> None:
        self._journal_errors.inc()

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
        if name not in self._providers:
            return
        self._bind_up.set(name, bind_up)
        self._bind_since.set(name, since)
        self._window_used.set(name, window_used)
        self._window_limit.set(name, window_limit)
        self._rate.set(name, math.inf if rate is None else rate)
        self._rate_configured.set(name, math.inf if rate_configured is None else rate_configured)
        self._oldest.set(name, oldest)
        for priority in PRIORITIES:
            self._waiting.labels(name, priority).set(waiting.get(priority, 0))

    def observe_daemon(
        self,
        *,
        broker_up: bool,
        broker_blocked: bool,
        outbox_waiting: int,
        loop_lag: float,
        config_ok: bool,
        config_at: float,
        uncertain: Mapping[str, int],
        journal_bytes: int = 0,
    ) -> None:
        """The daemon itself. `uncertain` counts messages by provider, `config_at` is in seconds since 1970."""
        self._broker_up.set(broker_up)
        self._broker_blocked.set(broker_blocked)
        self._outbox.set(outbox_waiting)
        self._loop_lag.set(loop_lag)
        self._config_ok.set(config_ok)
        self._config_at.set(config_at)
        self._journal_bytes.set(journal_bytes)
        for provider in self._providers:
            self._uncertain.set(provider, uncertain.get(provider, 0))

    def render(self) -> bytes:
        """Everything, as `CONTENT_TYPE` says it."""
        for family in self._families:
            if isinstance(family, _Counts):
                family.hand_over()
        return generate_latest(self._registry)
