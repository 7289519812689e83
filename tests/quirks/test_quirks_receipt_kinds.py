"""Quirks Q11 to Q13: which deliver_sm is a receipt, when it comes, and how often."""

import pytest
from by_hand import OK, field, response
from receipts import DELIVERED, RECEIPTED_MESSAGE_ID, appendix_b
from world import in_a_loop

from smsd.core.concat import udh
from smsd.core.smpp import pdus

# --- which deliver_sm is one


@pytest.mark.parametrize("esm_class", [0x04, 0x06, 0x07, 0x24, 0x84, 0x00], ids=hex)
@in_a_loop
async def test_q11_receipts_of_every_esm_class_are_receipts(esm_class: int) -> None:
    async with field() as f:
        await f.accept(b"77")
        assert await f.deliver(appendix_b(), esm_class=esm_class) == OK
        await f.becomes("delivered")


@in_a_loop
async def test_q11_an_unmarked_receipt_is_known_by_its_tlv() -> None:
    async with field(receipt_format={"text_fallback": False}) as f:
        await f.accept(b"77")
        assert await f.deliver(b"", (RECEIPTED_MESSAGE_ID, b"77"), DELIVERED, esm_class=0x00) == OK
        await f.becomes("delivered")


@in_a_loop
async def test_q11_an_intermediate_notification_ends_nothing() -> None:
    async with field() as f:
        await f.accept(b"77")
        assert await f.deliver(appendix_b(stat="UNDELIV"), esm_class=0x20) == OK
        assert await f.deliver(appendix_b(), esm_class=0x04) == OK
        await f.quiet()
        assert f.statuses() == ["sent", "delivered"]


@pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x10, 0x18, 0x48, 0x80], ids=hex)
@in_a_loop
async def test_q11_a_users_own_acknowledgement_is_a_message_from_a_handset(esm_class: int) -> None:
    async with field() as f:
        header = udh(1, 1, 1, bits=8) if esm_class & 0x40 else b""
        assert await f.deliver(header + b"yes", esm_class=esm_class) == OK
        await f.quiet()
        assert ([message["text"] for message in f.inbound], f.unmatched) == (["yes"], [])


# --- when, and how often


@in_a_loop
async def test_q12_a_receipt_before_its_submit_sm_resp_is_parked() -> None:
    async with field() as f:
        submit = await f.come()
        assert await f.deliver(appendix_b()) == OK
        await f.quiet()
        assert (f.statuses(), f.unmatched) == ([], [])
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("delivered")
        assert (f.statuses(), f.unmatched) == (["sent", "delivered"], [])


@pytest.mark.parametrize(("smsc_id", "receipt_id"), [(b"0077", "77"), (b"77", "0077"), (b"00ab", "AB")])
@in_a_loop
async def test_q12_a_parked_receipt_is_found_in_every_form_of_its_id(smsc_id: bytes, receipt_id: str) -> None:
    async with field() as f:
        submit = await f.come()
        assert await f.deliver(appendix_b(receipt_id)) == OK
        f.smsc.send(response(submit, smsc_id + b"\0"))
        await f.becomes("delivered")


@pytest.mark.parametrize(
    "stats",
    [
        ["ENROUTE", "ACCEPTD", "DELIVRD"],
        ["DELIVRD", "ENROUTE"],
        ["DELIVRD", "DELIVRD", "DELIVRD"],
        ["DELIVRD", "UNDELIV"],
    ],
    ids=" ".join,
)
@in_a_loop
async def test_q13_several_receipts_in_any_order_give_one_final_result(stats: list[str]) -> None:
    async with field() as f:
        await f.accept(b"77")
        for stat in stats:
            assert await f.deliver(appendix_b(stat=stat)) == OK
        await f.quiet()
        assert (f.statuses(), f.unmatched) == (["sent", "delivered"], [])


@in_a_loop
async def test_q13_each_segment_has_a_receipt_of_its_own() -> None:
    async with field() as f:
        f.request("x" * 400)
        for n in (1, 2, 3):
            f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, n), b"7%d\0" % n))
        await f.becomes("sent")
        for id in ("72", "73", "71"):
            assert f.statuses() == ["sent"]
            assert await f.deliver(appendix_b(id)) == OK
        result = await f.becomes("delivered")
        assert [part["receipt"]["id"] for part in result["parts"]] == ["71", "72", "73"]


@in_a_loop
async def test_q13_a_receipt_that_nobody_asked_for_is_published_as_unmatched() -> None:
    async with field(receipts=False) as f:
        submit = await f.come()
        assert submit.number("registered_delivery") == 0
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("sent")
        assert await f.deliver(appendix_b()) == OK
        await f.quiet()
        assert (f.statuses(), [each["smsc_id"] for each in f.unmatched]) == (["sent"], ["77"])
