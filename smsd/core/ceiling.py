"""What a provider can reach now, and what holds it there: /status, `smsd status` and the page say it alike."""

from collections import deque
from collections.abc import Mapping
from math import ceil
from statistics import median
from typing import Any

ANSWERS = 101
"""Answers of which the median time counts."""


class AnswerTimes:
    """How long the latest submit_sm waited for their answers, in seconds."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=ANSWERS)
        self.add = self._seconds.append

    def median(self) -> float | None:
        """None: nothing was answered yet."""
        return median(self._seconds) if self._seconds else None


def ceiling(
    *,
    closed: bool = False,
    paused: bool = False,
    quiet: str | None = None,
    rate: float | None,
    max_rate: float | None,
    slowed: bool,
    window: int,
    answer: float | None,
) -> dict[str, Any]:
    """The object `ceiling` of a provider: the first that holds it.

    `quiet` is a sentence while all priorities wait, `rate` what is in force where `slowed`, both in segments per
    second; `answer` is the median time of an answer in seconds.
    """
    if closed:
        return _told(0, "closed", "the connection is closed: nothing can be sent")
    if paused:
        return _told(0, "paused", "paused: `smsd resume` lets it go on")
    if quiet is not None:
        return _told(0, "quiet", quiet)
    of_limit = "" if max_rate is None else f" of {max_rate:g}/s"
    if slowed and rate is not None:
        found = f"the provider refuses more than {_shown(rate)}/s{of_limit}: ask it for its limit, and set `max_rate`"
        return _told(rate, "throttled", found)
    allowed = window / answer if answer else None
    if allowed is not None and (max_rate is None or allowed < max_rate):
        if max_rate is None:
            more = "a larger `window` allows more, if the provider takes it"
        else:
            more = f"`window` {ceil(max_rate * (answer or 0))} would do"
        found = f"window {window} at {_time(answer or 0)} allows {_shown(allowed)}/s{of_limit}: {more}"
        return _told(allowed, "window", found)
    if max_rate is None:
        return _told(None, "none", f"no `max_rate`; window {window}, and nothing was answered yet")
    rest = "" if allowed is None else f"; window {window} at {_time(answer or 0)} would allow {_shown(allowed)}/s"
    return _told(max_rate, "max_rate", f"`max_rate` {max_rate:g}/s{rest}")


def held_down(provider: Mapping[str, Any]) -> str:
    """Of a provider as /status shows it: what holds it below its limit; nothing where that is the limit itself."""
    found = provider["ceiling"]
    return str(found["detail"]) if found is not None and found["by"] in ("throttled", "window") else ""


def _told(per_second: float | None, by: str, detail: str) -> dict[str, Any]:
    return {"per_second": None if per_second is None else round(per_second, 1), "by": by, "detail": detail}


def _shown(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
