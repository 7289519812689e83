"""How a provider is reached: kinds of bind, TLS, IPv6, backup hosts."""

import socket
from pathlib import Path
from typing import Any

import pytest
from rig.daemon import provider
from rig.ports import free_port
from rig.smsc import Simulator, certificate
from rig.stage import Stage


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True


def tls_simulator(stage: Stage, name: str) -> tuple[Simulator, Path]:
    """A simulator that speaks TLS under that name, and the certificate that vouches for it."""
    cert, key = certificate(stage.directory, name)
    return stage.simulator("--tls-cert", str(cert), "--tls-key", str(key)), cert


def roundtrip(stage: Stage) -> None:
    """A message goes out, and its receipt comes back."""
    assert stage.crm.final(stage.crm.send())["status"] == "delivered"


@pytest.mark.parametrize("version", ["3.3", "3.4", "5.0"])
def test_each_version_of_smpp_binds_as_itself(stage: Stage, version: str) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, version=version, receipts=True)
    roundtrip(stage)
    assert simulator.history("bound")[0]["version"] == int(version.replace(".", ""), 16)


def test_split_is_a_transmitter_and_a_receiver(stage: Stage) -> None:
    simulator = stage.simulator(single_bind=True)
    stage.bound(simulator, bind="split", receipts=True)
    roundtrip(stage)
    assert sorted(bind["kind"] for bind in simulator.bound()) == ["receiver", "transmitter"]


def test_split_is_open_only_while_both_are_bound(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator, bind="split")
    states = [(event["event"], event["state"]) for event in stage.crm.until(lambda: two_bounds(stage))]
    assert states == [("bound", "closed"), ("bound", "open")]
    simulator.cut()
    stage.crm.event("lost", after=1)
    assert {event["state"] for event in stage.crm.named("lost")} == {"closed"}
    daemon.bound()


def two_bounds(stage: Stage) -> list[dict[str, Any]] | None:
    found = stage.crm.named("bound")
    return found if len(found) == 2 else None


@pytest.mark.parametrize("kind", ["transmitter", "receiver"])
def test_one_sided_binds_are_what_they_say(stage: Stage, kind: str) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, bind=kind)
    assert [bind["kind"] for bind in simulator.bound()] == [kind]
    if kind == "transmitter":
        assert stage.crm.final(stage.crm.send())["status"] == "sent"
    else:
        simulator.inbound("hello")
        assert stage.crm.until(lambda: stage.crm.inbound)[0]["text"] == "hello"


def test_tls_with_a_verified_certificate_under_load(stage: Stage) -> None:
    simulator, ca = tls_simulator(stage, "localhost")
    stage.bound(simulator, host="localhost", tls={"ca_file": str(ca)}, receipts=True, window=50)
    finals = stage.crm.finals(stage.crm.send_many(500))
    assert {result["status"] for result in finals} == {"delivered"}


def test_tls_checks_the_name_that_the_settings_give(stage: Stage) -> None:
    simulator, ca = tls_simulator(stage, "smsc.example")
    stage.bound(simulator, tls={"ca_file": str(ca), "server_hostname": "smsc.example"}, receipts=True)
    roundtrip(stage)


def test_tls_refuses_a_wrong_name_and_says_so(stage: Stage) -> None:
    simulator, ca = tls_simulator(stage, "smsc.example")
    stage.daemon({"p": provider(simulator.port, host="localhost", tls={"ca_file": str(ca)})})
    lost = stage.crm.event("lost")
    assert lost["state"] == "closed"
    assert "Hostname mismatch" in lost["detail"]
    assert "'localhost'" in lost["detail"]
    assert simulator.history("bound", "bind_refused") == []


def test_tls_refuses_a_certificate_that_nobody_vouches_for(stage: Stage) -> None:
    simulator, _ = tls_simulator(stage, "localhost")
    stage.daemon({"p": provider(simulator.port, host="localhost", tls=True)})
    assert "certificate" in stage.crm.event("lost")["detail"]


def test_tls_to_a_plain_port_is_told(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.daemon({"p": provider(simulator.port, tls=True)})
    assert "TLS" in stage.crm.event("lost")["detail"]


def test_ipv6(stage: Stage) -> None:
    host = "::1" if has_ipv6() else "127.0.0.1"  # a kernel without IPv6 leaves nothing to test
    simulator = stage.simulator(listen=f"[{host}]:0" if has_ipv6() else f"{host}:0")
    daemon = stage.bound(simulator, host=host, receipts=True)
    roundtrip(stage)
    assert host in daemon.status()["providers"]["p"]["host"]


def test_a_backup_host_is_used_when_the_first_refuses(stage: Stage) -> None:
    simulator = stage.simulator()
    refusing = free_port()
    settings = provider(simulator.port)
    del settings["host"], settings["port"]
    hosts = [{"host": "127.0.0.1", "port": refusing}, {"host": "127.0.0.1", "port": simulator.port}]
    daemon = stage.daemon({"p": {**settings, "hosts": hosts}})
    daemon.bound()
    assert str(refusing) in stage.crm.event("lost")["detail"]
    assert daemon.status()["providers"]["p"]["host"] == f"127.0.0.1:{simulator.port}"


def test_the_first_host_is_returned_to_when_the_backup_is_lost(stage: Stage) -> None:
    first, backup = stage.simulator(), stage.simulator()
    first.go_down()
    settings = provider(0, hosts=[{"host": "127.0.0.1", "port": smsc.port} for smsc in (first, backup)])
    del settings["host"], settings["port"]
    daemon = stage.daemon({"p": settings})
    daemon.bound()
    assert stage.crm.final(stage.crm.send("by the backup"))["status"] == "sent"
    first.come_up()
    backup.go_down()
    assert stage.crm.final(stage.crm.send("by the first"))["status"] == "sent"
    assert (backup.texts(), first.texts()) == (["by the backup"], ["by the first"])
    assert daemon.status()["providers"]["p"]["host"] == f"127.0.0.1:{first.port}"


def test_a_host_that_never_answers_the_bind_is_given_up_after_bind_timeout(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stage.daemon({"p": provider(silent.getsockname()[1], bind_timeout="300ms")})
        assert stage.crm.event("lost")["state"] == "closed"


def test_a_stream_that_is_no_smpp_is_told_and_left(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    simulator.raw(b"HTTP/1.1 400 Bad Request".hex())
    assert "the stream can't be read" in stage.crm.event("lost")["detail"]
    daemon.bound()


def test_one_provider_does_not_hold_up_the_other(stage: Stage) -> None:
    slow, quick = stage.simulator(latency=5), stage.simulator()
    stage.daemon({"slow": provider(slow.port, window=1), "quick": provider(quick.port)}).bound()
    stage.crm.send_many(50, "slow")
    assert {result["provider"] for result in stage.crm.finals(stage.crm.send_many(50, "quick"))} == {"quick"}
