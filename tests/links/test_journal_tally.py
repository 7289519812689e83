"""How many results there were: each counted once, by provider, campaign and status, and forgotten in time."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from journals import Machine, called, in_a_loop, journal, old_file, opened, result
from rig.messages import request

from smsd.core.publication import Publication
from smsd.links.journal import journal as journals
from smsd.links.journal.batch import Batch, Question
from smsd.links.journal.file import DiskTrouble, File, Reading
from smsd.links.journal.tally import SLOT, tally

DAY = 86_400
MIDNIGHT = 1_772_323_200
"""2026-03-01, UTC."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def counted(file: File, at: float, campaign: str = "", **results: int) -> None:
    """Commits results of `p` at a time, by status."""
    file.write({}, {}, [(int(at) // SLOT * SLOT, "p", campaign, *one) for one in results.items()])


def read(path: Path, since: float = 0.0, **chosen: Any) -> dict[str, dict[str, int]]:
    """As a command reads it."""
    reading = Reading(str(path))
    try:
        return tally(reading, since, **chosen)
    finally:
        reading.close()


def rejection(message_id: str, campaign: str | None) -> Publication:
    body = b'{"campaign": null}' if campaign is None else b'{"campaign": "%s"}' % campaign.encode()
    return Publication("sms.results", "unknown.rejected", body, f"{message_id}-rejected", "sms.result.v1", message_id)


@in_a_loop
async def test_every_status_of_every_message_is_counted_and_requests_that_became_none_too(path: Path) -> None:
    async with journal(path) as j:
        for n in range(3):
            made = called(f"order-{n}")
            j.concluded(made, result("sent", made.id), final=False)
            if n:
                j.concluded(made, result("delivered", made.id), final=True)
        j.remember("order-7", b"", rejection("order-7", None))
        await j.settle()
        assert read(path) == {"p": {"sent": 3, "delivered": 2}, "unknown": {"rejected": 1}}
        made = called("order-8")
        j.concluded(made, result("sent", made.id), final=False)  # of a later commit
    assert read(path) == {"p": {"sent": 4, "delivered": 2}, "unknown": {"rejected": 1}}


@in_a_loop
async def test_what_is_not_remembered_is_counted_once_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "RECENT", 3)
    async with journal(path) as j:
        for message_id in ("a", "a", "b", "c", "d", "b"):
            j.count(rejection(message_id, None), "spring")
            await j.settle()
        j.count(rejection("a", None), None)  # forgotten: too many came since
    assert read(path) == {"unknown": {"rejected": 5}}
    assert read(path, campaign="spring") == {"unknown": {"rejected": 4}}


@in_a_loop
async def test_campaigns_are_counted_apart(path: Path) -> None:
    async with journal(path) as j:
        for n, campaign in enumerate(("spring", "spring", "summer", None)):
            made = called(f"order-{n}")
            made.request = request(id=made.id, campaign=campaign)
            j.concluded(made, result("sent", made.id), final=True)
        j.remember("order-7", b"", rejection("order-7", "spring"))
    assert read(path, campaign="spring") == {"p": {"sent": 2}, "unknown": {"rejected": 1}}
    assert read(path, campaign="summer") == {"p": {"sent": 1}}
    assert read(path, campaign="") == {"p": {"sent": 1}}
    assert read(path, campaign="autumn") == {}
    assert read(path) == {"p": {"sent": 4}, "unknown": {"rejected": 1}}
    assert read(path, provider="unknown") == {"unknown": {"rejected": 1}}


def test_a_commit_whose_second_half_failed_is_done_again_and_counted_once(path: Path) -> None:
    batch = Batch()
    batch.rows["outbox"].append((1, "sms.results", "p.sent", b"{}", "r", "sms.result.v1", None, "{}", "[]", "order-1"))
    batch.results["p.sent", ""] += 1
    batch.questions.append(Question("known", "order-1"))
    with opened(path) as file:
        file.rotate(1000.0)
        (start,) = file.starts
        file.all(f"ALTER TABLE message_{start} RENAME TO aside")
        with pytest.raises(sqlite3.OperationalError):
            batch.commit(file)
        file.all(f"ALTER TABLE aside RENAME TO message_{start}")
        batch.commit(file)
        assert tally(file, 0.0) == {"p": {"sent": 1}}


def test_a_commit_that_failed_wholly_is_counted_when_it_is_done_again(path: Path) -> None:
    batch = Batch()
    batch.rows["outbox"].append((1, "sms.results", "p.sent", b"{}", "r", "sms.result.v1", None, "{}", "[]", "order-1"))
    batch.results["p.sent", ""] += 1
    with opened(path) as file:
        file.rotate(1000.0)
        file.all("PRAGMA query_only = 1")
        with pytest.raises(DiskTrouble):
            batch.commit(file)
        file.all("PRAGMA query_only = 0")
        batch.commit(file)
        assert tally(file, 0.0) == {"p": {"sent": 1}}


def test_a_span_begins_with_the_slot_it_begins_in_and_ends_before_the_one_it_ends_in(path: Path) -> None:
    with opened(path, keep=10 * DAY) as file:
        for hours in (-1, 0, 12, 23, 24):
            counted(file, MIDNIGHT + hours * 3600 + 60, sent=1)
        assert tally(file, MIDNIGHT) == {"p": {"sent": 4}}
        assert tally(file, MIDNIGHT, MIDNIGHT + DAY) == {"p": {"sent": 3}}
        assert tally(file, MIDNIGHT + 120) == {"p": {"sent": 4}}
        assert tally(file, MIDNIGHT + SLOT) == {"p": {"sent": 3}}
        assert tally(file, 0.0, MIDNIGHT) == {"p": {"sent": 1}}


def test_counts_are_forgotten_with_what_they_counted(path: Path) -> None:
    machine = Machine(MIDNIGHT)
    with opened(path, 4 * DAY, machine) as file:
        for day in range(8):
            file.rotate(file.now())
            counted(file, MIDNIGHT + day * DAY, sent=1)
            machine.wait(DAY)
        slots = [slot for (slot,) in file.all("SELECT slot FROM tally ORDER BY slot")]
        assert slots == [MIDNIGHT + day * DAY for day in range(3, 8)]


def test_a_file_from_before_there_was_a_tally_gets_one_and_can_be_read_until_then(path: Path) -> None:
    old_file(path, 1, rows="INSERT INTO parked VALUES (1, 1000.0, 'p', x'00')")
    assert read(path) == {}
    with opened(path) as file:
        counted(file, 1000.0, sent=2)
        assert tally(file, 0.0) == {"p": {"sent": 2}}
        assert file.all("SELECT seq, provider, pdu FROM parked") == [(1, "p", b"\0")]
