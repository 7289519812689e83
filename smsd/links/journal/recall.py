"""What the journal's file knows, read back into messages, results and publications.

A record that can't be read costs its own message only: it is logged, and whoever asks for it is told so.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from smsd.core.contract import RESULT_TYPE
from smsd.core.errors import RecordUnreadable
from smsd.core.life import Step, revive
from smsd.core.message import Known, Message, Part
from smsd.core.publication import Publication
from smsd.links.journal.file import File

log = structlog.get_logger("smsd.journal")

Place = tuple[int, int]
"""A message's partition and its number."""

Unreadable = dict[int, str]
"""Numbers of messages whose record can't be read, and why."""


def known(file: File, ids: Iterable[str]) -> dict[str, Known]:
    """What is known of each of these request ids; those of which nothing is known are left out."""
    wanted = set(ids)
    found: dict[str, Known] = {}
    for start in file.starts:
        heads = {row[1]: row for row in sorted(file.of("message", start, "id", wanted))}  # of several the last
        results = _results(file, start, [row[0] for row in heads.values()])
        open_ = [row for row in heads.values() if row[0] not in results]
        messages, unreadable = _messages(file, start, open_, {})
        for no, id_, fingerprint, _ in heads.values():
            result = _result_of(id_, results.get(no))
            found[id_] = Known(fingerprint, messages.get(no), result, unreadable.get(no))
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
            if no in messages and n <= len(messages[no].parts):
                found[name] = (messages[no], messages[no].parts[n - 1])
        wanted -= places.keys()
        if not wanted:
            break
    return found


def load(file: File, start: int, numbers: Iterable[int]) -> dict[int, Message]:
    """Messages of one partition by their numbers; those that can't be read are left out."""
    return _load(file, start, numbers)[0]


def _load(file: File, start: int, numbers: Iterable[int]) -> tuple[dict[int, Message], Unreadable]:
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
            if no in messages and n <= len(messages[no].parts):
                messages[no].parts[n - 1].intent = seq
        found += messages.values()
    return found


def overdue(file: File, provider: str, now: float, most: int) -> tuple[list[Message], list[int]]:
    """Messages of a provider whose receipt had to come before `now`, and the numbers of those that can't be read."""
    question = "SELECT part, no FROM awaiting WHERE provider = ? AND due <= ? ORDER BY due LIMIT ?"
    wanted: dict[int, set[int]] = defaultdict(set)
    for start, no in file.all(question, provider, now, most):
        wanted[start].add(no)
    found: list[Message] = []
    lost: list[int] = []
    for start, numbers in wanted.items():
        messages, _ = _load(file, start, numbers)
        found += messages.values()
        lost += numbers - messages.keys()
    return found, lost


def outbox(file: File, types: Sequence[str], after: int, most: int) -> list[tuple[int, Publication]]:
    """Publications of these AMQP types with a number above `after`, in their order."""
    of_types = f"type IN ({','.join('?' * len(types))})"
    question = f"SELECT * FROM outbox WHERE seq > ? AND {of_types} ORDER BY seq LIMIT ?"
    rows = file.all(question, after, *types, most)
    return [
        (seq, Publication(exchange, key, body, id_, type_, corr, _json(headers, {}), tuple(_json(reply, [])), order))
        for seq, exchange, key, body, id_, type_, corr, headers, reply, order in rows
    ]


def _json(written: str, kind: Any) -> Any:
    """What accompanies a publication, which is worth more than that: where it can't be read, nothing does."""
    try:
        told = json.loads(written)
    except ValueError:
        return kind
    return told if isinstance(told, type(kind)) else kind


def _results(file: File, start: int, numbers: Iterable[int]) -> dict[int, Any]:
    return {row[0]: row for row in file.of("result", start, "no", numbers)}


def _result_of(id_: str, row: Any) -> Publication | None:
    if row is None:
        return None
    _, exchange, key, body, message_id, correlation_id, headers = row
    told = _json(headers, {})
    return Publication(exchange, key, body, message_id, RESULT_TYPE, correlation_id, told, (), id_)


def _messages(
    file: File, start: int, heads: Iterable[Any], results: dict[int, Any]
) -> tuple[dict[int, Message], Unreadable]:
    whole = {row[0]: row for row in heads if row[3]}
    steps: dict[int, list[Step]] = defaultdict(list)
    for no, _, at, kind, n, facts in sorted(file.of("step", start, "no", whole)):
        steps[no].append(Step(at, kind, n, facts))
    messages: dict[int, Message] = {}
    unreadable: Unreadable = {}
    for no, id_, fingerprint, head in whole.values():
        try:
            message = revive(id_, fingerprint, head, steps[no], _result_of(id_, results.get(no)))
        except RecordUnreadable as error:
            log.error("unreadable", id=id_, detail=str(error))
            unreadable[no] = str(error)
            continue
        message.place = (start, no)
        messages[no] = message
    return messages, unreadable
