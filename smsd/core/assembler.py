"""Messages from handsets made whole again: their parts joined, in whatever order they come, and given to the CRM."""

from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import Any

from smsd.core.contract import INBOUND_TYPE, dumps, result_id, timestamp
from smsd.core.mobile_originated import Fragment, Ports, readable
from smsd.core.national import Tables
from smsd.core.publication import Publication

_SAME_MESSAGE = 60
"""Seconds within which the same content from the same handset is the same message."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A message as the CRM gets it; `tokens` belong to every PDU that is answered once it is safe.

    `encoding` is None where content is binary or the parts' encodings differ. `exact` says that `text` loses nothing
    of `octets`. `age` is how many seconds ago it was given out first: above 0 when one of its PDUs came once more.
    """

    sender: str
    recipient: str
    text: str | None
    encoding: str | None
    octets: bytes
    parts: int
    incomplete: bool
    tokens: tuple[Any, ...]
    exact: bool = True
    ports: Ports | None = None
    age: float = 0.0
    header: bytes = b""
    """The first part's user data header, where it says more than which part it is."""
    tlvs: dict[int, bytes] = field(default_factory=dict)
    """Of all parts; of one tag the first."""


_Key = tuple[str, str, str, int, int]


@dataclass(slots=True)
class _Group:
    """The parts of one message; `since` is when it began to wait, or was given out."""

    since: float
    parts: dict[int, Fragment] = field(default_factory=dict)
    tokens: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.parts) + len(self.tokens)


class Assembler:
    """Joins parts, in whatever order they come.

    A message is remembered for `parts_wait` seconds after it was given out: an SMSC that missed an answer, or got a
    bad one while the message was incomplete, sends parts again, and they must not begin a message of their own.
    `capacity` bounds the parts and tokens held; the oldest give way, incomplete ones by being given out.
    """

    def __init__(self, parts_wait: float, capacity: int) -> None:
        self.parts_wait = parts_wait
        self._capacity = capacity
        self._held = 0
        self._waiting: dict[_Key, _Group] = {}
        """Incomplete; the one that waits longest is first."""
        self._given: dict[_Key, _Group] = {}
        """Given out; the longest ago is first."""

    def add(self, provider_key: str, fragment: Fragment, token: Any, now: float) -> Whole | None:
        """The message to give out now, if any: mostly this one, if it is whole.

        It is an older, incomplete one where its sender has begun another with the same reference, or where there is
        no room for both. `now` is in seconds, on any clock that never goes back.
        """
        if fragment.reference is None:
            return _join([fragment], (token,), incomplete=False)
        key = (provider_key, fragment.sender, fragment.recipient, fragment.reference, fragment.total)
        known = self._waiting.get(key) or self._given.get(key)
        if known is not None and fragment.number in known.parts:
            if known.parts[fragment.number] != fragment:
                older = self._drop(key, now)
                self._keep(key, fragment, token, now)
                return older
            if key in self._given:
                parts = _in_order(known)
                return _join(parts, (token,), incomplete=len(parts) < fragment.total, age=now - known.since)
        if self._keep(key, fragment, token, now) == fragment.total:
            return self._give_out(key, now)
        return self._make_room(now)

    def expired(self, now: float) -> list[Whole]:
        """The incomplete messages that have waited for `parts_wait`."""
        for key in self._old(self._given, now):
            self._drop(key, now)
        return [self._give_out(key, now) for key in self._old(self._waiting, now)]

    def _old(self, groups: dict[_Key, _Group], now: float) -> list[_Key]:
        return [key for key, _ in takewhile(lambda one: now - one[1].since >= self.parts_wait, groups.items())]

    def _keep(self, key: _Key, fragment: Fragment, token: Any, now: float) -> int:
        """Adds a part to those that wait. Returns how many different ones are there."""
        group = self._waiting.get(key)
        if group is None:
            # One that was given out incomplete may still get what it lacked.
            group = self._waiting[key] = self._given.pop(key, _Group(now))
            group.since = now
        self._held -= len(group)
        group.parts[fragment.number] = fragment
        group.tokens.append(token)
        self._held += len(group)
        return len(group.parts)

    def _give_out(self, key: _Key, now: float) -> Whole:
        group = self._given[key] = self._waiting.pop(key)
        parts = _in_order(group)
        whole = _join(parts, tuple(group.tokens), incomplete=len(parts) < parts[0].total)
        self._held -= len(group.tokens)
        group.tokens.clear()
        group.since = now
        return whole

    def _drop(self, key: _Key, now: float) -> Whole | None:
        """Forgets a message, which is given out if it has not been yet."""
        whole = self._give_out(key, now) if key in self._waiting else None
        self._held -= len(self._given.pop(key))
        return whole

    def _make_room(self, now: float) -> Whole | None:
        while self._held > self._capacity:
            oldest = next(iter(self._given or self._waiting))
            if (whole := self._drop(oldest, now)) is not None:
                return whole
        return None


def _in_order(group: _Group) -> list[Fragment]:
    return [part for _, part in sorted(group.parts.items())]


def _join(parts: list[Fragment], tokens: tuple[Any, ...], *, incomplete: bool, age: float = 0.0) -> Whole:
    """One message of its parts, in their order.

    Neighbours of one encoding are joined before they are read: handsets cut through characters.
    """
    texts = []
    exact = True
    for (encoding, tables, _), run in groupby(enumerate(parts), _reads_on):
        text, complete = readable(b"".join(part.octets for _, part in run), encoding, tables)
        exact = exact and complete
        if text is not None:
            texts.append(text)
    encodings = {part.encoding for part in parts}
    first = parts[0]
    tlvs: dict[int, bytes] = {}
    for part in parts:
        for tag, value in part.tlvs:
            tlvs.setdefault(tag, value)
    return Whole(
        sender=first.sender,
        recipient=first.recipient,
        text="".join(texts) if texts else None,
        encoding=encodings.pop() if len(encodings) == 1 else None,
        octets=b"".join(part.octets for part in parts),
        parts=len(parts),
        incomplete=incomplete,
        tokens=tokens,
        exact=exact,
        ports=first.ports,
        age=age,
        header=first.header,
        tlvs=tlvs,
    )


def _reads_on(one: tuple[int, Fragment]) -> tuple[str | None, Tables, int]:
    """What the next part must have in common with this one, `one[0]` parts from the first, to be read with it."""
    at, part = one
    return part.encoding, part.tables, part.number - at


def publication(whole: Whole, provider: str, prefix: str, received_at: float) -> Publication:
    """The message for the CRM; `received_at` (seconds since 1970) is when this copy of it was complete.

    `inbound_id` is made of the content and the minute. SMPP has no id for a message from a handset, and a repeat comes
    with a new sequence_number: within a minute it gets the same id, and so do two equal messages that a person sent.
    Without the minute a second "yes", a day later, would look like a repeat.
    """
    first_at = received_at - whole.age
    minute = int(first_at // _SAME_MESSAGE)
    identity = result_id("inbound", provider, whole.sender, whole.recipient, whole.octets.hex(), str(minute))
    body: dict[str, Any] = {
        "inbound_id": identity,
        "provider": provider,
        "from": whole.sender,
        "to": whole.recipient,
        "text": whole.text,
        "encoding": whole.encoding,
        "parts": whole.parts,
    }
    if not whole.exact:
        body["raw_hex"] = whole.octets.hex()
    if whole.header:
        body["udh_hex"] = whole.header.hex()
    if whole.tlvs:
        body["tlvs"] = {f"0x{tag:04X}": value.hex() for tag, value in whole.tlvs.items()}
    if whole.incomplete:
        body["incomplete"] = True
    if whole.ports is not None:
        body["ports"] = whole.ports._asdict()
    body["received_at"] = timestamp(first_at)
    # Of one handset's messages the CRM sees the first one first.
    order = f"inbound {provider} {whole.sender}"
    return Publication(f"{prefix}.inbound", provider, dumps(body), identity, INBOUND_TYPE, order=order)
