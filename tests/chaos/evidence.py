"""What a run leaves behind to judge it by: what the CRM sent and got, what the SMSCs saw, what still lies in queues.

The witness is the simulators' log, one JSON line for each submit and for each answer to a deliver_sm.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

UDHI = 0x40
"""esm_class of a short_message that begins with a user data header."""
UDH_PART = slice(10, 12)
"""Where the number of the segment stands in the hex of a header with an 8-bit reference."""


class Request(NamedTuple):
    """A request that the broker has confirmed. Its recipient is nobody else's, so that the SMSC's record names it."""

    id: str
    provider: str
    to: str
    outcome: str
    """The status that its receipts tell."""
    at: float = 0.0
    """When the broker had it, in seconds of the epoch, as everywhere here."""


class Submit(NamedTuple):
    """One segment as the SMSC got it. `status` None: it gave no answer, so whether it took it nobody knows."""

    at: float
    to: str
    part: int
    message_id: str
    status: int | None

    @property
    def handed_over(self) -> bool:
        """Not refused."""
        return self.status in (0, None)


class Receipt(NamedTuple):
    """How smsd answered a receipt of the SMSC's."""

    at: float
    message_id: str
    status: int


class Part(NamedTuple):
    smsc_id: str | None
    status: str


class Result(NamedTuple):
    """As the CRM read it."""

    at: float
    result_id: str
    status: str
    final: bool
    possible_duplicate: bool = False
    corrects: str | None = None
    reason: str | None = None
    segments: int = 1
    parts: tuple[Part, ...] = ()


@dataclass
class Account:
    """One provider's share, without what the requests have."""

    submits: list[Submit] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    unmatched: set[str] = field(default_factory=set)
    """SMSC ids that the CRM heard of as `P.unmatched`."""
    inbound_sent: set[str] = field(default_factory=set)
    """Texts from handsets; no two are the same."""
    inbound_read: set[str] = field(default_factory=set)


@dataclass
class Evidence:
    """All of it."""

    requests: list[Request]
    results: dict[str, list[Result]]
    """By request id, in the order they came."""
    accounts: dict[str, Account]
    queues: dict[str, int] = field(default_factory=dict)
    """Messages left in queues, by their names without the prefix; only those that have any."""


def read_log(lines: Iterable[str], account: Account) -> None:
    """Adds what one simulator's log says."""
    for entry in map(json.loads, lines):
        if entry["event"] == "submit":
            account.submits.append(_submit(entry))
        elif entry["event"] == "delivery" and entry["kind"] == "receipt":
            account.receipts.append(Receipt(entry["at"], entry["message_id"], entry["status"]))


def _submit(entry: dict[str, Any]) -> Submit:
    part = int(entry["short_message"][UDH_PART], 16) if entry["esm_class"] & UDHI else 1
    return Submit(entry["at"], entry["destination_addr"], part, entry["message_id"], entry["status"])


def read_result(body: dict[str, Any], at: float) -> Result:
    """A result's body as the CRM reads it."""
    return Result(
        at,
        body["result_id"],
        body["status"],
        body["final"],
        body["possible_duplicate"],
        body["corrects"],
        body["reason"],
        body["segments"],
        tuple(Part(part["smsc_id"], part["status"]) for part in body["parts"]),
    )
