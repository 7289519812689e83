"""Messages as the intake makes them, in any state, for tests that need no daemon."""

import json
from typing import Any

from smsd.core.contract import SendRequest, fingerprint, read_request
from smsd.core.message import IN_FLIGHT, WAITING, Message, parts_of


def request(**fields: Any) -> SendRequest:
    """A good request with these fields in place of, or beside, the required ones."""
    return read_request(json.dumps({"id": "order-1", "to": "+7 900 000 00 00", "text": "x", **fields}).encode(), None)


def message(*statuses: str, cost: int = 1, asked: SendRequest | None = None, **changes: Any) -> Message:
    """A message to provider `p` whose parts have these statuses (none given: one part that waits).

    What waits is still to be handed over; what does not was tried once.
    """
    asked = asked or request()
    parts = parts_of([b"body"] * (len(statuses) or 1), cost)
    for part, status in zip(parts, statuses, strict=False):
        part.status = status
        part.attempts = 0 if status == WAITING else 1
    made = Message(
        id=asked.id or "",
        request=asked,
        provider="p",
        priority=1,
        fingerprint=fingerprint(asked.to, asked.text),
        received_at=1_772_366_400.0,
        recipient="79000000000",
        sender="ACME",
        encoding="gsm7",
        segments=len(parts) * cost,
        parts=parts,
        receipt_asked=True,
        resend=False,
        todo=[part for part in parts if part.status == WAITING],
        in_flight=sum(part.status == IN_FLIGHT for part in parts),
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made
