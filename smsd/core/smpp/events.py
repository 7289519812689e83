"""What a session tells its owner."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from smsd.core.smpp.codec import Pdu


@dataclass(frozen=True, slots=True)
class Bound:
    """The bind is open. `system_id` is the SMSC's own name, `version` its sc_interface_version where it said one."""

    system_id: str
    version: int | None


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The SMSC said no (`status`), or nothing within bind_timeout (`status` None)."""

    status: int | None


class Answered(NamedTuple):
    """A request of ours has its answer. `context` is what was given with the request; `latency` in seconds."""

    context: Any
    status: int
    message_id: str
    pdu: Pdu
    latency: float
    late: bool
    """True when the request had already been given up as `TimedOut`."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer within submit_timeout. The peer may or may not have the message."""

    context: Any


@dataclass(frozen=True, slots=True)
class Arrived:
    """A deliver_sm or data_sm, to be answered with `Session.answer`."""

    pdu: Pdu


@dataclass(frozen=True, slots=True)
class Noticed:
    """A PDU that asks for nothing: alert_notification, outbind, an answer that nobody waits for."""

    pdu: Pdu
    sentence: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A PDU that could not be read; it has been answered where SMPP has an answer for it."""

    sentence: str
    pdu_hex: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over. `lost` are the contexts of all requests without an answer, oldest first."""

    reason: str
    lost: tuple[Any, ...]
    by_peer: bool
    in_order: bool = field(default=False, compare=False)
    """Whether the peer has said that it takes the session for ended; else its side may stay open."""


Event = Bound | BindRefused | Answered | TimedOut | Arrived | Noticed | Malformed | Closed
