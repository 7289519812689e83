"""`smsd stats` on journals that no daemon has open, and on one that a daemon writes."""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rig.daemon import provider
from rig.stage import Stage

from smsd.cli import main
from smsd.links.journal.file import File
from smsd.links.journal.tally import SLOT

NONE = dict.fromkeys(
    ("sent", "delivered", "undelivered", "failed", "rejected", "expired", "cancelled", "uncertain", "unconfirmed"), 0
)
MESSAGES = (
    (1, "spring", "acme", "sent", False),
    (2, "spring", "acme", "delivered", True),
    (3, "spring", "beta", None, False),
    (4, "summer", "acme", "sent", False),
    (5, None, "acme", "sent", False),
)
"""Number, campaign, provider, last status (None: no result yet), and whether that is final."""


def slot(hours: float) -> int:
    """The slot of so many hours ago."""
    return int(time.time() - hours * 3600) // SLOT * SLOT


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of a journal with counts of an hour and of three days ago, and a few messages."""
    file = File(str(tmp_path / "journal.db"), "process", 7 * 86400.0)
    file.rotate(time.time())
    start = file.starts[0]
    counts = [
        (slot(0), "acme", "", "sent", 5), (slot(0), "acme", "spring", "sent", 40),
        (slot(0), "acme", "spring", "delivered", 30), (slot(0), "acme", "spring", "expired", 2),
        (slot(0), "unknown", "", "rejected", 1), (slot(72), "acme", "spring", "sent", 100),
        (slot(72), "gone", "", "sent", 7),
    ]  # fmt: skip
    heads, results = [(9, "bad", b"", "")], [(9, "sms.results", "acme.rejected", b"{}", "r9", None, "{}")]
    for no, campaign, name, status, final in MESSAGES:
        head = {"provider": name, "campaign": campaign, "callback": {"campaign": "spring"}}
        heads.append((no, f"m{no}", b"", json.dumps(head, separators=(",", ":"))))
        if status is not None:
            body = json.dumps({"final": final}).encode()
            results.append((no, "sms.results", f"{name}.{status}", body, f"r{no}", None, "{}"))
    file.write({f"message_{start}": heads, f"result_{start}": results}, {}, counts)
    file.close()
    path = tmp_path / "smsd.yaml"
    path.write_text(
        f"journal: {{path: {tmp_path / 'journal.db'}}}\n"
        "providers: {acme: {host: a}, beta: {host: b}, idle: {host: c, active: false}}\n"
    )
    return path


def stats(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["stats", *arguments, "--config", str(config)])


def counted(config: Path, *arguments: str) -> dict[str, dict[str, int]]:
    """What is not 0, by provider and in all."""
    told = stats(config, "--json", *arguments)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    shown = facts["providers"] | {"total": facts["total"]}
    assert all(counts.keys() == NONE.keys() for counts in shown.values())
    return {name: {status: n for status, n in counts.items() if n} for name, counts in shown.items()}


def test_active_providers_and_those_with_results_are_counted_and_added_up(config: Path) -> None:
    acme = {"sent": 45, "delivered": 30, "expired": 2}
    assert counted(config, "--since", "24h") == {
        "acme": acme,
        "beta": {},
        "unknown": {"rejected": 1},
        "total": {**acme, "rejected": 1},
    }


def test_people_get_a_table_with_the_usual_columns_and_those_that_are_needed(config: Path) -> None:
    lines = [line.split() for line in stats(config, "--since", "24h").stdout.splitlines()]
    assert lines == [
        ["provider", "sent", "delivered", "undelivered", "failed", "rejected", "expired"],
        ["acme", "45", "30", "0", "0", "0", "2"],
        ["beta", "0", "0", "0", "0", "0", "0"],
        ["unknown", "0", "0", "0", "0", "1", "0"],
        ["total", "45", "30", "0", "0", "1", "2"],
    ]


def test_the_time_may_be_a_span_a_date_or_today(config: Path) -> None:
    assert counted(config, "--since", "4d")["total"]["sent"] == 152
    assert counted(config, "--since", "2026-01-01")["gone"] == {"sent": 7}
    an_hour_ago = datetime.fromtimestamp(time.time() - 3600).isoformat(timespec="minutes")
    assert counted(config, "--since", an_hour_ago)["total"]["sent"] == 45
    since = json.loads(stats(config, "--json").stdout)["since"]
    assert datetime.fromisoformat(since).astimezone().strftime("%H:%M:%S") == "00:00:00"
    told = stats(config, "--since", "yesterday")
    assert told.exit_code == 2
    assert "'yesterday' is no time: write it like 24h, 7d, today, 2026-03-01 or 2026-03-01T12:00" in told.stderr


def test_one_provider_alone_has_no_total(config: Path) -> None:
    told = stats(config, "acme", "--since", "24h").stdout.splitlines()
    assert [line.split()[0] for line in told] == ["provider", "acme"]
    assert counted(config, "idle") == {"idle": {}, "total": {}}


def test_a_provider_that_is_gone_is_counted_and_one_that_never_was_is_a_usage_error(config: Path) -> None:
    assert counted(config, "gone", "--since", "7d")["gone"] == {"sent": 7}
    told = stats(config, "acne")
    assert told.exit_code == 2
    assert "there is no provider 'acne'; did you mean 'acme'?" in told.stderr


def test_of_a_campaign_what_is_under_way_is_told_too(config: Path) -> None:
    told = stats(config, "--campaign", "spring", "--since", "24h", "--json")
    facts = json.loads(told.stdout)
    assert facts["providers"] == {"acme": {**NONE, "sent": 40, "delivered": 30, "expired": 2}}
    assert facts["under_way"] == {"awaiting_receipt": 1, "without_result": 1}
    of_acme = json.loads(stats(config, "acme", "--campaign", "spring", "--json").stdout)
    assert of_acme["under_way"] == {"awaiting_receipt": 1, "without_result": 0}
    *_, last = stats(config, "--campaign", "spring").stdout.splitlines()
    assert last == (
        "under way: 1 await their receipt, 1 are handed over or rest without a result yet; "
        "what still waits in RabbitMQ is not counted"
    )


def test_without_a_journal_there_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "smsd.yaml"
    path.write_text(f"journal: {{path: {tmp_path / 'nowhere.db'}}}\n")
    told = stats(path)
    assert (told.exit_code, told.stdout) == (1, "")
    assert "no journal at" in told.stderr


def test_what_a_daemon_did_is_counted_while_it_runs_and_after_a_kill_and_no_repeat_counts(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.daemon({"p": provider(simulator.port, receipts=True)})
    daemon.bound()
    config = stage.directory / f"smsd-{daemon.port}.yaml"
    crm = stage.crm
    ids = crm.send_many(30)
    bad = crm.send(id="bad", max_segments=0)
    crm.finals([*ids, bad])
    expected = {
        "p": {"sent": 30, "delivered": 30, "rejected": 1},
        "total": {"sent": 30, "delivered": 30, "rejected": 1},
    }
    assert counted(config) == expected
    daemon.kill9()
    assert counted(config) == expected
    stage.daemon({"p": provider(simulator.port, receipts=True)}).bound()
    for n in range(30):  # ids that it knows
        crm.send(f"message {ids[n][1:]}", id=ids[n])
    crm.until(lambda: all(len(crm.results[id]) >= 3 for id in ids))
    assert counted(config) == expected
