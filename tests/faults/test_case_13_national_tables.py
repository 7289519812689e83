"""Case 13: a handset's national tables are obeyed, and its header is kept."""

from typing import Any

import pytest
from by_hand import OK, Field, field
from world import eventually, in_a_loop

UDHI = 0x40


async def heard(f: Field, *octets: bytes, **fields: Any) -> dict[str, Any]:
    """What the CRM gets of these deliver_sm."""
    for each in octets:
        assert await f.deliver(each, esm_class=UDHI, **fields) == OK
    await eventually(lambda: len(f.inbound) == 1)
    return f.inbound[0]


@in_a_loop
async def test_case_13_a_locking_table_is_read_and_the_header_kept() -> None:
    async with field() as f:
        message = await heard(f, bytes.fromhex("032501011c1d0c1c616263"))
        assert (message["text"], message["udh_hex"]) == ("ŞşğŞabc", "03250101")
        assert "raw_hex" not in message


@in_a_loop
async def test_case_13_a_single_shift_table_is_read() -> None:
    async with field() as f:
        message = await heard(f, bytes.fromhex("03240102") + b"Buenos d\x1bias")
        assert (message["text"], message["udh_hex"], "raw_hex" in message) == ("Buenos días", "03240102", False)


@in_a_loop
async def test_case_13_both_tables_count_beside_a_concatenation() -> None:
    async with field() as f:
        parts = [
            bytes.fromhex(f"0b00030702{n:02x}240101250101") + octets for n, octets in ((1, b"\x1ce"), (2, b"\x1d"))
        ]
        message = await heard(f, *parts)
        assert (message["text"], message["parts"], message["udh_hex"]) == ("Şeş", 2, "0b0003070201240101250101")


@pytest.mark.parametrize("header", ["03250102", "0325010e", "032401ff", "03250100"])
@in_a_loop
async def test_case_13_a_table_that_nobody_knows_is_told_as_doubtful(header: str) -> None:
    """23.038 §6.2.1.2.4: an unknown table is the default one. 0 is the default itself, and no doubt."""
    async with field() as f:
        message = await heard(f, bytes.fromhex(header) + b"abc")
        assert (message["text"], message["udh_hex"]) == ("abc", header)
        assert ("raw_hex" in message) == (header != "03250100")


@in_a_loop
async def test_case_13_a_cell_without_a_character_is_told_as_doubtful() -> None:
    async with field() as f:
        message = await heard(f, bytes.fromhex("0325010b00"))  # Tamil has nothing there
        assert (message["text"], message["raw_hex"]) == ("\ufffd", "00")


@in_a_loop
async def test_case_13_a_provider_that_lists_gsm7_tr_is_read_by_the_header() -> None:
    encodings = [{"name": "gsm7", "data_coding": 0}, {"name": "gsm7-tr", "data_coding": 0}]
    async with field(encodings=encodings) as f:
        assert (await heard(f, b"\x03\x24\x01\x01" + b"a\x1bs"))["text"] == "aş"
