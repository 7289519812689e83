"""A small HTTP server for our own ports: the only module that knows aiohttp.

It serves `Reply` for `Request`, one route per method and path. What the answers say is none of its business.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from aiohttp import web

_STOP_TIMEOUT = 2.0
"""Seconds that requests in flight get to end when the server stops."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
"""Of every answer: what it says is true now, is what it says it is, and nobody else's business."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `query` has the last value of a parameter that is given more than once."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, obj: Any, status: int = 200) -> "Reply":
        """`obj` as JSON, with a line end for the reader at a terminal."""
        return cls(status, json.dumps(obj, ensure_ascii=False).encode() + b"\n", "application/json")


Route = Callable[[Request], Awaitable[Reply]]
OnError = Callable[[Request, Exception], None]


def _log_error(request: Request, error: Exception) -> None:
    _log.error("%s %s failed", request.method, request.path, exc_info=error)


class WebServer:
    """Serves `routes`, whose keys are (method, path). HEAD is answered wherever GET is.

    An exception that a route did not foresee is answered with 500 and given to `on_error` (default: the log).
    """

    def __init__(self, routes: Mapping[tuple[str, str], Route], on_error: OnError = _log_error) -> None:
        self._routes = dict(routes)
        self._on_error = on_error
        self._local = False
        """Whether this machine's own programs are the only ones that can reach us."""
        self._runner: web.ServerRunner | None = None
        self._listen = ""

    async def start(self, listen: str) -> int:
        """Listens on `HOST:PORT` and returns the port, which matters when 0 was asked for.

        Raises ValueError for an address that is not one, OSError when it can't be listened on.
        """
        host, port = listen_address(listen)
        self._local = _is_local(host)
        server = web.Server(self._serve, access_log=None)
        runner = web.ServerRunner(server, access_log=None, shutdown_timeout=_STOP_TIMEOUT)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner, self._listen = runner, listen
        return int(runner.addresses[0][1])

    async def move(self, listen: str) -> None:
        """Listens on `HOST:PORT` instead, or on nothing if that is empty. Raises OSError when it can't be listened on:
        then all is as before."""
        before, old = self._listen, self._runner
        if listen and before and listen_address(listen)[1] == listen_address(before)[1]:
            await self.stop()  # two addresses that overlap can't be had at the same time
            old = None
        self._runner = None
        try:
            if listen:
                await self.start(listen)
        except OSError:
            self._runner = old
            if old is None and before:
                await self.start(before)
            raise
        if not listen:
            self._listen = ""
        if old is not None:
            await old.cleanup()

    async def stop(self) -> None:
        """Stops listening and closes the connections; harmless when it was not started."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, received: web.BaseRequest) -> web.StreamResponse:
        request = Request(received.method, received.path, dict(received.query), await received.read())
        reply = self._misled(received.headers.get("Host")) or await self._reply(request)
        headers = {**_HEADERS, "Content-Type": reply.content_type, **reply.headers}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _misled(self, host: str | None) -> Reply | None:
        """Refuses a browser that a stranger's page has sent here: a name of the stranger's that resolves to this
        machine (DNS rebinding) would let that page read our answers as its own. A port that others can reach is open
        to whoever is in its network anyway, by any name, and its names are not ours to know: there nothing is asked."""
        if host is None or not self._local or _is_local(_without_port(host)):
            return None
        return Reply(421, f"this port is for this machine alone: ask localhost or 127.0.0.1, not {host!r}\n".encode())

    async def _reply(self, request: Request) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        route = self._routes.get((method, request.path))
        if route is None:
            return self._no_route(request)
        try:
            return await route(request)
        except Exception as error:  # one bad request must not cost the server
            self._on_error(request, error)
            return Reply(500, f"{type(error).__name__} while answering {request.path}\n".encode())

    def _no_route(self, request: Request) -> Reply:
        methods = sorted(method for method, path in self._routes if path == request.path)
        if methods:
            return Reply(405, f"{request.path} answers {', '.join(methods)}, not {request.method}\n".encode())
        paths = ", ".join(sorted({path for _, path in self._routes}))
        return Reply(404, f"there is no {request.path} here; there is {paths}\n".encode())


def _is_local(host: str) -> bool:
    """Whether the name or address is this machine's for itself (RFC 6761 §6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    """The name or address in a Host header."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def listen_address(listen: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPv6]:PORT` as host and port. Raises ValueError with a sentence for anything else."""
    host, colon, port = listen.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    wrong = not colon or not bare or (":" in bare and bare == host)
    if wrong or not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise ValueError(f"{listen!r} is no address to listen on; it must be HOST:PORT or [IPv6]:PORT")
    return bare, int(port)
