"""A night without a broker: a provider sends the receipts of a campaign, and they cost disk, not memory.

The journal knows the campaign from an earlier run. By hand, with as many as are wanted:
python -m tests.daemon.night --receipts 1000000
"""

import argparse
import asyncio
import contextlib
import io
import json
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import pika

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest, too, finds `rig`

from rig import rabbit
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage

from smsd.core.contract import SendRequest
from smsd.core.life import ANSWER, facts_of
from smsd.core.message import SENT, Ending, Message, Part
from smsd.core.results import result
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Framer, encode_body
from smsd.flow.supervisor import Supervisor
from smsd.links.journal.commits import Commits
from smsd.links.journal.file import File
from smsd.links.journal.journal import SqliteJournal

AT_ONCE = 2_000
"""Messages that are written to the journal together."""
WINDOW = 500
"""Receipts that the provider sends without an answer."""
EVERY = 250
"""Receipts behind which it sends an enquire_link."""
PATIENCE = 600.0
"""Seconds without any progress after which all is lost."""


class Enquiry(NamedTuple):
    """An enquire_link: how many receipts it was behind, how many of them were answered before it, and its seconds."""

    behind: int
    answered: int
    seconds: float


class Night(NamedTuple):
    """What it has cost: MB of memory before, at the end of the night and at most; MB of the journal; seconds."""

    before: float
    after: float
    most: float
    disk: float
    night: float
    morning: float


def night(stage: Stage, receipts: int) -> Night:
    """AssertionError if a receipt was not taken, or its result not published exactly once."""
    smsc = Provider(receipts)
    try:
        return _night(stage, smsc, receipts)
    finally:
        smsc.close()


def _night(stage: Stage, smsc: "Provider", receipts: int) -> Night:
    forward = stage.forward()
    forward.open()
    asyncio.run(_campaign(stage.directory / "journal-p.db", receipts))
    settings = provider(smsc.port, receipts=True)
    daemon = stage.daemon({"p": settings}, url=forward.url, log={"level": "error", "format": "json"})
    daemon.bound()
    forward.close()
    eventually(lambda: daemon.web("/readyz")[0] == 503, 60)
    rss = Rss(daemon)
    before, began = rss.now(), time.time()
    smsc.go()
    _progress(lambda: smsc.answered, receipts, rss)
    assert smsc.statuses == {0}, smsc.statuses
    smsc.judge()
    _progress(lambda: daemon.status()["outbox"], receipts, rss)
    after, dawn = rss.now(), time.time()
    disk = sum(each.stat().st_size for each in stage.directory.glob("journal-p.db*")) / 2**20
    forward.open()
    told = _told(stage, receipts, rss)
    assert told == bytearray(b"\1") * receipts, f"{told.count(0)} without a result, {sum(n > 1 for n in told)} with two"
    eventually(lambda: daemon.status()["outbox"] == 0, 60)
    assert daemon.term() == 0
    return Night(before, after, rss.most, disk, dawn - began, time.time() - dawn)


def _progress(count: Any, wanted: int, rss: "Rss") -> None:
    seen, since = -1, time.time()
    while (now := count()) < wanted:
        if now != seen:
            seen, since = now, time.time()
        assert time.time() - since < PATIENCE, f"no progress at {now} of {wanted}"
        rss.now()
        time.sleep(0.5)


async def _campaign(path: Path, number: int) -> None:
    """A journal in which so many messages wait for their receipts."""
    file = File(str(path), "process", 7 * 86400.0)
    supervisor = Supervisor(lambda *_: None)
    commits = Commits(file, supervisor.attempt, lambda _: None, lambda _: None, on_commit=lambda *_: None)
    journal = SqliteJournal(file, commits)
    for n in range(number):
        recipient = f"79{n:09}"
        request = SendRequest.model_construct(id=f"m{n}", to=recipient, text="", campaign="night", callback=None)
        parts = [Part(1, b"", status=SENT, smsc_id=f"s{n}", smpp_status=0, attempts=1)]
        message = Message(
            *(request.id, request, "p", 1, b"", time.time(), recipient, "ACME", "gsm7", 1, parts, True, False)
        )
        message.sent_at = time.time()
        journal.note(message, ANSWER, parts[0], **facts_of(parts[0]))
        journal.file_under(message, parts[0], "=p", [f"s{n}"])
        message.result, message.status = result(message, Ending(SENT), "sms", time.time()), SENT
        journal.conclude(message, message.result, final=False)
        if n % AT_ONCE == 0:
            safe = asyncio.Event()
            journal.safe(safe.set)
            await safe.wait()
    await journal.close(60.0)
    assert supervisor.crashes == 0


class Rss:
    """A daemon's resident memory in MB."""

    def __init__(self, daemon: Daemon) -> None:
        self._status = Path(f"/proc/{daemon.pid}/status")
        self.most = 0.0

    def now(self) -> float:
        rss = int(self._status.read_text().split("VmRSS:")[1].split()[0]) / 1024
        self.most = max(self.most, rss)
        return rss


class Provider:
    """Takes a bind and, once told to, sends so many receipts; a loop and a thread of its own."""

    def __init__(self, receipts: int, window: int = WINDOW) -> None:
        self.port = 0
        self.answered = 0
        self.statuses: set[int] = set()
        self.enquiries: list[Enquiry] = []
        """Those that were answered."""
        self._enquired: deque[tuple[int, float]] = deque()
        self._receipts = receipts
        self._window = window
        self._next = 0
        self._going = False
        self._transport: Any = None
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        ready.wait()

    def _run(self, ready: threading.Event) -> None:
        self._server = self._loop.run_until_complete(self._loop.create_server(lambda: Line(self), "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        if self._transport is not None:
            self._transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0.01)  # the transport is gone only after a turn or two

    def go(self) -> None:
        """Begins to send."""
        self._loop.call_soon_threadsafe(self._go)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def bound(self, transport: Any) -> None:
        self._transport = transport

    def answer(self, status: int) -> None:
        """To the next receipt."""
        self.answered += 1
        self.statuses.add(status)

    def enquiry_answered(self) -> None:
        behind, at = self._enquired.popleft()
        self.enquiries.append(Enquiry(behind, self.answered, time.monotonic() - at))

    def judge(self) -> None:
        """AssertionError unless every enquire_link was answered, and none had to wait for the receipts before it."""
        assert len(self.enquiries) == self._receipts // EVERY
        assert [each for each in self.enquiries if each.answered >= each.behind] == []

    def _go(self) -> None:
        self._going = True
        self.send()

    def send(self) -> None:
        """As many receipts as the window has room for."""
        frames = []
        until = min(self.answered + self._window, self._receipts) if self._going else 0
        while self._next < until:
            frames.append(receipt(self._next))
            self._next += 1
            if self._next % EVERY == 0:
                frames.append(HEADER.pack(MIN_PDU, pdus.ENQUIRE_LINK, 0, self._next))
                self._enquired.append((self._next, time.monotonic()))
        self._transport.write(b"".join(frames))


class Line(asyncio.Protocol):
    """The provider's side of a connection."""

    def __init__(self, of: Provider) -> None:
        self._of = of
        self._framer = Framer()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            _, command, status, sequence = HEADER.unpack_from(frame)
            if command == pdus.DELIVER_SM_RESP:
                self._of.answer(status)
            elif command == pdus.ENQUIRE_LINK_RESP:
                self._of.enquiry_answered()
            elif command in (pdus.ENQUIRE_LINK, pdus.UNBIND):
                self._transport.write(HEADER.pack(MIN_PDU, command | pdus.RESPONSE, 0, sequence))
            elif command == pdus.BIND_TRANSCEIVER:
                self._transport.write(HEADER.pack(MIN_PDU + 5, command | pdus.RESPONSE, 0, sequence) + b"smsc\0")
                self._of.bound(self._transport)
        self._of.send()


def receipt(n: int) -> bytes:
    """The receipt of the n-th message."""
    text = f"id:s{n} sub:001 dlvrd:001 submit date:2611280304 done date:2611280305 stat:DELIVRD err:000 text:"
    fields = {"source_addr": f"79{n:09}".encode(), "destination_addr": b"ACME", "esm_class": 4}
    body = encode_body(pdus.DELIVER_SM, {**fields, "short_message": text.encode()})
    return HEADER.pack(MIN_PDU + len(body), pdus.DELIVER_SM, 0, n % 0x7FFFFFFF + 1) + body


def _told(stage: Stage, number: int, rss: Rss) -> bytearray:
    """How often each message's end was published."""
    told = bytearray(number)
    connection = pika.BlockingConnection(pika.URLParameters(f"{stage.url}?heartbeat=0"))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1000)
    coming = channel.consume(f"{stage.prefix}.results", inactivity_timeout=60.0)
    for got, (method, _, body) in enumerate(coming, 1):
        if method is None:
            break
        document = json.loads(body)
        assert document["status"] == "delivered", document
        n = int(document["id"][1:])
        told[n] = min(told[n] + 1, 255)
        if got % 500 == 0 or got >= number:
            channel.basic_ack(method.delivery_tag, multiple=True)
            rss.now()
        if got >= number:
            break
    time.sleep(1.0)  # what is published twice would come now
    channel.cancel()
    again = channel.queue_declare(f"{stage.prefix}.results", passive=True).method.message_count
    connection.close()
    assert again == 0, f"{again} more results than messages"
    return told


def main() -> int:
    parser = argparse.ArgumentParser(prog="night", description=__doc__)
    parser.add_argument("--receipts", type=int, default=1_000_000)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="smsd-night-"))
    with contextlib.redirect_stderr(io.StringIO()), rabbit.Node() as node:
        stage = Stage(node.url, "night", directory)
        try:
            cost = night(stage, options.receipts)
        finally:
            stage.close()
    print(
        f"{options.receipts} receipts without a broker: {cost.before:.0f} MB of memory before, {cost.after:.0f} MB "
        f"after, {cost.most:.0f} MB at most; journal {cost.disk:.0f} MB; "
        f"{cost.night:.0f} s to take them, {cost.morning:.0f} s to publish them"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
