"""RabbitMQ bounds how long a delivery may stay unacked (30 minutes): up to 4.2 it closes the channel, 4.3 the consumer.

An SMSC that takes long to answer costs its own provider a new consumer, and nobody else anything.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import rabbit
from rig.daemon import provider
from rig.stage import Stage

TIMEOUT = "consumer_timeout = 4000\n"
LATENCY = 12.0
"""Seconds until the slow SMSC answers: some times the broker's patience."""


@pytest.fixture(scope="module")
def impatient() -> Iterator[Any]:
    """A node that waits 4 s for an ack. It looks each second, where it looks at all, and not each minute."""
    with rabbit.Node(settings=TIMEOUT) as node:
        node.rabbitmqctl("eval", "application:set_env(rabbit, channel_tick_interval, 1000).")
        yield node


@pytest.fixture
def scene(impatient: Any, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(impatient.url, prefix, tmp_path, queue_type="quorum")
    try:
        yield stage
    finally:
        stage.close()


def test_a_slow_answer_costs_no_other_provider_anything(scene: Stage) -> None:
    slow, quick = scene.simulator(latency=LATENCY), scene.simulator()
    daemon = scene.daemon({"slow": provider(slow.port), "quick": provider(quick.port)})
    daemon.bound()
    crm = scene.crm
    late = crm.send_many(3, "slow")
    slow.sent(3)
    served: list[str] = []

    def served_meanwhile() -> bool:
        served.append(crm.send("meanwhile", "quick"))
        crm.final(served[-1])
        return any(result["final"] for result in crm.results[late[0]])

    crm.until(served_meanwhile, 60)
    assert {result["status"] for result in crm.finals([*late, *served])} == {"sent"}
    assert slow.count() == 3
    assert quick.count() == len(served)
    told = [line for line in daemon.log_lines() if str(line.get("event", "")).startswith("broker")]
    assert [line for line in told if "down" in line["event"] or "lost" in line["event"]] == []
    slow.obey(latency=0.0)
    assert crm.final(crm.send("and on", "slow"), 60)["status"] == "sent"
    crm.until(lambda: crm.waiting("slow") == 0)  # what came again is acked again
    assert daemon.term() == 0
    assert crm.waiting("slow") == crm.waiting("quick") == 0
