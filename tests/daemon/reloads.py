"""A storm of reloads under load: every other file is broken, and two of the providers have nothing to do with any.

The test runs it short; a minute long it is: python -m tests.daemon.reloads --rounds 200 --requests 3000
"""

import argparse
import contextlib
import io
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest, too, finds what follows
sys.path.insert(0, str(Path(__file__).parent))

from chaos.report import stories, table
from chaos.verdict import Verdict
from rig import rabbit
from rig.stage import Stage
from storms import Storm

UNTOUCHED = ("steady", "calm")
BROKEN = (
    ("max_rate", "max_rte"),
    ("providers:", "providers:\n\t"),
    ("window: 100", "window: many"),
    ("system_id: steady", "password: {file: not-there}"),
)
"""How a file gets broken: what is replaced by what."""


def reloads(stage: Stage, rounds: int, requests: int, seconds: float, seed: int) -> tuple[Verdict, Counter[str]]:
    """So many reloads in about so many seconds; the verdict on all messages, and how many events there were of a kind.

    AssertionError if an untouched provider has had another bind, or was sent another PDU than it would have been.
    """
    chance = random.Random(seed)
    providers: dict[str, dict[str, Any]] = {
        "steady": {"max_rate": 60},
        "calm": {"max_rate": 60},
        "changing": {"max_rate": 60},
        "rebinding": {"max_rate": 60},
    }
    rules = {"latency": 0.02, "receipts": {"delay": [0.0, 0.5]}}
    with Storm(stage, providers, **rules) as storm:
        storm.daemon.bound()
        storm.load(requests)
        good = yaml.safe_load(storm.daemon.file.read_text())
        for number in range(rounds):
            began = time.monotonic()
            told = len(_told(stage))
            whole = yaml.safe_dump(_changed(good, number, chance))
            text = whole if number % 2 else whole.replace(*chance.choice(BROKEN))
            storm.daemon.file.write_text(text)
            storm.daemon.hup()
            stage.crm.until(lambda told=told: len(_told(stage)) > told, 20.0)
            stage.crm.read(max(0.0, seconds / rounds - (time.monotonic() - began)))
        events = Counter(event["event"] for event in stage.crm.events)
        assert {(e["event"], e["provider"]) for e in stage.crm.events if e["provider"] in UNTOUCHED} == {
            (event, name) for event in ("connecting", "bound") for name in UNTOUCHED
        }
        bound = Counter(event["system_id"] for event in storm.smsc.history("bound"))
        assert (bound["steady"], bound["calm"]) == (1, 1)
        storm.daemon.file.write_text(yaml.safe_dump(good))
        storm.daemon.hup()
        return storm.verdict(), events


def _changed(good: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    """Another file each time: one provider changes in place, one binds anew, comes, or goes."""
    providers = {name: dict(settings) for name, settings in good["providers"].items()}
    providers["changing"] |= {"max_rate": chance.choice([50, 60, 70]), "window": chance.choice([50, 100])}
    if number % 4 == 1:
        providers["rebinding"]["system_type"] = f"t{number % 7}"
    elif number % 20 == 3:
        del providers["rebinding"]
    return {**good, "providers": providers}


def _told(stage: Stage) -> list[dict[str, Any]]:
    return [event for event in stage.crm.events if event["event"] in ("config_reloaded", "config_refused")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="reloads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--requests", type=int, default=3000, help="to each of four providers, at 60 a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="smsd-reloads-"))
    with contextlib.redirect_stderr(io.StringIO()), rabbit.Node() as node:
        stage = Stage(node.url, "reloads", directory, queue_type="quorum")
        began = time.time()
        try:
            verdict, events = reloads(stage, options.rounds, options.requests, options.seconds, options.seed)
        finally:
            stage.close()
    print(f"seed {options.seed}, {time.time() - began:.0f} s, events: {dict(events)}\n{table(verdict)}")
    if not verdict.clean:
        print(stories(verdict, began), f"kept: {directory}", sep="\n")
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
