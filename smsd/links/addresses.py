"""From a host's name to a connected socket: its addresses share the time there is (RFC 8305)."""

import asyncio
import os
import socket
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any

from smsd.core import advice
from smsd.core.errors import LinkDown

DELAY = 0.25
"""Seconds after which the next address is tried beside one that has not answered (RFC 8305 §5), at most."""

Address = tuple[Any, ...]
"""As getaddrinfo has it: family, kind, protocol, name, address."""


async def resolve(host: str, port: int, deadline: float) -> list[Address]:
    """All addresses of a host, until `deadline` (loop time). Raises LinkDown."""
    with suppress(socket.gaierror, UnicodeError):  # an address: nobody has to be asked, so nobody can be silent
        return [*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(deadline):
            return [*await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except TimeoutError:
        raise LinkDown("smsc", advice.unresolved(host, "no answer", dns_is_silent=True)) from None
    except socket.gaierror as error:
        silent = error.errno == socket.EAI_AGAIN
        raise LinkDown("smsc", advice.unresolved(host, error.strerror or str(error), dns_is_silent=silent)) from None
    except UnicodeError as error:  # no name that DNS could have
        raise LinkDown("smsc", advice.unresolved(host, str(error), dns_is_silent=False)) from None


async def connect(addresses: list[Address], where: str, deadline: float) -> socket.socket:
    """A socket to the first address that takes a connection, until `deadline` (loop time).

    They are tried in turn, the families by turns, and side by side as long as none has answered: a silent one costs
    the others `DELAY` each. Raises LinkDown with what each of them said.
    """
    loop = asyncio.get_running_loop()
    untried = _interleaved(addresses)
    delay = min(DELAY, (deadline - loop.time()) / (2 * len(addresses) or 1))
    trying: dict[asyncio.Task[socket.socket], str] = {}
    said: dict[str, tuple[int | None, str]] = dict.fromkeys((address[4][0] for address in addresses[:1]), advice.SILENT)
    try:
        while (trying or untried) and loop.time() < deadline:
            if untried:
                address = untried.pop(0)
                said[address[4][0]] = advice.SILENT
                trying[loop.create_task(_connect(address))] = address[4][0]
            patience = deadline - loop.time()
            done, _ = await asyncio.wait(
                trying, timeout=min(delay, patience) if untried else patience, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                name = trying.pop(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                said[name] = error.errno, os.strerror(error.errno) if error.errno else str(error)
    finally:
        await _drop(trying)
    raise LinkDown("smsc", advice.unconnected(where, said))


def _interleaved(addresses: list[Address]) -> list[Address]:
    """The families by turns, the first address's first (RFC 8305 §4)."""
    families = dict.fromkeys(address[0] for address in addresses)
    of_each = [[address for address in addresses if address[0] == family] for family in families]
    return [address for address in chain(*zip_longest(*of_each)) if address is not None]


async def _connect(address: Address) -> socket.socket:
    family, kind, protocol, _, place = address
    raw = socket.socket(family, kind, protocol)
    try:
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, place)
    except BaseException:
        raw.close()
        raise
    return raw


async def _drop(trying: dict[asyncio.Task[socket.socket], str]) -> None:
    """Nothing is left of the attempts that were not needed: to the provider it would be a connection without a bind."""
    for task in trying:
        task.cancel()
    for ended in await asyncio.gather(*trying, return_exceptions=True):
        if isinstance(ended, socket.socket):
            ended.close()
