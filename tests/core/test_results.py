"""Result documents compared whole with contract.md, and what they are published under."""

import json
from typing import Any

import pytest
from rig.messages import message, request

from smsd.core.contract import result_id
from smsd.core.errors import ContractError
from smsd.core.message import ALL_SENT, IN_FLIGHT, REJECTED, SENT, UNCERTAIN, WAITING, Ending, Message
from smsd.core.publication import Publication
from smsd.core.results import rejection, result

RECEIVED, SENT_AT, NOW = 1_772_366_400.0, 1_772_366_400.5, 1_772_366_401.25
"""2026-03-01T12:00:00Z and after."""


def document(publication: Publication) -> dict[str, Any]:
    found = json.loads(publication.body)
    assert isinstance(found, dict)
    return found


def published(made: Message, ending: Ending) -> dict[str, Any]:
    return document(result(made, ending, "sms", NOW))


def refused(known: dict[str, Any], **changes: Any) -> Publication:
    given: dict[str, Any] = {
        "provider": "p",
        "prefix": "sms",
        "received_at": RECEIVED,
        "identity": "0" * 32,
        "correlation_id": None,
        "reply_to": None,
        "traceparent": None,
    }
    return rejection(ContractError("to", "has 3 digits", "bad-number"), known, **{**given, **changes})


def test_sent_in_full() -> None:
    asked = request(campaign="spring", callback={"n": [1, None]})
    made = message(SENT, SENT, asked=asked, sent_at=SENT_AT)
    made.parts[0].smsc_id, made.parts[0].smpp_status = "00AbC1", 0
    made.parts[1].smsc_id, made.parts[1].smpp_status = "00AbC2", 0
    ok = {"code": 0, "hex": "0x00", "name": "ESME_ROK"}
    publication = result(made, ALL_SENT, "sms", NOW)
    assert document(publication) == {
        "result_id": publication.message_id,
        "id": "order-1",
        "provider": "p",
        "campaign": "spring",
        "callback": {"n": [1, None]},
        "to": "+7 900 000 00 00",
        "from": "ACME",
        "status": "sent",
        "final": False,
        "reason": None,
        "detail": None,
        "permanent": False,
        "smpp_status": None,
        "encoding": "gsm7",
        "segments": 2,
        "segments_sent": 2,
        "parts": [
            {"n": 1, "smsc_id": "00AbC1", "status": "sent", "smpp_status": ok},
            {"n": 2, "smsc_id": "00AbC2", "status": "sent", "smpp_status": ok},
        ],
        "attempts": 1,
        "possible_duplicate": False,
        "corrects": None,
        "received_at": "2026-03-01T12:00:00.000Z",
        "sent_at": "2026-03-01T12:00:00.500Z",
        "done_at": None,
    }


def test_failed_partly_sent_in_full() -> None:
    made = message(SENT, REJECTED, WAITING, sender="", sent_at=SENT_AT, possible_duplicate=True, corrects="c0ffee")
    made.parts[0].smsc_id, made.parts[0].smpp_status = "77", 0
    made.parts[0].receipt = {"id": "77", "stat": "ENROUTE"}
    made.parts[1].smpp_status, made.parts[1].attempts = 88, 4
    throttled = {"code": 88, "hex": "0x58", "name": "ESME_RTHROTTLED"}
    publication = result(made, Ending("failed", "partly-sent", "only 1 of 3", False, 88), "sms", NOW)
    assert document(publication) == {
        "result_id": publication.message_id,
        "id": "order-1",
        "provider": "p",
        "campaign": None,
        "callback": None,
        "to": "+7 900 000 00 00",
        "from": "",
        "status": "failed",
        "final": True,
        "reason": "partly-sent",
        "detail": "only 1 of 3",
        "permanent": False,
        "smpp_status": throttled,
        "encoding": "gsm7",
        "segments": 3,
        "segments_sent": 1,
        "parts": [
            {
                "n": 1,
                "smsc_id": "77",
                "status": "sent",
                "smpp_status": {"code": 0, "hex": "0x00", "name": "ESME_ROK"},
                "receipt": {"id": "77", "stat": "ENROUTE"},
            },
            {"n": 2, "smsc_id": None, "status": "rejected", "smpp_status": throttled},
            {"n": 3, "smsc_id": None, "status": "waiting", "smpp_status": None},
        ],
        "attempts": 4,
        "possible_duplicate": True,
        "corrects": "c0ffee",
        "received_at": "2026-03-01T12:00:00.000Z",
        "sent_at": "2026-03-01T12:00:00.500Z",
        "done_at": "2026-03-01T12:00:01.250Z",
    }


def test_a_rejection_in_full() -> None:
    known = {"id": "order-1", "to": "123", "from": None, "campaign": "spring", "callback": [0]}
    publication = refused(known, correlation_id="c-1", reply_to="crm.answers", traceparent="00-01-02-01")
    assert document(publication) == {
        "result_id": "0" * 32,
        "id": "order-1",
        "provider": "p",
        "campaign": "spring",
        "callback": [0],
        "to": "123",
        "from": "",
        "status": "rejected",
        "final": True,
        "reason": "bad-number",
        "detail": "to: has 3 digits",
        "permanent": True,
        "smpp_status": None,
        "encoding": None,
        "segments": 0,
        "segments_sent": 0,
        "parts": [],
        "attempts": 0,
        "possible_duplicate": False,
        "corrects": None,
        "received_at": "2026-03-01T12:00:00.000Z",
        "sent_at": None,
        "done_at": "2026-03-01T12:00:00.000Z",
    }
    assert (publication.exchange, publication.key, publication.type) == ("sms.results", "p.rejected", "sms.result.v1")
    assert (publication.message_id, publication.correlation_id) == ("0" * 32, "c-1")
    assert (publication.headers, publication.reply_to) == ({"traceparent": "00-01-02-01"}, ("crm.answers",))


def test_a_rejection_has_the_fields_of_every_other_result() -> None:
    assert document(refused({})).keys() == published(message(SENT), ALL_SENT).keys()


def test_a_rejection_of_no_provider_goes_out_as_unknown_with_provider_null() -> None:
    publication = refused({"id": None}, provider=None)
    assert publication.key == "unknown.rejected"
    assert document(publication)["provider"] is None
    assert document(publication)["id"] is None
    assert publication.correlation_id is None


def test_a_request_can_end_as_something_else_than_rejected_before_it_is_a_message() -> None:
    publication = refused({"id": "order-1"}, status="expired", permanent=False)
    assert publication.key == "p.expired"
    assert (document(publication)["status"], document(publication)["permanent"]) == ("expired", False)


def test_a_result_is_published_under_provider_and_status_with_its_id() -> None:
    publication = result(message(SENT, traceparent="00-01-02-01", reply_to=("q1", "q2")), ALL_SENT, "acme", NOW)
    assert (publication.exchange, publication.key, publication.type) == ("acme.results", "p.sent", "sms.result.v1")
    assert (publication.correlation_id, publication.order) == ("order-1", "order-1")
    assert (publication.headers, publication.reply_to) == ({"traceparent": "00-01-02-01"}, ("q1", "q2"))


def test_the_callers_correlation_id_comes_back() -> None:
    assert result(message(SENT, correlation_id="c-1"), ALL_SENT, "sms", NOW).correlation_id == "c-1"


@pytest.mark.parametrize(
    "status",
    ["delivered", "undelivered", "expired", "rejected", "failed", "cancelled", "uncertain", "unconfirmed"],
)
def test_every_status_but_sent_is_final_and_done(status: str) -> None:
    made = message(SENT)
    shown = published(made, Ending(status))
    assert (shown["final"], shown["done_at"]) == (True, "2026-03-01T12:00:01.250Z")
    assert made.done_at == NOW


@pytest.mark.parametrize("asked", [True, False])
def test_sent_is_final_only_where_no_receipt_was_asked_for(asked: bool) -> None:
    made = message(SENT, receipt_asked=asked)
    shown = published(made, ALL_SENT)
    assert (shown["final"], shown["done_at"] is None, made.done_at is None) == (not asked, asked, asked)


def test_a_segment_on_its_way_is_shown_as_waiting() -> None:
    shown = published(message(UNCERTAIN, IN_FLIGHT), Ending("uncertain", "no-response"))
    assert [part["status"] for part in shown["parts"]] == ["uncertain", "waiting"]


# --- result_id


def test_the_same_request_and_status_have_the_same_result_id_whatever_else_differs() -> None:
    first = published(message(SENT), ALL_SENT)
    again = published(message(SENT, SENT, received_at=NOW, possible_duplicate=True), ALL_SENT)
    assert first["result_id"] == again["result_id"]


def test_another_status_another_request_and_a_correction_have_another_result_id() -> None:
    ids = {
        published(message(SENT), ALL_SENT)["result_id"],
        published(message(SENT), Ending("delivered"))["result_id"],
        published(message(SENT, asked=request(id="order-2")), ALL_SENT)["result_id"],
        published(message(SENT, corrects="c0ffee"), ALL_SENT)["result_id"],
    }
    assert len(ids) == 4


@pytest.mark.parametrize("status", ["rejected", "expired", "cancelled"])
def test_a_request_ends_under_the_same_result_id_in_its_lane_and_at_the_intake(status: str) -> None:
    """After a crash between result and ack the request comes again, and may end before it is a message."""
    assert published(message(WAITING), Ending(status))["result_id"] == result_id("order-1", status)
