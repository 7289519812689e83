"""Carries the rules out: what becomes of one submit, which message_id it gets.

Pure but for the random numbers, which `seed` fixes; the clock comes in with each call.
"""

import random
import re
import uuid
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from smsd.core.smpp.codec import Pdu
from smsd.simulator.rules import Base, DisconnectRule, ErrorRule, Match, MessageIds, OutcomeRule, Rules, Span
from smsd.simulator.texts import Charsets, text_of

QUEUE_FULL = 0x14

R = TypeVar("R", bound=Match)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a submit. `status` None: it never gets an answer."""

    status: int | None
    cut: str = ""
    """`before` or `after` the answer the connection is aborted; empty: it is not."""
    words: str = ""
    """Why it is refused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a message ends. `stat` None: nobody hears of it."""

    stat: str | None
    err: str


class Subject:
    """What rules look at."""

    def __init__(self, pdu: Pdu, charsets: Charsets) -> None:
        self._pdu = pdu
        self._charsets = charsets
        self.to = pdu.text("destination_addr")
        self.sender = pdu.text("source_addr")

    @cached_property
    def text(self) -> str:
        return text_of(self._pdu, self._charsets)


class _Armed(Generic[R]):
    """One rule with its patterns compiled and its uses counted."""

    def __init__(self, rule: R, chance: random.Random) -> None:
        self.rule = rule
        self._chance = chance
        self._to = rule.to and re.compile(rule.to)
        self._sender = rule.sender and re.compile(rule.sender)
        self._text = rule.text and re.compile(rule.text)
        self._used: Counter[str] = Counter()

    def applies(self, subject: Subject) -> bool:
        if self._to and not self._to.search(subject.to):
            return False
        if self._sender and not self._sender.search(subject.sender):
            return False
        if self._text and not self._text.search(subject.text):
            return False
        if self.rule.probability < 1 and self._chance.random() >= self.rule.probability:
            return False
        return self.rule.times is None or self._has_uses_left(subject.to, self.rule.times)

    def _has_uses_left(self, to: str, times: int) -> bool:
        key = to if self.rule.each_number else ""
        if self._used[key] < times:
            self._used[key] += 1
            return True
        if self.rule.each_number:
            del self._used[key]
        return False


class Script:
    """The rules at work. New rules need a new one: counts and random numbers begin anew."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._charsets = rules.charsets
        self._chance = random.Random(rules.seed)
        self._disconnect: list[_Armed[DisconnectRule]] = self._armed(rules.disconnect)
        self._no_answer: list[_Armed[Match]] = self._armed(rules.no_answer)
        self._errors: list[_Armed[ErrorRule]] = self._armed(rules.errors)
        self._outcomes: list[_Armed[OutcomeRule]] = self._armed(rules.receipts.rules)
        self._matching = bool(self._disconnect or self._no_answer or self._errors)
        self._throttling = rules.throttle.model_dump(exclude_defaults=True).keys() & {"per_second", "window", "queue"}
        self._usual = Outcome(rules.receipts.stat, rules.receipts.err)
        self._accepted: dict[str, deque[float]] = {}

    def _armed(self, rules: Iterable[R]) -> list[_Armed[R]]:
        return [_Armed(rule, self._chance) for rule in rules]

    def decide(self, system_id: str, pdu: Pdu, now: float, unanswered: int, queued: int) -> Verdict:
        """What becomes of a submit at `now` (seconds of any monotonic clock).

        `unanswered` submits wait on its connection, `queued` messages of its system_id have not ended yet.
        """
        cut = ""
        if self._matching:
            subject = Subject(pdu, self._charsets)
            disconnect = _first(self._disconnect, subject)
            cut = disconnect.when if disconnect else ""
            if cut == "before" or _first(self._no_answer, subject):
                return Verdict(None, cut)
            if error := _first(self._errors, subject):
                return Verdict(error.status, cut, error.words)
        if self._throttling:
            return Verdict(self._throttle(system_id, now, unanswered, queued), cut)
        return Verdict(0, cut) if cut else _ACCEPTED

    def _throttle(self, system_id: str, now: float, unanswered: int, queued: int) -> int:
        limits = self.rules.throttle
        if limits.window is not None and unanswered >= limits.window:
            return limits.window_status
        if limits.queue is not None and queued >= limits.queue:
            return QUEUE_FULL
        if limits.per_second is not None:
            accepted = self._accepted.setdefault(system_id, deque(maxlen=limits.per_second))
            if len(accepted) == limits.per_second and now - accepted[0] < limits.seconds:
                return limits.status
            accepted.append(now)
        return 0

    def outcome(self, pdu: Pdu) -> Outcome:
        """How an accepted message will end."""
        if self._outcomes and (rule := _first(self._outcomes, Subject(pdu, self._charsets))):
            return Outcome(rule.stat, rule.err)
        return self._usual

    def latency(self) -> float:
        """Seconds until the answer of one submit."""
        return self._draw(self.rules.latency)

    def receipt_delay(self) -> float:
        """Seconds from the answer to the receipt of one message."""
        return self._draw(self.rules.receipts.delay)

    def _draw(self, span: Span) -> float:
        return self._chance.uniform(*span) if isinstance(span, tuple) else span


_ACCEPTED = Verdict(0)


def _first(rules: list[_Armed[R]], subject: Subject) -> R | None:
    return next((armed.rule for armed in rules if armed.applies(subject)), None)


class Ids:
    """Draws message ids; `start` is the first number unless the rules name one."""

    def __init__(self, rules: MessageIds, start: int) -> None:
        self.rules = rules
        self._number = start if rules.start is None else rules.start
        self._random = "uuid" in (rules.submit, rules.receipt)
        self._plain = rules.submit == "decimal" and rules.receipt in (None, "decimal") and not rules.width

    def next(self) -> tuple[str, str]:
        """The next message_id as the answer and as the receipt say it."""
        if self._random:
            number = uuid.uuid4().int
        else:
            number = self._number
            self._number += 1
        if self._plain:
            return (plain := str(number)), plain
        rules = self.rules
        submit = _written(number, rules.submit).zfill(rules.width)
        return submit, _written(number, rules.receipt or rules.submit).zfill(rules.width)


def _written(number: int, base: Base) -> str:
    if base == "uuid":
        return str(uuid.UUID(int=number))
    return format(number, {"decimal": "d", "hex": "x", "HEX": "X"}[base])
