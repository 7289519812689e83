"""Every status of the contract that one message can end with, as the CRM reads it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rig import rabbit
from rig.crm import NUMBER, Crm
from rig.daemon import provider
from rig.stage import Stage

ACCEPTED = {"code": 0, "hex": "0x00", "name": "ESME_ROK"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

RULES = {
    "errors": [
        {"text": "forbidden", "status": "0x400"},
        {"text": "busy", "status": "0x64"},
        {"text": "second half bad|nowhere", "status": "0x0B"},
    ],
    "receipts": {
        "delay": 0,
        "rules": [
            {"text": "never", "stat": None},
            {"text": "later", "stat": "ENROUTE"},
            {"text": "switched off", "stat": "UNDELIV", "err": "001"},
            {"text": "too old", "stat": "EXPIRED", "err": "027"},
            {"text": "unwanted", "stat": "REJECTD", "err": "008"},
        ],
    },
}
PROVIDERS: dict[str, dict[str, Any]] = {
    "p": {"senders": ["ACME", "SHOP"]},
    "receipted": {"receipts": True},
    "impatient": {"receipts": True, "receipt_wait": "1s"},
    "failing": {"retries": {"max_age": "700ms", "delays": ["200ms"]}},
}


@pytest.fixture(scope="module")
def world(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """One daemon for all the tests here; a login for each provider."""
    stage = Stage(broker_url, rabbit.unique_prefix(), tmp_path_factory.mktemp("results"))
    try:
        simulator = stage.simulator(**RULES)
        given = {n: provider(simulator.port, **{"system_id": n, **more}) for n, more in PROVIDERS.items()}
        daemon = stage.daemon(given)
        daemon.bound()
        yield SimpleNamespace(simulator=simulator, daemon=daemon, crm=stage.crm)
    finally:
        stage.close()


@pytest.fixture
def crm(world: SimpleNamespace) -> Crm:
    return world.crm


def at(seconds: float) -> str:
    """A time of the contract, that many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def split_times(result: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str | None]]:
    """A result without its three times, and these."""
    times = {name: result[name] for name in ("received_at", "sent_at", "done_at")}
    assert all(value is None or TIME.fullmatch(value) for value in times.values()), times
    return {name: value for name, value in result.items() if name not in times}, times


def nothing_sent(id: str, reason: str, detail: str) -> dict[str, Any]:
    """A rejection as a whole document, apart from result_id and times."""
    return {
        "id": id, "provider": "p", "campaign": None, "callback": None, "to": NUMBER, "from": "", "status": "rejected",
        "final": True, "reason": reason, "detail": detail, "permanent": True, "smpp_status": None, "encoding": None,
        "segments": 0, "segments_sent": 0, "parts": [], "attempts": 0, "possible_duplicate": False, "corrects": None,
    }  # fmt: skip


def test_a_message_without_receipt_ends_as_sent(crm: Crm) -> None:
    id = crm.send("hello", campaign="autumn", callback={"order": [1, None, "ё"]})
    body, times = split_times(crm.final(id))
    assert body == {
        "result_id": body["result_id"], "id": id, "provider": "p", "campaign": "autumn",
        "callback": {"order": [1, None, "ё"]}, "to": NUMBER, "from": "ACME", "status": "sent", "final": True,
        "reason": None, "detail": None, "permanent": False, "smpp_status": None, "encoding": "gsm7", "segments": 1,
        "segments_sent": 1, "attempts": 1, "possible_duplicate": False, "corrects": None, "host": body["host"],
        "parts": [{"n": 1, "smsc_id": body["parts"][0]["smsc_id"], "status": "sent", "smpp_status": ACCEPTED}],
    }  # fmt: skip
    assert re.fullmatch(r"127\.0\.0\.1:\d+", body["host"])
    assert re.fullmatch(r"\d+", body["parts"][0]["smsc_id"])
    assert all(times.values())


def test_a_result_carries_the_callers_correlation_and_trace(crm: Crm) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    named = crm.send(properties={"correlation_id": "abc", "headers": {"traceparent": trace}})
    plain = crm.send()
    crm.finals([named, plain])
    by_id = {message.body["id"]: message for message in crm.messages}
    properties = by_id[named].properties
    assert by_id[named].key == "p.sent"
    assert properties.message_id == by_id[named].body["result_id"]
    assert (properties.correlation_id, properties.headers["traceparent"]) == ("abc", trace)
    assert (properties.type, properties.content_type, properties.delivery_mode) == (
        "sms.result.v1",
        "application/json",
        2,
    )
    assert by_id[plain].properties.correlation_id == plain


def test_reply_to_gets_a_copy_of_the_result(crm: Crm) -> None:
    with rabbit.connect(crm.url) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        id = crm.send(properties={"reply_to": queue})
        copy = rabbit.drain(connection, queue, until=1)[0].body
    assert copy == crm.final(id)


def test_the_message_id_stands_in_for_a_missing_id(crm: Crm) -> None:
    crm.publish("p", {"to": NUMBER, "text": "hi"}, message_id="from-amqp")
    assert crm.final("from-amqp")["status"] == "sent"


def test_a_receipted_message_is_sent_and_then_delivered(crm: Crm) -> None:
    id = crm.send("hi", "receipted")
    delivered = crm.final(id)
    sent, ended = crm.results[id]
    assert (sent["status"], sent["final"], sent["done_at"]) == ("sent", False, None)
    assert ended is delivered
    assert (delivered["status"], delivered["reason"], delivered["corrects"]) == ("delivered", None, None)
    assert sent["result_id"] != delivered["result_id"]
    receipt = delivered["parts"][0]["receipt"]
    assert (receipt["id"], receipt["stat"]) == (delivered["parts"][0]["smsc_id"], "DELIVRD")


def test_receipt_false_in_the_request_asks_for_none(world: SimpleNamespace, crm: Crm) -> None:
    assert crm.final(crm.send("no receipt", "receipted", receipt=False))["status"] == "sent"
    submit = next(each for each in world.simulator.submits() if each["text"] == "no receipt")
    assert submit["registered_delivery"] == 0


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("switched off", "undelivered", "delivery-failed"),
        ("too old", "expired", "expired"),
        ("unwanted", "undelivered", "delivery-failed"),
    ],
)
def test_a_bad_receipt_ends_the_message(crm: Crm, text: str, status: str, reason: str) -> None:
    result = crm.final(crm.send(text, "receipted"))
    assert (result["status"], result["reason"], result["segments_sent"]) == (status, reason, 1)
    assert result["parts"][0]["status"] == status
    assert result["parts"][0]["receipt"]["stat"] in result["detail"]


def test_an_intermediate_receipt_ends_nothing(crm: Crm) -> None:
    id = crm.send("later", "impatient")
    assert crm.final(id)["status"] == "unconfirmed"
    assert [result["status"] for result in crm.results[id]] == ["sent", "unconfirmed"]


def test_without_a_receipt_within_receipt_wait_it_is_unconfirmed(crm: Crm) -> None:
    result = crm.final(crm.send("never", "impatient"))
    assert (result["status"], result["final"], result["segments_sent"]) == ("unconfirmed", True, 1)
    assert "receipt_wait" in result["detail"]


@pytest.mark.parametrize(
    ("field", "wrong", "reason", "detail"),
    [
        ("from", "NOBODY", "sender-not-allowed", "from"),
        ("from", "x" * 21, "invalid-request", "from"),
        ("to", "12", "bad-number", "to"),
        ("to", "call me", "bad-number", "to"),
        ("text", "", "invalid-request", "text"),
        ("text", "a\0b", "text-not-encodable", "text"),
        ("encoding", "klingon", "invalid-request", "encoding"),
        ("max_segments", 0, "invalid-request", "max_segments"),
        ("on_uncertain", "maybe", "invalid-request", "on_uncertain"),
        ("expires_at", "tomorrow", "invalid-request", "expires_at"),
        ("receipt", "yes", "invalid-request", "receipt"),
        ("tlvs", {"0x1401": "zz"}, "invalid-request", "tlvs"),
        ("callback", "x" * 1100, "invalid-request", "callback"),
        ("campaign", "x" * 129, "invalid-request", "campaign"),
    ],
)
def test_a_wrong_field_is_rejected_by_name(crm: Crm, field: str, wrong: Any, reason: str, detail: str) -> None:
    result = crm.final(crm.send(**{"text": "hi", field: wrong}))
    assert (result["status"], result["reason"], result["attempts"]) == ("rejected", reason, 0)
    assert result["detail"].startswith(f"{detail}: ")


def test_a_rejection_is_a_whole_result(crm: Crm) -> None:
    id = crm.send(expires_at=at(60), send_after=at(120))
    body, times = split_times(crm.final(id))
    result_id = body.pop("result_id")
    assert re.fullmatch(r"[0-9a-f]+", result_id)
    assert body == nothing_sent(id, "invalid-request", body["detail"])
    assert body["detail"].startswith("send_after: ")
    assert times["sent_at"] is None


def test_a_forced_encoding_that_does_not_fit_is_rejected(crm: Crm) -> None:
    result = crm.final(crm.send("Привет", encoding="gsm7"))
    assert (result["status"], result["reason"]) == ("rejected", "text-not-encodable")


def test_a_text_of_too_many_segments_is_rejected(crm: Crm) -> None:
    ids = [crm.send("x" * 400, max_segments=2), crm.send("x" * 5000)]
    assert [(result["status"], result["reason"]) for result in crm.finals(ids)] == [("rejected", "too-long")] * 2


@pytest.mark.parametrize("key", ["nobody", "nobody.urgent", "p.express", "p.urgent.now", ""])
def test_a_key_of_no_queue_is_rejected(crm: Crm, key: str) -> None:
    id = crm.send("hi", key)
    result = crm.final(id)
    known = key.startswith("p.")
    assert result["status"] == "rejected"
    assert result["reason"] == ("invalid-request" if known else "unknown-provider")
    assert result["provider"] == ("p" if known else None)
    routed = next(message.key for message in crm.messages if message.body.get("id") == id)
    assert routed == ("p.rejected" if known else "unknown.rejected")


@pytest.mark.parametrize(
    ("text", "reason", "status"),
    [
        ("forbidden", "refused-by-provider", {"code": 0x400, "hex": "0x400"}),
        ("nowhere", "refused-by-provider", {"code": 11, "hex": "0x0B", "name": "ESME_RINVDSTADR"}),
    ],
)
def test_a_permanent_refusal_is_rejected_with_its_status(
    crm: Crm, text: str, reason: str, status: dict[str, Any]
) -> None:
    result = crm.final(crm.send(text))
    assert (result["status"], result["reason"], result["permanent"]) == ("rejected", reason, True)
    assert status.items() <= result["smpp_status"].items()
    assert result["parts"] == [{"n": 1, "smsc_id": None, "status": "rejected", "smpp_status": result["smpp_status"]}]
    assert (result["attempts"], result["segments_sent"], result["sent_at"]) == (1, 0, None)


def test_a_refusal_that_outlives_max_age_fails(crm: Crm) -> None:
    result = crm.final(crm.send("busy", "failing"))
    assert (result["status"], result["permanent"], result["smpp_status"]["code"]) == ("failed", False, 0x64)
    assert 3 <= result["attempts"] <= 6
    assert "retries.max_age" in result["detail"]


def test_a_message_of_which_only_some_segments_were_accepted_is_partly_sent(crm: Crm) -> None:
    result = crm.final(crm.send("first half good" + "." * 140 + "second half bad"))
    assert (result["status"], result["reason"], result["segments_sent"]) == ("failed", "partly-sent", 1)
    assert [part["status"] for part in result["parts"]] == ["sent", "rejected"]


def test_what_has_expired_is_not_sent(world: SimpleNamespace, crm: Crm) -> None:
    result = crm.final(crm.send("stale", expires_at=at(-1)))
    assert (result["status"], result["reason"], result["attempts"]) == ("expired", "expired", 0)
    assert "stale" not in world.simulator.texts()


def test_expires_at_is_also_the_validity_period(world: SimpleNamespace, crm: Crm) -> None:
    crm.final(crm.send("valid", expires_at="2099-01-02T03:04:05Z"))
    submit = next(each for each in world.simulator.submits() if each["text"] == "valid")
    assert submit["validity_period"] == "990102030405000+"


def test_the_result_id_is_told_by_request_and_status(crm: Crm) -> None:
    ids = [crm.send("hi", "receipted"), crm.send("hi", "receipted")]
    crm.finals(ids)
    assert len({result["result_id"] for id in ids for result in crm.results[id]}) == 4
