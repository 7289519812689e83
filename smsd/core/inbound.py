"""Messages from handsets: what a deliver_sm or data_sm that is no receipt says, and its parts made whole again.

Whatever a handset or an SMSC sends is passed on: a text that cannot be read exactly goes out as far as it can, its
octets beside it. What goes out is always text that JSON can carry: no U+0000, no lone surrogate.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import Any, NamedTuple

from smsd.core.concat import SAR_MSG_REF_NUM, SAR_SEGMENT_SEQNUM, SAR_TOTAL_SEGMENTS, split_udh
from smsd.core.contract import INBOUND_TYPE, dumps, result_id, timestamp
from smsd.core.publication import Publication
from smsd.core.receipt import UDHI
from smsd.core.smpp.codec import Pdu
from smsd.core.smpp.pdus import TLV_MESSAGE_PAYLOAD
from smsd.core.text import GSM7, UCS2, decode

_ENCODINGS: dict[int, str] = {
    0x00: GSM7,
    0x01: "ascii",
    0x03: "latin1",
    0x05: "shift_jis",
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    0x08: UCS2,
    0x0A: "iso2022_jp",
    0x0E: "euc_kr",
    # Message classes and message waiting (3GPP TS 23.038 §4), which SMPP lets through as they are.
    **dict.fromkeys(range(0x10, 0x14), GSM7),
    **dict.fromkeys(range(0x18, 0x1C), UCS2),
    **dict.fromkeys(range(0xC0, 0xE0), GSM7),
    **dict.fromkeys(range(0xE0, 0xF0), UCS2),
    **dict.fromkeys([*range(0xF0, 0xF4), *range(0xF8, 0xFC)], GSM7),
}
"""Encodings by data_coding (SMPP 3.4 §5.2.19); the others are binary, or nobody knows."""

_CONCAT_8, _CONCAT_16, _PORTS_8, _PORTS_16 = 0x00, 0x08, 0x04, 0x05
"""Elements of a user data header (3GPP TS 23.040 §9.2.3.24)."""

_SAME_MESSAGE = 60
"""Seconds within which the same content from the same handset is the same message."""


class Ports(NamedTuple):
    """Application ports: the message is meant for a program, not for a person."""

    destination: int
    source: int


class Concat(NamedTuple):
    """Which part of which message, counted from 1; `reference` None: it is the whole of it."""

    reference: int | None = None
    total: int = 1
    number: int = 1


@dataclass(frozen=True, slots=True)
class Fragment:
    """One PDU's share of a message. `text` is None for binary content; `octets` are those without their header."""

    sender: str
    recipient: str
    text: str | None
    encoding: str | None
    octets: bytes
    reference: int | None = None
    total: int = 1
    number: int = 1
    ports: Ports | None = None


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


def read(pdu: Pdu, data_codings: Mapping[int, str]) -> Fragment:
    """What a PDU brings. `data_codings` are the provider's own names for them. Never raises."""
    octets = pdu.octets("short_message") or pdu.tlv(TLV_MESSAGE_PAYLOAD) or b""
    concat, ports = _sar(pdu), None
    if pdu.number("esm_class") & UDHI:
        header, octets = split_udh(octets)
        concat, ports = _read_header(header, concat)
    data_coding = pdu.number("data_coding")
    encoding = data_codings.get(data_coding) or _ENCODINGS.get(data_coding)
    text, _ = _readable(octets, encoding)
    return Fragment(pdu.text("source_addr"), pdu.text("destination_addr"), text, encoding, octets, *concat, ports)


def _sar(pdu: Pdu) -> Concat:
    reference, total, number = (
        int.from_bytes(pdu.tlv(tag) or b"", "big") for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)
    )
    return _valid(reference, total, number)


def _read_header(header: bytes, concat: Concat) -> tuple[Concat, Ports | None]:
    ports = None
    for element, value in _elements(header):
        if element == _CONCAT_8 and len(value) == 3:
            concat = _valid(*value)
        elif element == _CONCAT_16 and len(value) == 4:
            concat = _valid(int.from_bytes(value[:2], "big"), value[2], value[3])
        elif (element == _PORTS_8 and len(value) == 2) or (element == _PORTS_16 and len(value) == 4):
            half = len(value) // 2
            ports = Ports(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
    return concat, ports


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    at = 1
    while at + 2 <= len(header):
        end = at + 2 + header[at + 1]
        yield header[at], header[at + 2 : end]
        at = end


def _valid(reference: int, total: int, number: int) -> Concat:
    """Numbers that make no sense mean no concatenation (3GPP TS 23.040 §9.2.3.24.1)."""
    return Concat(reference, total, number) if total > 1 and 1 <= number <= total <= 255 else Concat()


def _readable(octets: bytes, encoding: str | None) -> tuple[str | None, bool]:
    """The text of `octets`, and whether it says all of them."""
    if encoding is None:
        return None, not octets
    try:
        text = decode(octets, encoding)
        exact = True
    except UnicodeError:
        text = _with_replacements(octets, encoding)
        exact = False
    # A NUL at the end is an SMSC's own, from a C string; elsewhere it is content that JSON consumers choke on.
    text = text.rstrip("\0")
    sound = text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return sound, exact and sound == text


def _with_replacements(octets: bytes, encoding: str) -> str:
    try:
        return decode(octets, encoding, "replace")
    except UnicodeError:  # some of Python's codecs know no replacement
        return octets.decode("ascii", "replace")


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
    for (encoding, _), run in groupby(enumerate(parts), lambda one: (one[1].encoding, one[1].number - one[0])):
        text, complete = _readable(b"".join(part.octets for _, part in run), encoding)
        exact = exact and complete
        if text is not None:
            texts.append(text)
    encodings = {part.encoding for part in parts}
    first = parts[0]
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
    )


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
    if whole.incomplete:
        body["incomplete"] = True
    if whole.ports is not None:
        body["ports"] = whole.ports._asdict()
    body["received_at"] = timestamp(first_at)
    # Of one handset's messages the CRM sees the first one first.
    order = f"inbound {provider} {whole.sender}"
    return Publication(f"{prefix}.inbound", provider, dumps(body), identity, INBOUND_TYPE, order=order)
