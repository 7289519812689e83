"""Octets to PDUs and back: strict out, lenient in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pdu_strategies import any_pdu

from smsd.core.errors import LocalProtocolError, RemoteProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import MAX_PDU, Framer, Pdu, decode, decode_tlvs, encode, encode_body, encode_tlvs

DELIVER = {"source_addr": b"79000000000", "destination_addr": b"1234", "short_message": b"id:1 stat:DELIVRD"}


def octets(command: int, body: bytes = b"", status: int = 0, sequence: int = 1) -> bytes:
    """A PDU by hand, its body whatever the test wants."""
    header = (16 + len(body), command, status, sequence)
    return b"".join(number.to_bytes(4, "big") for number in header) + body


# --- there and back


@given(any_pdu())
@settings(deadline=None, max_examples=300)
def test_whatever_is_encoded_is_decoded_as_it_was(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == pdu


def test_fields_that_are_not_given_are_zero_or_empty() -> None:
    assert encode(Pdu(pdus.QUERY_SM, 0, 1)) == octets(pdus.QUERY_SM, bytes(4))


def test_a_submit_sm_has_the_octets_that_kannel_sends_for_the_same_message() -> None:
    # Captured from Kannel 1.4.5, with an invented number in place of the real one.
    captured = (
        "00000033 00000004 00000000 00000002 00 0500 4272616e6400 0101 3739303030303030303030 00"
        "03 00 00 00 00 11 00 00 00 02 4869"
    )
    body = {
        "source_addr_ton": 5,
        "source_addr": b"Brand",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": b"79000000000",
        "esm_class": 3,
        "registered_delivery": 0x11,
        "short_message": b"Hi",
    }
    assert encode(Pdu(pdus.SUBMIT_SM, 0, 2, body)) == bytes.fromhex(captured)


# --- strict out


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("esm_class", 256, "esm_class must be a number from 0 to 255"),
        ("esm_class", -1, "esm_class must be a number from 0 to 255"),
        ("esm_class", b"", "esm_class must be a number from 0 to 255"),
        ("source_addr", b"7" * 21, "source_addr has 21 octets, at most 20 fit"),
        ("source_addr", b"7\x0079", "source_addr holds a NUL"),
        ("source_addr", 0, "source_addr must be octets"),
        ("short_message", b"x" * 255, "short_message has 255 octets, at most 254 fit"),
        ("short_message", 0, "short_message must be octets"),
        ("colour", b"red", "submit_sm has no field colour"),
    ],
)
def test_a_value_that_its_field_cannot_hold_is_never_sent(name: str, value: int | bytes, sentence: str) -> None:
    with pytest.raises(LocalProtocolError, match=sentence):
        encode_body(pdus.SUBMIT_SM, {name: value})


def test_the_longest_values_that_fit_are_sent() -> None:
    longest = {"source_addr": b"7" * 20, "short_message": b"x" * 254, "validity_period": b"0" * 16}
    assert decode(encode(Pdu(pdus.SUBMIT_SM, 0, 1, longest))).fields.items() >= longest.items()


def test_a_command_that_has_no_table_is_not_sent() -> None:
    with pytest.raises(LocalProtocolError, match="no such PDU: 0x00000FFF"):
        encode(Pdu(0x0FFF))


@pytest.mark.parametrize("header", [{"sequence": -1}, {"sequence": 1 << 32}, {"status": 1 << 32}])
def test_a_header_number_of_more_than_32_bits_is_not_sent(header: dict[str, int]) -> None:
    with pytest.raises(LocalProtocolError, match="not a number of 32 bits"):
        encode(Pdu(pdus.ENQUIRE_LINK, **header))


@pytest.mark.parametrize(("tag", "value"), [(0x10000, b""), (-1, b""), (pdus.TLV_MESSAGE_PAYLOAD, bytes(0x10000))])
def test_a_tlv_whose_tag_or_length_needs_more_than_16_bits_is_not_sent(tag: int, value: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="more than 65 535"):
        encode_tlvs([(tag, value)])


# --- lenient in


@pytest.mark.parametrize("command", [command for command in pdus.FIELDS if command & pdus.RESPONSE])
def test_a_response_may_end_anywhere(command: int) -> None:
    full = {name: 1 if kind == pdus.INT else b"12" for name, kind, _ in pdus.FIELDS[command]}
    whole = encode(Pdu(command, 8, 7, full))
    for end in range(16, len(whole) + 1):
        pdu = decode(octets(command, whole[16:end], 8, 7))
        assert (pdu.command, pdu.status, pdu.sequence) == (command, 8, 7)
        for name, value in pdu.fields.items():
            expected = full[name]
            assert value == expected or (isinstance(expected, bytes) and expected.startswith(value))


@pytest.mark.parametrize("command", [command for command in pdus.FIELDS if not command & pdus.RESPONSE])
def test_a_request_needs_all_its_mandatory_fields(command: int) -> None:
    spec = pdus.FIELDS[command]
    body = encode_body(command, {})
    for missing in range(1, len(body)):
        with pytest.raises(RemoteProtocolError, match=rf"{pdus.name(command)} ends before \w+") as refused:
            decode(octets(command, body[:-missing]))
        assert refused.value.status == 0x01
    assert decode(octets(command, body)).fields.keys() == {field.name for field in spec}


def test_a_short_message_longer_than_the_pdu_is_refused() -> None:
    body = encode_body(pdus.DELIVER_SM, DELIVER)[:-3]
    with pytest.raises(RemoteProtocolError, match="short_message is said to have 17 octets, 14 are there") as refused:
        decode(octets(pdus.DELIVER_SM, body))
    assert (refused.value.status, refused.value.fatal) == (0x01, False)


def test_a_received_short_message_may_have_255_octets() -> None:
    body = encode_body(pdus.DELIVER_SM, {})[:-1] + b"\xff" + bytes(255)
    assert decode(octets(pdus.DELIVER_SM, body)).octets("short_message") == bytes(255)


def test_a_received_c_string_may_be_longer_than_the_standard_allows() -> None:
    body = b"\0\1\1" + b"7" * 30 + b"\0" + encode_body(pdus.DELIVER_SM, DELIVER)[3 + 12 :]
    pdu = decode(octets(pdus.DELIVER_SM, body))
    assert pdu.text("source_addr") == "7" * 30
    assert pdu.octets("short_message") == DELIVER["short_message"]


def test_a_c_string_without_its_nul_ends_with_the_pdu() -> None:
    assert decode(octets(pdus.SUBMIT_SM_RESP, b"4a1f")).text("message_id") == "4a1f"
    assert decode(octets(pdus.QUERY_SM, b"4a1f\0\1\1" + b"790")).text("source_addr") == "790"


def test_an_unknown_command_is_decoded_by_its_header_alone() -> None:
    assert decode(octets(0x00010203, b"vendor", 9, 8)) == Pdu(0x00010203, 9, 8)


@pytest.mark.parametrize("length", [0, 1, 15])
def test_octets_too_few_for_a_header_are_no_pdu(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"a PDU of {length} octets has no whole header"):
        decode(bytes(length))


def test_a_command_length_other_than_the_pdus_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="command_length says 17, the PDU has 16 octets") as refused:
        decode(bytes.fromhex("00000011800000040000000000000001"))
    assert refused.value.pdu_hex == "00000011800000040000000000000001"
    assert refused.value.status == 0x02


# --- optional parameters


def test_tlvs_are_kept_in_their_order_whatever_their_tags_and_however_often() -> None:
    found = ((0x1403, b"\x01"), (pdus.TLV_MESSAGE_STATE, b"\x02"), (0x1403, b""))
    pdu = decode(encode(Pdu(pdus.DELIVER_SM, 0, 1, dict(DELIVER), found)))
    assert pdu.tlvs == found
    assert pdu.tlv(0x1403) == b"\x01"
    assert pdu.tlv(0x1404) is None


def test_a_tlv_longer_than_the_pdu_is_kept_as_far_as_it_goes() -> None:
    body = encode_body(pdus.DELIVER_SM, DELIVER) + bytes.fromhex("141800080000")
    assert decode(octets(pdus.DELIVER_SM, body)).tlvs == ((0x1418, b"\0\0"),)


@pytest.mark.parametrize("filling", [b"\0", b"\0\0", b"\0\0\0"])
def test_fewer_octets_than_a_tlv_header_after_the_body_are_filling(filling: bytes) -> None:
    body = encode_body(pdus.DELIVER_SM, DELIVER) + bytes.fromhex("0427000102") + filling
    assert decode(octets(pdus.DELIVER_SM, body)).tlvs == ((pdus.TLV_MESSAGE_STATE, b"\x02"),)


def test_optional_parameters_are_read_to_the_end_of_the_octets() -> None:
    assert decode_tlvs(b"\0\0" + encode_tlvs([(1, b"a"), (2, b"")]), 2) == ((1, b"a"), (2, b""))


# --- reading a PDU's fields


def test_fields_are_read_as_text_octets_or_numbers() -> None:
    pdu = Pdu(pdus.QUERY_SM_RESP, fields={"message_id": b"\xe9\xff", "message_state": 2})
    assert pdu.text("message_id") == "\xe9\xff"
    assert pdu.octets("message_id") == b"\xe9\xff"
    assert pdu.number("message_state") == 2
    assert pdu.text("message_state") == "2"


def test_a_field_that_is_absent_or_of_the_other_kind_reads_as_empty_or_zero() -> None:
    pdu = Pdu(pdus.QUERY_SM_RESP, fields={"message_id": b"1", "message_state": 2})
    assert (pdu.text("final_date"), pdu.octets("final_date"), pdu.number("error_code")) == ("", b"", 0)
    assert (pdu.octets("message_state"), pdu.number("message_id")) == (b"", 0)


@pytest.mark.parametrize(
    ("command", "name"),
    [(0x80000004, "submit_sm_resp"), (0x80000000, "generic_nack"), (0x15, "enquire_link"), (0x21, "0x00000021")],
)
def test_commands_are_named_as_smpp_spells_them(command: int, name: str) -> None:
    assert pdus.name(command) == name


# --- framing


@given(st.lists(any_pdu(), max_size=4), st.data())
@settings(deadline=None, max_examples=100)
def test_pdus_come_out_of_the_stream_however_it_is_cut(sent: list[Pdu], data: st.DataObject) -> None:
    stream = b"".join(encode(pdu) for pdu in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    framer = Framer()
    frames = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        frames += framer.feed(stream[start:end])
    assert [decode(frame) for frame in frames] == sent
    assert framer.pending == 0


def test_octets_that_wait_for_their_pdu_are_counted() -> None:
    framer = Framer()
    assert framer.feed(octets(pdus.ENQUIRE_LINK) + b"\0\0\0") == [octets(pdus.ENQUIRE_LINK)]
    assert framer.pending == 3


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 0xFFFFFFFF])
def test_a_command_length_out_of_bounds_ends_the_stream_at_its_fourth_octet(length: int) -> None:
    framer = Framer()
    assert framer.feed(length.to_bytes(4, "big")[:3]) == []
    with pytest.raises(RemoteProtocolError, match=f"command_length {length} is outside 16 to 65536") as lost:
        framer.feed(length.to_bytes(4, "big")[3:])
    assert lost.value.fatal
    assert lost.value.pdu_hex == f"{length:08x}"


def test_good_pdus_before_a_framing_error_come_first() -> None:
    framer = Framer()
    assert framer.feed(octets(pdus.ENQUIRE_LINK) + b"HTTP/1.1 400") == [octets(pdus.ENQUIRE_LINK)]
    with pytest.raises(RemoteProtocolError, match="command_length 1213486160"):
        framer.feed(b"")


def test_a_stream_that_lost_its_framing_stays_lost() -> None:
    framer = Framer()
    for chunk in (b"\xff\xff\xff\xff", octets(pdus.ENQUIRE_LINK), b""):
        with pytest.raises(RemoteProtocolError, match="command_length 4294967295"):
            framer.feed(chunk)


@pytest.mark.parametrize("length", [16, MAX_PDU])
def test_the_shortest_and_the_longest_pdu_are_taken(length: int) -> None:
    frame = octets(pdus.DATA_SM, bytes(length - 16))
    assert Framer().feed(frame) == [frame]


def test_the_hex_of_a_refused_pdu_is_cut_to_512_octets() -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        decode(bytes(1000))
    assert refused.value.pdu_hex == "00" * 512
