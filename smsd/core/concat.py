"""Concatenation: the user data header and the SAR parameters that join segments, and their reference numbers.

A handset joins the parts that agree in sender, reference and total, so two messages under way to one recipient must
not share a reference.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import count

from smsd.core.national import Tables

UDH_OCTETS = {"udh": 6, "udh16": 7, "sar": 6, "payload": 6}
"""What each way of `long_messages` takes from a segment's 140 octets.

SAR and message_payload carry no header of ours, but the SMSC makes one out of them for the air.
"""

SINGLE_SHIFT, LOCKING_SHIFT = 0x24, 0x25
"""Elements of a user data header that name national tables of GSM 7-bit (3GPP TS 23.040 §9.2.3.24)."""

SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM = 0x020C, 0x020E, 0x020F


def udh(reference: int, total: int, number: int, *, bits: int, elements: bytes = b"") -> bytes:
    """The concatenation header of segment `number` of `total`, counted from 1 (3GPP TS 23.040 §9.2.3.24.1, .8).

    `bits` is the width of the reference, 8 or 16; other `elements` stand behind it. Raises ValueError for a number
    that its octets cannot hold.
    """
    if bits == 8:
        own = bytes((0x00, 3, reference, total, number))
    else:
        own = bytes((0x08, 4, reference >> 8, reference & 0xFF, total, number))
    return bytes((len(own) + len(elements),)) + own + elements


def shift_elements(tables: Tables) -> bytes:
    """The header's elements that name national tables (3GPP TS 23.040 §9.2.3.24.15, .16); empty for the default."""
    named = ((SINGLE_SHIFT, tables.single), (LOCKING_SHIFT, tables.locking))
    return b"".join(bytes((element, 1, language)) for element, language in named if language)


def tables_of(header: bytes) -> Tables:
    """The national tables that a header names, known or not; the default where it names none."""
    found = Tables()
    for element, value in elements_of(header):
        if len(value) == 1 and element == SINGLE_SHIFT:
            found = found._replace(single=value[0])
        elif len(value) == 1 and element == LOCKING_SHIFT:
            found = found._replace(locking=value[0])
    return found


def elements_of(header: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a user data header, each with its value (3GPP TS 23.040 §9.2.3.24); a cut one is the last."""
    at = 1
    while at + 2 <= len(header):
        end = at + 2 + header[at + 1]
        yield header[at], header[at + 2 : end]
        at = end


def sar(reference: int, total: int, number: int) -> tuple[tuple[int, bytes], ...]:
    """The same as TLVs of the submit_sm (SMPP 3.4 §5.3.2.22, .23, .24); the reference has 16 bits."""
    return (
        (SAR_MSG_REF_NUM, reference.to_bytes(2, "big")),
        (SAR_TOTAL_SEGMENTS, bytes((total,))),
        (SAR_SEGMENT_SEQNUM, bytes((number,))),
    )


def split_udh(octets: bytes) -> tuple[bytes, bytes]:
    """The user data header, length octet included, and what follows it; no header where the length is a lie."""
    end = octets[0] + 1 if octets else 0
    if end > len(octets):
        return b"", octets
    return octets[:end], octets[end:]


class References:
    """Reference numbers, counted for each recipient, so that the longest possible time passes until one comes again.

    `seed` is where the counting begins: give another one after each start. The recipients written to least recently
    are forgotten beyond `capacity`.
    """

    def __init__(self, seed: int, *, bits: int = 8, capacity: int = 65_536) -> None:
        self.bits = bits
        self._capacity = capacity
        # A forgotten recipient begins elsewhere than the last time.
        self._starts: Iterator[int] = count(seed)
        self._last: OrderedDict[str, int] = OrderedDict()

    def next(self, recipient: str) -> int:
        """The reference of the next long message to `recipient`."""
        last = self._last.pop(recipient, None)
        reference = (next(self._starts) if last is None else last + 1) & ((1 << self.bits) - 1)
        self._last[recipient] = reference
        if len(self._last) > self._capacity:
            self._last.popitem(last=False)
        return reference
