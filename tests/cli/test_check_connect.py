"""`smsd check --connect` without a daemon: what it says of the broker, and of providers that take a bind or don't."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from rig.daemon import provider
from rig.patience import eventually
from rig.ports import free_port
from rig.smsc import Simulator
from strangers import full, hang_up, listening, refuse_receivers, response, say, silent

from smsd.cli import main
from smsd.core.smpp import pdus

ALLOW = "ask the provider whether it lets this machine's address in"


@pytest.fixture(scope="module")
def smsc() -> Iterator[Simulator]:
    with Simulator(credentials={"acme": "secret", "other": ""}) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(providers: dict[str, Any], *arguments: str, url: Any = None, **broker: Any) -> Result:
    """The command, on a configuration whose broker is away unless one is given."""
    url = url or f"amqp://guest:guest@127.0.0.1:{free_port()}/%2F"
    whole = {
        "broker": {"url": url, **broker},
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        "journal": {"path": "journal.db"},
        "providers": providers,
    }
    Path("f.yaml").write_text(yaml.safe_dump(whole))
    return CliRunner().invoke(main, ["check", "--config", "f.yaml", "--connect", *arguments])


def told(providers: dict[str, Any], *names: str, **more: Any) -> list[dict[str, Any]]:
    """Its word on each host of the providers."""
    result = run(providers, "--json", *names, **more)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: list[dict[str, Any]] = json.loads(result.stdout)["connections"]
    return found


def detail(port: int, **settings: Any) -> str:
    """Why a provider at that port is closed."""
    (one,) = told({"p": provider(port, **settings)})
    assert one["state"] == "closed"
    return str(one["detail"])


# --- all is well


def test_what_can_be_bound_is_open_and_unbound_again(broker_url: str) -> None:
    with Simulator() as smsc:
        done = run({"p": provider(smsc.port), "idle": provider(1, active=False)}, url=broker_url)
        assert (done.exit_code, done.stderr) == (0, "")
        first, broker, p = done.stdout.splitlines()
        assert first == "f.yaml: ok, 2 providers"
        assert broker.startswith("(broker)  connection open    127.0.0.1:")
        assert p == f"p         connection open    127.0.0.1:{smsc.port}: transceiver, SMSC smsd-sim"
        events = [event["event"] for event in smsc.history()]
        assert events == ["connected", "bound", "unbound", "closed"]


def test_json_tells_the_same_facts(broker_url: str, smsc: Simulator) -> None:
    done = run({"p": provider(smsc.port, system_id="other")}, "--json", url=broker_url)
    assert done.exit_code == 0
    facts = json.loads(done.stdout)
    assert (facts["ok"], facts["file"], facts["problems"]) == (True, "f.yaml", [])
    assert [one["state"] for one in facts["broker"]] == ["open"]
    assert facts["connections"] == [
        {
            "provider": "p",
            "host": f"127.0.0.1:{smsc.port}",
            "state": "open",
            "detail": "transceiver, SMSC smsd-sim",
            "smpp_status": None,
            "held": False,
        }
    ]


def test_split_is_open_when_both_binds_are(broker_url: str) -> None:
    with Simulator(single_bind=True) as smsc:
        (one,) = told({"p": provider(smsc.port, bind="split", version="5.0")}, url=broker_url)
        assert (one["state"], one["detail"]) == ("open", "transmitter and receiver, SMSC smsd-sim")
        assert sorted((event["kind"], event["version"]) for event in smsc.history("bound")) == [
            ("receiver", 0x50),
            ("transmitter", 0x50),
        ]


def test_a_receipt_that_comes_meanwhile_is_left_for_the_daemon() -> None:
    with Simulator(receipts={"resend_after": 60}) as smsc:
        smsc.inbound("hello", system_id="acme")
        told({"p": provider(smsc.port, deliver_fail_status="0x45")})
        (delivery,) = eventually(smsc.deliveries)
        assert (delivery["status"], delivery["again"]) == (0x45, True)


# --- which providers


def test_named_providers_are_tried_active_or_not_and_no_others(smsc: Simulator) -> None:
    providers = {
        "p": provider(smsc.port, system_id="other"),
        "idle": provider(smsc.port, password="secret", active=False),
        "rest": provider(1),
    }
    found = told(providers, "idle", "p", "idle")
    assert [(one["provider"], one["state"]) for one in found] == [("idle", "open"), ("p", "open")]


def test_two_with_the_same_connection_data_are_not_bound_at_the_same_time(smsc: Simulator) -> None:
    same = provider(smsc.port, password="secret", active=False)
    first, second = told({"a": same, "b": same}, "a", "b")
    assert (first["state"], second["state"]) == ("open", "closed")
    assert second["detail"].startswith("not tried: same connection data as a ")


def test_a_name_that_is_no_provider_is_a_usage_error() -> None:
    done = run({"p": provider(1)}, "q")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no provider 'q'; there is: p" in done.stderr


def test_a_file_that_is_not_good_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("nod: a")
    done = CliRunner().invoke(main, ["check", "--config", "bad.yaml", "--connect"])
    assert (done.exit_code, done.stdout) == (78, "")


def test_providers_are_tried_at_the_same_time_and_each_host_in_turn(smsc: Simulator) -> None:
    with full() as dead:
        slow = {name: provider(dead, system_id=name, bind_timeout="500ms") for name in ("a", "b", "c", "d")}
        hosts = [{"host": "127.0.0.1", "port": port} for port in (smsc.port, dead, 1)]
        backups = {**provider(0, password="secret", bind_timeout="500ms"), "hosts": hosts}
        del backups["host"], backups["port"]
        began = time.monotonic()
        found = told({**slow, "p": backups})
        assert time.monotonic() - began < 1.5
    assert [(one["provider"], one["state"]) for one in found] == [
        *((name, "closed") for name in slow),
        *(("p", state) for state in ("open", "closed", "closed")),
    ]
    assert [one["host"] for one in found[-3:]] == [f"127.0.0.1:{port}" for port in (smsc.port, dead, 1)]


# --- what is wrong: the broker


def test_each_node_of_the_broker_is_told(broker_url: str) -> None:
    gone = free_port()
    done = run({}, url=[broker_url, f"amqp://guest:guest@127.0.0.1:{gone}/"])
    assert done.exit_code == 1
    _, good, bad = done.stdout.splitlines()
    assert "connection open" in good
    refused = f"127.0.0.1:{gone}: Connection refused: is RabbitMQ running there? Look at `broker.url`"
    assert bad == f"(broker)  connection closed  {refused}"


def test_a_wrong_login_at_the_broker_is_told_without_the_password(broker_url: str) -> None:
    done = run({}, url=broker_url, password="mistaken")
    assert done.exit_code == 1
    assert "ACCESS_REFUSED" in done.stdout
    assert "look at the login in `broker.url`, and at `broker.password`" in done.stdout
    assert "mistaken" not in done.output


def test_a_virtual_host_that_is_not_there_is_told(broker_url: str) -> None:
    done = run({}, url=broker_url.rpartition("/")[0] + "/nowhere")
    assert done.exit_code == 1
    assert "NOT_ALLOWED - vhost nowhere not found: look at the virtual host in `broker.url`" in done.stdout


def test_a_login_in_the_url_needs_no_password_there(broker_url: str) -> None:
    login, _, place = broker_url.removeprefix("amqp://").partition("@")
    user, _, password = login.partition(":")
    done = run({}, url=f"amqp://{user}@{place}", password=password)
    assert done.exit_code == 0, done.output


def test_files_of_the_broker_that_can_not_be_read_are_told() -> None:
    done = run({}, url="amqps://guest:guest@127.0.0.1:1/", tls={"ca_file": "none.pem"})
    assert done.exit_code == 1
    assert "TLS: the files can't be used: [Errno 2] No such file or directory: look at `broker.tls`" in done.stdout


# --- what is wrong: the way to the provider


def test_a_name_that_dns_does_not_know_is_told() -> None:
    (one,) = told({"p": provider(2775, host="smsc.invalid")})
    assert one["detail"].startswith("smsc.invalid can't be resolved: ")
    assert "DNS" in one["detail"]


def test_a_port_where_nobody_listens_is_told() -> None:
    assert detail(free_port()) == f"Connection refused: nothing listens there; look at `host` and `port`, and {ALLOW}"


def test_a_firewall_that_drops_everything_is_told() -> None:
    with full() as port:
        assert detail(port, bind_timeout="300ms") == (
            "no connection within bind_timeout: a firewall in between, or the provider's; look at `host` and `port`, "
            f"and {ALLOW}"
        )


def test_a_bind_without_answer_is_told() -> None:
    with listening(silent) as port:
        assert detail(port, bind_timeout="300ms") == (
            f"no answer to the bind within bind_timeout: look at `host`, `port` and `tls`, and {ALLOW}"
        )


def test_an_address_that_is_not_let_in_is_told() -> None:
    with listening(hang_up) as port:
        assert detail(port) == (
            "the provider closed the connection before it answered the bind: look at `system_id` and `tls`, and "
            f"{ALLOW}"
        )


def test_a_peer_that_is_no_smsc_is_told() -> None:
    with listening(say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert detail(port).endswith(": what answers there is no SMSC; look at `host`, `port` and `tls`")


# --- what is wrong: the bind


@pytest.mark.parametrize(
    ("settings", "status", "sentence"),
    [
        ({"password": "mistaken"}, 0x0E, "ESME_RINVPASWD: the password is wrong: correct `password`"),
        ({"system_id": "nobody"}, 0x0F, "ESME_RINVSYSID: the login is wrong: correct `system_id`"),
    ],
)
def test_a_wrong_login_is_told(smsc: Simulator, settings: dict[str, Any], status: int, sentence: str) -> None:
    (one,) = told({"p": provider(smsc.port, **settings)})
    assert (one["state"], one["detail"]) == ("closed", sentence)
    assert one["smpp_status"]["code"] == status


@pytest.mark.parametrize(
    ("command", "status", "word"),
    [
        (pdus.BIND_TRANSCEIVER_RESP, 0x05, "`reconnect.already_bound`"),
        (pdus.BIND_TRANSCEIVER_RESP, 0x53, "correct `system_type`"),
        (pdus.BIND_TRANSCEIVER_RESP, 0x0D, "this machine's address"),
        (pdus.BIND_TRANSCEIVER_RESP, 0x04, "`split`"),
        (pdus.GENERIC_NACK, 0x03, "`version`"),  # how an SMSC of 3.3 answers bind_transceiver
        (pdus.GENERIC_NACK, 0x02, "`version`"),
        (pdus.BIND_TRANSCEIVER_RESP, 0x58, "`reconnect.min`"),
        (pdus.BIND_TRANSCEIVER_RESP, 0x401, "the provider's own status 0x401"),
    ],
)
def test_a_refused_bind_is_told_with_the_setting_to_look_at(command: int, status: int, word: str) -> None:
    with listening(say(response(command, status))) as port:
        (one,) = told({"p": provider(port)})
    assert (one["state"], one["smpp_status"]["code"]) == ("closed", status)
    assert word in one["detail"]


def test_the_half_of_a_split_bind_that_fails_is_named() -> None:
    with listening(refuse_receivers) as port:
        assert detail(port, bind="split").startswith("receiver: ESME_RBINDFAIL: ")
