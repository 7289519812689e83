"""What the simulator got: every submit, what happened to connections, how deliver_sm were answered.

Submits are kept as small tuples around their raw octets (numbers and octets only, so that the garbage collector does
not walk them) and made readable when somebody asks.
"""

import json
from collections import Counter, deque
from itertools import islice
from typing import Any, NamedTuple, TextIO, TypeVar

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import decode
from smsd.simulator.texts import Charsets, text_of

KEEP = 1_000_000
"""Submits kept by default; about half a kilobyte each."""
KEEP_EVENTS = 100_000

Shown = dict[str, Any]
T = TypeVar("T")


class Submit(NamedTuple):
    """One submit_sm or data_sm. `at` and `monotonic` (seconds) are those of the read that brought it."""

    n: int
    at: float
    monotonic: float
    system_id: str
    connection: int
    frame: bytes
    message_id: str
    status: int | None
    """None: it never gets an answer."""


class Record:
    """Keeps the last `keep` submits and 100 000 events; writes each to `log` as a JSON line, if there is one."""

    def __init__(self, keep: int = KEEP, log: TextIO | None = None) -> None:
        self.charsets: Charsets = {0: "gsm7"}
        """What data_coding 0 stands for when texts are shown."""
        self.counts_only = False
        """Submits are counted, not kept."""
        self.received: Counter[int] = Counter()
        """PDUs by command id."""
        self.statuses: Counter[int | None] = Counter()
        """Submits by the status of their answer."""
        self.answers: Counter[int] = Counter()
        """Answers to deliver_sm by their status."""
        self.malformed = 0
        self._log = log
        self._submits: deque[Submit] = deque(maxlen=keep)
        self._events: deque[Shown] = deque(maxlen=KEEP_EVENTS)
        self._deliveries: deque[Shown] = deque(maxlen=KEEP_EVENTS)
        self._n = 0

    def submit(
        self,
        at: float,
        monotonic: float,
        system_id: str,
        connection: int,
        frame: bytes,
        message_id: str,
        status: int | None,
    ) -> None:
        """Keeps one submit. Hot: 20 000 a second."""
        self.statuses[status] += 1
        if self.counts_only:
            return
        self._n += 1
        entry = Submit(self._n, at, monotonic, system_id, connection, frame, message_id, status)
        self._submits.append(entry)
        if self._log is not None:
            self._write({"event": "submit", **self._shown(entry)})

    def event(self, event: str, at: float, connection: int, **facts: Any) -> None:
        """Something about a connection: connected, bound, bind_refused, unbound, malformed, closed."""
        shown = {"n": self._next(self._events), "at": at, "event": event, "connection": connection, **facts}
        self._events.append(shown)
        self._write(shown)

    def delivery(self, at: float, connection: int, kind: str, message_id: str, status: int, **facts: Any) -> None:
        """The answer to a deliver_sm."""
        self.answers[status] += 1
        shown = {
            "n": self._next(self._deliveries),
            "at": at,
            "connection": connection,
            "kind": kind,
            "message_id": message_id,
            "status": status,
            **facts,
        }
        self._deliveries.append(shown)
        self._write({"event": "delivery", **shown})

    def submits(self, since: int = 0, limit: int = 1000) -> list[Shown]:
        """Submits with a number `n` above `since`, oldest first; fields by their SMPP names."""
        return [self._shown(entry) for entry in _after(self._submits, since, limit, self._n)]

    def events(self, since: int = 0, limit: int = 1000) -> list[Shown]:
        """What happened to connections, oldest first."""
        return list(_after(self._events, since, limit, self._last(self._events)))

    def deliveries(self, since: int = 0, limit: int = 1000) -> list[Shown]:
        """Answers to deliver_sm, oldest first."""
        return list(_after(self._deliveries, since, limit, self._last(self._deliveries)))

    def clear(self) -> None:
        """Forgets everything; numbers begin with 1 again."""
        for kept in (self._submits, self._events, self._deliveries, self.received, self.statuses, self.answers):
            kept.clear()
        self.malformed = self._n = 0

    @staticmethod
    def _last(kept: deque[Shown]) -> int:
        return int(kept[-1]["n"]) if kept else 0

    def _next(self, kept: deque[Shown]) -> int:
        return self._last(kept) + 1

    def _write(self, shown: Shown) -> None:
        if self._log is not None:
            self._log.write(json.dumps(shown, ensure_ascii=False) + "\n")

    def _shown(self, entry: Submit) -> Shown:
        pdu = decode(entry.frame)
        return {
            "n": entry.n,
            "at": entry.at,
            "monotonic": entry.monotonic,
            "system_id": entry.system_id,
            "connection": entry.connection,
            "command": pdus.name(pdu.command),
            "sequence": pdu.sequence,
            **{name: value for name, value in _fields(pdu.fields).items() if name != "short_message"},
            "short_message": pdu.octets("short_message").hex(),
            "text": text_of(pdu, self.charsets),
            "tlvs": {f"0x{tag:04X}": value.hex() for tag, value in pdu.tlvs},
            "message_id": entry.message_id,
            "status": entry.status,
        }


def _fields(fields: dict[str, int | bytes]) -> Shown:
    return {name: value if isinstance(value, int) else value.decode("latin-1") for name, value in fields.items()}


def _after(kept: deque[T], since: int, limit: int, last: int) -> list[T]:
    """Entries are numbered without gaps, and `last` is the number of the newest: those above `since` are at the end."""
    newer = list(islice(reversed(kept), max(0, last - since)))
    newer.reverse()
    return newer[:limit]
