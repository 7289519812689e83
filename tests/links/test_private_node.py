"""deploy/rabbitmq/node.py: what the demo, the benches and the other tests rely on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from rig import rabbit

QUORUM_QUEUE_ON_DISK = 1.5  # seconds, see Node.kill
NODE_PY = Path(rabbit.private_node.__file__)
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1 and ::1 as /proc/net/tcp writes them
LISTEN = "0A"


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    """A running node that the tests here leave as it is."""
    with rabbit.Node() as node:
        yield node


def processes_of(directory: Path) -> set[int]:
    """All living processes that know the node's directory from their environment, whoever started them."""
    found = set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"HOME={directory}".encode() in environment.read_bytes().split(b"\0"):
                found.add(int(environment.parent.name))
        except OSError:
            continue
    return found


def listening_addresses(pids: set[int]) -> dict[int, str]:
    """Port -> address, in hex, of every socket that the processes listen on."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor) if descriptor.is_symlink() else ""
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    addresses = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == LISTEN and fields[9] in inodes:
                addresses[int(port, 16)] = address
    return addresses


def becomes_true(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def node_py(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(NODE_PY), *args], capture_output=True, text=True, check=False)


def put(url: str, queue: str, body: dict[str, str]) -> None:
    with rabbit.connect(url) as connection:
        connection.channel().queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        rabbit.publish(connection, "", queue, body)


def take(url: str, queue: str) -> list[dict[str, str]]:
    with rabbit.connect(url) as connection:
        return [message.body for message in rabbit.drain(connection, queue, until=1)]


def test_a_node_listens_on_loopback_only(node):
    addresses = listening_addresses(processes_of(node.directory))

    assert node.port in addresses
    assert len(addresses) == 3, "AMQP, the distribution, epmd"
    assert set(addresses.values()) <= LOOPBACK


def test_durable_messages_survive_a_kill_and_a_stop_and_closing_leaves_nothing():
    with rabbit.Node() as node:
        url = node.url
        put(url, "kept", {"id": "before the kill"})
        time.sleep(QUORUM_QUEUE_ON_DISK)
        node.kill()
        assert not node.running
        node.start()
        assert take(url, "kept") == [{"id": "before the kill"}]

        put(url, "kept", {"id": "before the stop"})
        node.stop()
        assert node.pids == []
        node.start()
        assert take(url, "kept") == [{"id": "before the stop"}]
        assert node.url == url
        assert set(node.pids) < processes_of(node.directory)

    assert becomes_true(lambda: processes_of(node.directory) == set())
    assert not node.directory.exists()


def test_rabbitmqctl_asks_this_node_and_its_complaints_are_passed_on(node):
    put(node.url, "mine", {"id": "1"})

    assert node.rabbitmqctl("list_queues", "name").split() == ["name", "mine"]
    with pytest.raises(rabbit.private_node.NodeError, match='User "nobody" does not exist'):
        node.rabbitmqctl("set_user_tags", "nobody", "none")


def test_a_node_ends_with_the_process_that_started_it(tmp_path):
    program = "import sys, time; sys.path.insert(0, sys.argv[1]); from node import Node; Node(sys.argv[2]).start(); "
    program += "print('up', flush=True); time.sleep(600)"
    argv = [sys.executable, "-B", "-c", program, str(NODE_PY.parent), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        assert len(processes_of(tmp_path)) > 2
        owner.send_signal(signal.SIGKILL)

    assert becomes_true(lambda: processes_of(tmp_path) == set())


def test_the_command_line_starts_a_node_that_stays_and_ends_it(tmp_path):
    started = node_py("start", "--dir", str(tmp_path))
    try:
        url = started.stdout.strip()
        assert json.loads((tmp_path / "node.json").read_text())["url"] == url, started.stderr
        assert node_py("start", "--dir", str(tmp_path)).stdout.strip() == url, "a second start changes nothing"
        put(url, "kept", {"id": "1"})
        assert node_py("kill", "--dir", str(tmp_path)).returncode == 0
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            rabbit.connect(url)
    finally:
        stopped = node_py("stop", "--dir", str(tmp_path))

    assert stopped.returncode == 0
    assert becomes_true(lambda: processes_of(tmp_path) == set())


def test_a_taken_port_is_named_and_nothing_is_started(node, tmp_path):
    refused = node_py("start", "--dir", str(tmp_path), "--port", str(node.port))

    assert refused.returncode == 1
    assert refused.stderr == f"127.0.0.1:{node.port} can't be used: Address already in use\n"
    assert processes_of(tmp_path) == set()
