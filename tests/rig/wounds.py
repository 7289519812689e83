"""Damage done to octets, one wound at a time."""

from collections.abc import Sequence
from random import Random


def wound(pdu: bytearray, whole: Sequence[bytes], chance: Random) -> None:
    """Changes, cuts or stretches a PDU somewhere. `whole` are PDUs that may end up in the middle of it."""
    pick, below = chance.choice, chance.randrange
    at, kind = below(len(pdu) or 1), below(6)
    if kind == 0:
        pdu[at : at + 1] = bytes((below(256),))
    elif kind == 1:
        pdu[at : at + 1] = pick((b"\0", b"\x7f", b"\x80", b"\xff"))
    elif kind == 2:
        del pdu[at:]
    elif kind == 3:
        del pdu[at : at + below(8)]
    elif kind == 4:
        pdu[at:at] = chance.randbytes(below(12))
    else:
        pdu[at:at] = pick(whole)
