"""The journal, in memory: what the flow needs to know of messages, as long as the process lives.

Bounded: of ended messages the last ENDED_MAX are remembered, of ids for receipts the last IDS_MAX.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from smsd.core.message import Known, Message, Part
from smsd.core.publication import Publication

ENDED_MAX = 200_000
"""Ended requests whose result can still be told again."""

IDS_MAX = 200_000
"""SMSC ids whose receipts can still be matched."""


class MemoryJournal:
    """Satisfies the flow's `Journal`."""

    durable = False

    def __init__(self) -> None:
        self._entries: dict[str, Known] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str], tuple[Message, Part]] = OrderedDict()

    def look_up(self, message_id: str, then: Callable[[Known | None], None]) -> None:
        then(self._entries.get(message_id))

    def take_up(self, message: Message) -> None:
        self._entries[message.id] = Known(message.fingerprint, message, None)

    def put_back(self, message: Message) -> None:
        self._entries.pop(message.id, None)

    def intend(self, message: Message, part: Part, then: Callable[[Message, Part], None]) -> None:
        then(message, part)

    def settle(self, message: Message, part: Part, group: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._ids[group, key] = (message, part)
            self._ids.move_to_end((group, key))  # an SMSC may use an id again
        while len(self._ids) > IDS_MAX:
            self._ids.popitem(last=False)

    def conclude(self, message: Message, result: Publication, final: bool) -> None:
        entry = self._entries.get(message.id)
        if entry is None:
            entry = self._entries[message.id] = Known(message.fingerprint, message, None)
        entry.result = result
        if final:
            entry.message = None
            self._end(message.id)

    def remember(self, message_id: str, fingerprint: bytes, result: Publication) -> None:
        self._entries[message_id] = Known(fingerprint, None, result)
        self._end(message_id)

    def _end(self, message_id: str) -> None:
        self._ended[message_id] = None
        self._ended.move_to_end(message_id)
        if len(self._ended) > ENDED_MAX:
            oldest, _ = self._ended.popitem(last=False)
            self._entries.pop(oldest, None)

    def keep(self, publication: Publication, then: Callable[[], None]) -> None:  # noqa: ARG002 (the outbox has it)
        then()

    def published(self, publication: Publication) -> None:
        """Nothing to forget: the outbox holds it in memory."""

    def match(self, group: str, keys: Sequence[str], then: Callable[[tuple[Message, Part] | None], None]) -> None:
        then(next((found for key in keys if (found := self._ids.get((group, key)))), None))
