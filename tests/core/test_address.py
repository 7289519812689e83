"""Recipients, senders, TON and NPI, and the mask for logs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.address import Address, destination, mask, recipient, sender, source, ton_npi
from smsd.core.errors import ContractError

NUMBER = "79000000000"


def refusal(refused: pytest.ExceptionInfo[ContractError]) -> tuple[str, str]:
    return refused.value.reason, str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        NUMBER,
        "+79000000000",
        "+7 900 000-00-00",
        "+7 (900) 000 00 00",
        "+7\u00a0900\u202f000\u2011\u200100–\u200700",
        "\u202a+7\u2060900 0000000\u202c",
        " 7-900-000[00]00\r\n",
    ],
)
def test_signs_blanks_dashes_and_brackets_are_taken_off(written: str) -> None:
    assert recipient(written) == NUMBER


@pytest.mark.parametrize("number", ["12345", "123456789012345"])
def test_five_to_fifteen_digits_are_a_number(number: str) -> None:
    assert recipient(number) == number


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("1234", "has 4 digits"),
        ("1234567890123456", "has 16 digits"),
        ("+7 900 CALL", "contains 'C'"),
        ("7.900.000.00.00", "contains '.'"),
        ("7٩00000000", "contains '\\u0669'"),
        ("7²00000000", "contains '\\xb2'"),
        ("79000000000\0", "contains '\\x00'"),
        ("", "contains no digits"),
        (" + ", "contains no digits"),
    ],
)
def test_anything_else_is_refused_and_told_what_to_write(written: str, found: str) -> None:
    with pytest.raises(ContractError) as refused:
        recipient(written)
    sentence = f"to: {found}: write an international number of 5 to 15 digits, such as +79000000000"
    assert refusal(refused) == ("bad-number", sentence)


@pytest.mark.parametrize("written", ["8 (900) 000-00-00", "900 000 00 00", "79000000000", "+7 900 000-00-00"])
def test_a_default_region_admits_its_national_forms(written: str) -> None:
    assert recipient(written, default_region="RU") == NUMBER


def test_a_number_dialled_abroad_from_the_region_loses_its_prefix() -> None:
    assert recipient("8~10 1 212 555 01 00".replace("~", ""), default_region="RU") == "12125550100"


@pytest.mark.parametrize("number", ["380500000000", "4915100000000", "12345"])
def test_what_is_no_number_of_the_region_is_international_as_it_stands(number: str) -> None:
    assert recipient(number, default_region="RU") == number


def test_a_plus_makes_a_number_international_whatever_the_region() -> None:
    assert recipient("+89000000000", default_region="RU") == "89000000000"
    assert recipient("89000000000") == "89000000000"


def test_a_region_that_nobody_knows_changes_nothing() -> None:
    assert recipient(NUMBER, default_region="XX") == NUMBER


def outcome(written: str) -> str:
    try:
        return recipient(written)
    except ContractError as error:
        return error.reason


@given(st.text())
def test_any_text_is_a_number_or_refused(written: str) -> None:
    assert re.fullmatch("[0-9]{5,15}|bad-number", outcome(written))


@given(st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True), st.sampled_from([" ", "-", "\u00a0", "(", ")", "]"]))
def test_no_way_of_grouping_changes_the_number(number: str, between: str) -> None:
    assert recipient("+" + between.join(number)) == number


@pytest.mark.parametrize(
    ("requested", "senders", "used"),
    [
        (None, [], ""),
        (None, ["ACME", "79000000001"], "ACME"),
        ("", ["ACME"], "ACME"),
        ("ANY", [], "ANY"),
        ("ACME", ["SHOP", "ACME"], "ACME"),
        ("79000000001", ["ACME", "+79000000001"], "+79000000001"),
        ("+79000000001", ["ACME", "79000000001"], "79000000001"),
    ],
)
def test_the_sender_is_the_requested_one_or_the_first_of_the_list(
    requested: str | None, senders: list[str], used: str
) -> None:
    assert sender(requested, senders) == used


@pytest.mark.parametrize("requested", ["acme", "ACME ", "+ACME", "7900"])
def test_a_sender_that_is_not_in_the_list_is_refused(requested: str) -> None:
    with pytest.raises(ContractError) as refused:
        sender(requested, ["ACME", "79000000001"])
    assert refusal(refused) == (
        "sender-not-allowed",
        f"from: '{requested}' is not among the provider's senders: ACME, 79000000001",
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", (0, 0)),
        ("ACME", (5, 0)),
        ("7-ELEVEN", (5, 0)),
        ("+", (5, 0)),
        ("123", (3, 0)),
        ("12345678", (3, 0)),
        ("123456789", (1, 1)),
        (NUMBER, (1, 1)),
        ("+79000000000", (1, 1)),
        ("+1234567", (1, 1)),
    ],
)
def test_ton_and_npi_follow_from_how_an_address_looks(address: str, expected: tuple[int, int]) -> None:
    assert ton_npi(address) == expected


def test_ton_and_npi_are_overridden_each_by_itself() -> None:
    assert ton_npi("ACME", 0, "auto") == (0, 0)
    assert ton_npi("ACME", "auto", 1) == (5, 1)
    assert ton_npi("ACME", 2, 8) == (2, 8)


def test_a_source_is_sent_as_it_is_written() -> None:
    assert source("ACME", "auto", "auto") == Address(5, 0, b"ACME")
    assert source("Café", "auto", "auto") == Address(5, 0, b"Caf\xe9")
    assert source("+79000000001", "auto", "auto") == Address(1, 1, b"+79000000001")
    assert source("", "auto", "auto") == Address(0, 0, b"")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Магазин", "from: 'М' cannot be part of a sender: use Latin letters"),
        ("AC\0ME", "from: a sender cannot contain U+0000"),
    ],
)
def test_a_sender_that_no_pdu_can_carry_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(ContractError) as refused:
        source(name, "auto", "auto")
    assert refusal(refused) == ("sender-not-allowed", sentence)


def test_a_recipient_is_written_as_the_provider_wants_it() -> None:
    assert destination(NUMBER, 1, 1, "digits") == Address(1, 1, b"79000000000")
    assert destination(NUMBER, 1, 1, "plus") == Address(1, 1, b"+79000000000")
    assert destination("12345", "auto", "auto", "digits") == Address(3, 0, b"12345")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("79000000001", "+7900***0001"),
        ("+79000000001", "+7900***0001"),
        ("123456789012345", "+1234***2345"),
        ("12345678", "+12***78"),
        ("12345", "+1***5"),
        ("123", "+***"),
        ("ACMESHOP", "AC***OP"),
        ("", "***"),
    ],
)
def test_a_mask_keeps_the_ends_and_hides_the_middle(address: str, shown: str) -> None:
    assert mask(address) == shown


@given(st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True))
def test_a_mask_hides_at_least_three_digits(number: str) -> None:
    digits = number.removeprefix("+")
    assert len(mask(number).replace("+", "").replace("***", "")) <= len(digits) - 3
