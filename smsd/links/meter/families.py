"""Series of one metric each: counters, gauges, histograms, and their lines of text.

Counted and written here, not by prometheus_client: counting is done several times per message, and with a thousand
providers a scrape has 170 000 lines, for which the client would keep the loop for four seconds.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import ClassVar

from smsd.links.meter.table import OTHER, About

Key = tuple[str, str]
"""A provider (empty for the daemon's own) and a word of the label (empty where there is no label)."""


def number(value: float) -> str:
    """A value as Prometheus reads it."""
    return "+Inf" if value == math.inf else repr(value + 0)  # a bool as 0 or 1


class Family(ABC):
    """The series of one metric. They exist from `add` to `remove`, a daemon's own from the start."""

    kind: ClassVar[str]

    def __init__(self, about: About) -> None:
        self.about = about
        if about.of_daemon:
            self.add("")

    def add(self, provider: str) -> None:
        for word in self.about.words:
            self._begin((provider, word))

    def remove(self, provider: str) -> None:
        for word in self.about.words:
            self._end((provider, word))

    def lines(self) -> Iterator[str]:
        """The metric in the text format."""
        yield f"# HELP {self.about.name} {self.about.help}"
        yield f"# TYPE {self.about.name} {self.kind}"
        yield from self._samples()

    def _labels(self, key: Key) -> str:
        """Names of providers and words of ours need no escapes."""
        provider, word = key
        of_provider = "" if self.about.of_daemon else f'provider="{provider}"'
        of_word = f'{self.about.label}="{word}"' if self.about.label else ""
        return f"{of_provider},{of_word}" if of_provider and of_word else of_provider or of_word

    def _named(self, key: Key) -> str:
        labels = self._labels(key)
        return f"{self.about.name}{{{labels}}}" if labels else self.about.name

    @abstractmethod
    def _begin(self, key: Key) -> None: ...

    @abstractmethod
    def _end(self, key: Key) -> None: ...

    @abstractmethod
    def _samples(self) -> Iterator[str]: ...


class Counts(Family):
    """Counters. A provider that is not there counts as `unknown`, a word that is not in its list as `other`."""

    kind = "counter"

    def __init__(self, about: About, unknown: str) -> None:
        self._unknown = unknown
        self._counts: dict[Key, int] = {}
        super().__init__(about)

    def count(self, provider: str, word: str = "", more: int = 1) -> None:
        counts = self._counts
        try:
            counts[provider, word] += more
        except KeyError:
            word = word if word in self.about.words else OTHER
            counts[(provider, word) if (provider, word) in counts else (self._unknown, word)] += more

    def total(self, provider: str, word: str) -> int:
        return self._counts[provider, word]

    def _begin(self, key: Key) -> None:
        self._counts[key] = 0

    def _end(self, key: Key) -> None:
        del self._counts[key]

    def _samples(self) -> Iterator[str]:
        return (f"{self._named(key)} {count}" for key, count in self._counts.items())


class Levels(Family):
    """Gauges, absent while there is nothing to tell; `first` is their value before anybody has looked."""

    kind = "gauge"

    def __init__(self, about: About, first: float | None = 0) -> None:
        self._first = first
        self._levels: dict[Key, float | None] = {}
        super().__init__(about)

    def set(self, value: float | None, provider: str = "", word: str = "") -> None:
        """Of a provider that is not there nothing is shown."""
        if (provider, word) in self._levels:
            self._levels[provider, word] = value

    def _begin(self, key: Key) -> None:
        self._levels[key] = self._first

    def _end(self, key: Key) -> None:
        del self._levels[key]

    def _samples(self) -> Iterator[str]:
        return (f"{self._named(key)} {number(level)}" for key, level in self._levels.items() if level is not None)


class Seconds(Family):
    """Histograms of durations."""

    kind = "histogram"

    def __init__(self, about: About, unknown: str) -> None:
        self._unknown = unknown
        self._bounds = [*(repr(float(bound)) for bound in about.bounds), "+Inf"]
        self._counts: dict[Key, list[int]] = {}
        self._sums: dict[Key, float] = {}
        super().__init__(about)

    def observe(self, seconds: float, provider: str = "", word: str = "") -> None:
        key = (provider, word)
        if key not in self._counts:
            key = (self._unknown, word)
        # A clock that was set back must not take anything from a sum.
        seconds = max(seconds, 0.0)
        self._counts[key][bisect_left(self.about.bounds, seconds)] += 1
        self._sums[key] += seconds

    def counts(self, provider: str) -> list[int]:
        """Observations of each bucket, the last being what is beyond all bounds."""
        return self._counts[provider, ""]

    def _begin(self, key: Key) -> None:
        self._counts[key] = [0] * len(self._bounds)
        self._sums[key] = 0.0

    def _end(self, key: Key) -> None:
        del self._counts[key], self._sums[key]

    def _samples(self) -> Iterator[str]:
        name = self.about.name
        for key, counts in self._counts.items():
            labels = self._labels(key)
            before, alone = (f"{labels},", f"{{{labels}}}") if labels else ("", "")
            total = 0
            for bound, total in zip(self._bounds, accumulate(counts), strict=True):
                yield f'{name}_bucket{{{before}le="{bound}"}} {total}'
            yield f"{name}_count{alone} {total}"
            yield f"{name}_sum{alone} {number(self._sums[key])}"
