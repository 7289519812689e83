"""What a provider sends while the journal hangs, or says that it is full, is not gathered without a bound."""

from typing import Any

import pytest
from by_hand import HANDSET, OK, SENDER, field, pdu
from receipts import appendix_b
from world import eventually, in_a_loop, stalled

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import encode_body
from smsd.flow import receipts
from smsd.links.journal.journal import SqliteJournal

FAILED = 0x14


def send(f: Any, *numbers: int) -> None:
    """Receipts of no message of ours."""
    for n in numbers:
        text = appendix_b(f"stray-{n}")
        fields = {"source_addr": HANDSET, "destination_addr": SENDER, "esm_class": 4, "short_message": text}
        f.smsc.send(pdu(pdus.DELIVER_SM, n, encode_body(pdus.DELIVER_SM, fields)))


def answers(f: Any) -> dict[int, int]:
    return {each.sequence: each.status for each in f.smsc.heard(pdus.DELIVER_SM_RESP)}


@in_a_loop
async def test_bounds_more_than_so_many_unsafe_receipts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "UNSAFE", 5)
    async with field() as f:
        with stalled(f.flow.journal):
            send(f, *range(1, 9))
            await eventually(lambda: len(answers(f)) == 3)
            assert answers(f) == dict.fromkeys((6, 7, 8), FAILED)
        await eventually(lambda: len(answers(f)) == 8)
        assert {answers(f)[n] for n in range(1, 6)} == {OK}
        await f.quiet()
        assert len(f.unmatched) == 5


@in_a_loop
async def test_bounds_while_the_journal_hangs_nothing_more_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "UNSAFE_MAX", 0.0)
    async with field() as f:
        with stalled(f.flow.journal):
            send(f, 1)
            await eventually(lambda: f.flow.holding.receipts._unsafe)
            f.flow.holding.sweep()
            await eventually(lambda: answers(f) == {1: FAILED})
            gathered = len(f.flow.journal._commits.batch.questions)
            send(f, *range(2, 50))
            await eventually(lambda: len(answers(f)) == 49)
            assert set(answers(f).values()) == {FAILED}
            assert len(f.flow.journal._commits.batch.questions) == gathered
        await f.quiet()
        send(f, 50)
        await eventually(lambda: answers(f).get(50) == OK)
        await f.quiet()
        assert {each["smsc_id"] for each in f.unmatched} == {"stray-1", "stray-50"}


@in_a_loop
async def test_bounds_a_full_journal_takes_no_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    async with field() as f:
        with monkeypatch.context() as patch:
            patch.setattr(SqliteJournal, "full", True)
            send(f, 1)
            await eventually(lambda: answers(f) == {1: FAILED})
        send(f, 2)
        await eventually(lambda: answers(f) == {1: FAILED, 2: OK})
        await f.quiet()
        assert [each["smsc_id"] for each in f.unmatched] == ["stray-2"]
