"""What is most likely wrong when a connection can't be opened, and the setting to look at: sentences for operators.

Each begins with the fact; what follows its last colon is advice. The codes are errno's and OpenSSL's X509_V_ERR_*.
"""

import errno
from collections.abc import Mapping

_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)

_ALLOW = "ask the provider whether it lets this machine's address in"

SILENT = (0, "no connection within bind_timeout")
"""What an address says that does not answer at all."""

_PLACE = f"look at `host` and `port`, and {_ALLOW}"
_UNCONNECTED = (
    ({0}, f"a firewall in between, or the provider's; {_PLACE}"),
    ({errno.ECONNREFUSED}, f"nothing listens there; {_PLACE}"),
    ({*_NO_ROUTE}, "look at `host`, and at this machine's network and VPN"),
)
"""What the first of these codes suggests."""

UNANSWERED = f"no answer to the bind within bind_timeout: look at `host`, `port` and `tls`, and {_ALLOW}"
"""Connected, and nothing came back."""

_DATES = "ask the provider for a new one, and look at this machine's clock"
_NAME = "look at `host`, or say in `tls.server_hostname` the name that the certificate has"
_AUTHORITY = "name the provider's authority, or its own certificate, in `tls.ca_file`"
_CERTIFICATES = {9: _DATES, 10: _DATES, 62: _NAME, 64: _NAME, 18: _AUTHORITY, 19: _AUTHORITY, 20: _AUTHORITY}

_TOO_OLD = ("PROTOCOL VERSION", "UNSUPPORTED PROTOCOL", "VERSION TOO LOW")
"""OpenSSL's words where the peer's newest version of TLS is below the oldest that this machine takes."""

_TLS_ALERT = b"\x15\x03"
"""How a TLS server answers what is not TLS: a record of type alert (RFC 8446 §5.1)."""


def unresolved(host: str, why: str, *, dns_is_silent: bool) -> str:
    """The host's name has no address, or nobody could be asked for it."""
    advice = "look at this machine's DNS" if dns_is_silent else "look at `host`, and at this machine's DNS"
    return f"{host} can't be resolved: {why}: {advice}"


def unconnected(where: str, said: Mapping[str, tuple[int | None, str]]) -> str:
    """TCP comes about to none of the host's addresses: what each of them said, errno and words, or `SILENT`."""
    of_each: dict[str, list[str]] = {}
    for address, (_, why) in said.items():
        of_each.setdefault(why, []).append(address)
    one = len(said) == 1
    fact = ", ".join(why if one else f"{why} ({', '.join(which)})" for why, which in of_each.items()) or "no address"
    codes = {code for code, _ in said.values()}
    advice = next((advice for those, advice in _UNCONNECTED if codes & those), None)
    return f"{where}: {fact}: {advice}" if advice else f"{where}: {fact}"


def distrusted(code: int, why: str) -> str:
    """The certificate is not accepted; `code` is the X509_V_ERR_* of the first thing that is wrong with it."""
    said = f"TLS: the certificate is not accepted: {why.rstrip('.')}"
    return f"{said}: {_CERTIFICATES[code]}" if code in _CERTIFICATES else said


def no_handshake(port: int, why: str) -> str:
    """No TLS came about, for another reason than the certificate."""
    if any(words in why.upper() for words in _TOO_OLD):
        return f"TLS: {why}: the provider speaks only TLS 1.1 or older: ask it for TLS 1.2 or newer"
    if "ALERT" in why.upper():  # so it does speak TLS
        return f"TLS: {why}: the provider refuses ours; look at `tls.cert_file`, and ask it for its terms"
    return f"TLS: {why}: is {port} a TLS port? Look at `port` and `tls`"


def hung_up(why: str) -> str:
    """Connected, and the connection ended before the bind was answered."""
    return f"{why} before it answered the bind: look at `system_id` and `tls`, and {_ALLOW}"


def not_smpp(why: str, octets: bytes) -> str:
    """Connected, and what came back can't be SMPP."""
    if octets.startswith(_TLS_ALERT):
        return f"{why}: it speaks TLS: set `tls`"
    return f"{why}: what answers there is no SMSC; look at `host`, `port` and `tls`"


def broker(why: str) -> str:
    """The way to RabbitMQ, in pika's words."""
    words = why.lower()
    if "access_refused" in words:
        return f"{why}: look at the login in `broker.url`, and at `broker.password`"
    if "not_allowed" in words:
        return f"{why}: look at the virtual host in `broker.url`, and at what this user may do there"
    if "refused" in words:
        return f"{why}: is RabbitMQ running there? Look at `broker.url`"
    if "tls" in words or "ssl" in words:
        return f"{why}: look at `broker.tls`, and at the port in `broker.url`"
    return f"{why}: look at `broker.url`"
