"""Messages that did not arrive, counted by what was wrong: what an operator looks through, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from smsd.core import verdict

MOST = 500
"""Kinds of failure that are remembered: provider by provider there are a few dozen."""

FORGOTTEN = 86_400.0
"""Seconds after which one that has not happened again is history."""

_WISHED = ("cancelled", "blocked")
"""Reasons that somebody wanted."""

_SENTENCES = {
    "invalid-request": "the request is not as the contract says: `detail` of its result names the field",
    "unknown-provider": "the routing key names no provider of this file: correct the CRM, or add the provider",
    "sender-not-allowed": "`from` is not among the provider's `senders`: register it there and add it, or correct it",
    "bad-number": "`to` is no phone number: clean the CRM's numbers, or set `default_region`",
    "text-not-encodable": "none of the provider's `encodings` has all characters of the text: add ucs2",
    "too-long": "the text needs more than `max_segments`: shorten it, or raise the limit",
    "duplicate-id": "the id was another message's: the CRM must give each request its own",
    "expired": "its time ran out before it arrived: look at what waits, at `max_rate`, and at `validity`",
    "no-credit": "the account at the provider has no money: top it up",
    "provider-down": "the provider was not connected for too long: look at its connection",
    "no-response": "handed over and never answered, it may have arrived: ask the provider, `smsd trace ID` has the "
    "times",
    "connection-lost": "the connection ended before the answer, it may have arrived: ask the provider, "
    "`smsd trace ID` has the times",
    "partly-sent": "only some segments were accepted: `smsd trace ID` shows which, and why not the others",
    "delivery-failed": "the receipt says so: err in it is the provider's own code, ask it for the meaning",
    "no-receipt": "no receipt within `receipt_wait`: ask the provider whether it sends them",
}


@dataclass(slots=True)
class Failure:
    """Messages of one provider that ended alike; `provider` is empty where the request named none that we know."""

    provider: str
    status: str
    reason: str
    smpp_status: int | None
    count: int = 0
    last: float = 0.0
    """Seconds since 1970."""

    @property
    def sentence(self) -> str:
        """What it means, and what to do."""
        known = _SENTENCES.get(self.reason)
        if self.smpp_status is not None and self.reason in ("refused-by-provider", "throttled", "partly-sent"):
            return verdict.explain(self.smpp_status)
        return known or "`smsd trace ID` shows what happened to one of them"


class Failures:
    """Counts, of bounded size. Neither numbers nor texts come here."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str, int | None], Failure] = {}
        """Those that happened last come last."""

    def count(self, provider: str, status: str, reason: str, smpp_status: int | None, now: float) -> None:
        """One message; `now` is seconds since 1970."""
        if reason in _WISHED:
            return
        kind = (provider, status, reason, smpp_status)
        failure = self._kinds.pop(kind, None) or Failure(*kind)
        failure.count += 1
        failure.last = now
        self._kinds[kind] = failure
        if len(self._kinds) > MOST:
            del self._kinds[next(iter(self._kinds))]

    def recent(self, now: float) -> Iterator[Failure]:
        """Those of the last day, the latest first."""
        for failure in reversed(self._kinds.values()):
            if failure.last < now - FORGOTTEN:
                return
            yield failure
