"""Questions about a simulator's record: how fast, and how evenly, submits came."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

Submits = Sequence[dict[str, Any]]

JITTER = 0.02
"""Seconds that a read may lag behind its octets while other processes have the cores: 16 ms were seen."""


def times(submits: Submits) -> list[float]:
    """When they came, in seconds on the simulator's clock."""
    return [submit["monotonic"] for submit in submits]


def most_in_a_second(moments: Sequence[float]) -> int:
    """The fullest window of one second, less the jitter of the record itself; the window's end is not included."""
    return max(bisect_left(moments, start + 1.0 - JITTER) - index for index, start in enumerate(moments))


def mean_rate(moments: Sequence[float], after: float = 0.0) -> float:
    """Submits per second, from `after` seconds behind the first one to the last."""
    late = [moment for moment in moments if moment >= moments[0] + after]
    return (len(late) - 1) / (late[-1] - late[0])
