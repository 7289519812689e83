"""What the flow tells the journal is enough: read back from the file every message is what it was, after a kill too."""

import asyncio
import shutil
from dataclasses import asdict
from typing import Any

from world import World, eventually, in_a_loop, provider, world

from smsd.core.message import IN_FLIGHT, Message
from smsd.flow.recovery import recover
from smsd.links.journal import recall
from smsd.links.journal.file import File, Reading

LONG = "x" * 400

DIFFERENT = {
    "request",
    "deliveries",
    "todo",
    "parts",
    "queued",
    "held",
    "first_refused_at",
    "sent_at",
    "done_at",
    "due",
    "came_at",
    "rests_until",
    "doubted_since",
}
"""Of the moment, or no more exact than a step's time; parts are compared by themselves."""


def facts(message: Message) -> dict[str, Any]:
    told = {name: getattr(message, name) for name in Message.__slots__ if name not in DIFFERENT and name[0] != "_"}
    told["parts"] = [asdict(part) | {"body": None, "intent": None, "written": None} for part in message.parts]
    for part in told["parts"]:
        if part["status"] == IN_FLIGHT:  # this attempt counts with its outcome
            part["attempts"] = told["host"] = None
    told["todo"] = [part.n for part in message.todo]
    if message.status is not None:  # decided and told: how it was decided no longer matters
        del told["ending"], told["corrects"]
    told["sent"], told["done"] = message.sent_at is not None, message.done_at is not None
    return told


async def in_the_file(w: Any) -> list[Message]:
    """All messages of the journal, as somebody sees them who has only its file."""
    await w.settle()
    reading = Reading(w.file.path)
    try:
        (start,) = reading.starts
        numbers = [no for (no,) in reading.all(f"SELECT no FROM message_{start}")]
        return list(recall.load(reading, start, numbers).values())
    finally:
        reading.close()


async def watch(w: Any, number: int) -> dict[str, Message]:
    """Every message that is taken up is held here until the end."""
    seen: dict[str, Message] = {}
    take_up = w.journal.take_up

    def seeing(message: Message) -> None:
        seen[message.id] = message
        take_up(message)

    w.journal.take_up = seeing
    for n in range(number):
        w.come(w.request(LONG if n % 3 == 0 else "short", on_uncertain="resend" if n % 2 else "report"))
    return seen


@in_a_loop
async def test_in_the_middle_of_anything_and_after_it_the_file_has_every_message_as_it_is() -> None:
    rules = {
        "seed": 1,
        "latency": 0.02,
        "errors": [
            {"status": "0x0B", "probability": 0.1},
            {"status": "0x58", "probability": 0.1},
            {"status": "0x14", "probability": 0.1},
        ],
        "disconnect": [{"probability": 0.02, "when": "before"}],
        "no_answer": [{"probability": 0.05}],
        "receipts": {"delay": 0.02, "rules": [{"stat": "UNDELIV", "err": "001", "probability": 0.3}]},
    }
    quick = {"max_age": "2s", "delays": ["50ms"]}
    async with world(rules, receipts=True, submit_timeout="300ms", retries=quick) as w:
        seen = await watch(w, 60)
        for _ in range(20):
            await asyncio.sleep(0.05)
            w.holding.sweep()
            for read in await in_the_file(w):
                assert facts(read) == facts(seen[read.id])
        await eventually(lambda: {message.status for message in seen.values()} > {"delivered", "undelivered"})
        assert w.supervisor.crashes == 0


@in_a_loop
async def test_after_a_kill_with_a_full_window_every_message_ends_once_and_says_what_is_uncertain(tmp_path) -> None:
    async with world({"latency": 60}, window=6) as w:
        await watch(w, 6)
        await eventually(lambda: w.holding.binds[0].window_used == 6)
        await w.settle()
        for ending in ("", "-wal"):
            shutil.copy(f"{w.file.path}{ending}", f"{tmp_path}/left.db{ending}")
    later = World(provider(), File(f"{tmp_path}/left.db", "process", 3600.0))
    recover(later.journal.uncertain(), later.journal, later.reporter)
    await later.settle()
    told = {result["id"]: result for result in later.results()}
    submitted = {submit["text"] for submit in w.smsc.record.submits()}
    assert submitted == {LONG[:153], LONG[306:], "short"}
    assert {name: result["status"] for name, result in told.items()} == {"m1": "uncertain", "m3": "uncertain"}
    assert told["m1"]["reason"] == "connection-lost"
    assert [part["status"] for part in told["m1"]["parts"]] == ["uncertain"] * 3
    assert told["m1"]["final"]
    assert later.journal.uncertain() == []
    resent = (await later.known("m2")).message
    assert (resent.possible_duplicate, resent.held, [part.n for part in resent.todo]) == (True, True, [1])
    later.broker.confirm()
    again = later.come(later.request(LONG, id="m1", on_uncertain="report"))
    (repeated,) = await eventually(later.results)
    assert repeated["result_id"] == told["m1"]["result_id"]
    later.broker.confirm()
    assert again.acks == 1
    await later.settle()
    assert later.damage == []
    await later.journal.close(5.0)
