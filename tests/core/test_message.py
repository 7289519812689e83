"""When a message has ended, and as what: from the states of its segments and the decisions taken about it."""

from typing import Any

import pytest
from rig.messages import message

from smsd.core.message import IN_FLIGHT, REJECTED, SENT, UNCERTAIN, WAITING, Ending, Message, Part, parts_of

REFUSED = Ending("rejected", "refused-by-provider", "ESME_RINVDSTADR: check the number", True, 0x0B)


def received(part: Part, status: str, **receipt: Any) -> None:
    part.status, part.receipt = status, receipt


class Delivery:
    def __init__(self, reply_to: str | None) -> None:
        self.reply_to = reply_to


# --- the end


@pytest.mark.parametrize(
    "waiting",
    [
        message(WAITING),
        message(IN_FLIGHT),
        message(SENT, WAITING),
        message(SENT, IN_FLIGHT),
        message(REJECTED, IN_FLIGHT),
        message(UNCERTAIN, IN_FLIGHT),
    ],
    ids=repr,
)
def test_nothing_is_concluded_while_a_segment_waits_or_is_on_its_way(waiting: Message) -> None:
    assert waiting.conclusion() is None
    waiting.ending = REFUSED
    assert waiting.conclusion() is None


@pytest.mark.parametrize("statuses", [(SENT,), (SENT, SENT), (SENT, "delivered"), ("undelivered", SENT)])
def test_sent_is_when_the_provider_accepted_every_segment_even_if_receipts_were_faster(statuses: tuple[str]) -> None:
    assert message(*statuses).conclusion() == Ending("sent")


def test_the_first_decision_stands_and_nothing_more_is_handed_over() -> None:
    made = message(WAITING, WAITING)
    made.end(REFUSED)
    made.end(Ending("cancelled", "cancelled"))
    assert made.todo == []
    assert made.conclusion() == REFUSED


def test_a_refusal_waits_for_the_answers_of_the_other_segments() -> None:
    made = message(REJECTED, IN_FLIGHT)
    made.end(REFUSED)
    assert made.conclusion() is None
    made.parts[1].status, made.in_flight = REJECTED, 0
    assert made.conclusion() == REFUSED


@pytest.mark.parametrize("status", ["rejected", "failed", "expired", "cancelled"])
def test_an_end_after_some_segments_were_accepted_is_failed_partly_sent(status: str) -> None:
    made = message(SENT, REJECTED, WAITING)
    made.end(Ending(status, "any", "why it ended", True, 0x0B))
    detail = "only 1 of 3 segments were accepted: why it ended"
    assert made.conclusion() == Ending("failed", "partly-sent", detail, True, 0x0B)


def test_a_segment_that_may_be_out_makes_the_message_uncertain_whatever_else_was_decided() -> None:
    made = message(UNCERTAIN, REJECTED)
    made.end(REFUSED)
    ending = made.conclusion()
    assert ending is not None
    assert (ending.status, ending.reason, ending.permanent) == ("uncertain", "no-response", False)


def test_the_reason_of_uncertainty_is_kept() -> None:
    for made in (message(UNCERTAIN), message(SENT, UNCERTAIN, WAITING)):
        made.end(lost := Ending("uncertain", "connection-lost", "segment 1: the link was lost"))
        assert made.conclusion() == lost


def test_a_message_of_several_segments_none_decided_and_one_refused_goes_on() -> None:
    assert message(SENT, REJECTED).conclusion() is None
    assert message(REJECTED).conclusion() is None


# --- the receipts


def test_delivered_is_only_when_all_segments_are() -> None:
    made = message(SENT, SENT)
    received(made.parts[0], "delivered", stat="DELIVRD")
    assert made.receipt_verdict() is None
    received(made.parts[1], "delivered", stat="DELIVRD")
    assert made.receipt_verdict() == Ending("delivered")


@pytest.mark.parametrize(("status", "reason"), [("undelivered", "delivery-failed"), ("expired", "expired")])
def test_the_first_bad_segment_ends_it(status: str, reason: str) -> None:
    made = message(SENT, SENT, SENT)
    received(made.parts[0], "delivered", stat="DELIVRD")
    received(made.parts[1], status, stat="UNDELIV", err="069")
    ending = made.receipt_verdict()
    assert ending is not None
    assert (ending.status, ending.reason) == (status, reason)
    assert ending.detail is not None
    assert ending.detail.startswith("the receipt of segment 2 says UNDELIV, err 069:")


def test_a_receipt_without_text_is_told_by_its_message_state() -> None:
    made = message(SENT)
    received(made.parts[0], "undelivered", state=5)
    ending = made.receipt_verdict()
    assert ending is not None
    assert "says message_state 5:" in (ending.detail or "")


def test_a_receipt_that_is_not_final_ends_nothing() -> None:
    made = message(SENT)
    received(made.parts[0], SENT, stat="ENROUTE")
    assert made.receipt_verdict() is None


# --- counts


def test_segments_sent_are_those_accepted_and_a_payload_counts_as_all_of_its() -> None:
    assert message(SENT, "delivered", REJECTED, WAITING, UNCERTAIN, IN_FLIGHT).segments_sent == 2
    assert message(SENT, cost=4).segments_sent == 4


def test_attempts_are_the_most_that_any_segment_had() -> None:
    made = message(SENT, SENT, WAITING)
    assert (made.attempts, made.touched) == (1, True)
    made.parts[1].attempts = 3
    assert made.attempts == 3
    assert (message(WAITING).attempts, message(WAITING).touched) == (0, False)


def test_segments_are_numbered_from_one() -> None:
    parts = parts_of([b"a", b"b"])
    assert [(part.n, part.body, part.cost, part.status) for part in parts] == [
        (1, b"a", 1, WAITING),
        (2, b"b", 1, WAITING),
    ]


# --- copies of its request


def test_a_copy_is_acked_with_it_and_its_reply_queue_hears_too_once() -> None:
    made = message(WAITING)
    copies = [Delivery("q1"), Delivery(None), Delivery("q2"), Delivery("q1"), Delivery("")]
    for copy in copies:
        made.attach(copy)
    assert made.deliveries == copies
    assert made.reply_to == ("q1", "q2")


def test_its_repr_shows_where_it_stands_and_neither_number_nor_text() -> None:
    made = message(SENT, WAITING)
    assert repr(made) == "<Message order-1 to p: no result, parts sent,waiting>"
    made.status = "failed"
    assert repr(made) == "<Message order-1 to p: failed, parts sent,waiting>"
