"""One run: mutants and real traffic into the bind of one daemon, then everything accounted for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rig.daemon import Daemon, provider
from rig.stage import Stage

from fuzz.crm import Crm
from fuzz.smsc import Smsc

SETTINGS = {
    "receipts": True,
    "window": 50,
    "on_uncertain": "resend",
    "parts_wait": "2s",
    "enquire_link": {"interval": "1s", "timeout": "10s", "when": "always"},
    "reconnect": {"min": "20ms", "max": "50ms"},
}
"""The provider's: parts that stay alone wait no longer than a moment, or memory would grow by them for ten minutes."""
REQUESTS = 2_000
"""Real requests, evenly over the run. Many more would hide growth: the daemon keeps 10 000 messages on purpose."""
REST_SECONDS = 60.0
"""How long the real traffic may take to end after the last mutant."""
GROWTH = 30.0
"""MB that memory may grow after the first tenth: 10 are the requests'; 25 octets lost per mutant show in a million."""
SHOWN = 20

Say = Callable[[str], None]


@dataclass
class Findings:
    """What a run has found; `faults` is empty if all is well, `figures` are for people."""

    faults: list[str]
    figures: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        figures = "\n".join(f"{name:<40}{number:>14,.10g}" for name, number in self.figures.items())
        more = f"\n… {len(self.faults)} faults" if len(self.faults) > SHOWN else ""
        return figures + "\n" + ("\n".join(self.faults[:SHOWN]) + more if self.faults else "clean")


def run(url: str, prefix: str, directory: Path, total: int, seed: int, say: Say = print) -> Findings:
    """Writes `total` mutants, the same ones for the same seed."""
    stage = Stage(url, prefix, directory)
    try:
        with Smsc(total, seed) as smsc:
            daemon = stage.daemon({"p": provider(smsc.port, **SETTINGS)})
            with Crm(url, prefix) as crm:
                began = time.monotonic()
                early = _traffic(smsc, crm, daemon, say)
                seconds = time.monotonic() - began
                _rest(smsc, crm)
                late = daemon.rss()
                faults = smsc.faults + crm.faults or list(_wrong(smsc, crm))
                faults += _of_daemon(daemon, early, late)
    finally:
        stage.close()
    figures = {
        "mutants": smsc.written,
        "mutants per second": smsc.written / seconds,
        "connections ended on purpose": smsc.endings.total(),
        "real messages": len(crm.finals),
        "numbered messages from handsets": crm.numbers.total(),
        **{f"mutants that became {what}": number for what, number in crm.of_mutants.items()},
        **{f"messages answered 0x{status:X}": number for status, number in sorted(smsc.statuses.items())},
        "MB after the first tenth": early,
        "MB at the end": late,
    }
    return Findings(faults, figures)


def _traffic(smsc: Smsc, crm: Crm, daemon: Daemon, say: Say) -> float:
    """Real requests in step with the mutants, until all are written. Returns the daemon's MB after a tenth of them."""
    early, told, began = 0.0, 0, time.monotonic()
    while not (smsc.finished.is_set() or smsc.faults or crm.faults):
        crm.read(0.05)
        if due := smsc.written * REQUESTS // smsc.total - crm.asked:
            crm.ask(due)
        if not early and smsc.written >= smsc.total / 10:
            early = daemon.rss()
        if smsc.written >= told + smsc.total / 20:
            told = smsc.written
            say(f"{time.monotonic() - began:7.1f} s {told:10,} mutants {daemon.rss():8.1f} MB")
    return early


def _rest(smsc: Smsc, crm: Crm) -> None:
    """Waits for the results of all requests and the numbered messages, as long as nothing is wrong."""
    deadline = time.monotonic() + REST_SECONDS
    while len(crm.finals) < crm.asked or len(crm.numbers) < smsc.numbers:
        if time.monotonic() > deadline or smsc.faults or crm.faults:
            return
        crm.read(0.1)
    crm.read(0.5)  # what should not come any more


def _wrong(smsc: Smsc, crm: Crm) -> Iterator[str]:
    """Real traffic that did not go as it should."""
    for number in range(1, crm.asked + 1):
        id = f"real {number}"
        status, duplicate = crm.finals.get(id, ("without a final result", False))
        taken, seen = smsc.taken[id], smsc.seen[id]
        if status != "delivered" or taken != 1 or (seen > 1 and not duplicate):
            yield f"{id}: {status}, submitted {seen} times, answered {taken} times, possible_duplicate {duplicate}"
    expected = {f"number {number}" for number in range(1, smsc.numbers + 1)}
    for text in expected | crm.numbers.keys():
        if (times := crm.numbers[text]) != (text in expected):
            yield f"{text!r} arrived {times} times"


def _of_daemon(daemon: Daemon, early: float, late: float) -> Iterator[str]:
    if late > early + GROWTH:
        yield f"memory grew from {early:.1f} MB to {late:.1f} MB"
    if code := daemon.term():
        yield f"exit code {code}"
    yield from (f"crash: {line['error']} {line['trace'][-400:]}" for line in daemon.logged("crash"))
