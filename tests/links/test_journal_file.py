"""The journal's file: who may open it, in which version, what damage is told of, and what is forgotten when."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from journals import opened

from smsd.core.errors import JournalDamaged, JournalHeld
from smsd.links.journal import file as files
from smsd.links.journal.file import DiskTrouble, File, Reading

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()


def version(path: Path, number: int | None = None) -> int:
    """The file's version, which is set first if one is given."""
    connection = sqlite3.connect(path)
    try:
        if number is not None:
            connection.execute(f"PRAGMA user_version = {number}")
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def fill(path: Path, rows: int = 2000) -> None:
    """A journal of many pages, all of them in the file and none in its -wal."""
    with opened(path) as file:
        file.rotate(1000.0)
        file.write({"event_1000": [(n, float(n), "p", b"x" * 200) for n in range(rows)]}, {})


# --- who may open it


def test_the_directory_is_made_and_the_file_is_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "state" / "smsd" / "journal.db"
    with opened(path):
        assert os.stat(path).st_mode & 0o007 == 0
        assert os.stat(path.parent).st_mode & 0o007 == 0


def test_a_directory_that_can_not_be_made_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a directory")
    with pytest.raises(DiskTrouble, match=r"can't be opened: .*: give smsd's user the directory, or set journal"):
        File(str(tmp_path / "state" / "journal.db"), "process", 60.0)


def test_the_second_daemon_is_refused_and_told_which_process_holds_the_journal(path: Path) -> None:
    with opened(path):
        script = f"from smsd.links.journal.file import File; File({str(path)!r}, 'process', 60.0)"
        second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        with pytest.raises(JournalHeld, match=f"held by another smsd .pid {os.getpid()}.: stop that one, or give"):
            File(str(path), "process", 60.0)
    assert f"(pid {os.getpid()})" in second.stderr
    assert "JournalHeld" in second.stderr


def test_a_journal_that_was_closed_is_opened_again_in_a_later_run(path: Path) -> None:
    with opened(path) as file:
        first = file.run
    with opened(path) as file:
        assert file.run == first + 1


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability_decides_whether_each_commit_is_synced(path: Path, durability: str, level: int) -> None:
    file = File(str(path), durability, 60.0)
    try:
        assert file.all("PRAGMA journal_mode") == [("wal",)]
        assert file.all("PRAGMA synchronous") == [(level,)]
    finally:
        file.close()


# --- versions


def test_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    fill(path, 1)
    newer = version(path, len(files.MIGRATIONS) + 1)
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match=rf"is of version {newer}, this smsd knows {newer - 1}: install the newer"):
        File(str(path), "process", 60.0)
    assert path.read_bytes() == before


def test_an_older_version_is_led_to_the_newest_step_by_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, 1)
    steps = ("CREATE TABLE one (a); INSERT INTO one VALUES (1)", "CREATE TABLE two AS SELECT a + 1 AS b FROM one")
    monkeypatch.setattr(files, "MIGRATIONS", (*files.MIGRATIONS, *steps))
    for _ in range(2):  # once done, not done again
        with opened(path) as file:
            assert file.all("SELECT a, b FROM one, two") == [(1, 2)]
            assert len(file.all("SELECT * FROM event_1000")) == 1
    assert version(path) == len(files.MIGRATIONS)


def test_a_migration_that_fails_leaves_the_version_before_it_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, 1)
    before = version(path)
    steps = ("CREATE TABLE one (a)", "CREATE TABLE two (b); INSERT INTO nowhere VALUES (1)")
    with monkeypatch.context() as patch:
        patch.setattr(files, "MIGRATIONS", (*files.MIGRATIONS, *steps))
        with pytest.raises(JournalDamaged, match="nowhere"):
            File(str(path), "process", 60.0)
    assert version(path) == before + 1
    assert "one" in tables(path)
    assert "two" not in tables(path)


# --- damage

TELLS = r"journal .*journal\.db is damaged \(.+\): stop smsd, move the file and its -wal aside .* then start smsd; "


def test_a_file_that_is_no_database_is_refused_with_what_to_do(path: Path) -> None:
    path.write_bytes(b"not a journal\n" * 1000)
    with pytest.raises(JournalDamaged, match=TELLS):
        File(str(path), "process", 60.0)
    assert path.read_bytes() == b"not a journal\n" * 1000


def test_a_truncated_file_is_refused(path: Path) -> None:
    fill(path)
    os.truncate(path, os.path.getsize(path) // 2 // PAGE * PAGE)
    with pytest.raises(JournalDamaged, match=TELLS):
        File(str(path), "process", 60.0)


def test_a_page_that_was_overwritten_is_found_when_the_file_is_opened(path: Path) -> None:
    fill(path)
    with open(path, "r+b") as octets:
        octets.seek(os.path.getsize(path) // 2 // PAGE * PAGE)
        octets.write(b"\xff" * PAGE)
    with pytest.raises(JournalDamaged, match=TELLS):
        File(str(path), "process", 60.0)


def test_damage_that_is_met_later_is_damage_and_no_disk_trouble(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file is not looked through when it is opened."""
    fill(path)
    monkeypatch.setattr(files, "CHECKED_MAX", PAGE)
    with opened(path) as file:
        with open(path, "r+b") as octets:
            octets.seek(os.path.getsize(path) // 2 // PAGE * PAGE)
            octets.write(b"\xff" * PAGE)
        with pytest.raises(JournalDamaged, match=TELLS):
            file.all("SELECT * FROM event_1000")


def test_a_file_that_can_not_be_written_is_trouble_and_nothing_has_happened(path: Path) -> None:
    with opened(path) as file:
        file.rotate(1000.0)
        file.all("PRAGMA query_only = 1")
        with pytest.raises(DiskTrouble, match="readonly"):
            file.write({"event_1000": [(1, 1.0, "p", b"x")]}, {})
        file.all("PRAGMA query_only = 0")
        assert file.all("SELECT * FROM event_1000") == []
        file.write({"event_1000": [(1, 1.0, "p", b"x")]}, {})
        assert file.all("SELECT * FROM event_1000") == [(1, 1.0, "p", b"x")]


# --- writing and reading


@pytest.mark.parametrize("number", [1, 9, 10, 99, 100, 101, 111, 234])
def test_any_number_of_rows_is_written_found_and_deleted(path: Path, number: int) -> None:
    rows = [(n, 1000, n, 1) for n in range(number)]
    with opened(path) as file:
        file.rotate(1000.0)
        file.write({"intent": rows, "message_1000": [(n, f"m{n}", b"", "") for n in range(number)]}, {})
        assert file.all("SELECT * FROM intent ORDER BY seq") == rows
        found = file.of("message", 1000, "id", [f"m{n}" for n in range(1, number)])
        assert sorted(row[0] for row in found) == list(range(1, number))
        file.write({}, {"intent": list(range(1, number))})
        assert file.all("SELECT * FROM intent") == rows[:1]


def test_a_row_of_a_partition_that_is_gone_goes_to_the_newest(path: Path) -> None:
    with opened(path, keep=400.0) as file:
        for now in (77.0, 1000.0, 2000.0):
            file.rotate(now)
        assert 77 not in file.starts
        file.write({"event_77": [(1, 1.0, "p", b"x")]}, {})
        assert len(file.all("SELECT * FROM event_2000")) == 1


def test_a_journal_is_read_while_another_process_has_it_open(path: Path) -> None:
    with opened(path) as file:
        file.rotate(1000.0)
        file.write({"event_1000": [(1, 1.0, "p", b"x")]}, {})
        reading = Reading(str(path))
        try:
            assert reading.starts == [1000]
            assert len(reading.all("SELECT * FROM event_1000")) == 1
            with pytest.raises(DiskTrouble, match="readonly"):
                reading.all("DELETE FROM event_1000")
        finally:
            reading.close()


def test_reading_a_journal_that_is_not_there_says_so_and_makes_none(path: Path) -> None:
    with pytest.raises(JournalDamaged, match=r"no journal at .*: is journal\.path right"):
        Reading(str(path))
    assert not path.exists()


# --- partitions


def test_a_partition_lasts_a_quarter_of_keep_and_is_dropped_once_all_of_it_is_older(path: Path) -> None:
    with opened(path, keep=400.0) as file:
        seen = []
        for now in range(1000, 2001, 50):
            file.rotate(float(now))
            seen.append(tuple(file.starts))
        assert seen[0] == seen[1] == (1000,)
        assert seen[2] == (1100, 1000)
        for at, starts in zip(range(1000, 2001, 50), seen, strict=True):
            forgotten = [start for start in range(1000, at, 100) if start not in starts]
            assert all(start + 100 <= at - 400 for start in forgotten)
            assert starts[-1] + 100 >= at - 400 - 100
        assert {name for name in tables(path) if name.startswith("message_")} == {f"message_{n}" for n in seen[-1]}
    with opened(path, keep=400.0) as file:
        assert tuple(file.starts) == seen[-1]


def test_a_clock_that_was_put_back_loses_nothing(path: Path) -> None:
    with opened(path, keep=400.0) as file:
        for now in (1000.0, 1100.0, 500.0, 1150.0):
            file.rotate(now)
        assert file.starts == [1100, 1000]


def test_after_a_long_time_off_a_partition_is_kept_until_its_last_row_may_be_too_old(path: Path) -> None:
    with opened(path, keep=400.0) as file:
        file.rotate(1000.0)
        file.write({"event_1000": [(1, 1000.0, "p", b"x")]}, {})
    with opened(path, keep=400.0) as file:
        file.rotate(99_000.0)
        assert file.starts == [99_000, 1000]
        for now in range(99_100, 99_501, 100):
            assert file.starts[-1] == 1000
            file.rotate(float(now))
        assert file.starts == [99_500, 99_400, 99_300, 99_200, 99_100, 99_000]
