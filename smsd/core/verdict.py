"""What an answer to a submit_sm means for the message, and an answer to a bind for the bind.

The table is `errors` of the field research; a provider's own `errors` override it. Unknown statuses are permanent: a
code that nobody has explained is shown to people rather than paid for again and again.
"""

from collections.abc import Mapping
from enum import StrEnum

from smsd.core.smpp import status as smpp_status


class Verdict(StrEnum):
    """Classes of answers. The words are those of the setting `errors`."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"
    RETRY = "retry"
    THROTTLE = "throttle"
    BIND_FAULT = "bind_fault"
    NO_CREDIT = "no_credit"


_CLASSES: dict[int, Verdict] = {
    0x00: Verdict.ACCEPTED,
    0x04: Verdict.BIND_FAULT,
    0x05: Verdict.BIND_FAULT,
    0x08: Verdict.RETRY,
    0x14: Verdict.THROTTLE,
    0x45: Verdict.RETRY,
    0x58: Verdict.THROTTLE,
    0x64: Verdict.RETRY,
    0xFE: Verdict.RETRY,
    0xFF: Verdict.RETRY,
    0x40B: Verdict.NO_CREDIT,
}


def verdict(status: int, overrides: Mapping[int, str] | None = None) -> Verdict:
    """The class of a submit_sm_resp's command_status."""
    if status and overrides and (own := overrides.get(status)):
        return Verdict(own)
    return _CLASSES.get(status, Verdict.PERMANENT)


def reason(status: int, overrides: Mapping[int, str] | None = None) -> str:
    """The contract's slug for a message that ends with this status: whose no it was; the status itself says why."""
    return _REASONS.get(verdict(status, overrides), "refused-by-provider")


_REASONS = {Verdict.THROTTLE: "throttled", Verdict.NO_CREDIT: "no-credit"}


class BindVerdict(StrEnum):
    """Why a bind was refused, as far as it decides how long to wait; the words are those of the events."""

    REFUSED = "bind_rejected"
    AUTH_FAILED = "auth_failed"
    ALREADY_BOUND = "already_bound"


def bind_verdict(status: int | None) -> BindVerdict:
    """0x05 is temporary (never "bound", quirk Q45), a wrong login or system_type waits for people."""
    if status == 0x05:
        return BindVerdict.ALREADY_BOUND
    if status in (0x0E, 0x0F, 0x53):
        return BindVerdict.AUTH_FAILED
    return BindVerdict.REFUSED


def explain(status: int | None) -> str:
    """One sentence for an event or a result."""
    return "the provider did not answer" if status is None else smpp_status.sentence(status)


def explain_bind(status: int | None) -> str:
    """The same for a bind that was refused: some statuses mean something else there."""
    if status not in _OF_BINDS:
        return explain(status)
    return f"{smpp_status.name(status)}: {_OF_BINDS[status]}"


_VERSIONS = "the provider can't read the bind: look at `version` and `bind` (SMPP 3.3 has no transceiver)"
_OF_BINDS = {
    0x01: _VERSIONS,
    0x02: _VERSIONS,
    0x03: _VERSIONS,
    0x04: "the provider does not allow this kind of bind: look at `bind`, and whether it wants `split`",
    0x05: "the provider still sees another bind with this login: stop the other one, or wait until the provider has "
    "noticed that it is gone (`reconnect.already_bound`); look at `bind` too",
    0x0D: "the provider refuses the bind without saying why: look at `system_id`, `password`, `system_type`, `version` "
    "and `bind`, and ask it about the balance, the number of binds and this machine's address",
    0x14: "the provider has no room for another bind: ask it how many this login may have",
    0x58: "too many binds in a short time: raise `reconnect.min`",
}
