"""Results as the contract wants them: from a message and its end to octets and routing key."""

from functools import lru_cache
from typing import Any

from smsd.core.contract import RESULT_TYPE, dumps, result_id, timestamp
from smsd.core.errors import ContractError
from smsd.core.message import IN_FLIGHT, WAITING, Ending, Message, Part
from smsd.core.publication import Publication
from smsd.core.smpp import status as smpp_status

FINAL = frozenset(
    {"delivered", "undelivered", "expired", "rejected", "failed", "cancelled", "uncertain", "unconfirmed"}
)
"""Statuses after which nothing follows; `sent` is final too where no receipt was asked for."""


def result(message: Message, ending: Ending, prefix: str, now: float) -> Publication:
    """The result of a message. `now` is seconds since 1970."""
    status = ending.status
    final = status in FINAL or not message.receipt_asked
    request = message.request
    detail = ending.detail
    if len(message.parts) > 1 and len(hosts := message.hosts()) > 1:
        detail = f"{detail}; {_over(hosts)}" if detail else _over(hosts)
    identity = result_id(message.id, status, message.corrects)
    if final:
        message.done_at = now
    body: dict[str, Any] = {
        "result_id": identity,
        "id": message.id,
        "provider": message.provider,
        "campaign": request.campaign,
        "callback": request.callback,
        "to": request.to,
        "from": message.sender,
        "status": status,
        "final": final,
        "reason": ending.reason,
        "detail": detail,
        "permanent": ending.permanent,
        "smpp_status": _status(ending.smpp_status),
        "encoding": message.encoding,
        "segments": message.segments,
        "segments_sent": message.segments_sent,
        "parts": [_part(part) for part in message.parts],
        "attempts": message.attempts,
        "possible_duplicate": message.possible_duplicate,
        "corrects": message.corrects,
        "received_at": timestamp(message.received_at),
        "sent_at": message.sent_at and timestamp(message.sent_at),
        "done_at": timestamp(now) if final else None,
    }
    if message.text_changed:
        body["text_changed"] = True
    if message.host is not None:
        body["host"] = message.host
    return Publication(
        f"{prefix}.results",
        f"{message.provider}.{status}",
        dumps(body),
        identity,
        RESULT_TYPE,
        message.correlation_id or message.id,
        {"traceparent": message.traceparent} if message.traceparent else {},
        message.reply_to,
        message.id,
    )


def _over(hosts: list[str]) -> str:
    return f"its segments went over {' and '.join(hosts)}: the provider may not join them"


@lru_cache(maxsize=512)
def _status(code: int | None) -> dict[str, object] | None:
    return None if code is None else smpp_status.as_json(code)


def _part(part: Part) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "n": part.n,
        "smsc_id": part.smsc_id,
        "status": WAITING if part.status == IN_FLIGHT else part.status,
        "smpp_status": _status(part.smpp_status),
    }
    if part.tlvs is not None:
        shown["tlvs"] = part.tlvs
    if part.receipt is not None:
        shown["receipt"] = part.receipt
    return shown


def rejection(
    error: ContractError,
    known: dict[str, Any],
    *,
    provider: str | None,
    prefix: str,
    received_at: float,
    identity: str,
    correlation_id: str | None,
    reply_to: str | None,
    traceparent: str | None,
    status: str = "rejected",
    permanent: bool = True,
) -> Publication:
    """The result of a request that never became a message; `known` is what could be read of it."""
    request_id = known.get("id")
    body: dict[str, Any] = {
        "result_id": identity,
        "id": request_id,
        "provider": provider,
        "campaign": known.get("campaign"),
        "callback": known.get("callback"),
        "to": known.get("to"),
        "from": known.get("from") or "",
        "status": status,
        "final": True,
        "reason": error.reason,
        "detail": f"{error.field}: {error.sentence}",
        "permanent": permanent,
        "smpp_status": None,
        "encoding": None,
        "segments": 0,
        "segments_sent": 0,
        "parts": [],
        "attempts": 0,
        "possible_duplicate": False,
        "corrects": None,
        "received_at": timestamp(received_at),
        "sent_at": None,
        "done_at": timestamp(received_at),
    }
    return Publication(
        f"{prefix}.results",
        f"{provider or 'unknown'}.{status}",
        dumps(body),
        identity,
        RESULT_TYPE,
        correlation_id or request_id,
        {"traceparent": traceparent} if traceparent else {},
        (reply_to,) if reply_to else (),
        request_id or "",
    )
