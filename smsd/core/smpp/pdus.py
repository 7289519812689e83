"""The PDUs smsd meets, as data: command ids, and the mandatory fields of each body in their order (SMPP 3.4 §4).

The only place that knows which field follows which; `codec` walks these tables.
"""

from typing import NamedTuple

GENERIC_NACK = 0x80000000
BIND_RECEIVER = 0x00000001
BIND_TRANSMITTER = 0x00000002
QUERY_SM = 0x00000003
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
REPLACE_SM = 0x00000007
CANCEL_SM = 0x00000008
BIND_TRANSCEIVER = 0x00000009
OUTBIND = 0x0000000B
ENQUIRE_LINK = 0x00000015
ALERT_NOTIFICATION = 0x00000102
DATA_SM = 0x00000103
RESPONSE = 0x80000000
"""The bit that makes a command id the id of its response (SMPP 3.4 §5.1.2.1)."""

BIND_RECEIVER_RESP = BIND_RECEIVER | RESPONSE
BIND_TRANSMITTER_RESP = BIND_TRANSMITTER | RESPONSE
QUERY_SM_RESP = QUERY_SM | RESPONSE
SUBMIT_SM_RESP = SUBMIT_SM | RESPONSE
DELIVER_SM_RESP = DELIVER_SM | RESPONSE
UNBIND_RESP = UNBIND | RESPONSE
REPLACE_SM_RESP = REPLACE_SM | RESPONSE
CANCEL_SM_RESP = CANCEL_SM | RESPONSE
BIND_TRANSCEIVER_RESP = BIND_TRANSCEIVER | RESPONSE
ENQUIRE_LINK_RESP = ENQUIRE_LINK | RESPONSE
DATA_SM_RESP = DATA_SM | RESPONSE

COMMANDS: dict[int, str] = {
    value: name.lower()
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, int) and name != "RESPONSE"
}

WITH_PASSWORD = frozenset({BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER, OUTBIND})
"""PDUs whose second field is a password."""

INT, CSTRING, SHORT_MESSAGE = "int", "cstring", "short_message"


class Field(NamedTuple):
    """One mandatory field: `size` is octets of an integer, or the most octets of a C string with its NUL."""

    name: str
    kind: str
    size: int


def _int(name: str) -> Field:
    return Field(name, INT, 1)


def _cstring(name: str, size: int) -> Field:
    return Field(name, CSTRING, size)


def _address(name: str, size: int = 21) -> list[Field]:
    return [_int(f"{name}_ton"), _int(f"{name}_npi"), _cstring(name, size)]


# The password is 9 octets in SMPP 3.4 §4.1.1; the field uses longer ones, so that only the settings bound it.
_BIND = [
    _cstring("system_id", 16),
    _cstring("password", 65),
    _cstring("system_type", 13),
    _int("interface_version"),
    _int("addr_ton"),
    _int("addr_npi"),
    _cstring("address_range", 41),
]
_BIND_RESP = [_cstring("system_id", 16)]
_SM = [
    _cstring("service_type", 6),
    *_address("source_addr"),
    _int("dest_addr_ton"),
    _int("dest_addr_npi"),
    _cstring("destination_addr", 21),
    _int("esm_class"),
    _int("protocol_id"),
    _int("priority_flag"),
    _cstring("schedule_delivery_time", 17),
    _cstring("validity_period", 17),
    _int("registered_delivery"),
    _int("replace_if_present_flag"),
    _int("data_coding"),
    _int("sm_default_msg_id"),
    Field("short_message", SHORT_MESSAGE, 254),
]
_MESSAGE_ID = [_cstring("message_id", 65)]

FIELDS: dict[int, tuple[Field, ...]] = {
    command: tuple(fields)
    for command, fields in {
        GENERIC_NACK: [],
        BIND_RECEIVER: _BIND,
        BIND_RECEIVER_RESP: _BIND_RESP,
        BIND_TRANSMITTER: _BIND,
        BIND_TRANSMITTER_RESP: _BIND_RESP,
        BIND_TRANSCEIVER: _BIND,
        BIND_TRANSCEIVER_RESP: _BIND_RESP,
        QUERY_SM: [*_MESSAGE_ID, *_address("source_addr")],
        QUERY_SM_RESP: [*_MESSAGE_ID, _cstring("final_date", 17), _int("message_state"), _int("error_code")],
        SUBMIT_SM: _SM,
        SUBMIT_SM_RESP: _MESSAGE_ID,
        DELIVER_SM: _SM,
        DELIVER_SM_RESP: _MESSAGE_ID,
        UNBIND: [],
        UNBIND_RESP: [],
        REPLACE_SM: [
            *_MESSAGE_ID,
            *_address("source_addr"),
            _cstring("schedule_delivery_time", 17),
            _cstring("validity_period", 17),
            _int("registered_delivery"),
            _int("sm_default_msg_id"),
            Field("short_message", SHORT_MESSAGE, 254),
        ],
        REPLACE_SM_RESP: [],
        CANCEL_SM: [
            _cstring("service_type", 6),
            *_MESSAGE_ID,
            *_address("source_addr"),
            _int("dest_addr_ton"),
            _int("dest_addr_npi"),
            _cstring("destination_addr", 21),
        ],
        CANCEL_SM_RESP: [],
        OUTBIND: [_cstring("system_id", 16), _cstring("password", 65)],
        ENQUIRE_LINK: [],
        ENQUIRE_LINK_RESP: [],
        ALERT_NOTIFICATION: [*_address("source_addr", 65), *_address("esme_addr", 65)],
        DATA_SM: [
            _cstring("service_type", 6),
            *_address("source_addr", 65),
            _int("dest_addr_ton"),
            _int("dest_addr_npi"),
            _cstring("destination_addr", 65),
            _int("esm_class"),
            _int("registered_delivery"),
            _int("data_coding"),
        ],
        DATA_SM_RESP: _MESSAGE_ID,
    }.items()
}

# Optional parameters that smsd itself names (SMPP 3.4 §5.3.2); every other tag is carried raw.
TLV_RECEIPTED_MESSAGE_ID = 0x001E
TLV_SAR_MSG_REF_NUM = 0x020C
TLV_SAR_TOTAL_SEGMENTS = 0x020E
TLV_SAR_SEGMENT_SEQNUM = 0x020F
TLV_SC_INTERFACE_VERSION = 0x0210
TLV_NETWORK_ERROR_CODE = 0x0423
TLV_MESSAGE_PAYLOAD = 0x0424
TLV_MESSAGE_STATE = 0x0427


def name(command: int) -> str:
    """The command's name in SMPP's spelling, or its hex where it has none."""
    return COMMANDS.get(command) or f"0x{command:08X}"
