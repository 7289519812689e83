"""Things to be done later: one heap and one timer of the loop, however many things there are."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Any


class Timetable:
    """Calls functions at their times, in order; those due at the same time in the order they were given."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def at(self, due: float, act: Callable[..., None], *args: Any) -> None:
        """`act(*args)` at `due`, seconds of time.monotonic(), which is the loop's clock too."""
        entry = (due, next(self._numbers), act, args)
        heapq.heappush(self._entries, entry)
        if self._entries[0] is entry:
            self._set_timer()

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._entries:
            self._timer = asyncio.get_running_loop().call_at(self._entries[0][0], self._run)

    def _run(self) -> None:
        self._timer = None
        now = time.monotonic()
        try:
            while self._entries and self._entries[0][0] <= now:
                _, _, act, args = heapq.heappop(self._entries)
                act(*args)
        finally:  # an exception of one must not stop the others
            self._set_timer()
