"""What a provider says in submit_sm_resp besides yes or no: the TLVs that results show, and a refusal's own words."""

import unicodedata
from collections.abc import Mapping

from smsd.core.smpp.codec import Tlvs
from smsd.core.verdict import explain

KEPT = 1024
"""Octets of one response's TLVs that are kept, tags and lengths included; one that does not fit any more is not."""

_TLV_HEADER = 4
_WORDS = "0x001D"
"""additional_status_info_text (SMPP 3.4 §5.3.2.11)."""
_LONGEST = 200
"""Characters of a refusal's own words that are shown."""


def kept(tlvs: Tlvs) -> dict[str, str] | None:
    """The TLVs of a response as results show them, values in hexadecimal; of one tag twice the last. None if none."""
    found: dict[str, str] = {}
    room = KEPT
    for tag, value in tlvs:
        room -= _TLV_HEADER + len(value)
        if room >= 0:
            found[f"0x{tag:04X}"] = value.hex()
        else:
            room += _TLV_HEADER + len(value)
    return found or None


def refusal(status: int, tlvs: Mapping[str, str] | None) -> str:
    """What a refusal means, with the provider's own words if there are any; `tlvs` as `kept`."""
    words = _words(tlvs.get(_WORDS, "")) if tlvs else ""
    return f'{explain(status)}; the provider says: "{words}"' if words else explain(status)


def _words(value: str) -> str:
    octets = bytes.fromhex(value)
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return "".join(character for character in text if unicodedata.category(character) != "Cc").strip()[:_LONGEST]
