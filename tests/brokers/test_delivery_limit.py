"""Queues count how often they had to take a request back, and give it up at their limit: 20 by default in RabbitMQ 4.

What counts differs (a pause in 4.0, a crash in all), and so does the default. Nothing fails because it waited.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import rabbit
from rig.daemon import Daemon, provider
from rig.stage import Stage

LIMIT = 2
REQUESTS = 10
SLOWLY, AT_ONCE = 0.02, 500
"""Segments per second while the requests wait, and in the end."""


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    with rabbit.Node() as node:
        yield node


@pytest.fixture
def scene(node: Any, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage of quorum queues on a node that may be killed."""
    node.start()
    stage = Stage(node.url, prefix, tmp_path, queue_type="quorum")
    try:
        yield stage
    finally:
        stage.close()


def limited(node: Any, prefix: str, limit: int | None) -> None:
    """Every work queue of this prefix has the limit, instead of the broker's default."""
    if limit is not None:
        rule = json.dumps({"delivery-limit": limit})
        pattern = rf"^{prefix}\.requests\."
        node.rabbitmqctl("set_policy", "--apply-to", "queues", prefix, pattern, rule)


class Waiting:
    """A daemon that has requests which it may not send yet."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.simulator = stage.simulator()
        self.daemon: Daemon = stage.bound(self.simulator, max_rate=SLOWLY)
        self.ids = stage.crm.send_many(REQUESTS)
        self.taken()

    def ended(self) -> int:
        return sum(any(result["final"] for result in self.stage.crm.results[id]) for id in self.ids)

    def taken(self) -> None:
        """Until none of them is in a queue."""
        self.stage.crm.until(lambda: self.at_the_broker() == 0, 30)

    def back(self) -> None:
        """Until all that have not ended are at the broker again, in their queue or given up by it."""
        self.stage.crm.until(lambda: self.at_the_broker() + self.ended() >= REQUESTS, 30)

    def at_the_broker(self) -> int:
        crm = self.stage.crm
        crm.read(0.05)  # a connection that was cut is noticed here, and opened again
        return crm.waiting() + crm.depth("returned")

    def statuses(self) -> set[str]:
        """What became of them once they may be sent."""
        self.stage.configure(self.daemon, {"p": provider(self.simulator.port, max_rate=AT_ONCE)})
        self.daemon.hup()
        return {result["status"] for result in self.stage.crm.finals(self.ids, 60)}

    def once_each(self) -> bool:
        texts = self.simulator.texts()
        return len(texts) == len(set(texts)) == REQUESTS


@pytest.mark.parametrize(("limit", "pauses"), [(LIMIT, LIMIT + 3), (None, 23)])
def test_what_waits_through_more_pauses_than_the_limit_is_sent(
    node: Any, scene: Stage, limit: int | None, pauses: int
) -> None:
    limited(node, scene.prefix, limit)
    waiting = Waiting(scene)
    for _ in range(pauses):
        assert scene.crm.command("pause")["ok"]
        waiting.back()
        assert scene.crm.command("resume")["ok"]
        waiting.taken()
    assert waiting.statuses() == {"sent"}
    assert waiting.once_each()


def test_what_waits_through_more_crashes_of_smsd_is_not_failed(node: Any, scene: Stage) -> None:
    limited(node, scene.prefix, LIMIT)
    waiting = Waiting(scene)
    for _ in range(LIMIT + 3):
        waiting.daemon.kill9()
        waiting.back()
        waiting.daemon.start()
        waiting.daemon.ready()
        waiting.taken()
    assert waiting.statuses() <= {"sent", "uncertain"}  # one may be on its way at each kill
    assert waiting.once_each()


def test_what_waits_through_more_crashes_of_rabbitmq_is_sent(node: Any, scene: Stage) -> None:
    limited(node, scene.prefix, LIMIT)
    waiting = Waiting(scene)
    for _ in range(LIMIT + 2):
        node.kill()
        node.start()
        waiting.daemon.ready()
        waiting.taken()
    assert waiting.statuses() == {"sent"}
    assert waiting.once_each()


def test_under_the_policy_of_ours_no_queue_gives_a_request_up(node: Any, scene: Stage) -> None:
    """deploy/rabbitmq/policies.sh, which says of RabbitMQ 3.10 that it needs none."""
    script = Path(__file__).parents[2] / "deploy" / "rabbitmq" / "policies.sh"
    done = node.run(str(script), "/", scene.prefix)
    assert (done.returncode, done.stderr) == (0, "")
    daemon = scene.bound(scene.simulator())  # declares the queues
    assert daemon.term() == 0
    scene.crm.send("kept")
    queue = f"{scene.prefix}.requests.p.normal"
    with rabbit.connect(node.url) as connection:
        channel = connection.channel()
        for method, _, _ in channel.consume(queue, inactivity_timeout=30):
            assert method is not None, "it was given up"
            if method.delivery_tag > 25:
                break
            channel.basic_nack(method.delivery_tag, requeue=True)
        channel.cancel()
        channel.close()
    scene.crm.until(lambda: scene.crm.waiting() == 1)
