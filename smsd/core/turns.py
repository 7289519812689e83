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
    """Messages to hand over now, in the order of their turns, and those whose time has yet to come.

    `now` is always the loop's time, by which delays end, and `wall` that of the world, by which `send_after` comes:
    seconds since 1970 that may be set forward and back.
    """

    def __init__(self) -> None:
        self._queues: tuple[deque[Message], ...] = tuple(deque() for _ in PRIORITIES)
        self._favoured = [0] * len(PRIORITIES)
        self._resting: list[tuple[float, int, Message]] = []
        """By the loop's time at which their delay ends."""
        self._dated: list[tuple[float, int, Message]] = []
        """By the world's time before which they are not sent."""
        self._later: set[Message] = set()
        """Who is in either of them."""
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

    def add_later(self, message: Message, now: float) -> None:
        """Its turn comes when its delay has ended and its `send_after` has come."""
        if message in self._later:
            return
        self._later.add(message)
        if message.rests_until > now:
            heapq.heappush(self._resting, (message.rests_until, next(self._numbers), message))
        else:
            heapq.heappush(self._dated, (message.send_after, next(self._numbers), message))

    def due(self, now: float, wall: float) -> Iterator[Message]:
        """Takes out those whose time has come."""
        for heap, moment in ((self._resting, now), (self._dated, wall)):
            while heap and heap[0][0] <= moment:
                message = heapq.heappop(heap)[2]
                self._later.discard(message)
                if message.waits(now, wall):  # for the other clock, or it was put off again
                    self.add_later(message, now)
                else:
                    yield message

    def next_due(self) -> float | None:
        """The loop's time at which the next delay ends."""
        return self._resting[0][0] if self._resting else None

    def next_date(self) -> float | None:
        """The world's time at which the next `send_after` comes: to be looked at again and again."""
        return self._dated[0][0] if self._dated else None

    def next(self, now: float, wall: float) -> Message | None:
        """The message whose part goes next; it keeps its place until it has none left to hand over."""
        for queue in self._queues:
            while queue and not _may_go(queue[0], now, wall):
                message = queue.popleft()
                message.queued = False
                if message.todo and not message.held:  # put off since, or the world's clock was set back
                    self.add_later(message, now)
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

    def leave(self, message: Message) -> None:
        """It has no turn any more, until it is added again."""
        if message.queued:
            message.queued = False
            self._queues[message.priority].remove(message)

    def waiting_now(self) -> bool:
        """Whether anybody's turn could come at once."""
        return any(self._queues)

    def oldest(self, wall: float) -> float | None:
        """When the message was received that has waited longest of those whose turn could come at once."""
        received = (
            each.received_at
            for queue in self._queues
            for each in queue
            if each.todo and not each.held and each not in self._later and each.send_after <= wall
        )
        return min(received, default=None)

    def all(self) -> list[Message]:
        """Everything that waits, in order of turns.

        A message leaves its queue only when the next turn is looked for: it may have nothing left to hand over, or
        wait for its time as well.
        """
        later = [message for heap in (self._resting, self._dated) for _, _, message in sorted(heap)]
        return list(dict.fromkeys(message for queue in (*self._queues, later) for message in queue if message.todo))

    def remove(self, message: Message) -> None:
        """Takes it out, whatever it waits for."""
        self.leave(message)
        if message in self._later:
            self._later.discard(message)
            for heap in (self._resting, self._dated):
                heap[:] = [entry for entry in heap if entry[2] is not message]
                heapq.heapify(heap)

    def clear(self, priorities: Collection[int] = EVERY_PRIORITY) -> list[Message]:
        """Takes out everything of these priorities."""
        messages = [message for message in self.all() if message.priority in priorities]
        for priority in priorities:
            for message in self._queues[priority]:
                message.queued = False
            self._queues[priority].clear()
        for heap in (self._resting, self._dated):
            heap[:] = [entry for entry in heap if entry[2].priority not in priorities]
            heapq.heapify(heap)
        self._later = {message for message in self._later if message.priority not in priorities}
        return messages


def _may_go(message: Message, now: float, wall: float) -> bool:
    """Not if all of it is on its way, it was put off, or it rests at the broker."""
    return bool(message.todo) and not message.held and message.rests_until <= now and message.send_after <= wall
