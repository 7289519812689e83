"""A session's bind, window and answers, told by the PDUs on either side. Time is a number."""

from dataclasses import replace

import pytest
from session_peer import BODY, LIMITS, LOGIN, bound, connected, frame, header, sent

from smsd.core import advice
from smsd.core.errors import LocalProtocolError
from smsd.core.smpp import pdus, session
from smsd.core.smpp.codec import Pdu, encode_body
from smsd.core.smpp.events import Answered, Arrived, BindRefused, Bound, Closed, Noticed, TimedOut
from smsd.core.smpp.session import GIVEN_UP_MAX, MAX_SEQUENCE, Session
from smsd.core.smpp.states import State

# --- bind


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("transceiver", pdus.BIND_TRANSCEIVER),
        ("transmitter", pdus.BIND_TRANSMITTER),
        ("receiver", pdus.BIND_RECEIVER),
    ],
)
def test_a_connected_session_asks_for_its_kind_of_bind(kind: str, command: int) -> None:
    new = Session(kind, LOGIN, LIMITS)
    assert (new.state, new.data_to_send(), new.deadline()) == (State.CLOSED, b"", None)
    new.connected(0.0)
    (bind,) = sent(new)
    assert (bind.command, bind.status, bind.sequence) == (command, 0, 1)
    assert bind.fields.items() >= LOGIN.items()
    assert new.state is State.BINDING
    assert new.receive_data(frame(command | pdus.RESPONSE, 1, system_id=b"smsc"), 0.5) == [Bound("smsc", None)]
    assert new.state is State.BOUND


def test_the_bind_tells_the_version_that_the_smsc_speaks() -> None:
    resp = frame(pdus.BIND_TRANSCEIVER_RESP, tlvs=((pdus.TLV_SC_INTERFACE_VERSION, b"\x50"),))
    assert connected().receive_data(resp, 0.0) == [Bound("", 0x50)]


def test_an_empty_version_is_no_version() -> None:
    resp = frame(pdus.BIND_TRANSCEIVER_RESP, tlvs=((pdus.TLV_SC_INTERFACE_VERSION, b""),))
    assert connected().receive_data(resp, 0.0) == [Bound("", None)]


def test_a_refused_bind_closes_the_session() -> None:
    refused = connected()
    events = refused.receive_data(frame(pdus.BIND_TRANSCEIVER_RESP, status=0x0E), 0.0)
    assert events == [BindRefused(0x0E), Closed("bind refused", (), True)]
    assert (refused.state, refused.deadline()) == (State.CLOSED, None)


@pytest.mark.parametrize(("status", "told"), [(0x08, 0x08), (0, 0x03)])
def test_a_generic_nack_refuses_the_bind_whatever_its_status(status: int, told: int) -> None:
    events = connected().receive_data(frame(pdus.GENERIC_NACK, status=status), 0.0)
    assert events == [BindRefused(told), Closed("bind refused", (), True)]


def test_a_bind_without_answer_is_given_up_after_bind_timeout() -> None:
    waiting = connected(now=5.0)
    assert waiting.deadline() == 15.0
    assert waiting.tick(14.9) == []
    assert waiting.tick(15.0) == [BindRefused(None), Closed(advice.UNANSWERED, (), False)]
    assert waiting.tick(16.0) == []


def test_a_session_that_binds_may_not_submit() -> None:
    binding = connected()
    assert binding.room() == 0
    with pytest.raises(LocalProtocolError, match="needs a bind that may send"):
        binding.submit(BODY, "m", 0.0)
    with pytest.raises(LocalProtocolError, match="query_sm needs a bind"):
        binding.request(pdus.QUERY_SM, {"message_id": b"1"}, "q", 0.0)
    assert binding.data_to_send() == b""


def test_a_receiver_may_not_submit() -> None:
    receiver = bound("receiver")
    assert receiver.room() == 0
    with pytest.raises(LocalProtocolError, match="needs a bind that may send"):
        receiver.submit(BODY, "m", 0.0)


def test_bind_values_that_do_not_fit_are_refused_before_anything_is_sent() -> None:
    new = Session("transceiver", {"system_id": b"x" * 16}, LIMITS)
    with pytest.raises(LocalProtocolError, match="system_id has 16 octets"):
        new.connected(0.0)
    assert new.data_to_send() == b""


# --- window


def test_a_submit_sm_takes_a_place_in_the_window_until_it_is_answered() -> None:
    transceiver = bound()
    assert transceiver.room() == 3
    for context in "abc":
        transceiver.submit(BODY, context, 0.0)
    assert (transceiver.room(), transceiver.window_used, transceiver.unanswered()) == (0, 3, 3)
    assert [(pdu.command, pdu.sequence) for pdu in sent(transceiver)] == [(pdus.SUBMIT_SM, n) for n in (2, 3, 4)]
    transceiver.receive_data(frame(pdus.SUBMIT_SM_RESP, 3, message_id=b"1"), 0.1)
    assert (transceiver.room(), transceiver.window_used) == (1, 2)
    assert list(transceiver.waiting()) == ["a", "c"]


def test_a_window_made_smaller_has_no_room_until_it_is_empty_enough() -> None:
    transceiver = bound()
    for context in "abc":
        transceiver.submit(BODY, context, 0.0)
    transceiver.limits = replace(LIMITS, window=2)
    assert transceiver.room() == 0
    for sequence, room in ((2, 0), (3, 1)):
        transceiver.receive_data(frame(pdus.SUBMIT_SM_RESP, sequence), 0.1)
        assert transceiver.room() == room


def test_the_body_of_a_submit_sm_is_sent_as_it_was_given() -> None:
    transceiver = bound()
    transceiver.submit(BODY, "m", 0.0)
    (submit,) = sent(transceiver)
    assert encode_body(pdus.SUBMIT_SM, submit.fields) == BODY


# --- answers


def test_an_answer_brings_back_the_context_the_id_and_the_latency() -> None:
    transceiver = bound()
    transceiver.submit(BODY, "m", 10.0)
    (answered,) = transceiver.receive_data(frame(pdus.SUBMIT_SM_RESP, 2, message_id=b"4a1f"), 10.25)
    pdu = Pdu(pdus.SUBMIT_SM_RESP, 0, 2, {"message_id": b"4a1f"})
    assert answered == Answered("m", 0, "4a1f", pdu, 0.25, False)


def test_answers_may_come_in_any_order() -> None:
    transceiver = bound()
    for context in "abc":
        transceiver.submit(BODY, context, 0.0)
    answers = b"".join(frame(pdus.SUBMIT_SM_RESP, n, status=n) for n in (4, 2, 3))
    events = transceiver.receive_data(answers, 1.0)
    assert [(event.context, event.status) for event in events if isinstance(event, Answered)] == [
        ("c", 4),
        ("a", 2),
        ("b", 3),
    ]
    assert transceiver.unanswered() == 0


def test_a_second_answer_is_noticed_and_no_more() -> None:
    transceiver = bound()
    transceiver.submit(BODY, "m", 0.0)
    resp = frame(pdus.SUBMIT_SM_RESP, 2, message_id=b"1")
    first, second = transceiver.receive_data(resp + resp, 1.0)
    assert isinstance(first, Answered)
    assert isinstance(second, Noticed)
    assert second.sentence == "submit_sm_resp that nobody waits for"
    assert transceiver.window_used == 0


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (pdus.SUBMIT_SM_RESP, "submit_sm_resp"),
        (pdus.GENERIC_NACK, "generic_nack"),
        (pdus.DATA_SM_RESP, "data_sm_resp"),
        (pdus.UNBIND_RESP, "unbind_resp"),
        (pdus.BIND_TRANSCEIVER_RESP, "bind_transceiver_resp"),
        (0x80000777, "0x80000777"),
    ],
)
@pytest.mark.parametrize("sequence", [0, 3, 0xFFFFFFFF])
def test_an_answer_with_an_unknown_sequence_is_noticed_and_no_more(command: int, name: str, sequence: int) -> None:
    transceiver = bound()
    transceiver.submit(BODY, "m", 0.0)
    transceiver.data_to_send()
    (noticed,) = transceiver.receive_data(header(command, sequence), 1.0)
    assert noticed == Noticed(Pdu(command, 0, sequence), f"{name} that nobody waits for")
    assert (transceiver.unanswered(), transceiver.data_to_send()) == (1, b"")


def test_another_commands_response_with_our_sequence_is_no_answer() -> None:
    transceiver = bound()
    transceiver.submit(BODY, "m", 0.0)
    (noticed,) = transceiver.receive_data(frame(pdus.DATA_SM_RESP, 2), 1.0)
    assert isinstance(noticed, Noticed)
    (answered,) = transceiver.receive_data(frame(pdus.SUBMIT_SM_RESP, 2, message_id=b"1"), 2.0)
    assert isinstance(answered, Answered)


@pytest.mark.parametrize(("status", "told"), [(0x02, 0x02), (0, 0x03)])
def test_a_generic_nack_with_our_sequence_is_a_refusal_whatever_its_status(status: int, told: int) -> None:
    transceiver = bound()
    transceiver.submit(BODY, "a", 0.0)
    transceiver.submit(BODY, "b", 0.0)
    (answered,) = transceiver.receive_data(frame(pdus.GENERIC_NACK, 3, status), 1.0)
    assert answered == Answered("b", told, "", Pdu(pdus.GENERIC_NACK, status, 3), 1.0, False)
    assert transceiver.window_used == 1


def test_a_query_sm_is_answered_too_and_takes_no_place_in_the_window() -> None:
    transceiver = bound()
    transceiver.request(pdus.QUERY_SM, {"message_id": b"1"}, "q", 0.0)
    assert (transceiver.room(), transceiver.unanswered()) == (3, 1)
    (query,) = sent(transceiver)
    assert (query.command, query.sequence, query.text("message_id")) == (pdus.QUERY_SM, 2, "1")
    (answered,) = transceiver.receive_data(frame(pdus.QUERY_SM_RESP, 2, message_id=b"1", message_state=2), 1.0)
    assert isinstance(answered, Answered)
    assert (answered.context, answered.pdu.number("message_state")) == ("q", 2)
    assert (transceiver.room(), transceiver.unanswered()) == (3, 0)


def test_a_request_carries_its_tlvs() -> None:
    transceiver = bound()
    payload = ((pdus.TLV_MESSAGE_PAYLOAD, b"Hi"),)
    transceiver.request(pdus.DATA_SM, {"destination_addr": b"79000000000"}, "d", 0.0, payload)
    assert sent(transceiver)[0].tlvs == payload


# --- no answer in time


def test_a_submit_sm_without_answer_is_given_up_after_submit_timeout() -> None:
    transceiver = bound(limits=replace(LIMITS, submit_timeout=5.0))
    transceiver.submit(BODY, "a", 1.0)
    transceiver.submit(BODY, "b", 2.0)
    assert transceiver.deadline() == 6.0
    assert transceiver.tick(5.9) == []
    assert transceiver.tick(6.0) == [TimedOut("a")]
    assert (transceiver.window_used, transceiver.deadline()) == (1, 7.0)
    assert transceiver.tick(7.0) == [TimedOut("b")]
    assert transceiver.window_used == 0


def test_an_answer_after_that_is_told_as_late_once() -> None:
    transceiver = bound(limits=replace(LIMITS, submit_timeout=5.0))
    transceiver.submit(BODY, "m", 0.0)
    transceiver.tick(5.0)
    resp = frame(pdus.SUBMIT_SM_RESP, 2, message_id=b"1")
    late, again = transceiver.receive_data(resp + resp, 8.0)
    assert isinstance(late, Answered)
    assert (late.context, late.message_id, late.latency, late.late) == ("m", "1", 8.0, True)
    assert isinstance(again, Noticed)
    assert transceiver.window_used == 0


def test_only_so_many_given_up_requests_are_remembered() -> None:
    transceiver = bound(limits=replace(LIMITS, submit_timeout=5.0, window=GIVEN_UP_MAX + 1))
    for context in range(GIVEN_UP_MAX + 1):
        transceiver.submit(BODY, context, 0.0)
    assert transceiver.tick(5.0) == [TimedOut(context) for context in range(GIVEN_UP_MAX + 1)]
    forgotten, remembered = transceiver.receive_data(frame(pdus.SUBMIT_SM_RESP, 2) + frame(pdus.SUBMIT_SM_RESP, 3), 6.0)
    assert isinstance(forgotten, Noticed)
    assert isinstance(remembered, Answered)
    assert remembered.context == 1


# --- sequence numbers


def test_the_sequence_after_the_highest_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_SEQUENCE", 3)
    transceiver = bound()
    for context in "abc":
        transceiver.submit(BODY, context, 0.0)
    assert [pdu.sequence for pdu in sent(transceiver)] == [2, 3, 1]
    assert MAX_SEQUENCE == 0x7FFFFFFF


# --- deliver_sm


@pytest.mark.parametrize("command", [pdus.DELIVER_SM, pdus.DATA_SM])
@pytest.mark.parametrize("sequence", [0, 1, 0x80000001, 0xFFFFFFFF])
def test_an_arrived_message_is_answered_with_its_own_sequence_and_one_nul(command: int, sequence: int) -> None:
    transceiver = bound()
    (arrived,) = transceiver.receive_data(frame(command, sequence, source_addr=b"79000000000"), 1.0)
    assert isinstance(arrived, Arrived)
    assert transceiver.data_to_send() == b""
    transceiver.answer(arrived.pdu)
    assert transceiver.data_to_send() == frame(command | pdus.RESPONSE, sequence, message_id=b"")


def test_an_arrived_message_may_be_refused_for_now() -> None:
    transceiver = bound()
    (arrived,) = transceiver.receive_data(frame(pdus.DELIVER_SM, 9), 1.0)
    assert isinstance(arrived, Arrived)
    transceiver.answer(arrived.pdu, 0x14)
    assert [(pdu.command, pdu.status, pdu.sequence) for pdu in sent(transceiver)] == [(pdus.DELIVER_SM_RESP, 0x14, 9)]


def test_an_answer_after_the_end_goes_nowhere() -> None:
    transceiver = bound()
    (arrived,) = transceiver.receive_data(frame(pdus.DELIVER_SM, 9), 1.0)
    assert isinstance(arrived, Arrived)
    transceiver.disconnected("reset by peer", 2.0)
    transceiver.answer(arrived.pdu)
    assert transceiver.data_to_send() == b""


def test_a_session_tells_where_it_stands() -> None:
    transceiver = bound()
    transceiver.submit(BODY, "m", 0.0)
    assert repr(transceiver) == "<Session bound, window 1/3, sequence 2>"
