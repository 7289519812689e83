"""A provider's own rate is found out, on a clock that is a number: the lane, the pacer and an SMSC that counts."""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import pytest

from smsd.core.pacer import Pacer
from smsd.core.refusals import Refusals


class Counter(Protocol):
    """How an SMSC counts; `rate` per second."""

    rate: int

    def takes(self, now: float) -> bool: ...


class SlidingSecond:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._taken: deque[float] = deque()

    def takes(self, now: float) -> bool:
        while self._taken and self._taken[0] <= now - 1.0:
            self._taken.popleft()
        if len(self._taken) >= self.rate:
            return False
        self._taken.append(now)
        return True


class FixedSecond:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._second, self._taken = -1, 0

    def takes(self, now: float) -> bool:
        if int(now + 0.37) != self._second:
            self._second, self._taken = int(now + 0.37), 0
        self._taken += 1
        return self._taken <= self.rate


class TokenBucket:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._tokens, self._at = float(rate), 0.0

    def takes(self, now: float) -> bool:
        self._tokens = min(float(self.rate), self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Run:
    """A lane that always has something to send, and wakes up to a millisecond late, as flow.lane and settle do it."""

    def __init__(self, limit: float | None, smsc: Counter, latency: float) -> None:
        self.pacer, self.refusals = Pacer(limit, 0.0), Refusals()
        self.smsc, self.latency = smsc, latency
        self.window = max(10, int(smsc.rate * latency * 1.5) + 5)
        self.waiting = 500 if limit is None else min(max(self.window, round(2 * limit)), 500)
        self.log: list[tuple[float, bool]] = []
        self.episodes = 0
        self._draw = random.Random(1)
        self._ids = itertools.count()
        self._queue: deque[str] = deque()
        self._later: list[tuple[float, int, str]] = []
        self._flight: list[tuple[float, int, str, bool, float]] = []
        self._now, self._sweep_at = 0.0, 0.5

    def until(self, end: float) -> None:
        while self._now < end:
            self._wake(self._now)
            moments = [self._sweep_at, *(heap[0][0] for heap in (self._flight, self._later) if heap)]
            if self._queue and len(self._flight) < self.window:
                moments.append(self.pacer.due(self._now))
            self._now = max(min(moments), self._now + 1e-4) + self._draw.random() * 0.001

    def _wake(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            message = heapq.heappop(self._later)[2]
            if message == self.refusals.probe:
                self._queue.appendleft(message)
            else:
                self._queue.append(message)
        while len(self._queue) + len(self._later) + len(self._flight) < self.waiting:
            self._queue.append(f"7{next(self._ids)}")
        while self._flight and self._flight[0][0] <= now:
            _, _, message, taken, sent_at = heapq.heappop(self._flight)
            self._answered(message, taken, sent_at, now)
        if now >= self._sweep_at:
            self._sweep_at += 0.5
            self.pacer.recover(now)
        while self._queue and len(self._flight) < self.window and self.pacer.due(now) <= now:
            self._submit(self._queue.popleft(), now)

    def _submit(self, message: str, now: float) -> None:
        self.pacer.take(now)
        taken = self.smsc.takes(now + self.latency / 2)
        self.log.append((now, taken))
        heapq.heappush(self._flight, (now + self.latency, next(self._ids), message, taken, now))

    def _answered(self, message: str, taken: bool, sent_at: float, now: float) -> None:
        pacer, refusals = self.pacer, self.refusals
        if taken:
            if refusals.accepted(message, now) and refusals.tells_of_the_rate(now, pacer.rate):
                self._slow_down(now, sent_at)
            return
        to_blame = refusals.refused(message, now)
        if not to_blame and (pacer.slowed or refusals.rate_is_to_blame(now)):
            self._slow_down(now, sent_at)
        if not to_blame:
            refusals.try_first(message, now)
        delay = 5.0 if to_blame else refusals.soon(message)
        heapq.heappush(self._later, (now + delay, next(self._ids), message))

    def _slow_down(self, now: float, sent_at: float) -> None:
        pacer, refusals, before = self.pacer, self.refusals, self.pacer.rate
        accepted = refusals.per_second(now, sent_at) if pacer.slowed else refusals.most_per_second(now)
        self.episodes += pacer.slow_down(now, sent_at, accepted)
        if pacer.rate != before:
            refusals.forgive(pacer.resumes_at)

    def share(self, start: float, end: float) -> tuple[float, float]:
        """Of the submits from `start` to `end` those refused, and of the SMSC's rate what it accepted."""
        answers = [taken for at, taken in self.log if start <= at < end]
        return 1 - sum(answers) / len(answers), sum(answers) / (end - start) / self.smsc.rate


CASES = [
    (rate, above)
    for rate in (1, 2, 5, 10, 37, 100, 500)
    for above in (None, 1.2, 2.0, 10.0)
    if (rate, above) != (1, 2.0)  # every other submit is refused, always the same message's: who could tell it apart?
]


@pytest.mark.parametrize(("rate", "above"), CASES)
@pytest.mark.parametrize("counter", [SlidingSecond, FixedSecond, TokenBucket])
@pytest.mark.parametrize("latency", [0.005, 0.05, 0.5])
def test_after_three_seconds_a_tenth_is_refused_at_most_and_four_fifths_are_used(
    rate: int, counter: Callable[[int], Counter], latency: float, above: float | None
) -> None:
    """In the half minute after them. (At one or two a second each way up costs one: a refusal more is no fault.)"""
    run = Run(above and above * rate, counter(rate), latency)
    run.until(36.0)
    start = run.log[0][0] + 3.0
    refused, used = run.share(start, start + 30.0)
    spare = 4 / (30 * rate) if rate < 5 else 0.0
    assert refused <= 0.1 + spare
    assert 0.8 - spare <= used <= 1.07
    assert run.episodes == 1


@pytest.mark.parametrize(("rate", "limit", "then"), [(10, 100, 40), (100, None, 400), (5, 20, 20)])
def test_a_provider_that_takes_more_again_gets_it_within_half_a_minute(rate: int, limit: int | None, then: int) -> None:
    run = Run(limit, SlidingSecond(rate), 0.05)
    run.window = 100
    run.until(20.0)
    assert run.share(10.0, 20.0)[1] >= 0.8
    run.smsc.rate = then
    run.until(60.0)
    assert run.share(45.0, 60.0)[1] >= 0.8


@pytest.mark.parametrize("limit", [10, 100])
def test_a_provider_that_takes_everything_is_never_slowed_down(limit: int) -> None:
    run = Run(limit, SlidingSecond(2 * limit), 0.05)
    run.until(20.0)
    assert run.episodes == 0
