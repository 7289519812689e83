"""Journals for tests: a real file, its journal in the test's loop, and what a kill -9 leaves of them."""

import asyncio
import functools
import inspect
import json
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from rig.messages import message, request

from smsd.core.message import Known, Message, Part
from smsd.core.publication import Publication
from smsd.flow.supervisor import Supervisor
from smsd.links.journal.calendar import Clock
from smsd.links.journal.commits import Commits
from smsd.links.journal.file import File
from smsd.links.journal.journal import SqliteJournal

KEEP = 3600.0


def in_a_loop(scene: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test written as a coroutine."""

    @functools.wraps(scene)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(scene(*arguments, **fixtures), 20))

    run.__signature__ = inspect.signature(scene)  # type: ignore[attr-defined]
    return run


class Machine(Clock):
    """The clocks of a machine, as a test sets them."""

    def __init__(self, wall: float = 1_000_000.0) -> None:
        self._wall = wall
        self._uptime = 100.0
        self._boot = 1

    def wall(self) -> float:
        return self._wall

    def uptime(self) -> float:
        return self._uptime

    def boot(self) -> str:
        return f"boot-{self._boot}"

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._wall += seconds
        self._uptime += seconds

    def set(self, seconds: float) -> None:
        """Somebody sets the wall clock, back if negative."""
        self._wall += seconds

    def reboot(self, seconds: float = 60.0) -> None:
        """It was off for so long."""
        self._wall += seconds
        self._uptime = 5.0
        self._boot += 1


@contextmanager
def opened(path: Path, keep: float = KEEP, clock: Clock | None = None) -> Iterator[File]:
    """The file, closed afterwards."""
    file = File(str(path), "process", keep, clock)
    try:
        yield file
    finally:
        file.close()


class Told(SqliteJournal):
    """A journal that keeps what it says of itself."""

    def __init__(self, file: File) -> None:
        self.troubles: list[str] = []
        self.damages: list[str] = []
        self.crashes = Supervisor(lambda *_: None)
        commits = Commits(
            file, self.crashes.attempt, self.troubles.append, self.damages.append, on_commit=lambda *_: None
        )
        super().__init__(file, commits)

    async def settle(self) -> None:
        """Waits until nothing is left to commit."""
        while self._commits.batch or self._commits._busy or self._commits._scheduled:
            assert not self.damages, self.damages
            await asyncio.sleep(0.0005)

    def concluded(self, message: Message, publication: Publication, *, final: bool) -> Publication:
        """Tells a result as the flow does."""
        message.result = publication
        self.conclude(message, publication, final)
        return publication

    def nothing_is_recent(self) -> None:
        """Receipts are matched through the file from now on."""
        self._recent.clear()
        self._names.clear()

    async def let_go(self) -> None:
        """Waits until nobody holds any message, the test neither: what is asked now is read from the file."""
        await self.settle()
        self.nothing_is_recent()
        deadline = asyncio.get_running_loop().time() + 5
        while self._live:
            assert asyncio.get_running_loop().time() < deadline, f"still held: {list(self._live)}"
            await asyncio.sleep(0.001)

    async def asked(self, question: Callable[..., None], *about: Any) -> Any:
        """What one of its questions is answered."""
        answers: list[Any] = []
        question(*about, answers.append)
        await self.settle()
        (answer,) = answers
        return answer

    async def known(self, message_id: str = "order-1") -> Known | None:
        return await self.asked(self.look_up, message_id)

    async def matched(self, *keys: str, group: str = "p") -> tuple[Message, Part] | None:
        return await self.asked(self.match, group, keys)


@asynccontextmanager
async def journal(path: Path, keep: float = KEEP, clock: Clock | None = None) -> AsyncIterator[Told]:
    """An open journal; nothing may have gone wrong in it by the end."""
    made = Told(File(str(path), "process", keep, clock))
    try:
        yield made
        assert made.damages == []
        assert made.crashes.crashes == 0
    finally:
        await made.close(5.0)


@contextmanager
def stalled(j: Told) -> Iterator[None]:
    """A disk that takes no commit until this block ends."""
    moves = threading.Event()
    j._commits._thread.submit(moves.wait)
    try:
        yield
    finally:
        moves.set()


def killed(path: Path, copy: Path) -> Path:
    """What is left when the process that has `path` open dies now: the file and its write-ahead log, as they are."""
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    return copy


def called(message_id: str, *statuses: str, **changes: Any) -> Message:
    """A message with this id, see rig.messages."""
    return message(*statuses, asked=request(id=message_id), **changes)


def result(status: str = "sent", message_id: str = "order-1") -> Publication:
    """The result of a request, with as much of a body as is looked at."""
    name = f"{message_id}-{status}"
    told = {"result_id": name, "id": message_id, "campaign": None, "status": status, "reason": None, "detail": "so"}
    body = json.dumps(told).encode()
    return Publication("sms.results", f"p.{status}", body, name, "sms.result.v1", message_id, order=message_id)


def ignore(*_: Any) -> None:
    """For whoever must be called back and does not care."""


PARTITION_2 = """
    CREATE TABLE message_{0} (no INTEGER PRIMARY KEY, id TEXT NOT NULL, fingerprint BLOB NOT NULL, head TEXT NOT NULL);
    CREATE TABLE step_{0} (no INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,
        n INTEGER NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (no, seq)) WITHOUT ROWID;
    CREATE TABLE smsc_id_{0} (name TEXT PRIMARY KEY, no INTEGER NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE result_{0} (no INTEGER PRIMARY KEY, exchange TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
        message_id TEXT NOT NULL, correlation_id TEXT, headers TEXT NOT NULL);
    CREATE TABLE event_{0} (seq INTEGER PRIMARY KEY, at REAL NOT NULL, provider TEXT NOT NULL, body BLOB NOT NULL);
    CREATE INDEX message_{0}_id ON message_{0} (id);
"""
"""A partition as da375b4 made it, where a file had version 2."""

FILE_1 = """
    CREATE TABLE run (number INTEGER PRIMARY KEY, at REAL NOT NULL);
    CREATE TABLE outbox (seq INTEGER PRIMARY KEY, exchange TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
        message_id TEXT NOT NULL, type TEXT NOT NULL, correlation_id TEXT, headers TEXT NOT NULL,
        reply_to TEXT NOT NULL, ordering TEXT NOT NULL);
    CREATE TABLE intent (seq INTEGER PRIMARY KEY, part INTEGER NOT NULL, no INTEGER NOT NULL, n INTEGER NOT NULL);
    CREATE TABLE parked (seq INTEGER PRIMARY KEY, at REAL NOT NULL, provider TEXT NOT NULL, pdu BLOB NOT NULL);
    CREATE TABLE standing (provider TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (provider, kind, value)) WITHOUT ROWID;
    CREATE TABLE awaiting (no INTEGER PRIMARY KEY, part INTEGER NOT NULL, provider TEXT NOT NULL, due REAL NOT NULL);
    CREATE INDEX awaiting_due ON awaiting (provider, due);
    PRAGMA user_version = 1;
"""
FILE_2 = """
    CREATE TABLE tally (slot INTEGER NOT NULL, provider TEXT NOT NULL, campaign TEXT NOT NULL, status TEXT NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY (slot, provider, campaign, status)) WITHOUT ROWID;
    PRAGMA user_version = 2;
"""


def old_file(path: Path, version: int, *starts: int, rows: str = "") -> None:
    """A journal of version 1 or 2 with partitions that start then, and rows."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(FILE_1 + (FILE_2 if version == 2 else ""))
        for start in starts:
            db.executescript(PARTITION_2.format(start))
        db.executescript(f"BEGIN; {rows}; COMMIT")
