"""smsd.links.web over a real socket."""

import asyncio
from typing import Any

import aiohttp
import pytest

from smsd.links.web import Reply, Request, WebServer, listen_address


async def echo(request: Request) -> Reply:
    return Reply.json([request.method, request.path, dict(request.query), request.body.decode()], 201)


async def broken(_: Request) -> Reply:
    raise RuntimeError("unforeseen")


async def guarded(_: Request) -> Reply:
    return Reply(headers={"Content-Security-Policy": "default-src 'none'"})


def ask(
    *requests: tuple[str, str], body: bytes = b"", listen: str = "127.0.0.1:0", host_said: str | None = None
) -> tuple[list[Any], list[Any]]:
    """(status, content type, body) of each request, and the errors that were reported."""
    errors: list[Any] = []

    async def run() -> list[Any]:
        routes = {("GET", "/echo"): echo, ("POST", "/echo"): echo, ("GET", "/broken"): broken}
        web = WebServer(routes, lambda request, error: errors.append((request.path, str(error))))
        host = listen.rpartition(":")[0].replace("0.0.0.0", "127.0.0.1")
        said = {} if host_said is None else {"Host": host_said}
        port = await web.start(listen)
        answers = []
        async with aiohttp.ClientSession() as http:
            for method, path in requests:
                async with http.request(method, f"http://{host}:{port}{path}", data=body, headers=said) as answer:
                    answers.append((answer.status, answer.headers["Content-Type"], await answer.text()))
        await web.stop()
        return answers

    return asyncio.run(run()), errors


def test_a_route_gets_the_request_and_its_reply_is_sent() -> None:
    assert ask(("POST", "/echo?a=1&b=%C3%A4"), body=b"hi")[0] == [
        (201, "application/json", '["POST", "/echo", {"a": "1", "b": "ä"}, "hi"]\n')
    ]


def test_head_is_answered_like_get_without_a_body() -> None:
    assert ask(("HEAD", "/echo"))[0] == [(201, "application/json", "")]


def test_an_unknown_path_is_told_which_there_are() -> None:
    assert ask(("GET", "/nothing"))[0] == [
        (404, "text/plain; charset=utf-8", "there is no /nothing here; there is /broken, /echo\n")
    ]


def test_a_wrong_method_is_told_which_there_are() -> None:
    assert ask(("PUT", "/echo"))[0] == [(405, "text/plain; charset=utf-8", "/echo answers GET, POST, not PUT\n")]


def test_an_unforeseen_exception_is_a_500_and_reported_and_the_server_goes_on() -> None:
    answers, errors = ask(("GET", "/broken"), ("GET", "/echo"))
    assert [status for status, _, _ in answers] == [500, 201]
    assert errors == [("/broken", "unforeseen")]


def test_ipv6_addresses_are_listened_on() -> None:
    assert ask(("GET", "/echo"), listen="[::1]:0")[0][0][0] == 201


def test_a_port_in_use_is_an_oserror() -> None:
    async def scene() -> None:
        first, second = WebServer({}), WebServer({})
        port = await first.start("127.0.0.1:0")
        try:
            with pytest.raises(OSError, match="in use"):
                await second.start(f"127.0.0.1:{port}")
        finally:
            await first.stop()
            await second.stop()

    asyncio.run(scene())


@pytest.mark.parametrize("listen", ["", "9108", ":9108", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "::1:9108"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="is no address to listen on"):
        listen_address(listen)


def test_an_ipv6_address_loses_its_brackets() -> None:
    assert listen_address("[::1]:9108") == ("::1", 9108)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:9108",
        "127.1.2.3",
        "LOCALHOST",
        "smsd.localhost",
    ],
)
def test_a_port_for_this_machine_answers_to_its_names(host: str) -> None:
    assert ask(("GET", "/echo"), host_said=host)[0][0][0] == 201


@pytest.mark.parametrize(
    "host", ["evil.example:9108", "localhost.example", "127.0.0.1.example", "192.0.2.1", "[2001::1]"]
)
def test_a_port_for_this_machine_does_not_answer_to_a_strangers_name(host: str) -> None:
    [(status, _, body)] = ask(("GET", "/echo"), host_said=host)[0]
    assert status == 421
    assert body == f"this port is for this machine alone: ask localhost or 127.0.0.1, not {host!r}\n"


def test_a_port_for_everybody_answers_to_any_name() -> None:
    assert ask(("GET", "/echo"), listen="0.0.0.0:0", host_said="sms1.example.net")[0][0][0] == 201


def test_answers_are_for_now_of_one_kind_and_with_the_headers_of_their_own() -> None:
    async def run() -> dict[str, str]:
        web = WebServer({("GET", "/"): guarded})
        port = await web.start("127.0.0.1:0")
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as answer:
            headers = dict(answer.headers)
        await web.stop()
        return headers

    assert (
        asyncio.run(run()).items()
        >= {
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": "default-src 'none'",
        }.items()
    )
