"""Message ids of responses and receipts, made comparable. `Qn` are the quirks of the field research."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.message_id import comparable, filed, identifies, keys
from smsd.core.receipt import Receipt, parse
from smsd.settings.model import ReceiptFormat


def receipt(text: bytes, tlv: bytes = b"") -> Receipt:
    found = parse(text, 0x04, 0, [(0x001E, tlv)] if tlv else [], ReceiptFormat())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("submit", "submit_base", "receipt", "receipt_base"),
    [
        ("18d0e03a", "hex", "0416342074", "decimal"),
        ("00B8BE19", "hex", "b8be19", "hex"),
        ("0x1A2B3C4D", "hex", "439041101", "decimal"),
        ("0221067780", "decimal", "221067780", "decimal"),
        ("64567564356765435676", "decimal", "3800E11B0592D471C", "hex"),
        ("6A3ED98A-C644", "hex", "6a3ed98a-c644", "hex"),
        ("bb860", "decimal", "BB860", "decimal"),
        ("aB3-x_9", "as_is", "aB3-x_9", "as_is"),
    ],
)
def test_one_message_has_one_key_in_either_base(submit: str, submit_base: str, receipt: str, receipt_base: str) -> None:
    """Q2–Q6."""
    assert comparable(submit, submit_base) == comparable(receipt, receipt_base)


def test_as_is_changes_nothing() -> None:
    assert comparable("00aB", "as_is") == "00aB"


@pytest.mark.parametrize("id", ["", "12_3", " 12", "+12", "-12", "1٣", "1.5"])
@pytest.mark.parametrize("base", ["decimal", "hex"])
def test_what_is_no_number_keeps_its_text(id: str, base: str) -> None:
    assert comparable(id, base) == id.upper()


def test_a_number_longer_than_any_message_id_is_text() -> None:
    assert comparable("0" * 66, "decimal") == "0" * 66
    assert comparable("f" * 10_000, "hex") == "F" * 10_000


@given(st.integers(1, 2**200), st.integers(0, 9))
def test_padding_base_and_case_make_no_difference(number: int, zeros: int) -> None:
    decimal, hexadecimal = f"{number}", "0" * zeros + f"{number:x}"
    assert comparable(hexadecimal, "hex") == comparable(hexadecimal.upper(), "hex") == comparable(decimal, "decimal")


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("0221067780", ("0221067780", "221067780", "0*221067780")),
        ("221067780", ("221067780", "0*221067780")),
        ("00b8be19", ("00b8be19", "b8be19", "00B8BE19", "B8BE19", "0*b8be19", "0*B8BE19")),
        ("aB12", ("aB12",)),
        ("zz12", ("zz12",)),
        ("000", ("000", "0", "0*0")),
    ],
)
def test_an_id_as_it_is_may_lack_its_zeros_or_its_case(id: str, expected: tuple[str, ...]) -> None:
    """Q3, Q5: never where two ids could differ by nothing else."""
    assert keys(id, "as_is") == expected


@pytest.mark.parametrize(
    ("id", "base", "expected"),
    [
        ("00b8be19", "as_is", ("00b8be19", "0*b8be19")),
        ("b8be19", "as_is", ("b8be19",)),
        ("00zz", "as_is", ("00zz",)),
        ("000", "as_is", ("000", "0*0")),
        ("0", "as_is", ("0",)),
        ("00b8be19", "hex", ("12107289",)),
        ("0077", "decimal", ("77",)),
    ],
)
def test_an_id_padded_with_zeros_is_filed_without_them_too(id: str, base: str, expected: tuple[str, ...]) -> None:
    """Q3: apart from the ids that are whole, so that 0077 never takes what belongs to 77."""
    assert filed(id, base) == expected


def test_a_number_has_no_second_key() -> None:
    assert keys("0059113978", "decimal") == ("59113978",)
    assert keys("38601FA", "hex") == ("59113978",)


@pytest.mark.parametrize(("id", "expected"), [("", False), ("0", False), ("000", False), ("10", True), ("a", True)])
def test_zeros_identify_nothing(id: str, expected: bool) -> None:
    """Q7."""
    assert identifies(id) is expected


def test_a_tlv_that_differs_from_the_text_is_in_the_base_of_the_response() -> None:
    """Q2: the response said 38601fa; the receipt says it in both bases."""
    found = receipt(b"id:0059113978 stat:DELIVRD", b"38601fa\0")
    assert found.keys("hex", "decimal") == (comparable("38601fa", "hex"),)
    of_tlv = ("38601fa", "38601FA", "0*38601fa", "0*38601FA")
    assert found.keys("as_is", "as_is") == (*of_tlv, "0059113978", "59113978", "0*59113978")


@pytest.mark.parametrize("tlv", [b"", b"0059113978\0", b"59113978\0"])
def test_a_tlv_that_repeats_the_text_is_in_the_base_of_the_receipt(tlv: bytes) -> None:
    found = receipt(b"id:0059113978 stat:DELIVRD", tlv)
    assert found.keys("hex", "decimal") == ("59113978",)


def test_a_tlv_alone_is_in_the_base_of_the_receipt() -> None:
    assert receipt(b"", b"59113978\0").keys("hex", "decimal") == (comparable("38601FA", "hex"),)


def test_a_receipt_without_an_id_has_no_keys() -> None:
    assert receipt(b"stat:DELIVRD").keys("as_is", "as_is") == ()
