"""One run: load, faults by the plan, rest, a clean stop, the verdict."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rig.patience import eventually

from chaos.evidence import Account, Evidence, read_log
from chaos.faults import Faults
from chaos.plan import plan
from chaos.scene import LONG_TEXTS, PREFIX, PROVIDERS, Scene
from chaos.traffic import Publisher, Reader
from chaos.verdict import Verdict, judge

REST_SECONDS = 1800.0
"""How long all that waits may take to go out after the last fault, on a machine that does much else."""
QUIET_SECONDS = 40.0
"""Nothing moves any more when nothing has for so long: longer than a receipt is parked for its submit_sm_resp."""
LOOK_AGAIN = 3.0
"""Seconds between two reconciliations while receipts are still parked."""

Say = Callable[[str], None]


def run(seconds: float, seed: int, directory: Path, say: Say, rate: float) -> tuple[Verdict, float]:
    """The verdict over so many seconds of load and faults, and when it began; `say` gets a line for each action.

    Where a fault takes longer than planned, as a broker's start on a busy machine, the others keep their distance.
    """
    with Scene(directory) as scene:
        with _traffic(scene, rate, seed) as (publisher, reader):
            began = time.time()

            def tell(what: str) -> None:
                say(f"{time.time() - began:8.1f} {what}")

            faults = Faults(scene, tell)
            late = 0.0
            for action in plan(seed, seconds, PROVIDERS):
                early = began + action.at + late - time.time()
                late += max(0.0, -early)
                time.sleep(max(0.0, early))
                tell(str(action))
                faults.perform(action)
            time.sleep(max(0.0, began + seconds + late - time.time()))
            tell("calm: no more requests, no more faults")
            faults.calm()
            publisher.finishing.set()
            _come_to_rest(scene, faults, publisher, reader, tell)
            tell(f"the daemon has stopped with exit code {scene.daemon.term()}")
            eventually(lambda: not scene.left_in_queues().keys() & {"results", "inbound", "events"}, REST_SECONDS)
        evidence = _evidence(scene, faults, publisher, reader)
        evidence.queues = scene.left_in_queues()
    return judge(evidence), began


@contextmanager
def _traffic(scene: Scene, rate: float, seed: int) -> Iterator[tuple[Publisher, Reader]]:
    """Publisher and reader at work; what went wrong in their threads is raised here."""
    publisher = Publisher(scene.node.url, PREFIX, LONG_TEXTS, rate, seed)
    reader = Reader(scene.node.url, PREFIX)
    with ThreadPoolExecutor() as threads:
        at_work: list[Future[None]] = [threads.submit(publisher.run), threads.submit(reader.run)]
        try:
            yield publisher, reader
        finally:
            publisher.abandoning.set()
            reader.finishing.set()
    for each in at_work:
        each.result()


def _come_to_rest(scene: Scene, faults: Faults, publisher: Publisher, reader: Reader, tell: Say) -> None:
    """Returns once every request has its final result and every receipt is told of, or nothing moves any more."""
    deadline = time.monotonic() + REST_SECONDS
    moved, seen = time.monotonic(), -1
    while time.monotonic() < min(deadline, moved + QUIET_SECONDS):
        scene.daemon.check()
        ended = publisher.done and len(reader.ended) >= len(publisher.accepted)
        if ended and all(smsc.idle() for smsc in scene.smscs.values()) and not scene.daemon.status()["outbox"]:
            if judge(_evidence(scene, faults, publisher, reader)).clean:
                tell("all is at rest")
                return
            time.sleep(LOOK_AGAIN)
        if (now := len(publisher.accepted) + reader.read.total()) != seen:
            moved, seen = time.monotonic(), now
        time.sleep(LOOK_AGAIN / 10)
    tell("no rest, and nothing moves any more")


def _evidence(scene: Scene, faults: Faults, publisher: Publisher, reader: Reader) -> Evidence:
    """All but the queues."""
    accounts = {}
    for name in PROVIDERS:
        account = accounts[name] = Account(
            unmatched=reader.unmatched[name], inbound_sent=faults.inbound[name], inbound_read=reader.inbound[name]
        )
        with scene.log_of(name).open() as lines:
            read_log(lines, account)
    return Evidence(publisher.accepted, reader.results, accounts)
