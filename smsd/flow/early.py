"""Receipts that come before the answer that names their message (quirks Q12, Q21), of all providers of this daemon.

Providers of one receipt group are one account: the receipt may come over another bind than the one that submitted.
"""

from collections.abc import Callable, Iterable, Sequence

from smsd.core.address import tail
from smsd.core.receipt import Receipt
from smsd.core.smpp.codec import Pdu
from smsd.settings.model import Provider

PARK = 30.0
"""Seconds that a receipt waits for its submit_sm_resp, which some SMSCs send later (quirk Q12)."""

PARKED_MAX = 10_000
"""Receipts of one provider that wait for that."""

GIVEN_UP = 300.0
"""Seconds after submit_timeout for which a late answer is thought of."""

GIVEN_UP_MAX = 10_000
"""Numbers of one provider's that are thought of, at most: those of the latest."""


class Parked:
    """A PDU that can't be dealt with yet. `number` is the journal's, once it is kept there; `since` is loop time."""

    __slots__ = ("names", "number", "numbers", "pdu", "receipt", "since")

    def __init__(self, pdu: Pdu, since: float, number: int | None = None) -> None:
        self.pdu = pdu
        self.since = since
        self.number = number
        self.receipt: Receipt | None = None
        addresses = pdu.text("source_addr"), pdu.text("destination_addr")
        self.numbers = [number for number in map(tail, addresses) if number]
        """What the message's recipient may be known by; receipts name it as their source, some as destination."""
        self.names: list[tuple[str, str]] = []
        """Receipt groups and ids that it waits for."""


class Doubts:
    """One provider's numbers that something is in flight to, or was given up a while ago, with no answer so far."""

    def __init__(self, in_flight_to: Callable[[str], bool]) -> None:
        self._in_flight_to = in_flight_to
        self._given_up: dict[str, float] = {}
        """When, in loop time; the latest last."""

    def give_up(self, recipient: str, now: float) -> None:
        """submit_timeout passed for a segment to `recipient`."""
        number = tail(recipient)
        self._given_up.pop(number, None)
        self._given_up[number] = now
        if len(self._given_up) > GIVEN_UP_MAX:
            del self._given_up[next(iter(self._given_up))]

    def about(self, numbers: Iterable[str], now: float) -> bool:
        """Whether an answer about one of these numbers may still come."""
        return any(
            self._in_flight_to(number) or now - self._given_up.get(number, now - GIVEN_UP) < GIVEN_UP
            for number in numbers
        )


class Early:
    """What is parked until an answer names it, and who may still get that answer."""

    def __init__(self) -> None:
        self._doubts: dict[str, tuple[str, Doubts]] = {}
        """Of each provider: its receipt group, and what is in doubt."""
        self._settings: dict[str, Provider] = {}
        self._parked: dict[str, dict[Parked, None]] = {}
        """By the provider that it came from, the oldest first."""
        self._claims: dict[tuple[str, str], dict[Parked, str]] = {}
        """By receipt group and id; with the provider that it came from."""

    def join(self, provider: Provider, group: str, doubts: Doubts) -> None:
        """A provider whose messages are filed within this group from now on, by these settings."""
        self._settings[provider.name] = provider
        self._doubts[provider.name] = group, doubts
        self._parked.setdefault(provider.name, {})

    def settings(self, provider: str) -> Provider | None:
        """By which a message of a provider's was sent, whoever of its group its receipt came from."""
        return self._settings.get(provider)

    def expects(self, groups: Sequence[str], numbers: Sequence[str], now: float) -> bool:
        """Whether an answer within these groups may still come about one of these numbers."""
        return any(group in groups and doubts.about(numbers, now) for group, doubts in self._doubts.values())

    def park(self, provider: str, parked: Parked, groups: Sequence[str], keys: Sequence[str]) -> bool:
        """Keeps a receipt for whoever will be named so; False if there is no room."""
        of_provider = self._parked[provider]
        if len(of_provider) >= PARKED_MAX:
            return False
        of_provider[parked] = None
        parked.names = [(group, key) for group in groups for key in keys]
        for name in parked.names:
            self._claims.setdefault(name, {})[parked] = provider
        return True

    def claim(self, group: str, keys: Sequence[str], recipient: str) -> list[Parked]:
        """The receipts of a message that an answer has named; it is to `recipient`. They are parked no longer."""
        number = tail(recipient)
        claims = [(parked, by) for key in keys for parked, by in self._claims.get((group, key), {}).items()]
        mine = {parked: by for parked, by in claims if number in parked.numbers}
        for parked, provider in mine.items():
            self._let_go(provider, parked)
        return list(mine)

    def overdue(self, provider: str, now: float) -> list[Parked]:
        """Those that came from a provider and have waited for PARK; they are parked no longer."""
        late = []
        for parked in self._parked[provider]:
            if now < parked.since + PARK:
                break
            late.append(parked)
        for parked in late:
            self._let_go(provider, parked)
        return late

    def _let_go(self, provider: str, parked: Parked) -> None:
        del self._parked[provider][parked]
        for name in parked.names:
            claims = self._claims[name]
            del claims[parked]
            if not claims:
                del self._claims[name]
