"""F5: smsd meets what somebody else has declared, and says which object, what differs, and what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from rig import rabbit
from rig.daemon import provider
from rig.patience import eventually
from rig.ports import free_port
from rig.stage import Stage

from smsd.cli import main
from smsd.core import declared
from smsd.core.topology import Exchange, Queue

STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "plain": (
        {"queue": "results", "durable": True},
        "queue {}.results was declared by somebody else: its x-queue-type is classic, and smsd's is quorum. "
        "Delete it when it is empty (rabbitmqctl delete_queue -p / {}.results --if-empty), or have it declared with "
        "durable, x-queue-type: quorum",
    ),
    "transient": (
        {"queue": "requests.p.urgent", "durable": False, "auto_delete": True},
        "queue {}.requests.p.urgent was declared by somebody else: its durable is false, and smsd's is true. "
        "Delete it when it is empty (rabbitmqctl delete_queue -p / {}.requests.p.urgent --if-empty), or have it "
        "declared with durable, x-queue-type: quorum, x-dead-letter-strategy: at-least-once, x-overflow: "
        "reject-publish, x-dead-letter-exchange: {}.returned, x-single-active-consumer: true",
    ),
    "ttl": (
        {"queue": "hold.10s", "durable": True, "arguments": {
            "x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
            "x-dead-letter-exchange": "{}.requests", "x-message-ttl": 5}},
        "queue {}.hold.10s was declared by somebody else: its x-message-ttl is 5, and smsd's is 10000. ",
    ),
    "kind": (
        {"exchange": "events", "exchange_type": "fanout", "durable": True},
        "exchange {}.events was declared by somebody else: its type is fanout, and smsd's is topic. Delete it (its "
        "bindings go with it), or have it declared with type topic, durable and no arguments",
    ),
    "alternate": (
        {"exchange": "requests", "exchange_type": "topic", "durable": True},
        "exchange {}.requests was declared by somebody else: its alternate-exchange is not set, and smsd's is "
        "{}.returned. Delete it (its bindings go with it), or have it declared with type topic, durable, "
        "alternate-exchange: {}.returned",
    ),
}  # fmt: skip


def declare(url: str, prefix: str, what: dict[str, Any]) -> None:
    arguments = {
        name: value.format(prefix) if isinstance(value, str) else value
        for name, value in what.get("arguments", {}).items()
    }
    what = {**what, "arguments": arguments}
    with rabbit.connect(url) as connection:
        channel = connection.channel()
        if "queue" in what:
            channel.queue_declare(**what | {"queue": f"{prefix}.{what['queue']}"})
        else:
            channel.exchange_declare(**what | {"exchange": f"{prefix}.{what['exchange']}"})


def check(url: str, prefix: str, directory: Path, **broker: Any) -> tuple[int, str]:
    """Exit code and the broker's line of `smsd check --connect`."""
    file = directory / "f.yaml"
    whole = {
        "broker": {"url": url, "prefix": prefix, **broker},
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        "journal": {"path": str(directory / "j.db")},
        "providers": {"p": provider(1, active=False)},
    }
    file.write_text(yaml.safe_dump(whole))
    done = CliRunner().invoke(main, ["check", "--config", str(file), "--connect", "--json"])
    (told,) = json.loads(done.stdout)["broker"]
    return done.exit_code, told["detail"]


@pytest.fixture
def clean(broker_url: str, prefix: str, tmp_path: Path) -> Any:
    stage = Stage(broker_url, prefix, tmp_path, queue_type="quorum")
    stage._providers.add("p")
    yield stage
    stage.close()


@pytest.mark.parametrize("strange", STRANGE)
def test_door_F5_check_connect_names_object_argument_and_way_out(clean: Stage, tmp_path: Path, strange: str) -> None:
    what, sentence = STRANGE[strange]
    declare(clean.url, clean.prefix, what)
    code, told = check(clean.url, clean.prefix, tmp_path)
    assert code == 1
    assert told.startswith(sentence.replace("{}", clean.prefix))


def test_door_F5_check_connect_tells_all_of_them_and_creates_nothing(clean: Stage, tmp_path: Path) -> None:
    assert check(clean.url, clean.prefix, tmp_path) == (0, "RabbitMQ")
    with rabbit.connect(clean.url) as connection:
        assert not rabbit.exists(connection, f"{clean.prefix}.results")
    for name in ("plain", "kind"):
        declare(clean.url, clean.prefix, STRANGE[name][0])
    code, told = check(clean.url, clean.prefix, tmp_path)
    assert code == 1
    assert told.count("was declared by somebody else") == 2


def test_door_F5_with_declare_false_check_connect_says_what_is_missing(clean: Stage, tmp_path: Path) -> None:
    code, told = check(clean.url, clean.prefix, tmp_path, declare=False)
    assert code == 1
    assert told.startswith(f"missing: exchange {clean.prefix}.returned, ")
    assert told.endswith("; `smsd topology` prints what to import")


def test_door_F5_the_daemon_says_it_in_its_log_and_goes_on_once_it_is_mended(clean: Stage) -> None:
    what, sentence = STRANGE["plain"]
    sentence = sentence.replace("{}", clean.prefix)
    declare(clean.url, clean.prefix, what)
    simulator = clean.simulator()
    daemon = clean.daemon({"p": provider(simulator.port)}, ready=False)
    told = eventually(lambda: daemon.logged("broker"), 30)[0]
    assert told["state"].startswith(f"{sentence}; next try in ")
    _, body = eventually(lambda: (found := daemon.web("/readyz"))[0] == 503 and found, 30)
    assert json.loads(body)["detail"] == f"no broker: {sentence}"
    assert not [line for line in daemon.log_lines() if "Received remote Channel.Close" in str(line)]
    with rabbit.connect(clean.url) as connection:
        connection.channel().queue_delete(f"{clean.prefix}.results", if_empty=True)
    daemon.ready()


def test_door_F5_words_that_are_not_known_are_told_as_they_are() -> None:
    queue = Queue("sms.results", {})
    assert declared.refused(queue, "ACCESS_REFUSED - no") == "queue sms.results: ACCESS_REFUSED - no"
    locked = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue"
    assert declared.refused(queue, locked) == (
        "queue sms.results belongs to another connection, which declared it exclusive: end that one"
    )
    assert declared.refused(Exchange("sms.x", "topic"), "gone") == "exchange sms.x: gone"
