"""The national language tables of GSM 7-bit (3GPP TS 23.038 Annex A): letters that the default alphabet lacks.

A header names them, element 0x25 the locking shift table (in place of the default alphabet), 0x24 the single shift
table (in place of its extension). Implementations differ in three cells; docs/decisions/0019 says which we follow.
"""

from typing import NamedTuple

from smsd.settings.model import NATIONAL_LANGUAGES

VOID = "\ufffd"
"""A cell in which a table has no character."""

ESCAPE = "\x1b"


class Tables(NamedTuple):
    """Two national language identifiers (23.038 §6.2.1.2.4); 0 is the default alphabet, and its extension."""

    locking: int = 0
    single: int = 0


DEFAULT = Tables()

CODES = {code: number for number, code in enumerate(NATIONAL_LANGUAGES, 1)}
"""National language identifiers by the language's ISO 639-1 code."""

TURKISH, SPANISH, PORTUGUESE, BENGALI, GUJARATI, HINDI, KANNADA, MALAYALAM, ORIYA, PUNJABI, TAMIL, TELUGU, URDU = (
    CODES.values()
)


def _run(*ranges: tuple[int, int]) -> str:
    return "".join(chr(code) for first, last in ranges for code in range(first, last + 1))


_DIGITS, _SMALL = "0123456789:;", "abcdefghijklmnopqrstuvwxyz"
_HINDI = (
    f"{_run((0x901, 0x903), (0x905, 0x90B))}\n\u090c\u090d\r{_run((0x90E, 0x91A))}{ESCAPE}{_run((0x91B, 0x91E))}"
    f" !{_run((0x91F, 0x924))})(\u0925\u0926,\u0927.\u0928{_DIGITS}\u0929\u092a\u092b?"
    f"{_run((0x92C, 0x939), (0x93C, 0x94D))}\u0950{_SMALL}\u0972\u097b\u097c\u097e\u097f"
)


def _like_hindi(block: int, void: str, *, om: int | None = None, last: tuple[int, ...]) -> str:
    """Tables A.3.4 to A.3.12 are laid out alike, as Unicode's blocks of these scripts are; `block` is where one begins.

    `void` are the cells for which a script has no letter, `om` is what stands for U+0950, `last` are the last five.
    """
    cells = [chr(ord(cell) - 0x900 + block) if "\u0900" <= cell <= "\u097f" else cell for cell in _HINDI]
    for at in bytes.fromhex(void):
        cells[at] = VOID
    if om is not None:
        cells[0x60] = chr(om)
    cells[0x7B:] = map(chr, last)
    return "".join(cells)


LOCKING: dict[int, str] = {
    TURKISH: (
        "@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
        "İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§çabcdefghijklmnopqrstuvwxyzäöñüà"
    ),
    PORTUGUESE: (
        "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ !\"#º%&'()*+,-./0123456789:;<=>?"
        "ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà"
    ),
    BENGALI: _like_hindi(0x980, "0c0e11123c45474849575b5c58", om=0x9CE, last=(0x9D7, 0x9DC, 0x9DD, 0x9F0, 0x9F1)),
    GUJARATI: _like_hindi(0xA80, "0e123c4548585c", last=(0xAE0, 0xAE1, 0xAE2, 0xAE3, 0xAF1)),
    HINDI: _HINDI,
    KANNADA: _like_hindi(0xC80, "000c113c48575b", om=0xCD5, last=(0xCD6, 0xCE0, 0xCE1, 0xCE2, 0xCE3)),
    MALAYALAM: _like_hindi(0xD00, "000c113c4e575b", om=0xD57, last=(0xD60, 0xD61, 0xD62, 0xD63, 0xD79)),
    ORIYA: _like_hindi(0xB00, "0c0e11123c454857585b5c", om=0xB56, last=(0xB57, 0xB60, 0xB61, 0xB62, 0xB63)),
    PUNJABI: _like_hindi(
        0xA00, "090b0c0e11123c45484b4f555657585b5c", om=0xA51, last=(0xA70, 0xA71, 0xA72, 0xA73, 0xA74)
    ),
    TAMIL: _like_hindi(
        0xB80, "00090b0c111617181c1e2324252a2b2d3e40414e4f5556575b", last=(0xBD7, 0xBF0, 0xBF1, 0xBF2, 0xBF9)
    ),
    TELUGU: _like_hindi(0xC00, "0c113c484e575b", om=0xC55, last=(0xC56, 0xC60, 0xC61, 0xC62, 0xC63)),
    URDU: (
        "\u0627\u0622\u0628\u067b\u0680\u067e\u06a6\u062a\u06c2\u067f\n\u0679\u067d\r\u067a\u067c"
        "\u062b\u062c\u0681\u0684\u0683\u0685\u0686\u0687\u062d\u062e\u062f\x1b\u068c\u0688\u0689\u068a"
        " !\u068f\u068d\u0630\u0631\u0691\u0693)(\u0699\u0632,\u0696.\u0698"
        f"{_DIGITS}\u069a\u0633\u0634?"
        "\u0635\u0636\u0637\u0638\u0639\u0641\u0642\u06a9\u06aa\u06ab\u06af\u06b3\u06b1\u0644\u0645\u0646"
        "\u06ba\u06bb\u06bc\u0648\u06c4\u06d5\u06c1\u06be\u0621\u06cc\u06d0\u06d2\u064d\u0650\u064f\u0657"
        f"\u0654{_SMALL}\u0655\u0651\u0653\u0656\u0670"
    ),
}
"""The 128 characters of each locking shift table, by language; Spanish has none."""

_EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|"}
_EURO = {0x65: "€"}
_SCRIPT_CELLS = (0x19, 0x1A, *range(0x1C, 0x28), *range(0x2A, 0x2F), *range(0x30, 0x3C), 0x3F)
"""Where the single shift tables of A.2.4 to A.2.13 differ; the rest of them is signs and capital Latin letters."""


def _script(letters: str) -> dict[int, str]:
    signs = dict(enumerate("@£$¥¿\"¤%&'\f*+\0-/<=>¡^¡_#*"))
    del signs[0x0D]
    capitals = dict(enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0x41))
    own = {cell: letter for cell, letter in zip(_SCRIPT_CELLS, letters, strict=False) if letter != VOID}
    return signs | _EXTENSION | capitals | own | _EURO


_DANDAS = "\u0964\u0965"

SINGLE: dict[int, dict[int, str]] = {
    TURKISH: _EXTENSION | _EURO | {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"},
    SPANISH: _EXTENSION
    | _EURO
    | {0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú"},
    PORTUGUESE: _EXTENSION
    | _EURO
    | {0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x1F: "Ê"}
    | {0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ"}
    | {0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ"}
    | {0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â"},
    BENGALI: _script(_run((0x9E6, 0x9EF), (0x9DF, 0x9E3), (0x9F2, 0x9FA))),
    GUJARATI: _script(_DANDAS + _run((0xAE6, 0xAEF))),
    HINDI: _script(_DANDAS + _run((0x966, 0x96F), (0x951, 0x954), (0x958, 0x963), (0x970, 0x971))),
    KANNADA: _script(_DANDAS + _run((0xCE6, 0xCEF)) + "\u0cde\u0cf1\u0cf2"),
    MALAYALAM: _script(_DANDAS + _run((0xD66, 0xD75), (0xD7A, 0xD7F))),
    ORIYA: _script(_DANDAS + _run((0xB66, 0xB6F)) + "\u0b5c\u0b5d\u0b5f\u0b70\u0b71"),
    PUNJABI: _script(_DANDAS + _run((0xA66, 0xA6F), (0xA59, 0xA5C)) + "\u0a5e\u0a75"),
    TAMIL: _script(_DANDAS + _run((0xBE6, 0xBEF), (0xBF3, 0xBF8)) + "\u0bfa"),
    TELUGU: _script(VOID * 2 + _run((0xC66, 0xC6F)) + "\u0c58\u0c59" + _run((0xC78, 0xC7F))),
    URDU: _script(
        "\u0600\u0601"
        + _run((0x6F0, 0x6F9))
        + "\u060c\u060d"
        + _run((0x60E, 0x614))
        + "\u061b\u061f\u0640\u0652\u0658\u066b\u066c\u0672\u0673\u06cd\u06d4"
    ),
}
"""What stands behind an escape, by language."""

DISPUTED = {KANNADA: frozenset("ಡ"), TELUGU: frozenset("€")}
"""What is read as phones do it, and never written: the standard's own table has another letter there, or none."""
