"""More publications than memory has room for: on disk, in their order, within bounds; nothing before it is safe."""

import pytest
from boxes import SMALL, boxed, publication
from world import eventually, in_a_loop, unwritable

from smsd.core.contract import RESULT_TYPE
from smsd.core.publication import Confirm
from smsd.flow import outbox as module
from smsd.links.journal import commits


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outbox with room for nine."""
    for name, value in SMALL.items():
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_what_memory_has_no_room_for_waits_on_disk_and_arrives_in_its_order() -> None:
    async with boxed() as box:
        box.broker.connected = False
        for n in range(100):
            box.add(n)
            await box.settle()
        assert (len(box.outbox), box.in_memory) == (100, module.IN_MEMORY)
        box.broker.connected = True
        box.outbox.pump()
        assert await box.empty() == list(range(100))
        assert box.done == list(range(100))
        assert await box.outbox.flushed(0.1)


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_more_than_memory_has_room_for_in_one_turn_arrives_too() -> None:
    """Receipts come in thousands right after a bind: none of them is in memory yet when all of them are too many."""
    async with boxed() as box:
        for n in range(30):
            box.add(n)
        assert await box.empty() == list(range(30))
        assert box.done == list(range(30))


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_what_comes_while_the_disk_is_being_emptied_goes_behind_what_is_there() -> None:
    async with boxed() as box:
        box.broker.connected = False
        for n in range(40):
            box.add(n, "one request")
            await box.settle()
        box.broker.connected = True
        box.outbox.pump()
        got: list[int] = []
        for n in range(40, 80):
            box.add(n, "one request")
            await box.settle()
            got += [int(publication.message_id) for publication, _ in box.broker.published]
            box.broker.confirm()
        got += await box.empty()
        assert got == list(range(80))


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_what_an_earlier_run_has_left_comes_first_and_none_of_it_twice() -> None:
    async with boxed() as box:
        box.broker.connected = False
        for n in range(50):
            box.add(n)
            await box.settle()
        box.broker.connected = True
        box.outbox.pump()
        assert [int(publication.message_id) for publication, _ in box.broker.published] == [0, 1, 2, 3]
        box.broker.confirm()
        await box.settle()
        later = await box.killed()
        assert (len(later.outbox), later.in_memory, later.fulls) == (46, module.IN_MEMORY, [True])
        later.add(50)
        assert await later.empty() == list(range(4, 51))
        assert later.done == [50]
        assert later.fulls == [True, False]
        await later.close()


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_what_was_not_confirmed_before_a_kill_is_published_again() -> None:
    async with boxed() as box:
        for n in range(4):
            box.add(n)
        await box.settle()
        assert len(box.broker.published) == 4
        later = await box.killed()
        assert await later.empty() == [0, 1, 2, 3]
        await later.close()


@in_a_loop
async def test_nothing_is_published_before_it_is_safe() -> None:
    async with boxed() as box:
        await box.settle()
        published: list[int] = []
        box.broker.publish = lambda *_: published.append(box.journal.left([RESULT_TYPE], 9)[0])
        box.add(0)
        box.add(1)
        await box.settle()
        assert published == [2, 2]


@in_a_loop
async def test_while_the_journal_is_in_trouble_events_are_told_and_results_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commits, "AGAIN", 0.02)
    async with boxed() as box:
        await box.settle()
        with unwritable(box.journal):
            box.add(0)
            await eventually(lambda: box.journal.trouble)
            box.outbox.add_at_once(publication(1))
            await eventually(lambda: box.broker.published)
            assert [publication.message_id for publication, _ in box.broker.published] == ["1"]
            box.broker.confirm()
            assert not await box.outbox.flushed(0.05)
        await eventually(lambda: box.journal.trouble is None)
        assert await box.empty() == [0]


@pytest.mark.usefixtures("small")
@in_a_loop
async def test_intake_pauses_above_full_and_goes_on_below_room_without_anything_else_happening() -> None:
    async with boxed() as box:
        for n in range(module.FULL):
            box.add(n)
        assert box.fulls == []
        box.add(module.FULL)
        assert box.fulls == [True]
        while len(box.outbox) >= module.ROOM:
            assert box.fulls == [True]
            assert box.outbox.full
            await eventually(lambda: box.broker.published)
            box.broker.published.pop(0)[1](Confirm.DONE)
        assert box.fulls == [True, False]
        assert not box.outbox.full
        await box.empty()
        assert box.fulls == [True, False]
