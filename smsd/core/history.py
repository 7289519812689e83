"""What a message has been through, in the header of its copy in a hold queue, and back."""

import json
import math
from collections.abc import Mapping
from typing import Any

from smsd.core.message import SENT, UNCERTAIN, Message, Part

DUE = "x-smsd-due"
"""Header: seconds since 1970, as text, before which the request is not handed over."""

HISTORY = "x-smsd-history"
"""Header: JSON of what `headers` writes."""

LATEST = 253_402_300_799
"""9999-12-31T23:59:59Z in seconds since 1970: no later moment can be written down."""


def headers(message: Message, age: float, rest: float | None = None) -> dict[str, str]:
    """`age` is how many seconds of bound time have passed since the first refusal.

    `rest` is how many seconds of a retry's delay will be left when it comes back; None: it waits for `send_after`.
    """
    history = {
        "rest": None if rest is None else round(max(rest, 0.0), 3),
        "age": round(age, 3) if message.first_refused_at is not None else None,
        "refusals": message.refusals,
        "last_status": message.last_status,
        "received_at": message.received_at,
        "sent_at": message.sent_at,
        "possible_duplicate": message.possible_duplicate,
        "reference": message.reference,
        "cut": message.cut,
        "parts": [
            [SENT if part.accepted else part.status, part.smsc_id, part.smpp_status, part.attempts]
            for part in message.parts
        ],
    }
    return {DUE: repr(message.due), HISTORY: json.dumps(history, separators=(",", ":"))}


def due(found: Mapping[str, Any]) -> float:
    """The due time in a delivery's headers; 0 where there is none that makes sense."""
    try:
        moment = float(found.get(DUE, 0))
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return moment if math.isfinite(moment) and moment <= LATEST else 0.0


def read(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The history in a delivery's headers. Callers can write headers too: what makes no sense is no history."""
    if HISTORY not in found:
        return None
    try:
        history = json.loads(found[HISTORY])
    except (TypeError, ValueError, RecursionError):
        return None
    return history if isinstance(history, dict) else None


def rest(history: dict[str, Any] | None) -> float | None:
    """Seconds that were left of a retry's delay when the hold queue had done its part."""
    return _seconds((history or {}).get("rest"))


def reference(history: dict[str, Any] | None) -> int | None:
    """The concatenation reference that earlier segments carried."""
    return _number((history or {}).get("reference"), 0xFFFF)


def restore(message: Message, history: dict[str, Any], now: float) -> bool:
    """Lays a history over a message composed anew; `now` is on the clock of the time bound.

    False if some of its segments are out already and those made anew can't be joined with them.
    """
    parts = history.get("parts")
    if not isinstance(parts, list):
        return True
    begun = any(isinstance(told, list) and told[:1] in ([SENT], [UNCERTAIN]) for told in parts)
    joins = len(parts) == len(message.parts) and history.get("cut") in (None, message.cut)
    if len(parts) != len(message.parts):
        return not begun
    age = _seconds(history.get("age"))
    message.first_refused_at = None if age is None else now - age
    message.refusals = _number(history.get("refusals")) or 0
    message.last_status = _number(history.get("last_status"))
    if (received_at := _seconds(history.get("received_at"))) is not None:
        message.received_at = received_at
    if (sent_at := _seconds(history.get("sent_at"))) is not None:
        message.sent_at = sent_at
    message.possible_duplicate = bool(history.get("possible_duplicate"))
    for part, told in zip(message.parts, parts, strict=True):
        _restore_part(part, told)
    for part in [part for part in message.todo if part.status in (SENT, UNCERTAIN)]:
        message.todo.remove(part)
    return joins or not begun


def _restore_part(part: Part, told: Any) -> None:
    if not isinstance(told, list) or len(told) != 4:
        return
    status, smsc_id, smpp_status, attempts = told
    if status in (SENT, UNCERTAIN):
        part.status = status
    part.smsc_id = smsc_id if isinstance(smsc_id, str) else None
    part.smpp_status = _number(smpp_status)
    part.attempts = _number(attempts) or 0


def _number(value: Any, most: int = 0xFFFFFFFF) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None


def _seconds(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and 0 <= value <= LATEST else None
