"""Whose turn it is: messages that wait at one provider, by priority and by due time."""

import heapq
from collections import deque
from collections.abc import Collection, Iterator
from itertools import count

from smsd.core.contract import PRIORITIES
from smsd.core.message import Message

SHARE = 20
"""While a higher priority waits, one turn in this many still goes to the lower ones."""

EVERY_PRIORITY = frozenset(range(len(PRIORITIES)))


class Turns:
    """Messages to hand over now, in the order of their turns, and those whose time has yet to come."""

    def __init__(self) -> None:
        self._queues: tuple[deque[Message], ...] = tuple(deque() for _ in PRIORITIES)
        self._favoured = [0] * len(PRIORITIES)
        self._later: list[tuple[float, int, Message]] = []
        self._numbers = count()

    def __len__(self) -> int:
        """About how many wait: looked up, not counted, so it may be a few too many for a moment."""
        return sum(map(len, self._queues)) + len(self._later)

    def waiting(self) -> dict[str, int]:
        """How many wait, by priority."""
        counts = dict.fromkeys(PRIORITIES, 0)
        for message in self.all():
            counts[PRIORITIES[message.priority]] += 1
        return counts

    def add(self, message: Message, *, first: bool = False) -> None:
        """Its turn may come from now on; `first` puts it before the others of its priority."""
        if message.queued:
            return
        message.queued = True
        queue = self._queues[message.priority]
        if first:
            queue.appendleft(message)
        else:
            queue.append(message)

    def add_later(self, message: Message) -> None:
        """Its turn comes at `message.due`."""
        heapq.heappush(self._later, (message.due, next(self._numbers), message))

    def due(self, now: float) -> Iterator[Message]:
        """Takes out those whose time has come; `now` is seconds since 1970."""
        while self._later and self._later[0][0] <= now:
            yield heapq.heappop(self._later)[2]

    def next_due(self) -> float | None:
        return self._later[0][0] if self._later else None

    def next(self, now: float) -> Message | None:
        """The message whose part goes next; it keeps its place until it has none left to hand over."""
        for queue in self._queues:
            while queue and not _may_go(queue[0], now):
                queue.popleft().queued = False
        for priority, queue in enumerate(self._queues):
            if not queue:
                continue
            if any(self._queues[priority + 1 :]):
                self._favoured[priority] += 1
                if self._favoured[priority] >= SHARE:
                    self._favoured[priority] = 0
                    continue
            return queue[0]
        return None

    def waiting_now(self) -> bool:
        """Whether anybody's turn could come at once."""
        return any(self._queues)

    def oldest(self, now: float) -> float | None:
        """When the message was received that has waited longest of those whose turn could come at once."""
        received = (each.received_at for queue in self._queues for each in queue if _may_go(each, now))
        return min(received, default=None)

    def all(self) -> list[Message]:
        """Everything that waits, in order of turns.

        A message leaves its queue only when the next turn is looked for: it may have nothing left to hand over, or
        wait for its time as well.
        """
        later = [message for _, _, message in sorted(self._later)]
        return list(dict.fromkeys(message for queue in (*self._queues, later) for message in queue if message.todo))

    def remove(self, message: Message) -> None:
        """Takes out one message."""
        if message.queued:
            self._queues[message.priority].remove(message)
            message.queued = False
        self._later = [entry for entry in self._later if entry[2] is not message]
        heapq.heapify(self._later)

    def clear(self, priorities: Collection[int] = EVERY_PRIORITY) -> list[Message]:
        """Takes out everything of these priorities."""
        messages = [message for message in self.all() if message.priority in priorities]
        for priority in priorities:
            for message in self._queues[priority]:
                message.queued = False
            self._queues[priority].clear()
        self._later = [entry for entry in self._later if entry[2].priority not in priorities]
        heapq.heapify(self._later)
        return messages


def _may_go(message: Message, now: float) -> bool:
    """Not if all of it is on its way, it was put off, or it rests at the broker."""
    return bool(message.todo) and message.due <= now and not message.held
