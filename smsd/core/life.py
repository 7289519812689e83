"""A message's life as the journal keeps it: a head that never changes, and steps. Read back, they are the message.

A step's facts are what became true with it, never how it came about: so reading back needs no rules.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from smsd.core.contract import SendRequest, dumps
from smsd.core.errors import RecordUnreadable
from smsd.core.message import IN_FLIGHT, WAITING, Ending, Message, Part
from smsd.core.publication import Publication

INTENT = "intent"
"""A part is about to be written to the provider; the facts name the `host` if it is not the message's first."""
UNWRITTEN = "unwritten"
"""It was not written after all."""
ANSWER = "answer"
UNANSWERED = "unanswered"
"""The answer did not come in time, or the link or the daemon died before it."""
LATE_ANSWER = "late-answer"
RECEIPT = "receipt"
"""The facts may name other parts, `also`, that it speaks of: those of the same id."""
RESULT = "result"
HELD = "held"
"""The request rests at the broker until its time has come."""
PDU = "pdu"
"""What went over the wire, where operators asked for that; it makes nothing true."""

_ANSWERS = (ANSWER, LATE_ANSWER)

NORMAL = 1
"""The priority of a record that names none."""


class Step(NamedTuple):
    """One step of a message. `n` is the part's number, 0 for the whole; `at` is seconds since 1970."""

    at: float
    kind: str
    n: int
    facts: str
    """JSON object, or empty."""


def head(message: Message) -> str:
    """What is known of a message before its first step. Its text stays out: the request at the broker has it."""
    request = message.request
    return dumps(
        {
            "provider": message.provider,
            "priority": message.priority,
            "received_at": message.received_at,
            "to": request.to,
            "campaign": request.campaign,
            "callback": request.callback,
            "expires_at": request.expires_at,
            "recipient": message.recipient,
            "sender": message.sender,
            "encoding": message.encoding,
            "segments": message.segments,
            "costs": [part.cost for part in message.parts],
            "receipt": message.receipt_asked,
            "resend": message.resend,
            "reference": message.reference,
            "cut": message.cut,
            "text_changed": message.text_changed,
            "correlation_id": message.correlation_id,
            "reply_to": message.reply_to,
            "traceparent": message.traceparent,
        }
    ).decode()


def facts_of(part: Part) -> dict[str, Any]:
    """What a part's answer, or its absence, has made true."""
    facts: dict[str, Any] = {
        "status": part.status,
        "smpp_status": part.smpp_status,
        "smsc_id": part.smsc_id,
        "attempts": part.attempts,
    }
    if part.resent:
        facts["resent"] = part.resent
    if part.tlvs:
        facts["tlvs"] = part.tlvs
    return facts


def facts_of_whole(message: Message, age: float | None = None) -> dict[str, Any]:
    """What of the whole message a refusal or a silence may change; `age` is seconds of bound time since the first."""
    facts: dict[str, Any] = {}
    if message.ending is not None:
        facts["ending"] = asdict(message.ending)
    if message.possible_duplicate:
        facts["possible_duplicate"] = True
    if message.doubted_at is not None:
        facts["doubted_at"] = message.doubted_at
    if message.faults:
        facts["faults"] = message.faults
    if message.refusals:
        facts["refusals"] = message.refusals
    if message.last_status is not None:
        facts["last_status"] = message.last_status
    if age is not None:
        facts["age"] = round(age, 3)
    if message.due:
        facts["due"] = message.due
    return facts


def revive(
    message_id: str, fingerprint: bytes, written: str, steps: Iterable[Step], result: Publication | None
) -> Message:
    """The message of a head and its steps. It rests (`held`) until a delivery of it comes; its parts have no octets.

    Raises RecordUnreadable.
    """
    try:
        message = _of_head(message_id, fingerprint, json.loads(written))
        for step in steps:
            _take(message, step)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RecordUnreadable(f"the journal's record of it can't be read: {error!r}") from error
    message.todo.extend(part for part in message.parts if part.status == WAITING and message.ending is None)
    message.in_flight = sum(part.status == IN_FLIGHT for part in message.parts)
    message.result = result
    return message


def _of_head(message_id: str, fingerprint: bytes, told: dict[str, Any]) -> Message:
    """What an older version did not write down yet is as it was then: absent."""
    request = SendRequest.model_construct(
        id=message_id,
        to=told.get("to", ""),
        text="",
        campaign=told.get("campaign"),
        callback=told.get("callback"),
        expires_at=told.get("expires_at"),
    )
    costs = told.get("costs") or [1]
    message = Message(
        message_id,
        request,
        told["provider"],
        told.get("priority", NORMAL),
        fingerprint,
        told.get("received_at", 0.0),
        told.get("recipient", ""),
        told.get("sender", ""),
        told.get("encoding", ""),
        told.get("segments", sum(costs)),
        [Part(n, b"", cost) for n, cost in enumerate(costs, 1)],
        told.get("receipt", False),
        told.get("resend", False),
        told.get("correlation_id"),
        tuple(told.get("reply_to", ())),
        told.get("traceparent"),
    )
    message.reference = told.get("reference")
    message.cut = told.get("cut")
    message.text_changed = told.get("text_changed", False)
    message.held = True
    return message


def _take(message: Message, step: Step) -> None:
    facts = json.loads(step.facts) if step.facts else {}
    if step.n:
        if step.n > len(message.parts):  # of an earlier cut, see Intake._recompose
            return
        part = message.parts[step.n - 1]
        if step.kind == INTENT:
            part.status = IN_FLIGHT
            part.host = facts.get("host", message.host)
        elif step.kind == UNWRITTEN:
            part.status = WAITING
        elif message.host is None:
            message.host = part.host
        part.status = facts.get("status", part.status)
        part.smpp_status = facts.get("smpp_status", part.smpp_status)
        part.smsc_id = facts.get("smsc_id", part.smsc_id)
        part.attempts = facts.get("attempts", part.attempts)
        part.receipt = facts.get("receipt", part.receipt)
        for other in [message.parts[n - 1] for n in facts.get("also", ())]:
            other.status, other.receipt = part.status, part.receipt
        if step.kind in _ANSWERS:
            part.tlvs = facts.get("tlvs")
        part.resent = facts.get("resent", part.resent)
        if part.accepted and message.sent_at is None:
            message.sent_at = step.at
    elif step.kind == RESULT:
        message.status = facts["status"]
        message.corrects = facts.get("corrects")
        message.done_at = step.at if facts.get("final") else None
    if "ending" in facts:
        message.ending = Ending(**facts["ending"])
    message.possible_duplicate = facts.get("possible_duplicate", message.possible_duplicate)
    message.doubted_at = facts.get("doubted_at", message.doubted_at)
    message.faults = facts.get("faults", message.faults)
    message.refusals = facts.get("refusals", message.refusals)
    message.last_status = facts.get("last_status", message.last_status)
    message.due = facts.get("due", message.due)
    if "age" in facts:
        message.first_refused_at = -facts["age"]
