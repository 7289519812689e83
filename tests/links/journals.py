"""Journals for tests: a real file, its journal in the test's loop, and what a kill -9 leaves of them."""

import asyncio
import functools
import inspect
import json
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from rig.messages import message, request

from smsd.core.message import Known, Message, Part
from smsd.core.publication import Publication
from smsd.flow.supervisor import Supervisor
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


@contextmanager
def opened(path: Path, keep: float = KEEP) -> Iterator[File]:
    """The file, closed afterwards."""
    file = File(str(path), "process", keep)
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
async def journal(path: Path, keep: float = KEEP) -> AsyncIterator[Told]:
    """An open journal; nothing may have gone wrong in it by the end."""
    made = Told(File(str(path), "process", keep))
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
