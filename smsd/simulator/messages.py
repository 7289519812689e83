"""The messages that the SMSC has accepted, and the deliver_sm that it has to hand over."""

from dataclasses import dataclass
from datetime import UTC, datetime

REMEMBERED = 100_000
"""The newest messages, at least this many, can be asked for with query_sm."""

ENROUTE = "ENROUTE"
_STATES = {
    ENROUTE: 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
    "SCHEDULED": 0,
    "SKIPPED": 9,
}


def message_state(stat: str) -> int:
    """The number of a stat word (SMPP 3.4 §5.2.28, 5.0 §4.7.15); words of a provider's own are UNKNOWN."""
    return _STATES.get(stat, _STATES["UNKNOWN"])


@dataclass(slots=True)
class Message:
    """An accepted submit, on its way to its end. Times are seconds since the epoch."""

    message_id: str
    receipt_id: str
    """The same id as receipts write it."""
    system_id: str
    frame: bytes
    registered_delivery: int
    accepted_at: float
    stat: str | None
    """How it ends; None when it never does."""
    err: str
    ends_at: float

    def has_ended(self, now: float) -> bool:
        return self.stat is not None and now >= self.ends_at


@dataclass(slots=True)
class Delivery:
    """A deliver_sm for a receiver of `system_id`, without its header."""

    system_id: str
    kind: str
    """`receipt` or `inbound`."""
    message_id: str
    body: bytes


class Messages:
    """The newest messages by their id: between 100 000 and twice as many, forgotten by the generation."""

    def __init__(self) -> None:
        self._young: dict[str, Message] = {}
        self._old: dict[str, Message] = {}

    def add(self, message: Message) -> None:
        self._young[message.message_id] = message
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}

    def get(self, message_id: str) -> Message | None:
        return self._young.get(message_id) or self._old.get(message_id)


def smpp_time(seconds: float) -> str:
    """An absolute time in UTC (SMPP 3.4 §7.1.1)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%y%m%d%H%M%S}{moment.microsecond // 100_000}00+"
