"""F2: digits that begin with the region's own code were read as national ones, and went to somebody else."""

import pytest

from smsd.core.address import recipient


@pytest.mark.parametrize(
    ("region", "to"),
    [("DE", "4917612345678"), ("DE", "49 151 12345678"), ("XK", "38344123456"), ("ID", "62812345678")],
)
def test_door_F2_international_digits_of_the_region_stay_as_they_are(region: str, to: str) -> None:
    assert recipient(to, default_region=region) == to.replace(" ", "")


@pytest.mark.parametrize(
    ("region", "to", "number"),
    [
        ("DE", "0491 12345678", "4949112345678"),  # Leer, whose area code looks like Germany's
        ("CN", "13802345678", "8613802345678"),  # as valid in Ontario, with a + before it
        ("RU", "9000000000", "79000000000"),
        ("IN", "91 98765 43210", "919876543210"),
        ("US", "212 555 0100", "12125550100"),
    ],
)
def test_door_F2_a_national_number_still_is_one(region: str, to: str, number: str) -> None:
    assert recipient(to, default_region=region) == number


def test_door_F2_digits_of_other_countries_need_no_plus() -> None:
    assert recipient("380500000000", default_region="DE") == "380500000000"
    assert recipient("4915100000000", default_region="RU") == "4915100000000"
