"""Cases 12 and 26: what is a receipt and what a message from a handset, and receipts whose data_coding misleads."""

import pytest
from by_hand import OK, Field, field, response
from receipts import DELIVERED, MESSAGE_STATE, NETWORK_ERROR_CODE, RECEIPTED_MESSAGE_ID, appendix_b
from world import eventually, in_a_loop

from smsd.core.smpp import pdus

ONE = bytes.fromhex("000101373930303030303030313100030037373030004800000000000000001005000307020170617274206f6e652c20")
TWO = bytes.fromhex("000101373930303030303030313100030037373030004800000000000000000e050003070202706172742074776f")


def texts(f: Field) -> list[str]:
    return [message["text"] for message in f.inbound]


@in_a_loop
async def test_case_12_parts_of_class_0x48_are_one_message_from_a_handset() -> None:
    async with field() as f:
        for body in (ONE, TWO):
            assert await f.deliver_octets(body) == OK
        await f.quiet()
        assert (texts(f), f.unmatched) == (["part one, part two"], [])


@pytest.mark.parametrize("esm_class", [0x08, 0x48, 0x0A, 0x88], ids=hex)
@in_a_loop
async def test_case_12_class_0x08_is_a_handset_s_whatever_it_looks_like(esm_class: int) -> None:
    header = b"\x05\x00\x03\x07\x01\x01" if esm_class & 0x40 else b""
    async with field() as f:
        await f.accept(b"77")
        assert await f.deliver(header + appendix_b(), DELIVERED, esm_class=esm_class) == OK
        await f.quiet()
        assert (texts(f), f.statuses()) == ([appendix_b().decode()], ["sent"])


@pytest.mark.parametrize("text", [b"yes", b"", b"my text: hello", b"err:7"])
@in_a_loop
async def test_case_12_class_0x04_that_says_nothing_of_a_receipt_is_a_message(text: bytes) -> None:
    async with field() as f:
        assert await f.deliver(text, esm_class=0x04) == OK
        await f.quiet()
        assert (texts(f), f.unmatched) == ([text.decode()], [])


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        (b"id:78", None, b""),
        (b"stat:DELIVRD", None, b""),
        (b"", RECEIPTED_MESSAGE_ID, b"78\0"),
        (b"", MESSAGE_STATE, b"\x02"),
        (b"", NETWORK_ERROR_CODE, b"\x03\x00\x00"),
    ],
)
@in_a_loop
async def test_case_12_one_sign_of_a_receipt_is_enough_in_class_0x04(
    text: bytes, tag: int | None, value: bytes
) -> None:
    async with field() as f:
        assert await f.deliver(text, *([(tag, value)] if tag else [])) == OK
        await f.quiet()
        assert (texts(f), len(f.unmatched)) == ([], 1)


@in_a_loop
async def test_case_12_what_a_provider_s_regex_finds_is_a_sign() -> None:
    async with field(receipt_format={"id_regex": r"^ref (\w+)"}) as f:
        await f.accept(b"77")
        assert await f.deliver(b"ref 77", DELIVERED) == OK
        await f.becomes("delivered")


# --- case 26: a receipt in ASCII that claims to be UCS-2

TEXT = bytes.fromhex("006d003100200412043004480020043a043e0434")
CLAIMS = b"id:12 sub:001 dlvrd:001 submit date:2611280437 done date:2611280437 stat:DELIVRD err:000 Text:" + TEXT


@pytest.mark.parametrize("data_coding", [0x08, 0x18, 0x00])
@in_a_loop
async def test_case_26_a_receipt_that_begins_in_ascii_is_read_so(data_coding: int) -> None:
    async with field() as f:
        submit = await f.come("m1 Ваш код")
        assert submit.octets("short_message") == TEXT
        f.smsc.send(response(submit, b"12\0"))
        await f.becomes("sent")
        assert await f.deliver(CLAIMS, data_coding=data_coding) == OK
        receipt = (await f.becomes("delivered"))["parts"][0]["receipt"]
        assert (receipt["id"], receipt["sub"], receipt["err"], receipt["done_date"]) == (
            "12",
            "001",
            "000",
            "2611280437",
        )
        assert (receipt["raw"], receipt["raw_hex"]) == (CLAIMS.decode("latin-1"), CLAIMS.hex())


@in_a_loop
async def test_case_26_so_it_is_where_tlvs_join_it() -> None:
    async with field() as f:
        await f.accept(b"12")
        assert await f.deliver(CLAIMS, (RECEIPTED_MESSAGE_ID, b"12\0"), DELIVERED, data_coding=8) == OK
        receipt = (await f.becomes("delivered"))["parts"][0]["receipt"]
        assert (receipt["stat"], receipt["err"]) == ("DELIVRD", "000")


@pytest.mark.parametrize("mark", [b"", b"\xfe\xff"], ids=["none", "mark"])
@in_a_loop
async def test_case_26_a_receipt_that_is_in_ucs_2_is_read_as_before(mark: bytes) -> None:
    async with field() as f:
        await f.accept(b"12")
        octets = mark + "id:12 sub:001 stat:DELIVRD err:000 text:Ваш код".encode("utf-16-be")
        assert await f.deliver(octets, data_coding=8, esm_class=0) == OK
        receipt = (await f.becomes("delivered"))["parts"][0]["receipt"]
        assert (receipt["err"], receipt["text"]) == ("000", "Ваш код")


# --- what a receipt says of its message


async def status_after(text: bytes, *tlvs: tuple[int, bytes], **settings: object) -> str:
    async with field(**settings) as f:
        await f.accept(b"77")
        assert await f.deliver(b"id:77 " + text, *tlvs) == OK
        await f.quiet()
        return f.statuses()[-1]


@pytest.mark.parametrize(
    ("word", "state", "status"),
    [
        ("DELIVRD", 5, "delivered"),
        ("DELIVRD", 6, "delivered"),
        ("UNDELIV", 2, "undelivered"),
        ("ENROUTE", 2, "sent"),
        ("EXPIRED", 7, "expired"),
        ("SKIPPED", 2, "undelivered"),
    ],
)
@in_a_loop
async def test_case_12_a_known_stat_word_wins_over_the_number(word: str, state: int, status: str) -> None:
    assert await status_after(f"stat:{word}".encode(), (MESSAGE_STATE, bytes([state]))) == status


OF_STATE = {0: "sent", 1: "sent", 2: "delivered", 3: "expired", 6: "sent", 10: "sent", 255: "sent"} | dict.fromkeys(
    (4, 5, 7, 8, 9), "undelivered"
)


@pytest.mark.parametrize(("state", "status"), sorted(OF_STATE.items()))
@pytest.mark.parametrize("text", [b"stat:GONE", b"sub:001"], ids=["unknown-word", "no-word"])
@in_a_loop
async def test_case_12_an_unknown_stat_word_yields_to_the_number(text: bytes, state: int, status: str) -> None:
    assert await status_after(text, (MESSAGE_STATE, bytes([state]))) == status


@pytest.mark.parametrize(
    ("text", "state", "stat_map", "status"),
    [
        (b"sub:001", 9, {"9": "sent"}, "sent"),
        (b"stat:GONE", 0, {"0": "delivered"}, "delivered"),
        (b"stat:GONE", 2, {"GONE": "undelivered"}, "undelivered"),
        (b"stat:DELIVRD", 6, {"6": "undelivered"}, "delivered"),
        (b"stat:9", 2, {"9": "undelivered"}, "undelivered"),
        (b"sub:001", 200, {"200": "SKIPPED"}, "undelivered"),
    ],
)
@in_a_loop
async def test_case_12_stat_map_explains_words_and_numbers(
    text: bytes, state: int, stat_map: dict[str, str], status: str
) -> None:
    told = await status_after(text, (MESSAGE_STATE, bytes([state])), receipt_format={"stat_map": stat_map})
    assert told == status


def lines_of_stat_map(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if "stat_map" in line]


@in_a_loop
async def test_case_12_an_unknown_stat_word_is_logged_once_and_names_stat_map(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with field() as f:
        for id in (b"71", b"72"):
            await f.accept(id)
            assert await f.deliver(b"id:%b stat:GONE" % id) == OK
            assert await f.deliver(b"id:%b stat:ENROUTE" % id) == OK
        await f.quiet()
    (line,) = lines_of_stat_map(capsys.readouterr().out)
    assert "GONE" in line


# --- ids with something around them


@pytest.mark.parametrize("form", ['"%s"', "'%s'", '"%s  "', "%s   ", "  %s"])
@pytest.mark.parametrize("id", ["77", "0A1b-x"])
@in_a_loop
async def test_case_12_ids_in_quotes_or_padded_with_blanks_are_matched(id: str, form: str) -> None:
    """In the receipt, in its TLV, and in the response."""
    around = form % id
    async with field() as f:
        await f.accept(id.encode(), id="a")
        assert await f.deliver(f"id:{around} sub:001 stat:DELIVRD err:000 text:".encode()) == OK
        await f.becomes("delivered", "a")
        await f.accept(id.encode(), id="b")
        assert await f.deliver(b"", (RECEIPTED_MESSAGE_ID, around.encode()), DELIVERED) == OK
        await f.becomes("delivered", "b")
        await f.accept(around.encode(), id="c")
        assert await f.deliver(appendix_b(id)) == OK
        result = await f.becomes("delivered", "c")
        assert result["parts"][0]["smsc_id"] == around


@in_a_loop
async def test_case_12_an_early_receipt_in_quotes_finds_its_message() -> None:
    async with field() as f:
        submit = await f.come()
        assert await f.deliver(appendix_b('"77"')) == OK
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("delivered")


@in_a_loop
async def test_case_12_a_message_id_of_blanks_is_none() -> None:
    async with field() as f:
        f.request("x" * 200)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 1), b"77\0"))
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 2), b"   \0"))
        await f.becomes("sent")
        assert await f.deliver(appendix_b()) == OK
        await eventually(lambda: f.statuses() == ["sent", "delivered"])
