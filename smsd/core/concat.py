"""Concatenation: the user data header and the SAR parameters that join segments, and their reference numbers.

A handset joins the parts that agree in sender, reference and total, so two messages under way to one recipient must
not share a reference.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import count

UDH_OCTETS = {"udh": 6, "udh16": 7, "sar": 6, "payload": 6}
"""What each way of `long_messages` takes from a segment's 140 octets.

SAR and message_payload carry no header of ours, but the SMSC makes one out of them for the air.
"""

SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM = 0x020C, 0x020E, 0x020F


def udh(reference: int, total: int, number: int, *, bits: int) -> bytes:
    """The concatenation header of segment `number` of `total`, counted from 1 (3GPP TS 23.040 §9.2.3.24.1, .8).

    `bits` is the width of the reference, 8 or 16. Raises ValueError for a number that its octets cannot hold.
    """
    if bits == 8:
        return bytes((5, 0x00, 3, reference, total, number))
    return bytes((6, 0x08, 4, reference >> 8, reference & 0xFF, total, number))


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
