"""Fault 23 and case 27: an SMSC uses its ids again; the receipt's number says which message it means."""

from typing import Any

import pytest
from by_hand import OK, Field, field, response
from receipts import appendix_b
from world import eventually, in_a_loop

from smsd.core.smpp import pdus
from smsd.flow import early

FIRST, SECOND = b"79000000003", b"79000000004"
ID = b"Smsc2002"


def receipt(stat: str = "DELIVRD") -> bytes:
    return appendix_b(ID.decode(), stat)


async def two_of_one_id(f: Field) -> None:
    await f.accept(ID, to=FIRST.decode())
    await f.accept(ID, to=SECOND.decode())


@in_a_loop
async def test_fault_23_a_receipt_is_the_message_s_whose_number_it_names() -> None:
    async with field() as f:
        await two_of_one_id(f)
        assert await f.deliver(receipt("UNDELIV"), source_addr=FIRST) == OK
        await f.becomes("undelivered", "m1")
        assert await f.deliver(receipt(), source_addr=b"+" + SECOND) == OK
        await f.becomes("delivered", "m2")
        assert (f.statuses("m1"), f.statuses("m2")) == (["sent", "undelivered"], ["sent", "delivered"])
        assert f.unmatched == []


@in_a_loop
async def test_fault_23_it_is_so_when_the_file_has_to_be_asked() -> None:
    async with field() as f:
        await two_of_one_id(f)
        f.flow.journal._recent.clear()
        f.flow.journal._names.clear()
        assert await f.deliver(receipt("UNDELIV"), source_addr=b"9000000003") == OK  # a national form
        await f.becomes("undelivered", "m1")
        assert await f.deliver(receipt(), source_addr=b"ACME", destination_addr=SECOND) == OK
        await f.becomes("delivered", "m2")
        assert f.statuses("m2") == ["sent", "delivered"]


@in_a_loop
async def test_fault_23_a_better_one_in_the_file_wins_over_memory() -> None:
    async with field() as f:
        await f.accept(ID, to=FIRST.decode())
        f.flow.journal._recent.clear()
        f.flow.journal._names.clear()
        await f.accept(ID, to=SECOND.decode())
        assert await f.deliver(receipt(), source_addr=FIRST) == OK
        await f.becomes("delivered", "m1")
        assert f.statuses("m2") == ["sent"]


@pytest.mark.parametrize("source", [b"", b"ACME", b"79000000009"])
@in_a_loop
async def test_fault_23_a_receipt_that_names_neither_is_the_newest_s(source: bytes) -> None:
    async with field() as f:
        await two_of_one_id(f)
        assert await f.deliver(receipt(), source_addr=source) == OK
        await f.becomes("delivered", "m2")
        assert f.statuses("m1") == ["sent"]


@in_a_loop
async def test_case_27_an_early_receipt_with_an_id_used_before_waits() -> None:
    async with field() as f:
        await f.accept(ID, to=FIRST.decode())
        submit = await f.come(to=SECOND.decode())
        assert await f.deliver(receipt(), source_addr=SECOND) == OK
        await f.quiet()
        assert f.statuses("m1") == ["sent"]
        f.smsc.send(response(submit, ID + b"\0"))
        await f.becomes("delivered", "m2")
        assert (f.statuses("m1"), f.statuses("m2"), f.unmatched) == (["sent"], ["sent", "delivered"], [])
        await f.quiet()
        assert f.flow.journal.parked() == []


@in_a_loop
async def test_case_27_another_message_with_that_id_does_not_claim_it() -> None:
    async with field() as f:
        submits = [await f.come(to=to.decode()) for to in (FIRST, SECOND)]
        assert await f.deliver(receipt(), source_addr=SECOND) == OK
        await f.quiet()
        for submit, to in zip(submits, ("m1", "m2"), strict=True):
            f.smsc.send(response(submit, ID + b"\0"))
            await f.becomes("sent", to)
        await f.becomes("delivered", "m2")
        assert f.statuses("m1") == ["sent"]


@in_a_loop
async def test_case_27_once_it_has_waited_it_is_the_known_message_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "PARK", 0.0)
    async with field() as f:
        await f.accept(ID, to=FIRST.decode())
        await f.come(to=SECOND.decode())
        assert await f.deliver(receipt(), source_addr=SECOND) == OK
        await f.quiet()
        assert f.statuses("m1") == ["sent"]
        f.flow.holding.sweep()
        await f.becomes("delivered", "m1")
        await f.quiet()
        assert f.flow.journal.parked() == []


@in_a_loop
async def test_case_27_an_ended_message_does_not_take_what_may_be_another_s() -> None:
    async with field() as f:
        await f.accept(ID, to=FIRST.decode())
        assert await f.deliver(receipt(), source_addr=FIRST) == OK
        await f.becomes("delivered", "m1")
        submit = await f.come(to=FIRST.decode())
        assert await f.deliver(receipt("UNDELIV"), source_addr=FIRST) == OK
        f.smsc.send(response(submit, ID + b"\0"))
        await f.becomes("undelivered", "m2")
        assert f.statuses("m1") == ["sent", "delivered"]


@in_a_loop
async def test_case_29_an_id_of_zero_is_an_id() -> None:
    tlv = (0x001E, b"0\0")
    async with field() as f:
        await f.accept(b"0", to=FIRST.decode())
        assert await f.deliver(appendix_b("0"), tlv, source_addr=FIRST) == OK
        result: dict[str, Any] = await f.becomes("delivered")
        assert (result["parts"][0]["smsc_id"], f.unmatched) == ("0", [])
        await f.accept(b"1", to=SECOND.decode())
        assert await f.deliver(appendix_b("1"), tlv, source_addr=SECOND) == OK
        await f.becomes("delivered", "m2")


@in_a_loop
async def test_case_29_it_is_so_padded_and_before_its_response() -> None:
    async with field() as f:
        await f.accept(b"0000", to=FIRST.decode())
        assert await f.deliver(appendix_b("0"), source_addr=FIRST) == OK
        await f.becomes("delivered", "m1")
        submit = await f.come(to=SECOND.decode())
        assert await f.deliver(appendix_b("0"), source_addr=SECOND) == OK
        f.smsc.send(response(submit, b"0\0"))
        await f.becomes("delivered", "m2")


@in_a_loop
async def test_fault_s2_a_receipt_before_a_late_answer_finds_its_message() -> None:
    async with field(submit_timeout="200ms") as f:
        submit = await f.come(to=FIRST.decode())
        await f.becomes("uncertain")
        assert await f.deliver(receipt(), source_addr=FIRST) == OK
        await f.quiet()
        assert f.unmatched == []
        f.smsc.send(response(submit, ID + b"\0"))
        delivered = await f.becomes("delivered")
        assert (delivered["corrects"], f.unmatched) == (f.results()[0]["result_id"], [])
        assert len(f.smsc.heard(pdus.SUBMIT_SM)) == 1


@in_a_loop
async def test_fault_s2_without_the_answer_it_is_unmatched_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with field(submit_timeout="200ms") as f:
        await f.come(to=FIRST.decode())
        await f.becomes("uncertain")
        assert await f.deliver(receipt(), source_addr=FIRST) == OK
        await f.quiet()
        assert f.unmatched == []
        monkeypatch.setattr(early, "PARK", 0.0)
        f.flow.holding.sweep()
        await eventually(lambda: f.unmatched)
        assert f.statuses() == ["uncertain"]
        assert f.flow.journal.parked() == []


@in_a_loop
async def test_fault_s2_numbers_given_up_are_forgotten_in_time_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "GIVEN_UP_MAX", 3)
    doubts = early.Doubts(lambda _: False)
    for n in range(5):
        doubts.give_up(f"7900000000{n}", float(n))
    assert [n for n in range(5) if doubts.about([f"000000{n}"], 10.0)] == [2, 3, 4]
    assert [n for n in range(5) if doubts.about([f"000000{n}"], 3.0 + early.GIVEN_UP)] == [4]
