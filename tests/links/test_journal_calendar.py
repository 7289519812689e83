"""The journal's own time: it passes as the machine's does, whatever the wall clock says, and goes on where it was."""

from pathlib import Path

import pytest
from journals import Machine, in_a_loop, journal, killed, old_file, opened, result

from smsd.core.message import SENT
from smsd.links.journal.calendar import BOOT_ID, Calendar, Clock, Mark

YEAR = 366 * 86400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_new_file_has_the_wall_clocks_time_and_goes_on_by_itself() -> None:
    machine = Machine(1_000_000.0)
    calendar = Calendar(machine)
    assert calendar.now() == 1_000_000.0
    machine.wait(50)
    machine.set(-YEAR)
    assert calendar.now() == 1_000_050.0
    assert calendar.mark() == Mark(1_000_050.0, "boot-1", 150.0)


def test_in_the_same_boot_time_down_counts_exactly_and_a_boot_counts_as_none() -> None:
    machine = Machine()
    mark = Calendar(machine).mark()
    machine.wait(1000)
    machine.set(YEAR)
    assert Calendar(machine, mark).now() == mark.at + 1000
    machine.reboot(seconds=YEAR)
    assert Calendar(machine, mark).now() == mark.at


def test_time_never_goes_below_what_the_file_has_already() -> None:
    machine = Machine(1000.0)
    assert Calendar(machine, newest=5000.0).now() == 5000.0
    assert Calendar(machine, Mark(4000.0, "boot-0", 7.0), newest=5000.0).now() == 5000.0
    assert Calendar(machine, Mark(6000.0, "boot-0", 7.0), newest=5000.0).now() == 6000.0


def test_a_machine_that_names_no_boot_never_has_the_same_one() -> None:
    machine = Machine()
    machine.boot = lambda: ""  # type: ignore[method-assign]
    assert Calendar(machine, Mark(4000.0, "", 7.0)).now() == 4000.0


@pytest.mark.parametrize(("step", "told"), [(0.0, 0.0), (0.5, 0.0), (-1.5, -1.5), (YEAR, YEAR)])
def test_a_step_of_the_wall_clock_is_told_once_and_slewing_is_none(step: float, told: float) -> None:
    machine = Machine()
    calendar = Calendar(machine)
    machine.wait(10_000)
    machine.set(5.0)  # in so long a time NTP may have made it run that much faster
    assert calendar.stepped() == 0.0
    machine.wait(10)
    machine.set(step)
    assert calendar.stepped() == pytest.approx(told)
    assert calendar.stepped() == 0.0


def test_this_machine_has_what_it_takes() -> None:
    clock = Clock()
    assert clock.boot() == Path(BOOT_ID).read_text().strip()
    before = clock.uptime()
    assert 0 < before <= clock.uptime()
    assert clock.wall() > 1_700_000_000


@in_a_loop
async def test_a_set_clock_is_logged_and_the_file_told_the_time_each_minute(path: Path, capsys) -> None:
    machine = Machine()
    async with journal(path, clock=machine) as j:
        j.record("p", b"{}")
        await j.settle()
        machine.set(-7200)
        machine.wait(59)
        j.record("p", b"{}")
        await j.settle()
        assert "the wall clock was set back by 7200 s" in capsys.readouterr().out
        assert j._file.all("SELECT uptime FROM clock") == [(100.0,)]
        machine.wait(1)
        j.record("p", b"{}")
        await j.settle()
        assert j._file.all("SELECT at, uptime FROM clock") == [(1_000_060.0, 160.0)]
        assert "clock was set" not in capsys.readouterr().out


@in_a_loop
async def test_a_file_is_new_until_something_was_committed_to_it(path: Path, tmp_path: Path) -> None:
    with opened(path) as file:  # a smsd that could not listen, say
        assert file.new
    async with journal(path) as j:
        assert j.new
        j.record("p", b"{}")
        await j.settle()
        assert j.new
        async with journal(killed(path, tmp_path / "left.db")) as left:
            assert not left.new
    old_file(tmp_path / "old.db", 2, 1000)
    with opened(tmp_path / "old.db") as file:
        assert not file.new


# --- what da375b4 has left (version 2)

ROWS = """
    INSERT INTO run VALUES (1, 1000000.0);
    INSERT INTO message_{start} VALUES (7, 'order-1', x'00', '{{"provider":"p","priority":1,"received_at":1000000.0,
        "to":"+79000000000","campaign":null,"callback":null,"expires_at":null,"recipient":"79000000000","sender":"ACME",
        "encoding":"gsm7","segments":1,"costs":[1],"receipt":true,"resend":false,"reference":null,
        "correlation_id":null,"reply_to":[],"traceparent":null}}');
    INSERT INTO step_{start} VALUES (7, 8, 1000000.0, 'answer', 1, '{{"status":"sent","smpp_status":0,"smsc_id":"77",
        "attempts":1}}');
    INSERT INTO smsc_id_{start} VALUES ('p' || char(31) || '77', 7, 1);
    INSERT INTO event_{start} VALUES (9, 1000100.0, 'p', '{{}}');
    INSERT INTO awaiting VALUES (7, {start}, 'p', 1000600.0);
    INSERT INTO parked VALUES (10, 1000050.0, 'p', x'00');
    INSERT INTO tally VALUES (999900, 'p', '', 'sent', 1);
"""
"""Of a run that ended at 1 000 100: a message without result whose receipt must come 500 s after that."""


@pytest.mark.parametrize("start", [1_000_000, 1_000_000 + 400 * 86400])
def test_a_file_of_version_2_is_read_whatever_the_clock_was_and_goes_on(path: Path, start: int) -> None:
    """The second is one that a clock set forward by 400 days had left without rotation until that day."""
    old_file(path, 2, start, rows=ROWS.format(start=start))
    machine = Machine(1_000_100.0)

    @in_a_loop
    async def scene() -> None:
        async with journal(path, 4000.0, machine) as j:
            assert [(number, provider) for number, _, provider, _ in j.parked()] == [(10, "p")]
            message, part = await j.matched("77")
            assert (message.id, part.status, message.sender) == ("order-1", SENT, "ACME")
            assert await j.asked(j.overdue, "p") == []
            machine.wait(501)
            assert await j.asked(j.overdue, "p") == [message]
            j.concluded(message, result("delivered"), final=True)
            del message, part
            before = j._file.starts[0]
            for _ in range(8):
                machine.wait(1000)
                j.record("p", b"{}")
                await j.settle()
            assert before not in j._file.starts
            await j.let_go()
            assert await j.known() is None
            assert j._file.all("SELECT * FROM tally") == []

    scene()
