"""Texts: choice of the encoding, refusals, cuts, flash; as facts, and as properties of any text."""

from dataclasses import dataclass
from typing import Any

import pytest
from gsm0338.charset import BASIC_CHARACTER_SET
from gsm0338.codec import Codec
from hypothesis import given
from hypothesis import strategies as st

from smsd.core import gsm, text
from smsd.core.concat import UDH_OCTETS
from smsd.core.errors import ContractError
from smsd.core.plain import replacements


@dataclass(frozen=True)
class Encoding:
    name: str
    data_coding: int
    flash_data_coding: int | None = None
    septets: bool = False


GSM7, UCS2, LATIN1 = Encoding("gsm7", 0), Encoding("ucs2", 8), Encoding("latin1", 3)


def split(message: str, *encodings: Encoding, **settings: Any) -> text.Split:
    usual: dict[str, Any] = {"forced": None, "flash": False, "long_messages": "udh", "max_segments": 10}
    return text.split(message, encodings or (GSM7, UCS2), **usual | settings)


def refusal(message: str, *encodings: Encoding, **settings: Any) -> tuple[str, str]:
    with pytest.raises(ContractError) as refused:
        split(message, *encodings, **settings)
    return refused.value.reason, str(refused.value)


@pytest.mark.parametrize(
    ("message", "way", "lengths"),
    [
        ("a" * 160, "udh", [160]),
        ("a" * 161, "udh", [153, 8]),
        ("a" * 161, "udh16", [152, 9]),
        ("a" * 161, "sar", [153, 8]),
        ("a" * 161, "payload", [153, 8]),
        ("ж" * 70, "udh", [140]),
        ("ж" * 71, "udh", [134, 8]),
        ("ж" * 71, "udh16", [132, 10]),
        ("ж" * 71, "sar", [134, 8]),
        ("ж" * 71, "payload", [134, 8]),
    ],
)
def test_a_segment_holds_what_its_header_leaves(message: str, way: str, lengths: list[int]) -> None:
    assert [len(segment) for segment in split(message, long_messages=way).segments] == lengths


@pytest.mark.parametrize(("way", "lengths"), [("udh", [134, 7]), ("udh16", [133, 8]), ("sar", [134, 7])])
def test_latin_1_is_counted_in_octets(way: str, lengths: list[int]) -> None:
    assert [len(segment) for segment in split("ü" * 140, LATIN1, long_messages=way).segments] == [140]
    assert [len(segment) for segment in split("ü" * 141, LATIN1, long_messages=way).segments] == lengths


def test_an_escape_that_would_end_a_segment_goes_over_to_the_next() -> None:
    found = split("a" * 152 + "€" + "b" * 10)
    assert found.segments == (b"a" * 152, b"\x1be" + b"b" * 10)


def test_a_surrogate_pair_that_would_be_cut_goes_over_to_the_next() -> None:
    first, second = split("ж" * 66 + "😀" + "ж" * 10).segments
    assert (len(first), second[:4].decode("utf-16-be")) == (132, "😀")


def test_a_cluster_may_be_cut_between_its_characters() -> None:
    first, second = split("ж" * 65 + "👨\u200d👩" + "ж" * 10).segments
    assert (len(first), second[:2].decode("utf-16-be")) == (134, "\u200d")


def test_a_character_of_a_multi_byte_encoding_is_never_cut() -> None:
    korean = split("국" * 100, Encoding("euc-kr", 14))
    assert [segment.decode("euc-kr") for segment in korean.segments] == ["국" * 67, "국" * 33]
    mixed = split("a" + "국" * 99, Encoding("euc-kr", 14))
    assert [len(segment) for segment in mixed.segments] == [133, 66]


def test_each_segment_of_a_stateful_encoding_stands_for_itself() -> None:
    found = split("テスト" * 30, Encoding("iso2022_jp", 10))
    assert "".join(segment.decode("iso2022_jp") for segment in found.segments) == "テスト" * 30
    assert [len(segment) for segment in found.segments] == [134, 58]


def test_the_payload_is_the_whole_text_and_only_of_more_than_one_segment() -> None:
    assert split("a" * 161, long_messages="payload").payload == b"a" * 161
    assert split("a" * 160, long_messages="payload").payload is None
    assert split("a" * 161, long_messages="udh").payload is None


def test_the_first_encoding_that_fits_is_taken() -> None:
    assert split("ü", LATIN1, GSM7).encoding == "latin1"
    assert split("Δ", LATIN1, GSM7, UCS2).encoding == "gsm7"
    assert split("я", LATIN1, GSM7, UCS2).encoding == "ucs2"


def test_a_forced_encoding_is_taken_though_another_fits() -> None:
    assert split("abc", forced="ucs2").segments == (b"\0a\0b\0c",)
    assert split("abc", forced="auto").encoding == "gsm7"


def test_the_data_coding_is_the_providers_own() -> None:
    assert split("abc", Encoding("gsm7", 4)).data_coding == 4


@pytest.mark.parametrize(
    ("encoding", "data_coding"),
    [
        (GSM7, 0x10),
        (Encoding("gsm7", 1), 0x10),
        (UCS2, 0x18),
        (Encoding("ucs2", 2), 0x18),
        (Encoding("gsm7-tr", 0), 0x10),
        (Encoding("latin1", 3, flash_data_coding=0xF4), 0xF4),
        (Encoding("gsm7", 0, flash_data_coding=0xF0), 0xF0),
        (Encoding("ucs2", 8, flash_data_coding=0), 0),
    ],
)
def test_flash_is_class_0_unless_the_encoding_has_its_own_value(encoding: Encoding, data_coding: int) -> None:
    assert split("abc", encoding, flash=True).data_coding == data_coding


def test_a_forced_encoding_that_does_not_fit_names_the_character() -> None:
    assert refusal("Цена — 5", forced="gsm7") == (
        "text-not-encodable",
        "text: character 1, U+0426 CYRILLIC CAPITAL LETTER TSE «Ц», cannot be sent in gsm7",
    )


@pytest.mark.parametrize("encodings", [(GSM7,), (UCS2,), (GSM7, UCS2), (LATIN1,)])
def test_nul_is_refused_in_every_encoding(encodings: tuple[Encoding, ...]) -> None:
    assert refusal("ab\0", *encodings) == (
        "text-not-encodable",
        "text: character 3, U+0000, cannot be sent in any encoding",
    )


@pytest.mark.parametrize("code", [0xD83D, 0xDE00])
def test_a_lone_surrogate_is_refused_and_not_repeated(code: int) -> None:
    assert refusal(f"ab{chr(code)}cd") == (
        "text-not-encodable",
        f"text: character 3, U+{code:04X}, cannot be sent in ucs2",
    )


def test_an_escape_of_the_callers_own_is_not_gsm7() -> None:
    assert text.why_not_gsm7("ab\x1be") == (2, "\x1b")
    assert split("ab\x1be").encoding == "ucs2"


def test_an_encoding_that_the_provider_lacks_is_an_invalid_request() -> None:
    assert refusal("abc", forced="latin1") == (
        "invalid-request",
        "encoding: must be auto or one of the provider's encodings (gsm7, ucs2)",
    )


def test_more_segments_than_allowed_are_too_long() -> None:
    assert len(split("a" * 306, max_segments=2).segments) == 2
    assert refusal("a" * 307, max_segments=2) == ("too-long", "text: takes 3 segments in gsm7; max_segments is 2")


def test_no_setting_allows_more_than_255_segments() -> None:
    assert len(split("a" * 153 * 255, max_segments=1000).segments) == 255
    assert refusal("a" * (153 * 255 + 1), max_segments=1000)[0] == "too-long"


def test_a_text_beyond_all_bounds_is_refused_before_it_is_read() -> None:
    """The NUL would be refused by another name if anything had looked at the text."""
    assert refusal("я" * 1_000_000 + "\0") == (
        "too-long",
        "text: has 1000001 characters, more than max_segments (10) can hold",
    )


def test_gsm7_is_gsm0338_but_for_the_bare_escape() -> None:
    oracle = Codec()
    letters = [chr(code) for code in range(0x10000)]
    assert len(gsm.ALPHABET) == len(BASIC_CHARACTER_SET) - 1 + 10
    for letter in letters:
        theirs = oracle.encode(letter, "ignore")[0]
        if letter in gsm.ALPHABET:
            assert gsm.encode(letter) == theirs
            assert gsm.decode(theirs) == letter
        else:
            assert theirs in (b"", b"\x1b")


@pytest.mark.parametrize(
    ("septets", "shown"),
    [
        (b"a\x1b", "a "),
        (b"a\x1b\x1bb", "a b"),
        (b"a\x1b\x14", "a^"),
        (b"a\x1bb", "ab"),
        (b"a\x80b", "a\ufffdb"),
    ],
)
def test_octets_that_gsm7_does_not_know_are_shown_as_a_handset_does(septets: bytes, shown: str) -> None:
    assert gsm.decode(septets, "replace") == shown


@pytest.mark.parametrize("septets", [b"a\x1b", b"a\x1b\x1bb", b"a\x1bb", b"a\x80b"])
def test_octets_that_gsm7_does_not_know_fail_a_strict_reader(septets: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        gsm.decode(septets)


def test_the_first_character_that_forces_ucs_2_is_found() -> None:
    assert text.why_not_gsm7("Price — 5 €…") == (6, "—")
    assert text.why_not_gsm7("Price - 5 €") is None


def test_a_character_is_named_so_that_it_can_be_found() -> None:
    assert text.character_name("—") == "U+2014 EM DASH «—»"
    assert text.character_name("\t") == "U+0009"


def test_plain_replacements_leave_nothing_that_gsm7_lacks() -> None:
    assert replacements("“Hello” – it’s…") == {"“": '"', "”": '"', "–": "-", "’": "'", "…": "..."}
    assert replacements("№ 5\u00a0\u200b") == {"№": "No", "\u00a0": " ", "\u200b": ""}
    assert replacements("plain") == {}
    assert replacements("— й") is None


any_text = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), st.sampled_from("€[😀я"))
)
gsm_text = st.text(st.sampled_from(sorted(gsm.ALPHABET)))
ways = st.sampled_from(sorted(UDH_OCTETS))


@given(st.one_of(any_text, gsm_text).map(lambda some: some * 40), ways)
def test_the_segments_together_are_the_text_and_each_fits(message: str, way: str) -> None:
    message = message[: 66 * 255]
    found = split(message, long_messages=way, max_segments=255)
    header = UDH_OCTETS[way] if len(found.segments) > 1 else 0
    limit = text.room(found.encoding, 140 - header)
    assert all(len(segment) <= limit for segment in found.segments)
    # Strict decoding of each alone: a cut pair could not pass.
    assert "".join(text.decode(segment, found.encoding) for segment in found.segments) == message


@given(any_text.map(lambda some: some * 20), st.sampled_from(["utf-8", "utf-16", "gb18030", "utf-7"]))
def test_any_encoding_of_pythons_is_cut_between_characters(message: str, name: str) -> None:
    message = message[:2000]
    found = split(message, Encoding(name, 4), max_segments=255)
    assert "".join(segment.decode(name) for segment in found.segments) == message
    assert all(len(segment) <= 140 for segment in found.segments)


@given(any_text.map(lambda some: some * 40))
def test_no_segment_could_take_the_next_character_too(message: str) -> None:
    found = split(message[: 66 * 255], max_segments=255)
    limit = text.room(found.encoding, 134)
    for segment, following in zip(found.segments, found.segments[1:], strict=False):
        character = text.decode(following, found.encoding)[0]
        assert len(segment) + len(text.encode(character, found.encoding)) > limit


@given(st.binary(), st.sampled_from(["gsm7", "ucs2", "latin1", "euc-kr"]))
def test_decoding_with_replacement_never_raises(octets: bytes, name: str) -> None:
    assert isinstance(text.decode(octets, name, "replace"), str)


@given(gsm_text)
def test_gsm7_comes_back_as_it_went(message: str) -> None:
    assert gsm.decode(gsm.encode(message)) == message
