"""Whatever the wall clock is set to, nothing is forgotten or overdue before its time, and nothing is kept for ever."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import Told, called, in_a_loop, journal, killed, result

from smsd.core.life import ANSWER, facts_of
from smsd.core.message import SENT
from smsd.links.journal.tally import tally

HOUR, DAY, YEAR = 3600.0, 86400.0, 366 * 86400.0
KEEP = 8 * DAY
STEPS = (-YEAR, -3 * HOUR, -5.0, 5.0, 3 * HOUR, YEAR)


class Clocks:
    """The machine's clocks: all of them go on by `passes`, somebody `sets` the wall clock alone."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._passed = self._set = 0.0
        wall, since_boot = time.time, time.clock_gettime
        patch.setattr(time, "time", lambda: wall() + self._passed + self._set)
        patch.setattr(time, "clock_gettime", lambda which: since_boot(which) + self._passed)

    def passes(self, seconds: float) -> None:
        self._passed += seconds

    def sets(self, seconds: float) -> None:
        self._set += seconds


@pytest.fixture
def clocks() -> Iterator[Clocks]:
    with pytest.MonkeyPatch.context() as patch:
        yield Clocks(patch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def told(j: Told, name: str) -> None:
    """A message that was sent, and whose receipt may come."""
    made = called(name, SENT)
    j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
    j.file_under(made, made.parts[0], "p", [f"id of {name}"])
    j.concluded(made, result("sent", name), final=False)


async def a_day(j: Told, clocks: Clocks) -> None:
    """Passes, and something is committed each hour of it."""
    for _ in range(24):
        clocks.passes(HOUR)
        j.record("p", b"{}")
        await j.settle()


@pytest.mark.parametrize("step", STEPS)
def test_fault_24_a_clock_set_in_mid_run_forgets_nothing_early(path: Path, clocks: Clocks, step: float) -> None:
    names = [f"order-{day}" for day in range(7)]

    @in_a_loop
    async def scene() -> None:
        async with journal(path, KEEP) as j:
            for name in names:
                told(j, name)
                await a_day(j, clocks)
            clocks.sets(step)
            await a_day(j, clocks)
            await j.let_go()
            assert [(await j.known(name)).result is not None for name in names] == [True] * 7
            assert [(await j.matched(f"id of {name}")) is not None for name in names] == [True] * 7

    scene()


@pytest.mark.parametrize("step", STEPS)
def test_fault_24_a_clock_set_keeps_nothing_for_ever(path: Path, clocks: Clocks, step: float) -> None:
    @in_a_loop
    async def scene() -> None:
        async with journal(path, KEEP) as j:
            told(j, "order-1")
            await a_day(j, clocks)
            clocks.sets(step)
            told(j, "order-2")
            for _ in range(2 * 8):
                await a_day(j, clocks)
            await j.let_go()
            assert await j.known("order-1") is None
            assert await j.known("order-2") is None
            assert len(j._file.starts) <= 6

    scene()


@pytest.mark.parametrize("step", STEPS)
def test_fault_24_a_clock_set_while_smsd_is_down_forgets_nothing(path: Path, clocks: Clocks, step: float) -> None:
    @in_a_loop
    async def scene() -> None:
        async with journal(path, KEEP) as j:
            told(j, "order-1")
            await a_day(j, clocks)
        clocks.sets(step)
        clocks.passes(HOUR)
        async with journal(path, KEEP) as j:
            for _ in range(6):
                await a_day(j, clocks)
            assert (await j.known()).result is not None
            for _ in range(8):
                await a_day(j, clocks)
            assert await j.known() is None

    scene()


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_fault_24_a_receipt_is_overdue_after_its_wait(path: Path, clocks: Clocks, step: float, down: bool) -> None:
    """Neither at once, nor never."""

    @in_a_loop
    async def scene() -> None:
        left = path
        async with journal(path, KEEP) as j:
            made = called("order-1", SENT)
            j.concluded(made, result(), final=False)
            j.await_receipt(made, time.time() + 5 * HOUR)
            await j.settle()
            clocks.passes(HOUR)
            clocks.sets(step)
            if not down:
                assert await j.asked(j.overdue, "p") == []
                clocks.passes(4 * HOUR + 1)
                assert await j.asked(j.overdue, "p") == [made]
                return
            left = killed(path, path.with_name("left.db"))
        async with journal(left, KEEP) as j:
            assert await j.asked(j.overdue, "p") == []
            clocks.passes(4 * HOUR + 1)
            assert [message.id for message in await j.asked(j.overdue, "p")] == ["order-1"]

    scene()


@pytest.mark.parametrize("step", STEPS)
def test_fault_24_a_parked_pdu_is_as_old_as_it_is(path: Path, clocks: Clocks, step: float) -> None:
    @in_a_loop
    async def scene() -> None:
        async with journal(path, KEEP) as j:
            j.park("p", b"pdu")
            await j.settle()
            clocks.passes(100)
        clocks.sets(step)
        async with journal(path, KEEP) as j:
            ((_, at, _, _),) = j.parked()
            assert 100 <= time.time() - at < 160

    scene()


@pytest.mark.parametrize("step", STEPS)
def test_fault_24_counts_last_as_long_as_what_they_count(path: Path, clocks: Clocks, step: float) -> None:
    @in_a_loop
    async def scene() -> None:
        async with journal(path, KEEP) as j:
            told(j, "order-1")
            await j.settle()
            clocks.sets(step)
            for _ in range(7):
                await a_day(j, clocks)
            assert tally(j._file, 0.0) == {"p": {"sent": 1}}
            for _ in range(6):
                await a_day(j, clocks)
            assert tally(j._file, 0.0) == {}

    scene()
