"""Connection events and the daemon's own, as the contract wants them; each is also a line in the log."""

import time
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
        self._journal.record(provider or "smsd", entry.body)
        self._publish(entry)
        self._meter.event(provider or "smsd", event)
        level = log.error if event == "config_refused" else log.warning if event in WARNINGS else log.info
        level(event, provider=provider, detail=detail, **more)
