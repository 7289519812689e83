"""Message ids: how the id of a submit_sm_resp and the id of a receipt are made comparable.

Many SMSCs give a hexadecimal id in the response and the same number in decimal, padded with zeros, in the receipt. The
setting `message_id` says which base each of the two is in; nothing is guessed from how a single id looks.
"""

import re
from typing import Literal

Base = Literal["as_is", "decimal", "hex"]

_LONGEST = 65
"""Octets of a message_id (SMPP 3.4 §5.2.23); what is longer is no number to us."""
_DECIMAL = re.compile(r"[0-9]+")
_HEX = re.compile(r"(?:0[xX])?[0-9A-Fa-f]+")
_HEX_OF_ONE_CASE = re.compile(r"[0-9a-f-]+|[0-9A-F-]+")
_AROUND = " \t\r\n\0\"'`"
_PADDED = "0*"
"""Stands before what is left of an id without its padding zeros, which may be the whole id of another message."""


def comparable(id: str, base: str) -> str:
    """`id`, which is in `base`, as the text to compare: the same number is the same text, whatever base it was in.

    `as_is` changes nothing. What is not a number in its base is compared without regard to case.
    """
    if base == "as_is":
        return id
    if len(id) <= _LONGEST:
        if base == "decimal" and _DECIMAL.fullmatch(id):
            return str(int(id))
        if base == "hex" and _HEX.fullmatch(id):
            return str(int(id, 16))
    return id.upper()


def bare(id: str) -> str:
    """An id without the quotes or blanks that some SMSCs put around it, in the response or in the receipt."""
    return id.strip(_AROUND)


def filed(id: str, base: str) -> tuple[str, ...]:
    """What a message is filed under when its submit_sm_resp carries `id`.

    Some SMSCs pad the id of the response with zeros and leave them out in the receipt (quirk Q3).
    """
    id = bare(id) or id
    exact = comparable(id, base)
    unpadded = id.lstrip("0") or "0"
    if base != "as_is" or unpadded == id or not _HEX_OF_ONE_CASE.fullmatch(id):
        return (exact,)
    return exact, _PADDED + unpadded


def keys(id: str, base: str) -> tuple[str, ...]:
    """What to look for among the submit ids (as `filed`) when a receipt carries `id`, best first.

    Behind the exact key of an `as_is` id come its forms without padding zeros and in the other case, but only where
    every letter is a hexadecimal digit and of one case: elsewhere `aB` and `Ab` are two messages.
    """
    if (plain := bare(id) or id) != id:
        return *keys(plain, base), comparable(id, base)  # an earlier version has filed it as it came
    exact = comparable(id, base)
    if base != "as_is" or not _HEX_OF_ONE_CASE.fullmatch(id):
        return (exact,)
    unpadded = id.lstrip("0") or "0"
    whole = (exact, unpadded, id.swapcase(), unpadded.swapcase())
    return tuple(dict.fromkeys((*whole, _PADDED + unpadded, _PADDED + unpadded.swapcase())))


def identifies(id: str) -> bool:
    """Whether `id` surely tells one message from another: some SMSCs fill in `0` where they have none."""
    return bool(bare(id).strip("0"))
