"""What no single key can break: rules between providers, and what is allowed but worth a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from smsd.settings.model import BindKind, Provider, Settings
from smsd.settings.problems import Path
from smsd.settings.scalars import in_units

# Names with a meaning of their own in routing keys and events.
RESERVED = frozenset({"smsd", "all", "unknown", "default"})
SMPP_PASSWORD = 8  # octets: SMPP 3.4 §5.2.2; most providers of today take more
NOT_ACTIVE = "not active yet in this version"
NOT_ACTIVE_YET = ("per_recipient", "block_list", "prefer", "kind")


def name_problem(name: str) -> str | None:
    if name in RESERVED:
        return f"{name!r} is reserved; choose another name"
    if not 1 <= len(name) <= 32 or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        return "a provider's name is 1 to 32 of the characters a-z, 0-9 and '-'"
    return None


def same_connections(providers: Mapping[str, Provider]) -> Iterator[tuple[str, str]]:
    """Yield (name, sentence) for each active provider that would bind with the connection data of an earlier one."""
    taken: dict[tuple[str, int, str, str], list[Provider]] = {}
    for provider in providers.values():
        if not provider.active:
            continue
        for key in dict.fromkeys(
            (one.host.lower(), one.port, provider.system_id, provider.system_type) for one in provider.hosts
        ):
            others = taken.setdefault(key, [])
            clash = next((one for one in others if one is not provider and clashing(one.bind, provider.bind)), None)
            if clash is not None:
                yield (
                    provider.name,
                    f"same connection data as {clash.name} ({key[0]}:{key[1]}, system_id {key[2]!r}): "
                    "only one of them can be active",
                )
                break
            others.append(provider)


def clashing(one: BindKind, other: BindKind) -> bool:
    """Tell whether two kinds of bind can't stand side by side: only transmitter and receiver can."""
    return {one, other} != {"transmitter", "receiver"}


def provider_warnings(provider: Provider) -> Iterator[tuple[Path, str]]:
    """Yield (path inside the provider, sentence) for what is allowed, and may not be what was meant."""
    if len(provider.password.reveal()) > SMPP_PASSWORD:
        yield ("password",), f"longer than the {SMPP_PASSWORD} characters of SMPP 3.4; not every provider takes that"
    if provider.version == "3.3":
        yield from without_tlvs(provider)
    for key in NOT_ACTIVE_YET:
        if getattr(provider, key) is not None:
            yield (key,), NOT_ACTIVE


def without_tlvs(provider: Provider) -> Iterator[tuple[Path, str]]:
    """Yield the same for what SMPP 3.3 has not: optional parameters (TLVs) and the transceiver came with 3.4."""
    if provider.bind == "transceiver":
        yield ("bind",), "SMPP 3.3 has no transceiver: bind: split is what its SMSCs know"
    if provider.long_messages in ("sar", "payload"):
        yield ("long_messages",), f"{provider.long_messages} is sent in TLVs, which SMPP 3.3 does not have: use udh"
    if provider.tlvs:
        yield ("tlvs",), "SMPP 3.3 has no TLVs: its SMSCs may refuse whatever has one"


def receipt_wait_problem(provider: Provider, keep: float) -> str | None:
    """Return what is wrong with a receipt_wait that outlasts the memory of what is waited for; `keep` in seconds."""
    wait = provider.receipt_wait
    if wait is None or wait <= keep:
        return None
    return f"must not be above journal.keep, which is {in_units(keep)}: by then the message is forgotten"


def loopback(listen: str) -> bool:
    """Tell whether nobody but this machine reaches the address."""
    host = listen.rpartition(":")[0].strip("[]")
    return host == "localhost" or host == "::1" or host.startswith("127.")


def settings_warnings(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield (path, sentence) for what is allowed at the top level, and may not be what was meant."""
    broker = settings.broker
    if broker.password is None and any(urlsplit(url).password not in (None, "", "guest") for url in broker.url):
        yield ("broker", "url"), "a password in plain text; better broker.password: {file: …}"
    if settings.http.listen and not loopback(settings.http.listen):
        yield ("http", "listen"), "anybody who reaches this address can read names, states and events: it asks nobody"
    if settings.routes is not None:
        yield ("routes",), NOT_ACTIVE
