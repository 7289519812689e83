"""One provider's flow in the test's own loop: real lane, bind, journal, outbox and simulator, and a broker of memory.

The broker is the one outside thing that is stood in for, behind the flow's own port: only so can a test say when a
confirm comes, and that none ever does.
"""

import asyncio
import functools
import inspect
import itertools
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from smsd.core.message import Known
from smsd.core.publication import Confirm, Publication
from smsd.flow.early import Early
from smsd.flow.events import Events
from smsd.flow.holding import Holding
from smsd.flow.intake import Intake
from smsd.flow.lane import world_clock
from smsd.flow.moves import Moves
from smsd.flow.outbox import Outbox
from smsd.flow.report import Reporter
from smsd.flow.returned import Returned
from smsd.flow.stopped import Stopped
from smsd.flow.supervisor import Supervisor
from smsd.links.journal.commits import Commits
from smsd.links.journal.file import File
from smsd.links.journal.journal import SqliteJournal
from smsd.links.meter import PrometheusMeter
from smsd.links.smsc import Dialer
from smsd.settings.model import Provider
from smsd.settings.reader import read
from smsd.simulator.rules import Rules
from smsd.simulator.smsc import Smsc

PREFIX = "sms"


def in_a_loop(scene: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test written as a coroutine."""

    @functools.wraps(scene)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(scene(*arguments, **fixtures), 60))

    run.__signature__ = inspect.signature(scene)
    return run


async def eventually(look: Callable[[], Any], timeout: float = 20.0) -> Any:
    """What `look` returns as soon as that is true."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not (seen := look()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout:g} s: {seen!r}"
        await asyncio.sleep(0.005)
    return seen


async def settle(journal: SqliteJournal) -> None:
    """Lets everything that is ready run, until the journal has nothing left to commit."""
    calm = 0
    while calm < 10:
        await asyncio.sleep(0 if calm else 0.0005)
        assert journal.trouble is None, journal.trouble
        calm = 0 if journal._commits.batch or journal._commits._busy else calm + 1


@contextmanager
def stalled(journal: SqliteJournal) -> Iterator[None]:
    """A disk that takes no commit until this block ends."""
    moves = threading.Event()
    journal._commits._thread.submit(moves.wait)
    try:
        yield
    finally:
        moves.set()


@contextmanager
def unwritable(journal: SqliteJournal) -> Iterator[None]:
    """A file system that is read-only until this block ends."""
    run = journal._file._db.execute
    journal._commits._thread.submit(run, "PRAGMA query_only = 1").result()
    try:
        yield
    finally:
        journal._commits._thread.submit(run, "PRAGMA query_only = 0").result()


def provider(port: int = 2775, backups: Sequence[int] = (), host: str = "127.0.0.1", **settings: Any) -> Provider:
    """Provider `p` as the reader makes it; `backups` are ports too."""
    quick = {"min": "50ms", "max": "50ms"}
    hosts = [{"host": host, "port": each} for each in (port, *backups)]
    whole = {"hosts": hosts, "system_id": "acme", "receipts": False, "reconnect": quick, **settings}
    return read(json.dumps({"providers": {"p": whole}}), "f.yaml").settings.providers["p"]


@dataclass(eq=False)
class Delivery:
    """A message of a queue, and what became of it."""

    body: bytes
    key: str = "p"
    provider: str = "p"
    priority: int = 1
    redelivered: bool = False
    first: bool = True
    message_id: str | None = None
    correlation_id: str | None = None
    content_encoding: str = ""
    reply_to: str | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    given_up: str | None = None
    unreadable: str | None = None
    stale: bool = False
    acks: int = 0
    given_back: int = 0

    def ack(self) -> None:
        self.acks += not self.stale

    def give_back(self) -> None:
        self.given_back += not self.stale


class Broker:
    """Keeps what it is given; a test says what becomes of it."""

    def __init__(self) -> None:
        self.connected = True
        self.blocked = False
        self.published: list[tuple[Publication, Callable[[Confirm], None]]] = []
        self.forwarded: list[tuple[Delivery, tuple[str, str], dict[str, Any], Callable[[Confirm], None]]] = []
        self.copies: list[tuple[str, Publication]] = []
        self.prefetch: dict[str, int] = {}
        """Of those whose queues are read."""
        self.priorities: dict[str, Collection[int]] = {}
        """Which of their queues that are."""
        self.lookers: list[tuple[str, Callable[[Delivery], bool], Callable[[bool], None]]] = []
        """Who wants which provider's queues read through."""

    def publish(self, publication: Publication, then: Callable[[Confirm], None]) -> None:
        self.published.append((publication, then))

    def copy(self, queue: str, publication: Publication) -> None:
        self.copies.append((queue, publication))

    def forward(
        self, delivery: Any, exchange: str, key: str, headers: dict[str, Any], then: Callable[[Confirm], None]
    ) -> None:
        self.forwarded.append((delivery, (exchange, key), headers, then))

    def consume(self, provider: str, prefetch: int, priorities: Collection[int]) -> None:
        self.prefetch[provider] = prefetch
        self.priorities[provider] = priorities

    def read_through(self, provider: str, look: Callable[[Delivery], bool], then: Callable[[bool], None]) -> None:
        self.lookers.append((provider, look, then))

    def stop_consuming(self, provider: str) -> None:
        del self.prefetch[provider], self.priorities[provider]

    def confirm(self, answer: Confirm = Confirm.DONE) -> None:
        """Answers everything that was published."""
        published, self.published = self.published, []
        for _, then in published:
            then(answer)


class World:
    """What app builds for one provider, with its seams open."""

    def __init__(self, provider: Provider, file: File) -> None:
        self.broker = Broker()
        self.file = file
        self.buried: list[Delivery] = []
        self.supervisor = Supervisor(lambda delivery, *_: self.buried.append(delivery))
        self.damage: list[str] = []
        commits = Commits(
            file,
            attempt=self.supervisor.attempt,
            on_trouble=lambda _: self.holding.update(),
            on_damage=self.damage.append,
            on_commit=lambda *_: None,
        )
        self.journal = SqliteJournal(file, commits)
        self.meter = PrometheusMeter({"p": provider}, version="test")
        self.outbox = Outbox(
            self.broker,
            self.journal,
            lambda _: self.holding.update(),
            lambda *_: None,
            on_dropped=lambda number: self.events.dropped(number),
        )
        self.early = Early()
        self.events = Events(self.outbox.add_at_once, self.journal, self.meter, PREFIX, "here")
        self.reporter = Reporter(self.outbox, self.journal, self.meter, PREFIX)
        self.stopped = Stopped(self.journal)
        self.ahead = 0.0
        """Seconds by which the clock of the world is set forward, for the provider's part of the flow."""
        self.holding = Holding(
            provider,
            dial=lambda provider: Dialer(provider.tls, provider.bind_timeout),
            broker=self.broker,
            journal=self.journal,
            reporter=self.reporter,
            events=self.events,
            meter=self.meter,
            publish=self.outbox.add,
            prefix=PREFIX,
            outbox_full=lambda: self.outbox.full,
            draw=lambda: 0.0,
            supervisor=self.supervisor,
            look=lambda delivery: self.intake.look(delivery),
            early=self.early,
            wall=lambda: world_clock() + self.ahead,
        )
        moves = Moves(self.broker, self.meter, PREFIX)
        self.intake = Intake(
            moves=moves,
            journal=self.journal,
            reporter=self.reporter,
            meter=self.meter,
            destinations={"p": self.holding},
            stopped=self.stopped,
            with_delivery=self.supervisor.with_delivery,
        )
        self.returned = Returned(
            moves=moves,
            journal=self.journal,
            reporter=self.reporter,
            meter=self.meter,
            known_providers=lambda: {"p"},
            with_delivery=self.supervisor.with_delivery,
        )
        self._ids = itertools.count(1)

    def request(self, text: str = "hello", headers: dict[str, Any] | None = None, **fields: Any) -> Delivery:
        """A request, as the queue delivers it."""
        body = {"id": f"m{next(self._ids)}", "to": "+7 900 000 00 00", "text": text, **fields}
        return Delivery(json.dumps(body).encode(), headers=headers or {})

    def come(self, delivery: Delivery) -> Delivery:
        self.intake.arrived(delivery)
        return delivery

    async def settle(self) -> None:
        await settle(self.journal)

    async def wait(self, *deliveries: Delivery) -> None:
        """Requests that have come and wait in their lane, which goes on as soon as the broker is not `blocked`."""
        self.broker.blocked = True
        for delivery in deliveries:
            self.come(delivery)
        await self.settle()
        assert len(self.holding.lane.waiting()) == len(deliveries)

    async def known(self, message_id: str = "m1") -> Known | None:
        """What the journal knows of a request."""
        answers: list[Known | None] = []
        self.journal.look_up(message_id, answers.append)
        await eventually(lambda: answers)
        return answers[0]

    def results(self) -> list[dict[str, Any]]:
        """The results on their way, oldest first; `broker.confirm` ends their way."""
        bodies = [json.loads(p.body) for p, _ in self.broker.published if p.exchange == f"{PREFIX}.results"]
        return [body for body in bodies if "result_id" in body]

    def lose_broker(self) -> None:
        """As app does it."""
        self.broker.connected = False
        self.broker.published.clear()
        self.broker.forwarded.clear()
        self.outbox.connection_lost()
        self.holding.broker_lost()

    def find_broker(self) -> None:
        self.broker.connected = True
        self.outbox.pump()
        self.holding.update()
        self.holding.broker_up()


@asynccontextmanager
async def world(
    rules: dict[str, Any] | None = None, *, smsc: Any = None, bound: bool = True, **settings: Any
) -> AsyncIterator[Any]:
    """A world whose provider is a simulator of its own, bound unless told otherwise; `.smsc` is the simulator.

    `smsc` is another SMSC in its place: one with start, stop and a port.
    """
    smsc = smsc or Smsc(Rules.model_validate(rules or {}))
    await smsc.start()
    with TemporaryDirectory() as directory:
        made: Any = World(provider(smsc.port, **settings), File(f"{directory}/journal.db", "process", 3600.0))
        made.smsc = smsc
        made.holding.enter()
        try:
            if bound:
                await eventually(lambda: made.holding.state == "open")
            yield made
            assert made.damage == []
        finally:
            await made.holding.leave("", 0.0)
            await smsc.stop()
            await made.journal.close(5.0)
