"""Peers that no simulator plays: they listen on 127.0.0.1 and do one thing to whoever connects."""

import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from smsd.core.smpp import pdus

Talk = Callable[[socket.socket], None]


@contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """Talks to each connection in a thread of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
        threads.submit(_accept, listener, lambda connection: threads.submit(_talk, connection, talk))
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, begin: Callable[[socket.socket], object]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # closed
        begin(connection)


def _talk(connection: socket.socket, talk: Talk) -> None:
    with connection:
        talk(connection)


def hang_up(connection: socket.socket) -> None:
    """As providers do with addresses that they don't know."""
    connection.recv(1000)


def say(octets: bytes) -> Talk:
    """Answers with these octets, whatever comes, and waits for the other side to leave."""

    def talk(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(octets)
        _await_end(connection)

    return talk


def response(command: int, status: int, sequence: int = 1) -> bytes:
    """The header of a response, which is a whole PDU where there is no body."""
    return struct.pack(">4I", 16, command, status, sequence)


def refuse_receivers(connection: socket.socket) -> None:
    """An SMSC where this login may only send."""
    while pdu := connection.recv(1000):
        _, command, _, sequence = struct.unpack_from(">4I", pdu)
        connection.sendall(response(command | pdus.RESPONSE, 0x0D if command == pdus.BIND_RECEIVER else 0, sequence))


def silent(connection: socket.socket) -> None:
    """Never says a word."""
    _await_end(connection)


def _await_end(connection: socket.socket) -> None:
    try:
        while connection.recv(1000):
            pass
    except ConnectionResetError:
        pass  # left in a hurry


@contextmanager
def full() -> Iterator[int]:
    """A port whose queue of connections is full, so that the kernel drops each SYN, as a firewall does."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield port
