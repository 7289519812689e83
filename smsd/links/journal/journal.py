"""The journal as the flow sees it: facts are told, questions asked, and whoever waits for that is called back.

A message that somebody still holds is one and the same object for everybody; once nobody does, it is read from the file
when it is needed. What waits to be committed holds its message, so that the file never lags behind what is in use.
"""

import json
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import structlog

from smsd.core.address import tail
from smsd.core.contract import dumps
from smsd.core.life import INTENT, RESULT, head
from smsd.core.message import IN_FLIGHT, Known, Message, Part
from smsd.core.publication import Publication
from smsd.links.journal import recall
from smsd.links.journal.batch import Question
from smsd.links.journal.commits import Commits
from smsd.links.journal.file import File

log = structlog.get_logger("smsd.journal")

RECENT = 10_000
"""Messages that wait for their receipt in memory too; receipts for older ones are matched through the file."""

OVERDUE = 500
"""Messages without their receipt that are looked at together."""

LINES_WAITING = 1_000
"""Lines of the connection log that wait while nothing can be committed; what follows is a gap in it."""

SEPARATOR = "\x1f"
"""Between receipt group and id; no C string of a provider's is refused for having it, and none has ever had it."""


class SqliteJournal:
    """Satisfies the flow's `Journal`."""

    def __init__(self, file: File, commits: Commits) -> None:
        self._file = file
        self._commits = commits
        self._numbers = count(file.run << 40)
        self._live: WeakValueDictionary[str, Message] = WeakValueDictionary()
        self._remembered: dict[str, Known] = {}
        """Of requests that never became a message, until the file knows them."""
        self._counted: dict[str, None] = {}
        """Results that are not remembered, the oldest first."""
        self._recent: dict[int, tuple[Message, list[str]]] = {}
        """By their number, the oldest first."""
        self._names: dict[str, tuple[Message, Part]] = {}
        """SMSC ids of recent messages."""
        self._lines = 0
        """Lines of the connection log since nothing can be committed."""
        file.rotate(file.now())

    @property
    def trouble(self) -> str | None:
        """Why nothing can be committed for now."""
        return self._commits.trouble

    @property
    def full(self) -> bool:
        """Too much waits to be committed, or the disk hangs: nothing new can be taken for now."""
        return self._commits.full

    @property
    def new(self) -> bool:
        """Whether the file was made in this run: what was handed over before, it can't know."""
        return self._file.new

    @property
    def under_way(self) -> float:
        """Seconds since the commit under way began; 0 if there is none."""
        return self._commits.under_way

    async def close(self, timeout: float) -> None:
        """Commits what is told, waiting at most `timeout` seconds, and closes the file."""
        await self._commits.close(timeout)

    # --- requests

    def look_up(self, message_id: str, then: Callable[[Known | None], None]) -> None:
        """What is known of a request id."""
        if (known := self._in_memory(message_id)) is not None:
            then(known)
        else:
            question = self._commits.ask("known", message_id)
            self._commits.then(None, self._looked_up, message_id, question, then)

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
                self._commits.drop("moved", found.message.place[1])  # it has come back: it is waited for anew
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
        self._commits.put("intent", (part.intent, start, no, part.n))
        facts = "" if part.host == message.host else _at(part.host)
        self._commits.put(f"step_{start}", (no, part.intent, time.time(), INTENT, part.n, facts))
        self._commits.then(message, then, message, part)

    def note(self, message: Message, kind: str, part: Part | None = None, **facts: Any) -> None:
        """A step of a message, or of one part of it; the outcome of its intent, if it had one."""
        start, no = self._place(message)
        written = dumps(facts).decode() if facts else ""
        row = (no, next(self._numbers), time.time(), kind, part.n if part is not None else 0, written)
        self._commits.put(f"step_{start}", row)
        self._commits.batch.held.append(message)
        if part is not None and part.intent is not None and part.status != IN_FLIGHT:
            self._commits.drop("intent", part.intent)
            part.intent = None

    def file_under(self, message: Message, part: Part, group: str, keys: Sequence[str]) -> None:
        """What a part's receipts may be found by."""
        start, no = self._place(message)
        names = _names([group], keys, [tail(message.recipient)])
        for name in names:
            self._commits.put(f"smsc_id_{start}", (name, no, part.n))
            self._names[name] = (message, part)
        self._recent.setdefault(no, (message, []))[1].extend(names)
        if len(self._recent) > RECENT:
            self._let_go(next(iter(self._recent)))

    def _let_go(self, no: int) -> None:
        """Its receipts are matched through the file from now on."""
        message, names = self._recent.pop(no)
        for name in names:
            if (found := self._names.get(name)) is not None and found[0] is message:
                del self._names[name]

    def conclude(self, message: Message, result: Publication, final: bool) -> None:
        """A result of a message."""
        start, no = self._place(message)
        facts: dict[str, Any] = {"status": message.status, "final": final, "result_id": result.message_id}
        if message.corrects is not None:
            facts["corrects"] = message.corrects
        self._put_result(start, no, result, message.request.campaign)
        self.note(message, RESULT, **facts)
        if final and no in self._recent:
            self._let_go(no)

    def await_receipt(self, message: Message, due: float | None) -> None:
        """The message's receipt must come by `due`, in seconds since 1970; None: it need not any more.

        A message is not waited for longer than it is remembered, whatever `due` is.
        """
        start, no = self._place(message)
        if due is not None:
            wait = min(due - self._file.calendar.wall(), self._file.keep)
            self._commits.put("awaiting", (no, start, message.provider, self._file.now() + wait))
        else:
            self._commits.drop("awaiting", no)

    def overdue(self, provider: str, then: Callable[[list[Message]], None]) -> None:
        """Some of the messages whose receipt had to come by now."""
        question = self._commits.ask("overdue", (provider, self._file.now(), OVERDUE))

        def found() -> None:
            messages, unreadable = question.answer
            for no in unreadable:  # nobody can say what would have to be told of it
                self._commits.drop("awaiting", no)
            then([self._live.setdefault(message.id, message) for message in messages])

        self._commits.then(None, found)

    def remember(self, message_id: str, fingerprint: bytes, result: Publication) -> None:
        """The result of a request that never became a message."""
        start, no = self._file.starts[0], next(self._numbers)
        self._remembered[message_id] = Known(fingerprint, None, result)
        self._commits.put(f"message_{start}", (no, message_id, fingerprint, ""))
        self._put_result(start, no, result, json.loads(result.body)["campaign"])
        self._commits.then(None, self._remembered.pop, message_id, None)

    def _put_result(self, start: int, no: int, result: Publication, campaign: str | None) -> None:
        headers = json.dumps(dict(result.headers)) if result.headers else "{}"
        row = (no, result.exchange, result.key, result.body, result.message_id, result.correlation_id, headers)
        self._commits.put(f"result_{start}", row, len(result.body))
        self._commits.batch.results[result.key, campaign or ""] += 1

    def count(self, result: Publication, campaign: str | None) -> None:
        """A result that is not remembered: counted once in this run, however often its request comes."""
        if result.message_id in self._counted:
            return
        self._counted[result.message_id] = None
        if len(self._counted) > RECENT:
            del self._counted[next(iter(self._counted))]
        self._commits.batch.results[result.key, campaign or ""] += 1
        self._commits.soon()

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
        self._commits.put(f"message_{start}", (no, message.id, message.fingerprint, head(message)))

    # --- receipts

    def match(
        self,
        groups: Sequence[str],
        keys: Sequence[str],
        then: Callable[[tuple[Message, Part] | None], None],
        numbers: Sequence[str] = (),
    ) -> None:
        """The part that a receipt is about: of several with one id one to these `numbers`, then the newest."""
        names = _names(groups, keys, numbers)
        if not names:
            then(None)
        elif (found := self._names.get(names[0])) is not None:
            then(found)
        else:  # a better name may be in the file than the best in memory
            question = self._commits.ask("matched", names)
            self._commits.then(None, self._matched, names, question, then)

    def _matched(
        self, names: list[str], question: Question, then: Callable[[tuple[Message, Part] | None], None]
    ) -> None:
        in_file: dict[str, tuple[Message, Part]] = question.answer
        for name in names:
            if (found := self._names.get(name)) is not None:
                then(found)
                return
            if (read := in_file.get(name)) is not None:
                message, part = read
                live = self._live.setdefault(message.id, message)
                then((live, live.parts[part.n - 1]))
                return
        then(None)

    def park(self, provider: str, pdu: bytes) -> int:
        """Keeps a PDU that can't be dealt with yet; returns its number."""
        number = next(self._numbers)
        self._commits.put("parked", (number, self._file.now(), provider, pdu), len(pdu))
        return number

    def unpark(self, number: int) -> None:
        """It has been dealt with."""
        self._commits.drop("parked", number)

    # --- outbox and connection log

    def keep(self, publication: Publication, then: Callable[[int], None]) -> None:
        """A publication that must reach the broker, in one commit with what was told before it in this turn."""
        number = next(self._numbers)
        headers = json.dumps(dict(publication.headers)) if publication.headers else "{}"
        reply_to = json.dumps(publication.reply_to) if publication.reply_to else "[]"
        self._commits.put(
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
            len(publication.body),
        )
        self._commits.then(None, then, number)

    def published(self, number: int) -> None:
        """The broker has it: it need not be kept any more."""
        self._commits.drop("outbox", number)

    def kept(
        self, types: Sequence[str], after: int, most: int, then: Callable[[list[tuple[int, Publication]]], None]
    ) -> None:
        """Publications of these types that were kept and not published, in their order, from `after` on."""
        question = self._commits.ask("outbox", (types, after, most))
        self._commits.then(None, lambda: then(question.answer))

    def record(self, provider: str, body: bytes) -> None:
        """A line of the connection log, which has gaps rather than fill the memory while nothing can be committed."""
        self._lines = self._lines + 1 if self._commits.full else 0
        if self._lines > LINES_WAITING:
            if self._lines == LINES_WAITING + 1:
                log.warning("connection_log", detail="it has a gap from here on, until the journal can be written")
            return
        row = (next(self._numbers), time.time(), provider, body)
        self._commits.put(f"event_{self._file.starts[0]}", row, len(body))

    def stand(self, provider: str, kind: str, value: str, on: bool) -> None:
        """What an operator has decided, until it is taken back."""
        self._commits.batch.standing.append((provider, kind, value, on))
        self._commits.soon()

    def safe(self, then: Callable[[], None]) -> None:
        """Calls back once everything told so far is committed."""
        self._commits.then(None, then)

    # --- what an earlier run has left; read before the first commit

    def uncertain(self) -> list[Message]:
        """Messages with parts that were intended, and no more is known."""
        return [self._live.setdefault(message.id, message) for message in recall.uncertain(self._file)]

    def parked(self) -> list[tuple[int, float, str, bytes]]:
        """PDUs that could not be dealt with: number, time in seconds since 1970, provider, octets."""
        behind = self._file.calendar.wall() - self._file.now()
        rows = self._file.all("SELECT seq, at, provider, pdu FROM parked ORDER BY seq")
        return [(number, at + behind, provider, pdu) for number, at, provider, pdu in rows]

    def awaited(self) -> list[str]:
        """Providers with messages whose receipt must come by a certain time."""
        return [provider for (provider,) in self._file.all("SELECT DISTINCT provider FROM awaiting")]

    def left(self, types: Sequence[str], most: int) -> tuple[int, int, list[tuple[int, Publication]]]:
        """How many publications of these types wait, the last one's number, and the first of them."""
        question = f"SELECT count(*), coalesce(max(seq), 0) FROM outbox WHERE type IN ({','.join('?' * len(types))})"
        size, last = self._file.all(question, *types)[0]
        return size, last, recall.outbox(self._file, types, 0, most) if size else []

    def standing(self) -> list[tuple[str, str, str]]:
        """What operators have decided: provider, kind, value."""
        return self._file.all("SELECT provider, kind, value FROM standing ORDER BY at")

    def size(self) -> int:
        """Octets on disk."""
        return self._file.size()

    def room(self) -> int:
        """Octets that are free on its disk."""
        return self._file.room()


@lru_cache(maxsize=512)
def _at(host: str | None) -> str:
    """The facts of an intent."""
    return dumps({"host": host}).decode()


def _names(groups: Sequence[str], keys: Sequence[str], numbers: Sequence[str]) -> list[str]:
    """What a part is filed under, and looked for by, the best first.

    SMSCs use their ids again: with the recipient's number both messages are found, without it the newest.
    """
    names = [f"{group}{SEPARATOR}{key}" for group in groups for key in keys]
    return [f"{name}{SEPARATOR}{number}" for name in names for number in numbers if number] + names
