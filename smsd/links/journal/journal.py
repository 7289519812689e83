"""The journal as the flow sees it: facts are told, gathered, and committed together, in a thread, one commit at a time.

A message that somebody still holds is one and the same object for everybody; once nobody does, it is read from the file
when it is needed. What waits to be committed holds its message, so that the file never lags behind what is in use.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import structlog

from smsd.core.errors import JournalDamaged
from smsd.core.life import INTENT, RESULT, head
from smsd.core.message import IN_FLIGHT, Known, Message, Part
from smsd.core.publication import Publication
from smsd.links.journal import recall
from smsd.links.journal.batch import Batch, Question
from smsd.links.journal.file import DiskTrouble, File

log = structlog.get_logger("smsd.journal")

RECENT = 10_000
"""Messages that wait for their receipt in memory too; receipts for older ones are matched through the file."""

AGAIN = 1.0
"""Seconds before a commit that the disk refused is tried again."""

EVERY = 0.002
"""Seconds between two commits under load: a commit costs about as much CPU as ten messages, so few large ones."""

AT_ONCE = 8
"""Commits that need not wait for that, after a rest: a single message must not."""

OVERDUE = 500
"""Messages without their receipt that are looked at together."""

SEPARATOR = "\x1f"
"""Between receipt group and id; no C string of a provider's is refused for having it, and none has ever had it."""


class SqliteJournal:
    """Satisfies the flow's `Journal`. `attempt` runs what may fail, for a message or None (rule 7)."""

    def __init__(
        self,
        file: File,
        *,
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
        self._numbers = count(file.run << 40)
        self._batch = Batch()
        self._scheduled = False
        self._busy = False
        self._next = 0.0
        """Loop time at which the next commit would come if they came at even distances."""
        self._closed = False
        self._idle = asyncio.Event()
        self._live: WeakValueDictionary[str, Message] = WeakValueDictionary()
        self._remembered: dict[str, Known] = {}
        """Of requests that never became a message, until the file knows them."""
        self._recent: deque[tuple[Message, list[str]]] = deque()
        self._names: dict[str, tuple[Message, Part]] = {}
        """SMSC ids of recent messages."""
        self.trouble: str | None = None
        """Why nothing can be committed for now."""
        file.rotate(time.time())

    # --- requests

    def look_up(self, message_id: str, then: Callable[[Known | None], None]) -> None:
        """What is known of a request id."""
        if (known := self._in_memory(message_id)) is not None:
            then(known)
        else:
            question = self._ask("known", message_id)
            self._then(None, self._looked_up, message_id, question, then)

    def _in_memory(self, message_id: str) -> Known | None:
        message = self._live.get(message_id)
        if message is not None:
            return Known(message.fingerprint, message, message.result)
        return self._remembered.get(message_id)

    def _looked_up(self, message_id: str, question: Question, then: Callable[[Known | None], None]) -> None:
        known = self._in_memory(message_id)  # somebody may have been quicker: of two alike, only one is admitted
        if known is None:
            found: Known | None = question.answer
            if found is not None and found.message is not None:
                self._live[message_id] = found.message
            known = found
        then(known)

    def take_up(self, message: Message) -> None:
        """The id is this message's from now on; if the journal has it already, its head is written anew."""
        self._live[message.id] = message
        if message.place is not None:
            self._put_head(message)

    def put_back(self, message: Message) -> None:
        """The message went back to its queue, never handed over: its id is free again."""
        if message.place is None:
            self._live.pop(message.id, None)

    def intend(self, message: Message, part: Part, then: Callable[[Message, Part], None]) -> None:
        """This part is about to be written to the provider."""
        start, no = self._place(message)
        part.intent = next(self._numbers)
        self._put("intent", (part.intent, start, no, part.n))
        self._put(f"step_{start}", (no, part.intent, time.time(), INTENT, part.n, ""))
        self._then(message, then, message, part)

    def note(self, message: Message, kind: str, part: Part | None = None, **facts: Any) -> None:
        """A step of a message, or of one part of it; the outcome of its intent, if it had one."""
        start, no = self._place(message)
        written = json.dumps(facts, separators=(",", ":"), default=str) if facts else ""
        row = (no, next(self._numbers), time.time(), kind, part.n if part is not None else 0, written)
        self._put(f"step_{start}", row)
        self._batch.held.append(message)
        if part is not None and part.intent is not None and part.status != IN_FLIGHT:
            self._batch.gone["intent"].append(part.intent)
            part.intent = None

    def file_under(self, message: Message, part: Part, group: str, keys: Sequence[str]) -> None:
        """What a part's receipts may be found by."""
        start, no = self._place(message)
        names = [f"{group}{SEPARATOR}{key}" for key in keys]
        for name in names:
            self._put(f"smsc_id_{start}", (name, no, part.n))
            self._names[name] = (message, part)
        self._recent.append((message, names))
        if len(self._recent) > RECENT:
            old, of_old = self._recent.popleft()
            for name in of_old:
                if (found := self._names.get(name)) is not None and found[0] is old:
                    del self._names[name]

    def conclude(self, message: Message, result: Publication, final: bool) -> None:
        """A result of a message."""
        start, no = self._place(message)
        facts: dict[str, Any] = {"status": message.status, "final": final, "result_id": result.message_id}
        if message.corrects is not None:
            facts["corrects"] = message.corrects
        self._put_result(start, no, result)
        self.note(message, RESULT, **facts)

    def await_receipt(self, message: Message, due: float | None) -> None:
        """The message's receipt must come by `due`, in seconds since 1970; None: it need not any more."""
        start, no = self._place(message)
        if due is not None:
            self._put("awaiting", (no, start, message.provider, due))
        else:
            self._batch.gone["awaiting"].append(no)

    def overdue(self, provider: str, then: Callable[[list[Message]], None]) -> None:
        """Some of the messages whose receipt had to come by now."""
        question = self._ask("overdue", (provider, time.time(), OVERDUE))
        self._then(None, lambda: then([self._live.setdefault(found.id, found) for found in question.answer]))

    def remember(self, message_id: str, fingerprint: bytes, result: Publication) -> None:
        """The result of a request that never became a message."""
        start, no = self._file.starts[0], next(self._numbers)
        self._remembered[message_id] = Known(fingerprint, None, result)
        self._put(f"message_{start}", (no, message_id, fingerprint, ""))
        self._put_result(start, no, result)
        self._then(None, self._remembered.pop, message_id, None)

    def _put_result(self, start: int, no: int, result: Publication) -> None:
        headers = json.dumps(dict(result.headers)) if result.headers else "{}"
        row = (no, result.exchange, result.key, result.body, result.message_id, result.correlation_id, headers)
        self._put(f"result_{start}", row)

    def _place(self, message: Message) -> recall.Place:
        """Where the message is kept; its head is written with its first step."""
        place: recall.Place | None = message.place
        if place is None:
            place = message.place = (self._file.starts[0], next(self._numbers))
            self._put_head(message)
            self._live[message.id] = message
        return self._file.moved(place[0]), place[1]

    def _put_head(self, message: Message) -> None:
        start, no = message.place
        start = self._file.moved(start)
        self._put(f"message_{start}", (no, message.id, message.fingerprint, head(message)))

    # --- receipts

    def match(self, group: str, keys: Sequence[str], then: Callable[[tuple[Message, Part] | None], None]) -> None:
        """The part that a receipt is about."""
        names = [f"{group}{SEPARATOR}{key}" for key in keys]
        for name in names:
            if (found := self._names.get(name)) is not None:
                then(found)
                return
        if not names:
            then(None)
            return
        questions = [self._ask("matched", name) for name in names]
        self._then(None, self._matched, names, questions, then)

    def _matched(
        self, names: list[str], questions: list[Question], then: Callable[[tuple[Message, Part] | None], None]
    ) -> None:
        found = next((self._names[name] for name in names if name in self._names), None)
        if found is None and (read := next((q.answer for q in questions if q.answer is not None), None)) is not None:
            message, part = read
            live = self._live.setdefault(message.id, message)
            found = (live, live.parts[part.n - 1])
        then(found)

    def park(self, provider: str, pdu: bytes) -> int:
        """Keeps a PDU that can't be dealt with yet; returns its number."""
        number = next(self._numbers)
        self._put("parked", (number, time.time(), provider, pdu))
        return number

    def unpark(self, number: int) -> None:
        """It has been dealt with."""
        self._batch.gone["parked"].append(number)
        self._soon()

    # --- outbox and connection log

    def keep(self, publication: Publication, then: Callable[[int], None]) -> None:
        """A publication that must reach the broker, in one commit with what was told before it in this turn."""
        number = next(self._numbers)
        headers = json.dumps(dict(publication.headers)) if publication.headers else "{}"
        reply_to = json.dumps(publication.reply_to) if publication.reply_to else "[]"
        self._put(
            "outbox",
            (
                number,
                publication.exchange,
                publication.key,
                publication.body,
                publication.message_id,
                publication.type,
                publication.correlation_id,
                headers,
                reply_to,
                publication.order,
            ),
        )
        self._then(None, then, number)

    def published(self, number: int) -> None:
        """The broker has it: it need not be kept any more."""
        self._batch.gone["outbox"].append(number)
        self._soon()

    def kept(self, after: int, most: int, then: Callable[[list[tuple[int, Publication]]], None]) -> None:
        """Publications that were kept and not published, in their order, from the number `after` on."""
        question = self._ask("outbox", (after, most))
        self._then(None, lambda: then(question.answer))

    def record(self, provider: str, body: bytes) -> None:
        """A line of the connection log."""
        row = (next(self._numbers), time.time(), provider, body)
        self._put(f"event_{self._file.starts[0]}", row)

    def stand(self, provider: str, kind: str, value: str, on: bool) -> None:
        """What an operator has decided, until it is taken back."""
        self._batch.standing.append((provider, kind, value, on))
        self._soon()

    def safe(self, then: Callable[[], None]) -> None:
        """Calls back once everything told so far is committed."""
        self._then(None, then)

    # --- what an earlier run has left; read before the first commit

    def uncertain(self) -> list[Message]:
        """Messages with parts that were intended, and no more is known."""
        return [self._live.setdefault(message.id, message) for message in recall.uncertain(self._file)]

    def parked(self) -> list[tuple[int, float, str, bytes]]:
        """PDUs that could not be dealt with: number, time, provider, octets."""
        return self._file.all("SELECT seq, at, provider, pdu FROM parked ORDER BY seq")

    def left(self, most: int) -> tuple[int, int, list[tuple[int, Publication]]]:
        """How many publications wait, the last one's number, and the first of them."""
        size, last = self._file.all("SELECT count(*), coalesce(max(seq), 0) FROM outbox")[0]
        return size, last, recall.outbox(self._file, 0, most)

    def standing(self) -> list[tuple[str, str, str]]:
        """What operators have decided: provider, kind, value."""
        return self._file.all("SELECT provider, kind, value FROM standing ORDER BY at")

    def size(self) -> int:
        """Octets on disk."""
        return self._file.size()

    # --- committing

    def _put(self, table: str, row: tuple[Any, ...]) -> None:
        self._batch.rows[table].append(row)
        self._soon()

    def _ask(self, kind: str, about: Any) -> Question:
        question = Question(kind, about)
        self._batch.questions.append(question)
        return question

    def _then(self, message: Message | None, act: Callable[..., Any], *arguments: Any) -> None:
        self._batch.then.append((message, act, arguments))
        self._soon()

    def _soon(self) -> None:
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
        batch, self._batch = self._batch, Batch()
        self._busy = True
        self._next = max(self._next, self._loop.time()) + EVERY
        self._idle.clear()
        future = self._thread.submit(batch.commit, self._file)
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._done, batch, done))

    def _done(self, batch: Batch, done: "Future[float]") -> None:
        self._busy = False
        error = done.exception()
        if isinstance(error, DiskTrouble):
            self._refused(batch, str(error))
            return
        if error is not None:
            sentence = str(error) if isinstance(error, JournalDamaged) else f"journal: {error!r}"
            self._closed = True
            self._on_damage(sentence)
            return
        if self.trouble is not None:
            self.trouble = None
            self._on_trouble("")
        self._on_commit(batch.records, done.result())
        for message, act, arguments in batch.then:
            self._attempt(message, act, *arguments)
        if self._batch:
            if not self._scheduled:
                self._schedule()
        else:
            self._idle.set()

    def _refused(self, batch: Batch, why: str) -> None:
        """Nothing of it happened: it is tried again, with what has been told meanwhile behind it."""
        batch.extend(self._batch)
        self._batch = batch
        told, self.trouble = self.trouble, why
        self._loop.call_later(AGAIN, self._hand_over)
        if told is None:
            self._on_trouble(why)

    async def close(self, timeout: float) -> None:
        """Commits what is told, waiting at most `timeout` seconds, and closes the file."""
        if not self._closed and (self._batch or self._busy):
            try:
                await asyncio.wait_for(self._idle.wait(), timeout)
            except TimeoutError:
                log.warning("journal", detail="closed before everything was committed")
        self._closed = True
        self._thread.shutdown()
        self._file.close()
