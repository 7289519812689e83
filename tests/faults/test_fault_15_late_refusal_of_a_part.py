"""A late refusal of a message that is partly accepted says so, once nothing of it is in doubt any more."""

from by_hand import field, response
from world import in_a_loop

from smsd.core.smpp import pdus

TWO = "x" * 200
SYSTEM_ERROR = 0x0B


@in_a_loop
async def test_fault_15_a_late_refusal_of_a_partly_accepted_message_is_partly_sent() -> None:
    async with field(receipts=False, submit_timeout="200ms", window=1) as f:
        first = await f.come(TWO)
        f.smsc.send(response(first, b"1\0"))
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        uncertain = await f.becomes("uncertain")
        f.smsc.send(response(second, status=SYSTEM_ERROR))
        corrected = await f.becomes("failed")
        assert (corrected["reason"], corrected["corrects"]) == ("partly-sent", uncertain["result_id"])
        assert (corrected["segments_sent"], corrected["smpp_status"]["code"]) == (1, SYSTEM_ERROR)
        assert f.statuses() == ["uncertain", "failed"]


@in_a_loop
async def test_fault_15_the_one_correction_waits_until_nothing_is_in_doubt() -> None:
    async with field(receipts=False, submit_timeout="200ms") as f:
        first = await f.come(TWO)
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        await f.becomes("uncertain")
        f.smsc.send(response(first, status=SYSTEM_ERROR))
        await f.quiet()
        assert f.statuses() == ["uncertain"]
        f.smsc.send(response(second, b"2\0"))
        corrected = await f.becomes("failed")
        assert (corrected["reason"], [part["status"] for part in corrected["parts"]]) == (
            "partly-sent",
            ["rejected", "sent"],
        )


@in_a_loop
async def test_fault_15_all_segments_refused_late_are_a_refusal() -> None:
    async with field(receipts=False, submit_timeout="200ms") as f:
        first = await f.come(TWO)
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        await f.becomes("uncertain")
        f.smsc.send(response(first, status=SYSTEM_ERROR), response(second, status=SYSTEM_ERROR))
        corrected = await f.becomes("rejected")
        assert (corrected["segments_sent"], corrected["permanent"]) == (0, True)
