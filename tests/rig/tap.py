"""A wire between smsd and an SMSC that writes down what passes, for Wireshark's programs to read."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ESME, SMSC = "127.0.0.2", "127.0.0.1"
SMPP = 2775
"""The SMSC's port in what is written: IANA's for SMPP, by which it is known for what it is."""

SYN, ACK = 0x02, 0x10
MOST = 60_000
"""Octets in one packet of ours; IPv4 has room for 65 535 with the headers."""


@dataclass
class Connection:
    """One TCP connection as packets; `port` is the ESME's."""

    port: int
    packets: list[bytes] = field(default_factory=list)
    _sent: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def __post_init__(self) -> None:
        for ours, flags in ((True, SYN), (False, SYN | ACK)):
            self._packet(ours, flags, b"")
            self._sent[ours] = 1
        self._packet(True, ACK, b"")

    def passed(self, ours: bool, octets: bytes) -> None:
        """What one side wrote; `ours` is the ESME's."""
        for at in range(0, len(octets), MOST):
            self._packet(ours, ACK, octets[at : at + MOST])

    def _packet(self, ours: bool, flags: int, octets: bytes) -> None:
        ports = (self.port, SMPP) if ours else (SMPP, self.port)
        acked = self._sent[not ours] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, self._sent[ours], acked, 5 << 4, flags, 0xFFFF, 0, 0) + octets
        ends = [socket.inet_aton(each) for each in ((ESME, SMSC) if ours else (SMSC, ESME))]
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0, *ends)
        self.packets.append(ip + tcp)
        self._sent[ours] += len(octets)


def write(file: Path, packets: list[bytes]) -> None:
    """A capture file of IPv4 packets, a millisecond apart."""
    link_type = 228  # LINKTYPE_IPV4
    with file.open("wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link_type))
        for n, packet in enumerate(packets):
            capture.write(struct.pack("<IIII", n // 1000, n % 1000 * 1000, len(packet), len(packet)) + packet)


class Tap:
    """Passes octets between `port` on 127.0.0.1 and the SMSC's, and keeps them; `close` ends the connections."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):  # its other side may have left already
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def write(self, file: Path) -> None:
        """All that has passed, as a capture file; connection by connection."""
        with self._lock:
            write(file, [packet for connection in self._connections for packet in connection.packets])

    def _accept(self) -> None:
        while True:
            try:
                near, (_, port) = self._listener.accept()
            except OSError:
                return  # closed
            far = socket.create_connection(("127.0.0.1", self._target))
            connection = Connection(port)
            self._connections.append(connection)
            self._sockets += [near, far]
            for ours, source, sink in ((True, near, far), (False, far, near)):
                thread = threading.Thread(target=self._pass_on, args=(connection, ours, source, sink))
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, connection: Connection, ours: bool, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while octets := source.recv(65_536):
                with self._lock:
                    connection.passed(ours, octets)
                sink.sendall(octets)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
