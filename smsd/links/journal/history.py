"""Reading the journal from outside, whether smsd runs or not: one message's life, and the connection log."""

import json
from typing import Any

from smsd.core.contract import timestamp
from smsd.links.journal.file import File


def life(file: File, message_id: str) -> dict[str, Any] | None:
    """What has happened to a request, in its order; None if the journal does not know it."""
    for start in file.starts:
        rows = file.of("message", start, "id", [message_id])
        if rows:
            return _life(file, start, message_id, rows)
    return None


def _life(file: File, start: int, message_id: str, rows: list[Any]) -> dict[str, Any]:
    no, _, _, written = max(rows)
    head = json.loads(written) if written else {}
    steps: list[dict[str, Any]] = []
    if head:
        shown = {name: head[name] for name in ("provider", "to", "sender", "encoding", "segments", "campaign")}
        steps.append({"at": timestamp(head["received_at"]), "step": "received"} | shown)
    for _, _, at, kind, n, facts in sorted(file.of("step", start, "no", [no])):
        segment = {"segment": n} if n else {}
        steps.append({"at": timestamp(at), "step": kind} | segment | (json.loads(facts) if facts else {}))
    results = [json.loads(row[3]) for row in file.of("result", start, "no", [no])]
    if not head:
        steps += [_told(result) for result in results]
    for step in steps:  # of several results the journal has the last one whole
        if step["step"] == "result" and results and step["result_id"] == results[-1]["result_id"]:
            step |= {name: results[-1][name] for name in ("reason", "detail")}
    waiting = file.all("SELECT count(*) FROM outbox WHERE ordering = ?", message_id)[0][0]
    provider = head.get("provider") or (results[-1]["provider"] if results else None)
    return {"id": message_id, "provider": provider, "steps": steps, "results": results, "unpublished": waiting}


def _told(result: dict[str, Any]) -> dict[str, Any]:
    """The only step of a request that never became a message."""
    names = ("status", "final", "result_id", "reason", "detail")
    return {"at": result["received_at"], "step": "result"} | {name: result[name] for name in names}


def connection_log(file: File, provider: str | None, since: float, most: int) -> list[dict[str, Any]]:
    """Events from `since` (seconds since 1970) on, the oldest first; of more than `most` the latest."""
    rows: list[Any] = []
    for start in file.starts:
        only = "AND provider = ?" if provider is not None else ""
        values = (since, provider) if provider is not None else (since,)
        rows += file.all(f"SELECT seq, body FROM event_{start} WHERE at >= ? {only}", *values)
    return [json.loads(body) for _, body in sorted(rows)[-most:]]
