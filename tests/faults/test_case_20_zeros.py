"""Case 20: no country's code begins with 0, so no number that does can be an international one."""

import pytest

from smsd.core.address import recipient
from smsd.core.errors import ContractError


@pytest.mark.parametrize(
    "to", ["00 7 900 000 00 00", "0079000000000", "00-7(900)000-00-00", "+00 7 900 000 00 00", "\u202a0079000000000"]
)
def test_case_20_two_zeros_in_front_are_the_prefix_that_they_are(to: str) -> None:
    assert recipient(to) == "79000000000"


@pytest.mark.parametrize(
    "to", ["00000", "000000000000000", "0 900 000 00 00", "+0 900 000 00 00", "0007 900 000 00 00", "(0)900 000 00 00"]
)
def test_case_20_any_other_zero_in_front_is_a_bad_number(to: str) -> None:
    with pytest.raises(ContractError) as refused:
        recipient(to)
    assert refused.value.reason == "bad-number"
    assert str(refused.value) == (
        "to: begins with 0, as no country's code does: write an international number of 5 to 15 digits, "
        "such as +79000000000, or set `default_region`"
    )


def test_case_20_a_region_explains_its_own_zeros() -> None:
    assert recipient("0176 12345678", default_region="DE") == "4917612345678"
    assert recipient("00 7 900 000 00 00", default_region="DE") == "79000000000"
    assert recipient("00 7 900 000 00 00", default_region="RU") == "79000000000"  # there one dials 810
    assert recipient("347 123 4567", default_region="IT") == recipient("+39 347 123 4567") == "393471234567"
    assert recipient("06 1234 5678", default_region="IT") == "390612345678"
