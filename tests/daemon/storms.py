"""Storms: one kind of fault, again and again at random moments under load, and then every message accounted for.

The tests of the journal run them short; long, for example: python -m tests.daemon.storms kills --rounds 100
--requests 20000 --policy report
"""

import argparse
import contextlib
import io
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest, too, finds `rig` and `chaos`

from chaos.evidence import Account, Evidence, Request, read_log, read_result
from chaos.report import stories, table
from chaos.scene import Smsc
from chaos.verdict import Verdict, judge
from rig import rabbit
from rig.daemon import provider
from rig.patience import eventually
from rig.record import mean_rate, most_in_a_second, times
from rig.stage import Stage

POLICIES = ("report", "resend")
"""What on_uncertain may say; the providers of a storm are named after theirs."""
PATIENCE = 120.0
"""Seconds until everything has come to rest after the last fault."""
START = 1.5
"""About how many seconds smsd needs to start, look at its journal, and bind."""
ENQUIRY = 1.0
"""Seconds between the SMSC's enquire_links in a flood, and what an answer may take."""
TWO_SEGMENTS = "x" * 200
PACE = 40
"""Segments per second of the providers that a storm of reloads must not touch."""
LAGGED = 2
"""So many more than that may come in a second: the SMSC has to share the cores too, and reads some of them late."""
PAUSE = 1.0
"""Seconds without a submit_sm of theirs that such a storm may cost at most; other processes have the cores too."""
BROKEN = (
    "providers: {untouched: {windw: 5}}",
    "providers: {untouched: {host: 127.0.0.1, max_rate: -1}}",
    "providers: [\n",
    "providers: {a: {host: x, password: {file: /nowhere}}}",
    "\x00",
    "just a sentence",
)
"""Files that are no configuration."""


class Storm:
    """Providers with one SMSC between them, smsd, and the CRM; recipients are unique, so that its log can be judged."""

    def __init__(self, stage: Stage, providers: dict[str, dict[str, Any]], **rules: Any) -> None:
        self.stage = stage
        self._log = stage.directory / "smsc.jsonl"
        self.smsc = Smsc("--log", str(self._log), **rules)
        shared = {"receipts": True, "window": 100}
        self._providers = {
            name: provider(self.smsc.port, **{**shared, "system_id": name, **settings})
            for name, settings in providers.items()
        }
        self.requests: list[Request] = []
        self.began = time.time()
        self.start()
        self.daemon.ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.smsc.close()

    def start(self, **changes: Any) -> None:
        """Another daemon with the journal of the last one, which has ended; `changes` are to all providers."""
        providers = {name: {**settings, **changes} for name, settings in self._providers.items()}
        self.daemon = self.stage.daemon(providers, ready=False)

    def reload(self, changes: dict[str, Any] | str) -> dict[str, Any]:
        """SIGHUP after these changes to the provider `changing`, or with a text that is no settings; what it led to."""
        crm = self.stage.crm
        if isinstance(changes, str):
            self.daemon.write(changes)
        else:
            providers = {**self._providers, "changing": {**self._providers["changing"], **changes}}
            self.stage.configure(self.daemon, providers)
        before = sum(event["event"].startswith("config_") for event in crm.events)
        self.daemon.hup()
        return crm.until(lambda: [each for each in crm.events if each["event"].startswith("config_")][before:])[0]

    def load(self, number: int, long_every: int = 10) -> list[str]:
        """Publishes so many requests to each provider, every tenth (0: none) in two segments; their ids."""
        before = len(self.requests)
        for name in self._providers:
            bodies = []
            for _ in range(number):
                id, to = f"m{len(self.requests)}", f"79{len(self.requests):09}"
                long = long_every and len(self.requests) % long_every == 0
                bodies.append({"id": id, "to": to, "text": f"{id} {TWO_SEGMENTS}" if long else id})
                self.requests.append(Request(id, name, to, "delivered", time.time()))
            rabbit.publish_all(self.stage.url, f"{self.stage.prefix}.requests", name, bodies)
        return [request.id for request in self.requests[before:]]

    def ended(self) -> bool:
        """Every request has a final result, and every receipt is answered."""
        results = self.stage.crm.results
        return all(any(r["final"] for r in results[each.id]) for each in self.requests) and self.smsc.idle()

    def verdict(self) -> Verdict:
        """Waits until all is at rest, ends the daemon in good order, and judges."""
        crm = self.stage.crm
        with contextlib.suppress(AssertionError):  # what is missing then, the verdict says better
            crm.until(self.ended, PATIENCE)
            crm.until(lambda: self.daemon.status()["outbox"] == 0, PATIENCE)
        assert self.daemon.term() == 0
        crm.until(lambda: crm.depth("results") == 0)
        crm.read(0.2)
        now = time.time()
        results = {id: [read_result(each, now) for each in of_one] for id, of_one in crm.results.items()}
        accounts = {name: self._account(name) for name in self._providers}
        waiting = {f"requests.{name}": crm.waiting(name) for name in self._providers}
        dead = {"dead": len(crm.dead)}
        queues = {queue: number for queue, number in (waiting | dead).items() if number}
        return judge(Evidence(self.requests, results, accounts, queues))

    def _account(self, name: str) -> Account:
        account = Account(unmatched={each["smsc_id"] for each in self.stage.crm.receipts})
        with self._log.open() as lines:
            read_log(lines, account)
        own = {request.to for request in self.requests if request.provider == name}
        account.submits = [submit for submit in account.submits if submit.to in own]
        ids = {submit.message_id for submit in account.submits}
        account.receipts = [receipt for receipt in account.receipts if receipt.message_id in ids]
        return account


def kills(stage: Stage, rounds: int, requests: int, seed: int, policies: Sequence[str] = POLICIES) -> Verdict:
    """kill -9 of smsd at so many moments of its work, and on top of it now and then while it starts."""
    chance = random.Random(seed)
    providers = {policy: {"on_uncertain": policy, "max_rate": 1500} for policy in policies}
    total = requests * len(policies)
    moments = sorted(chance.sample(range(1, total * 3 // 4), rounds))
    with Storm(stage, providers, latency=0.02, receipts={"delay": [0.0, 0.5]}) as storm:
        storm.load(requests)
        for moment in moments:
            if chance.random() < 0.2:
                time.sleep(chance.uniform(0.0, START))
            else:
                eventually(lambda least=moment: storm.smsc.count() >= least, PATIENCE)
                time.sleep(chance.uniform(0.0, 0.05))
            storm.daemon.kill9()
            storm.start()
        storm.daemon.ready()
        return storm.verdict()


def crashes(stage: Stage, node: Any, rounds: int, requests: int, seed: int) -> Verdict:
    """kill -9 of the broker's node under load while receipts come; it stays away for a while each time."""
    chance = random.Random(seed)
    rules = {"latency": 0.02, "receipts": {"delay": [0.0, 2.0]}}
    with Storm(stage, {policy: {"on_uncertain": policy, "max_rate": 150} for policy in POLICIES}, **rules) as storm:
        storm.load(requests // len(POLICIES))
        time.sleep(1.0)  # see Node.kill: new queues are safe only then
        for _ in range(rounds):
            count = storm.smsc.count()
            eventually(lambda before=count: storm.smsc.count() > before, PATIENCE)
            stage.crm.read(chance.uniform(0.1, 1.5))
            node.kill()
            time.sleep(chance.uniform(0.0, 1.0))
            node.start()
        storm.daemon.ready()
        return storm.verdict()


def cuts(stage: Stage, rounds: int, window: int) -> float:
    """Cuts the link with a full window; the most seconds that it took a message to be accounted for, of both policies.

    AssertionError if one was lost, or sent twice without saying so.
    """
    usual = {"window": window, "receipts": False, "retries": {"delays": ["50ms"]}}
    providers = {policy: {"on_uncertain": policy, **usual} for policy in POLICIES}
    slowest = 0.0
    with Storm(stage, providers) as storm:
        for _ in range(rounds):
            slowest = max(slowest, _cut(storm, window))
        assert storm.daemon.term() == 0
        assert [stage.crm.waiting(policy) for policy in POLICIES] == [0, 0]
    return slowest


def _cut(storm: Storm, window: int) -> float:
    storm.smsc.obey(latency=3600.0)
    storm.daemon.bound()
    before = storm.smsc.count()
    ids = storm.load(window, long_every=0)
    full = dict.fromkeys(POLICIES, window)
    storm.stage.crm.until(lambda: _windows(storm) == full and storm.smsc.count() == before + 2 * window)
    storm.smsc.obey(latency=0.0)
    cut = time.time()
    storm.smsc.cut()
    accounted = [
        _accounted(storm.stage, policy, some)
        for policy, some in zip(POLICIES, (ids[:window], ids[window:]), strict=True)
    ]
    assert storm.smsc.count() == before + 3 * window, "only the window of `resend` is sent again"
    return max(accounted) - cut


def _windows(storm: Storm) -> dict[str, int]:
    return {name: status["window_used"] for name, status in storm.daemon.status()["providers"].items()}


def _accounted(stage: Stage, policy: str, ids: list[str]) -> float:
    """When the last of them had its result, by smsd's clock."""
    wanted = {"report": ("uncertain", "connection-lost", False), "resend": ("sent", None, True)}[policy]
    finals = stage.crm.finals(ids)
    assert {(each["status"], each["reason"], each["possible_duplicate"]) for each in finals} == {wanted}
    return max(_epoch(each["done_at"]) for each in finals)


def reloads(stage: Stage, rounds: int, seconds: float, seed: int, *, timed: bool = False) -> Verdict:
    """So many reloads in so many seconds under load, every second one of a broken file, the others of one provider.

    AssertionError if the providers beside it are bound anew or, `timed` on a machine that is ours alone, sent to too
    fast or kept waiting.
    """
    chance = random.Random(seed)
    untouched = ("untouched", "neither")
    providers = {name: {"max_rate": PACE} for name in (*untouched, "changing")}
    with Storm(stage, providers, latency=0.05, receipts={"delay": [0.0, 0.5]}) as storm:
        storm.daemon.bound()
        storm.load(round(PACE * seconds))
        for n in range(rounds):
            stage.crm.read(max(0.0, storm.began + seconds * n / rounds - time.time()))
            wanted = "config_refused" if n % 2 else "config_reloaded"
            event = storm.reload(chance.choice(BROKEN) if n % 2 else _another(chance, n))
            assert event["event"] == wanted, event
        verdict = storm.verdict()
        for name in untouched:
            _bound_once(storm, name)
            if timed:
                _paced(storm, name)
    return verdict


def _another(chance: random.Random, n: int) -> dict[str, Any]:
    """Settings that differ from those before in some keys, now and then in those that ask for another bind."""
    live = {"max_rate": chance.randint(20, 200), "window": chance.randint(5, 100), "title": f"reload {n}"}
    return live | chance.choice(({}, {}, {"password": f"word{n}"}, {"system_type": f"T{n}"}))


def _bound_once(storm: Storm, name: str) -> None:
    events = [each for each in storm.smsc.history("bound", "unbound") if each["system_id"] == name]
    assert [each["event"] for each in events] == ["bound", "unbound"], "bound once, unbound at the end"


def _paced(storm: Storm, name: str) -> None:
    moments = times([submit for submit in storm.smsc.submits() if submit["system_id"] == name])
    assert most_in_a_second(moments) <= PACE + LAGGED, most_in_a_second(moments)
    assert mean_rate(moments) > 0.9 * PACE, mean_rate(moments)
    assert max(later - earlier for earlier, later in itertools.pairwise(moments)) < PAUSE


def flood(stage: Stage, number: int, copies: int = 1, *, timed: bool = False) -> float:
    """The receipts of so many messages, all at once when a daemon that knows them from its journal binds.

    `timed`, on a machine that is ours alone, the SMSC cuts a link on which an enquire_link of its own goes without
    answer for ENQUIRY. The seconds it took; AssertionError if a receipt was not matched, a copy of one brought a
    result about, or the link was cut.
    """
    receipts = {"delay": 0, "window": number * copies, "copies": copies}
    enquire = {"enquire_link": ENQUIRY} if timed else {}
    with Storm(stage, {"p": {"bind": "transmitter", "window": 500}}, receipts=receipts, **enquire) as storm:
        crm = stage.crm
        ids = storm.load(number, long_every=0)
        crm.until(lambda: sum(len(crm.results[id]) for id in ids) >= number, PATIENCE)
        assert storm.daemon.term() == 0
        storm.start(bind="transceiver")
        crm.until(lambda: len(storm.smsc.history("bound")) == 2, 30)
        began = time.time()
        finals = crm.finals(ids, PATIENCE)
        crm.until(lambda: storm.smsc.idle() and time.time() > began + 2 * ENQUIRY * timed, PATIENCE)
        deliveries = storm.smsc.deliveries()
        assert (len(deliveries), {each["status"] for each in deliveries}) == (number * copies, {0})
        assert len(storm.smsc.history("closed")) == 1, "only the connection of the first daemon"
        assert {tuple(each["status"] for each in crm.results[id]) for id in ids} == {("sent", "delivered")}
        assert crm.receipts == []
        return max(_epoch(each["done_at"]) for each in finals) - began


def _epoch(shown: str) -> float:
    return datetime.fromisoformat(shown).timestamp()


def main() -> int:
    parser = argparse.ArgumentParser(prog="storms", description=__doc__)
    parser.add_argument("storm", choices=("kills", "crashes", "cuts", "flood", "reloads"))
    parser.add_argument("--rounds", type=int, default=20, help="kills, crashes, cuts or reloads")
    parser.add_argument("--seconds", type=float, default=60.0, help="of reloads")
    parser.add_argument("--requests", type=int, default=20_000, help="or, of a cut, the window")
    parser.add_argument("--policy", choices=POLICIES, action="append", help="of kills: only this one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="smsd-storm-"))
    with contextlib.redirect_stderr(io.StringIO()), rabbit.Node() as node:
        stage = Stage(node.url, "storm", directory, queue_type="quorum")
        try:
            storms: dict[str, Callable[[], Verdict | float]] = {
                "kills": lambda: kills(
                    stage, options.rounds, options.requests, options.seed, options.policy or POLICIES
                ),
                "crashes": lambda: crashes(stage, node, options.rounds, options.requests, options.seed),
                "cuts": lambda: cuts(stage, options.rounds, options.requests),
                "flood": lambda: flood(stage, options.requests, timed=True),
                "reloads": lambda: reloads(stage, options.rounds, options.seconds, options.seed, timed=True),
            }
            began = time.time()
            outcome = storms[options.storm]()
        finally:
            stage.close()
    if isinstance(outcome, float):
        print(f"{options.storm}: {outcome:.2f} s, nothing lost")
        return 0
    print(f"{options.storm}, seed {options.seed}, {time.time() - began:.0f} s\n{table(outcome)}")
    if not outcome.clean:
        print(stories(outcome, began), f"kept: {directory}", sep="\n")
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
