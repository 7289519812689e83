"""Quirks Q14 to Q22: what the fields of receipts look like, and what they may be believed for."""

from typing import Any

import pytest
from by_hand import OK, SENDER, Field, field, response
from receipts import DELIVERED, NETWORK_ERROR_CODE, RECEIPTED_MESSAGE_ID, appendix_b, delivered
from world import in_a_loop

from smsd.core.concat import udh


async def outcomes(f: Field, receipts: dict[str, bytes]) -> dict[str, str]:
    """Each name's message gets its receipt, in which `%` is its id; the last status of each."""
    ids = {}
    for n, (name, receipt) in enumerate(receipts.items(), 1001):
        await f.accept(b"%d" % n, id=name)
        assert await f.deliver(receipt.replace(b"%", b"%d" % n)) == OK
        ids[name] = n
    await f.quiet()
    return {name: f.statuses(name)[-1] for name in ids}


# --- words and numbers

WORDS = {
    "delivered": "DELIVRD DELIVERED Delivrd",
    "expired": "EXPIRED",
    "undelivered": "DELETED UNDELIV UNDELIVERABLE UNDELIVERED REJECTD REJECTED UNKNOWN FAILED",
    "sent": "ENROUTE ACCEPTD ACKED BUFFRED BUFFERD NACK 0 INVALID-SUB MOB-OFF DND_REJECTED",
}


@in_a_loop
async def test_q14_each_stat_word_in_any_spelling_has_its_meaning() -> None:
    expected = {word: status for status, words in WORDS.items() for word in words.split()}
    async with field() as f:
        found = await outcomes(f, {word: b"id:% stat:" + word.encode() for word in expected})
        assert found == expected
        assert f.unmatched == []


@in_a_loop
async def test_q14_a_providers_own_words_mean_what_stat_map_says() -> None:
    own = {"0": "delivered", "MOB-OFF": "undelivered", "NACK": "expired", "DELIVRD": "sent"}
    async with field(receipt_format={"stat_map": own}) as f:
        assert await outcomes(f, {word: b"id:% stat:" + word.encode() for word in own}) == own


@in_a_loop
async def test_q14_a_stat_without_its_label_is_found_by_stat_regex() -> None:
    text = b"id:77 sub:000 dlvrd:000 submit date:260115120815 done date:260115120816 DELIVRD err:000 Text:"
    receipt = await delivered(b"77", text, receipt_format={"stat_regex": r"done date:\d+ (\w+) err:"})
    assert receipt["stat"] == "DELIVRD"


@pytest.mark.parametrize(
    ("err", "date"),
    [
        ("0000", "2601150904"),
        ("0", "260115090459"),
        ("12A", "20260115090459"),
        ("-1", "0000000000"),
        ("nul", "2026-01-15"),
        ("0x1F", "260115adsfas"),
    ],
)
@in_a_loop
async def test_q15_err_and_dates_are_kept_as_they_came(err: str, date: str) -> None:
    receipt = await delivered(b"77", f"id:77 submit date:{date} done date:{date} stat:DELIVRD err:{err}".encode())
    assert (receipt["err"], receipt["submit_date"], receipt["done_date"]) == (err, date, date)


@in_a_loop
async def test_q15_an_err_that_is_missing_stays_missing() -> None:
    receipt = await delivered(b"77", b"id:77 stat:DELIVRD err: text:hello")
    assert ("err" in receipt, receipt["text"]) == (False, "hello")


@pytest.mark.parametrize("text", ["GW2501 MCC:270 MNC:1 BillingMCC:1", "\x84A\x89O\x88 ENTO\x84H. \x8cAPAKA", "\xff\0"])
@in_a_loop
async def test_q16_fields_and_octets_that_nobody_knows_are_kept_in_the_text(text: str) -> None:
    receipt = await delivered(b"77", appendix_b(text=text))
    assert (receipt["text"], receipt["raw_hex"]) == (text, appendix_b(text=text).hex())


@in_a_loop
async def test_q17_a_receipt_that_is_not_of_appendix_b_is_read_by_the_providers_regexes() -> None:
    regexes = {"id_regex": r",(\w+)$", "stat_regex": r"^(\d+),", "err_regex": r"^(?:\d+,){3}(\d+)"}
    receipt = await delivered(
        b"we2345678",
        b"00,0210021543,0210021500,12,79000000000,10110200000000,we2345678",
        receipt_format={**regexes, "stat_map": {"00": "delivered"}},
    )
    assert (receipt["id"], receipt["stat"], receipt["err"]) == ("we2345678", "00", "12")


@in_a_loop
async def test_q17_a_text_that_nobody_understands_is_published_as_it_came() -> None:
    text = b"00,0210021543,0210021500,,79000000000,10110200000000,we2345678"
    async with field() as f:
        await f.accept(b"we2345678")
        assert await f.deliver(text, esm_class=0x20) == OK
        assert await f.deliver(text) == OK  # nothing in it says that it is a receipt
        await f.quiet()
        (unmatched,) = f.unmatched
        assert unmatched["receipt"] == {"raw": text.decode(), "raw_hex": text.hex(), "tlvs": {}}
        assert [message["text"] for message in f.inbound] == [text.decode()]
        assert f.statuses() == ["sent"]


# --- TLVs, headers, addresses


@pytest.mark.parametrize("value", [b"77", b"77\0", b"77\0junk", b" 77\0\0\0"])
@in_a_loop
async def test_q18_receipted_message_id_ends_at_its_first_nul_if_it_has_one(value: bytes) -> None:
    receipt = await delivered(b"77", b"", (RECEIPTED_MESSAGE_ID, value), DELIVERED)
    assert receipt["id"] == "77"
    assert receipt["tlvs"]["0x001E"] == value.hex()


@pytest.mark.parametrize("value", [b"000", b"\x03\x00\x00", b"\x08\x01\xf4", b"\x03", b""])
@in_a_loop
async def test_q19_a_network_error_code_of_any_form_is_kept_raw(value: bytes) -> None:
    receipt = await delivered(b"77", appendix_b(), (NETWORK_ERROR_CODE, value))
    assert receipt["tlvs"] == {"0x0423": value.hex()}


@pytest.mark.parametrize("bits", [8, 16])
@in_a_loop
async def test_q20_a_user_data_header_in_a_receipt_is_not_its_text(bits: int) -> None:
    async with field() as f:
        await f.accept(b"77")
        header = udh(1, 1, 1, bits=bits)
        assert await f.deliver(header + appendix_b(), esm_class=0x44) == OK
        receipt = (await f.becomes("delivered"))["parts"][0]["receipt"]
        assert (receipt["id"], receipt["raw"]) == ("77", appendix_b().decode())
        assert receipt["raw_hex"] == (header + appendix_b()).hex()


ADDRESSES = {
    "swapped": {"source_addr": SENDER, "destination_addr": b"79000000000"},
    "national": {"source_addr": b"89000000000"},
    "none": {"source_addr": b"", "destination_addr": b""},
}


@pytest.mark.parametrize("addresses", ADDRESSES.values(), ids=ADDRESSES)
@in_a_loop
async def test_q21_the_addresses_of_a_receipt_do_not_matter(addresses: dict[str, Any]) -> None:
    async with field() as f:
        await f.accept(b"77")
        assert await f.deliver(appendix_b(), **addresses) == OK
        await f.becomes("delivered")


@pytest.mark.parametrize("addresses", [ADDRESSES["swapped"], ADDRESSES["national"]], ids=["swapped", "national"])
@in_a_loop
async def test_q21_an_early_receipt_is_parked_by_either_address(addresses: dict[str, Any]) -> None:
    async with field() as f:
        submit = await f.come()
        assert await f.deliver(appendix_b(), **addresses) == OK
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("delivered")


@in_a_loop
async def test_q22_nobody_forges_a_receipt_by_what_he_writes_into_a_message() -> None:
    async with field() as f:
        await f.accept(b"77")
        await f.accept(b"78")
        await f.accept(b"79")
        forged = "id:78 sub:001 dlvrd:000 stat:UNDELIV err:001 text:"
        assert await f.deliver(appendix_b("77", text=forged)) == OK
        assert await f.deliver(b"id:79 sub:001 text:my stat:UNDELIV err:001") == OK
        assert await f.deliver(f"Hello {forged}".encode(), esm_class=0x00) == OK
        assert await f.deliver(b"text:" + forged.encode(), esm_class=0x00) == OK
        await f.quiet()
        assert [f.statuses(id) for id in ("m1", "m2", "m3")] == [["sent", "delivered"], ["sent"], ["sent"]]
        assert [message["text"] for message in f.inbound] == [f"Hello {forged}", f"text:{forged}"]
