"""What can be wrong with a configuration file, and where: the sentences that `smsd check` prints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from smsd.settings.model import Settings

# What stands under these keys may be a secret written the wrong way: no path names it.
SECRET_KEYS = frozenset({"password"})

Path = tuple[int | str, ...]


class Mark(NamedTuple):
    """A place in the file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    column: int
    path: str
    sentence: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {self.path}: {kind}{self.sentence}"


class SettingsError(Exception):
    """The file can't be used; `problems` says why, all at once, in the order of its lines.

    `rest` is what of it is good, enough to ask a running smsd and to look into its journal; None if it is not.
    """

    def __init__(self, problems: list[Problem], rest: Settings | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.rest = rest


class Problems:
    """Collects problems; what is said of one place in the same words is kept once, the first time."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[Mark, str], Problem] = {}

    def add(self, mark: Mark, path: Path, sentence: str, *, warning: bool = False) -> None:
        problem = Problem(self.file, mark.line, mark.column, dotted(path), sentence, warning)
        self._found.setdefault((mark, sentence), problem)

    def errors(self) -> list[Problem]:
        return self._sorted(one for one in self._found.values() if not one.warning)

    def warnings(self) -> list[Problem]:
        return self._sorted(one for one in self._found.values() if one.warning)

    @staticmethod
    def _sorted(problems: Iterable[Problem]) -> list[Problem]:
        return sorted(problems, key=lambda one: (one.line, one.column))


def dotted(path: Path) -> str:
    """Write a path as `providers.acme.hosts[1].port`, up to where a secret may begin; unusual keys are quoted.

    The file itself is `yaml`.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += "." * bool(text) + (step if re.fullmatch(r"[\w+-]+", step) else repr(step))
        if step in SECRET_KEYS:
            break
    return text or "yaml"
