"""`smsd check --connect` where TLS goes wrong, on certificates made for it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from rig.daemon import provider
from rig.patience import eventually
from rig.smsc import Simulator, certificate
from strangers import hang_up, listening, say, silent
from test_check_connect import told

REFUSED = "TLS: the certificate is not accepted: "


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def detail(cert: Path, key: Path, **tls: Any) -> str:
    """What is said of a simulator with that certificate."""
    with Simulator("--tls-cert", str(cert), "--tls-key", str(key)) as smsc:
        (one,) = told({"p": provider(smsc.port, host="localhost", tls={"ca_file": str(cert), **tls})})
    return f"{one['state']}, {one['detail']}"


def expired(cert: Path, key: Path) -> Path:
    """The same certificate, but of no duration; OpenSSL 3.5 makes none that was over before it began."""
    old = cert.with_name("expired.pem")
    again = ["openssl", "x509", "-in", str(cert), "-signkey", str(key), "-days", "0", "-out", str(old)]
    subprocess.run(again, check=True, capture_output=True)
    look = ["openssl", "x509", "-in", str(old), "-noout", "-checkend", "0"]
    eventually(lambda: subprocess.run(look, capture_output=True).returncode == 1)
    return old


def test_a_certificate_of_the_right_name_is_accepted(tmp_path: Path) -> None:
    assert detail(*certificate(tmp_path, "localhost")).startswith("open, ")


def test_an_expired_certificate_is_told(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "localhost")
    assert detail(expired(cert, key), key) == (
        f"closed, {REFUSED}certificate has expired: ask the provider for a new one, and look at this machine's clock"
    )


def test_a_certificate_of_another_name_is_told(tmp_path: Path) -> None:
    assert detail(*certificate(tmp_path, "smsc.example")) == (
        f"closed, {REFUSED}Hostname mismatch, certificate is not valid for 'localhost': look at `host`, or say in "
        "`tls.server_hostname` the name that the certificate has"
    )


def test_an_authority_that_is_not_known_is_told(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "localhost")
    assert detail(cert, key, ca_file=None) == (
        f"closed, {REFUSED}self-signed certificate: name the provider's authority, or its own certificate, in "
        "`tls.ca_file`"
    )


def test_files_that_can_not_be_read_are_told(tmp_path: Path) -> None:
    assert "can't be used" in detail(*certificate(tmp_path, "localhost"), ca_file="none.pem")


def test_a_peer_without_tls_is_told() -> None:
    with Simulator() as smsc:
        (one,) = told({"p": provider(smsc.port, tls=True)})
    assert one["detail"].startswith("TLS: ")
    assert one["detail"].endswith(f"is {smsc.port} a TLS port? Look at `port` and `tls`")


@pytest.mark.parametrize("talk", [silent, hang_up, say(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
def test_a_peer_that_does_not_answer_as_tls_does_is_told(talk: Any) -> None:
    with listening(talk) as port:
        (one,) = told({"p": provider(port, tls=True, bind_timeout="300ms")})
    assert one["detail"].endswith(f"is {port} a TLS port? Look at `port` and `tls`")


def test_a_tls_port_spoken_to_without_tls_is_told(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "localhost")
    with Simulator("--tls-cert", str(cert), "--tls-key", str(key)) as smsc:
        (one,) = told({"p": provider(smsc.port)})
    assert "`tls`" in one["detail"]


def test_a_tls_alert_is_recognised() -> None:
    with listening(say(bytes.fromhex("15030300020246"))) as port:
        (one,) = told({"p": provider(port)})
    assert one["detail"].endswith("it speaks TLS: set `tls`")
