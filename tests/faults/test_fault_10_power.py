"""The power fails at any moment: nothing that a peer has seen is unknown to the journal that the disk has kept.

The real daemon runs between a real RabbitMQ and a simulator while its system calls are recorded; then the disk is made
as it is when the power fails at many of these moments (rig.power), and opened as smsd opens it after the next boot.
"""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml
from rig import power
from rig.daemon import provider
from rig.patience import eventually
from rig.stage import Stage

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu, decode
from smsd.links.journal.file import File
from smsd.settings.reader import read

REQUESTS = 150
CUTS = 20
PATIENCE = 120.0
KEEP = 7 * 86400.0
RESULT = re.compile(rb'"result_id":"([0-9a-f]{32})"')


def frames(made: list[power.Call], name: str, port: int) -> Iterator[tuple[int, Pdu]]:
    """PDUs that passed in one direction, each with the moment at which it was whole."""
    rest: dict[str, bytes] = {}
    for at, connection, octets in power.stream(made, name, port):
        left = rest.get(connection, b"") + octets
        while len(left) >= 4 and len(left) >= (length := int.from_bytes(left[:4], "big")):
            yield at, decode(left[:length])
            left = left[length:]
        rest[connection] = left


class Seen:
    """What the SMSC and the CRM have seen of smsd, and when."""

    def __init__(self, made: list[power.Call], smsc: int, broker: int) -> None:
        self.submits = [
            (at, pdu.octets("short_message"))
            for at, pdu in frames(made, "sendto", smsc)
            if pdu.command == pdus.SUBMIT_SM
        ]
        came = {pdu.sequence: pdu for _, pdu in frames(made, "recvfrom", smsc) if pdu.command == pdus.DELIVER_SM}
        self.answered = [
            (at, came[pdu.sequence].octets("short_message"))
            for at, pdu in frames(made, "sendto", smsc)
            if pdu.command == pdus.DELIVER_SM_RESP and pdu.status == 0
        ]
        published = [(at, octets) for at, _, octets in power.stream(made, "sendto", broker)]
        self.results = [(at, found) for at, octets in published for found in RESULT.findall(octets)]
        self.published = [(at, octets) for at, octets in published if b"sms.inbound" in octets]


class Left:
    """What the journal knows that the disk has kept."""

    def __init__(self, path: Path) -> None:
        with closing(File(str(path), "process", KEEP)) as file:
            assert file.all("PRAGMA integrity_check") == [("ok",)]
            steps = [row for start in file.starts for row in file.all(f"SELECT no, kind, facts FROM step_{start}")]
            ids = {no: id for start in file.starts for no, id in file.all(f"SELECT no, id FROM message_{start}")}
            self.intents = [ids[no].encode() for no, kind, _ in steps if kind == "intent"]
            self.told = "\n".join(facts for _, kind, facts in steps if kind in ("receipt", "result")).encode()
            kept = [body for (body,) in file.all("SELECT body FROM outbox")]
            self.events = b"\n".join([self.told, *kept, *(pdu for (pdu,) in file.all("SELECT pdu FROM parked"))])


def unknown(seen: Seen, left: Left, at: int) -> list[str]:
    """What a peer has seen by that moment and the journal does not know."""
    missing = []
    for moment, text in seen.submits:
        if moment <= at and text not in left.intents:
            missing.append(f"submit_sm of {text!r} without an intent")
    for moment, text in seen.answered:
        name = re.sub(rb"^id:(\S+).*", rb"\1", text)
        passed_on = any(sent <= at and name in octets for sent, octets in seen.published)
        if moment <= at and name not in left.events and not passed_on:
            missing.append(f"deliver_sm {text!r} answered OK and forgotten")
    for moment, identity in seen.results:
        if moment <= at and identity not in left.told:
            missing.append(f"result {identity!r} published and forgotten")
    return missing


def traffic(stage: Stage, durability: str) -> tuple[list[power.Call], Path, Seen]:
    """Requests, their receipts and messages from handsets through a daemon that is recorded; what it did."""
    simulator = stage.simulator(latency=0.005, receipts={"delay": 0.01})
    trace, path = stage.directory / "trace", stage.directory / "state" / "journal.db"
    journal = {"path": str(path)} | ({"durability": durability} if durability else {})
    settings = {"p": provider(simulator.port, receipts=True, window=20)}
    daemon = stage.daemon(settings, journal=journal, trace=trace, ready=False)
    eventually(lambda: daemon.web("/readyz")[0] == 200, PATIENCE)  # strace makes the start slow
    daemon.bound(timeout=PATIENCE)
    crm = stage.crm
    ids = [crm.send(f"m{n}", id=f"m{n}") for n in range(REQUESTS)]
    for n in range(10):
        simulator.inbound(text=f"from a handset {n}")
    crm.finals(ids, PATIENCE)
    crm.until(lambda: len(crm.inbound) == 10, PATIENCE)
    daemon.kill9()
    made = power.calls(trace)
    broker = int(stage.url.rpartition("@")[2].partition("/")[0].rpartition(":")[2])
    return made, path, Seen(made, simulator.port, broker)


def cuts(made: list[power.Call], path: Path, seen: Seen) -> Iterator[tuple[int, str, list[str]]]:
    """Moments, how the power failed there, and what is unknown then; the disk keeps nothing, or anything, unflushed."""
    draw = random.Random(1)
    disk = power.Disk(path.parent, made)
    moments = [at for at, _ in (*seen.submits, *seen.answered, *seen.results)]
    for n, at in enumerate([*sorted(draw.sample(moments, CUTS)), min(moments), max(moments)]):
        for kind, some in (("nothing", None), ("some", draw)):
            left = path.parent.with_name(f"left-{n}-{kind}")
            left.mkdir()
            disk.cut(at, left, some)
            yield at, kind, unknown(seen, Left(left / path.name), at)


def test_fault_10_a_power_cut_leaves_nothing_unknown_by_default(stage: Stage) -> None:
    made, path, seen = traffic(stage, "")
    assert (len(seen.submits), len(seen.answered)) == (REQUESTS, REQUESTS + 10)
    assert len({identity for _, identity in seen.results}) == 2 * REQUESTS
    assert any(call.target == str(path) for call in made if call.name == "pwrite64"), "no checkpoint was recorded"
    for at, kind, missing in cuts(made, path, seen):
        assert missing == [], f"power cut at {at}, of what was not flushed {kind} is left"


def test_fault_10_the_same_cuts_lose_with_durability_process(stage: Stage) -> None:
    """So the disk does lose, and the settings say so."""
    found = dict.fromkeys(("nothing", "some"), 0)
    for _, kind, missing in cuts(*traffic(stage, "process")):
        found[kind] += bool(missing)
    assert found["nothing"] > CUTS / 2, found
    assert found["some"] > 0, found


def test_fault_10_power_is_the_default_and_the_sample_says_so() -> None:
    assert read("providers: {}", "f.yaml").settings.journal.durability == "power"
    sample: dict[str, Any] = yaml.safe_load(Path("config/smsd.yaml").read_text(encoding="utf-8"))
    assert sample["journal"]["durability"] == "power"
