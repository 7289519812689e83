"""A disk that loses what was not flushed: a process's system calls are recorded, and replayed up to any moment.

strace writes down what a process writes to files and sockets, and what it flushes, in the order in which it happened.
`Disk.cut` is the power failing at one of these moments: of each file is left what a completed fsync or fdatasync had
covered, and of the rest nothing, or any of its sectors, as a disk with a cache leaves them. A file whose name was not
flushed with its directory is gone. What a peer was sent before that moment, it has seen. Files that two threads write
at once are beyond it: a flush is taken to cover all that was written when it ended.
"""

import random
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512

CALLS = "openat,pwrite64,write,ftruncate,unlink,fsync,fdatasync,sendto,recvfrom"

LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$")
UNFINISHED = "<unfinished ...>"
DONE = re.compile(r"\) += (-?\d+)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FD = re.compile(r"(\d+)<(.*?)>(?:,|$)")


def recorded(command: list[str], trace: Path) -> list[str]:
    """The command that runs `command`, with the same process id, and records it."""
    options = [
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-yy",
        "-xx",
        "-s",
        "1000000",
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
    ]
    return ["strace", *options, "-o", str(trace), *command]


@dataclass(frozen=True)
class Call:
    """A system call that succeeded. It began at the line `began` of the record and ended at `ended`."""

    began: int
    ended: int
    name: str
    target: str
    """The file's path, or the two ends of the socket."""
    octets: bytes = b""
    number: int = 0
    """Offset of a write, length of a truncation."""
    created: bool = False


def calls(trace: Path) -> list[Call]:
    """What was recorded, in the order in which it ended."""
    open_: dict[str, tuple[int, str, str]] = {}
    found = []
    with trace.open(encoding="latin-1") as lines:
        for at, line in enumerate(lines):
            if (match := LINE.match(line.rstrip("\n"))) is None:
                continue
            pid, resumed, rest, name, arguments = match.groups()
            began = at
            if resumed:
                if pid not in open_:
                    continue
                began, name, arguments = open_.pop(pid)
                arguments += rest
            elif arguments.endswith(UNFINISHED):
                open_[pid] = at, name, arguments.removesuffix(UNFINISHED)
                continue
            if call := _call(began, at, name, arguments):
                found.append(call)
    return found


def _call(began: int, ended: int, name: str, arguments: str) -> Call | None:
    done = list(DONE.finditer(arguments))
    if not done or (result := int(done[-1][1])) < 0:
        return None
    told = arguments[: done[-1].start()].rstrip()
    text = TEXT.search(told)
    octets = _octets(text[1]) if text else b""
    if name == "openat":
        return Call(began, ended, name, octets.decode(errors="replace"), created="O_CREAT" in told)
    if name == "unlink":
        return Call(began, ended, name, octets.decode(errors="replace"))
    if (fd := FD.match(told)) is None:
        return None
    target = _octets(fd[2]).decode(errors="replace") if fd[2].startswith("\\x") else fd[2]
    number = 0
    if name == "pwrite64" or name == "ftruncate":
        number = int(told.rpartition(",")[2])
    return Call(began, ended, name, target, octets[:result] if octets else b"", number)


def _octets(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


@dataclass
class _File:
    """What the disk has of a file, and what only the system has."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Offset and octets; None is a truncation to that length."""
    named: bool = False
    """Whether its name is on the disk."""


class Disk:
    """The files of one directory, as the calls up to `at` leave them when the power fails then."""

    def __init__(self, directory: Path, made: list[Call]) -> None:
        self._directory = str(directory)
        self._calls = made
        self._ends = [call.ended for call in made]

    def cut(self, at: int, directory: Path, draw: random.Random | None = None) -> None:
        """Writes to `directory` what is left; with `draw`, some of what was not flushed is there too."""
        files: dict[str, _File] = {}
        gone: dict[str, _File] = {}
        for call in self._calls[: bisect_right(self._ends, at)]:
            self._apply(call, files, gone)
        for name, file in {**gone, **files}.items():  # a deletion that was not flushed may not have happened
            if name not in files and draw is not None and draw.random() < 0.5:
                continue
            if not file.named and (draw is None or draw.random() < 0.5):
                continue
            octets = bytearray(file.durable)
            for write in file.pending if draw is not None else ():
                _write_some(octets, write, draw)
            (directory / Path(name).name).write_bytes(octets)

    def _apply(self, call: Call, files: dict[str, _File], gone: dict[str, _File]) -> None:
        if call.name in ("fsync", "fdatasync") and call.target == self._directory:
            gone.clear()
            for file in files.values():
                file.named = True
            return
        if Path(call.target).parent != Path(self._directory) or call.target.endswith(("-shm", ".lock")):
            return
        if call.name == "openat":
            if call.created:
                files.setdefault(call.target, _File())
        elif call.name == "unlink":
            if call.target in files and (file := files.pop(call.target)).named:
                gone[call.target] = file
        elif call.target in files:
            file = files[call.target]
            if call.name in ("fsync", "fdatasync"):
                for write in file.pending:
                    _write(file.durable, write)
                file.pending.clear()
            elif call.name in ("pwrite64", "write"):
                file.pending.append((call.number, call.octets))
            elif call.name == "ftruncate":
                file.pending.append((call.number, None))


def _write(octets: bytearray, write: tuple[int, bytes | None]) -> None:
    at, written = write
    if written is None:
        del octets[at:]
        octets.extend(bytes(max(0, at - len(octets))))
    else:
        octets.extend(bytes(max(0, at - len(octets))))
        octets[at : at + len(written)] = written


def _write_some(octets: bytearray, write: tuple[int, bytes | None], draw: random.Random) -> None:
    """Any of its sectors; half of all writes are wholly there, or not at all."""
    at, written = write
    if written is None or draw.random() < 0.5:
        if draw.random() < 0.5:
            _write(octets, write)
        return
    first = at // SECTOR * SECTOR
    for begin in range(first, at + len(written), SECTOR):
        low, high = max(begin, at), min(begin + SECTOR, at + len(written))
        if draw.random() < 0.5:
            _write(octets, (low, written[low - at : high - at]))


def stream(made: list[Call], name: str, port: int) -> Iterator[tuple[int, str, bytes]]:
    """What was sent to (or received from) that port: the moment at which it was, the connection, the octets."""
    for call in made:
        if call.name == name and f"->127.0.0.1:{port}]" in call.target:
            yield call.began if name == "sendto" else call.ended, call.target, call.octets
