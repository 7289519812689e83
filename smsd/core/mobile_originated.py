"""Messages from handsets: what a deliver_sm or data_sm that is no receipt says.

Whatever a handset or an SMSC sends is passed on: a text that cannot be read exactly goes out as far as it can, its
octets beside it. What goes out is always text that JSON can carry: no U+0000, no lone surrogate.
"""

import codecs
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from smsd.core import concat, national
from smsd.core.receipt import UDHI
from smsd.core.smpp.codec import Pdu
from smsd.core.smpp.pdus import TLV_MESSAGE_PAYLOAD
from smsd.core.text import GSM7, NATIONAL, UCS2, decode

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

_CONTROL = re.compile("[\\x00-\\x09\\x0b\\x0e-\\x1f\\x7f-\\x9f\\ufffd]")
"""What no phone sends in a text, and what stands for octets that could not be read."""

_MARKS = {codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF8: "utf-8"}

_HIGH_OCTETS = 0x06
"""The UTF-16 units of Latin, Greek, Cyrillic, Hebrew and Arabic letters begin with an octet up to this one."""
_TOO_SHORT_TO_TELL = 4

_CARRIES_THE_MESSAGE = frozenset(
    {TLV_MESSAGE_PAYLOAD, concat.SAR_MSG_REF_NUM, concat.SAR_TOTAL_SEGMENTS, concat.SAR_SEGMENT_SEQNUM}
)
"""TLVs that are the message and its parts; the others say something about it."""


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
    """One PDU's share of a message. `text` is None for binary content; `octets` are those without their header.

    `header` is the user data header, length octet included, where it says more than which part this is.
    """

    sender: str
    recipient: str
    text: str | None
    encoding: str | None
    octets: bytes
    reference: int | None = None
    total: int = 1
    number: int = 1
    ports: Ports | None = None
    tables: national.Tables = national.DEFAULT
    """National tables of GSM 7-bit that the header names."""
    header: bytes = b""
    tlvs: tuple[tuple[int, bytes], ...] = field(default=(), compare=False)
    """A repeat may bring other ones."""


def read(pdu: Pdu, data_codings: Mapping[int, str]) -> Fragment:
    """What a PDU brings. `data_codings` are the provider's own names for them. Never raises."""
    octets = pdu.octets("short_message") or pdu.tlv(TLV_MESSAGE_PAYLOAD) or b""
    header = b""
    if pdu.number("esm_class") & UDHI or _begins_with_a_header(octets):
        header, octets = concat.split_udh(octets)
    part, ports, says_more = _read_header(header, _sar(pdu))
    tables = concat.tables_of(header)
    data_coding = pdu.number("data_coding")
    encoding = data_codings.get(data_coding) or _ENCODINGS.get(data_coding)
    if encoding in NATIONAL:
        encoding = GSM7
    text, _ = readable(octets, encoding, tables)
    return Fragment(
        pdu.text("source_addr"),
        pdu.text("destination_addr"),
        text,
        encoding,
        octets,
        *part,
        ports,
        tables,
        header if says_more else b"",
        tuple((tag, value) for tag, value in pdu.tlvs if tag not in _CARRIES_THE_MESSAGE),
    )


def _begins_with_a_header(octets: bytes) -> bool:
    """Whether a concatenation header is there that esm_class does not announce."""
    return octets[:3] == b"\x05\x00\x03" and len(octets) >= 6 and _valid(*octets[3:6]).reference is not None


def _sar(pdu: Pdu) -> Concat:
    reference, total, number = (
        int.from_bytes(pdu.tlv(tag) or b"", "big")
        for tag in (concat.SAR_MSG_REF_NUM, concat.SAR_TOTAL_SEGMENTS, concat.SAR_SEGMENT_SEQNUM)
    )
    return _valid(reference, total, number)


def _read_header(header: bytes, by_sar: Concat) -> tuple[Concat, Ports | None, bool]:
    """Which part this is, the ports, and whether the header says more than which part it is."""
    found, ports, says_more = by_sar, None, False
    for element, value in concat.elements_of(header):
        if element == _CONCAT_8 and len(value) == 3:
            found = _valid(*value)
        elif element == _CONCAT_16 and len(value) == 4:
            found = _valid(int.from_bytes(value[:2], "big"), value[2], value[3])
        else:
            says_more = True
        if (element == _PORTS_8 and len(value) == 2) or (element == _PORTS_16 and len(value) == 4):
            half = len(value) // 2
            ports = Ports(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
    return found, ports, says_more


def _valid(reference: int, total: int, number: int) -> Concat:
    """Numbers that make no sense mean no concatenation (3GPP TS 23.040 §9.2.3.24.1)."""
    return Concat(reference, total, number) if total > 1 and 1 <= number <= total <= 255 else Concat()


def readable(octets: bytes, encoding: str | None, tables: national.Tables) -> tuple[str | None, bool]:
    """The text of `octets`, and whether it says all of them as their sender meant it, as far as can be told."""
    if encoding is None:
        return None, not octets
    exact = not _contradicts(octets, encoding)
    if (marked := _by_mark(octets)) is not None:
        text, exact = marked, False
    else:
        tables, known = _known(tables) if encoding == GSM7 else (national.DEFAULT, True)
        text, complete = _decoded(octets, encoding, tables)
        exact = exact and known and complete
    # A NUL at the end is an SMSC's own, from a C string; elsewhere it is content that JSON consumers choke on.
    text = text.rstrip("\0")
    sound = text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return sound, exact and _CONTROL.search(sound) is None


def _by_mark(octets: bytes) -> str | None:
    """The text behind a byte order mark, which some handsets write, and which says more than data_coding does."""
    for mark, codec in _MARKS.items():
        if octets.startswith(mark):
            with suppress(UnicodeDecodeError):
                return octets.removeprefix(mark).decode(codec)
    return None


def _decoded(octets: bytes, encoding: str, tables: national.Tables) -> tuple[str, bool]:
    """The text, and whether all octets could be read."""
    try:
        return decode(octets, encoding, tables=tables), True
    except UnicodeError:
        return _with_replacements(octets, encoding, tables), False


def _contradicts(octets: bytes, encoding: str) -> bool:
    """Whether the octets look like UTF-16 where data_coding says one octet a character, or the other way round."""
    if len(octets) < _TOO_SHORT_TO_TELL:
        return False
    if encoding == UCS2:
        return all(0x20 <= octet < 0x7F or octet in b"\r\n" for octet in octets)
    return len(octets) % 2 == 0 and max(octets[::2]) <= _HIGH_OCTETS


def _known(tables: national.Tables) -> tuple[national.Tables, bool]:
    """The tables that there are, the default in place of others (23.038 §6.2.1.2.4); whether all are known."""
    locking = tables.locking if tables.locking in national.LOCKING else 0
    single = tables.single if tables.single in national.SINGLE else 0
    known = national.Tables(locking, single)
    return known, known == tables


def _with_replacements(octets: bytes, encoding: str, tables: national.Tables) -> str:
    try:
        return decode(octets, encoding, "replace", tables)
    except UnicodeError:  # some of Python's codecs know no replacement
        return octets.decode("ascii", "replace")
