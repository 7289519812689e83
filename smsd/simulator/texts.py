"""What a submit_sm or data_sm says: its octets wherever they stand, and its text."""

from collections.abc import Mapping

from smsd.core import concat, text
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu

UDHI = 0x40
"""esm_class: short_message begins with a user data header (SMPP 3.4 §5.2.12)."""

_LATIN1, _BINARY = 0x03, (0x02, 0x04)
_CYRILLIC, _UCS2 = 0x06, 0x08
_CLASS_GROUP = 0xF0
"""data_coding 1111xxxx: 3GPP TS 23.038 §4, message class; bit 2 set is 8-bit data."""
_EIGHT_BIT = 0x04


Charsets = Mapping[int, str]
"""Names of encodings by data_coding: of 0, and of those that an SMSC uses in a way of its own."""


def octets_of(pdu: Pdu) -> bytes:
    """short_message, or message_payload where that is used instead."""
    return pdu.octets("short_message") or pdu.tlv(pdus.TLV_MESSAGE_PAYLOAD) or b""


def encoding_of(data_coding: int, charsets: Charsets) -> str:
    """The name of the encoding that `core.text` knows: what the SMSC says, else what SMPP 3.4 §5.2.19 does."""
    if data_coding in charsets:
        return charsets[data_coding]
    default = charsets[0]
    if data_coding & _CLASS_GROUP == _CLASS_GROUP:
        return "latin1" if data_coding & _EIGHT_BIT else default
    if data_coding & _CLASS_GROUP == 0x10:  # the low two bits are the message class, 0 for flash
        data_coding &= 0x0C
    if data_coding == _UCS2:
        return text.UCS2
    if data_coding == _CYRILLIC:
        return "iso8859-5"
    return "latin1" if data_coding == _LATIN1 or data_coding in _BINARY else default


def text_of(pdu: Pdu, charsets: Charsets) -> str:
    """The text without its user data header; what can't be read shows as U+FFFD."""
    header, octets = b"", octets_of(pdu)
    if pdu.number("esm_class") & UDHI:
        header, octets = concat.split_udh(octets)
    return text.decode(octets, encoding_of(pdu.number("data_coding"), charsets), "replace", concat.tables_of(header))
