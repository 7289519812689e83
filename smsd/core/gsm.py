"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1), one septet per octet.

SMPP carries GSM 7-bit text unpacked in `short_message`; the SMSC packs it for the air. The alphabet is that of the
`gsm0338` package; the coding is by `codecs`' charmaps because a message is encoded on the hot path.
"""

import codecs
import re
import unicodedata

from gsm0338.charset import BASIC_CHARACTER_SET, BASIC_CHARACTER_SET_EXTENSION

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
"""Every character that GSM 7-bit can say."""

_ENCODING: dict[int, int | bytes] = {
    **{ord(character): septet for septet, character in _BASIC.items()},
    **{ord(character): bytes((ESCAPE, septet)) for septet, character in _EXTENSION.items()},
}
_FOREIGN = re.compile("[^" + re.escape("".join(sorted(ALPHABET))) + "]")
_DECODING: dict[int, str] = _BASIC | {ESCAPE: chr(ESCAPE)}
_ESCAPED: dict[str, str] = {_BASIC[septet]: character for septet, character in _EXTENSION.items()}
_ESCAPE_PAIR = re.compile(chr(ESCAPE) + "(.?)", re.DOTALL)


def foreign(text: str) -> int | None:
    """Where the first character outside the alphabet is, from 0; cheaper than an exception for each Cyrillic text."""
    found = _FOREIGN.search(text)
    return None if found is None else found.start()


def encode(text: str) -> bytes:
    """The septets of `text`, one per octet. Raises UnicodeEncodeError at the first character outside the alphabet."""
    return codecs.charmap_encode(text, "strict", _ENCODING)[0]


def decode(septets: bytes, errors: str = "strict") -> str:
    """The text of `septets`.

    `strict` raises UnicodeDecodeError; with any other handler an unknown pair shows as its second character and a
    lone or doubled escape as a space, as 23.038 asks of a handset.
    """
    text: str = codecs.charmap_decode(septets, errors, _DECODING)[0]
    if ESCAPE not in septets:
        return text

    def unescape(pair: re.Match[str]) -> str:
        if known := _ESCAPED.get(pair[1]):
            return known
        if errors == "strict":
            raise UnicodeDecodeError("gsm7", septets, pair.start(), pair.end(), "no such pair in the extension table")
        return pair[1].strip(chr(ESCAPE)) or " "

    return _ESCAPE_PAIR.sub(unescape, text)
