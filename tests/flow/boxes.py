"""An outbox in the test's own loop: real journal, a broker of memory, and what a kill -9 leaves of it."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from world import Broker, settle

from smsd.core.contract import RESULT_TYPE
from smsd.core.publication import Publication
from smsd.flow.outbox import Entry, Outbox
from smsd.flow.supervisor import Supervisor
from smsd.links.journal.commits import Commits
from smsd.links.journal.file import File
from smsd.links.journal.journal import SqliteJournal

SMALL = {
    "FULL": 8,
    "ROOM": 4,
    "IN_MEMORY": 9,
    "INBOUND_IN_MEMORY": 6,
    "EVENTS": 8,
    "DROPPED": 2,
    "PAGE": 3,
    "UNCONFIRMED": 4,
    "FIRST_RETRY": 0.001,
    "LAST_RETRY": 0.001,
}
"""The outbox's bounds, with room for nine results."""


def publication(n: int, order: str = "", type: str = RESULT_TYPE) -> Publication:
    return Publication("x", "k", b"", str(n), type, order=order)


class Box:
    """An outbox with its journal and its broker, and all that it told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broker = Broker()
        self.fulls: list[bool] = []
        self.done: list[int] = []
        self.crashes = Supervisor(lambda *_: None)
        self.damage: list[str] = []
        file = File(str(path), "process", 3600.0)
        commits = Commits(file, self.crashes.attempt, lambda _: None, self.damage.append, on_commit=lambda *_: None)
        self.journal = SqliteJournal(file, commits)
        self.dropped = 0
        self.outbox = Outbox(self.broker, self.journal, self.fulls.append, lambda *_: None, on_dropped=self._dropped)
        self.outbox.restore(self.journal.left)

    def _dropped(self, number: int) -> None:
        self.dropped += number

    def add(self, n: int, order: str = "", type: str = RESULT_TYPE) -> None:
        self.outbox.add(publication(n, order, type), lambda: self.done.append(n))

    async def settle(self) -> None:
        await settle(self.journal)
        assert (self.damage, self.crashes.crashes) == ([], 0)
        of_lines = Counter(entry.line for entry in self._entries())
        assert all(held <= line.room for line, held in of_lines.items())

    def _entries(self) -> Iterator[Entry]:
        box = self.outbox
        behind = chain.from_iterable(behind for behind in box._chains.values() if behind)
        return chain(box._waiting, box._unconfirmed.values(), (entry for _, _, entry in box._later), behind)

    @property
    def in_memory(self) -> int:
        return sum(1 for _ in self._entries())

    async def empty(self) -> list[int]:
        """Confirms everything until nothing is left; what the broker got, in its order."""
        got: list[int] = []
        deadline = asyncio.get_running_loop().time() + 2
        while len(self.outbox):
            assert asyncio.get_running_loop().time() < deadline, f"stuck with {len(self.outbox)}, got {got}"
            await self.settle()
            got += [int(publication.message_id) for publication, _ in self.broker.published]
            self.broker.confirm()
        await self.settle()
        return got

    async def killed(self) -> "Box":
        """What comes after a kill -9 of this one."""
        left = self.path.with_name(f"{self.path.name}+")
        shutil.copy(self.path, left)
        shutil.copy(f"{self.path}-wal", f"{left}-wal")
        await self.close()
        return Box(left)

    async def close(self) -> None:
        await self.journal.close(5.0)


@asynccontextmanager
async def boxed() -> AsyncIterator[Box]:
    with TemporaryDirectory() as directory:
        box = Box(Path(directory) / "j.db")
        try:
            yield box
        finally:
            await box.close()
