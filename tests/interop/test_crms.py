"""CRMs that this project did not write: AMQP clients of npm, PHP and Ruby; STOMP, MQTT and AMQP 1.0."""

import json
import os
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stomp
from paho.mqtt import client as mqtt
from rig import rabbit
from rig.crm import NUMBER
from rig.daemon import Daemon
from rig.ports import free_port
from rig.stage import Stage

HERE = Path(__file__).parent
NODE_MODULES = HERE.parents[1] / ".venv" / "node" / "node_modules"  # deploy/setup.sh test puts it there
PLUGINS = ("rabbitmq_amqp1_0", "rabbitmq_mqtt", "rabbitmq_stomp")


class Doors(rabbit.Node):
    """A node with a door for each protocol."""

    def __init__(self) -> None:
        self.stomp_port, self.mqtt_port = free_port(), free_port()
        listeners = (
            f"stomp.listeners.tcp.1 = 127.0.0.1:{self.stomp_port}\nmqtt.listeners.tcp.1 = 127.0.0.1:{self.mqtt_port}\n"
        )
        super().__init__(settings=listeners, plugins=PLUGINS)


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Doors() as node:
        yield node


@pytest.fixture
def scene(doors: Doors, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage behind the doors."""
    stage = Stage(doors.url, prefix, tmp_path)
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture
def daemon(scene: Stage) -> Daemon:
    """Bound, and asking for receipts."""
    return scene.bound(scene.simulator(), receipts=True)


def crm(scene: Stage, client: str) -> dict[str, list[dict[str, Any]]]:
    """What a client of npm (crm.js) says that it got."""
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
    command = ["node", str(HERE / "crm.js"), client, scene.url, scene.prefix]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: [each for each in told if each["event"] == name] for name in ("result", "reply")}


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("client", ["amqplib", "rabbitmq-client", "@cloudamqp/amqp-client"])
def test_door_F3_a_client_of_npm_gets_results_as_objects_and_its_replies(scene: Stage, client: str) -> None:
    told = crm(scene, client)
    assert [(each["kind"], each["status"]) for each in told["result"]] == [("object", "sent"), ("object", "delivered")]
    assert {each["status"] for each in told["reply"]} <= {"sent", "delivered"}
    assert scene.crm.final(client)["status"] == "delivered"


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(("program", "script"), [("php", "crm.php"), ("ruby", "crm.rb")])
def test_a_client_of_debians_gets_its_results(scene: Stage, program: str, script: str) -> None:
    command = [program, str(HERE / script), scene.url, scene.prefix]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["status"], each["correlation"]) for each in told] == [("sent", "c-1"), ("delivered", "c-1")]


def test_door_F9_of_direct_replies_to_amqplib_none_is_counted_as_dropped(scene: Stage, daemon: Daemon) -> None:
    told = crm(scene, "amqplib")
    assert [(each["status"], each["correlation"]) for each in told["reply"]] == [("sent", "c-1"), ("delivered", "c-1")]
    scene.crm.final("amqplib")
    scene.crm.send("to nobody", id="m", properties={"reply_to": "no-such-queue"}, receipt=False)
    scene.crm.until(lambda: daemon.metrics()["smsd_reply_copies_dropped_total"] == 1)


@pytest.mark.usefixtures("daemon")
def test_door_F12_amqp_1_0_data_is_sent_and_a_value_is_told_as_one(scene: Stage) -> None:
    told = crm(scene, "rhea")
    assert [each["status"] for each in told["result"]] == ["sent", "delivered"]
    (dead,) = scene.crm.until(lambda: scene.crm.dead)
    assert dead.properties.headers["x-smsd-detail"].startswith("the body is an AMQP 1.0 value")


class Listener(stomp.ConnectionListener):
    def __init__(self) -> None:
        self.came: queue.Queue[Any] = queue.Queue()

    def on_message(self, frame: Any) -> None:
        self.came.put((frame.headers, json.loads(frame.body)))

    def on_error(self, frame: Any) -> None:
        self.came.put((frame.headers, frame.body))


@pytest.mark.usefixtures("daemon")
def test_a_request_by_stomp_is_sent_and_its_copy_comes_to_a_temporary_queue(scene: Stage, doors: Doors) -> None:
    connection = stomp.Connection12([("127.0.0.1", doors.stomp_port)], vhost="/")
    listener = Listener()
    connection.set_listener("", listener)
    connection.connect("guest", "guest", wait=True)
    request = json.dumps({"to": NUMBER, "text": "Привет"})
    headers = {"amqp-message-id": "m", "reply-to": "/temp-queue/answers", "correlation-id": "c", "persistent": "true"}
    connection.send(f"/exchange/{scene.prefix}.requests/p", request, "application/json", headers=headers)
    got = [listener.came.get(timeout=30) for _ in range(2)]
    assert [(body["id"], body["status"]) for _, body in got] == [("m", "sent"), ("m", "delivered")]
    assert {headers["correlation-id"] for headers, _ in got} == {"c"}
    connection.subscribe(f"/amq/queue/{scene.prefix}.results", id="1", ack="auto")
    assert listener.came.get(timeout=30)[1]["id"] == "m"
    connection.disconnect()


@pytest.mark.usefixtures("daemon")
def test_a_request_by_mqtt_is_sent_and_its_result_comes_by_a_binding(scene: Stage, doors: Doors) -> None:
    """MQTT publishes to amq.topic alone, where a topic's slashes are the key's dots."""
    with rabbit.connect(scene.url) as connection, rabbit._channel(connection) as channel:
        channel.exchange_bind(f"{scene.prefix}.requests", "amq.topic", "p.urgent")
        channel.exchange_bind("amq.topic", f"{scene.prefix}.results", "p.delivered")
    came: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[Any] = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=scene.prefix)
    client.username_pw_set("guest", "guest")
    client.on_message = lambda _, __, message: came.put(message.payload)
    client.on_subscribe = lambda *_: ready.put(True)
    client.on_connect = lambda *_: client.subscribe("p/delivered", 1)
    client.connect("127.0.0.1", doors.mqtt_port)
    client.loop_start()
    try:
        ready.get(timeout=30)
        request = json.dumps({"id": "m", "to": NUMBER, "text": "Привет"})
        client.publish("p/urgent", request, qos=1).wait_for_publish(30)
        assert json.loads(came.get(timeout=30))["id"] == "m"
    finally:
        client.disconnect()
        client.loop_stop()
