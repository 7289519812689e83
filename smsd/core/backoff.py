"""How long to wait before the next try."""

from collections.abc import Callable

JITTER = 0.2
"""Part of each wait that is drawn by lot, so that many daemons do not return to a restarted peer in step."""


class Backoff:
    """Waits that double from `least` to `most` seconds, each shortened by up to JITTER at random."""

    __slots__ = ("_draw", "_least", "_most", "_next")

    def __init__(self, least: float, most: float, draw: Callable[[], float]) -> None:
        self._least, self._most, self._draw = least, most, draw
        self._next = least

    def delay(self) -> float:
        """Seconds until the next try; the one after waits longer."""
        wait = min(self._next, self._most)
        self._next = min(wait * 2, self._most)
        return wait * (1 - JITTER * self._draw())

    def set_bounds(self, least: float, most: float) -> None:
        """A reload's new bounds; how often it was tried so far still counts."""
        self._least, self._most = least, most
        self._next = max(self._next, least)

    def reset(self) -> None:
        """It worked: the next wait is the shortest again."""
        self._next = self._least
