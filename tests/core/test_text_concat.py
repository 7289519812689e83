"""Concatenation headers, SAR parameters and reference numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.concat import References, sar, split_udh, udh


def test_the_header_with_an_8_bit_reference_has_six_octets() -> None:
    assert udh(0x42, 3, 2, bits=8).hex() == "050003420302"


def test_the_header_with_a_16_bit_reference_has_seven_octets() -> None:
    assert udh(0x04D2, 3, 2, bits=16).hex() == "06080404d20302"


def test_a_header_that_cannot_hold_its_numbers_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="range"):
        udh(256, 3, 2, bits=8)


def test_sar_says_the_same_in_three_tlvs() -> None:
    assert sar(0x04D2, 3, 2) == ((0x020C, b"\x04\xd2"), (0x020E, b"\x03"), (0x020F, b"\x02"))


def test_the_header_is_taken_off_by_its_length() -> None:
    assert split_udh(udh(1, 2, 1, bits=16) + b"text") == (udh(1, 2, 1, bits=16), b"text")


@pytest.mark.parametrize("octets", [b"", b"\x05", b"\x05\x00\x03\x01\x02", b"text"])
def test_a_header_longer_than_its_message_is_none(octets: bytes) -> None:
    assert split_udh(octets) == (b"", octets)


@given(st.binary())
def test_header_and_rest_are_all_there_was(octets: bytes) -> None:
    header, rest = split_udh(octets)
    assert header + rest == octets


@pytest.mark.parametrize(("bits", "different"), [(8, 256), (16, 65_536)])
def test_references_to_one_recipient_differ_until_all_were_used(bits: int, different: int) -> None:
    references = References(77, bits=bits)
    used = [references.next("79000000000") for _ in range(different)]
    assert sorted(used) == list(range(different))
    assert references.next("79000000000") == used[0]


def test_messages_to_others_do_not_use_up_a_recipients_references() -> None:
    references = References(0)
    first = references.next("79000000000")
    for number in range(300):
        references.next(f"7901000{number:04}")
    assert references.next("79000000000") == first + 1


def test_the_seed_says_where_the_counting_begins() -> None:
    assert References(1000, bits=16).next("79000000000") == 1000
    assert References(1000, bits=8).next("79000000000") == 1000 % 256


def test_the_recipient_written_to_least_recently_is_forgotten() -> None:
    references = References(10, capacity=2)
    assert [references.next(number) for number in "abac"] == [10, 11, 11, 12]
    assert references.next("a") == 12, "a is remembered"
    assert references.next("b") == 13, "b is forgotten and begins elsewhere"
