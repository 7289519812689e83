"""What we publish, and what the broker can make of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Confirm(Enum):
    """The broker's answer to a publish."""

    DONE = "confirmed"
    UNROUTABLE = "returned: no queue is bound for it"
    REFUSED = "nacked by the broker"


@dataclass(slots=True)
class Publication:
    """One message to the broker: persistent JSON, mandatory."""

    exchange: str
    key: str
    body: bytes
    message_id: str
    type: str
    correlation_id: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    reply_to: tuple[str, ...] = ()
    """Queues that get a copy at best effort."""
    order: str = ""
    """Publications with the same `order` reach the broker in the order they were given; empty: any order."""
