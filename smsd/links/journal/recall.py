"""What the journal's file knows, read back into messages, results and publications."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from smsd.core.contract import RESULT_TYPE
from smsd.core.life import Step, revive
from smsd.core.message import Known, Message, Part
from smsd.core.publication import Publication
from smsd.links.journal.file import File

Place = tuple[int, int]
"""A message's partition and its number."""


def known(file: File, ids: Iterable[str]) -> dict[str, Known]:
    """What is known of each of these request ids; those of which nothing is known are left out."""
    wanted = set(ids)
    found: dict[str, Known] = {}
    for start in file.starts:
        heads = {row[1]: row for row in sorted(file.of("message", start, "id", wanted))}  # of several the last
        results = _results(file, start, [row[0] for row in heads.values()])
        open_ = [row for row in heads.values() if row[0] not in results]
        messages = _messages(file, start, open_, {})
        for no, id_, fingerprint, _ in heads.values():
            found[id_] = Known(fingerprint, messages.get(no), _result_of(id_, results.get(no)))
        wanted -= heads.keys()
        if not wanted:
            break
    return found


def matched(file: File, names: Iterable[str]) -> dict[str, tuple[Message, Part]]:
    """The parts that SMSC ids (with their receipt group) stand for."""
    wanted = set(names)
    found: dict[str, tuple[Message, Part]] = {}
    for start in file.starts:
        places = {name: (no, n) for name, no, n in file.of("smsc_id", start, "name", wanted)}
        messages = load(file, start, {no for no, _ in places.values()})
        for name, (no, n) in places.items():
            if no in messages:
                found[name] = (messages[no], messages[no].parts[n - 1])
        wanted -= places.keys()
        if not wanted:
            break
    return found


def load(file: File, start: int, numbers: Iterable[int]) -> dict[int, Message]:
    """Messages of one partition by their numbers."""
    heads = file.of("message", start, "no", numbers)
    return _messages(file, start, heads, _results(file, start, [row[0] for row in heads]))


def uncertain(file: File) -> list[Message]:
    """Messages with parts whose intent has no outcome, each part with the intent's number."""
    intents: dict[int, list[Any]] = defaultdict(list)
    for seq, start, no, n in file.all("SELECT seq, part, no, n FROM intent ORDER BY seq"):
        intents[start].append((seq, no, n))
    found: list[Message] = []
    for start, of_partition in intents.items():
        messages = load(file, start, {no for _, no, _ in of_partition})
        for seq, no, n in of_partition:
            if no in messages:
                messages[no].parts[n - 1].intent = seq
        found += messages.values()
    return found


def overdue(file: File, provider: str, now: float, most: int) -> list[Message]:
    """Messages of a provider whose receipt had to come before `now`."""
    question = "SELECT part, no FROM awaiting WHERE provider = ? AND due <= ? ORDER BY due LIMIT ?"
    wanted: dict[int, set[int]] = defaultdict(set)
    for start, no in file.all(question, provider, now, most):
        wanted[start].add(no)
    return [message for start, numbers in wanted.items() for message in load(file, start, numbers).values()]


def outbox(file: File, after: int, most: int) -> list[tuple[int, Publication]]:
    """Publications with a number above `after`, in their order."""
    rows = file.all("SELECT * FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", after, most)
    return [
        (seq, Publication(exchange, key, body, id_, type_, corr, json.loads(headers), tuple(json.loads(reply)), order))
        for seq, exchange, key, body, id_, type_, corr, headers, reply, order in rows
    ]


def _results(file: File, start: int, numbers: Iterable[int]) -> dict[int, Any]:
    return {row[0]: row for row in file.of("result", start, "no", numbers)}


def _result_of(id_: str, row: Any) -> Publication | None:
    if row is None:
        return None
    _, exchange, key, body, message_id, correlation_id, headers = row
    told = json.loads(headers)
    return Publication(exchange, key, body, message_id, RESULT_TYPE, correlation_id, told, (), id_)


def _messages(file: File, start: int, heads: Iterable[Any], results: dict[int, Any]) -> dict[int, Message]:
    whole = {row[0]: row for row in heads if row[3]}
    steps: dict[int, list[Step]] = defaultdict(list)
    for no, _, at, kind, n, facts in sorted(file.of("step", start, "no", whole)):
        steps[no].append(Step(at, kind, n, facts))
    messages = {}
    for no, id_, fingerprint, head in whole.values():
        message = revive(id_, fingerprint, head, steps[no], _result_of(id_, results.get(no)))
        message.place = (start, no)
        messages[no] = message
    return messages
