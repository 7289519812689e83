"""`smsd topology`: what it prints is what a daemon declares, and RabbitMQ takes it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smsd.cli import main
from smsd.cli.topology import virtual_host
from smsd.core.topology import topology as wanted
from smsd.links.broker.amqp import AmqpSession

CONFIG = """\
broker: {{url: "{url}", prefix: {prefix}}}
providers:
  p: {{host: 127.0.0.1}}
  idle: {{host: 127.0.0.1, active: false, system_id: other}}
"""


def printed(directory: Path, url: str = "amqp://guest@127.0.0.1/sms%2Fone", prefix: str = "sms") -> str:
    config = directory / "smsd.yaml"
    config.write_text(CONFIG.format(url=url, prefix=prefix))
    done = CliRunner().invoke(main, ["topology", "--config", str(config)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_provider_has_its_work_queues_active_or_not(tmp_path: Path) -> None:
    shown = json.loads(printed(tmp_path))
    names = {queue["name"] for queue in shown["queues"]}
    assert {
        f"sms.requests.{name}.{priority}" for name in ("p", "idle") for priority in ("urgent", "normal", "bulk")
    } <= names
    assert {one["vhost"] for kind in shown.values() for one in kind} == {"sms/one"}
    assert sorted(shown) == ["bindings", "exchanges", "queues"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("amqp://127.0.0.1", "/"),
        ("amqp://127.0.0.1:5672/", "/"),
        ("amqp://127.0.0.1/%2F", "/"),
        ("amqps://a:b@127.0.0.1/one", "one"),
        ("amqp://127.0.0.1/one%2Ftwo", "one/two"),
    ],
)
def test_the_virtual_host_is_that_of_the_url(url: str, host: str) -> None:
    assert virtual_host(url) == host


def test_rabbitmq_imports_it_and_a_daemon_finds_nothing_to_differ(tmp_path: Path, own_node: Any) -> None:
    definitions = tmp_path / "definitions.json"
    definitions.write_text(printed(tmp_path, own_node.url, "imported"))
    own_node.rabbitmqctl("import_definitions", str(definitions))

    async def declared() -> list[str]:
        session = AmqpSession(lambda _: None, lambda _: None)
        await session.open(own_node.url, None, 5, "test", None, 10)
        same = wanted(["p", "idle"], prefix="imported", queue_type="quorum", default_queues=True)
        missing = await session.missing(same)
        await session.declare(same)  # LinkDown with 406 where an argument differs
        await session.close()
        return missing

    assert asyncio.run(declared()) == []
