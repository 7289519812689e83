"""Our codec against two others, byte for byte and both ways: smpplib (every PDU it knows) and smpp34.

Where an oracle is wrong or narrower than SMPP 3.4 the generated values keep inside what it can do, and a comment says
why; our codec is never bent to agree.
"""

from typing import Any

import pytest
import smpp34
from hypothesis import given, settings
from hypothesis import strategies as st
from pdu_strategies import UINT32, cstrings, fields, tlvs
from smpplib import command_codes, consts, exceptions, ptypes, smpp

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, Pdu, Tlvs, decode, encode


def smpplib_pdu(command: int) -> Any:
    # The `sequence` here only keeps it from asking its client for one; it is not taken over.
    return smpp.make_pdu(pdus.name(command), sequence=1)


def is_known_to_smpplib(command: int) -> bool:
    try:
        return smpplib_pdu(command) is not None
    except exceptions.UnknownCommandError:  # it has the number of replace_sm, cancel_sm, outbind and no class
        return False


KNOWN_TO_SMPPLIB = sorted(filter(is_known_to_smpplib, command_codes.commands.values()))

# smpplib cuts longer values silently: the password at 8 octets (ours takes 64, as the field does), the addresses of
# data_sm and alert_notification at 20 (SMPP 3.4 §4.7.1 and §4.12.1 give them 64). A query_sm without id it refuses.
ADDRESS = cstrings(21)
NARROWED: dict[int, dict[str, st.SearchStrategy[Any]]] = {
    pdus.BIND_RECEIVER: {"password": cstrings(9)},
    pdus.BIND_TRANSMITTER: {"password": cstrings(9)},
    pdus.BIND_TRANSCEIVER: {"password": cstrings(9)},
    pdus.DATA_SM: {"source_addr": ADDRESS, "destination_addr": ADDRESS},
    pdus.ALERT_NOTIFICATION: {"source_addr": ADDRESS, "esme_addr": ADDRESS},
    pdus.QUERY_SM: {"message_id": cstrings(65, min_size=1)},
}


def optional_parameters(command: int) -> dict[str, Any]:
    """The optional parameters that smpplib's class for this command has, in the order in which it writes them."""
    theirs = smpplib_pdu(command)
    return {name: theirs.params[name] for name in theirs.params_order if theirs.field_is_optional(name)}


def tlv_values(parameter: Any) -> st.SearchStrategy[int | str | bytes]:
    """What smpplib can write: an empty string or octet string is left out, a string beyond ASCII gets a wrong length,
    one of `max` octets and more is cut."""
    if parameter.type is int:
        return st.integers(0, 256**parameter.size - 1)
    if parameter.type is str:
        return cstrings(parameter.max, highest=0x7F, min_size=1).map(lambda octets: octets.decode("ascii"))
    return st.binary(min_size=1, max_size=getattr(parameter, "max", None) or parameter.size)


@st.composite
def smpplib_tlvs(draw: st.DrawFn, command: int, *, payload: bool) -> dict[str, int | str | bytes]:
    """Optional parameters by name. A flag (alert_on_message_delivery) smpplib never writes; both short_message and
    message_payload it refuses; a TLV that is not in the class of its PDU makes it raise KeyError."""
    possible = {
        name: tlv_values(parameter)
        for name, parameter in optional_parameters(command).items()
        if parameter.type is not ptypes.flag and (payload or name != "message_payload")
    }
    chosen = draw(st.sets(st.sampled_from(sorted(possible)), max_size=5)) if possible else set()
    return {name: draw(possible[name]) for name in possible if name in chosen}


def raw_tlvs(command: int, named: dict[str, int | str | bytes]) -> Tlvs:
    """The same optional parameters as octets, with the sizes that smpplib gives its integers."""
    parameters = optional_parameters(command)
    raw = []
    for name, value in named.items():
        if isinstance(value, int):
            value = value.to_bytes(parameters[name].size, "big")
        elif isinstance(value, str):
            value = value.encode("ascii") + b"\0"
        raw.append((consts.OPTIONAL_PARAMS[name], value))
    return tuple(raw)


def smpplib_octets(pdu: Pdu, named: dict[str, int | str | bytes]) -> bytes:
    theirs = smpplib_pdu(pdu.command)
    theirs.sequence, theirs.status = pdu.sequence, pdu.status
    for name, kind, _ in pdus.FIELDS[pdu.command]:
        setattr(theirs, name, pdu.text(name) if kind == pdus.CSTRING else pdu.fields[name])
    for name, value in named.items():
        setattr(theirs, name, value)
    octets: bytes = theirs.generate()
    return octets


@pytest.mark.parametrize("command", KNOWN_TO_SMPPLIB, ids=pdus.name)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_smpplib_writes_and_reads_the_same_octets(command: int, data: st.DataObject) -> None:
    values = data.draw(fields(command, NARROWED.get(command)))
    named = data.draw(smpplib_tlvs(command, payload=not values.get("short_message")))
    pdu = Pdu(command, data.draw(UINT32), data.draw(UINT32), values, raw_tlvs(command, named))

    octets = encode(pdu)
    assert smpplib_octets(pdu, named) == octets
    assert decode(octets) == pdu

    theirs = smpp.parse_pdu(octets, sequence=1)
    assert (theirs.command, theirs.status, theirs.sequence) == (pdus.name(command), pdu.status, pdu.sequence)
    assert {name: getattr(theirs, name) or type(value)() for name, value in values.items()} == values
    assert {name: getattr(theirs, name) for name in named} == {
        name: value.encode("ascii") if isinstance(value, str) else value for name, value in named.items()
    }


def test_smpplib_knows_twenty_pdus() -> None:
    assert len(KNOWN_TO_SMPPLIB) == 20


SMPP34_CLASSES = {pdus.SUBMIT_SM: smpp34.SubmitSm, pdus.DELIVER_SM: smpp34.DeliverSm}


@pytest.mark.parametrize("command", SMPP34_CLASSES, ids=pdus.name)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_smpp34_writes_and_reads_the_same_octets(command: int, data: st.DataObject) -> None:
    # smpp34 takes str and writes UTF-8, so that only ASCII means the same octets to both; it has no command_status.
    values = data.draw(fields(command, highest=0x7F))
    pdu = Pdu(command, 0, data.draw(UINT32), values, data.draw(tlvs()))
    as_str = {
        name: values[name].decode("ascii") if kind == pdus.CSTRING else values[name]
        for name, kind, _ in pdus.FIELDS[command]
    }
    theirs = SMPP34_CLASSES[command](
        **as_str, tlvs=[smpp34.Tlv(tag, value) for tag, value in pdu.tlvs], sequence_number=pdu.sequence
    )

    octets = encode(pdu)
    assert theirs.encode() == octets
    assert decode(theirs.encode()) == pdu

    read = smpp34.decode(octets)
    assert (type(read), read.sequence_number) == (SMPP34_CLASSES[command], pdu.sequence)
    assert {name: getattr(read, name) for name in values} == as_str
    assert tuple((tlv.tag, tlv.value) for tlv in read.tlvs) == pdu.tlvs


@pytest.mark.parametrize("command", sorted(pdus.FIELDS.keys() - SMPP34_CLASSES.keys()), ids=pdus.name)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_smpp34_reads_the_same_header_of_every_other_pdu(command: int, data: st.DataObject) -> None:
    octets = encode(Pdu(command, data.draw(UINT32), data.draw(UINT32), data.draw(fields(command)), data.draw(tlvs())))
    read = smpp34.decode(octets)
    header = (read.command_length, read.command_id, read.command_status, read.sequence_number)
    assert HEADER.pack(*header) + read.body == octets
