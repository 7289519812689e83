"""Names and sentences of command_status values (SMPP 3.4 §5.1.3); the numbers themselves stay what the wire said."""

from smpplib import consts

NAMES: dict[int, str] = {
    value: name.removeprefix("SMPP_")
    for name, value in vars(consts).items()
    if name.startswith("SMPP_ESME_") and isinstance(value, int)
} | {
    # SMPP 5.0 §4.7.6, which smpplib does not know
    0x100: "ESME_RSERTYPUNAUTH",
    0x101: "ESME_RPROHIBITED",
    0x102: "ESME_RSERTYPUNAVAIL",
    0x103: "ESME_RSERTYPDENIED",
    0x104: "ESME_RINVDCS",
}

_SENTENCES: dict[int, str] = {
    0x01: "the message is too long for the provider",
    0x04: "the bind may not do this: look at `bind` (transceiver, transmitter, receiver)",
    0x05: "the provider still sees another bind with this login: only one may be open",
    0x08: "the provider has a fault of its own",
    0x0A: "the provider does not allow this sender: register it there, or correct `senders`",
    0x0B: "the provider does not accept this recipient: check the number",
    0x0D: "the provider refuses the bind: login, password, balance or number of binds",
    0x0E: "the password is wrong: correct `password`",
    0x0F: "the login is wrong: correct `system_id`",
    0x14: "the provider's queue is full",
    0x15: "the provider does not know this service_type: correct `service_type`",
    0x45: "the provider could not take the message",
    0x48: "the provider does not accept source_ton: correct `source_ton`",
    0x49: "the provider does not accept source_npi: correct `source_npi`",
    0x50: "the provider does not accept dest_ton: correct `dest_ton`",
    0x51: "the provider does not accept dest_npi: correct `dest_npi`",
    0x53: "the provider does not know this system_type: correct `system_type`",
    0x58: "the provider says that messages come too fast: lower `max_rate`",
    0x61: "the provider does not accept the delivery time",
    0x62: "the provider does not accept the validity period: correct `validity` or `expires_at`, or "
    "leave it empty by `validity: never`",
    0xFE: "the provider could not deliver the message",
    0x104: "the provider does not accept this data_coding: correct `encodings`",
}


def name(status: int) -> str:
    """``ESME_RTHROTTLED``; the hex number where nobody gave it a name (vendors use 0x400 to 0x4FF freely)."""
    return NAMES.get(status) or f"0x{status:02X}"


def sentence(status: int) -> str:
    """What it means, for a person."""
    known = _SENTENCES.get(status) or consts.DESCRIPTIONS.get(status)
    return f"{name(status)}: {known}" if known else f"the provider's own status {name(status)}: ask it for the meaning"


def as_json(status: int) -> dict[str, object]:
    """The form of the contract's ``smpp_status``."""
    return {"code": status, "hex": f"0x{status:02X}", "name": name(status)}
