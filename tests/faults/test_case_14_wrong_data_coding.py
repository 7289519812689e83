"""Cases 14, 15, 23: marks, wrong data_codings and headers without their flag: read as meant, or told as doubtful."""

from typing import Any

import pytest
from by_hand import OK, field
from world import eventually, in_a_loop

WORDS = "Привет всем"


async def heard(octets: bytes, *tlvs: tuple[int, bytes], **fields: Any) -> dict[str, Any]:
    async with field() as f:
        assert await f.deliver(octets, *tlvs, **{"esm_class": 0, **fields}) == OK
        await eventually(lambda: len(f.inbound) == 1)
        return f.inbound[0]


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le"])
@in_a_loop
async def test_case_14_a_byte_order_mark_is_obeyed_and_dropped(codec: str) -> None:
    octets = f"\ufeff{WORDS}".encode(codec)
    message = await heard(octets, data_coding=8)
    assert (message["text"], message["raw_hex"]) == (WORDS, octets.hex())


@pytest.mark.parametrize(("codec", "data_coding"), [("utf-16-le", 0), ("utf-16-be", 3), ("utf-8", 8), ("utf-8", 3)])
@in_a_loop
async def test_case_14_a_mark_says_more_than_data_coding(codec: str, data_coding: int) -> None:
    octets = f"\ufeff{WORDS}".encode(codec)
    message = await heard(octets, data_coding=data_coding)
    assert (message["text"], message["raw_hex"]) == (WORDS, octets.hex())


@in_a_loop
async def test_case_14_octets_that_only_begin_as_a_mark_are_text() -> None:
    message = await heard(b"\xff\xfeabc", data_coding=3)
    assert message["text"] == "ÿþabc"


@in_a_loop
async def test_case_14_the_mark_of_the_first_part_counts_for_all() -> None:
    octets = f"\ufeff{WORDS}".encode("utf-16-le")
    async with field() as f:
        for n, part in ((2, octets[9:]), (1, octets[:9])):
            assert await f.deliver(bytes((5, 0, 3, 7, 2, n)) + part, esm_class=0x40, data_coding=8) == OK
        await eventually(lambda: len(f.inbound) == 1)
        assert f.inbound[0]["text"] == WORDS


@in_a_loop
async def test_case_14_a_text_without_a_mark_is_as_it_was() -> None:
    message = await heard(WORDS.encode("utf-16-be"), data_coding=8)
    assert (message["text"], "raw_hex" in message) == (WORDS, False)


@pytest.mark.parametrize(
    ("octets", "data_coding"),
    [
        ("Привет,  4".encode("utf-16-be"), 0),
        ("γειά".encode("utf-16-be"), 3),
        ("שלום".encode("utf-16-be"), 1),
        (b"Hello all", 8),
        (b"Hello you", 0x18),
        (b"a\x07b", 3),
        (b"a\tb", 3),
        ("Да\x07".encode("utf-16-be"), 8),
    ],
    ids=range(8),
)
@in_a_loop
async def test_case_15_what_no_phone_sends_so_comes_with_its_octets(octets: bytes, data_coding: int) -> None:
    assert (await heard(octets, data_coding=data_coding))["raw_hex"] == octets.hex()


@pytest.mark.parametrize("text", ["Hello", "да", "line\r\nline", "é@", "日本"])
@in_a_loop
async def test_case_15_an_ordinary_text_comes_without(text: str) -> None:
    ordinary = text.isascii()
    octets = text.encode("ascii" if ordinary else "utf-16-be")
    message = await heard(octets, data_coding=0 if ordinary else 8)
    assert (message["text"], "raw_hex" in message) == (text, False)


@in_a_loop
async def test_case_23_a_header_that_no_flag_announces_is_a_header() -> None:
    async with field() as f:
        for n, part in ((1, b"part one, "), (2, b"part two")):
            assert await f.deliver(bytes((5, 0, 3, 9, 2, n)) + part, esm_class=0) == OK
        await eventually(lambda: len(f.inbound) == 1)
        assert (f.inbound[0]["text"], f.inbound[0]["parts"]) == ("part one, part two", 2)


@in_a_loop
async def test_case_09_tlvs_of_all_parts_of_an_inbound_message_are_kept() -> None:
    async with field() as f:
        for n, tlvs in ((2, [(0x1401, b"\2"), (0x1402, b"\2")]), (1, [(0x1401, b"\1"), (0x020C, b"\0\7")])):
            assert await f.deliver(bytes((5, 0, 3, 9, 2, n)) + b"x", *tlvs, esm_class=0x40) == OK
        await eventually(lambda: len(f.inbound) == 1)
        assert f.inbound[0]["tlvs"] == {"0x1401": "01", "0x1402": "02"}


@in_a_loop
async def test_case_09_without_tlvs_an_inbound_message_has_none() -> None:
    assert "tlvs" not in await heard(b"", (0x0424, b"hello"))
