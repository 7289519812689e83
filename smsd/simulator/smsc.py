"""The simulated SMSC as one thing to start, stop and give orders to, in a loop of yours or behind the control port."""

import asyncio
import ssl as tls
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from smsd.core.smpp import pdus
from smsd.simulator.accounts import Account
from smsd.simulator.connection import Connection
from smsd.simulator.desk import Desk
from smsd.simulator.messages import Message
from smsd.simulator.orders import Inbound, ReceiptOrder, inbound_deliveries, ordered_receipt
from smsd.simulator.record import Record
from smsd.simulator.rules import Rules

_BACKLOG = 128


class NobodyBound(LookupError):
    """An order is for a system_id that the SMSC does not know, or for any bind while there is none."""


class Smsc:
    """An SMSC that goes by `rules` and keeps `record` of what it got.

    All methods belong to the loop that `start` was called in. The rules may be replaced at any time.
    """

    def __init__(self, rules: Rules | None = None, record: Record | None = None) -> None:
        self.record = record or Record()
        self._desk = Desk(rules or Rules(), self.record)
        self._server: asyncio.Server | None = None
        self._address = ("127.0.0.1", 0)
        self._ssl: tls.SSLContext | None = None
        self._numbers = count(1)

    @property
    def rules(self) -> Rules:
        return self._desk.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._desk.follow(rules)

    @property
    def port(self) -> int:
        """The SMPP port; 0 before `start`."""
        return self._address[1]

    async def start(self, host: str = "127.0.0.1", port: int = 0, ssl: tls.SSLContext | None = None) -> int:
        """Listens and returns the port. Raises OSError when it can't be listened on."""
        self._address, self._ssl = (host, port), ssl
        await self.open()
        return self.port

    async def open(self) -> None:
        """Listens (again) where `start` said; no more than that when it listens already."""
        if self._server is not None:
            return
        host, port = self._address
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, port, ssl=self._ssl, backlog=_BACKLOG)
        self._address = (host, self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Refuses new connections; those that are there stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Closes everything at once, without unbind, and forgets what it still had to send."""
        self.close()
        self._desk.timetable.clear()
        for connection in self._desk.connections.values():
            connection.abort()
        while self._desk.connections:  # the loop tells each of them in one of its next turns
            await asyncio.sleep(0)

    def _connection(self) -> Connection:
        return Connection(self._desk, next(self._numbers))

    def _of(self, system_id: str | None) -> Iterator[Connection]:
        """The connections of a system_id; of all, bound or not, when it is None."""
        for connection in list(self._desk.connections.values()):
            if not connection.closing and system_id in (None, connection.system_id):
                yield connection

    def disconnect(self, system_id: str | None = None) -> int:
        """Aborts connections without a word; returns how many."""
        connections = list(self._of(system_id))
        for connection in connections:
            connection.abort()
        return len(connections)

    def unbind(self, system_id: str | None = None) -> int:
        """Sends unbind to those who are bound; their connections are closed when they answer. Returns how many."""
        bound = [connection for connection in self._of(system_id) if connection.kind]
        for connection in bound:
            self._desk.accounts[connection.system_id].retire(connection)
            connection.request(pdus.UNBIND)
        return len(bound)

    def pause(self) -> None:
        """Neither reads nor writes from now on, on no connection: a frozen SMSC. Messages still come to their ends."""
        self._desk.frozen = True
        for connection in self._of(None):
            connection.pause()

    def resume(self) -> None:
        """Goes on, with what has been waiting first."""
        self._desk.frozen = False
        for connection in self._of(None):
            connection.resume()

    def inbound(self, order: Inbound) -> int:
        """Sends a message from a handset; returns its number of deliver_sm.

        Raises NobodyBound, and ValueError for a text that its data_coding can't say or segments that are not there.
        """
        account = self._account(order.system_id)
        deliveries = inbound_deliveries(order, account.system_id, self.rules.charsets)
        for delivery in deliveries:
            account.deliver(delivery)
        return len(deliveries)

    def receipt(self, order: ReceiptOrder) -> None:
        """Sends a receipt now, besides those that the rules send. Raises NobodyBound."""
        message = self.message(order.message_id)
        account = self._account(order.system_id or (message.system_id if message else None))
        account.deliver(ordered_receipt(order, message, account.system_id, self.rules.receipts, time.time()))

    def message(self, message_id: str) -> Message | None:
        """The accepted message with this id, if it is one of the newest."""
        return self._desk.submits.messages.get(message_id)

    def raw(self, octets: bytes, system_id: str | None = None) -> int:
        """Writes octets, PDU or not, to every bound connection; returns how many there are. Raises NobodyBound."""
        bound = [connection for connection in self._of(system_id) if connection.kind]
        if not bound:
            raise NobodyBound("nobody is bound")
        for connection in bound:
            connection.send(octets)
        return len(bound)

    def _account(self, system_id: str | None) -> Account:
        accounts = self._desk.accounts
        if system_id is not None:
            return accounts[system_id]
        for account in accounts.values():
            if account.bound:
                return account
        raise NobodyBound("nobody is bound that takes deliver_sm; name a system_id, and it is kept for that")

    def binds(self) -> list[dict[str, Any]]:
        """Who is bound now."""
        return [
            {
                "connection": connection.number,
                "peer": connection.peer,
                "system_id": connection.system_id,
                "kind": connection.kind,
                "unanswered_submits": connection.unanswered,
                "unanswered_deliveries": len(connection.deliveries),
            }
            for connection in self._of(None)
            if connection.kind
        ]

    def counts(self) -> dict[str, Any]:
        """Numbers since the start or the last reset, and of now: `connections`, `bound`, `waiting`, `scheduled`."""
        record, accounts = self.record, self._desk.accounts.values()
        return {
            "submits": record.statuses.total(),
            "statuses": {_shown(status): number for status, number in record.statuses.items()},
            "received": {pdus.name(command): number for command, number in record.received.items()},
            "malformed": record.malformed,
            "answers": {_shown(status): number for status, number in record.answers.items()},
            "connections": len(self._desk.connections),
            "bound": len(self.binds()),
            "sent": sum(account.sent for account in accounts),
            "waiting": sum(len(account.waiting) for account in accounts),
            "scheduled": sum(account.scheduled for account in accounts),
            "dropped": sum(account.dropped for account in accounts),
        }


def _shown(status: int | None) -> str:
    return "none" if status is None else f"0x{status:02X}"
