"""How a session ends, and how it finds out that its peer is gone."""

from dataclasses import replace

import pytest
from session_peer import BODY, LIMITS, bound, connected, frame, header, sent

from smsd.core.errors import LocalProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu
from smsd.core.smpp.events import Answered, Arrived, Closed, Event, TimedOut
from smsd.core.smpp.session import UNBIND_TIMEOUT, Session
from smsd.core.smpp.states import State

IDLE = replace(LIMITS, submit_timeout=1_000.0)
ALWAYS = replace(IDLE, enquire_always=True)


def enquiries(session: Session) -> int:
    return sum(pdu.command == pdus.ENQUIRE_LINK for pdu in sent(session))


# --- enquire_link


def test_an_idle_session_asks_after_the_interval() -> None:
    idle = bound(now=100.0)
    assert idle.deadline() == 130.0
    assert (idle.tick(129.9), enquiries(idle)) == ([], 0)
    assert (idle.tick(130.0), enquiries(idle)) == ([], 1)
    assert idle.deadline() == 150.0
    assert (idle.tick(149.9), enquiries(idle)) == ([], 0)


def test_an_answered_enquiry_starts_the_interval_anew() -> None:
    idle = bound()
    idle.tick(30.0)
    assert idle.receive_data(frame(pdus.ENQUIRE_LINK_RESP, 2), 31.0) == []
    assert idle.deadline() == 61.0
    assert (idle.tick(60.9), enquiries(idle)) == ([], 1)
    assert (idle.tick(61.0), enquiries(idle)) == ([], 1)


def test_an_enquiry_without_answer_closes_the_session_with_its_open_requests() -> None:
    idle = bound(limits=IDLE)
    for context in "ab":
        idle.submit(BODY, context, 0.0)
    idle.tick(30.0)
    assert idle.tick(50.0) == [Closed("enquire_link was not answered", ("a", "b"), False)]
    assert (idle.state, idle.window_used, idle.unanswered(), idle.deadline()) == (State.CLOSED, 0, 0, None)


@pytest.mark.parametrize(
    "alive",
    [
        frame(pdus.ENQUIRE_LINK, 7),
        frame(pdus.DELIVER_SM, 7),
        frame(pdus.ALERT_NOTIFICATION, 7),
        frame(pdus.GENERIC_NACK, 0),
        header(pdus.DELIVER_SM, 7),  # it can't be read, but it came
    ],
)
def test_any_pdu_is_a_sign_of_life(alive: bytes) -> None:
    idle = bound()
    idle.tick(30.0)
    idle.receive_data(alive, 49.0)
    assert idle.deadline() == 79.0
    assert (idle.tick(50.0), idle.state) == ([], State.BOUND)


def test_half_a_pdu_is_no_sign_of_life() -> None:
    idle = bound()
    idle.tick(30.0)
    idle.receive_data(frame(pdus.DELIVER_SM, 7)[:20], 49.0)
    assert [type(event) for event in idle.tick(50.0)] == [Closed]


def test_inbound_traffic_puts_an_idle_enquiry_off_and_outbound_does_not() -> None:
    busy = bound(limits=IDLE)
    busy.receive_data(frame(pdus.DELIVER_SM, 7), 20.0)
    busy.submit(BODY, "m", 25.0)
    busy.data_to_send()
    assert busy.deadline() == 50.0
    assert (busy.tick(30.0), enquiries(busy)) == ([], 0)
    assert (busy.tick(50.0), enquiries(busy)) == ([], 1)


def test_with_always_the_enquiry_goes_out_under_traffic_too() -> None:
    busy = bound(limits=ALWAYS)
    busy.receive_data(frame(pdus.DELIVER_SM, 7), 29.0)
    assert (busy.deadline(), busy.tick(30.0), enquiries(busy)) == (30.0, [], 1)
    busy.receive_data(frame(pdus.ENQUIRE_LINK_RESP, 2), 31.0)
    assert (busy.deadline(), busy.tick(60.0), enquiries(busy)) == (60.0, [], 1)


def test_with_always_the_first_interval_begins_with_the_connection() -> None:
    busy = connected(now=100.0, limits=ALWAYS)
    busy.receive_data(frame(pdus.BIND_TRANSCEIVER_RESP), 105.0)
    assert busy.deadline() == 130.0


def test_the_peers_enquiry_is_answered_with_its_sequence() -> None:
    for session in (connected(), bound()):
        assert session.receive_data(frame(pdus.ENQUIRE_LINK, 0x1625D269), 1.0) == []
        assert session.data_to_send() == frame(pdus.ENQUIRE_LINK_RESP, 0x1625D269)


def test_a_session_that_binds_asks_nothing() -> None:
    binding = connected(limits=replace(LIMITS, bind_timeout=100.0))
    assert (binding.deadline(), binding.tick(60.0), enquiries(binding)) == (100.0, [], 0)


def test_an_overdue_request_is_told_before_the_session_closes() -> None:
    session = bound(limits=replace(LIMITS, submit_timeout=50.0))
    session.submit(BODY, "old", 0.0)
    session.tick(30.0)
    session.submit(BODY, "young", 30.0)
    assert session.tick(50.0) == [
        TimedOut("old"),
        Closed("enquire_link was not answered", ("young",), False),
    ]


# --- unbind


def test_our_unbind_is_over_with_its_answer() -> None:
    session = bound()
    session.unbind(10.0)
    assert [(pdu.command, pdu.sequence) for pdu in sent(session)] == [(pdus.UNBIND, 2)]
    assert (session.state, session.room()) == (State.UNBINDING, 0)
    assert session.receive_data(frame(pdus.UNBIND_RESP, 2), 10.1) == [Closed("unbound", (), False)]
    assert session.state is State.CLOSED


def test_an_unbind_without_answer_is_over_after_its_timeout() -> None:
    session = bound()
    session.submit(BODY, "m", 9.0)
    session.unbind(10.0)
    assert session.deadline() == 10.0 + UNBIND_TIMEOUT
    assert session.tick(10.0) == []
    assert session.tick(10.0 + UNBIND_TIMEOUT) == [Closed("unbind was not answered", ("m",), False)]


def test_requests_are_still_answered_after_our_unbind() -> None:
    session = bound()
    session.submit(BODY, "a", 9.0)
    session.submit(BODY, "b", 9.0)
    session.unbind(10.0)
    events = session.receive_data(frame(pdus.SUBMIT_SM_RESP, 2, message_id=b"1") + frame(pdus.UNBIND_RESP, 4), 11.0)
    pdu = Pdu(pdus.SUBMIT_SM_RESP, 0, 2, {"message_id": b"1"})
    assert events == [Answered("a", 0, "1", pdu, 2.0, False), Closed("unbound", ("b",), False)]


def test_a_message_that_arrives_after_our_unbind_is_still_answered() -> None:
    session = bound()
    session.unbind(10.0)
    session.data_to_send()
    (arrived,) = session.receive_data(frame(pdus.DELIVER_SM, 7), 10.1)
    assert isinstance(arrived, Arrived)
    session.answer(arrived.pdu)
    assert session.data_to_send() == frame(pdus.DELIVER_SM_RESP, 7)


def test_after_our_unbind_nothing_more_is_submitted() -> None:
    session = bound()
    session.unbind(10.0)
    with pytest.raises(LocalProtocolError, match="needs a bind that may send"):
        session.submit(BODY, "m", 10.0)
    with pytest.raises(LocalProtocolError, match="can't go on with: unbind sent"):
        session.unbind(10.0)


@pytest.mark.parametrize("unbinding", [False, True])
def test_the_peers_unbind_is_answered_and_closes_the_session_with_its_open_requests(unbinding: bool) -> None:
    session = bound()
    for context in "ab":
        session.submit(BODY, context, 0.0)
    if unbinding:
        session.unbind(1.0)
    session.data_to_send()
    events = session.receive_data(frame(pdus.UNBIND, 0x569D3E36), 2.0)
    assert events == [Closed("the provider sent unbind", ("a", "b"), True)]
    assert session.data_to_send() == frame(pdus.UNBIND_RESP, 0x569D3E36)


def test_the_peers_unbind_before_its_bind_resp_closes_the_session() -> None:
    session = connected()
    assert session.receive_data(frame(pdus.UNBIND, 5), 2.0) == [Closed("the provider sent unbind", (), True)]
    assert session.data_to_send() == frame(pdus.UNBIND_RESP, 5)


# --- the connection goes


def test_a_lost_connection_gives_back_the_open_requests_oldest_first() -> None:
    session = bound()
    for context in "abc":
        session.submit(BODY, context, 0.0)
    session.receive_data(frame(pdus.SUBMIT_SM_RESP, 3), 1.0)
    assert session.disconnected("reset by peer", 2.0) == [Closed("reset by peer", ("a", "c"), True)]


def test_a_session_closes_once() -> None:
    session = bound()
    session.disconnected("reset by peer", 2.0)
    assert session.disconnected("reset by peer", 3.0) == []


def test_a_request_given_up_before_is_not_lost_again() -> None:
    session = bound(limits=replace(LIMITS, submit_timeout=5.0))
    session.submit(BODY, "m", 0.0)
    assert session.tick(5.0) == [TimedOut("m")]
    assert session.disconnected("reset by peer", 6.0) == [Closed("reset by peer", (), True)]


def closing_events(session: Session, octets: bytes) -> list[Event]:
    events = session.receive_data(octets, 1.0)
    session.data_to_send()
    return events


@pytest.mark.parametrize("behind", [frame(pdus.ENQUIRE_LINK, 9), frame(pdus.DELIVER_SM, 9), b"\xff" * 20, b"\r\n"])
def test_nothing_means_anything_behind_the_peers_unbind(behind: bytes) -> None:
    end = [Closed("the provider sent unbind", (), True)]
    together, apart = bound(), bound()
    assert closing_events(together, frame(pdus.UNBIND, 5) + behind) == end
    assert closing_events(apart, frame(pdus.UNBIND, 5)) == end
    assert apart.receive_data(behind, 2.0) == []
    assert apart.data_to_send() == b""
