"""Handsets' messages as the CRM gets them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from smsd.core.assembler import Whole, publication
from smsd.core.mobile_originated import Ports

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
WHOLE = Whole("79000000001", "1234", "Да", "ucs2", "Да".encode("utf-16-be"), 1, False, ("token",))


def body(whole: Whole, received_at: float = NOON) -> dict[str, Any]:
    found = json.loads(publication(whole, "acme", "sms", received_at).body)
    assert isinstance(found, dict)
    return found


def identity(whole: Whole, received_at: float = NOON, provider: str = "acme") -> str:
    return publication(whole, provider, "sms", received_at).message_id


def test_the_body_is_that_of_the_contract() -> None:
    assert body(WHOLE) == {
        "inbound_id": identity(WHOLE),
        "provider": "acme",
        "from": "79000000001",
        "to": "1234",
        "text": "Да",
        "encoding": "ucs2",
        "parts": 1,
        "received_at": "2026-01-01T12:00:00.000Z",
    }


def test_it_goes_to_the_providers_key_of_the_inbound_exchange() -> None:
    found = publication(WHOLE, "acme", "sms", NOON)
    assert (found.exchange, found.key, found.type) == ("sms.inbound", "acme", "sms.inbound.v1")


def test_octets_go_along_where_the_text_does_not_say_them_all() -> None:
    assert body(replace(WHOLE, text="Д\ufffd", octets=b"\x04\x14\xd8", exact=False))["raw_hex"] == "0414d8"


def test_an_incomplete_message_and_application_ports_are_marked() -> None:
    found = body(replace(WHOLE, incomplete=True, ports=Ports(9200, 5)))
    assert found["incomplete"] is True
    assert found["ports"] == {"destination": 9200, "source": 5}


def test_a_repeat_within_the_minute_has_the_same_id() -> None:
    assert identity(WHOLE, NOON) == identity(WHOLE, NOON + 59)


def test_the_same_words_a_minute_later_are_another_message() -> None:
    assert identity(WHOLE, NOON) != identity(WHOLE, NOON + 60)


@pytest.mark.parametrize(
    "other", [{"sender": "79000000002"}, {"recipient": "4321"}, {"octets": b"\0y"}], ids=["sender", "recipient", "text"]
)
def test_another_handset_service_or_content_has_another_id(other: dict[str, Any]) -> None:
    assert identity(replace(WHOLE, **other)) != identity(WHOLE)


def test_another_provider_has_another_id() -> None:
    assert identity(WHOLE, provider="other") != identity(WHOLE)


def test_a_message_given_out_again_has_the_body_of_the_first_time() -> None:
    assert body(replace(WHOLE, age=300.0), NOON + 300) == body(WHOLE)


def test_one_handsets_messages_keep_their_order() -> None:
    first, second = (publication(replace(WHOLE, octets=octets), "acme", "sms", NOON) for octets in (b"1", b"2"))
    assert first.order == second.order != ""
    assert publication(replace(WHOLE, sender="79000000002"), "acme", "sms", NOON).order != first.order
