"""The journal's file: SQLite in WAL mode, the only module that names sqlite3.

What belongs to messages lies in partitions, one set of tables per span of time, so that forgetting is a DROP. What is
only passing through (outbox, intents without outcome, parked PDUs) lies in tables of its own and is deleted one by one.
One thread at a time may use a `File`. Partitions and ages are in the journal's own time, see calendar.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import structlog

from smsd.core.errors import JournalDamaged, JournalHeld
from smsd.links.journal.calendar import Calendar, Clock, Mark

log = structlog.get_logger("smsd.journal")

Row = tuple[Any, ...]

PARTITIONS = 4
"""Into so many spans `keep` is cut: what is forgotten is at most a quarter of `keep` older than it had to be."""

CHECKED_MAX = 256 * 1024 * 1024
"""Octets up to which the whole file is checked when it is opened (about a second)."""

CHECKPOINT = 1000
"""Pages of 4 KiB in the write-ahead log at which they are moved to the file itself. On a disk with less than 32 MB of
room it is fewer: a log that has filled the disk leaves no room to move anything."""

MARKED = 60.0
"""Seconds after which the file is told the time again: so much is lost of it when the machine is booted anew."""

NAMED = 10
"""Ids of forgotten requests that a line of the log names."""

CHUNK = 100
"""Rows of one statement: few statements mean few hand-overs of the interpreter's lock to the loop's thread."""

PARTITIONED = {
    "message": "no INTEGER PRIMARY KEY, id TEXT NOT NULL, fingerprint BLOB NOT NULL, head TEXT NOT NULL",
    "step": "no INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL, "
    "facts TEXT NOT NULL, PRIMARY KEY (no, seq)",
    "smsc_id": "name TEXT PRIMARY KEY, no INTEGER NOT NULL, n INTEGER NOT NULL",
    "result": "no INTEGER PRIMARY KEY, exchange TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, "
    "message_id TEXT NOT NULL, correlation_id TEXT, headers TEXT NOT NULL",
    "event": "seq INTEGER PRIMARY KEY, at REAL NOT NULL, provider TEXT NOT NULL, body BLOB NOT NULL",
}
"""The columns of one partition's tables; `no` is a message's number in the journal."""

ROWID = {"message", "result", "event"}
"""Tables whose key is SQLite's own row number; the others are sorted by theirs."""

MIGRATIONS = (
    """
    CREATE TABLE run (number INTEGER PRIMARY KEY, at REAL NOT NULL);
    CREATE TABLE outbox (seq INTEGER PRIMARY KEY, exchange TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
        message_id TEXT NOT NULL, type TEXT NOT NULL, correlation_id TEXT, headers TEXT NOT NULL,
        reply_to TEXT NOT NULL, ordering TEXT NOT NULL);
    CREATE TABLE intent (seq INTEGER PRIMARY KEY, part INTEGER NOT NULL, no INTEGER NOT NULL, n INTEGER NOT NULL);
    CREATE TABLE parked (seq INTEGER PRIMARY KEY, at REAL NOT NULL, provider TEXT NOT NULL, pdu BLOB NOT NULL);
    CREATE TABLE standing (provider TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (provider, kind, value)) WITHOUT ROWID;
    CREATE TABLE awaiting (no INTEGER PRIMARY KEY, part INTEGER NOT NULL, provider TEXT NOT NULL, due REAL NOT NULL);
    CREATE INDEX awaiting_due ON awaiting (provider, due);
    """,
    """
    CREATE TABLE tally (slot INTEGER NOT NULL, provider TEXT NOT NULL, campaign TEXT NOT NULL, status TEXT NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY (slot, provider, campaign, status)) WITHOUT ROWID;
    """,
    """
    CREATE TABLE clock (at REAL NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL, used INTEGER NOT NULL);
    CREATE TABLE moved (no INTEGER PRIMARY KEY);
    CREATE TABLE counted (slot INTEGER PRIMARY KEY, last REAL NOT NULL);
    """,
)
"""What leads from each version to the next; a file's version is how many of them it has had."""

RETRYABLE = ("full", "disk i/o error", "readonly", "unable to open", "locked")
"""Words of SQLite's for what passes, or what an operator can mend while we wait."""


UNDECODABLE = "Could not decode to UTF-8"
"""Words of it for a text that is no text: what is readable of the row is read, others do not suffer for it."""


class DiskTrouble(Exception):
    """The file can't be written for now; nothing of the commit has happened."""


class File:
    """An open journal. `path` may not exist yet; `keep` is in seconds."""

    def __init__(self, path: str, durability: str, keep: float, clock: Clock | None = None) -> None:
        self.path = path
        self.keep = keep
        self._lock: IO[str] | None = None
        self._db = _open(path)
        self._moved: dict[int, int] = {}
        """Partitions that were dropped in this run, and where what had not ended went."""
        try:
            self._lock = _lock(path)
            with _damage_told(path):
                self._check()
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute(f"PRAGMA wal_autocheckpoint = {_checkpoint(path)}")
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
                self._db.execute("PRAGMA temp_store = MEMORY")
                self._migrate()
                self.starts = self._partitions()
                self.calendar = self._take_up_time(clock or Clock())
                self.run = self._begin_run()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    def size(self) -> int:
        """Octets on disk."""
        return sum(os.stat(self.path + ending).st_size for ending in ("", "-wal") if os.path.exists(self.path + ending))

    def room(self) -> int:
        """Octets that are free on its disk; none while nobody can say."""
        try:
            return shutil.disk_usage(Path(self.path).parent).free
        except OSError:
            return 0

    # --- opening

    def _check(self) -> None:
        if os.path.getsize(self.path) <= CHECKED_MAX:
            found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise JournalDamaged(_damaged(self.path, found))
        else:
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _migrate(self) -> None:
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise JournalDamaged(
                f"journal {self.path} is of version {version}, this smsd knows {len(MIGRATIONS)}: "
                "install the newer smsd again, or name another file in journal.path"
            )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            try:
                self._db.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT")
            except sqlite3.OperationalError as error:
                if any(word in str(error).lower() for word in RETRYABLE):
                    raise
                raise JournalDamaged(_damaged(self.path, f"no step to version {number}: {error}")) from None

    def _begin_run(self) -> int:
        with self._transaction():
            cursor = self._db.execute("INSERT INTO run (at) VALUES (?)", (self.calendar.wall(),))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    # --- time

    def _take_up_time(self, clock: Clock) -> Calendar:
        row = self._db.execute("SELECT at, boot, uptime, used FROM clock").fetchone()
        self.new = not row[3] if row else not self.starts
        """Whether nothing was ever committed to it: what was handed over before, it can't know."""
        calendar = Calendar(clock, Mark(*row[:3]) if row else None, self._newest(aged=row is not None))
        self._used = not self.new
        self._marked = calendar.mark()
        with self._transaction():
            if row is None:
                self._adopt_wall_times(calendar)
            self._db.execute("DELETE FROM clock")
            self._db.execute("INSERT INTO clock VALUES (?, ?, ?, ?)", (*self._marked, self._used))
        return calendar

    def _newest(self, aged: bool) -> float | None:
        """The newest time in the file; None in a new one. One that has its own time is `aged` by that."""
        tables = ["standing"] if aged else ["standing", "run", *(f"event_{start}" for start in self.starts)]
        times = [self._db.execute(f"SELECT max(at) FROM {table}").fetchone()[0] for table in tables]
        return max((time for time in [*times, *self.starts[:1]] if time is not None), default=None)

    def _adopt_wall_times(self, calendar: Calendar) -> None:
        """A file of version 2 has the wall clock's times where the journal's are wanted."""
        ahead = calendar.now() - calendar.wall()
        latest = calendar.now() + self.keep
        self._db.execute("UPDATE awaiting SET due = min(due + ?, ?)", (ahead, latest))
        self._db.execute("UPDATE parked SET at = min(at + ?, ?)", (ahead, calendar.now()))
        self._db.execute("INSERT INTO counted SELECT DISTINCT slot, ? FROM tally", (calendar.now(),))

    def now(self) -> float:
        """The journal's time, in seconds. Any thread may ask."""
        return self.calendar.now()

    def mark_time(self) -> None:
        """Looks at the clocks: what the wall clock does is logged, and the file knows now and then what time it is."""
        if step := self.calendar.stepped():
            way = "forward" if step > 0 else "back"
            detail = f"the wall clock was set {way} by {abs(step):.0f} s: nothing in the journal grows older by that"
            log.warning("clock_set", detail=detail)
        mark = self.calendar.mark()
        if not self._used or mark.at >= self._marked.at + MARKED:
            with self._transaction():
                self._db.execute("UPDATE clock SET (at, boot, uptime, used) = (?, ?, ?, 1)", mark)
            self._marked, self._used = mark, True

    # --- partitions

    def _partitions(self) -> list[int]:
        """Where the partitions start, in the journal's time, the newest first."""
        names = self._db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'message\\_%' ESCAPE '\\'")
        return sorted((int(name.removeprefix("message_")) for (name,) in names if name[8:].isdigit()), reverse=True)

    def rotate(self, now: float) -> None:
        """Begins a new partition when the newest is full, and forgets those that `keep` no longer wants."""
        span = max(self.keep / PARTITIONS, 1.0)
        if self.starts and now < self.starts[0] + span:
            return
        with self._transaction():
            start = max(int(now), self.starts[0] + 1 if self.starts else 0)
            for name, columns in PARTITIONED.items():
                rowid = "" if name in ROWID else " WITHOUT ROWID"
                self._db.execute(f"CREATE TABLE {name}_{start} ({columns}){rowid}")
            self._db.execute(f"CREATE INDEX message_{start}_id ON message_{start} (id)")
            starts = [start, *self.starts]
            while len(starts) > 2 and starts[-2] < now - self.keep:
                self._forget(starts[-1], start, now)
                self._moved[starts.pop()] = start
            old = "SELECT slot FROM counted WHERE last < ?"
            self._db.execute(f"DELETE FROM tally WHERE slot IN ({old})", (now - self.keep,))
            self._db.execute(f"DELETE FROM counted WHERE slot IN ({old})", (now - self.keep,))
        self.starts = starts

    def moved(self, start: int) -> int:
        """The partition that has now what was in the one of `start`."""
        while start in self._moved:
            start = self._moved[start]
        return start

    def _forget(self, old: int, new: int, now: float) -> None:
        """Drops a partition. What has not ended, or waits for its receipt, moves on with all that is known of it.

        It does so once, unless it is looked up: a request that nobody has asked for since it moved, more than `keep`
        ago, is one whose queue was purged.
        """
        db = self._db
        abandoned = f"SELECT id FROM message_{old} WHERE no IN moved AND no NOT IN (SELECT no FROM result_{old})"
        ids = [id for (id,) in db.execute(abandoned)]
        db.execute("CREATE TEMP TABLE moving (no INTEGER PRIMARY KEY)")
        db.execute(
            f"INSERT INTO moving SELECT no FROM message_{old} WHERE no NOT IN moved AND "
            f"(no NOT IN (SELECT no FROM result_{old}) OR no IN (SELECT no FROM awaiting WHERE part = ? AND due > ?))",
            (old, now),
        )
        for name in ("message", "step", "smsc_id", "result"):
            db.execute(f"INSERT OR REPLACE INTO {name}_{new} SELECT * FROM {name}_{old} WHERE no IN moving")
        for name in ("intent", "awaiting"):
            db.execute(f"UPDATE {name} SET part = ? WHERE part = ? AND no IN moving", (new, old))
            db.execute(f"DELETE FROM {name} WHERE part = ?", (old,))
        db.execute(f"DELETE FROM moved WHERE no IN (SELECT no FROM message_{old})")
        db.execute("INSERT INTO moved SELECT no FROM moving")
        db.execute("DROP TABLE moving")
        for name in PARTITIONED:
            db.execute(f"DROP TABLE {name}_{old}")
        if ids:
            named = ", ".join(ids[:NAMED]) + (", …" if len(ids) > NAMED else "")
            detail = f"{len(ids)} requests that did not end and never came back from RabbitMQ are forgotten: {named}"
            log.warning("forgotten", detail=detail)

    # --- writing

    def write(
        self, rows: Mapping[str, Sequence[Row]], gone: Mapping[str, Sequence[int]], tallied: Sequence[Row] = ()
    ) -> None:
        """One commit: `rows` by table, replacing those of the same key, what is `gone`, by table and key, and rows of
        `tally` whose count is added to what is there.

        Raises DiskTrouble, after which nothing of it has happened, and JournalDamaged.
        """
        if not rows and not gone and not tallied:
            return
        with self._transaction():
            for table, of_table in rows.items():
                self._insert(table, of_table)
            self._put("INSERT INTO tally", tallied, "ON CONFLICT DO UPDATE SET count = count + excluded.count")
            now = self.now() if tallied else 0.0
            self._put("INSERT OR REPLACE INTO counted", [(slot, now) for slot in {row[0] for row in tallied}])
            for table, keys in gone.items():
                name = "no" if table in ("awaiting", "moved") else "seq"
                for some in _chunks(keys):
                    marks = ",".join("?" * len(some))
                    self._db.execute(f"DELETE FROM {table} WHERE {name} IN ({marks})", some)

    def _insert(self, table: str, rows: Sequence[Row]) -> None:
        kind, _, start = table.rpartition("_")
        if start.isdigit():  # dropped, perhaps, since the row was told
            table = f"{kind}_{self.moved(int(start))}"
        elif table in ("intent", "awaiting"):
            rows = [(row[0], self.moved(row[1]), *row[2:]) for row in rows]
        self._put(f"INSERT OR REPLACE INTO {table}", rows)

    def _put(self, into: str, rows: Sequence[Row], conflict: str = "") -> None:
        for some in _chunks(rows):
            values = ",".join([f"({','.join('?' * len(some[0]))})"] * len(some))
            self._db.execute(f"{into} VALUES {values} {conflict}", [value for row in some for value in row])

    def stand(self, provider: str, kind: str, value: str, on: bool, now: float) -> None:
        """What an operator has decided, until it is taken back."""
        with self._transaction():
            if on:
                self._db.execute("INSERT OR REPLACE INTO standing VALUES (?, ?, ?, ?)", (provider, kind, value, now))
            else:
                self._db.execute(
                    "DELETE FROM standing WHERE (provider, kind, value) = (?, ?, ?)", (provider, kind, value)
                )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _damage_told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # --- reading

    def all(self, question: str, *values: Any) -> list[Any]:
        """The rows that SQL finds. Raises DiskTrouble and JournalDamaged."""
        with _damage_told(self.path):
            try:
                return self._db.execute(question, values).fetchall()
            except sqlite3.OperationalError as error:
                if UNDECODABLE not in str(error):
                    raise
            self._db.text_factory = lambda octets: octets.decode("utf-8", "replace")
            try:
                return self._db.execute(question, values).fetchall()
            finally:
                self._db.text_factory = str

    def of(self, table: str, start: int, column: str, keys: Iterable[Any]) -> list[Any]:
        """Rows of a partition's table whose `column` is one of `keys`."""
        found: list[Any] = []
        for some in _chunks(list(keys)):
            marks = ",".join("?" * len(some))
            found += self.all(f"SELECT * FROM {table}_{start} WHERE {column} IN ({marks})", *some)
        return found


class Reading(File):
    """An existing journal, for reading only, whoever else has it open."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = None
        if not os.path.exists(path):
            raise JournalDamaged(f"no journal at {path}: is journal.path right, and has smsd run yet?")
        # Without a log nobody has it open, and SQLite would have to make one, which not every reader may.
        alone = "" if os.path.exists(f"{path}-wal") else "&immutable=1"
        with _damage_told(path):
            self._db = sqlite3.connect(f"file:{path}?mode=ro{alone}", uri=True, isolation_level=None)
            try:
                self.starts = self._partitions()
            except BaseException:
                self.close()
                raise


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`rows` in pieces of 100, then of 10, then alone: three statements to prepare for each table."""
    at = 0
    for size in (CHUNK, 10, 1):
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _checkpoint(path: str) -> int:
    room = shutil.disk_usage(Path(path).parent).free // 4096
    return max(50, min(CHECKPOINT, room // 8))


def _open(path: str) -> sqlite3.Connection:
    parent = Path(path).absolute().parent
    try:
        made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
        parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o640))  # SQLite does not say why it can't
        for folder in (parent, *(folder.parent for folder in made)):
            _flush_names(folder)
    except OSError as error:
        raise DiskTrouble(
            f"journal {path} can't be opened: {error.strerror}: give smsd's user the directory, or set journal.path"
        ) from None
    return sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=512)


def _flush_names(folder: Path) -> None:
    """Makes what was created in a folder survive a power cut; SQLite sees to its own files only."""
    names = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(names)
    finally:
        os.close(names)


def _lock(path: str) -> IO[str]:
    """Holds the file `path`.lock until the process ends, however it ends. Raises JournalHeld, naming the holder."""
    lock = open(f"{path}.lock", "a+")  # noqa: SIM115 (it stays open)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise JournalHeld(
            f"journal {path} is held by another smsd (pid {holder}): stop that one, or give this one a journal.path "
            "of its own"
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def holder(path: str) -> str | None:
    """The pid of the smsd that has the journal open, as far as this user may know."""
    try:
        with open(f"{path}.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip() or "unknown"
    except OSError:
        pass  # no such file: no smsd has been here; or not for this user to read
    return None


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    """SQLite's exceptions as ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if any(word in str(error).lower() for word in RETRYABLE):
            raise DiskTrouble(f"journal {path}: {error}") from None
        raise
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
            raise
        raise JournalDamaged(_damaged(path, str(error))) from None


def _damaged(path: str, why: str) -> str:
    return (
        f"journal {path} is damaged ({' '.join(why.split())}): stop smsd, move the file and its -wal aside and keep "
        f"them, save what can be saved with `sqlite3 FILE .recover`, then start smsd; requests stay in RabbitMQ, but "
        "those handed over before will be sent again, and receipts for them come as unmatched"
    )
