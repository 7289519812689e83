"""Quiet hours: which priorities of a provider wait now, and until when.

The hours are those of a clock on the wall, in the provider's `quiet_hours.timezone`. Where that clock is changed at one
of their ends they are rather longer than shorter: an hour that comes twice is quiet both times, and of one that is left
out they begin before it, or end after it.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from smsd.core.contract import PRIORITIES
from smsd.settings.model import QuietHours


@dataclass(frozen=True, slots=True)
class Quiet:
    """One provider's quiet hours on the clock of `zone`; without hours it is never quiet."""

    hours: QuietHours | None
    zone: tzinfo | None

    def until(self, now: float) -> float | None:
        """When the quiet hours of `now` end, both in seconds since 1970; None: it is not quiet."""
        if self.hours is None:
            return None
        today = datetime.fromtimestamp(now, self.zone).date()
        spans = (self._span(self.hours, today + timedelta(days=offset)) for offset in (-1, 0, 1))
        return max((end for start, end in spans if start <= now < end), default=None)

    def priorities(self, now: float) -> frozenset[int]:
        """Those that wait at `now`: 0 urgent, 1 normal, 2 bulk."""
        if self.hours is None or self.until(now) is None:
            return frozenset()
        return frozenset(PRIORITIES.index(name) for name in self.hours.applies_to)

    def sentence(self, now: float) -> str | None:
        """What an operator should know, such as `quiet until 08:00 (normal, bulk)`."""
        until = self.until(now)
        if self.hours is None or until is None:
            return None
        return f"quiet until {datetime.fromtimestamp(until, self.zone):%H:%M} ({', '.join(self.hours.applies_to)})"

    def _span(self, hours: QuietHours, day: date) -> tuple[float, float]:
        """The quiet hours that begin on `day`."""
        last = day if hours.end > hours.start else day + timedelta(days=1)
        return min(self._moments(day, hours.start)), max(self._moments(last, hours.end))

    def _moments(self, day: date, at: time) -> tuple[float, float]:
        """A time of day as instants: two where the clock is set back over it, or forward."""
        shown = datetime.combine(day, at, self.zone)
        return shown.timestamp(), shown.replace(fold=1).timestamp()
