"""What is read back from the file: messages as they were, and one message's life."""

from pathlib import Path

import pytest
from journals import called, ignore, in_a_loop, journal, result

from smsd.core.life import ANSWER, HELD, RECEIPT, UNANSWERED, facts_of, facts_of_whole
from smsd.core.message import IN_FLIGHT, REJECTED, SENT, UNCERTAIN, WAITING, Ending
from smsd.links.journal import history
from smsd.links.journal.file import Reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@in_a_loop
async def test_a_message_read_back_has_every_fact_that_was_told(path: Path) -> None:
    async with journal(path) as j:
        made = called(
            "order-1",
            *[WAITING] * 4,
            reference=77,
            correlation_id="corr",
            reply_to=("q",),
            traceparent="00-1",
            possible_duplicate=True,
            refusals=2,
            last_status=0x58,
        )
        first, second, third, fourth = made.parts
        first.status, first.smsc_id, first.smpp_status, first.attempts = SENT, "77", 0, 1
        j.note(made, ANSWER, first, **facts_of(first))
        first.status, first.receipt = "delivered", {"stat": "DELIVRD"}
        j.note(made, RECEIPT, first, status="delivered", receipt=first.receipt)
        second.status, second.smpp_status, second.attempts = REJECTED, 0x0B, 1
        made.end(Ending("rejected", "refused-by-provider", "by the second", True, 0x0B))
        j.note(made, ANSWER, second, **facts_of(second), **facts_of_whole(made, 12.5))
        third.status, third.attempts = UNCERTAIN, 2
        j.note(made, UNANSWERED, third, **facts_of(third), **facts_of_whole(made, 12.5))
        made.due = 1234.5
        j.note(made, HELD, due=made.due)
    async with journal(path) as j:
        read = (await j.known()).message
        assert [facts_of(part) for part in read.parts] == [facts_of(part) for part in made.parts]
        assert [part.receipt for part in read.parts] == [{"stat": "DELIVRD"}, None, None, None]
        assert (read.ending, read.todo, read.in_flight) == (made.ending, [], 0)
        assert facts_of_whole(read) == facts_of_whole(made)
        assert (read.first_refused_at, read.due, read.held) == (-12.5, 1234.5, True)
        for name in (
            "id",
            "provider",
            "priority",
            "fingerprint",
            "received_at",
            "recipient",
            "sender",
            "encoding",
            "segments",
            "reference",
            "correlation_id",
            "reply_to",
            "traceparent",
            "receipt_asked",
            "resend",
        ):
            assert getattr(read, name) == getattr(made, name)
        assert read.conclusion() == made.conclusion()
        assert fourth.status == read.parts[3].status == WAITING


@in_a_loop
async def test_a_head_that_was_written_anew_is_the_one_that_counts(path: Path) -> None:
    """A message whose segments were cut anew, before any was out."""
    async with journal(path) as j:
        made = called("order-1", IN_FLIGHT, IN_FLIGHT)
        for part in list(made.parts):
            j.intend(made, part, ignore)
            part.status, part.attempts = WAITING, 1
            j.note(made, UNANSWERED, part, **facts_of(part))
        other = called("order-1", WAITING)
        other.place, other.encoding = made.place, "ucs2"
        j.take_up(other)
        del made
    async with journal(path) as j:
        read = (await j.known()).message
        assert (len(read.parts), read.encoding, len(read.todo)) == (1, "ucs2", 1)


@in_a_loop
async def test_a_messages_life_is_told_in_its_order_while_the_daemon_runs(path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1", IN_FLIGHT)
        (part,) = made.parts
        j.intend(made, part, ignore)
        part.status, part.smsc_id = SENT, "77"
        j.note(made, ANSWER, part, **facts_of(part))
        made.status = SENT
        j.concluded(made, result(), final=False)
        j.keep(result(), ignore)
        await j.settle()
        reading = Reading(str(path))
        try:
            told = history.life(reading, "order-1")
            assert history.life(reading, "order-2") is None
        finally:
            reading.close()
        assert [step["step"] for step in told["steps"]] == ["received", "intent", "answer", "result"]
        assert told["steps"][2]["smsc_id"] == "77"
        assert (told["id"], told["provider"], told["unpublished"]) == ("order-1", "p", 1)
