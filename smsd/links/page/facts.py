"""What the page tells, as app hands it over, and how times and numbers are written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smsd.core.failures import Failure
from smsd.core.hour import Point

FAILED = ("rejected", "failed", "expired", "undelivered")
"""Statuses of results that count as failed; what is uncertain or unconfirmed is neither this nor that."""


@dataclass(frozen=True, slots=True)
class Warnings:
    """Events of one kind at one provider that an operator should look at; `provider` is empty for smsd's own."""

    provider: str
    event: str
    count: int
    at: str
    """Of the last one, RFC 3339."""
    detail: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment. Times without a zone are seconds since 1970."""

    at: float
    status: Mapping[str, Any]
    """/status."""
    titles: Mapping[str, str]
    """Of the providers, for people."""
    hosts: Mapping[str, str]
    """Where they will be tried first; /status knows only where they are bound."""
    troubles: Sequence[str]
    """What is wrong with the daemon as a whole, a sentence each."""
    notes: Sequence[str]
    """What else is worth knowing of it."""
    rates: Mapping[str, float]
    """Segments accepted per second just now."""
    today: Mapping[str, Mapping[str, int]]
    """Results since midnight, by provider and status."""
    hour: Sequence[Point]
    failures: Sequence[Failure]
    warnings: Sequence[Warnings]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is shown of a provider beyond its row: the connection log, the latest first, and its hour."""

    events: Sequence[Mapping[str, Any]]
    hour: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the reader has chosen."""

    opened: Mapping[str, Opened] = field(default_factory=dict)
    sought: str = ""
    """Only providers whose name, title or host has this in it."""
    all: bool = False
    """However many providers there are."""


def moment(at: str | float | None, now: float) -> str:
    """A time in the daemon's zone; the date only when it is not today's."""
    if at is None:
        return "–"
    told = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at).astimezone()
    local = told.astimezone()
    today = local.date() == datetime.fromtimestamp(now).date()
    return local.strftime("%H:%M:%S" if today else "%b %d %H:%M")


def zone(now: float) -> tuple[str, int]:
    """The daemon's zone at that moment: its name, and the seconds that it is ahead of UTC."""
    local = datetime.fromtimestamp(now).astimezone()
    offset = local.utcoffset()
    assert offset is not None
    return local.tzname() or "local time", round(offset.total_seconds())


def number(value: float) -> str:
    """A count or a rate with three digits that matter, its thousands apart."""
    if abs(value) >= 100 or value == int(value):
        return f"{round(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def seconds(value: float) -> str:
    """A span: 45 ms, 1.2 s."""
    if math.isnan(value):
        return "–"
    return f"{round(value * 1000)} ms" if value < 0.9995 else f"{value:.3g} s"
