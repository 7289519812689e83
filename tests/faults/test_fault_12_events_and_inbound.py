"""Fault 12: events and messages from handsets that nobody reads stopped all sending, and results waited behind them."""

from typing import Any

import pytest
from boxes import SMALL, Box, boxed
from world import eventually, in_a_loop, unwritable, world

from smsd.core.contract import EVENT_TYPE, INBOUND_TYPE, RECEIPT_TYPE, RESULT_TYPE
from smsd.core.publication import Confirm, Publication
from smsd.flow import events
from smsd.flow import outbox as module
from smsd.links.journal import commits, history
from smsd.links.journal.file import Reading


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outbox with room for nine."""
    for name, value in SMALL.items():
        monkeypatch.setattr(module, name, value)


def add(box: Box, type: str, *numbers: int) -> None:
    for n in numbers:
        box.outbox.add(Publication("x", "k", b"", str(n), type))


def answer(box: Box, unread: set[str]) -> list[int]:
    """Confirms what is on its way to the broker, but of those types nothing; what it got."""
    published, box.broker.published = box.broker.published, []
    for publication, then in published:
        then(Confirm.UNROUTABLE if publication.type in unread else Confirm.DONE)
    return [int(publication.message_id) for publication, _ in published if publication.type not in unread]


@pytest.mark.parametrize("type", [EVENT_TYPE, INBOUND_TYPE])
@in_a_loop
async def test_fault_12_only_results_and_receipts_stop_the_intake(type: str) -> None:
    async with boxed() as box:
        add(box, type, *range(3 * module.FULL))
        await box.settle()
        assert box.fulls == []
        add(box, RESULT_TYPE, *range(module.FULL))
        assert box.fulls == []
        add(box, RECEIPT_TYPE, 99)
        assert box.fulls == [True]


@pytest.mark.parametrize("type", [EVENT_TYPE, INBOUND_TYPE])
@in_a_loop
async def test_fault_12_results_pass_what_nobody_reads(type: str) -> None:
    async with boxed() as box:
        add(box, type, *range(100, 140))
        await box.settle()
        got: list[int] = []
        add(box, RESULT_TYPE, *range(20))

        async def all_there() -> None:
            while len(got) < 20:
                await box.settle()
                got.extend(answer(box, {type}))

        await all_there()
        assert got == list(range(20))


@in_a_loop
async def test_fault_12_a_publication_may_be_returned_for_weeks() -> None:
    """After 1024 times, at 30 s each, the time to the next could not be told any more."""
    async with boxed() as box:
        add(box, RESULT_TYPE, 0)
        await box.settle()
        for _ in range(1100):
            await eventually(lambda: box.broker.published)
            answer(box, {RESULT_TYPE})
        assert await box.empty() == [0]


@in_a_loop
async def test_fault_12_what_handsets_send_is_kept_however_much_it_is() -> None:
    async with boxed() as box:
        box.broker.connected = False
        add(box, INBOUND_TYPE, *range(50))
        await box.settle()
        assert (len(box.outbox), box.in_memory) == (50, module.INBOUND_IN_MEMORY)
        later = await box.killed()
        assert (len(later.outbox), later.outbox.results, later.fulls) == (50, 0, [])
        assert await later.empty() == list(range(50))
        await later.close()


@in_a_loop
async def test_fault_12_of_events_that_wait_the_newest_stay() -> None:
    async with boxed() as box:
        box.broker.connected = False
        add(box, EVENT_TYPE, *range(100))
        add(box, RESULT_TYPE, 100, 101)
        await box.settle()
        assert module.EVENTS <= len(box.outbox) - 2 <= module.EVENTS + module.DROPPED
        assert box.dropped == 102 - len(box.outbox)
        left = box.journal.left([EVENT_TYPE], 100)[2]
        assert [publication.message_id for _, publication in left] == [str(n) for n in range(box.dropped, 100)]
        box.broker.connected = True
        box.outbox.pump()
        assert sorted(await box.empty()) == list(range(box.dropped, 102))


@in_a_loop
async def test_fault_12_returned_events_give_way_before_newer_ones() -> None:
    async with boxed() as box:
        for n in range(30):
            add(box, EVENT_TYPE, n)
            await box.settle()
            answer(box, {EVENT_TYPE})
        left = [int(publication.message_id) for _, publication in box.journal.left([EVENT_TYPE], 100)[2]]
        assert left[module.UNCONFIRMED - module.EVENTS :] == list(range(30 - module.EVENTS + module.UNCONFIRMED, 30))
        assert len(left) <= module.EVENTS + module.DROPPED
        assert sorted(await box.empty()) == left


@in_a_loop
async def test_fault_12_too_many_events_of_an_older_smsd_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async with boxed() as box:
        box.broker.connected = False
        with monkeypatch.context() as patch:
            patch.setattr(module, "EVENTS", 1000)
            add(box, EVENT_TYPE, *range(100))
            add(box, RESULT_TYPE, *range(100, 112))
            await box.settle()
        later = await box.killed()
        later.broker.connected = False
        await eventually(lambda: later.outbox._events.size <= module.EVENTS + module.DROPPED)
        await later.settle()
        assert later.fulls == [True]
        later.broker.connected = True
        later.outbox.pump()
        got = await later.empty()
        assert [n for n in got if n >= 100] == list(range(100, 112))
        assert [n for n in got if n < 100] == list(range(later.dropped, 100))
        await later.close()


@in_a_loop
async def test_fault_12_events_without_disk_and_broker_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "AGAIN", 0.02)
    async with boxed() as box:
        box.broker.connected = False
        await box.settle()
        with unwritable(box.journal):
            add(box, RESULT_TYPE, 0)
            await eventually(lambda: box.journal.trouble)
            for n in range(1, 101):
                box.outbox.add_at_once(Publication("x", "k", b"", str(n), EVENT_TYPE))
            assert len(box.outbox) <= 1 + module.EVENTS + module.DROPPED
            assert box.dropped == 101 - len(box.outbox)
        await eventually(lambda: box.journal.trouble is None)
        box.broker.connected = True
        box.outbox.pump()
        assert sorted(await box.empty()) == [0, *range(box.dropped + 1, 101)]


@in_a_loop
async def test_fault_12_the_connection_log_waits_for_the_disk_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "AGAIN", 0.02)
    monkeypatch.setattr(events, "UNRECORDED", 10)
    async with world() as w:
        await w.settle()
        with unwritable(w.journal):
            w.journal.stand("p", "nothing", "", True)
            await eventually(lambda: w.journal.trouble)
            for n in range(100):
                w.events.emit("lost", "p", detail=str(n))
            assert sum(map(len, w.journal._commits.batch.rows.values())) == 0
        await eventually(lambda: w.journal.trouble is None)
        w.events.emit("bound", "p", detail="last")
        await w.settle()
        reading = Reading(w.file.path)
        try:
            shown: list[dict[str, Any]] = history.connection_log(reading, "p", 0.0, 11)
        finally:
            reading.close()
        assert [event["detail"] for event in shown[1:]] == [*(str(n) for n in range(91, 100)), "last"]


@in_a_loop
async def test_fault_12_dropped_events_are_counted_and_a_flap_stops_nothing() -> None:
    async with world() as w:
        for _ in range(40):
            w.events.emit("lost", "p", detail="flap")
            await w.settle()
        rendered = w.meter.render().decode()
        assert "smsd_events_dropped_total 3" in rendered
        assert not w.outbox.full
        assert w.broker.prefetch
