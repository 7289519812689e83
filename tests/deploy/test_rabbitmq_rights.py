"""RabbitMQ as deploy/ and config/ set it up: the definitions, and two users with no more rights than they need."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker
from rig import rabbit
from rig.crm import NUMBER
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.smsc import Simulator

from smsd.app import topology_of
from smsd.cli.topology import virtual_host
from smsd.core.topology import definitions
from smsd.settings.reader import load

ROOT = Path(__file__).parents[2]
PASSWORDS = {"SMSD_PASSWORD": "of smsd's own", "CRM_PASSWORD": "the CRM's"}
YAML = ROOT / "config" / "smsd.yaml"
IMPORTED = ROOT / "config" / "definitions.json"


@dataclass
class Broker:
    """A node with both users; smsd may declare only what the broker names."""

    node: Any

    def grant(self, declare: str) -> None:
        """deploy/rabbitmq/permissions.sh, with this node's rabbitmqctl."""
        script = ROOT / "deploy" / "rabbitmq" / "permissions.sh"
        done = self.node.run(str(script), **PASSWORDS, DECLARE=declare)
        assert (done.returncode, done.stderr) == (0, "")

    def url(self, user: str) -> str:
        password = PASSWORDS[f"{user.upper()}_PASSWORD"].replace(" ", "%20").replace("'", "%27")
        return f"amqp://{user}:{password}@127.0.0.1:{self.node.port}/%2F"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with rabbit.Node() as node:
        node.rabbitmqctl("import_definitions", str(IMPORTED))
        broker = Broker(node)
        broker.grant("no")
        yield broker


def settings(broker: Broker, declare: bool, **providers: Any) -> dict[str, Any]:
    return {"broker": {"url": broker.url("smsd"), "declare": declare}, "providers": providers}


def refusal(url: str, attempt: Any) -> str:
    """How the broker refuses it; a channel of its own each time."""
    with rabbit.connect(url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as closed:
            attempt(channel)
        assert closed.value.reply_code == 403
        return str(closed.value.reply_text)


def test_the_definitions_are_those_of_the_sample_configuration() -> None:
    loaded = load(str(YAML), secrets=False).settings
    wanted = definitions(topology_of(loaded), virtual_host(loaded.broker.url[0]))
    assert json.loads(IMPORTED.read_text()) == wanted, (
        "smsd topology --config config/smsd.yaml > config/definitions.json"
    )


def test_smsd_sends_and_answers_with_its_own_rights_over_imported_definitions(broker: Broker, tmp_path: Path) -> None:
    """The CRM publishes, reads its results from the queue and from a reply_to of its own, and gives a command."""
    with Simulator() as simulator:
        whole = settings(broker, False, beeline=provider(simulator.port))
        with Daemon(whole, tmp_path) as daemon, rabbit.connect(broker.url("crm")) as crm:
            daemon.bound()
            channel = crm.channel()
            replies = channel.queue_declare("", exclusive=True).method.queue
            request = {"id": "one", "to": NUMBER, "text": "hello"}
            rabbit.publish(crm, "sms.requests", "beeline.urgent", request, reply_to=replies)
            [result] = rabbit.drain(crm, "sms.results", until=1)
            [copy] = rabbit.drain(crm, replies, until=1)
            assert (result.body["status"], result.body) == ("sent", copy.body)
            rabbit.publish(crm, "sms.control", "beeline", {"command": "status", "control_id": "c"}, reply_to=replies)
            assert rabbit.drain(crm, replies, until=1)[0].body["ok"] is True
            assert rabbit.drain(crm, "sms.events", until=1)
            assert daemon.term() == 0
        assert [submit["text"] for submit in simulator.submits()] == ["hello"]


def test_the_crm_binds_queues_of_its_own_and_nothing_else(broker: Broker) -> None:
    with rabbit.connect(broker.url("crm")) as connection:
        channel = connection.channel()
        channel.queue_declare("crm.undelivered", durable=True)
        channel.queue_bind("crm.undelivered", "sms.results", "#.undelivered")
        channel.queue_delete("crm.undelivered")
    body, persistent = b"{}", pika.BasicProperties(delivery_mode=2)
    for attempt in (
        lambda channel: channel.basic_publish("sms.results", "beeline.sent", body, persistent, mandatory=True),
        lambda channel: channel.basic_publish("sms.returned", "", body, persistent, mandatory=True),
        lambda channel: channel.basic_publish("", "sms.results", body, persistent, mandatory=True),
        lambda channel: channel.basic_get("sms.requests.beeline.urgent"),
        lambda channel: channel.basic_get("sms.dead"),
        lambda channel: channel.queue_purge("sms.requests.beeline.bulk"),
        lambda channel: channel.queue_delete("sms.results"),
        lambda channel: channel.queue_declare("sms.more", durable=True),
        lambda channel: channel.exchange_delete("sms.requests"),
    ):
        assert "refused for user 'crm'" in refusal(broker.url("crm"), attempt)


def test_smsd_declares_and_touches_nothing_outside_its_names(broker: Broker, tmp_path: Path) -> None:
    for attempt in (
        lambda channel: channel.queue_declare("sms.requests.new.bulk", durable=True),
        lambda channel: channel.queue_delete("sms.results"),
        lambda channel: channel.queue_declare("crm.own", durable=True),
        lambda channel: channel.basic_get("crm.own"),
        lambda channel: channel.basic_publish("amq.topic", "x", b"{}", mandatory=True),
    ):
        assert "refused for user 'smsd'" in refusal(broker.url("smsd"), attempt)
    with Simulator() as simulator:
        whole = settings(broker, True, newcomer=provider(simulator.port))
        with Daemon(whole, tmp_path, ready=False) as daemon:
            denied = "access to exchange 'sms.returned' in vhost '/' refused for user 'smsd'"
            eventually(lambda: denied in json.loads(daemon.web("/readyz")[1] or "{}").get("detail", ""))
            broker.grant("yes")  # a second time: passwords and rights anew
            daemon.ready()
            daemon.bound()
    assert "refused for user 'smsd'" in refusal(broker.url("smsd"), lambda channel: channel.queue_declare("other"))


def test_without_the_import_smsd_says_what_is_missing(broker: Broker, tmp_path: Path) -> None:
    whole = settings(broker, False, absent=provider(1))
    with Daemon(whole, tmp_path, ready=False) as daemon:
        missing = "missing: queue sms.requests.absent.urgent, queue sms.requests.absent.normal"
        eventually(lambda: missing in json.loads(daemon.web("/readyz")[1] or "{}").get("detail", ""))
