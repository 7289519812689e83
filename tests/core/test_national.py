"""National tables against an independent reading of 3GPP TS 23.038 Annex A; where it is wrong, decision 19 says why."""

import gsmcodecs  # noqa: F401, registers its codecs
import pytest
from gsmcodecs.charmaps import GSMCHARMAPS

from smsd.core import gsm
from smsd.core.national import CODES, DISPUTED, KANNADA, LOCKING, SINGLE, TELUGU, URDU, VOID, Tables

COMMA = 0x2C
OTHERWISE = {(KANNADA, 0x24): "ಡ", **{(language, COMMA): "," for language in range(4, URDU + 1)}}
"""Cells of locking tables that gsmcodecs 1.0.0 has otherwise."""


@pytest.mark.parametrize("language", LOCKING)
def test_a_locking_table_is_the_standards(language: int) -> None:
    theirs = GSMCHARMAPS[language]["locking"]["decode"]
    for septet, letter in enumerate(LOCKING[language]):
        expected = chr(theirs[septet]) if septet in theirs else VOID
        assert letter == OTHERWISE.get((language, septet), "\x1b" if septet == gsm.ESCAPE else expected), hex(septet)


@pytest.mark.parametrize("language", SINGLE)
def test_a_single_shift_table_is_the_standards(language: int) -> None:
    theirs = {septet: chr(code) for septet, code in GSMCHARMAPS[language]["singleShift"]["decode"].items()}
    theirs.pop(gsm.ESCAPE)
    assert SINGLE[language] == theirs | ({0x65: "€"} if language == TELUGU else {})


def test_every_language_of_annex_a_is_there() -> None:
    assert sorted(SINGLE) == list(range(1, 14)) == sorted(CODES.values())
    assert sorted(SINGLE.keys() - LOCKING.keys()) == [CODES["es"]]


@pytest.mark.parametrize("tables", [Tables(locking, single) for locking in (0, *LOCKING) for single in (0, *SINGLE)])
def test_what_tables_can_say_comes_back_as_it_went(tables: Tables) -> None:
    letters = set(LOCKING.get(tables.locking, "")) | set(SINGLE.get(tables.single, {}).values())
    unsure = DISPUTED.get(tables.locking, frozenset()) | DISPUTED.get(tables.single, frozenset())
    text = "".join(sorted(letters - unsure - {VOID, "\x1b"}))
    assert gsm.foreign(text, tables) is None
    assert gsm.decode(gsm.encode(text, tables), "strict", tables) == text


@pytest.mark.parametrize(("language", "letter"), [(KANNADA, "ಡ"), (TELUGU, "€")])
def test_what_the_standard_and_phones_disagree_on_is_read_and_never_written(language: int, letter: str) -> None:
    assert gsm.foreign(letter, Tables(language, language)) == 0
    septets = {KANNADA: b"\x24", TELUGU: b"\x1be"}[language]
    assert gsm.decode(septets, "strict", Tables(language, language)) == letter


def test_a_cell_without_a_character_fails_a_strict_reader() -> None:
    with pytest.raises(UnicodeDecodeError):
        gsm.decode(b"\0", "strict", Tables(CODES["ta"], 0))
