"""A late yes to what waits to be sent again ends the message, wherever its receipt was meanwhile."""

from by_hand import field, response
from world import eventually, in_a_loop

RECEIPT = b"id:7 sub:001 dlvrd:001 submit date:2611280330 done date:2611280330 stat:DELIVRD err:000 text:"
AGAIN = {"on_uncertain": "resend", "submit_timeout": "150ms", "retries": {"delays": ["15s"]}}


@in_a_loop
async def test_fault_06_a_receipt_before_a_late_answer_ends_the_message() -> None:
    async with field(**AGAIN) as f:
        submit = await f.come()
        assert await f.deliver(RECEIPT) == 0
        await eventually(lambda: f.flow.holding.lane.waiting())
        f.smsc.send(response(submit, b"7\0"))
        await f.becomes("delivered")
        assert f.statuses() == ["sent", "delivered"]
        assert f.results()[0]["attempts"] == 1


@in_a_loop
async def test_fault_06_a_late_answer_arms_receipt_wait() -> None:
    async with field(**AGAIN, receipt_wait="300ms") as f:
        submit = await f.come()
        await eventually(lambda: f.flow.holding.lane.waiting())
        f.smsc.send(response(submit, b"7\0"))
        await f.becomes("sent")

        def unconfirmed() -> bool:
            f.flow.holding.sweep()
            return "unconfirmed" in f.statuses()

        await eventually(unconfirmed)


@in_a_loop
async def test_fault_06_a_late_yes_to_an_uncertain_one_is_corrected_by_its_receipt() -> None:
    async with field(submit_timeout="150ms") as f:
        submit = await f.come()
        assert await f.deliver(RECEIPT) == 0
        uncertain = await f.becomes("uncertain")
        f.smsc.send(response(submit, b"7\0"))
        delivered = await f.becomes("delivered")
        assert delivered["corrects"] == uncertain["result_id"]
