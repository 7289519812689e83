"""Cases 18 and 21, and typography: a text costs what the air takes for it, not more."""

import pytest
from by_hand import HandSmsc, field, response
from world import eventually, in_a_loop

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu

ASCII = [{"name": "ascii", "data_coding": 1, "septets": True}, {"name": "ucs2", "data_coding": 8}]
LATIN1 = [{"name": "latin1", "data_coding": 3, "septets": True}, {"name": "ucs2", "data_coding": 8}]
HELLO = "Hello “world” — it’s me… " * 5
"""125 characters, and 135 septets once it is simplified."""


def accepting() -> HandSmsc:
    return HandSmsc({pdus.SUBMIT_SM: lambda request: response(request, b"1\0")})


async def sent(text: str, **settings: object) -> tuple[list[Pdu], dict[str, object]]:
    """Each submit_sm of a text, and the result."""
    async with field(accepting(), **{"receipts": False, **settings}) as f:
        f.request(text)
        await eventually(lambda: f.results())
        (result,) = f.results()
        return f.smsc.heard(pdus.SUBMIT_SM), result


def lengths(found: list[Pdu]) -> list[int]:
    """Of each user data, without its header."""
    return [len(one.octets("short_message")) - (6 if one.number("esm_class") & 0x40 else 0) for one in found]


@pytest.mark.parametrize(
    ("text", "encodings", "expected"),
    [
        ("a" * 150, ASCII, [150]),
        ("a" * 160, ASCII, [160]),
        ("a" * 161, ASCII, [153, 8]),
        ("[" * 80, ASCII, [80]),
        ("[" * 81, ASCII, [76, 5]),
        ("a" * 152 + "[" + "b" * 8, ASCII, [152, 9]),
        ("é" * 160, LATIN1, [160]),
    ],
)
@in_a_loop
async def test_case_18_an_8_bit_charset_in_septets_is_cut_as_gsm_is(
    text: str, encodings: object, expected: list[int]
) -> None:
    found, result = await sent(text, encodings=encodings)
    assert (lengths(found), result["segments"]) == (expected, len(expected))


@in_a_loop
async def test_case_18_what_gsm7_lacks_falls_through_to_the_next_encoding() -> None:
    _, result = await sent("ë", encodings=LATIN1)
    assert result["encoding"] == "ucs2"


@in_a_loop
async def test_case_18_without_septets_octets_are_counted() -> None:
    found, _ = await sent("a" * 150, encodings=[{"name": "ascii", "data_coding": 1}])
    assert lengths(found) == [134, 16]


@in_a_loop
async def test_case_21_decomposed_letters_are_composed_before_anything_is_counted() -> None:
    found, result = await sent("и\u0306" * 70)
    assert (found[0].octets("short_message").decode("utf-16-be"), result["segments"]) == ("й" * 70, 1)
    assert "text_changed" not in result


@in_a_loop
async def test_case_21_a_decomposed_accent_needs_no_ucs_2() -> None:
    _, result = await sent("cafe\u0301")
    assert result["encoding"] == "gsm7"


@in_a_loop
async def test_case_21_what_nfc_makes_longer_stays_as_it_is() -> None:
    found, _ = await sent("\u0958" * 70)
    assert lengths(found) == [140]


@in_a_loop
async def test_typography_is_simplified_where_that_saves_a_segment() -> None:
    found, result = await sent(HELLO, typography="simplify")
    assert (lengths(found), result["encoding"], result["text_changed"]) == ([135], "gsm7", True)
    assert found[0].octets("short_message").startswith(b'Hello "world" - it\'s me... ')


@in_a_loop
async def test_typography_is_kept_by_default() -> None:
    found, result = await sent(HELLO)
    assert (len(found), "text_changed" in result) == (2, False)


@pytest.mark.parametrize("text", ["Hello “world”", "«Привет» — " * 9, "plain " * 40, "\u200b" * 100])
@in_a_loop
async def test_typography_is_kept_where_nothing_is_saved(text: str) -> None:
    found, result = await sent(text, typography="simplify")
    kept = await sent(text)
    assert [one.octets("short_message") for one in found] == [one.octets("short_message") for one in kept[0]]
    assert "text_changed" not in result


@in_a_loop
async def test_typography_makes_a_text_fit_that_was_too_long() -> None:
    _, result = await sent(HELLO, typography="simplify", max_segments=1)
    assert (result["status"], result["segments"], result["text_changed"]) == ("sent", 1, True)


@in_a_loop
async def test_a_text_that_was_changed_says_so_in_its_receipts_result_too() -> None:
    async with field(accepting(), typography="simplify") as f:
        f.request(HELLO)
        await f.becomes("sent")
        assert await f.deliver(b"id:1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:") == 0
        assert (await f.becomes("delivered"))["text_changed"] is True


@pytest.mark.parametrize(
    ("name", "text", "expected", "head"),
    [
        ("gsm7-tr", "Şğ" * 75, [154], "03250101"),
        ("gsm7-tr", "a" * 150 + "ş", [156], "03240101"),
        ("gsm7-tr", "Şğ" * 100, [149 + 9, 51 + 9], "080003"),
        ("gsm7-pt", "ação " * 31, [155 + 4], "03250103"),
        ("gsm7-es", "día " * 20, [104], "03240102"),
        ("gsm7-hi", "नमस्ते " * 20, [144], "03250106"),
    ],
)
@in_a_loop
async def test_national_tables_save_segments_where_they_are_listed(
    name: str, text: str, expected: list[int], head: str
) -> None:
    encodings = [
        {"name": "gsm7", "data_coding": 0},
        {"name": name, "data_coding": 0},
        {"name": "ucs2", "data_coding": 8},
    ]
    found, result = await sent(text, encodings=encodings)
    octets = [one.octets("short_message") for one in found]
    assert ([len(one) for one in octets], result["encoding"], result["segments"]) == (expected, name, len(expected))
    assert all(one.number("esm_class") == 0x40 and one.number("data_coding") == 0 for one in found)
    assert octets[0].hex().startswith(head)


@in_a_loop
async def test_a_text_that_plain_gsm7_says_needs_no_table() -> None:
    encodings = [{"name": "gsm7", "data_coding": 0}, {"name": "gsm7-tr", "data_coding": 0}]
    found, result = await sent("hello", encodings=encodings)
    assert (result["encoding"], found[0].number("esm_class")) == ("gsm7", 0)
