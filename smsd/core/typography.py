"""What a text is turned into before it is sent: composed letters always, plainer signs where that saves a segment."""

import unicodedata
from collections.abc import Callable

from smsd.core.errors import ContractError
from smsd.core.text import Split

_QUOTES = {**dict.fromkeys("“”„‟«»", '"'), **dict.fromkeys("‘’‚‛", "'"), "‹": "<", "›": ">"}
_DASHES = dict.fromkeys("‐‑‒–—―−", "-")
_BLANKS = {
    **dict.fromkeys("\t\u00a0\u1680\u2028\u2029\u202f\u205f\u3000", " "),
    **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
    **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),
}
"""Blanks of other widths, and those of no width; joiners and marks of direction are part of how letters look."""

SIGNS: dict[str, str] = _QUOTES | _DASHES | _BLANKS | {"…": "..."}
"""Typographic signs and what a typewriter has for them. No letters."""

_SIMPLIFIED = str.maketrans(SIGNS)


def composed(text: str) -> str:
    """`text` in Unicode's form NFC, unless that takes more characters: й typed as и and a breve costs two of them.

    A few letters (U+0958 and others of Indic scripts) are longer in NFC, and stay as they are.
    """
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    shorter = unicodedata.normalize("NFC", text)
    return shorter if len(shorter) <= len(text) else text


def split_short(text: str, split: Callable[[str], Split], *, simplify: bool) -> tuple[Split, bool]:
    """`text` cut by `split`, and whether signs were replaced: with `simplify`, where that makes fewer segments.

    Raises ContractError as `split` does.
    """
    text = composed(text)
    if not simplify:
        return split(text), False
    plain = text.translate(_SIMPLIFIED) or text  # of a text of nothing but blanks without width nothing is left
    try:
        found = split(text)
    except ContractError as error:
        if error.reason != "too-long" or plain == text:
            raise
        return split(plain), True
    if len(found.segments) == 1 or plain == text:
        return found, False
    try:
        shorter = split(plain)
    except ContractError:
        return found, False
    return (shorter, True) if len(shorter.segments) < len(found.segments) else (found, False)
