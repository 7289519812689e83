"""What operators are told to look at when a connection can't be opened."""

import errno
import os

import pytest

from smsd.core import advice


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (errno.ECONNREFUSED, "`port`"),
        (errno.EHOSTUNREACH, "VPN"),
        (errno.ENETUNREACH, "VPN"),
    ],
    ids=errno.errorcode.get,
)
def test_what_tcp_says_comes_first_and_then_what_to_look_at(code: int, word: str) -> None:
    told = advice.unconnected("smsc.example:2775", {"192.0.2.1": (code, os.strerror(code))})
    assert told.startswith(f"smsc.example:2775: {os.strerror(code)}: ")
    assert word in told


@pytest.mark.parametrize("code", [errno.EMFILE, None])
def test_what_nobody_foresaw_is_told_as_it_is(code: int | None) -> None:
    assert advice.unconnected("smsc.example:2775", {"192.0.2.1": (code, "odd")}) == "smsc.example:2775: odd"


def test_of_several_addresses_each_is_told_with_what_it_said() -> None:
    refused = errno.ECONNREFUSED, "Connection refused"
    said = {"2001:db8::1": advice.SILENT, "192.0.2.1": refused, "192.0.2.2": refused}
    told = advice.unconnected("smsc.example:2775", said)
    fact = "no connection within bind_timeout (2001:db8::1), Connection refused (192.0.2.1, 192.0.2.2)"
    assert told.startswith(f"smsc.example:2775: {fact}: a firewall in between")


@pytest.mark.parametrize("why", ["tlsv1 alert protocol version", "unsupported protocol"])
def test_a_peer_of_old_tls_is_told_as_that(why: str) -> None:
    told = advice.no_handshake(2775, why)
    assert "speaks only TLS 1.1 or older" in told
    assert "cert_file" not in told


def test_a_name_that_is_unknown_and_a_dns_that_is_silent_are_told_apart() -> None:
    assert "`host`" in advice.unresolved("smsc.example", "Name or service not known", dns_is_silent=False)
    assert "`host`" not in advice.unresolved("smsc.example", "no answer", dns_is_silent=True)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (9, "clock"),
        (10, "clock"),
        (18, "`tls.ca_file`"),
        (19, "`tls.ca_file`"),
        (20, "`tls.ca_file`"),
        (62, "`tls.server_hostname`"),
        (64, "`tls.server_hostname`"),
    ],
)
def test_what_is_wrong_with_a_certificate_names_its_setting(code: int, word: str) -> None:
    told = advice.distrusted(code, "as OpenSSL says.")
    assert told.startswith("TLS: the certificate is not accepted: as OpenSSL says: ")
    assert word in told


def test_a_certificate_with_another_fault_is_told_as_openssl_does() -> None:
    assert advice.distrusted(23, "certificate revoked") == "TLS: the certificate is not accepted: certificate revoked"


def test_a_peer_that_refuses_our_tls_does_speak_tls() -> None:
    assert "`tls.cert_file`" in advice.no_handshake(2775, "sslv3 alert handshake failure")
    assert "is 2775 a TLS port?" in advice.no_handshake(2775, "wrong version number")


def test_a_peer_that_answers_a_bind_with_a_tls_alert_speaks_tls() -> None:
    assert advice.not_smpp("odd", bytes.fromhex("15030100020246")) == "odd: it speaks TLS: set `tls`"
    assert "no SMSC" in advice.not_smpp("odd", b"HTTP/1.1")


@pytest.mark.parametrize(
    ("why", "word"),
    [
        ("(403) 'ACCESS_REFUSED - Login was refused'", "`broker.password`"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "`broker.tls`"),
        ("(530) 'NOT_ALLOWED - vhost nowhere not found'", "`broker.url`"),
    ],
)
def test_what_the_broker_says_comes_first_and_then_the_setting(why: str, word: str) -> None:
    told = advice.broker(why)
    assert told.startswith(f"{why}: look at ")
    assert word in told
