"""Quirks Q1 to Q10: which message a receipt is about, wherever and however it says it."""

import pytest
from by_hand import OK, field
from receipts import DELIVERED, MESSAGE_PAYLOAD, RECEIPTED_MESSAGE_ID, appendix_b, delivered
from world import in_a_loop

from smsd.core.smpp import pdus

# --- the text


@pytest.mark.parametrize(
    "text",
    [
        b"id:77 submit date:2601150904 done date:2601150905 stat:DELIVRD err:000 text:hello",
        b"id:77 submit date:2601150904 done date:2601150905 stat:DELIVRD err:000",
        b"id:77 stat:DELIVRD",
    ],
)
@in_a_loop
async def test_q1_a_receipt_without_sub_and_dlvrd_is_read(text: bytes) -> None:
    receipt = await delivered(b"77", text)
    assert (receipt["id"], receipt["stat"], receipt["raw"]) == ("77", "DELIVRD", text.decode())
    assert {"sub", "dlvrd"}.isdisjoint(receipt)


# --- ids


@pytest.mark.parametrize(
    ("smsc_id", "text_id", "tlv"),
    [(b"18d0e03a", "0416342074", b"18d0e03a\0"), (b"6aad5", "0000436949", b"6aad5\0"), (b"436949", "436949", b"6aad5")],
)
@in_a_loop
async def test_q2_text_and_tlv_may_carry_the_id_in_two_bases(smsc_id: bytes, text_id: str, tlv: bytes) -> None:
    receipt = await delivered(smsc_id, appendix_b(text_id), (RECEIPTED_MESSAGE_ID, tlv))
    assert receipt["id"] == text_id


@pytest.mark.parametrize(
    ("smsc_id", "receipt_id", "bases"),
    [
        (b"221067780", "0221067780", {}),
        (b"0221067780", "221067780", {}),
        (b"00B8BE19", "B8BE19", {}),
        (b"00B8BE19", "00b8be19", {}),
        (b"00b8be19", "B8BE19", {}),
        (b"04062581461565934000241", "4062581461565934000241", {}),
        (b"00000d2d4284", "0221069956", {"submit": "hex", "receipt": "decimal"}),
    ],
)
@in_a_loop
async def test_q3_leading_zeros_make_no_difference_on_either_side(
    smsc_id: bytes, receipt_id: str, bases: dict[str, str]
) -> None:
    receipt = await delivered(smsc_id, appendix_b(receipt_id), message_id=bases)
    assert receipt["id"] == receipt_id


@in_a_loop
async def test_q3_an_id_with_its_zeros_comes_before_one_without_them() -> None:
    async with field() as f:
        await f.accept(b"7700")
        await f.accept(b"007700")
        assert await f.deliver(appendix_b("7700")) == await f.deliver(appendix_b("007700")) == OK
        await f.becomes("delivered", "m1")
        await f.becomes("delivered", "m2")


@in_a_loop
async def test_q4_the_base_of_an_id_is_never_guessed_from_its_looks() -> None:
    async with field(message_id={"submit": "hex", "receipt": "decimal"}) as f:
        await f.accept(b"10")
        await f.accept(b"16")
        await f.accept(b"xBB860")  # no number in any base
        assert await f.deliver(appendix_b("16")) == OK
        assert await f.deliver(appendix_b("xBB860")) == OK
        await f.quiet()
        assert [f.statuses(id)[-1] for id in ("m1", "m2", "m3")] == ["delivered", "sent", "delivered"]


@in_a_loop
async def test_q4_letters_in_an_id_that_should_be_decimal_fail_nothing() -> None:
    await delivered(b"BB860", appendix_b("bb860"), message_id={"submit": "decimal", "receipt": "decimal"})


@pytest.mark.parametrize(("smsc_id", "receipt_id"), [(b"18d0e03a", "18D0E03A"), (b"6C7C7DE2-FE37", "6c7c7de2-fe37")])
@in_a_loop
async def test_q5_an_id_may_come_back_in_the_other_case(smsc_id: bytes, receipt_id: str) -> None:
    await delivered(smsc_id, appendix_b(receipt_id))


@pytest.mark.parametrize(
    "id",
    [
        "00000000-0000-4000-8000-00000000abcd",
        "6a3ed98ac6440000aba33acd00000566",
        "11041301030001006668",
        "SAR-0000039245475-1eedf843-2-1",
        "ns:12345",
        "x" * 64,
    ],
)
@in_a_loop
async def test_q6_ids_of_any_form_up_to_64_characters_are_matched(id: str) -> None:
    await delivered(id.encode(), appendix_b(id))


@in_a_loop
async def test_q7_an_id_of_zero_identifies_no_message_but_the_one_that_was_named_so() -> None:
    async with field() as f:
        await f.accept(b"77")
        assert await f.deliver(appendix_b("0"), (RECEIPTED_MESSAGE_ID, b"0\0")) == OK
        await f.quiet()
        assert f.statuses() == ["sent"]
        assert [(each["smsc_id"], each["receipt"]["id"]) for each in f.unmatched] == [("0", "0")]


@in_a_loop
async def test_q7_a_tlv_tells_what_an_id_of_zero_does_not() -> None:
    await delivered(b"77", appendix_b("0"), (RECEIPTED_MESSAGE_ID, b"77\0"))


# --- other places than short_message


@in_a_loop
async def test_q8_a_bare_receipt_says_all_in_its_tlvs() -> None:
    receipt = await delivered(b"77", b"", (RECEIPTED_MESSAGE_ID, b"77\0"), DELIVERED)
    assert (receipt["id"], receipt["stat"], receipt["state"], receipt["raw"]) == ("77", "DELIVRD", 2, "")


@in_a_loop
async def test_q9_a_receipt_may_be_in_message_payload_with_a_nul_behind_it() -> None:
    text = b"id:0000436949 submit date:2601150904 done date:2601150905 stat:DELIVRD err:000\0"
    payload = (MESSAGE_PAYLOAD, text)
    receipt = await delivered(b"6aad5", b"", payload, (RECEIPTED_MESSAGE_ID, b"6aad5\0"), DELIVERED)
    assert (receipt["id"], receipt["err"], receipt["raw_hex"]) == ("0000436949", "000", text.hex())


@pytest.mark.parametrize(
    "tlvs", [[(MESSAGE_PAYLOAD, appendix_b())], [(RECEIPTED_MESSAGE_ID, b"77\0"), DELIVERED]], ids=["text", "bare"]
)
@in_a_loop
async def test_q10_a_receipt_may_be_a_data_sm_and_is_answered_data_sm_resp(tlvs: list[tuple[int, bytes]]) -> None:
    receipt = await delivered(b"77", b"", *tlvs, command=pdus.DATA_SM)
    assert receipt["id"] == "77"
