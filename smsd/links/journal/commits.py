"""Commits: what is told in one turn of the loop goes together, in a thread, one commit at a time.

What is told while one is under way is the next one. A commit that the disk refuses is kept and tried again. How much
may wait meanwhile is bounded: `full` asks those who bring new things to keep them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog

from smsd.core.errors import JournalDamaged
from smsd.core.message import Message
from smsd.links.journal.batch import Batch, Question, Told
from smsd.links.journal.file import DiskTrouble, File

log = structlog.get_logger("smsd.journal")

AGAIN = 1.0
"""Seconds before a commit that the disk refused is tried again."""

EVERY = 0.002
"""Seconds between two commits under load: a commit costs about as much CPU as ten messages, so few large ones."""

AT_ONCE = 8
"""Commits that need not wait for that, after a rest: a single message must not."""


HANGS = 5.0
"""Seconds after which a commit under way is taken for one that hangs, as on a disk that is about to die."""

TOLD_MAX = 50_000
"""Rows, questions and call-backs that may wait: about 12 000 deliver_sm, 50 MB."""

OCTETS_MAX = 64 * 1024 * 1024
"""Octets of results, inbound messages and PDUs that may wait."""

QUESTIONS = 1_000
"""Questions answered behind one commit, so that its thread does not keep the others waiting."""

SLICE = 0.01
"""Seconds of calling back before the loop gets its turn: the providers want their enquire_link answered meanwhile."""


class Commits:
    """Gathers a batch, commits it, and calls back. `attempt` runs what may fail, for a message or None (rule 7)."""

    def __init__(
        self,
        file: File,
        attempt: Callable[..., None],
        on_trouble: Callable[[str], None],
        on_damage: Callable[[str], None],
        on_commit: Callable[[int, float], None],
    ) -> None:
        self._file = file
        self._attempt = attempt
        self._on_trouble = on_trouble
        self._on_damage = on_damage
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "journal")
        self.batch = Batch()
        """What has been told since the last commit began."""
        self._full: deque[Batch] = deque()
        """Batches with as many questions as may be, which come before that."""
        self._scheduled = False
        self._busy = False
        self._next = 0.0
        """Loop time at which the next commit would come if they came at even distances."""
        self._begun_at: float | None = None
        """Loop time at which the commit under way began."""
        self._closed = False
        self._idle = asyncio.Event()
        self.trouble: str | None = None
        """Why nothing can be committed for now."""
        self.waiting = 0
        """Rows, questions and call-backs that are told and not committed yet."""
        self.octets = 0
        """Octets of theirs, as far as those count who tell them."""

    @property
    def full(self) -> bool:
        """Whether so much waits, or for so long, that nothing new should come."""
        return (
            self.trouble is not None or self.under_way > HANGS or self.waiting >= TOLD_MAX or self.octets >= OCTETS_MAX
        )

    @property
    def under_way(self) -> float:
        """Seconds since the commit under way began; 0 if there is none."""
        return 0.0 if self._begun_at is None else self._loop.time() - self._begun_at

    def drop(self, table: str, number: int) -> None:
        """A row that is not needed any more."""
        self.batch.gone[table].append(number)
        self._count()
        self.soon()

    def put(self, table: str, row: tuple[Any, ...], octets: int = 0) -> None:
        """A row to write; `octets` is how much of memory it takes, where that may be much."""
        self.batch.rows[table].append(row)
        self._count(octets)
        self.soon()

    def _count(self, octets: int = 0) -> None:
        self.batch.told += 1
        self.batch.octets += octets
        self.waiting += 1
        self.octets += octets

    def ask(self, kind: str, about: Any) -> Question:
        """Something to look for once all that is told is written; `then` comes after the answer."""
        if len(self.batch.questions) >= QUESTIONS:
            self._full.append(self.batch)
            self.batch = Batch()
        question = Question(kind, about)
        self.batch.questions.append(question)
        self._count()
        return question

    def then(self, message: Message | None, act: Callable[..., Any], *arguments: Any) -> None:
        """Calls back once all that is told is committed; `message` is whom a failure of `act` costs."""
        self.batch.then.append((message, act, arguments))
        self._count()
        self.soon()

    def soon(self) -> None:
        """There is something to commit."""
        if not self._scheduled and not self._busy and not self._closed and self.trouble is None:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        earliest = self._next - AT_ONCE * EVERY
        if earliest <= self._loop.time():
            self._loop.call_soon(self._hand_over)
        else:
            self._loop.call_at(earliest, self._hand_over)

    def _hand_over(self) -> None:
        self._scheduled = False
        if self._busy or self._closed:
            return
        if self._full:
            batch = self._full.popleft()
        else:
            batch, self.batch = self.batch, Batch()
        self._busy = True
        self._begun_at = self._loop.time()
        self._next = max(self._next, self._loop.time()) + EVERY
        self._idle.clear()
        future = self._thread.submit(batch.commit, self._file)
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._done, batch, done))

    def _done(self, batch: Batch, done: "Future[float]") -> None:
        self._begun_at = None
        error = done.exception()
        if isinstance(error, DiskTrouble):
            self._busy = False
            self._refused(batch, str(error))
            return
        if error is not None:
            sentence = str(error) if isinstance(error, JournalDamaged) else f"journal: {error!r}"
            self._closed = True
            self._idle.set()
            self._on_damage(sentence)
            return
        if self.trouble is not None:
            self.trouble = None
            self._on_trouble("")
        self.waiting -= batch.told
        self.octets -= batch.octets
        self._on_commit(batch.records, done.result())
        self._call_back(deque(batch.then))

    def _call_back(self, then: "deque[Told]") -> None:
        """Tells whoever waits, in their order and before anything of the next commit is told, in slices of time."""
        until = self._loop.time() + SLICE
        while then:
            message, act, arguments = then.popleft()
            self._attempt(message, act, *arguments)
            if self._loop.time() > until and then:
                self._loop.call_soon(self._call_back, then)
                return
        self._busy = False
        if self.batch or self._full:
            if not self._scheduled:
                self._schedule()
        else:
            self._idle.set()

    def _refused(self, batch: Batch, why: str) -> None:
        """Nothing of it happened: it is tried again, with what has been told meanwhile behind it."""
        self._full.appendleft(batch)
        told, self.trouble = self.trouble, why
        self._loop.call_later(AGAIN, self._hand_over)
        if told is None:
            self._on_trouble(why)

    async def close(self, timeout: float) -> None:
        """Commits what is told, waiting at most `timeout` seconds, and closes the file."""
        try:
            async with asyncio.timeout(timeout):
                while not self._closed and (self.batch or self._full or self._busy):
                    self._idle.clear()  # it is set since the commit before, and what is told since is not under way yet
                    await self._idle.wait()
        except TimeoutError:
            log.warning("journal", detail="closed before everything was committed")
        self._closed = True
        self._thread.shutdown()
        self._file.close()
