"""GSM 7-bit (3GPP TS 23.038 §6.2.1), a septet per octet: default alphabet, its extension, and national tables.

SMPP carries GSM 7-bit text unpacked in `short_message`; the SMSC packs it for the air. The alphabet is that of the
`gsm0338` package; the coding is by `codecs`' charmaps because a message is encoded on the hot path.
"""

import codecs
import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from gsm0338.charset import BASIC_CHARACTER_SET, BASIC_CHARACTER_SET_EXTENSION

from smsd.core.national import DEFAULT, DISPUTED, LOCKING, SINGLE, VOID, Tables

ESCAPE = 0x1B
"""Announces a character of the extension table. It is half a character: nothing may be cut behind it."""

# An escape of the caller's own would turn his next character into another one: it is not part of the alphabet.
_BASIC: dict[int, str] = {
    septet: unicodedata.lookup(name) for septet, name in BASIC_CHARACTER_SET.items() if septet != ESCAPE
}
_EXTENSION: dict[int, str] = {
    septet: unicodedata.lookup(name) for septet, name in BASIC_CHARACTER_SET_EXTENSION.items()
}

ALPHABET = frozenset(_BASIC.values()) | frozenset(_EXTENSION.values())
"""Every character that GSM 7-bit can say without national tables."""

_ESCAPED_OR_NOT = re.compile(b"\x1b(.?)|[^\x1b]+", re.DOTALL)


class _Coding:
    """The charmaps of one pair of tables."""

    def __init__(self, tables: Tables) -> None:
        locking, single = _locking(tables.locking), _single(tables.single)
        unsure = DISPUTED.get(tables.locking, frozenset()) | DISPUTED.get(tables.single, frozenset())
        self.decoding: dict[int, str] = locking
        self.escaped = single
        self.encoding: dict[int, int | bytes] = {}
        for septet, character in locking.items():
            if character not in unsure:
                self.encoding.setdefault(ord(character), septet)
        for septet, character in single.items():
            if character not in unsure:
                self.encoding.setdefault(ord(character), bytes((ESCAPE, septet)))
        known = "".join(map(chr, sorted(self.encoding)))
        self.foreign = re.compile("[^" + re.escape(known) + "]")


def _locking(language: int) -> dict[int, str]:
    if language not in LOCKING:
        return _BASIC
    cells = enumerate(LOCKING[language])
    return {septet: letter for septet, letter in cells if septet != ESCAPE and letter != VOID}


def _single(language: int) -> Mapping[int, str]:
    return SINGLE.get(language, _EXTENSION)


@cache
def _coding(tables: Tables) -> _Coding:
    return _Coding(tables)


_DEFAULT = _coding(DEFAULT)


def foreign(text: str, tables: Tables = DEFAULT) -> int | None:
    """Where the first character is that the tables lack, from 0; cheaper than an exception for each Cyrillic text."""
    found = (_DEFAULT if tables is DEFAULT else _coding(tables)).foreign.search(text)
    return None if found is None else found.start()


def encode(text: str, tables: Tables = DEFAULT) -> bytes:
    """The septets of `text`, one per octet. Raises UnicodeEncodeError at the first character that the tables lack."""
    coding = _DEFAULT if tables is DEFAULT else _coding(tables)
    return codecs.charmap_encode(text, "strict", coding.encoding)[0]


def decode(septets: bytes, errors: str = "strict", tables: Tables = DEFAULT) -> str:
    """The text of `septets`.

    `strict` raises UnicodeDecodeError; with any other handler an unknown pair shows as the character that its second
    septet is without the escape, and a lone or doubled escape as a space, as 23.038 asks of a handset.
    """
    coding = _coding(tables)
    if ESCAPE not in septets:
        return codecs.charmap_decode(septets, errors, coding.decoding)[0]
    found = []
    for match in _ESCAPED_OR_NOT.finditer(septets):
        if not match[0].startswith(b"\x1b"):
            found.append(codecs.charmap_decode(match[0], errors, coding.decoding)[0])
        elif match[1] and (known := coding.escaped.get(match[1][0])):
            found.append(known)
        elif errors == "strict":
            raise UnicodeDecodeError("gsm7", septets, match.start(), match.end(), "no such pair in the extension table")
        else:
            found.append(" " if match[1] in (b"", b"\x1b") else coding.decoding.get(match[1][0], VOID))
    return "".join(found)
