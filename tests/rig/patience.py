"""Waiting for facts about other processes: look again and again, and say what was seen when time is up."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY = 0.05
"""Seconds; who is asked more often has less time for what is being measured."""


def eventually(look: Callable[[], T], timeout: float = 30.0) -> T:
    """What `look` returns as soon as that is true; AssertionError with the last look after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {seen!r}"
        time.sleep(LOOK_EVERY)
    return seen
