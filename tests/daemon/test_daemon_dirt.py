"""Bodies that no CRM should send, among good ones: each is answered or laid aside, and the good ones go."""

import json
from collections import Counter
from typing import Any

import pytest
from rig.crm import NUMBER
from rig.stage import Stage

GOOD = {"id": "x", "to": NUMBER, "text": "hi"}

UNREADABLE = {
    b"": "not-json",
    b"\xff\xfe\x00": "not-utf8",
    b'{"id": "x", "to"': "not-json",
    b"hello": "not-json",
    b"[" * 100_000: "not-json",
}
ANSWERED: list[tuple[Any, str]] = [
    ([], "body"),
    ("hi", "body"),
    (17, "body"),
    (None, "body"),
    ({}, "to"),
    ({"id": "x", "text": "hi"}, "to"),
    ({**GOOD, "id": 7}, "id"),
    ({**GOOD, "id": "x" * 129}, "id"),
    ({**GOOD, "to": 79000000000}, "to"),
    ({**GOOD, "text": ["hi"]}, "text"),
    ({**GOOD, "text": None}, "text"),
    ({**GOOD, "text": "x" * 200_000}, "text"),
    ({**GOOD, "text": "x" * 1_000_000}, "body"),
    ({**GOOD, "id": "y", "text": "я" * 500_000}, "body"),
    ({**GOOD, "text": "a\0b"}, "text"),
    ({**GOOD, "flash": 1}, "flash"),
    ({**GOOD, "max_segments": 2.5}, "max_segments"),
    ({**GOOD, "expires_at": 1_900_000_000}, "expires_at"),
    ({**GOOD, "tlvs": [1]}, "tlvs"),
]
SURROGATES = [
    (b'{"id": "s", "to": "+7 900 000 00 00", "text": "\\ud83d"}', "text"),
    (b'{"id": "\\udc00", "to": "+7 900 000 00 00", "text": "hi"}', "id"),
    (b'{"id": "s", "to": "\\ud83d", "text": "hi"}', "to"),
]


def test_dirt_is_answered_by_field_or_laid_aside_and_the_good_ones_go(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    answered = [*((json.dumps(body).encode(), field) for body, field in ANSWERED), *SURROGATES]
    dirt = [*UNREADABLE, *(body for body, _ in answered)]
    good = []
    for body in dirt:
        crm.publish("p", body)
        good.append(crm.send("good"))
    assert {result["status"] for result in crm.finals(good)} == {"sent"}
    crm.until(lambda: len(crm.dead) == len(UNREADABLE))
    rejected = crm.until(lambda: rejections(stage, len(answered)))
    assert Counter(result["detail"].partition(":")[0] for result in rejected) == Counter(field for _, field in answered)
    assert simulator.count() == len(good)
    assert daemon.term() == 0
    assert crm.waiting() == 0


def rejections(stage: Stage, n: int) -> list[dict[str, Any]] | None:
    """All rejections, once there are `n` of them."""
    found = [result for results in stage.crm.results.values() for result in results if result["status"] == "rejected"]
    return found if len(found) == n else None


def test_the_dead_queue_has_body_and_properties_untouched(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    properties = {
        "content_type": "text/plain",
        "correlation_id": "c",
        "message_id": "m",
        "reply_to": "nowhere",
        "app_id": "crm",
        "type": "odd",
        "priority": 3,
        "timestamp": 1_700_000_000,
        "headers": {"mine": [1, "two"]},
    }
    for body, reason in UNREADABLE.items():
        crm.publish("p.bulk", body, **properties)
        dead = crm.until(lambda: crm.dead and crm.dead.pop())
        headers = dead.properties.headers
        assert (dead.key, headers.pop("x-smsd-reason")) == ("p.bulk", reason)
        assert headers.pop("x-smsd-detail")
        assert {name: getattr(dead.properties, name) for name in properties} == properties
        assert dead.body == body


def test_json_without_an_id_is_rejected_with_null_and_a_result_id_of_its_own(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    for text in ("one", "two", "one"):
        crm.publish("p", {"to": NUMBER, "text": text})
    crm.until(lambda: len(crm.results[None]) == 3)
    one, two, again = crm.results[None]
    assert (one["status"], one["reason"], one["id"]) == ("rejected", "invalid-request", None)
    assert one["result_id"] == again["result_id"] != two["result_id"]


@pytest.mark.parametrize("content_type", ["text/plain", None, "application/octet-stream"])
def test_another_content_type_is_read_as_json_all_the_same(stage: Stage, content_type: str | None) -> None:
    stage.bound(stage.simulator())
    id = stage.crm.send(properties={"content_type": content_type})
    assert stage.crm.final(id)["status"] == "sent"


def test_unknown_fields_are_ignored_with_one_warning_a_name(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    crm = stage.crm
    assert {result["status"] for result in crm.finals(crm.send_many(3, colour="red"))} == {"sent"}
    assert [line.get("field") for line in daemon.log_lines() if line["event"] == "unknown_field"] == ["colour"]
