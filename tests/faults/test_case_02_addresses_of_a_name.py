"""Case 2: the addresses of one name share bind_timeout, and the sentence names those that were tried."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from rig.daemon import provider
from rig.ports import free_port
from rig.smsc import Simulator
from world import in_a_loop

from smsd.core.errors import LinkDown
from smsd.links import addresses

FOUR, SIX = socket.AF_INET, socket.AF_INET6
LOCAL = {FOUR: "127.0.0.1", SIX: "::1"}


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """A port whose queue is full: what comes is dropped, as by a firewall."""
    family = SIX if ":" in host else FOUR
    with ExitStack() as open_:
        listener = open_.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            one = open_.enter_context(socket.socket(family))
            one.setblocking(False)
            one.connect_ex((host, port))
        yield


def two_test(tmp_path: Path, port: int, **settings: Any) -> dict[str, Any]:
    """What `smsd check --connect` says of two.test, whose addresses are ::1 and 127.0.0.1."""
    hosts, config = tmp_path / "hosts", tmp_path / "f.yaml"
    hosts.write_text("::1 two.test\n127.0.0.1 two.test\n127.0.0.1 localhost\n")
    config.write_text(json.dumps({"providers": {"p": provider(port, host="two.test", **settings)}}))
    check = f"exec {sys.executable} -m smsd check --config {config} --connect p --json"
    command = ["unshare", "-m", "sh", "-c", f"mount --bind {hosts} /etc/hosts && {check}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    (found,) = json.loads(done.stdout)["connections"]
    assert isinstance(found, dict)
    return found


def test_case_02_a_silent_first_address_costs_the_second_nothing_but_a_moment(tmp_path: Path) -> None:
    with Simulator() as smsc, silent("::1", smsc.port):
        assert two_test(tmp_path, smsc.port)["state"] == "open"


def test_case_02_the_sentence_names_every_address_that_was_tried(tmp_path: Path) -> None:
    port = free_port()
    with silent("::1", port):
        detail = two_test(tmp_path, port, bind_timeout="2s")["detail"]
    assert "no connection within bind_timeout (::1), Connection refused (127.0.0.1)" in detail


def test_case_02_one_fact_of_all_addresses_is_told_once(tmp_path: Path) -> None:
    detail = two_test(tmp_path, free_port())["detail"]
    assert detail.startswith("Connection refused (::1, 127.0.0.1): nothing listens there")


# --- the attempts


def at(host: str, port: int) -> addresses.Address:
    return (SIX if ":" in host else FOUR, socket.SOCK_STREAM, 0, "", (host, port))


async def connect(*hosts: str, port: int, seconds: float = 20.0) -> str:
    """The address that was connected to."""
    found = [at(host, port) for host in hosts]
    with await addresses.connect(found, "two.test:2775", asyncio.get_running_loop().time() + seconds) as raw:
        return str(raw.getpeername()[0])


@contextmanager
def server(host: str) -> Iterator[socket.socket]:
    with socket.create_server((host, 0), family=SIX if ":" in host else FOUR) as listener:
        yield listener


@pytest.mark.parametrize("silent_ones", [1, 3])
@in_a_loop
async def test_case_02_silent_addresses_of_one_family_are_passed_over_too(silent_ones: int) -> None:
    with server("127.0.0.9") as listener, ExitStack() as open_:
        port = listener.getsockname()[1]
        hosts = [f"127.0.0.{n + 2}" for n in range(silent_ones)]
        for host in hosts:
            open_.enter_context(silent(host, port))
        assert await connect(*hosts, "127.0.0.9", port=port) == "127.0.0.9"


@in_a_loop
async def test_case_02_many_silent_addresses_share_a_short_time() -> None:
    """Thirty quarters of a second would be more than there is."""
    with server("127.0.0.99") as listener, ExitStack() as open_:
        port = listener.getsockname()[1]
        hosts = [f"127.0.0.{n + 2}" for n in range(30)]
        for host in hosts:
            open_.enter_context(silent(host, port))
        assert await connect(*hosts, "127.0.0.99", port=port, seconds=5.0) == "127.0.0.99"


@in_a_loop
async def test_case_02_an_address_that_refuses_is_not_waited_for() -> None:
    with server("127.0.0.3") as listener:
        assert await connect("127.0.0.2", "127.0.0.3", port=listener.getsockname()[1]) == "127.0.0.3"


@in_a_loop
async def test_case_02_no_other_connection_stays_open() -> None:
    with server("127.0.0.2") as first, socket.create_server(("127.0.0.3", first.getsockname()[1])) as second:
        found = [at(listener.getsockname()[0], first.getsockname()[1]) for listener in (first, second)]
        trying = {asyncio.create_task(addresses._connect(address)): "" for address in found}
        await asyncio.wait(trying)
        await addresses._drop(trying)
        for listener in (first, second):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(1) == b""


@in_a_loop
async def test_case_02_nobody_answers_and_the_time_is_over() -> None:
    port = free_port()
    with silent("127.0.0.2", port), silent("127.0.0.3", port), pytest.raises(LinkDown) as down:
        await connect("127.0.0.2", "127.0.0.3", port=port, seconds=1.0)
    said = "two.test:2775: no connection within bind_timeout (127.0.0.2, 127.0.0.3): a firewall in between"
    assert down.value.reason.startswith(said)


@in_a_loop
async def test_case_02_an_address_is_never_told_as_a_matter_of_dns() -> None:
    now = asyncio.get_running_loop().time()
    assert [address[4][0] for address in await addresses.resolve("127.0.0.1", 2775, now)] == ["127.0.0.1"]
    assert [address[4][0] for address in await addresses.resolve("::1", 2775, now)] == ["::1"]
    with pytest.raises(LinkDown) as down:
        await connect("127.0.0.1", port=2775, seconds=0.0)
    assert down.value.reason.startswith("two.test:2775: no connection within bind_timeout: ")


def test_case_02_the_families_take_turns() -> None:
    six, four = [at(f"2001:db8::{n}", 1) for n in (1, 2, 3)], [at(f"192.0.2.{n}", 1) for n in (1, 2)]
    order = [address[4][0] for address in addresses._interleaved([*six, *four])]
    assert order == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]
