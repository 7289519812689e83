"""What is done to the system, and when: drawn from a seed in advance, so that a run can be repeated.

Pure: `faults` carries it out.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

SETTLE = 4.0
"""Seconds before the first fault: a node that is killed may lose quorum queues that are new, see Node.kill."""
GAP = (0.3, 3.0)
"""Seconds between two faults."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    often: int = 1
    """How many cards of the deck it is."""
    lasts: tuple[float, float] | None = None
    """Seconds until the action `ends` undoes it; None: there is nothing to undo."""
    ends: str = ""
    number: tuple[int, int] = (0, 0)
    """Of the messages that a flood has; of a reload or a step of the clock, which of many it is."""
    link: bool = False
    """It is done to one provider's SMSC."""
    busy: float = 0.0
    """About how many seconds the driver needs for it."""


FAULTS = {
    "kill-daemon": Fault(often=4, busy=1.5),
    "freeze-daemon": Fault(often=3, lasts=(0.3, 4.0), ends="thaw-daemon"),
    "stop-daemon": Fault(often=2, busy=2.0),
    "reload": Fault(often=3, number=(0, 9999), busy=0.1),
    "set-clock": Fault(often=2, lasts=(1.0, 6.0), ends="right-clock", number=(0, 9999)),
    "reload-broken": Fault(number=(0, 9999), busy=0.1),
    "crash-broker": Fault(often=2, lasts=(0.0, 3.0), ends="start-broker", busy=5.0),
    "stop-broker": Fault(lasts=(0.0, 3.0), ends="start-broker", busy=8.0),
    "fill-outbox": Fault(lasts=(5.0, 8.0), ends="start-broker", number=(1000, 3000), busy=6.0),
    "cut": Fault(often=4, link=True),
    "unbind": Fault(link=True),
    "take-down": Fault(lasts=(0.5, 3.0), ends="bring-up", link=True),
    "stall": Fault(often=2, lasts=(0.5, 5.0), ends="go-on", link=True),
    "slow": Fault(often=2, lasts=(2.0, 6.0), ends="usual", link=True),
    "throttle": Fault(often=2, lasts=(1.0, 4.0), ends="usual", link=True),
    "fail": Fault(often=2, lasts=(1.0, 4.0), ends="usual", link=True),
    "refuse-some": Fault(often=2, lasts=(2.0, 6.0), ends="usual", link=True),
    "no-credit": Fault(lasts=(1.0, 4.0), ends="usual", link=True),
    "silence": Fault(lasts=(0.5, 2.0), ends="usual", link=True),
    "early-receipts": Fault(lasts=(1.0, 4.0), ends="usual", link=True),
    "repeat-receipts": Fault(lasts=(1.0, 4.0), ends="usual", link=True),
    "flood-inbound": Fault(often=2, number=(50, 300), link=True, busy=0.5),
    "stray-receipts": Fault(often=2, number=(50, 300), link=True, busy=0.5),
}
OPENING = ("kill-daemon", "freeze-daemon", "cut", "crash-broker")
"""What no run is without, however short."""


@dataclass(frozen=True)
class Action:
    """Something to be done `at` that second; `provider` is empty where it is nothing to one of them."""

    at: float
    what: str
    provider: str = ""
    number: int = 0

    def __str__(self) -> str:
        return " ".join(str(word) for word in (self.what, self.provider, self.number) if word)


def plan(seed: int, seconds: float, providers: tuple[str, ...]) -> list[Action]:
    """The actions of a run whose faults begin within so many seconds, in the order of their times."""
    chance = random.Random(seed)
    actions: list[Action] = []
    at = SETTLE
    for what in _deal(chance):
        fault = FAULTS[what]
        provider = chance.choice(providers) if fault.link else ""
        number = chance.randint(*fault.number)
        lasts = round(chance.uniform(*fault.lasts), 1) if fault.lasts else 0.0
        if at >= seconds:
            break
        actions.append(Action(at, what, provider, number))
        if fault.ends:
            actions.append(Action(round(at + lasts, 1), fault.ends, provider))
        at = round(at + fault.busy + chance.uniform(*GAP), 1)
    return sorted(actions, key=lambda action: action.at)


def _deal(chance: random.Random) -> Iterator[str]:
    """Kinds without end: the opening, then one shuffled deck after the other."""
    yield from chance.sample(OPENING, len(OPENING))
    deck = [what for what, fault in FAULTS.items() for _ in range(fault.often)]
    while True:
        yield from chance.sample(deck, len(deck))
