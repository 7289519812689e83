"""What providers' SMSCs do that SMPP 3.4 does not say, met in the field (the Q numbers are those of our notes).

Octets are as they were captured, with invented numbers and ids where they had real ones.
"""

import pytest
from session_peer import BODY, bound, connected, frame, header, sent

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import MAX_PDU, decode
from smsd.core.smpp.events import Answered, Arrived, BindRefused, Bound, Closed, Malformed, Noticed
from smsd.core.smpp.session import Session
from smsd.core.smpp.states import State


def submitted() -> Session:
    """A session that waits for the answer to its submit_sm, sequence_number 2."""
    session = bound()
    session.submit(BODY, "m", 0.0)
    session.data_to_send()
    return session


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


# --- responses


@pytest.mark.parametrize(
    ("captured", "status", "message_id"),
    [
        ("00000010 80000004 00000022 00000002", 0x22, ""),
        ("00000011 80000004 00000058 00000002 00", 0x58, ""),
        ("00000019 80000004 0000000a 00000002 303030303030303000", 0x0A, "00000000"),
        ("00000021 80000004 0000000b 00000002 3041303030303030413344333233413100", 0x0B, "0A000000A3D323A1"),
        ("00000014 80000004 0000000b 00000002 30413030", 0x0B, "0A00"),
        ("00000010 80000004 00000410 00000002", 0x410, ""),
        ("00000010 80000004 00000000 00000002", 0, ""),  # accepted, without an id to tell
    ],
)
def test_a_submit_sm_resp_is_read_with_and_without_body(captured: str, status: int, message_id: str) -> None:
    (answered,) = submitted().receive_data(octets(captured), 1.0)
    assert isinstance(answered, Answered)
    assert (answered.context, answered.status, answered.message_id) == ("m", status, message_id)


def test_an_unknown_tlv_in_a_submit_sm_resp_is_carried_along() -> None:
    # Q24: a UUID for an id, then congestion_state, a TLV of SMPP 5.0.
    captured = (
        "0000003a 80000004 00000000 00000002"
        "30303030303030302d303030302d303030302d303030302d30303030303030303030303000 0428 0001 00"
    )
    (answered,) = submitted().receive_data(octets(captured), 1.0)
    assert isinstance(answered, Answered)
    assert answered.message_id == "00000000-0000-0000-0000-000000000000"
    assert answered.pdu.tlvs == ((0x0428, b"\0"),)


def test_a_bind_error_with_a_body_of_one_octet_refuses_the_bind() -> None:
    events = connected().receive_data(octets("00000011 80000009 00000053 00000001 00"), 1.0)
    assert events == [BindRefused(0x53), Closed("bind refused", (), True)]


@pytest.mark.parametrize(
    ("captured", "told"),
    [
        ("00000010 80000009 00000000 00000001", Bound("", None)),  # no body
        ("00000016 80000009 00000000 00000001 00 0210 0001 50", Bound("", 0x50)),
        ("0000001c 80000009 00000000 00000001 59656e74613100 1002 0001 34", Bound("Yenta1", None)),  # a swapped tag
        ("00000015 80000001 00000000 00000001 736d736300", Bound("smsc", None)),  # bind_receiver_resp
        ("00000015 80000002 00000000 00000001 736d736300", Bound("smsc", None)),  # bind_transmitter_resp
        ("00000015 80000009 00000000 00000000 736d736300", Bound("smsc", None)),  # sequence 0
    ],
)
def test_a_bind_is_open_whatever_its_bind_resp_looks_like(captured: str, told: Bound) -> None:
    captured = captured.replace(" ", "")
    captured = f"{len(captured) // 2:08x}{captured[8:]}"
    session = connected()
    assert session.receive_data(octets(captured), 1.0) == [told]
    assert session.state is State.BOUND


# --- messages


def deliver_sm(tail: str = "", sequence: int = 7) -> bytes:
    """A deliver_sm with octets behind its short_message, which its command_length counts."""
    whole = frame(pdus.DELIVER_SM, sequence, source_addr=b"79000000000", short_message=b"Hi") + octets(tail)
    return len(whole).to_bytes(4, "big") + whole[4:]


@pytest.mark.parametrize(
    ("tail", "tlvs"),
    [
        ("00", ()),  # a stray NUL
        ("1418 0004 000030", ((0x1418, octets("000030")),)),  # cut off by the end of the PDU
        ("1418 0004 0000003000", ((0x1418, octets("00000030")),)),
        ("0202 0001 2b", ((0x0202, b"\x2b"),)),
        ("0204 0002 00c5 0210 0001 34", ((0x0204, octets("00c5")), (0x0210, b"\x34"))),  # not of a deliver_sm
        ("0427 0002 0002", ((pdus.TLV_MESSAGE_STATE, octets("0002")),)),  # an octet too long
        ("1403 0000 1403 0000", ((0x1403, b""), (0x1403, b""))),
    ],
)
def test_a_deliver_sm_arrives_whatever_tlvs_it_ends_with(tail: str, tlvs: tuple[tuple[int, bytes], ...]) -> None:
    (arrived,) = bound().receive_data(deliver_sm(tail), 1.0)
    assert isinstance(arrived, Arrived)
    assert (arrived.pdu.octets("short_message"), arrived.pdu.tlvs) == (b"Hi", tlvs)


@pytest.mark.parametrize("command", [pdus.DELIVER_SM, pdus.DATA_SM])
def test_a_message_that_cannot_be_read_is_refused_for_good_so_that_it_does_not_come_again(command: int) -> None:
    session = bound()
    cut = len(frame(command, 7)) - 2
    unreadable = cut.to_bytes(4, "big") + frame(command, 7)[4:cut]
    (malformed,) = session.receive_data(unreadable, 1.0)
    assert isinstance(malformed, Malformed)
    assert malformed.pdu_hex == unreadable.hex()
    assert session.data_to_send() == frame(command | pdus.RESPONSE, 7, 0x01)
    assert session.state is State.BOUND


def test_any_other_request_that_cannot_be_read_is_answered_generic_nack() -> None:
    session = bound()
    (malformed,) = session.receive_data(header(pdus.SUBMIT_SM, 7), 1.0)
    assert malformed == Malformed("submit_sm ends before service_type", header(pdus.SUBMIT_SM, 7).hex())
    assert session.data_to_send() == header(pdus.GENERIC_NACK, 7, 0x01)


@pytest.mark.parametrize("command", [pdus.DELIVER_SM, pdus.DATA_SM])
def test_a_message_before_the_bind_resp_is_asked_to_come_again(command: int) -> None:
    session = connected()
    assert session.receive_data(frame(command, 7, source_addr=b"79000000000"), 1.0) == []
    assert session.data_to_send() == frame(command | pdus.RESPONSE, 7, 0x04)
    assert session.state is State.BINDING


# --- other commands


@pytest.mark.parametrize("command", [0x00010203, 0x21, 0x0111, 0x7FFFFFFF, pdus.SUBMIT_SM, pdus.BIND_TRANSCEIVER])
def test_a_command_that_no_smsc_may_ask_is_answered_generic_nack_with_its_sequence(command: int) -> None:
    session = bound()
    request = frame(command, 0x80000007) if command in pdus.FIELDS else header(command, 0x80000007)
    (noticed,) = session.receive_data(request, 1.0)
    assert noticed == Noticed(
        decode(request), f"{pdus.name(command)} is nothing a provider may ask; answered generic_nack"
    )
    assert session.data_to_send() == header(pdus.GENERIC_NACK, 0x80000007, 0x03)


@pytest.mark.parametrize("command", [pdus.ALERT_NOTIFICATION, pdus.OUTBIND])
def test_alert_notification_and_outbind_are_noticed_and_have_no_answer(command: int) -> None:
    session = bound()
    (noticed,) = session.receive_data(frame(command, 7), 1.0)
    assert noticed == Noticed(decode(frame(command, 7)), f"{pdus.name(command)} received")
    assert session.data_to_send() == b""


# --- framing


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 0xFFFFFFFF])
def test_a_stream_that_lost_its_framing_is_nacked_and_closed_with_its_open_requests(length: int) -> None:
    session = submitted()
    events = session.receive_data(length.to_bytes(4, "big"), 1.0)
    sentence = f"command_length {length} is outside 16 to 65536"
    assert events == [
        Malformed(sentence, f"{length:08x}"),
        Closed(f"the stream can't be read any more: {sentence}", ("m",), False),
    ]
    assert session.data_to_send() == header(pdus.GENERIC_NACK, 0, 0x02)
    assert session.state is State.CLOSED


@pytest.mark.parametrize("spoken", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b"\r\n\r\n"])
def test_a_peer_that_speaks_another_protocol_is_closed_before_the_bind(spoken: bytes) -> None:
    session = connected()
    malformed, closed = session.receive_data(spoken, 1.0)
    assert malformed == Malformed(malformed_sentence(spoken), spoken.hex())
    assert isinstance(closed, Closed)
    assert session.state is State.CLOSED


def malformed_sentence(spoken: bytes) -> str:
    return f"command_length {int.from_bytes(spoken[:4], 'big')} is outside 16 to 65536"


def test_two_octets_of_another_protocol_wait_for_the_bind_timeout() -> None:
    session = connected()
    assert session.receive_data(b"\r\n", 1.0) == []
    assert [type(event) for event in session.tick(10.0)] == [BindRefused, Closed]


def test_what_came_before_a_lost_framing_counts() -> None:
    session = submitted()
    events = session.receive_data(frame(pdus.SUBMIT_SM_RESP, 2, message_id=b"1") + b"\xff" * 8, 1.0)
    assert [type(event) for event in events] == [Answered, Malformed, Closed]
    assert session.receive_data(frame(pdus.ENQUIRE_LINK, 3), 2.0) == []
    assert [pdu.command for pdu in sent(session)] == [pdus.GENERIC_NACK]


def test_a_message_of_almost_64_kib_arrives() -> None:
    room = MAX_PDU - len(frame(pdus.DELIVER_SM, 7)) - 4
    long = frame(pdus.DELIVER_SM, 7, tlvs=((pdus.TLV_MESSAGE_PAYLOAD, bytes(room)),))
    assert len(long) == MAX_PDU
    (arrived,) = bound().receive_data(long, 1.0)
    assert isinstance(arrived, Arrived)
    assert arrived.pdu.tlv(pdus.TLV_MESSAGE_PAYLOAD) == bytes(room)
