"""What waits for a disk that hangs, and what is left in the file for ever, has its bound."""

import asyncio
import warnings
from pathlib import Path

import pytest
from journals import Machine, Told, called, in_a_loop, journal, stalled

from smsd.core.errors import JournalDamaged
from smsd.core.life import ANSWER, facts_of
from smsd.core.message import WAITING
from smsd.core.publication import Publication
from smsd.links.journal import commits
from smsd.links.journal import journal as journals
from smsd.links.journal.file import Reading

KEEP = 400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def hangs(j: Told) -> None:
    """Until a commit is under way that does not end."""
    j.safe(lambda: None)
    while not j._commits._busy:
        await asyncio.sleep(0)


# --- while a commit hangs


@in_a_loop
async def test_fault_bounds_a_commit_that_hangs_makes_the_journal_full(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "HANGS", 0.05)
    async with journal(path) as j:
        await j.settle()
        assert not j.full
        with stalled(j):
            await hangs(j)
            while not j.full:
                await asyncio.sleep(0.005)
            assert j.trouble is None
        await j.settle()
        assert not j.full


@in_a_loop
async def test_fault_bounds_as_many_facts_as_may_wait_make_it_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "TOLD_MAX", 4000)
    answers: list[object] = []
    async with journal(path) as j:
        await j.settle()
        with stalled(j):
            await hangs(j)
            while not j.full:
                j.match(["p"], ["0100", "100"], answers.append)  # as each deliver_sm asks
            assert 1300 <= len(j._commits._full) * commits.QUESTIONS + len(j._commits.batch.questions) <= 4000
        await j.settle()
        assert not j.full
        assert (j._commits.waiting, j._commits.octets) == (0, 0)
        assert set(answers) == {None}


@in_a_loop
async def test_fault_bounds_as_many_octets_as_may_wait_make_it_full(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "OCTETS_MAX", 1_000_000)
    async with journal(path) as j:
        await j.settle()
        with stalled(j):
            await hangs(j)
            told = 0
            while not j.full:
                j.keep(Publication("x", "k", b"x" * 10_000, "r", "t"), lambda _: None)
                told += 1
            assert told == 100
        await j.settle()
        assert not j.full


@in_a_loop
async def test_fault_bounds_a_disk_that_refuses_makes_it_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "AGAIN", 0.02)
    async with journal(path) as j:
        await j.settle()
        j._file.all("PRAGMA query_only = 1")
        j.park("p", b"pdu")
        while not j.trouble:
            await asyncio.sleep(0.001)
        assert j.full
        j._file.all("PRAGMA query_only = 0")
        while j.trouble:
            await asyncio.sleep(0.001)
        await j.settle()
        assert not j.full


@in_a_loop
async def test_fault_bounds_the_connection_log_has_a_gap_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events go on, disk and broker may be away all night."""
    monkeypatch.setattr(commits, "AGAIN", 0.02)
    monkeypatch.setattr(journals, "LINES_WAITING", 10)
    async with journal(path) as j:
        await j.settle()
        j._file.all("PRAGMA query_only = 1")
        j.record("p", b'{"n":0}')
        while not j.trouble:
            await asyncio.sleep(0.001)
        for n in range(1, 1000):
            j.record("p", b'{"n":%d}' % n)
        assert j._commits.waiting == 11
        j._file.all("PRAGMA query_only = 0")
        while j.trouble:
            await asyncio.sleep(0.001)
        await j.settle()
        j.record("p", b'{"n":1000}')
        await j.settle()
        ((lines,),) = j._file.all(f"SELECT count(*) FROM event_{j._file.starts[0]}")
        assert lines == 12


# --- what is left in the file


async def tried(j: Told, name: str) -> None:
    """A request that was refused for now, and went back to its queue."""
    made = called(name, WAITING)
    made.parts[0].attempts = 1
    j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
    del made
    await j.let_go()


async def passes(j: Told, machine: Machine, keeps: float) -> None:
    for _ in range(round(keeps * 8)):
        machine.wait(KEEP / 8)
        j.record("p", b"{}")
        await j.settle()


def places(j: Told) -> int:
    """How many messages the file has."""
    return sum(j._file.all(f"SELECT count(*) FROM message_{start}")[0][0] for start in j._file.starts)


@in_a_loop
async def test_fault_bounds_what_never_comes_back_is_forgotten_at_last(path: Path, capsys) -> None:
    """A queue that was purged, a provider that is gone."""
    machine = Machine()
    async with journal(path, KEEP, machine) as j:
        for name in ("order-1", "order-2"):
            await tried(j, name)
        await passes(j, machine, 2)
        assert places(j) == 2, "twice keep it may rest"
        await passes(j, machine, 1.25)
        assert places(j) == 0
        assert j._file.all("SELECT * FROM moved") == []
        assert "2 requests that did not end and never came back" in capsys.readouterr().out


@in_a_loop
async def test_fault_bounds_what_comes_back_now_and_then_is_never_forgotten(path: Path) -> None:
    """From a hold queue, or to a provider that is paused for weeks and looked at in between."""
    machine = Machine()
    async with journal(path, KEEP, machine) as j:
        await tried(j, "order-1")
        for _ in range(6):
            await passes(j, machine, 0.8)
            known = await j.known()
            assert known.message.attempts == 1
            del known
            await j.let_go()


# --- P10, P6


def test_fault_p10_a_damaged_file_that_is_read_is_closed(path: Path) -> None:
    path.write_bytes(b"not a journal\n" * 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(JournalDamaged):
            Reading(str(path))
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists() and fd.resolve() == path]


@in_a_loop
async def test_fault_p6_what_is_told_in_the_turn_of_the_close_is_committed(path: Path) -> None:
    """Python 3.12 no longer lets the loop turn before it looks whether all is done."""
    async with journal(path) as j:
        j.safe(lambda: None)
        await j.settle()
        j.park("p", b"pdu")
        await j._commits.close(5.0)
    async with journal(path) as j:
        assert [row[3] for row in j.parked()] == [b"pdu"]
