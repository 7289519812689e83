"""Plain replacements: what to write instead of the characters that keep a text out of GSM 7-bit.

Only ever a proposal to the author; what smsd itself may replace is `typography`'s.
"""

import unicodedata

from smsd.core.gsm import ALPHABET
from smsd.core.typography import SIGNS

_LOOKALIKES = SIGNS | {"•": "-", "″": '"', **dict.fromkeys("′´`", "'"), "×": "x"}


def replacements(text: str) -> dict[str, str] | None:
    """What to put for each character of `text` that GSM 7-bit lacks, in order; None if that cannot be done for all."""
    found: dict[str, str] = {}
    for character in text:
        if character in ALPHABET or character in found:
            continue
        plain = _plain(character)
        if plain is None:
            return None
        found[character] = plain
    return found


def _plain(character: str) -> str | None:
    """A lookalike, or the letter without its accents (`№` becomes `No`, a zero-width blank nothing)."""
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    decomposed = unicodedata.normalize("NFKD", character)
    plain = "".join(part for part in decomposed if unicodedata.category(part) not in ("Mn", "Me", "Cf"))
    return plain if ALPHABET.issuperset(plain) else None
