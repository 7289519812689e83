"""The control port over HTTP, as a test suite or a person with curl uses it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from esme import Esme, smsc_with

from smsd.core.smpp import pdus
from smsd.simulator.control import control_port
from smsd.simulator.rules import Rules, as_json
from smsd.simulator.smsc import Smsc

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def controlled() -> AsyncIterator[tuple[Smsc, Ask]]:
    """A simulator, and a function that asks its control port: (status, JSON)."""
    async with smsc_with() as smsc, aiohttp.ClientSession() as http:
        web = control_port(smsc)
        port = await web.start("127.0.0.1:0")

        async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            octets = b"" if body is None else json.dumps(body).encode()
            async with http.request(method, f"http://127.0.0.1:{port}{path}", data=octets) as answer:
                return answer.status, await answer.json()

        try:
            yield smsc, ask
        finally:
            await web.stop()


def scene(play: Callable[[Smsc, Ask], Awaitable[Any]]) -> Any:
    """What `play` returns, told against a simulator with its control port."""

    async def run() -> Any:
        async with controlled() as (smsc, ask):
            return await play(smsc, ask)

    return asyncio.run(run())


def test_rules_are_read_replaced_and_changed_while_somebody_is_bound() -> None:
    async def play(smsc: Smsc, ask: Ask) -> list[Any]:
        esme = await Esme.bound(smsc.port)
        seen = [await ask("GET", "/rules") == (200, as_json(Rules()))]
        await ask("PUT", "/rules", {"errors": [{"status": "0x58"}], "name": "other"})
        seen.append((await esme.submitted()).status)
        status, rules = await ask("PATCH", "/rules", {"errors": []})
        seen.append((await esme.submitted()).status)
        return [*seen, status, rules["name"]]

    assert scene(play) == [True, 0x58, 0, 200, "other"]


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("PATCH", "/rules", {"errors": [{"to": "(", "status": 1}]}, "errors.0.to: Value error, '(' is no regular"),
        ("PUT", "/rules", {"latencies": 1}, "latencies: Extra inputs are not permitted"),
        ("PATCH", "/rules", [], "rules are a JSON object"),
        ("POST", "/raw", {"hex": "xy"}, "hex: Value error, non-hexadecimal"),
        ("GET", "/submits?since=x", None, "since: Input should be a valid integer"),
    ],
)
def test_what_is_wrong_with_an_order_is_said(method: str, path: str, body: Any, sentence: str) -> None:
    async def play(smsc: Smsc, ask: Ask) -> tuple[int, str, bool]:
        status, answer = await ask(method, path, body)
        return status, answer["error"], smsc.rules == Rules()

    status, error, unchanged = scene(play)
    assert (status, unchanged) == (400, True)
    assert error.startswith(sentence)


def test_submits_are_listed_from_a_number_on_and_forgotten_on_reset() -> None:
    async def play(smsc: Smsc, ask: Ask) -> list[Any]:
        esme = await Esme.bound(smsc.port)
        for word in (b"one", b"two", b"three"):
            await esme.submitted(short_message=word)
        pages = [await ask("GET", path) for path in ("/submits?limit=2", "/submits?since=2", "/submits?since=3")]
        counts = (await ask("GET", "/counts"))[1]
        await ask("POST", "/reset")
        texts = [[submit["text"] for submit in page] for _, page in pages]
        return [*texts, counts["submits"], counts["statuses"], (await ask("GET", "/submits"))[1]]

    assert scene(play) == [["one", "two"], ["three"], [], 3, {"0x00": 3}, []]


def test_binds_tell_who_is_there_and_what_happened() -> None:
    async def play(smsc: Smsc, ask: Ask) -> tuple[list[Any], list[Any]]:
        await Esme.bound(smsc.port, "receiver")
        _, binds = await ask("GET", "/binds")
        bound = [(bind["system_id"], bind["kind"]) for bind in binds["bound"]]
        return bound, [event["event"] for event in binds["events"]]

    assert scene(play) == ([("acme", "receiver")], ["connected", "bound"])


def test_inbound_and_receipt_orders_reach_the_bound_and_their_answers_are_listed() -> None:
    async def play(smsc: Smsc, ask: Ask) -> list[Any]:
        esme = await Esme.bound(smsc.port)
        await ask("POST", "/inbound", {"from": "79000000001", "to": "ACME", "text": "hi"})
        await ask("POST", "/receipt", {"message_id": "77", "stat": "UNDELIV"})
        texts = [(await esme.next_delivery()).text("short_message")[:5] for _ in range(2)]
        await esme.ask(pdus.ENQUIRE_LINK)
        _, deliveries = await ask("GET", "/deliveries")
        return [*texts, *((delivery["kind"], delivery["message_id"]) for delivery in deliveries)]

    assert scene(play) == ["hi", "id:77", ("inbound", ""), ("receipt", "77")]


def test_an_order_for_nobody_is_a_conflict() -> None:
    async def play(_: Smsc, ask: Ask) -> list[int]:
        orders = [("/inbound", {"from": "79000000001", "to": "ACME", "text": "hi"}), ("/raw", {"hex": "00"})]
        return [(await ask("POST", path, body))[0] for path, body in orders]

    assert scene(play) == [409, 409]


def test_raw_octets_reach_the_bound_peer_as_they_are() -> None:
    async def play(smsc: Smsc, ask: Ask) -> int:
        esme = await Esme.bound(smsc.port)
        await ask("POST", "/raw", {"hex": "00000010000000150000000000000063"})
        return (await esme.next()).sequence

    assert scene(play) == 0x63


def test_unbind_asks_the_bound_to_leave_and_closes_when_they_agree() -> None:
    async def play(smsc: Smsc, ask: Ask) -> tuple[Any, int, bool]:
        esme = await Esme.bound(smsc.port)
        _, answer = await ask("POST", "/unbind", {"system_id": "acme"})
        asked = await esme.next()
        esme.answer(asked)
        return answer, asked.command, await esme.is_closed()

    assert scene(play) == ({"connections": 1}, pdus.UNBIND, True)


def test_disconnect_ends_only_the_system_id_that_it_names() -> None:
    async def play(smsc: Smsc, ask: Ask) -> tuple[bool, int]:
        acme, other = await Esme.bound(smsc.port), await Esme.bound(smsc.port, system_id="other")
        await ask("POST", "/disconnect", {"system_id": "acme"})
        return await acme.is_closed(), (await other.ask(pdus.ENQUIRE_LINK)).status

    assert scene(play) == (True, 0)


def test_a_paused_smsc_is_frozen_for_old_and_new_connections_until_it_resumes() -> None:
    async def play(smsc: Smsc, ask: Ask) -> tuple[int, int, int, int]:
        old = await Esme.bound(smsc.port)
        await ask("POST", "/pause")
        old.submit()
        new = await Esme.connect(smsc.port)
        binding = asyncio.ensure_future(new.bind())
        _, counts = await ask("GET", "/counts")  # a whole exchange, in which a live SMSC would have read the submit
        await ask("POST", "/resume")
        return counts["submits"], counts["bound"], (await old.next()).status, (await binding).status

    assert scene(play) == (0, 1, 0, 0)


def test_the_listener_closes_and_opens_again_on_the_same_port() -> None:
    async def play(smsc: Smsc, ask: Ask) -> tuple[bool, Any]:
        esme = await Esme.bound(smsc.port)
        await ask("POST", "/listen", {"open": False, "drop": True})
        assert await esme.is_closed()
        with pytest.raises(ConnectionRefusedError):
            await Esme.connect(smsc.port)
        _, answer = await ask("POST", "/listen", {"open": True})
        await Esme.bound(smsc.port)
        return answer == {"open": True, "port": smsc.port}

    assert scene(play)
