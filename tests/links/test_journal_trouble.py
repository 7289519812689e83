"""When the disk is full, the file damaged, a callback fails, or the journal is closed in the middle of it all."""

import asyncio
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from journals import Told, called, in_a_loop, journal, opened

from smsd.core.message import IN_FLIGHT
from smsd.core.publication import Publication
from smsd.links.journal import commits
from smsd.links.journal import file as files
from smsd.links.journal.file import File


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@contextmanager
def few_pages(j: Told) -> Iterator[None]:
    """SQLite finds the file as large as it may be."""
    (pages,) = j._file.all("PRAGMA page_count")[0]
    j._file.all(f"PRAGMA max_page_count = {pages + 20}")
    try:
        yield
    finally:
        j._file.all("PRAGMA max_page_count = 1000000")


@contextmanager
def no_larger_files(j: Told) -> Iterator[None]:
    """The system refuses every octet by which a file would grow beyond a bit more than this one's log has now."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(j._file.path + "-wal") + 100_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(("full", "why"), [(few_pages, "full"), (no_larger_files, "disk I/O error")])
def test_a_full_disk_is_trouble_in_which_nothing_is_lost_and_everything_is_called_back_after_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, full: Callable[[Told], AbstractContextManager[None]], why: str
) -> None:
    monkeypatch.setattr(commits, "AGAIN", 0.02)
    publications = [Publication("x", "k", b"x" * 5000, str(n), "t") for n in range(60)]
    numbers: list[int] = []
    safe: list[str] = []

    @in_a_loop
    async def scene() -> None:
        async with journal(path) as j:
            await j.settle()
            with full(j):
                for publication in publications:
                    j.keep(publication, numbers.append)
                    await asyncio.sleep(0.001)
                while not j.trouble:
                    await asyncio.sleep(0.001)
                made = called("order-1", IN_FLIGHT)
                j.intend(made, made.parts[0], lambda *_: safe.append("intent"))
                j.safe(lambda: safe.append("all"))
                before = list(numbers)
                await asyncio.sleep(0.1)  # several attempts
                assert why in (j.trouble or "")
                assert numbers == before
                assert safe == []
                assert len(j.troubles) == 1
            await j.settle()
            assert j.trouble is None
            assert j.troubles[1:] == [""]
            assert safe == ["intent", "all"]
            assert [publication for _, publication in j.left([publications[0].type], 100)[2]] == publications
            assert [number for number, _ in j.left([publications[0].type], 100)[2]] == numbers
            assert [message.id for message in j.uncertain()] == ["order-1"]

    scene()


@in_a_loop
async def test_damage_is_told_once_and_nobody_is_called_back_any_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file is not looked through when it is opened: what is damaged shows when it is used."""
    with opened(path) as file:
        file.rotate(time.time())
        (start,) = file.starts
        file.write({f"event_{start}": [(n, float(n), "p", b"x" * 200) for n in range(2000)]}, {})
    with open(path, "r+b") as octets:
        octets.seek(10 * 4096)
        octets.write(b"\xff" * 200 * 4096)
    monkeypatch.setattr(files, "CHECKED_MAX", 4096)
    j = Told(File(str(path), "process", 3600.0))
    safe: list[bool] = []
    for n in range(2000):
        j._commits.put(f"event_{start}", (n, float(n), "p", b"y" * 200))
    j.safe(lambda: safe.append(True))
    while not j.damages:
        await asyncio.sleep(0.001)
    j.safe(lambda: safe.append(True))
    await asyncio.sleep(0.01)
    await j.close(0.1)
    assert len(j.damages) == 1
    assert "is damaged" in j.damages[0]
    assert safe == []


@in_a_loop
async def test_a_callback_that_fails_costs_none_of_the_others(path: Path) -> None:
    j = Told(File(str(path), "process", 3600.0))
    safe: list[int] = []

    def fail() -> None:
        raise RuntimeError("nobody foresaw it")

    j.safe(lambda: safe.append(1))
    j.safe(fail)
    j.safe(lambda: safe.append(2))
    await j.close(1.0)
    assert safe == [1, 2]
    assert j.crashes.crashes == 1


@in_a_loop
async def test_closing_commits_what_was_told_last(path: Path) -> None:
    async with journal(path) as j:
        j.park("p", b"pdu")
    async with journal(path) as j:
        assert [row[3] for row in j.parked()] == [b"pdu"]


@in_a_loop
async def test_closing_while_the_disk_takes_nothing_ends_all_the_same(path: Path) -> None:
    async with journal(path) as j:
        await j.settle()
        j._file.all("PRAGMA query_only = 1")
        j.park("p", b"pdu")
        while not j.trouble:
            await asyncio.sleep(0.001)
        await j.close(0.05)
        await asyncio.sleep(0)


@in_a_loop
async def test_facts_told_in_one_turn_are_one_commit(path: Path) -> None:
    async with journal(path) as j:
        await j.settle()
        commits: list[int] = []
        j._commits._on_commit = lambda records, _: commits.append(records)
        for n in range(100):
            j.park("p", b"%d" % n)
        await j.settle()
        assert commits == [100]
