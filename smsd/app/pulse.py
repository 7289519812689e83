"""What the service manager is told of the daemon: that it is ready, reloads, lives, and in one line how it is."""

import time

from smsd.app.view import View
from smsd.links import systemd
from smsd.links.journal.journal import SqliteJournal


class Pulse:
    """Tells systemd; without it nothing happens. `beat` is called about twice a second."""

    def __init__(self, view: View, journal: SqliteJournal) -> None:
        self._view = view
        self._journal = journal
        self._told = ""
        self._interval = systemd.watchdog_interval()
        self._pinged_at = 0.0

    def ready(self) -> None:
        """The start is over."""
        systemd.ready()

    def reloading(self) -> None:
        """A reload begins; `reloaded` follows, whatever becomes of it."""
        systemd.reloading(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def reloaded(self) -> None:
        systemd.ready()
        self.beat()

    def beat(self) -> None:
        """The status line if it has changed, and a sign of life if one is due and this is one."""
        if systemd.listens() and (line := self._view.line()) != self._told:
            self._told = line
            systemd.status(line)
        now = time.monotonic()
        interval = self._interval
        if interval is None or now < self._pinged_at + interval / 2:
            return
        # That we are called shows that the loop turns. A commit that is refused is progress, one that hangs is none.
        if self._journal.under_way < interval:
            self._pinged_at = now
            systemd.alive()
