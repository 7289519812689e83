"""What a kill -9 leaves of the journal: intents without outcome, the outbox, parked PDUs, what operators decided."""

import asyncio
from pathlib import Path

import pytest
from journals import called, ignore, in_a_loop, journal, killed, result, stalled

from smsd.core.life import ANSWER, UNANSWERED, UNWRITTEN
from smsd.core.message import IN_FLIGHT, SENT, UNCERTAIN, WAITING
from smsd.core.publication import Publication


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@in_a_loop
async def test_an_intent_is_called_back_only_when_a_crash_would_leave_it(path: Path, tmp_path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1", IN_FLIGHT, IN_FLIGHT, WAITING)
        safe = []
        with stalled(j):
            for part in made.parts[:2]:
                j.intend(made, part, lambda message, part: safe.append((message, part)))
            await asyncio.sleep(0.01)
            assert safe == []
        await j.settle()
        assert safe == [(made, made.parts[0]), (made, made.parts[1])]
        async with journal(killed(path, tmp_path / "left.db")) as left:
            (message,) = left.uncertain()
            assert [part.status for part in message.parts] == [IN_FLIGHT, IN_FLIGHT, WAITING]
            assert (message.in_flight, [part.n for part in message.todo]) == (2, [3])
            assert (await left.known()).message is message


@in_a_loop
async def test_a_part_whose_outcome_is_known_is_not_uncertain_and_one_intended_again_is(
    path: Path, tmp_path: Path
) -> None:
    async with journal(path) as j:
        made = called("order-1", *[IN_FLIGHT] * 5)
        outcomes = {ANSWER: SENT, UNWRITTEN: WAITING, UNANSWERED: UNCERTAIN}
        for part in made.parts:
            j.intend(made, part, ignore)
        for part, (kind, status) in zip(made.parts, [*outcomes.items(), (UNWRITTEN, WAITING)], strict=False):
            part.status = status
            j.note(made, kind, part, status=status)
        made.parts[3].status = IN_FLIGHT
        j.intend(made, made.parts[3], ignore)
        await j.settle()
        async with journal(killed(path, tmp_path / "left.db")) as left:
            (message,) = left.uncertain()
            assert [part.status for part in message.parts] == [SENT, WAITING, UNCERTAIN, IN_FLIGHT, IN_FLIGHT]
            assert [part.intent is not None for part in message.parts] == [False, False, False, True, True]
            for part in message.parts[3:]:
                part.status = UNCERTAIN
                left.note(message, UNANSWERED, part, status=UNCERTAIN)
            await left.settle()
            async with journal(killed(tmp_path / "left.db", tmp_path / "left again.db")) as later:
                assert later.uncertain() == []


@in_a_loop
async def test_parked_pdus_standing_decisions_and_the_outbox_are_there_after_a_crash(
    path: Path, tmp_path: Path
) -> None:
    first, second, third = result("sent", "a"), result("sent", "b"), result("sent", "c")
    full = Publication("x", "k", b"\x00\xff", "id", "t", "corr", {"traceparent": "00-1"}, ("q1", "q2"), "order")
    numbers: list[int] = []
    async with journal(path) as j:
        kept, dealt_with = j.park("p", b"\x00pdu"), j.park("p", b"other")
        j.unpark(dealt_with)
        j.stand("p", "paused", "", True)
        j.stand("p", "campaign", "spring", True)
        j.stand("p", "paused", "", False)
        for publication in (first, second, full, third):
            j.keep(publication, numbers.append)
        await j.settle()
        j.published(numbers[1])
        await j.settle()
        async with journal(killed(path, tmp_path / "left.db")) as left:
            assert [(row[0], *row[2:]) for row in left.parked()] == [(kept, "p", b"\x00pdu")]
            assert left.standing() == [("p", "campaign", "spring")]
            of_any = ["t", first.type]
            size, last, page = left.left(of_any, 2)
            assert (size, last) == (3, numbers[3])
            assert page == [(numbers[0], first), (numbers[2], full)]
            assert await left.asked(left.kept, of_any, numbers[2], 5) == [(numbers[3], third)]
            assert left.left(["t"], 2) == (1, numbers[2], [(numbers[2], full)])
            assert await left.asked(left.kept, ["t"], 0, 5) == [(numbers[2], full)]
            later: list[int] = []
            left.keep(second, later.append)
            await left.settle()
            assert later[0] > numbers[3]
