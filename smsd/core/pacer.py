"""Never more segments per second than the contract with the provider allows, and hardly ever fewer.

Two limits hold together. GCRA spreads the segments evenly and lets at most BURST seconds' worth of tokens be repaid,
so that a late wake-up of the loop does not cost rate for ever. A ring of the last N send times makes the second limit
exact: in no window of one second are more than N = ⌈rate⌉ sent (below 1/s: at least 1/rate seconds between two).
Measured (research/libs.md §4): mean 0.998 of the limit, 100 % in the worst second; GCRA alone reaches 110 %.
"""

import math
from collections import deque

BURST = 0.05
"""Seconds of tokens that may be caught up after a late wake-up; a longer stall is forfeited."""

GUARD = 0.007
"""Seconds added to the ring's window: the provider counts on its own clock, behind a network that jitters."""

RECOVERY = 0.1
"""Part of the full rate regained per second after throttling."""


class Pacer:
    """Tokens for one provider. Times are seconds of a monotonic clock, `rate` is segments per second or None."""

    __slots__ = (
        *("_before_ring", "_ceiling", "_counted_since", "_halved_at", "_limit", "_rate", "_ring", "_sent", "_tat"),
        "_window",
    )

    def __init__(self, limit: float | None, now: float) -> None:
        self._limit = self._rate = limit
        self._ceiling: float | None = None
        """While throttled: where recovery ends. None otherwise."""
        self._halved_at = now
        self._tat = now
        """GCRA's theoretical arrival time: when the next segment would go at perfectly even spacing."""
        self._sent, self._counted_since = 0, now
        self._window, size = _ring_of(limit)
        # As if the last second had been full: another process may have sent until now.
        self._ring: deque[float] = deque([now] * size, maxlen=size)
        self._before_ring: list[float] = []
        """Sends that a lower limit has left no place for, as far as a higher one would still have to count them."""

    @property
    def rate(self) -> float | None:
        """Segments per second in force, after throttling."""
        return self._rate

    @property
    def slowed(self) -> bool:
        return self._ceiling is not None

    def set_limit(self, limit: float | None, now: float) -> None:
        """A reload's new limit. What was sent in the last second still counts."""
        before = [*self._before_ring, *self._ring]
        unknown = now if self._limit is None else -math.inf  # of what was sent without a limit nothing is known
        self._window, size = _ring_of(limit)
        before = [unknown] * (size - len(before)) + before
        self._ring = deque(before[len(before) - size :], maxlen=size)
        self._before_ring = [at for at in before[: len(before) - size] if at > now - self._window]
        self._limit = self._rate = limit
        self._ceiling = None
        self._tat = now

    def slow_down(self, now: float) -> bool:
        """The provider said "too fast": half the rate, then back. True if this began a time of throttling.

        A whole window of such answers is one reason to halve, not a hundred: at most once a second. Without a limit
        the rate of the last second is what gets halved.
        """
        began = self._ceiling is None
        if not began and now < self._halved_at + 1.0:
            return False
        if self._limit is not None:
            self._ceiling = self._limit
        elif began:
            self._ceiling = 2 * max(1.0, self._sent / max(0.5, now - self._counted_since))
            self._rate = self._ceiling / 2
        assert self._rate is not None
        assert self._ceiling is not None
        self._rate = max(self._rate / 2, self._ceiling / 64)
        self._halved_at = now
        self._tat = max(self._tat, now + BURST + 1 / self._rate)
        return began

    def recover(self, now: float) -> bool:
        """Raises a slowed rate as time passes; True when it is back in full."""
        if self._ceiling is None or self._rate is None or now <= self._halved_at:
            return False
        self._rate += self._ceiling * RECOVERY * (now - self._halved_at)
        self._halved_at = now
        if self._rate < self._ceiling:
            return False
        self._ceiling, self._rate = None, self._limit
        return True

    def due(self, now: float, cost: int = 1, behind: int = 0) -> float:
        """When `cost` tokens are there, `behind` others that are promised already; `now` or earlier means at once.

        A message_payload may cost more than a whole second has: it goes when the second before it was empty.
        """
        if self._rate is None:
            return now
        due = self._tat - BURST
        if behind:
            due = max(self._tat, now) - BURST + behind / self._rate
            cost += behind
        ring = self._ring
        if ring:
            oldest = ring[0] if cost == 1 else ring[min(cost, len(ring)) - 1]
            if oldest + self._window > due:
                return oldest + self._window
        return due

    def take(self, now: float, cost: int = 1) -> None:
        """Takes the tokens that `due` has shown to be there."""
        if now >= self._counted_since + 1.0:
            self._sent, self._counted_since = 0, now
        self._sent += cost
        if self._rate is not None:
            self._tat = max(self._tat, now) + cost / self._rate
            if self._limit is not None:
                self._ring.append(now)
                for _ in range(cost - 1):
                    self._ring.append(now)


def _ring_of(limit: float | None) -> tuple[float, int]:
    """The ring's window in seconds, and its size: so many sends fit into each window."""
    if limit is None:
        return 0.0, 0
    if limit < 1:
        return 1 / limit + GUARD, 1
    return 1 + GUARD, math.ceil(limit - 1e-9)
