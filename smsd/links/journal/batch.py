"""What is committed together: rows, deletions, questions to answer afterwards, and who is told then."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from smsd.core.message import Message
from smsd.links.journal import recall
from smsd.links.journal.file import File, Row
from smsd.links.journal.tally import tallied

Told = tuple[Message | None, Callable[..., Any], tuple[Any, ...]]
"""Whom a failure costs, whom to call back, and with what."""


class Question:
    """Something to look for in the file; `answer` is None until then, or if there is nothing."""

    __slots__ = ("about", "answer", "kind")

    def __init__(self, kind: str, about: Any) -> None:
        self.kind = kind
        self.about = about
        self.answer: Any = None


class Batch:
    """One commit."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[Row]] = defaultdict(list)
        self.gone: defaultdict[str, list[int]] = defaultdict(list)
        self.results: Counter[tuple[str, str]] = Counter()
        """Routing key and campaign of the results, to be tallied."""
        self.standing: list[tuple[str, str, str, bool]] = []
        self.questions: list[Question] = []
        self.then: list[Told] = []
        self.held: list[Message] = []
        """Messages that must not be read from the file before this is in it."""
        self.told = 0
        """Rows, questions and call-backs of it."""
        self.octets = 0
        """Octets of theirs."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.gone or self.results or self.standing or self.questions or self.then)

    @property
    def records(self) -> int:
        return sum(map(len, self.rows.values()))

    def commit(self, file: File) -> float:
        """Writes all of it, then answers the questions; returns the seconds it took. Called in the journal's thread."""
        began = time.perf_counter()
        now = file.now()
        file.rotate(now)
        file.mark_time()
        file.write(self.rows, self.gone, tallied(self.results, file.calendar.wall()))
        self.results.clear()  # the rest may fail, and then all of this is done again: counting is not
        for provider, kind, value, on in self.standing:
            file.stand(provider, kind, value, on, now)
        took = time.perf_counter() - began
        if self.questions:
            self._answer(file)
        return took

    def _answer(self, file: File) -> None:
        ids = [question.about for question in self.questions if question.kind == "known"]
        names = [name for question in self.questions if question.kind == "matched" for name in question.about]
        known = recall.known(file, ids) if ids else {}
        matched = recall.matched(file, names) if names else {}
        for question in self.questions:
            if question.kind == "known":
                question.answer = known.get(question.about)
            elif question.kind == "matched":
                question.answer = {name: matched[name] for name in question.about if name in matched}
            elif question.kind == "overdue":
                question.answer = recall.overdue(file, *question.about)
            else:
                question.answer = recall.outbox(file, *question.about)
