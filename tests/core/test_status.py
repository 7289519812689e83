"""Names and sentences of command_status; the number itself is always shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.smpp import status

UINT32 = st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0x00, "ESME_ROK"),
        (0x08, "ESME_RSYSERR"),
        (0x0B, "ESME_RINVDSTADR"),
        (0x14, "ESME_RMSGQFUL"),
        (0x45, "ESME_RSUBMITFAIL"),
        (0x58, "ESME_RTHROTTLED"),
        (0xFE, "ESME_RDELIVERYFAILURE"),
        (0xFF, "ESME_RUNKNOWNERR"),
        (0x104, "ESME_RINVDCS"),
        (0x09, "0x09"),
        (0x410, "0x410"),
        (0x0A0B, "0xA0B"),
    ],
)
def test_a_status_is_called_by_its_standard_name_or_its_hex(code: int, name: str) -> None:
    assert status.name(code) == name


def test_the_json_is_that_of_the_contract() -> None:
    assert status.as_json(88) == {"code": 88, "hex": "0x58", "name": "ESME_RTHROTTLED"}
    assert status.as_json(0x410) == {"code": 1040, "hex": "0x410", "name": "0x410"}
    assert status.as_json(0) == {"code": 0, "hex": "0x00", "name": "ESME_ROK"}


@given(UINT32)
def test_any_status_has_a_name_a_hex_that_reads_back_and_a_sentence(code: int) -> None:
    shown = status.as_json(code)
    assert shown["code"] == int(str(shown["hex"]), 16) == code
    assert str(shown["name"]) in status.sentence(code)


def test_a_sentence_says_what_to_do() -> None:
    assert status.sentence(0x58) == "ESME_RTHROTTLED: the provider says that messages come too fast: lower `max_rate`"
    assert status.sentence(0x410) == "the provider's own status 0x410: ask it for the meaning"


def test_a_standard_status_without_a_sentence_of_ours_has_the_standards() -> None:
    assert status.sentence(0x11) == "ESME_RCANCELFAIL: Cancel SM Failed"


def test_the_names_are_names_of_statuses_alone() -> None:
    assert all(name.startswith("ESME_R") for name in status.NAMES.values())
