"""Partitions: what has ended is forgotten after `keep`, what has not moves on with all that is known of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from journals import Told, called, ignore, in_a_loop, journal, killed, opened, result

from smsd.core.life import ANSWER, RECEIPT, facts_of
from smsd.core.message import IN_FLIGHT, SENT, WAITING, Message
from smsd.links.journal import history

KEEP = 400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


class Clock:
    """The clocks of journals and their files, which agree."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        stand_in = SimpleNamespace(time=lambda: self.now, clock_gettime=lambda _: self.now, CLOCK_BOOTTIME=7)
        for module in ("calendar", "journal"):
            patch.setattr(f"smsd.links.journal.{module}.time", stand_in)

    async def forget(self, j: Told) -> list[int]:
        """Lets time pass until all partitions of now are gone; returns when those started."""
        old = list(j._file.starts)
        while set(old) & set(j._file.starts):
            self.now += KEEP / 4
            j.record("p", b"{}")
            await j.settle()
        return old


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@in_a_loop
async def test_a_receipt_for_a_message_of_an_older_partition_still_finds_it(path: Path, clock: Clock) -> None:
    async with journal(path, KEEP) as j:
        j.file_under(made := called("order-1", SENT), made.parts[0], "p", ["77"])
        sent = j.concluded(made, result(), final=False)
        old = made.place
        for _ in range(3):
            clock.now += KEEP / 4
            j.file_under(other := called(f"m{clock.now}", SENT), other.parts[0], "p", [str(clock.now)])
            await j.settle()
        assert len(j._file.starts) == 4
        del made, other
        await j.let_go()
        assert (await j.known()).result == sent
        message, part = await j.matched("77")
        assert (message.place, part.n) == (old, 1)
        j.note(message, RECEIPT, part, status="delivered", receipt={})
        message.status = "delivered"
        j.concluded(message, result("delivered"), final=True)
    async with journal(path, KEEP) as j:
        assert (await j.known()).result == result("delivered")
        assert (await j.matched("77"))[0].parts[0].status == "delivered"


@in_a_loop
async def test_what_has_ended_is_forgotten_after_keep_and_its_id_is_free_again(path: Path, clock: Clock) -> None:
    async with journal(path, KEEP) as j:
        j.file_under(made := called("order-1", SENT), made.parts[0], "p", ["77"])
        j.await_receipt(made, clock.now)
        j.concluded(made, result("delivered"), final=True)
        j.remember("order-2", b"print", result("rejected", "order-2"))
        del made
        await j.let_go()
        await clock.forget(j)
        assert await j.known() is None
        assert await j.known("order-2") is None
        assert await j.matched("77") is None
        assert await j.asked(j.overdue, "p") == []


@in_a_loop
async def test_what_has_not_ended_moves_on_with_all_that_is_known_of_it(
    path: Path, tmp_path: Path, clock: Clock
) -> None:
    async with journal(path, KEEP) as j:
        made = called("order-1", SENT, IN_FLIGHT, WAITING)
        j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
        j.file_under(made, made.parts[0], "p", ["77"])
        j.intend(made, made.parts[1], ignore)
        del made
        await j.let_go()
        await clock.forget(j)
        message, part = await j.matched("77")
        assert (await j.known()).message is message
        assert part.status == SENT
        assert [part.status for part in message.parts] == [SENT, IN_FLIGHT, WAITING]
        async with journal(killed(path, tmp_path / "left.db"), KEEP) as left:
            (message,) = left.uncertain()
            assert [part.intent is not None for part in message.parts] == [False, True, False]


async def kept_in_memory_while_forgotten(j: Told, clock: Clock, *statuses: str) -> Message:
    """A message that somebody holds, and whose partition is dropped meanwhile."""
    made = called("order-1", *statuses)
    j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
    await j.settle()
    await clock.forget(j)
    return made


@in_a_loop
async def test_the_intent_of_a_message_that_moved_on_while_it_was_held_is_uncertain_after_a_crash(
    path: Path, tmp_path: Path, clock: Clock
) -> None:
    async with journal(path, KEEP) as j:
        made = await kept_in_memory_while_forgotten(j, clock, SENT, IN_FLIGHT)
        j.intend(made, made.parts[1], ignore)
        await j.settle()
        async with journal(killed(path, tmp_path / "left.db"), KEEP) as left:
            (message,) = left.uncertain()
            assert [part.intent is not None for part in message.parts] == [False, True]
            assert (await left.known()).message is message


@in_a_loop
async def test_the_wait_for_a_receipt_of_a_message_that_moved_on_while_it_was_held_ends(
    path: Path, clock: Clock
) -> None:
    async with journal(path, KEEP) as j:
        made = await kept_in_memory_while_forgotten(j, clock, SENT)
        j.concluded(made, result(), final=False)
        j.await_receipt(made, clock.now - 1)
        await j.settle()
        assert await j.asked(j.overdue, "p") == [made]


def test_two_that_have_not_ended_may_have_had_the_same_smsc_id(path: Path) -> None:
    """A provider that counts its ids from 1 again; the later message is the one that is meant."""
    with opened(path, KEEP) as file:
        for name, now in (("a", 1000), ("b", 1100), ("c", 1200)):
            file.rotate(float(now))
            if name != "c":
                file.write(
                    {
                        f"message_{now}": [(now, name, b"", "{}")],
                        f"smsc_id_{now}": [("p\x1f77", now, 1)],
                    },
                    {},
                )
        for now in (2000.0, 2100.0):
            file.rotate(now)
        found = [row for start in file.starts for row in file.of("smsc_id", start, "name", ["p\x1f77"])]
        assert found[0][1] == 1100


@in_a_loop
async def test_the_same_id_after_it_was_forgotten_is_a_new_request(path: Path, clock: Clock) -> None:
    async with journal(path, KEEP) as j:
        made = called("order-1", SENT)
        j.concluded(made, result(), final=True)
        del made
        await j.let_go()
        await clock.forget(j)
        assert await j.known() is None
        again = called("order-1", SENT)
        j.take_up(again)
        delivered = j.concluded(again, result("delivered"), final=True)
        del again
        await j.let_go()
        assert (await j.known()).result == delivered


@in_a_loop
async def test_the_connection_log_of_all_partitions_is_told_by_provider_and_time_the_latest_of_too_many(
    path: Path, clock: Clock
) -> None:
    async with journal(path, KEEP) as j:
        for n in range(6):
            j.record("pq"[n % 2], b'{"n":%d}' % n)
            await j.settle()
            clock.now += 60
        began = clock.now - 6 * 60
        assert len(j._file.starts) > 1
        for provider, since, most, numbers in (
            (None, 0.0, 100, [0, 1, 2, 3, 4, 5]),
            ("p", 0.0, 100, [0, 2, 4]),
            (None, began + 120, 100, [2, 3, 4, 5]),
            ("q", 0.0, 2, [3, 5]),
        ):
            assert [line["n"] for line in history.connection_log(j._file, provider, since, most)] == numbers


@in_a_loop
async def test_the_latest_events_of_all_partitions_are_told_the_newest_first(path: Path, clock: Clock) -> None:
    async with journal(path, KEEP) as j:
        for n in range(6):
            j.record("pq"[n % 2], b'{"n":%d}' % n)
            await j.settle()
            clock.now += 60
        assert len(j._file.starts) > 1
        for provider, most, numbers in (
            (None, 100, [5, 4, 3, 2, 1, 0]),
            (None, 3, [5, 4, 3]),
            ("p", 100, [4, 2, 0]),
            ("q", 2, [5, 3]),
            ("r", 100, []),
        ):
            assert [event["n"] for event in history.latest(j._file, most, provider)] == numbers
