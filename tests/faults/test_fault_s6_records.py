"""A record of the journal that nobody can read costs its own message, and no other; it is never sent in silence."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journals import called, ignore, in_a_loop, journal, killed, old_file, opened, result
from world import World, eventually, provider, world

from smsd.core.contract import RESULT_TYPE
from smsd.core.life import ANSWER, facts_of
from smsd.core.message import IN_FLIGHT, SENT
from smsd.flow.recovery import recover
from smsd.links.journal import history
from smsd.links.journal.file import File, Reading
from smsd.simulator.rules import Rules
from smsd.simulator.smsc import Smsc

WOUNDS = {
    "no JSON": "UPDATE {table} SET head = substr(head, 1, 20) WHERE no = {no}",
    "another JSON": "UPDATE {table} SET head = '[1]' WHERE no = {no}",
    "no provider": "UPDATE {table} SET head = json_remove(head, '$.provider') WHERE no = {no}",
    "no UTF-8": "UPDATE {table} SET head = CAST(x'7bff' AS TEXT) WHERE no = {no}",
    "a step that is no JSON": "UPDATE {steps} SET facts = '{{' WHERE no = {no}",
    "a step of another version": 'UPDATE {steps} SET facts = \'{{"ending":{{"why":1}}}}\' WHERE no = {no}',
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def wound(path: Path, message_id: str, how: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name GLOB 'message_[0-9]*'")]
        (table,) = [name for name in names if not name.endswith("_id")]
        steps = table.replace("message", "step")
        ((no,),) = db.execute(f"SELECT no FROM {table} WHERE id = ?", (message_id,))
        changed = db.execute(WOUNDS[how].format(table=table, steps=steps, no=no)).rowcount
        assert changed > 0


async def two_under_way(path: Path) -> None:
    async with journal(path) as j:
        for name in ("bad", "good"):
            made = called(name, SENT, IN_FLIGHT)
            j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
            j.file_under(made, made.parts[0], "p", [f"id of {name}"])
            j.intend(made, made.parts[1], ignore)
            j.await_receipt(made, 1.0)


@pytest.mark.parametrize("how", WOUNDS)
def test_fault_s6_one_unreadable_record_costs_no_other(path: Path, how: str) -> None:
    @in_a_loop
    async def scene() -> None:
        await two_under_way(path)
        wound(path, "bad", how)
        async with journal(path) as j:
            assert [message.id for message in j.uncertain()] == ["good"]
            assert [message.id for message in await j.asked(j.overdue, "p")] == ["good"]
            assert j._file.all("SELECT count(*) FROM awaiting") == [(1,)], "it would be asked for each second"
            assert await j.matched("id of bad") is None
            assert (await j.matched("id of good"))[0].id == "good"
            assert (await j.known("good")).message.id == "good"
            bad = await j.known("bad")
            assert (bad.message, bad.result) == (None, None)
            assert "the journal's record of it can't be read" in bad.unreadable

    scene()


@in_a_loop
async def test_fault_s6_its_request_is_parked_and_not_sent(tmp_path: Path) -> None:
    left = tmp_path / "left.db"
    async with world({"latency": 60}, on_uncertain="resend") as w:
        for name in ("bad", "good"):
            w.come(w.request(name, id=name))
        await eventually(lambda: len(w.smsc.record.submits()) == 2)
        await w.settle()
        killed(Path(w.file.path), left)
    wound(left, "bad", "no JSON")
    smsc = Smsc(Rules())
    await smsc.start()
    w = World(provider(smsc.port, on_uncertain="resend"), File(str(left), "process", 3600.0))
    recover(w.journal.uncertain(), w.journal, w.reporter)
    w.holding.enter()
    bad, good = (w.come(w.request(name, id=name)) for name in ("bad", "good"))
    (told,) = await eventually(w.results)
    assert (told["id"], told["status"], told["possible_duplicate"]) == ("good", "sent", True)
    ((forwarded, (exchange, _), headers, _),) = await eventually(lambda: w.broker.forwarded)
    assert (forwarded, exchange, headers["x-smsd-reason"]) == (bad, "sms.dead", "internal-error")
    assert "it may have been sent" in headers["x-smsd-detail"]
    assert [submit["text"] for submit in smsc.record.submits()] == ["good"]
    assert (w.damage, good.given_back) == ([], 0)
    await w.holding.leave("", 0.0)
    await smsc.stop()
    await w.journal.close(5.0)


@pytest.mark.parametrize("how", WOUNDS)
def test_fault_s6_what_ended_is_answered_whatever_its_record(path: Path, how: str) -> None:
    @in_a_loop
    async def scene() -> None:
        async with journal(path) as j:
            made = called("bad", SENT)
            j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
            told = j.concluded(made, result("delivered", "bad"), final=True)
        wound(path, "bad", how)
        async with journal(path) as j:
            assert (await j.known("bad")).result == told

    scene()


@pytest.mark.parametrize("how", WOUNDS)
def test_fault_s6_trace_shows_what_can_be_read(path: Path, how: str) -> None:
    @in_a_loop
    async def scene() -> None:
        await two_under_way(path)
        wound(path, "bad", how)

    scene()
    with closing(Reading(str(path))) as reading:
        found = history.life(reading, "bad")
        assert [step["step"] for step in found["steps"]] == ["received", "answer", "intent"]
        json.dumps(found)
        assert history.life(reading, "good")["steps"][0]["to"] == "+7 900 000 00 00"


def test_fault_s6_a_head_without_later_keys_is_read(path: Path) -> None:
    """What an older version had not thought of is as it was then."""
    head = json.dumps({"provider": "p", "costs": [1, 1]})
    rows = f"""
        INSERT INTO message_1000 VALUES (7, 'order-1', x'00', '{head}');
        INSERT INTO step_1000 VALUES (7, 8, 1000.0, 'answer', 1, '{{"status":"sent"}}');
        INSERT INTO step_1000 VALUES (7, 9, 1000.0, 'result', 0, '{{"status":"sent"}}');
    """
    old_file(path, 2, 1000, rows=rows)

    @in_a_loop
    async def scene() -> None:
        async with journal(path) as j:
            message = (await j.known()).message
            assert (message.provider, message.priority, message.segments, message.status) == ("p", 1, 2, "sent")
            assert [part.status for part in message.parts] == ["sent", "waiting"]

    scene()


@pytest.mark.parametrize("column", ["headers", "reply_to"])
def test_fault_s6_a_publication_leaves_without_what_is_unreadable(path: Path, column: str) -> None:
    kept: list[int] = []

    @in_a_loop
    async def scene() -> None:
        async with journal(path) as j:
            j.keep(result(), kept.append)
        with closing(sqlite3.connect(path)) as db, db:
            assert db.execute(f"UPDATE outbox SET {column} = '[{{'").rowcount == 1
        async with journal(path) as j:
            assert j.left([RESULT_TYPE], 10) == (1, kept[0], [(kept[0], result())])

    scene()


def test_fault_s6_a_damaged_file_is_still_damaged(path: Path) -> None:
    with opened(path) as file:
        file.rotate(1000.0)
    with open(path, "r+b") as octets:
        octets.write(b"\xff" * 4096)
    with pytest.raises(Exception, match="is damaged"):
        File(str(path), "process", 60.0)
