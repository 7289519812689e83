"""What RabbitMQ gives up on because it waited goes on waiting: it is neither lost in a circle nor answered `failed`."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import octets, rabbit
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    """Work queues give up at the second return; a message rests for one second in `hold.1m`."""
    with rabbit.Node() as node:
        limits = r"\.requests\.", '{"delivery-limit": 1}'
        node.rabbitmqctl("set_policy", "limits", *limits, "--apply-to", "queues")
        node.rabbitmqctl("set_policy", "short", r"\.hold\.1m$", '{"message-ttl": 1000}', "--apply-to", "queues")
        yield node


@pytest.fixture
def quorum(node: Any, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(node.url, prefix, tmp_path, queue_type="quorum")
    try:
        yield stage
    finally:
        stage.close()


def waiting(daemon: Daemon, n: int) -> None:
    eventually(lambda: sum(daemon.status()["providers"]["p"]["waiting"].values()) == n, 30)


def pauses(stage: Stage, daemon: Daemon, times: int, n: int = 1) -> None:
    """Each gives back what waits."""
    for _ in range(times):
        waiting(daemon, n)
        stage.crm.command("pause")
        stage.crm.command("resume")


def test_fault_03_tried_given_up_and_held_it_comes_back(quorum: Stage) -> None:
    """3.10 takes a copy that still has the broker's own x-death for one that goes round in circles, and drops it."""
    simulator = quorum.simulator(errors=[{"status": "0x58"}])
    daemon = quorum.bound(simulator, errors={"0x58": "retry"}, retries={"max_age": "1h", "delays": ["20s", "90s"]})
    id = quorum.crm.send()
    simulator.sent(1)
    pauses(quorum, daemon, 2)
    simulator.sent(2, 60)
    eventually(lambda: "held" in trace(daemon, id), 30)
    waiting(daemon, 1)  # it came back
    assert quorum.crm.command("cancel", key="p", id=id, timeout=90)["ok"]
    assert quorum.crm.final(id, 30)["status"] == "cancelled"
    assert len(daemon.logged("broker")) == 1


def trace(daemon: Daemon, id: str) -> str:
    """What `smsd trace` tells of a message."""

    command = [sys.executable, "-m", "smsd", "trace", "--config", str(daemon.file), id]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_fault_03_what_was_never_tried_is_sent_however_often_it_was_given_up(quorum: Stage) -> None:
    """The third and fourth return give up on it a second time, from when on it rests for ten seconds first."""
    simulator = quorum.simulator()
    daemon = quorum.bound(simulator, max_rate=0.001)
    ids = quorum.crm.send_many(3)
    pauses(quorum, daemon, 4, n=3)
    with rabbit.connect(quorum.url) as connection:
        eventually(lambda: rabbit.depth(connection, f"{quorum.prefix}.hold.10s")[0] == 3, 30)
    quorum.configure(daemon, {"p": provider(simulator.port)})
    daemon.hup()
    assert {result["status"] for result in quorum.crm.finals(ids, 60)} == {"sent"}
    assert simulator.count() == 3


def test_fault_03_what_its_own_time_to_live_ended_is_expired(quorum: Stage) -> None:
    simulator = quorum.simulator()
    quorum.bound(simulator)
    quorum.crm.command("pause")
    id = quorum.crm.send(properties={"expiration": "100"})
    found = quorum.crm.final(id, 30)
    assert (found["status"], found["reason"]) == ("expired", "expired")
    quorum.crm.command("resume")
    assert simulator.count() == 0


def test_fault_03_the_words_of_the_broker_are_published_no_more(quorum: Stage) -> None:
    quorum.bound(quorum.simulator())
    death = {"count": 1, "reason": "rejected", "queue": "q", "exchange": "e", "routing-keys": ["k"]}
    headers = {
        "x-death": [death],
        "x-first-death-reason": "rejected",
        "x-last-death-queue": "q",
        "x-delivery-count": 77,
        "x-acquired-count": 7,
        "CC": ["p.bulk"],
        "mine": "stays",
    }
    expiring = {"expiration": "3600000", "user_id": "guest", "priority": 7, "cluster_id": "c"}
    quorum.crm.close()
    with rabbit.connect(quorum.url) as connection:
        rabbit.publish(connection, f"{quorum.prefix}.requests", "p", b"no json", headers=headers, **expiring)
        for _ in range(2):  # the second by CC
            found, _ = octets.take(connection, f"{quorum.prefix}.dead")
            for word in (b"death", b"\x4d", b"x-acquired", b"CC", b"3600000", b"guest"):
                assert word not in found
            assert b"mine" in found
            assert b"\x07" in found
