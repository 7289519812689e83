"""Cases 3 and 4: a message of several segments, and receipts that do not come one for each of them."""

from typing import Any

import pytest
from by_hand import OK, Document, Field, field, response
from receipts import appendix_b
from rig.patience import eventually as eventually_in_process
from rig.stage import Stage
from test_fault_s1_other_binds import beside, deliver
from world import eventually, in_a_loop

from smsd.core.smpp import pdus

TWO, THREE = "x" * 200, "x" * 400
ONE_FOR_ALL: Any = {"receipt_for": "message"}


async def accepted(f: Field, *ids: bytes, text: str = TWO) -> Document:
    """A request of as many segments comes, and they are accepted with these message_ids. Its result `sent`."""
    f.request(text)
    for n, id in enumerate(ids, 1):
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, n), id + b"\0"))
    return await f.becomes("sent")


def forget(f: Field) -> None:
    """Memory has nothing of the message any more: the journal's file is asked."""
    f.flow.journal._recent.clear()
    f.flow.journal._names.clear()
    f.flow.journal._live.clear()


async def told(f: Field, *receipts: bytes) -> list[str]:
    for receipt in receipts:
        assert await f.deliver(receipt) == OK
    await f.quiet()
    return f.statuses()


# --- case 4: the first segment alone has an id


@in_a_loop
async def test_case_04_segments_without_an_id_need_no_receipt() -> None:
    async with field() as f:
        await accepted(f, b"S777001", b"", b"", text=THREE)
        assert await told(f, appendix_b("S777001")) == ["sent", "delivered"]
        parts = (await f.becomes("delivered"))["parts"]
        assert [part["smsc_id"] for part in parts] == ["S777001", None, None]


@in_a_loop
async def test_case_04_the_segment_with_an_id_may_be_any() -> None:
    async with field() as f:
        await accepted(f, b"", b"S777001", b"", text=THREE)
        assert await told(f, appendix_b("S777001", "UNDELIV")) == ["sent", "undelivered"]


@in_a_loop
async def test_case_04_two_segments_with_ids_need_two_receipts() -> None:
    async with field() as f:
        await accepted(f, b"71", b"72", b"", text=THREE)
        assert await told(f, appendix_b("72")) == ["sent"]
        assert await told(f, appendix_b("71")) == ["sent", "delivered"]


@in_a_loop
async def test_case_04_a_message_without_any_id_stays_sent() -> None:
    async with field() as f:
        await accepted(f, b"", b"")
        assert await told(f) == ["sent"]


@in_a_loop
async def test_case_04_a_receipt_before_the_last_answer_waits_for_it() -> None:
    async with field() as f:
        f.request(TWO)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 1), b"S777001\0"))
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        assert await told(f, appendix_b("S777001")) == []
        f.smsc.send(response(second, b"\0"))
        await f.becomes("delivered")
        assert f.statuses() == ["sent", "delivered"]


@in_a_loop
async def test_case_04_it_is_so_when_the_file_has_to_be_asked() -> None:
    async with field() as f:
        await accepted(f, b"S777001", b"")
        forget(f)
        assert await told(f, appendix_b("S777001")) == ["sent", "delivered"]


# --- case 3: one receipt for the whole message


@in_a_loop
async def test_case_03_one_receipt_speaks_for_the_message_where_it_is_said_so() -> None:
    async with field(**ONE_FOR_ALL) as f:
        await accepted(f, b"S777001", b"S777002")
        assert [submit.number("registered_delivery") for submit in f.smsc.heard(pdus.SUBMIT_SM)] == [1, 1]
        assert await told(f, appendix_b("S777001")) == ["sent", "delivered"]


@pytest.mark.parametrize("id", ["S777001", "S777002"])
@in_a_loop
async def test_case_03_it_may_be_any_segment_s(id: str) -> None:
    async with field(**ONE_FOR_ALL) as f:
        await accepted(f, b"S777001", b"S777002")
        forget(f)
        assert await told(f, appendix_b(id, "UNDELIV")) == ["sent", "undelivered"]


@in_a_loop
async def test_case_03_without_that_each_segment_needs_its_own() -> None:
    async with field() as f:
        await accepted(f, b"S777001", b"S777002")
        assert await told(f, appendix_b("S777001")) == ["sent"]


@in_a_loop
async def test_case_03_an_intermediate_receipt_ends_nothing() -> None:
    async with field(**ONE_FOR_ALL) as f:
        await accepted(f, b"S777001", b"S777002")
        assert await told(f, appendix_b("S777002", "ENROUTE")) == ["sent"]
        assert await told(f, appendix_b("S777001")) == ["sent", "delivered"]


@in_a_loop
async def test_case_03_the_first_final_receipt_decides() -> None:
    async with field(**ONE_FOR_ALL) as f:
        await accepted(f, b"S777001", b"S777002")
        assert await told(f, appendix_b("S777002"), appendix_b("S777001", "UNDELIV")) == ["sent", "delivered"]
        assert f.unmatched == []


@in_a_loop
async def test_case_03_of_two_before_the_last_answer_the_first_decides() -> None:
    async with field(**ONE_FOR_ALL, window=3) as f:
        f.request(THREE)
        submits = [await f.smsc.hears(pdus.SUBMIT_SM, n) for n in (1, 2, 3)]
        f.smsc.send(response(submits[0], b"71\0"), response(submits[1], b"72\0"))
        assert await told(f, appendix_b("72"), appendix_b("71", "UNDELIV")) == []
        f.smsc.send(response(submits[2], b"73\0"))
        await f.becomes("delivered")
        await f.quiet()
        assert f.statuses() == ["sent", "delivered"]


@pytest.mark.parametrize("mode", ["message", "segments"])
@in_a_loop
async def test_case_03_the_settings_of_the_message_s_own_provider_count(mode: str) -> None:
    """Its receipt may come over another bind of the group."""
    others = {"message": "segments", "segments": "message"}[mode]
    async with (
        field(receipt_group="acme", receipt_for=mode) as f,
        beside(f, receipt_group="acme", receipt_for=others) as (other, _),
    ):
        await accepted(f, b"71", b"72")
        await deliver(other, "71")
        await f.quiet()
        assert f.statuses() == ["sent", "delivered"][: 2 if mode == "message" else 1]


def test_case_03_a_receipt_from_before_a_restart_counts_after_it(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    daemon = stage.bound(simulator, receipts=True)
    crm = stage.crm
    id = crm.send(TWO)
    first, second = crm.result(id, "sent")["parts"]
    simulator.receipt(first["smsc_id"])
    eventually_in_process(lambda: simulator.deliveries() or None)
    daemon.kill9()
    stage.bound(simulator, receipts=True)
    simulator.receipt(second["smsc_id"])
    assert [part["receipt"]["id"] for part in crm.result(id, "delivered")["parts"]] == [
        first["smsc_id"],
        second["smsc_id"],
    ]


# --- one id for all segments


@pytest.mark.parametrize("receipts", [1, 2, 3])
@in_a_loop
async def test_case_03_segments_of_one_id_are_settled_by_each_receipt(receipts: int) -> None:
    async with field() as f:
        await accepted(f, b"77", b"77", b"77", text=THREE)
        assert await told(f, *[appendix_b("77")] * receipts) == ["sent", "delivered"]
        parts = (await f.becomes("delivered"))["parts"]
        assert [(part["status"], part["receipt"]["id"]) for part in parts] == [("delivered", "77")] * 3
        assert f.unmatched == []


@in_a_loop
async def test_case_03_of_one_id_the_first_final_receipt_decides() -> None:
    async with field() as f:
        await accepted(f, b"77", b"77")
        receipts = [appendix_b("77", stat) for stat in ("ENROUTE", "UNDELIV", "DELIVRD")]
        assert await told(f, *receipts) == ["sent", "undelivered"]


@in_a_loop
async def test_case_03_one_id_in_two_spellings_is_one_id() -> None:
    async with field(message_id={"submit": "hex", "receipt": "decimal"}) as f:
        await accepted(f, b"4D", b"004d")
        assert await told(f, appendix_b("77")) == ["sent", "delivered"]


@in_a_loop
async def test_case_03_a_shared_receipt_is_read_back_from_the_file() -> None:
    async with field() as f:
        await accepted(f, b"71", b"77", b"77", text=THREE)
        assert await told(f, appendix_b("77")) == ["sent"]
        forget(f)
        assert await told(f, appendix_b("71")) == ["sent", "delivered"]
        parts = (await f.becomes("delivered"))["parts"]
        assert [part["receipt"]["id"] for part in parts] == ["71", "77", "77"]


@in_a_loop
async def test_case_03_a_receipt_counts_for_the_segment_answered_after_it() -> None:
    async with field() as f:
        f.request(TWO)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 1), b"77\0"))
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        assert await told(f, appendix_b("77")) == []
        f.smsc.send(response(second, b"77\0"))
        await f.becomes("delivered")
        await f.quiet()
        assert (f.statuses(), f.unmatched) == (["sent", "delivered"], [])


# --- a receipt counts once every segment is answered


@pytest.mark.parametrize(
    ("settings", "stat", "status"), [(ONE_FOR_ALL, "DELIVRD", "delivered"), ({}, "UNDELIV", "undelivered")]
)
@in_a_loop
async def test_case_03_a_receipt_waits_for_an_answer_that_is_late(settings: Any, stat: str, status: str) -> None:
    async with field(**settings, submit_timeout="200ms") as f:
        f.request(TWO)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 1), b"71\0"))
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        uncertain = await f.becomes("uncertain")
        assert await told(f, appendix_b("71", stat)) == ["uncertain"]
        f.smsc.send(response(second, b"\0"))
        corrected = await f.becomes(status)
        assert (f.statuses(), corrected["corrects"]) == (["uncertain", status], uncertain["result_id"])


@in_a_loop
async def test_case_03_a_receipt_of_a_segment_whose_sibling_is_refused_ends_nothing() -> None:
    async with field(**ONE_FOR_ALL) as f:
        f.request(TWO)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 1), b"71\0"))
        second = await f.smsc.hears(pdus.SUBMIT_SM, 2)
        assert await told(f, appendix_b("71")) == []
        f.smsc.send(response(second, status=0x0B))
        assert (await f.becomes("failed"))["reason"] == "partly-sent"
        await eventually(lambda: f.statuses() == ["failed"])
