"""Case 25: a provider whose TLS is too old is told as that, and not to look at `cert_file`."""

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from rig.smsc import certificate
from world import in_a_loop

from smsd.core.errors import LinkDown
from smsd.links.smsc import Dialer
from smsd.settings.model import Tls

OLD = ": the provider speaks only TLS 1.1 or older: ask it for TLS 1.2 or newer"
HELLO_OF_TLS_1_1 = b"\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02" + bytes(32) + b"\0\0\x2f\0"


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Talks to one connection, as a server that is no asyncio one: those send no alert."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as thread:
        listener.settimeout(20)
        talked = thread.submit(lambda: talk(listener.accept()[0]))
        yield listener.getsockname()[1]
        talked.result()


async def why(port: int) -> str:
    """What is said of a TLS port that can't be bound."""
    nobody: Any = None
    with pytest.raises(LinkDown) as down:
        await Dialer(Tls(verify=False), 20.0)("127.0.0.1", port, nobody)
    return str(down.value.reason)


def speaks(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    return talk


def hello(connection: socket.socket) -> None:
    """A server that knows no newer version picks its own."""
    with connection, suppress(OSError):
        connection.recv(1000)
        connection.sendall(HELLO_OF_TLS_1_1)
        connection.recv(1000)


def of_tls_1_1(directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(directory, "localhost"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@in_a_loop
async def test_case_25_a_server_that_refuses_our_versions_is_too_old(tmp_path: Path) -> None:
    with listening(speaks(of_tls_1_1(tmp_path))) as port:
        assert (await why(port)).endswith(OLD)


@in_a_loop
async def test_case_25_a_server_that_answers_in_an_old_version_is_too_old() -> None:
    with listening(hello) as port:
        assert (await why(port)).endswith(OLD)


@in_a_loop
async def test_case_25_a_server_that_wants_our_certificate_is_not(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "localhost"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with listening(speaks(context)) as port:
        assert "`tls.cert_file`" in await why(port)
