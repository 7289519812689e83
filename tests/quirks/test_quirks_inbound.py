"""Messages from handsets as SMSCs hand them over: every charset, every cut, and what is not what it seems."""

from itertools import permutations
from typing import Any

import pytest
from by_hand import HANDSET, OK, Field, field
from world import eventually, in_a_loop

from smsd.core.concat import sar, udh
from smsd.core.smpp import pdus

UDHI = 0x40
MESSAGE_PAYLOAD = 0x0424
GSM = [{"name": "gsm7", "data_coding": 0}]


async def heard(f: Field, n: int = 1) -> list[dict[str, Any]]:
    """What the CRM got from handsets, once there are `n` of them, and no more of them."""
    await eventually(lambda: len(f.inbound) >= n)
    await f.quiet()
    assert len(f.inbound) == n
    return f.inbound


async def published(octets: bytes, *tlvs: tuple[int, bytes], encodings: Any = None, **fields: Any) -> dict[str, Any]:
    """What the CRM gets of one deliver_sm."""
    async with field(**{"encodings": encodings} if encodings else {}) as f:
        assert await f.deliver(octets, *tlvs, **{"esm_class": 0, **fields}) == OK
        (message,) = await heard(f)
        return message


@pytest.mark.parametrize(
    ("data_coding", "charset", "text", "encodings"),
    [
        (0x00, b"\x15 \x1be\x00", "Ω €@", None),
        (0x00, "latin-1", "café", [{"name": "latin1", "data_coding": 0}]),
        (0x00, "ascii", "yes", [{"name": "ascii", "data_coding": 0}]),
        (0x01, b"\x1be", "€", [{"name": "gsm7", "data_coding": 1}]),
        (0x01, "latin-1", "café", [*GSM, {"name": "latin1", "data_coding": 1}]),
        (0x02, "utf-16-be", "Да 🙂", [*GSM, {"name": "ucs2", "data_coding": 2}]),
        (0x03, "latin-1", "café", None),
        (0x04, b"\x1be", "€", [{"name": "gsm7", "data_coding": 4}]),
        (0x05, "shift-jis", "はい", None),
        (0x06, "iso8859-5", "Привет", None),
        (0x07, "iso8859-8", "שלום", None),
        (0x08, "utf-16-be", "Привет 👋", None),
        (0x0E, "euc-kr", "안녕", None),
        (0x18, "utf-16-be", "Да", None),
        (0x2A, "cp1251", "Привет", [*GSM, {"name": "cp1251", "data_coding": 0x2A}]),
        (0x2B, "koi8-r", "Привет", [*GSM, {"name": "koi8-r", "data_coding": 0x2B}]),
        (0x2C, "utf-8", "Привет 👋", [*GSM, {"name": "utf-8", "data_coding": 0x2C}]),
        (0xF0, b"flash", "flash", None),
    ],
)
@in_a_loop
async def test_a_text_in_any_data_coding_and_charset_is_read(
    data_coding: int, charset: str | bytes, text: str, encodings: Any
) -> None:
    octets = charset if isinstance(charset, bytes) else text.encode(charset)
    message = await published(octets, data_coding=data_coding, encodings=encodings)
    assert (message["text"], message["parts"], "raw_hex" in message) == (text, 1, False)


@pytest.mark.parametrize("data_coding", [0x02, 0x04, 0xF5, 0x99], ids=hex)
@in_a_loop
async def test_binary_content_is_passed_on_as_octets(data_coding: int) -> None:
    message = await published(b"\x00\x01\xff", data_coding=data_coding)
    assert (message["text"], message["encoding"], message["raw_hex"]) == (None, None, "0001ff")


@in_a_loop
async def test_what_its_charset_can_not_say_is_replaced_and_its_octets_are_there() -> None:
    message = await published(b"\x04\x14\xd8\x3d", data_coding=8)
    assert (message["text"], message["raw_hex"]) == ("Д\ufffd", "0414d83d")


@in_a_loop
async def test_a_message_to_a_port_says_which() -> None:
    header = bytes.fromhex("06 05 04 23f0 0005")
    message = await published(header + b"\x01\x02", esm_class=UDHI, data_coding=4)
    assert (message["ports"], message["raw_hex"]) == ({"destination": 0x23F0, "source": 5}, "0102")


@pytest.mark.parametrize("command", [pdus.DELIVER_SM, pdus.DATA_SM])
@in_a_loop
async def test_a_text_in_message_payload_may_be_as_long_as_it_likes(command: int) -> None:
    text = "Привет " * 1000
    message = await published(b"", (MESSAGE_PAYLOAD, text.encode("utf-16-be")), command=command, data_coding=8)
    assert (message["text"], message["parts"]) == (text, 1)


# --- parts

FORMS = {
    "udh": lambda n, text: (udh(7, 3, n, bits=8) + text, (), UDHI),
    "udh16": lambda n, text: (udh(0xA7B8, 3, n, bits=16) + text, (), UDHI),
    "udh with ports": lambda n, text: (b"\x0b\x05\x04\x23\xf0\x00\x05" + udh(7, 3, n, bits=8)[1:] + text, (), UDHI),
    "sar": lambda n, text: (text, sar(0xA7B8, 3, n), 0),
    "udh in message_payload": lambda n, text: (b"", [(MESSAGE_PAYLOAD, udh(7, 3, n, bits=8) + text)], UDHI),
    "sar beside message_payload": lambda n, text: (b"", [*sar(7, 3, n), (MESSAGE_PAYLOAD, text)], 0),
}
TEXTS = {1: "раз ", 2: "два ", 3: "три"}


async def part(f: Field, form: str, n: int, text: str, **fields: Any) -> None:
    octets, tlvs, esm_class = FORMS[form](n, text.encode("utf-16-be"))
    assert await f.deliver(octets, *tlvs, esm_class=esm_class, data_coding=8, **fields) == OK


@pytest.mark.parametrize("form", FORMS)
@in_a_loop
async def test_parts_in_any_order_and_form_become_whole(form: str) -> None:
    async with field() as f:
        orders = list(permutations(TEXTS))
        for which, order in enumerate(orders):
            for n in order:
                await part(f, form, n, TEXTS[n], destination_addr=b"%d" % which)
        for message, which in zip(await heard(f, len(orders)), range(len(orders)), strict=True):
            assert (message["to"], message["text"], message["parts"]) == (f"{which}", "раз два три", 3)
            assert "incomplete" not in message


@pytest.mark.parametrize("form", ["udh", "sar"])
@in_a_loop
async def test_parts_of_two_handsets_with_one_reference_are_two_messages(form: str) -> None:
    async with field() as f:
        for n in (3, 1, 2):
            for sender in (b"79000000001", b"79000000002"):
                await part(f, form, n, f"{TEXTS[n]}{sender[-1] - 48}", source_addr=sender)
        messages = {message["from"]: message["text"] for message in await heard(f, 2)}
        assert messages == {"79000000001": "раз 1два 1три1", "79000000002": "раз 2два 2три2"}


@pytest.mark.parametrize("form", ["udh", "sar"])
@in_a_loop
async def test_parts_that_stay_incomplete_are_passed_on_and_marked(form: str) -> None:
    async with field(parts_wait="50ms") as f:
        await part(f, form, 3, "три")
        await part(f, form, 1, "раз ")

        def given_out() -> bool:
            f.flow.holding.sweep()
            return bool(f.inbound)

        await eventually(given_out)
        (message,) = await heard(f)
        assert (message["text"], message["parts"], message["incomplete"]) == ("раз три", 2, True)


@in_a_loop
async def test_a_pair_of_units_cut_between_two_parts_is_read_whole() -> None:
    async with field() as f:
        octets = "Да 🙂!".encode("utf-16-be")
        for n, half in ((2, octets[8:]), (1, octets[:8])):
            assert await f.deliver(udh(9, 2, n, bits=8) + half, esm_class=UDHI, data_coding=8) == OK
        (message,) = await heard(f)
        assert (message["text"], "raw_hex" in message) == ("Да 🙂!", False)


# --- not what it seems

LOOKALIKES = [
    "id:77 please",
    "My id:77 sub:001 stat:DELIVRD err:000",
    "stat:DELIVRD",
    "text:id:77 sub:001 stat:DELIVRD err:000",
    "id:77 stat:",
    "grid:7 and stat:1234567 thanks",
    "00,0210021543,0210021500,,79000000000,10110200000000,77",
]


@in_a_loop
async def test_a_message_that_looks_like_a_receipt_is_a_message() -> None:
    async with field() as f:
        await f.accept(b"77")
        for text in LOOKALIKES:
            assert await f.deliver(text.encode(), esm_class=0) == OK
        assert [message["text"] for message in await heard(f, len(LOOKALIKES))] == LOOKALIKES
        assert (f.statuses(), f.unmatched) == (["sent"], [])


@pytest.mark.parametrize("esm_class", [0x00, 0x10])
@in_a_loop
async def test_a_receipt_disguised_as_a_message_is_a_receipt(esm_class: int) -> None:
    async with field() as f:
        await f.accept(b"77")
        receipt = b"id:77 sub:001 dlvrd:001 submit date:2601150904 done date:2601150905 stat:DELIVRD err:000 text:hello"
        assert await f.deliver(receipt, esm_class=esm_class) == OK
        await f.becomes("delivered")
        await f.quiet()
        assert f.inbound == []


@in_a_loop
async def test_without_text_fallback_the_same_text_is_a_message() -> None:
    text = b"id:77 sub:001 dlvrd:001 stat:DELIVRD err:000 text:hello"
    async with field(receipt_format={"text_fallback": False}) as f:
        await f.accept(b"77")
        assert await f.deliver(text, esm_class=0) == OK
        (message,) = await heard(f)
        assert (message["text"], message["from"], f.statuses()) == (text.decode(), HANDSET.decode(), ["sent"])
