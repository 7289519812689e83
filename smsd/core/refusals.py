"""Whether the rate is to blame for a refusal, or the recipient (docs/decisions/0014).

The statuses 0x14 and 0x58 are said by some providers to all who are too fast, by others to one number whose queue is
full. Both are told apart by what happens to others, and to the same number a moment later: a rate that is too high is
too high for everybody, and whom it hits passes at the next try.
"""

import math
from collections import deque
from typing import Any

TRIES = 3
"""Refusals in a row, while others pass, after which a recipient waits with retries.delays."""

SOON, SOON_MOST = 0.25, 2.0
"""Seconds until the next try of a recipient that is not to blame: doubled each time, at most the second."""

MEMORY = 2.0
"""Seconds within which answers are compared."""

SHARE = 2
"""So many times as many refusals as acceptances within a second say that the rate is to blame."""

SHARE_LONGER, LONGER = 0.8, 1.2
"""So does that part of them within so many seconds."""

ONE_AT_A_TIME = 1.0
"""Seconds between two tries of messages to a refused recipient while none has its answer."""

PROBED = 0.7
"""Seconds between two messages that go first at their second try. Not a whole second: the provider may count those."""

NEARLY = 0.96
"""Seconds; a whole one might hold the beginnings of two of the provider's."""

FEW = 12
"""So few acceptances in a second do not say what the next second has."""

RECIPIENTS_MAX = 10_000

TICK = 0.02
"""Seconds; acceptances are counted by such pieces of time."""


class _Refused:
    """A recipient that was refused and not accepted since. Times are in seconds."""

    __slots__ = ("at", "blamed", "others", "since", "times", "until", "waits")

    def __init__(self, others: int, since: float) -> None:
        self.since = since
        self.others = others
        """How many acceptances of anybody there had been before."""
        self.times = 0
        self.waits = 0
        """How often it has waited with retries.delays."""
        self.at = 0.0
        self.until = 0.0
        self.blamed = False


class Refusals:
    """One provider's. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._refused: dict[str, _Refused] = {}
        self._accepted = 0
        size = round(MEMORY / TICK)
        self._tick = 0
        self._passed: deque[int] = deque([0] * size, maxlen=size)
        """Acceptances in the last pieces of time, the newest last."""
        self._crowd: deque[int] = deque([0] * size, maxlen=size)
        """Refusals that may be the rate's, likewise."""
        self._began: float | None = None
        """When the first refusal of the crowd came."""
        self._since = -math.inf
        """Since when the present rate has been in force."""
        self.status = 0
        """The command_status of the last one."""
        self.probe: Any = None
        """The message that goes before others at its next try, once, to show whether its recipient is to blame."""
        self._probed_at = -math.inf
        self._passing = ""
        """Who was accepted last."""
        self._whose: tuple[str, str] = ("", "")
        """The last two recipients in the crowd."""

    def __len__(self) -> int:
        """Recipients that are remembered."""
        return len(self._refused)

    def accepted(self, recipient: str, now: float, cost: int = 1) -> bool:
        """`cost` segments. True if this recipient was refused a moment ago: that was the rate's doing."""
        self._roll(now)
        self._passed[-1] += cost
        self._accepted += 1
        self._passing = recipient
        if not self._refused:
            return False
        refused = self._refused.pop(recipient, None)
        return refused is not None and not refused.blamed and now <= refused.at + MEMORY

    def per_second(self, now: float, sent_at: float) -> float:
        """How many are accepted per second at most, at the rate of now; infinite as long as that is not known.

        `sent_at` is when what is answered now was written: so far reaches what can be known.
        """
        self._roll(now)
        passed = list(self._passed)
        if sent_at < self._since + 1.0 or sum(passed) < 3:
            return math.inf
        most = sum(passed[-round(1 / TICK) :]) + 1.0
        return most if sent_at < self._since + MEMORY else min(most, (sum(passed) + 0.5) / MEMORY)

    def most_per_second(self, now: float) -> float:
        """How many were accepted in the best second of late."""
        self._roll(now)
        passed, second = list(self._passed), round(NEARLY / TICK)
        most = total = sum(passed[:second])
        for last, first in zip(passed[second:], passed, strict=False):
            total += last - first
            most = max(most, total)
        if most > FEW:
            return float(most)
        return max(1.0, min(float(most), sum(passed) / MEMORY))  # a second may begin and end with one

    def refused(self, recipient: str, now: float) -> bool:
        """True if the recipient is to blame, and the rate is not."""
        self._roll(now)
        refused = self._refused.pop(recipient, None) or _Refused(self._accepted, now)
        self._refused[recipient] = refused
        if len(self._refused) > RECIPIENTS_MAX:
            del self._refused[next(iter(self._refused))]
        refused.times += 1
        refused.at = now
        passed = sum(self._passed)
        if refused.times >= TRIES and not refused.blamed and (not passed or sum(self._crowd) < passed):
            lonely = not passed and now >= refused.since + MEMORY
            refused.blamed = lonely or self._accepted - refused.others >= TRIES
        if not refused.blamed and (refused.times < TRIES or recipient != self._whose[1] or recipient == self._passing):
            if self._began is None or not any(self._crowd):
                self._began = now
            self._crowd[-1] += 1
            if recipient != self._whose[1]:
                self._whose = (self._whose[1], recipient)
        return refused.blamed

    def crowd(self, now: float) -> int:
        """Refusals of late that may be the rate's."""
        self._roll(now)
        return sum(self._crowd)

    def forgive(self, since: float) -> None:
        """The rate was to blame and is lower from `since` on: what it did is no reason to blame anybody."""
        self._since = since
        for refused in self._refused.values():
            if not refused.blamed:
                refused.times, refused.others = 0, self._accepted

    def rate_is_to_blame(self, now: float) -> bool:
        """Whether nearly everybody is refused: more than one recipient, or one that is accepted too at times."""
        self._roll(now)
        crowd, passed = sum(self._crowd), sum(self._passed)
        if crowd < 2 or self._began is None or not (passed or self._whose[0]):
            return False
        time = now - self._began
        return (time >= 1.0 and crowd >= SHARE * passed) or (time >= LONGER and crowd >= SHARE_LONGER * passed)

    def wait(self, recipient: str, now: float) -> float:
        """Seconds that a message to this recipient has to wait. One at a time goes and shows whether that is over."""
        refused = self._refused.get(recipient)
        if refused is None or not refused.blamed:
            return 0.0
        if now < refused.until:
            return refused.until - now
        refused.until = now + ONE_AT_A_TIME
        return 0.0

    def waits(self, recipient: str) -> int:
        """How often a recipient that is to blame has waited."""
        return self._refused[recipient].waits

    def put_off(self, recipient: str, until: float) -> None:
        """Nothing goes to a recipient that is to blame before `until`."""
        refused = self._refused[recipient]
        refused.until = until
        refused.waits += 1

    def try_first(self, message: Any, now: float) -> None:
        """Lets the message's next try go before others, unless that was another's a moment ago."""
        if now >= self._probed_at + PROBED:
            self._probed_at, self.probe = now, message

    def tells_of_the_rate(self, now: float, rate: float | None) -> bool:
        """Whether a refusal that did not last means that `rate` is too high: not where hardly anything is sent."""
        return rate is None or self.crowd(now) > 1 or self.most_per_second(now) >= rate / 2

    def soon(self, recipient: str) -> float:
        """Seconds until the next try of a recipient that is not to blame."""
        return float(min(SOON * 2 ** max(0, self._refused[recipient].times - 1), SOON_MOST))

    def _roll(self, now: float) -> None:
        passed = int(now / TICK) - self._tick
        if passed > 0:
            self._tick += passed
            nothing = [0] * min(passed, len(self._passed))
            self._passed.extend(nothing)
            self._crowd.extend(nothing)
