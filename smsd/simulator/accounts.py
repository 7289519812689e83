"""One system_id's receivers, and the deliver_sm on their way to them: windows, round robin, resending."""

import time
from collections import deque

from smsd.core.smpp import pdus
from smsd.simulator.connection import Connection
from smsd.simulator.messages import Delivery
from smsd.simulator.record import Record
from smsd.simulator.rules import Receipts
from smsd.simulator.timetable import Timetable

KEPT_DELIVERIES = 100_000
"""Deliveries of one system_id that wait for a receiver; above it the newest are dropped and counted."""

TEMPORARY = frozenset({0x08, 0x14, 0x45, 0x58, 0x64})
"""command_status of a deliver_sm_resp after which the SMSC tries again."""


class Account:
    """What the SMSC has for one system_id, bound or not."""

    def __init__(self, system_id: str, form: Receipts, timetable: Timetable, record: Record) -> None:
        self.system_id = system_id
        self.form = form
        """Its window and resend_after hold for inbound messages too."""
        self.scheduled = 0
        """Messages whose receipts are not due yet."""
        self.sent = 0
        self.dropped = 0
        self.waiting: deque[Delivery] = deque()
        self._receivers: deque[Connection] = deque()
        self._timetable = timetable
        self._record = record

    @property
    def bound(self) -> bool:
        """Whether anybody takes deliveries."""
        return bool(self._receivers)

    @property
    def queued(self) -> int:
        """Messages that have not come to their end."""
        return self.scheduled + len(self.waiting)

    def join(self, receiver: Connection) -> None:
        """A receiver has bound: it gets what was kept."""
        self._receivers.append(receiver)
        self._pump()

    def retire(self, receiver: Connection) -> None:
        """A receiver gets nothing new, and may still answer what it has."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def leave(self, receiver: Connection) -> None:
        """A receiver is gone; what it had not answered goes to the next one, first of all."""
        self.retire(receiver)
        self.waiting.extendleft(reversed(receiver.deliveries.values()))
        receiver.deliveries.clear()
        self._pump()

    def deliver(self, delivery: Delivery) -> None:
        """Sends a deliver_sm as soon as a receiver has room for it."""
        if len(self.waiting) >= KEPT_DELIVERIES:
            self.dropped += 1
            return
        self.waiting.append(delivery)
        self._pump()

    def answered(self, receiver: Connection, sequence: int, status: int) -> None:
        """A deliver_sm_resp has come; one that answers nothing is no more than counted."""
        delivery = receiver.deliveries.pop(sequence, None)
        if delivery is None:
            return
        again = status in TEMPORARY
        facts = {"system_id": self.system_id, "again": again}
        self._record.delivery(time.time(), receiver.number, delivery.kind, delivery.message_id, status, **facts)
        if again:
            self._timetable.at(time.monotonic() + self.form.resend_after, self.deliver, delivery)
        self._pump()

    def _pump(self) -> None:
        while self.waiting and (receiver := self._next_receiver()):
            delivery = self.waiting.popleft()
            receiver.deliveries[receiver.request(pdus.DELIVER_SM, delivery.body)] = delivery
            self.sent += 1

    def _next_receiver(self) -> Connection | None:
        for _ in range(len(self._receivers)):
            receiver = self._receivers[0]
            self._receivers.rotate(-1)
            if len(receiver.deliveries) < self.form.window and not receiver.closing:
                return receiver
        return None


class Accounts(dict[str, Account]):
    """Accounts by system_id, each made when it is first asked for."""

    def __init__(self, form: Receipts, timetable: Timetable, record: Record) -> None:
        super().__init__()
        self._form = form
        self._timetable = timetable
        self._record = record

    def __missing__(self, system_id: str) -> Account:
        account = self[system_id] = Account(system_id, self._form, self._timetable, self._record)
        return account

    def follow(self, form: Receipts) -> None:
        """Goes by these rules from now on."""
        self._form = form
        for account in self.values():
            account.form = form
