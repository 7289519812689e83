"""One run: a broker, smsd with three providers, odd requests among good ones, and the account of every one of them."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pika.exceptions import AMQPError
from rig import octets, rabbit
from rig.daemon import Daemon, provider
from rig.octets import Octets, undecoded
from rig.smsc import Simulator
from rig.stage import Stage

from grammar.generator import NUMBER, Limits, Odd, generate

PROVIDERS = ("p", "q", "r")
TOGETHER = 100
"""Requests published in one transaction, half of them good."""

GROWTH = 40.0
"""MB of memory by which the second half of a long run may need more than the first: Python's own play."""


@dataclass
class Findings:
    faults: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        figures = [f"{what}: {number:g}" for what, number in self.figures.items()]
        return "\n".join([*figures, *(f"FAULT: {fault}" for fault in self.faults)] or ["nothing"])


class Ledger:
    """Publishes, and keeps what came of it."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self._prefix = url, prefix
        self.refused: list[Odd] = []
        """What the broker itself did not take."""
        self.statuses: dict[str, set[str]] = {}
        """Of results, by the request's id."""
        self.nameless = 0
        """Results of requests that nobody could name."""
        self.dead: list[bytes] = []
        """Bodies in the dead queue, each with its reason."""
        self.reasonless = 0
        self._reader = rabbit.connect(url)
        channel = self._reader.channel()
        channel.basic_qos(prefetch_count=500)
        for name in ("results", "dead"):
            channel.basic_consume(f"{prefix}.{name}", getattr(self, f"_take_{name}"))
        self._writer = rabbit.connect(url)

    def close(self) -> None:
        for connection in (self._reader, self._writer):
            if connection.is_open:
                connection.close()

    def _take_results(self, channel: Any, method: Any, _: Any, body: bytes) -> None:
        channel.basic_ack(method.delivery_tag)
        result = json.loads(body)
        if result["id"] is None:
            self.nameless += 1
        else:
            self.statuses.setdefault(result["id"], set()).add(result["status"])

    def _take_dead(self, channel: Any, method: Any, properties: Octets, body: bytes) -> None:
        channel.basic_ack(method.delivery_tag)
        self.dead.append(body)
        self.reasonless += b"x-smsd-reason" not in properties.octets

    def read(self, seconds: float) -> None:
        with undecoded():
            self._reader.process_data_events(seconds)

    def publish(self, odd: list[Odd], good: list[tuple[bytes, bytes]]) -> list[Odd]:
        """In one transaction; if the broker closes the channel, one by one. What it took of the odd ones."""
        sent = [(each.key, each.octets, each.body) for each in odd]
        usual = octets.properties(delivery_mode=b"\2").octets
        mixed = itertools.chain.from_iterable(
            itertools.zip_longest(sent, [(key, usual, body) for key, body in good], fillvalue=None)
        )
        try:
            self._publish([each for each in mixed if each is not None])
        except AMQPError:
            self._publish([(key, usual, body) for key, body in good])
            return [each for each in odd if self._takes(each)]
        return odd

    def _publish(self, many: list[tuple[bytes, bytes, bytes]]) -> None:
        if not self._writer.is_open:
            self._writer = rabbit.connect(self._url)
        channel = self._writer.channel()
        channel.tx_select()
        for key, properties, body in many:
            channel.basic_publish(f"{self._prefix}.requests", key, body, Octets(properties))
        channel.tx_commit()
        channel.close()

    def _takes(self, odd: Odd) -> bool:
        try:
            self._publish([(odd.key, odd.octets, odd.body)])
        except AMQPError:
            self.refused.append(odd)
            return False
        return True


def limits(url: str) -> Limits:
    """Tries what brokers differ in, on an exchange that drops it."""

    def takes(properties: Octets) -> bool:
        try:
            with rabbit.connect(url) as connection:
                channel = connection.channel()
                channel.tx_select()
                channel.basic_publish("amq.fanout", "", b"", properties)
                channel.tx_commit()
        except AMQPError:
            return False
        return True

    sizes = {b"L": 8, b"U": 2}
    tags = [tag for tag in sizes if takes(octets.with_headers((b"a", tag + b"\0" * sizes[tag])))]
    low = [bits for bits in (0, 1, 2, 3) if takes(octets.properties(bits, priority=b"\0"))]
    return Limits(b"".join(tags), tuple(low), unquote(urlsplit(url).username or "guest").encode())


def run(
    url: str,
    prefix: str,
    directory: Path,
    count: int,
    chance: int,
    *,
    queue_type: str = "classic",
    tell: Callable[[str], None] = lambda _: None,
) -> Findings:
    """`count` odd requests among as many good ones."""
    stage = Stage(url, prefix, directory, queue_type)
    try:
        simulators = {name: stage.simulator() for name in PROVIDERS}
        daemon = stage.daemon({name: provider(each.port, window=50) for name, each in simulators.items()})
        daemon.bound(timeout=30)
        ledger = Ledger(url, prefix)
        try:
            return _account(ledger, daemon, simulators, count, chance, limits(url), tell)
        finally:
            ledger.close()
    finally:
        stage.close()


def _account(
    ledger: Ledger,
    daemon: Daemon,
    simulators: dict[str, Simulator],
    count: int,
    chance: int,
    known: Limits,
    tell: Callable[[str], None],
) -> Findings:
    findings = Findings()
    good = [f"g{n}" for n in range(count)]
    published, memory = _publish_all(ledger, daemon, good, generate(count, known, _keys(), chance), tell)
    named = {each.id: each for each in published if each.id is not None}
    nameless = [each for each in published if each.id is None]

    def missing() -> tuple[list[str], list[Odd], int]:
        parked = Counter(ledger.dead)
        odd = [each for id, each in named.items() if id not in ledger.statuses and not parked[each.body]]
        unnamed = ledger.nameless + sum(parked[body] for body in {each.body for each in nameless})
        return [id for id in good if id not in ledger.statuses], odd, len(nameless) - unnamed

    still = 0
    while any(missing()) and still < 60:
        before = (len(ledger.statuses), ledger.nameless, len(ledger.dead))
        ledger.read(1)
        still = 0 if before != (len(ledger.statuses), ledger.nameless, len(ledger.dead)) else still + 1
    ids, odd, unnamed = missing()
    _judge(findings, "good requests without a result", ids)
    _judge(findings, "odd requests without answer or grave", odd)
    _judge(findings, "nameless requests without answer or grave", list(range(max(0, unnamed))))
    _judge(findings, "good requests that were not sent", [id for id in good if ledger.statuses.get(id) != {"sent"}])
    texts = Counter(text for each in simulators.values() for text in each.texts() if text.startswith("good "))
    _judge(findings, "good requests that were not sent once", [id for id in good if texts[f"good {id}"] != 1])
    _judge(findings, "dead without a reason", list(range(ledger.reasonless)))
    _judge(findings, "ends of the session", daemon.logged("broker")[1:])
    _judge(findings, "ends of a channel", daemon.logged("channel"))
    _judge(findings, "crashes", daemon.logged("crash"))
    if len(memory) > 3 and memory[-1] > memory[len(memory) // 2] + GROWTH:
        findings.faults.append(f"memory grew: {memory}")
    answered = Counter(status for id in named for status in ledger.statuses.get(str(id), ()))
    findings.figures |= {
        "good requests": len(good),
        "odd requests": len(published),
        "odd requests that the broker refused": len(ledger.refused),
        **{f"odd requests {status}": number for status, number in answered.items()},
        "nameless requests rejected": ledger.nameless,
        "in the dead queue": len(ledger.dead),
        "MB of memory in the middle": memory[len(memory) // 2],
        "MB of memory at the end": memory[-1],
    }
    return findings


def _keys() -> list[bytes]:
    work = [f"{name}{priority}" for name in PROVIDERS for priority in ("", ".urgent", ".bulk")]
    return [*map(str.encode, work), b"nobody", b"p.never", b"", b"\xff" * 255]


def _publish_all(
    ledger: Ledger, daemon: Daemon, good: list[str], odd: Iterator[Odd], tell: Callable[[str], None]
) -> tuple[list[Odd], list[float]]:
    """What was published of the odd ones, and the daemon's memory on the way."""
    published: list[Odd] = []
    memory = []
    keys = itertools.cycle(name.encode() for name in PROVIDERS)
    half = TOGETHER // 2
    for at in range(0, len(good), half):
        ids = good[at : at + half]
        bodies = [json.dumps({"id": id, "to": NUMBER, "text": f"good {id}"}).encode() for id in ids]
        published += ledger.publish(list(itertools.islice(odd, half)), list(zip(keys, bodies, strict=False)))
        ledger.read(0.01)
        if at % 500 == 0:
            memory.append(daemon.rss())
            tell(f"{at} of {len(good)}, {memory[-1]:.0f} MB, {len(ledger.dead)} dead, {len(ledger.refused)} refused")
    memory.append(daemon.rss())
    return published, memory


def _judge(findings: Findings, what: str, found: list[Any]) -> None:
    if found:
        findings.faults.append(f"{len(found)} {what}: {str(found[:3])[:1000]}")
