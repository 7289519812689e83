"""Whether a provider's connection is open, since when and why: what the CRM shows, and the events that tell it."""

import asyncio
import time

from smsd.core.smpp import status as smpp_status
from smsd.core.verdict import BindVerdict, explain_bind
from smsd.flow.events import Events
from smsd.flow.ports import Meter
from smsd.settings.model import Host

UNBIND_RECEIVED = "the provider sent unbind"


class ConnectionState:
    """One provider's, over all the binds that it has had. `since` is in seconds since 1970."""

    def __init__(self, name: str, events: Events, meter: Meter) -> None:
        self.since = time.time()
        self.host: str | None = None
        self.detail = "not connected yet"
        self._name = name
        self._events = events
        self._meter = meter
        self._loop = asyncio.get_running_loop()
        self._bound_before = 0.0
        self._bound_at: float | None = None
        self._unbound_at = self._loop.time()
        events.states[name] = "closed"

    @property
    def state(self) -> str:
        """`open` or `closed`."""
        return self._events.states[self._name]

    def clock(self) -> float:
        """Seconds that the provider has been bound in all: what retries.max_age counts."""
        return self._bound_before + (self._loop.time() - self._bound_at if self._bound_at is not None else 0.0)

    def open_within(self, seconds: float) -> bool:
        """Whether it is open, was so a moment ago, or is about to be."""
        return self._bound_at is not None or self._loop.time() < self._unbound_at + seconds

    def about_to_bind(self) -> None:
        """Somebody begins to connect, the first time or after a rest."""
        self._unbound_at = self._loop.time()

    def connecting(self, kind: str, host: Host) -> None:
        self._events.emit("connecting", self._name, detail=f"{kind} to {host.where}", host=host.host)

    def bound(self, kind: str, host: Host, system_id: str, all_of: list[str] | None) -> None:
        """A bind of this kind is open; `all_of` are the kinds of all binds, if all of them are."""
        self._meter.bind_attempt(self._name, "bound")
        if all_of is not None:
            self.host = host.where
            self._bound_at = self._loop.time()
            names = " and ".join(all_of)
            self._turn("open", f"connection open ({names} at {self.host}, SMSC {system_id or 'unnamed'})")
            detail = self.detail
        else:
            detail = f"{kind} bound at {host.where}, the other bind is not open yet"
        self._events.emit("bound", self._name, detail=detail, host=host.host)

    def refused(self, host: Host, kind: BindVerdict, status: int | None, wait: float) -> None:
        self._meter.bind_attempt(self._name, str(kind))
        self._turn("closed", f"connection closed: {explain_bind(status)}{_again(wait)}")
        named = {"smpp_status": smpp_status.as_json(status)} if status is not None else {}
        self._events.emit(str(kind), self._name, detail=self.detail, host=host.host, **named)

    def unreachable(self, host: Host, reason: str, wait: float) -> None:
        self._meter.bind_attempt(self._name, "unreachable")
        self._turn("closed", f"connection closed: {reason}{_again(wait)}")
        self._events.emit("lost", self._name, detail=self.detail, host=host.host)

    def closed(self, host: Host, reason: str, asked: bool, wait: float) -> None:
        """A bind that was open is not any more; `asked`: by our own wish."""
        if self._bound_at is not None:
            self._bound_before = self.clock()
            self._bound_at = None
            self._unbound_at = self._loop.time()
        self._turn("closed", f"connection closed: {reason}{_again(wait)}")
        event = "unbound" if asked or reason == UNBIND_RECEIVED else "lost"
        self._events.emit(event, self._name, detail=self.detail, host=host.host)

    def _turn(self, state: str, detail: str) -> None:
        if self.state != state:
            self.since = time.time()
        self._events.states[self._name] = state
        self.detail = detail


def _again(wait: float) -> str:
    return f"; next try in {round(wait, 1):g} s" if wait else ""
