"""Texts: which encoding says them, how many segments they take, and where they may be cut.

A segment is 140 octets on the air (3GPP TS 23.040): 160 septets of GSM 7-bit, 70 UTF-16 units or 140 octets; with a
concatenation header 153, 67 and 134, with a 16-bit reference 152, 66 and 133, and with each national table named in
the header four or three septets less. The headers themselves are `concat`'s.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

from smsd.core import concat, gsm, national
from smsd.core.errors import ContractError
from smsd.settings.model import NATIONAL_ENCODINGS

GSM7, UCS2 = "gsm7", "ucs2"
NATIONAL = frozenset(NATIONAL_ENCODINGS)
"""Names of GSM 7-bit with the tables of one language: `gsm7-tr` and others."""
USER_DATA_OCTETS = 140
MAX_SEGMENTS = 255
"""The total is one octet (3GPP TS 23.040 §9.2.3.24.1)."""

_SEPTETS = 160
"""The most characters that a segment can hold in any encoding."""
_FLASH = {GSM7: 0x10, UCS2: 0x18, **dict.fromkeys(NATIONAL, 0x10)}
_HIGH_SURROGATES = range(0xD8, 0xDC)
"""First octets of the UTF-16 units that begin a pair."""


class Encoding(Protocol):
    """One entry of a provider's `encodings`."""

    @property
    def name(self) -> str: ...
    @property
    def data_coding(self) -> int: ...
    @property
    def flash_data_coding(self) -> int | None: ...
    @property
    def septets(self) -> bool:
        """Whether an 8-bit charset is counted and cut as the SMSC will send it: in GSM 7-bit."""
        ...


@dataclass(slots=True)
class Split:
    """A text made ready for submit_sm.

    `segments` are the octets of each short_message without any header. `payload` is the whole text for the TLV
    message_payload, where that replaces more than one segment. `elements` belong into each segment's header.
    """

    encoding: str
    data_coding: int
    segments: tuple[bytes, ...]
    payload: bytes | None = None
    elements: bytes = b""


class _Written(NamedTuple):
    """A text in one encoding. `weights` are each character's septets where those count and not the octets."""

    octets: bytes
    elements: bytes = b""
    weights: list[int] | None = None


def split(
    text: str,
    encodings: Sequence[Encoding],
    *,
    forced: str | None,
    flash: bool,
    long_messages: str,
    max_segments: int,
) -> Split:
    """Encodes `text` in the first of `encodings` that fits (or the one `forced`) and cuts it where it must be.

    Raises ContractError: `text-not-encodable` names the character, `too-long` the number of segments,
    `invalid-request` an encoding that the provider does not have, or has no class 0 for. `forced` may also be `auto`.
    """
    most = min(max_segments, MAX_SEGMENTS)
    if len(text) > most * _SEPTETS:
        raise _too_long(f"has {len(text)} characters, more than max_segments ({most}) can hold")
    if "\0" in text:
        raise _not_encodable(text, text.index("\0"), "any encoding")
    encoding, data_coding, ways = _choose(text, encodings, forced, flash)
    name, written = encoding.name, ways[0]
    segments = _segments(text, name, written, long_messages)
    for other in ways[1:]:
        shorter = _segments(text, name, other, long_messages)
        if len(shorter) < len(segments):
            segments, written = shorter, other
    if len(segments) > most:
        raise _too_long(f"takes {len(segments)} segments in {name}; max_segments is {most}")
    payload = written.octets if long_messages == "payload" and len(segments) > 1 else None
    return Split(name, data_coding, segments, payload, written.elements)


def encode(text: str, name: str) -> bytes:
    """The octets of `text` as short_message carries them. Raises UnicodeEncodeError where `name` has no such character.

    `name` is `gsm7` (septets, one per octet), `ucs2` (UTF-16, big end first), or any codec that Python knows.
    """
    if name == GSM7:
        return gsm.encode(text)
    return text.encode("utf-16-be" if name == UCS2 else name)


def decode(octets: bytes, name: str, errors: str = "strict", tables: national.Tables = national.DEFAULT) -> str:
    """The text of `octets`, the inverse of `encode`. Raises UnicodeDecodeError when `errors` is `strict`.

    `tables` are those that a header names, for GSM 7-bit.
    """
    if name == GSM7 or name in NATIONAL:
        return gsm.decode(octets, errors, tables)
    return octets.decode("utf-16-be" if name == UCS2 else name, errors)


def room(name: str, user_data_octets: int) -> int:
    """How many octets of short_message fit into `user_data_octets` on the air."""
    if name == UCS2:
        return user_data_octets & ~1
    return user_data_octets * 8 // 7 if name == GSM7 or name in NATIONAL else user_data_octets


def cut(text: str, octets: bytes, name: str, user_data_octets: int) -> tuple[bytes, ...]:
    """Cuts `octets`, which are `text` in the encoding `name`, into as few segments as possible, between characters.

    An escape and its character, and both units of a surrogate pair, stay together: a segment must have room for them.
    """
    limit = room(name, user_data_octets)
    if name == GSM7 or name in NATIONAL:
        return _cut_units(octets, limit, 1, (gsm.ESCAPE,))
    if name == UCS2:
        return _cut_units(octets, limit, 2, _HIGH_SURROGATES)
    if len(octets) == len(text):
        return _cut_units(octets, limit, 1, ())
    return _cut_characters(text, name, limit)


def why_not_gsm7(text: str) -> tuple[int, str] | None:
    """The first character that GSM 7-bit lacks, behind its position from 0; None when it can say all of `text`."""
    try:
        gsm.encode(text)
    except UnicodeEncodeError as error:
        return error.start, text[error.start]
    return None


def character_name(character: str) -> str:
    """`U+2014 EM DASH «—»`: what people need to find a character."""
    name = unicodedata.name(character, "")
    # A lone surrogate or a control character must not get into a JSON body or onto a terminal.
    shown = f"«{character}»" if character.isprintable() else ""
    return " ".join(filter(None, (f"U+{ord(character):04X}", name, shown)))


def _choose(
    text: str, encodings: Sequence[Encoding], forced: str | None, flash: bool
) -> tuple[Encoding, int, list[_Written]]:
    """The encoding, its data_coding, and the ways in which it can say all of `text`."""
    automatic = forced is None or forced == "auto"
    failed_at: int | None = None
    last = classless = ""
    for encoding in encodings:
        if not (automatic or encoding.name == forced):
            continue
        data_coding = _data_coding(encoding, flash)
        if data_coding is None:
            classless = encoding.name
            continue
        last = encoding.name
        at, ways = _write(text, encoding)
        if ways:
            return encoding, data_coding, ways
        failed_at = at
    if failed_at is not None:
        raise _not_encodable(text, failed_at, last)
    if classless:
        raise ContractError("flash", f"has no data_coding in {classless}: leave it out, or set its flash_data_coding")
    names = ", ".join(encoding.name for encoding in encodings)
    raise ContractError("encoding", f"must be auto or one of the provider's encodings ({names})")


def _write(text: str, encoding: Encoding) -> tuple[int, list[_Written]]:
    """`text` in each way that `encoding` knows; where there is none, the place of the character that it lacks."""
    name = encoding.name
    if name == GSM7 or encoding.septets:
        at = gsm.foreign(text)
        if at is not None:
            return at, []
    elif name in NATIONAL:
        return _write_nationally(text, national.CODES[name.removeprefix(f"{GSM7}-")])
    try:
        octets = encode(text, name)
    except UnicodeEncodeError as error:
        return error.start, []
    weights = [len(gsm.encode(character)) for character in text] if encoding.septets else None
    return 0, [_Written(octets, weights=weights)]


def _write_nationally(text: str, language: int) -> tuple[int, list[_Written]]:
    """With the tables of `language`: either, or both; a header names those that are used."""
    pairs = [national.Tables(0, language)]
    if language in national.LOCKING:
        pairs += [national.Tables(language, 0), national.Tables(language, language)]
    failed = [gsm.foreign(text, tables) for tables in pairs]
    ways = [
        _Written(gsm.encode(text, tables), concat.shift_elements(tables))
        for tables, at in zip(pairs, failed, strict=True)
        if at is None
    ]
    return max((at for at in failed if at is not None), default=0), ways


def _data_coding(encoding: Encoding, flash: bool) -> int | None:
    """None: the encoding has no message class (3GPP TS 23.038 §4 knows them for GSM 7-bit, UCS-2 and 8-bit data)."""
    if not flash:
        return encoding.data_coding
    if encoding.flash_data_coding is not None:
        return encoding.flash_data_coding
    return _FLASH.get(encoding.name)


def _segments(text: str, name: str, written: _Written, long_messages: str) -> tuple[bytes, ...]:
    octets, taken = written.octets, len(written.elements)
    alone = USER_DATA_OCTETS - (taken and taken + 1)
    length = len(octets) if written.weights is None else sum(written.weights)
    if length <= room(name if written.weights is None else GSM7, alone):
        return (octets,)
    joined = USER_DATA_OCTETS - concat.UDH_OCTETS[long_messages] - taken
    if written.weights is not None:
        return _cut_weights(octets, written.weights, room(GSM7, joined))
    return cut(text, octets, name, joined)


def _cut_units(octets: bytes, limit: int, width: int, leads: Container[int]) -> tuple[bytes, ...]:
    """Cuts units of `width` octets; one that begins with a lead goes over to the next segment, where its pair is."""
    segments = []
    start = 0
    while len(octets) - start > limit:
        end = start + limit
        if octets[end - width] in leads:
            end -= width
        segments.append(octets[start:end])
        start = end
    segments.append(octets[start:])
    return tuple(segments)


def _cut_weights(octets: bytes, weights: Sequence[int], limit: int) -> tuple[bytes, ...]:
    """Cuts octets that weigh one septet each, or two, into segments of at most `limit` septets."""
    segments, start, before = [], 0, 0
    totals = list(accumulate(weights))
    while start < len(octets):
        end = bisect_right(totals, before + limit)
        segments.append(octets[start:end])
        start, before = end, totals[end - 1]
    return tuple(segments)


def _cut_characters(text: str, name: str, limit: int) -> tuple[bytes, ...]:
    """Cuts text of a multi-byte encoding. Each segment is encoded by itself: some encodings have shift states."""
    segments = []
    while text:
        fitting = _fitting(text[:limit], name, limit)
        segments.append(text[:fitting].encode(name))
        text = text[fitting:]
    return tuple(segments)


def _fitting(text: str, name: str, limit: int) -> int:
    """How many characters from the start of `text` take at most `limit` octets; at least one."""
    lengths = range(1, len(text) + 1)
    return max(1, bisect_right(lengths, limit, key=lambda length: len(text[:length].encode(name))))


def _not_encodable(text: str, position: int, name: str) -> ContractError:
    sentence = f"character {position + 1}, {character_name(text[position])}, cannot be sent in {name}"
    return ContractError("text", sentence, "text-not-encodable")


def _too_long(sentence: str) -> ContractError:
    return ContractError("text", sentence, "too-long")
