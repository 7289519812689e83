"""The journal as the flow uses it: what it knows of ids and SMSC ids, before and after the commit."""

import asyncio
from pathlib import Path

import pytest
from journals import called, in_a_loop, journal, result, stalled

from smsd.core.life import ANSWER
from smsd.core.message import IN_FLIGHT, SENT, WAITING, Known
from smsd.links.journal import journal as journals


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


# --- requests


@in_a_loop
async def test_an_id_nobody_used_is_unknown(path: Path) -> None:
    async with journal(path) as j:
        assert await j.known() is None


@in_a_loop
async def test_a_message_that_was_taken_up_is_known_as_long_as_somebody_holds_it(path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1")
        j.take_up(made)
        assert await j.known() == Known(made.fingerprint, made, None)
        assert await j.known("order-2") is None
        del made
        await j.let_go()
        assert await j.known() is None


@in_a_loop
async def test_a_message_put_back_is_forgotten_unless_it_was_handed_over_before(path: Path) -> None:
    async with journal(path) as j:
        made, tried = called("order-1"), called("order-2", SENT)
        for message in (made, tried):
            j.take_up(message)
        j.note(tried, ANSWER, tried.parts[0], status=SENT)
        for message in (made, tried, made):
            j.put_back(message)
        assert await j.known() is None
        assert (await j.known("order-2")).message is tried


@in_a_loop
async def test_of_two_requests_with_one_id_looked_up_in_one_turn_only_one_is_new(path: Path) -> None:
    async with journal(path) as j:
        seen, admitted = [], []

        def looked_up(known: Known | None) -> None:
            seen.append(known)
            if known is None:
                admitted.append(called("order-1"))
                j.take_up(admitted[0])

        for _ in range(3):
            j.look_up("order-1", looked_up)
        await j.settle()
        assert seen == [None, *[Known(admitted[0].fingerprint, admitted[0], None)] * 2]


@in_a_loop
async def test_a_message_that_is_held_is_the_same_object_for_everybody(path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1", IN_FLIGHT)
        j.file_under(made, made.parts[0], "p", ["77"])
        j.await_receipt(made, 0.0)
        j.note(made, ANSWER, made.parts[0])
        await j.settle()
        j.nothing_is_recent()
        assert (await j.known()).message is made
        assert (await j.matched("77")) == (made, made.parts[0])
        assert (await j.asked(j.overdue, "p")) == [made]


@in_a_loop
async def test_a_message_that_nobody_holds_is_read_back_once_for_all_who_ask(path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1", SENT, SENT, WAITING)
        for part, name in zip(made.parts, ["77", "78"], strict=False):
            j.note(made, ANSWER, part, status=SENT, smsc_id=name, attempts=1)
            j.file_under(made, part, "p", [name])
        del made, part
        await j.let_go()
        answers: list = []
        j.look_up("order-1", lambda known: answers.append(known.message))
        j.match(["p"], ["77"], lambda found: answers.append(found))
        j.match(["p"], ["78"], lambda found: answers.append(found))
        await j.settle()
        message, first, second = answers
        assert first == (message, message.parts[0])
        assert second == (message, message.parts[1])
        assert message.held
        assert [part.n for part in message.todo] == [3]


@in_a_loop
async def test_what_was_told_while_the_file_was_asked_counts_more_than_what_the_file_says(path: Path) -> None:
    """The message was made, and let go again, after the question had gone to the file; its own commit comes later."""
    async with journal(path) as j:
        await j.settle()
        answers: list[Known | None] = []
        with stalled(j):
            j.look_up("order-1", answers.append)
            await asyncio.sleep(0.01)
            j.note(made := called("order-1", SENT), ANSWER, made.parts[0], status=SENT)
            sent = j.concluded(made, result(), final=False)
            del made
        await j.settle()
        assert answers[0].result == sent
        assert (await j.known()).result == sent


@in_a_loop
async def test_the_last_result_is_known_whoever_holds_the_message(path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1", SENT)
        j.concluded(made, result("sent"), final=False)
        made.status = "delivered"
        last = j.concluded(made, result("delivered"), final=True)
        assert await j.known() == Known(made.fingerprint, made, last)
        print_ = made.fingerprint
        del made
        await j.let_go()
        assert await j.known() == Known(print_, None, last)


@in_a_loop
async def test_a_request_that_never_became_a_message_is_remembered_with_its_answer(path: Path) -> None:
    rejected = result("rejected")
    async with journal(path) as j:
        j.remember("order-1", b"print", rejected)
        assert await j.known() == Known(b"print", None, rejected)
        assert not j._remembered
        assert await j.known() == Known(b"print", None, rejected)
    async with journal(path) as j:
        assert await j.known() == Known(b"print", None, rejected)


# --- receipts


@in_a_loop
async def test_a_receipt_finds_the_part_by_any_of_its_keys_in_memory_and_after_a_restart(path: Path) -> None:
    async with journal(path) as j:
        made = called("order-1", SENT, SENT)
        j.file_under(made, made.parts[0], "p", ["77", "4d"])
        j.file_under(made, made.parts[1], "p", ["78"])
        assert await j.matched("77") == (made, made.parts[0])
        assert await j.matched("nothing", "4d") == (made, made.parts[0])
        assert await j.matched("78") == (made, made.parts[1])
    async with journal(path) as j:
        for keys, n in ((("77",), 1), (("nothing", "4d"), 1), (("78",), 2)):
            message, part = await j.matched(*keys)
            assert (message.id, part.n) == ("order-1", n)
            assert part is message.parts[n - 1]
        assert await j.matched("7") is None
        assert await j.matched() is None


@in_a_loop
async def test_ids_of_another_group_are_other_ids(path: Path) -> None:
    async with journal(path) as j:
        j.file_under(mine := called("a", SENT), mine.parts[0], "p", ["77"])
        assert await j.matched("77", group="q") is None
        j.file_under(theirs := called("b", SENT), theirs.parts[0], "q", ["77"])
        assert (await j.matched("77"))[0] is mine
        assert (await j.matched("77", group="q"))[0] is theirs


@in_a_loop
async def test_an_id_used_again_belongs_to_the_later_part_whether_asked_of_memory_or_of_the_file(path: Path) -> None:
    async with journal(path) as j:
        for name in "ab":
            j.file_under(made := called(name, SENT), made.parts[0], "p", ["77"])
        assert (await j.matched("77"))[0].id == "b"
    async with journal(path) as j:
        assert (await j.matched("77"))[0].id == "b"


@in_a_loop
async def test_beyond_the_recent_ones_ids_are_looked_for_in_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "RECENT", 3)
    async with journal(path) as j:
        for n in range(10):
            j.file_under(made := called(f"m{n}", SENT), made.parts[0], "p", [f"id{n}"])
            await j.settle()
        assert len(j._names) == 2 * len(j._recent) == 6
        assert [(await j.matched(f"id{n}"))[0].id for n in range(10)] == [f"m{n}" for n in range(10)]


@in_a_loop
async def test_receipts_that_did_not_come_are_told_of_once_due_and_no_more_once_come(path: Path) -> None:
    async with journal(path) as j:
        for name, due in (("late", 1.0), ("later", 2.0), ("in time", 1.0), ("not yet", 4e9)):
            j.await_receipt(called(name, SENT), due)
        j.await_receipt(called("other provider", SENT, provider="q"), 1.0)
        (in_time,) = [message for message in await j.asked(j.overdue, "p") if message.id == "in time"]
        j.await_receipt(in_time, None)
        assert {message.id for message in await j.asked(j.overdue, "p")} == {"late", "later"}
