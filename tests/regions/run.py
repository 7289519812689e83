"""What smsd makes of every way of writing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from regions.ways import REGIONS, international, mobiles, written
from smsd.core.address import recipient
from smsd.core.errors import ContractError

SEED = 1


class Outcome(NamedTuple):
    """One number written in one way, and what came of it: its digits, or the sentence."""

    region: str
    way: str
    text: str
    wanted: str
    got: str

    @property
    def right(self) -> bool:
        return self.got == self.wanted

    @property
    def refused(self) -> bool:
        return self.got.startswith("to: ")


def outcomes(each: int, seed: int = SEED, regions: Iterable[str] = REGIONS) -> Iterator[Outcome]:
    """Of `each` numbers of every region."""
    for region in regions:
        for number in mobiles(region, each, seed):
            for way, text in written(number, region):
                yield Outcome(region, way, text, international(number), asked(text, region))


def asked(text: str, region: str | None) -> str:
    try:
        return recipient(text, default_region=region)
    except ContractError as error:
        return str(error)


class Tally:
    """Counts by way and region."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.wrong: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        place = outcome.way, outcome.region
        self.asked[place] += 1
        if outcome.refused:
            self.refused[place] += 1
        elif not outcome.right:
            self.wrong.append(outcome)
