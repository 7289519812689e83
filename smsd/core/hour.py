"""The last hour in slots of ten seconds: segments accepted, and how long the answers to submit_sm took.

Fed with counters that only grow, it keeps what they grew by. Times are seconds since 1970, spans those of a monotonic
clock.
"""

import math
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

EVERY = 2.0
"""Seconds between two samples."""

SLOT = 10.0
"""Seconds of one slot."""

SLOTS = 360

TOTAL = ""
"""Instead of a provider's name: all of them together."""

NOTHING = math.nan


class Sample(NamedTuple):
    """A provider's counters: its name, segments accepted, answers by bucket."""

    name: str
    accepted: int
    answers: Sequence[int]


class Point(NamedTuple):
    """One slot. NaN where there is nothing to tell."""

    at: float
    """Its end."""
    rate: float
    """Segments accepted per second."""
    p50: float
    """Seconds in which half of the answers came."""
    p95: float


class Hour:
    """`bounds` are the upper ends of the buckets, in seconds; what is beyond the last has a bucket of its own."""

    def __init__(self, bounds: Sequence[float], now: float) -> None:
        self._bounds = bounds
        self._before: dict[str, Sample] = {}
        """At the end of the last slot."""
        self._began = now
        self._ends: deque[float] = deque(maxlen=SLOTS)
        self._closed = 0
        """Slots so far."""
        self._series: dict[str, array[float]] = {}
        """Three numbers for each slot, of those that have been answered at all: most of a thousand have not."""
        self._recent: deque[tuple[float, dict[str, int]]] = deque(maxlen=round(SLOT / EVERY) + 1)

    def take(self, samples: Iterable[Sample], now: float, at: float) -> None:
        """One sample of everybody; `now` is the monotonic clock's, `at` the other's."""
        samples = list(samples)
        self._recent.append((now, {sample.name: sample.accepted for sample in samples}))
        if now >= self._began + SLOT:
            self._close_slot(samples, now - self._began, at)
            self._began = now

    def rate(self, name: str) -> float:
        """Segments accepted per second over the last ten seconds."""
        if len(self._recent) < 2:
            return 0.0
        (began, before), (ended, after) = self._recent[0], self._recent[-1]
        # A provider that was away for a while is counted anew.
        return max(0, after.get(name, 0) - before.get(name, 0)) / (ended - began)

    def points(self, name: str = TOTAL) -> list[Point]:
        """The hour, the oldest slot first; empty where nothing was ever answered."""
        series = self._series.get(name)
        if series is None:
            return []
        places = range(max(0, self._closed - SLOTS), self._closed)
        return [Point(at, *series[n % SLOTS * 3 : n % SLOTS * 3 + 3]) for at, n in zip(self._ends, places, strict=True)]

    def _close_slot(self, samples: list[Sample], span: float, at: float) -> None:
        accepted_in_all, answers_in_all = 0, [0] * (len(self._bounds) + 1)
        place = self._closed % SLOTS
        self._ends.append(at)
        self._closed += 1
        for name in self._series.keys() - {TOTAL} - {sample.name for sample in samples}:
            del self._series[name]
        for sample in samples:
            before = self._before.get(sample.name)
            if before is not None and before.accepted == sample.accepted and before.answers == sample.answers:
                if sample.name in self._series:
                    self._put(sample.name, place, 0.0, NOTHING, NOTHING)
                continue
            accepted, answers = _growth(before, sample)
            accepted_in_all += accepted
            answers_in_all = [a + b for a, b in zip(answers_in_all, answers, strict=True)]
            self._before[sample.name] = sample._replace(answers=list(sample.answers))
            if accepted or any(answers):
                self._put(sample.name, place, accepted / span, *self._latency(answers))
        self._put(TOTAL, place, accepted_in_all / span, *self._latency(answers_in_all))

    def _put(self, name: str, place: int, rate: float, p50: float, p95: float) -> None:
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = array("f", [0.0, NOTHING, NOTHING]) * SLOTS
        series[place * 3 : place * 3 + 3] = array("f", (rate, p50, p95))

    def _latency(self, answers: Sequence[int]) -> tuple[float, float]:
        return quantile(0.5, answers, self._bounds), quantile(0.95, answers, self._bounds)


def _growth(before: Sample | None, after: Sample) -> tuple[int, list[int]]:
    """What was counted in between; counters that have begun anew count from nothing."""
    if before is None or sum(after.answers) < sum(before.answers) or after.accepted < before.accepted:
        return after.accepted, list(after.answers)
    grown = [now - then for now, then in zip(after.answers, before.answers, strict=True)]
    return after.accepted - before.accepted, grown


def quantile(part: float, counts: Sequence[int], bounds: Sequence[float]) -> float:
    """Below which value a part of what was counted lies, as Prometheus' histogram_quantile guesses it: evenly within
    its bucket, and the last bound for what is beyond. NaN if nothing was counted."""
    reached = list(accumulate(counts))
    if not reached or not reached[-1]:
        return NOTHING
    rank = part * reached[-1]
    bucket = bisect_left(reached, rank)
    if bucket >= len(bounds):
        return bounds[-1]
    lower = bounds[bucket - 1] if bucket else 0.0
    below = reached[bucket - 1] if bucket else 0
    return lower + (bounds[bucket] - lower) * (rank - below) / counts[bucket]
