"""F4: national numbers that are none any more, or never were, went out as international ones."""

import pytest

from smsd.core.address import recipient
from smsd.core.errors import ContractError


@pytest.mark.parametrize(
    ("region", "to"),
    [
        ("CI", "07 12 34 56"),  # eight digits, before 2021
        ("BJ", "97 12 34 56"),  # before 2024
        ("BR", "11 8765-4321"),  # without the 9
        ("MX", "044 55 1234 5678"),  # from landlines, before 2019
        ("AR", "15-2345-6789"),  # without its area
        ("UA", "8 067 123 45 67"),  # before 2009
        ("UZ", "8 90 123 45 67"),
        ("UZ", "0 90 123 45 67"),
        ("DE", "123456789012345"),
    ],
)
def test_door_F4_what_is_a_number_neither_there_nor_abroad_is_refused(region: str, to: str) -> None:
    with pytest.raises(ContractError) as refused:
        recipient(to, default_region=region)
    assert refused.value.reason == "bad-number"
    assert str(refused.value) == (
        f"to: is neither a number of {region} nor an international one: "
        "write an international number of 5 to 15 digits, such as +79000000000, with its `+`"
    )


@pytest.mark.parametrize("to", ["12345", "123456", "900900"])
def test_door_F4_short_codes_pass_with_a_region_as_without(to: str) -> None:
    assert recipient(to, default_region="RU") == recipient(to) == to


def test_door_F4_a_plus_is_believed_whatever_the_plans_say() -> None:
    assert recipient("+97123456", default_region="BJ") == "97123456"


@pytest.mark.parametrize("region", [None, "DE", "RU", "US"])
@pytest.mark.parametrize(
    ("to", "number"),
    [
        ("+49 (0)176 12345678", "4917612345678"),
        ("+49(0)17612345678", "4917612345678"),
        ("0049 (0) 176 12345678", "4917612345678"),
        ("49 [0]176-12345678", "4917612345678"),
        ("+44 (0)20 7946 0000", "442079460000"),
        ("+41\u00a0(0)79 123 45 67", "41791234567"),
        ("+39 (0)6 1234 5678", "390612345678"),  # Italy keeps it
        ("+225 (0)7 12 34 56 78", "2250712345678"),  # as do a few more
        ("+49 (0)15 00", "491500"),  # no number that the plans know
    ],
)
def test_door_F4_a_zero_in_brackets_goes_where_the_country_drops_it(region: str | None, to: str, number: str) -> None:
    assert recipient(to, default_region=region) == number


def test_door_F4_where_a_zero_in_brackets_makes_two_numbers_it_is_asked() -> None:
    with pytest.raises(ContractError, match=r"may be either of two numbers.*without \(0\)$") as refused:
        recipient("+39 (0)331 123456")  # a phone in Busto Arsizio, or somebody's mobile
    assert refused.value.reason == "bad-number"


def test_door_F4_with_a_region_a_trunk_zero_behind_a_code_is_dropped() -> None:
    assert recipient("+49 0176 12345678", default_region="DE") == "4917612345678"
    assert recipient("+49 0176 12345678", default_region="RU") == "4917612345678"
