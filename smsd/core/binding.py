"""What a provider's settings say about its binds."""

from smsd.core.smpp.codec import Value
from smsd.core.smpp.session import Limits
from smsd.settings.model import Provider

INTERFACE_VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}


def kinds(provider: Provider) -> tuple[str, ...]:
    """The binds that must be open at the same time."""
    return ("transmitter", "receiver") if provider.bind == "split" else (provider.bind,)


def bind_fields(provider: Provider) -> dict[str, Value]:
    """The mandatory parameters of bind_* (SMPP 3.4 §4.1)."""
    return {
        "system_id": provider.system_id.encode("latin-1", "replace"),
        "password": provider.password.reveal().encode("latin-1", "replace"),
        "system_type": provider.system_type.encode("latin-1", "replace"),
        "interface_version": INTERFACE_VERSIONS[provider.version],
        "addr_ton": provider.bind_ton,
        "addr_npi": provider.bind_npi,
        "address_range": provider.address_range.encode("latin-1", "replace"),
    }


def limits(provider: Provider) -> Limits:
    """The bounds of each session."""
    enquire_link = provider.enquire_link
    return Limits(
        provider.window,
        provider.submit_timeout,
        provider.bind_timeout,
        enquire_link.interval,
        enquire_link.timeout,
        enquire_link.when == "always",
    )
