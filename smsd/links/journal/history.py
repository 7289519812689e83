"""Reading the journal from outside, whether smsd runs or not: one message's life, and the connection log."""

import json
from typing import Any, NamedTuple

from smsd.core.contract import timestamp
from smsd.links.journal.file import File

LATEST = 10_000
"""Events that are looked at for what was known last."""

ASIDE = ("connecting", "throttled", "throttle_ended", "paused", "resumed")
"""Events of providers that say nothing of why a connection is open or closed."""


def life(file: File, message_id: str) -> dict[str, Any] | None:
    """What has happened to a request, in its order; None if the journal does not know it."""
    for start in file.starts:
        rows = file.of("message", start, "id", [message_id])
        if rows:
            return _life(file, start, message_id, rows)
    return None


def _life(file: File, start: int, message_id: str, rows: list[Any]) -> dict[str, Any]:
    no, _, _, written = max(rows)
    head = _object(written)
    steps: list[dict[str, Any]] = []
    if head:
        shown = {name: head.get(name) for name in ("provider", "to", "sender", "encoding", "segments", "campaign")}
        at = head.get("received_at")
        shown |= {"unreadable": head["unreadable"]} if "unreadable" in head else {}
        steps.append({"at": timestamp(at) if isinstance(at, int | float) else None, "step": "received"} | shown)
    for _, _, at, kind, n, facts in sorted(file.of("step", start, "no", [no])):
        segment = {"segment": n} if n else {}
        steps.append({"at": timestamp(at), "step": kind} | segment | _object(facts))
    results = [told for row in file.of("result", start, "no", [no]) if "result_id" in (told := _object(row[3]))]
    if not head:
        steps += [_told(result) for result in results]
    for step in steps:  # of several results the journal has the last one whole
        if step["step"] == "result" and results and step.get("result_id") == results[-1]["result_id"]:
            step |= {name: results[-1][name] for name in ("reason", "detail")}
    waiting = file.all("SELECT count(*) FROM outbox WHERE ordering = ?", message_id)[0][0]
    provider = head.get("provider") or (results[-1]["provider"] if results else None)
    return {"id": message_id, "provider": provider, "steps": steps, "results": results, "unpublished": waiting}


def _object(written: str | bytes) -> dict[str, Any]:
    """A JSON object of the file; of one that can't be read that much is said."""
    if not written:
        return {}
    try:
        told = json.loads(written)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"unreadable": str(written[:200])}


def _told(result: dict[str, Any]) -> dict[str, Any]:
    """The only step of a request that never became a message."""
    names = ("status", "final", "result_id", "reason", "detail")
    return {"at": result["received_at"], "step": "result"} | {name: result[name] for name in names}


def connection_log(file: File, provider: str | None, since: float, most: int) -> list[dict[str, Any]]:
    """Events from `since` (seconds since 1970) on, the oldest first; of more than `most` the latest."""
    rows: list[Any] = []
    for start in file.starts:
        only = "AND provider = ?" if provider is not None else ""
        question = f"SELECT seq, body FROM event_{start} WHERE at >= ? {only} ORDER BY seq DESC LIMIT ?"
        rows += file.all(question, *[value for value in (since, provider, most - len(rows)) if value is not None])
    return [json.loads(body) for _, body in sorted(rows)]


class Last(NamedTuple):
    """How a provider's connection was when it was last heard of. Times are those of the events."""

    state: str
    since: str
    detail: str
    paused: bool


def last_known(file: File) -> dict[str, Last]:
    """By provider, from the latest events; one of which they say nothing is left out."""
    told: dict[str, Last] = {}
    paused = {name for (name,) in file.all("SELECT provider FROM standing WHERE kind = 'paused'")}
    for event in connection_log(file, None, 0.0, LATEST):
        provider, state = event["provider"], event["state"]
        if provider is None or event["event"] in ASIDE:
            continue
        before = told.get(provider)
        since = before.since if before is not None and before.state == state else event["at"]
        told[provider] = Last(state, since, event["detail"], provider in paused)
    return told


def latest(file: File, most: int, provider: str | None = None) -> list[dict[str, Any]]:
    """The latest events, the newest first; of one provider, or of all and of the daemon."""
    return connection_log(file, provider, 0.0, most)[::-1]
