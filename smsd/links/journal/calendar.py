"""The journal's own time, which never steps: what is forgotten, overdue or too old is reckoned in it.

It is in seconds since 1970, as the wall clock had them when the file was made, and from then on it passes with the
machine's clock since boot, which nobody sets. While smsd is down it passes too, as long as the machine is not booted
anew; the time of a machine that is off counts as none, since only the wall clock could tell how long that was. So it
may fall behind, and what is kept is kept longer; it never runs ahead.
What people see (steps of `smsd trace`, the connection log, the counts of `smsd stats`) has the time of the wall clock.
"""

import time
from typing import NamedTuple

STEP = 1.0
"""Seconds by which the wall clock may be apart from the other one before it is said to have been set."""

SLEW = 0.001
"""What NTP may make it run faster or slower, as a share of the time that has passed: twice its limit."""

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Clock:
    """What the machine says of the time."""

    def wall(self) -> float:
        """Seconds since 1970; it may be set to anything at any moment."""
        return time.time()

    def uptime(self) -> float:
        """Seconds since boot, those in which the machine was suspended among them."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot(self) -> str:
        """Which boot that is; empty where nobody can say."""
        try:
            with open(BOOT_ID) as file:
                return file.read().strip()
        except OSError:
            return ""


class Mark(NamedTuple):
    """A moment as the file remembers it: the journal's time, and what the machine said then."""

    at: float
    boot: str
    uptime: float


class Calendar:
    """Goes on from `mark`, or without one from `newest`, the newest time in the file; a new file has neither."""

    def __init__(self, clock: Clock, mark: Mark | None = None, newest: float | None = None) -> None:
        self._clock = clock
        self._boot = clock.boot()
        self._uptime, self._wall = clock.uptime(), clock.wall()
        if mark is not None:
            here = mark.boot == self._boot != ""
            begin = mark.at + (max(0.0, self._uptime - mark.uptime) if here else 0.0)
        else:
            begin = self._wall if newest is None else newest
        self._ahead = max(begin, newest or 0.0) - self._uptime

    def now(self) -> float:
        """The journal's time. Any thread may ask."""
        return self._clock.uptime() + self._ahead

    def wall(self) -> float:
        """The wall clock's."""
        return self._clock.wall()

    def mark(self) -> Mark:
        """What the file has to remember of now."""
        uptime = self._clock.uptime()
        return Mark(uptime + self._ahead, self._boot, uptime)

    def stepped(self) -> float:
        """Seconds by which the wall clock was set since this was last asked, back if negative; 0 if it just ran."""
        uptime, wall = self._clock.uptime(), self._clock.wall()
        passed = uptime - self._uptime
        step = wall - self._wall - passed
        self._uptime, self._wall = uptime, wall
        return step if abs(step) > STEP + passed * SLEW else 0.0
