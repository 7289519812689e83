"""Connection events and the daemon's own, as the contract wants them; each is also a line in the log."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from smsd.core.contract import EVENT_TYPE, dumps, result_id, timestamp
from smsd.core.publication import Publication
from smsd.flow.ports import Journal, Meter

log = structlog.get_logger("smsd.events")

WARNINGS = frozenset(
    {"bind_rejected", "auth_failed", "already_bound", "lost", "throttled", "check_failed", "config_refused",
     "intake_stopped", "lease_lost"}
)  # fmt: skip
"""Events that an operator should look at."""

UNRECORDED = 1_000
"""Lines of the connection log that wait for a journal in trouble, at most: the newest. The log has them all."""

SILENCE = 60.0
"""Seconds between two lines that say how many events were dropped."""


class Events:
    """Publishes events. `publish` is the outbox's add."""

    def __init__(
        self, publish: Callable[[Publication], None], journal: Journal, meter: Meter, prefix: str, node: str
    ) -> None:
        self._publish = publish
        self._journal = journal
        self._meter = meter
        self._prefix = prefix
        self._node = node
        self._count = 0
        self._unrecorded: deque[tuple[str, bytes]] = deque(maxlen=UNRECORDED)
        self._dropped = 0
        self._dropped_told_at = float("-inf")
        self.states: dict[str, str] = {}
        """`open` or `closed` by provider: what the CRM shows."""

    def emit(self, event: str, provider: str | None = None, detail: str = "", **more: Any) -> None:
        """One event; `provider` None means the daemon itself."""
        now = time.time()
        self._count += 1
        identity = result_id("event", self._node, event, provider, repr(now), str(self._count))
        body = {
            "event_id": identity,
            "event": event,
            "provider": provider,
            "state": self.states.get(provider, "closed") if provider else None,
            "at": timestamp(now),
            "node": self._node,
            "detail": detail,
            **more,
        }
        key = f"{provider or 'smsd'}.{event}"
        entry = Publication(f"{self._prefix}.events", key, dumps(body), identity, EVENT_TYPE)
        self._record(provider or "smsd", entry.body)
        self._publish(entry)
        self._meter.event(provider or "smsd", event)
        level = log.error if event == "config_refused" else log.warning if event in WARNINGS else log.info
        level(event, provider=provider, detail=detail, **more)

    def _record(self, provider: str, body: bytes) -> None:
        """A line of the connection log, as soon as the journal takes any."""
        self._unrecorded.append((provider, body))
        while self._unrecorded and self._journal.trouble is None and not self._journal.full:
            self._journal.record(*self._unrecorded.popleft())

    def dropped(self, number: int) -> None:
        """So many events gave way to newer ones, since nobody took them from the broker, or it was away."""
        self._meter.events_dropped(number)
        self._dropped += number
        now = time.monotonic()
        if now - self._dropped_told_at >= SILENCE:
            detail = f"{self._dropped} old events were dropped: nothing has taken them; bind a queue to the exchange"
            log.warning("events_dropped", exchange=f"{self._prefix}.events", detail=detail)
            self._dropped, self._dropped_told_at = 0, now
