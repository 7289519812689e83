"""Never more segments per second than the contract with the provider allows, and hardly ever fewer.

Two limits hold together. GCRA spreads the segments evenly and lets at most BURST seconds' worth of tokens be repaid,
so that a late wake-up of the loop does not cost rate for ever. A ring of the last N send times makes the second limit
exact: in no window of one second are more than N = ⌈rate⌉ sent (below 1/s: at least 1/rate seconds between two).
Measured (research/libs.md §4): mean 0.998 of the limit, 100 % in the worst second; GCRA alone reaches 110 %.

A provider that takes less than that is found out (docs/decisions/0014): the rate falls to what it accepted, then feels
its way up, slowly as far as it is known to refuse, and ever faster beyond.
"""

import math
from collections import deque

BURST = 0.05
"""Seconds of tokens that may be caught up after a late wake-up; a longer stall is forfeited."""

BURST_SLOWED = 0.01
"""The same while the provider's own limit, which we only guess, is what counts."""

GUARD = 0.007
"""Seconds added to the ring's window: the provider counts on its own clock, behind a network that jitters."""

MARGIN = 0.97
"""Part of what was accepted in the last second that is tried next."""

STEP_BACK = 0.93
"""What is left of a rate that had been found once and is refused again now."""

STEP_BACK_SENDS = 0.12
"""Segments per second by which the rate falls then at least: few a second are either in it or not."""

CLIMB_TIME, CLIMB_SENDS = 7.0, 60.0
"""Seconds, and segments, that the way back to a rate once refused takes at least: one refusal on each such way."""

SEEK, SEEK_SENDS = 0.06, 8.0
"""Part of the rate regained in the first second after throttling began, doubled each second until the next refusal;
less where there are fewer segments per second."""

KNOWN = 1.03
"""From this much above a rate that was refused it is taken for outdated, and the climb is twice as fast each second."""

OUTDATED = 8
"""Without a limit: so many times the rate that was accepted once, without a refusal, is as good as no throttling."""

CALM = 10.0
"""Seconds at the full rate without a refusal after which a time of throttling is over."""

SLOWEST = 0.5
"""Segments per second below which no throttling brings a rate that was higher."""


class Pacer:
    """Tokens for one provider. Times are seconds of a monotonic clock, `rate` is segments per second or None."""

    __slots__ = (
        *("_before_ring", "_began_at", "_burst", "_ceiling", "_climbed_at", "_counted_since", "_cut_at", "_full_since"),
        *("_limit", "_pace", "_rate", "_ring", "_seeks", "_sent", "_sent_before", "_tat", "_unwritten", "_window"),
    )

    def __init__(self, limit: float | None, now: float) -> None:
        self._limit = self._rate = limit
        self._burst = BURST
        self._ceiling: float | None = None
        """While throttled: the rate that was refused last. None otherwise."""
        self._pace = 0.0
        """While throttled: by how much of the ceiling the rate grows each second."""
        self._seeks = False
        """While throttled: whether no rate has been refused since it began."""
        self._cut_at = self._climbed_at = now
        self._began_at = -math.inf
        """Since when the provider's second has not been full of what was sent at an earlier rate."""
        self._full_since: float | None = None
        """Since when the full rate is tried again, while throttled."""
        self._tat = now
        """GCRA's theoretical arrival time: when the next segment would go at perfectly even spacing."""
        self._sent, self._sent_before, self._counted_since = 0, 0, now
        self._window, size = _ring_of(limit)
        # As if the last second had been full: another process may have sent until now.
        self._ring: deque[float] = deque([now] * size, maxlen=size)
        self._before_ring: list[float] = []
        """Sends that a lower limit has left no place for, as far as a higher one would still have to count them."""
        self._unwritten = 0
        """Tokens taken since `written`."""

    @property
    def rate(self) -> float | None:
        """Segments per second in force, after throttling."""
        return self._rate

    @property
    def resumes_at(self) -> float:
        """When sending goes on, or went on, after the rest that a rate far too high made necessary."""
        return self._began_at

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
        self._limit = limit
        self._tat = now
        self._be_full()

    # --- throttling

    def slow_down(self, now: float, sent_at: float, accepted: float) -> bool:
        """The provider said "too fast" to what was written at `sent_at`; it accepts `accepted` segments per second.

        True if this began a time of throttling. What was on its way when the rate fell is no reason to fall again.
        """
        if self._ceiling is None:
            self._begin_slow(now, accepted)
            return True
        if self._rate is None or sent_at <= self._cut_at:
            return False
        measured = accepted * MARGIN
        back = min(STEP_BACK, 1 - STEP_BACK_SENDS / self._rate)
        if measured < self._rate * STEP_BACK**2:
            self._cut(now, self._rate, measured)
        elif now >= self._cut_at + 1.0:  # until then the provider may still be counting what went before
            self._cut(now, self._rate, min(self._rate * back, measured))
        return False

    def _begin_slow(self, now: float, accepted: float) -> None:
        before = self._limit if self._limit is not None else max(1.0, self._sent, self._sent_before)
        rate = min(before * STEP_BACK, accepted * MARGIN) if accepted else before / 2
        self._began_at = now
        if rate < before * 0.75:
            # The provider's second is full, whichever way it counts: what goes now would only be refused.
            self._tat = self._began_at = now + 1.0
        self._cut(now, before, rate)
        self._seeks = True
        # How far below the provider's limit that is, nobody knows.
        self._pace = SEEK * min(1.0, rate / SEEK_SENDS)

    def _cut(self, now: float, refused: float, rate: float) -> None:
        least = min(SLOWEST, self._limit or SLOWEST)
        self._rate = max(least, rate)
        # Between what is refused and what is accepted lies the provider's limit, nearer to the latter.
        self._ceiling = min(refused, self._rate / MARGIN)
        self._pace = (1 - STEP_BACK) / max(CLIMB_TIME, CLIMB_SENDS / self._ceiling)
        self._cut_at = self._climbed_at = max(now, self._began_at)
        self._seeks = False
        self._full_since = None
        self._burst = BURST_SLOWED

    def recover(self, now: float) -> bool:
        """Raises a slowed rate as time passes; True when it is back in full."""
        if self._ceiling is None or self._rate is None:
            return False
        if self._full_since is not None:
            if now < self._full_since + CALM:
                return False
            self._be_full()
            return True
        passed, self._climbed_at = max(0.0, now - self._climbed_at), max(now, self._climbed_at)
        self._rate += self._ceiling * self._pace * passed
        if self._seeks or self._rate > self._ceiling * KNOWN:
            self._pace *= 2**passed
        if self._limit is not None and self._rate >= self._limit:
            self._rate, self._full_since = self._limit, now
            self._burst = BURST
        elif self._limit is None and self._rate > OUTDATED * self._ceiling:
            self._be_full()
            return True
        return False

    def _be_full(self) -> None:
        self._rate, self._ceiling, self._full_since = self._limit, None, None
        self._burst = BURST

    # --- tokens

    def due(self, now: float, cost: int = 1, behind: int = 0) -> float:
        """When `cost` tokens are there, `behind` others that are promised already; `now` or earlier means at once.

        A message_payload may cost more than a whole second has: it goes when the second before it was empty.
        """
        if self._rate is None:
            return now
        due = self._tat - self._burst
        if behind:
            due = max(self._tat, now) - self._burst + behind / self._rate
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
            self._sent_before = self._sent if now < self._counted_since + 2.0 else 0
            self._sent, self._counted_since = 0, now
        self._sent += cost
        if self._rate is not None:
            self._tat = max(self._tat, now) + cost / self._rate
            if self._limit is not None:
                self._unwritten += cost
                self._ring.append(now)
                for _ in range(cost - 1):
                    self._ring.append(now)

    def written(self, now: float) -> None:
        """The octets of all tokens taken so far are out by now: from here on the provider's second counts them."""
        ring = self._ring
        for n in range(1, min(self._unwritten, len(ring)) + 1):
            ring[-n] = now
        self._unwritten = 0


def _ring_of(limit: float | None) -> tuple[float, int]:
    """The ring's window in seconds, and its size: so many sends fit into each window."""
    if limit is None:
        return 0.0, 0
    if limit < 1:
        return 1 / limit + GUARD, 1
    return 1 + GUARD, math.ceil(limit - 1e-9)
