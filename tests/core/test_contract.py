"""Requests read as contract.md wants them: what is taken, what is refused and how the refusal helps, and identities."""

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.contract import (
    BODY_MAX,
    Refused,
    SendRequest,
    Unreadable,
    drop_unknown_fields,
    dumps,
    epoch,
    fingerprint,
    read_request,
    result_id,
    timestamp,
)

GOOD: dict[str, Any] = {"id": "order-1", "to": "+7 900 000 00 00", "text": "Код 1234"}


def octets(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def refusal(body: bytes, message_id: str | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        read_request(body, message_id)
    return caught.value


# --- what is taken


def test_a_request_of_the_required_fields_alone_has_the_contracts_defaults() -> None:
    assert read_request(octets(), None).model_dump(by_alias=True) == {
        **GOOD,
        "from": None,
        "encoding": "auto",
        "flash": False,
        "expires_at": None,
        "send_after": None,
        "receipt": None,
        "max_segments": None,
        "on_uncertain": None,
        "campaign": None,
        "tlvs": None,
        "callback": None,
    }


def test_every_field_of_the_contract_is_read() -> None:
    given_ = {
        "from": "ACME",
        "encoding": "ucs2",
        "flash": True,
        "expires_at": "2026-03-01T15:00:00+03:00",
        "send_after": "2026-03-01T11:59:59.500Z",
        "receipt": False,
        "max_segments": 3,
        "on_uncertain": "resend",
        "campaign": "spring",
        "tlvs": {"0x1401": "0A0b", "5122": ""},
        "callback": {"order": [1, None, "x"]},
    }
    assert read_request(octets(**given_), None).model_dump(by_alias=True) == {
        **GOOD,
        **given_,
        "expires_at": 1772366400.0,
        "send_after": 1772366399.5,
        "tlvs": ((0x1401, b"\x0a\x0b"), (0x1402, b"")),
    }


@pytest.mark.parametrize("name", ["id", "from", "encoding", "flash", "expires_at", "receipt", "max_segments", "tlvs"])
def test_null_in_an_optional_field_is_as_good_as_leaving_it_out(name: str) -> None:
    assert read_request(octets(**{name: None}), "m-1").to == GOOD["to"]


def test_the_message_id_stands_in_for_an_absent_id_only() -> None:
    absent = {name: value for name, value in GOOD.items() if name != "id"}
    assert read_request(json.dumps(absent).encode(), "amqp-7").id == "amqp-7"
    assert read_request(octets(id=None), "amqp-7").id == "amqp-7"
    assert read_request(octets(), "amqp-7").id == "order-1"


def test_a_byte_order_mark_changes_nothing() -> None:
    assert read_request(b"\xef\xbb\xbf" + octets(), None) == read_request(octets(), None)


def test_unknown_fields_are_ignored_and_named() -> None:
    request = read_request(octets(priority=9, sender="EVIL"), None)
    assert request.sender is None
    assert set(drop_unknown_fields(request)) == {"priority", "sender"}
    assert drop_unknown_fields(request) == []
    assert not request.model_extra


LONG = "x" * BODY_MAX


@pytest.mark.parametrize(
    ("body", "message_id", "known"),
    [
        (octets(more=LONG), None, "order-1"),
        (b' { "a" : 1.5e3, "b": null,"c":"\\"id\\"", "id" : "o\\u002d1" , "x": "' + LONG.encode(), None, "o-1"),
        (b"\xff" * (BODY_MAX + 1), "m1", "m1"),
        (b'{"id": "' + b"i" * 129 + b'"' + b" " * BODY_MAX, "m1", "m1"),
    ],
    ids=range(4),
)
def test_a_body_that_is_too_long_is_not_read_but_answered(body: bytes, message_id: str | None, known: str) -> None:
    with pytest.raises(Refused) as refused:
        read_request(body, message_id)
    assert (refused.value.known["id"], refused.value.field, refused.value.reason) == (known, "body", "invalid-request")
    assert refused.value.sentence == f"has {len(body)} octets: {BODY_MAX} are the most"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [1], "id": "x", ' + LONG.encode(),
        b'{"id": 7, ' + LONG.encode(),
        b'{"id": "\\ud800", ' + LONG.encode(),
        b'{"a": ' + b"[" * BODY_MAX,
        b'{"' + b'\\"' * BODY_MAX,
    ],
    ids=range(5),
)
def test_a_body_that_is_too_long_and_tells_no_id_at_a_glance_is_laid_aside(body: bytes) -> None:
    with pytest.raises(Unreadable) as unreadable:
        read_request(body, None)
    assert unreadable.value.reason == "too-long"


@pytest.mark.parametrize("length", [1, 128])
def test_an_id_may_have_1_to_128_characters(length: int) -> None:
    assert read_request(octets(id="я" * length), None).id == "я" * length


@pytest.mark.parametrize("callback", ["x" * 1022, "\ud800", [[[]]], 0, False, {"a": 1e300}])
def test_a_callback_is_any_json_of_at_most_1_kib(callback: Any) -> None:
    assert read_request(octets(callback=callback), None).callback == callback


# --- what is refused

TIME = "must be a time like 2026-03-01T12:00:00Z"
TLVS = 'must be an object like {"0x1401": "0a0b"}: a tag and its octets in hex'
TLVS_BOUND = "must have at most 16 KiB in all, so that they fit into a PDU"
TLV_BOUNDS = "a tag must be from 0x0001 to 0xFFFF, a value at most 1024 octets"
SEGMENTS = "must be a whole number from 1 to 255"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("id", 1, "must be a string, not a number"),
        ("id", "", "must not be empty"),
        ("id", "x" * 129, "must have at most 128 characters, this one has 129"),
        ("to", None, "must be a string, not null"),
        ("to", 79000000000, "must be a string, not a number"),
        ("text", "", "must not be empty"),
        ("text", ["x"], "must be a string, not a list"),
        ("from", "x" * 21, "must have at most 20 characters, this one has 21"),
        ("from", {}, "must be a string, not an object"),
        ("encoding", 8, "must be a string, not a number"),
        ("flash", 1, "must be true or false, not a number"),
        ("flash", "yes", "must be true or false, not a string"),
        ("receipt", "no", "must be true or false, not a string"),
        ("expires_at", 1772366400, TIME),
        ("expires_at", "soon", TIME),
        ("send_after", "2026-02-30T00:00:00Z", TIME),
        ("send_after", "2026-03-01T12:00:00", "must say its zone, as in 2026-03-01T12:00:00Z"),
        ("max_segments", 0, SEGMENTS),
        ("max_segments", 256, SEGMENTS),
        ("max_segments", 2.5, SEGMENTS),
        ("max_segments", "3", SEGMENTS),
        ("max_segments", True, SEGMENTS),
        ("max_segments", 10**30, SEGMENTS),
        ("on_uncertain", "retry", "must be report or resend"),
        ("campaign", "c" * 129, "must have at most 128 characters, this one has 129"),
        ("campaign", "\ud800", "holds a lone surrogate: send whole characters"),
        ("tlvs", ["0x1401"], TLVS),
        ("tlvs", {"tag": "00"}, TLVS),
        ("tlvs", {"0x1401": "0"}, TLVS),
        ("tlvs", {"0x1401": 5}, TLVS),
        ("tlvs", {"0": "00"}, TLV_BOUNDS),
        ("tlvs", {"0x10000": "00"}, TLV_BOUNDS),
        ("tlvs", {"0x1401": "00" * 1025}, TLV_BOUNDS),
        (
            "tlvs",
            {hex(tag): "00" * 1024 for tag in range(1, 17)},
            "must have at most 16 KiB in all, so that they fit into a PDU",
        ),
        ("to", "7" * 129, "must have at most 128 characters, this one has 129"),
        ("encoding", "e" * 65, "must have at most 64 characters, this one has 65"),
        ("callback", "x" * 1023, "must be at most 1 KiB of JSON"),
        ("callback", [math.nan], "must not hold NaN or Infinity, which are not JSON"),
        ("callback", {"a": -math.inf}, "must not hold NaN or Infinity, which are not JSON"),
    ],
)
def test_a_refusal_names_the_field_and_what_it_must_be(field: str, value: Any, sentence: str) -> None:
    refused = refusal(octets(**{field: value}))
    assert (refused.field, refused.sentence, refused.reason) == (field, sentence, "invalid-request")


@pytest.mark.parametrize("field", ["to", "text"])
def test_what_is_required_and_missing_is_named(field: str) -> None:
    refused = refusal(json.dumps({name: value for name, value in GOOD.items() if name != field}).encode())
    assert (refused.field, refused.sentence) == (field, "is missing: it is required")


@pytest.mark.parametrize("message_id", [None, "", "x" * 129])
def test_a_request_without_any_id_is_refused(message_id: str | None) -> None:
    refused = refusal(octets(id=None), message_id)
    assert refused.field == "id"
    assert "give each request its own" in refused.sentence
    assert refused.known["id"] is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\0b", "holds U+0000: leave it out"),
        ("ab\ud83d", "holds a lone surrogate at character 3: send whole characters"),
        ("\ude00", "holds a lone surrogate at character 1: send whole characters"),
    ],
)
def test_characters_that_no_encoding_has_are_not_encodable(text: str, sentence: str) -> None:
    refused = refusal(octets(text=text))
    assert (refused.field, refused.sentence, refused.reason) == ("text", sentence, "text-not-encodable")


def test_send_after_must_not_be_after_expires_at() -> None:
    times = {"send_after": "2026-03-01T12:00:01Z", "expires_at": "2026-03-01T12:00:00Z"}
    assert refusal(octets(**times)).field == "send_after"
    assert read_request(octets(**{**times, "send_after": times["expires_at"]}), None).send_after == 1772366400.0


@pytest.mark.parametrize(
    ("body", "what"),
    [(b"[]", "a list"), (b"null", "null"), (b'"x"', "a string"), (b"3", "a number"), (b"true", "true or false")],
)
def test_json_that_is_no_object_is_refused_in_the_name_of_its_message_id(body: bytes, what: str) -> None:
    refused = refusal(body, "amqp-7")
    assert (refused.field, refused.sentence) == ("body", f"must be a JSON object, not {what}")
    assert refused.known == {"id": "amqp-7"}


def test_a_refusal_keeps_what_could_be_read() -> None:
    given_ = {"from": "ACME", "campaign": "spring", "callback": {"n": 1}}
    known = {"id": "order-1", "to": GOOD["to"], **given_}
    assert refusal(octets(flash=1, **given_)).known == known
    assert refusal(octets(text="\0", **given_)).known == known


def test_a_refusal_keeps_nothing_of_the_wrong_type_or_size() -> None:
    body = octets(id=5, to=["x"], campaign="c" * 129, callback="x" * 2000, **{"from": "\ud800"})
    assert refusal(body, "m" * 129).known == {"id": None, "callback": None}


def nested(depth: int) -> bytes:
    return octets(callback="@").replace(b'"@"', b"[" * depth + b"]" * depth)


@pytest.mark.parametrize("depth", [100, 300])
def test_a_nested_callback_is_echoed(depth: int) -> None:
    callback = read_request(nested(depth), None).callback
    assert json.loads(dumps({"callback": callback})) == {"callback": callback}


def test_the_deepest_callback_is_echoed_or_refused_by_name() -> None:
    """Up to 3.11 Python can't follow all that 1 KB has room for."""
    deepest = nested(511)
    if sys.version_info >= (3, 12):
        callback = read_request(deepest, None).callback
        assert json.loads(dumps({"callback": callback})) == {"callback": callback}
        return
    refused = refusal(deepest)
    assert (refused.field, refused.sentence) == ("callback", "is nested too deeply")
    assert refused.known == {"id": GOOD["id"], "to": GOOD["to"], "callback": None}


# --- what nobody can be answered about


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        (b"", "not-json", "the body is not JSON: Expecting value"),
        (b"{'id': 1}", "not-json", "the body is not JSON"),
        (octets()[:-1], "not-json", "the body is not JSON"),
        (b"[" * 100_000, "not-json", "the body is nested too deeply"),
        (octets().decode().encode("utf-16"), "not-utf8", "at octet 0"),
        ('{"text": "Ж"}'.encode("cp1251"), "not-utf8", "the body is not UTF-8: invalid continuation byte at octet 10"),
    ],
)
def test_what_is_not_json_is_unreadable_with_a_slug_and_a_sentence(body: bytes, reason: str, detail: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_request(body, "amqp-7")
    assert caught.value.reason == reason
    assert detail in caught.value.detail


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([*read_request(octets(), None).model_dump(by_alias=True), "other"])


def outcome(body: bytes) -> SendRequest | Refused:
    try:
        return read_request(body, None)
    except Refused as refused:
        return refused


@given(st.dictionaries(FIELDS, ANY_JSON))
def test_any_json_object_is_read_or_refused_by_a_field(changes: dict[str, Any]) -> None:
    read = outcome(octets(**changes))
    if isinstance(read, Refused):
        assert read.field in {*changes, "body"}
        assert read.sentence
        assert set(json.loads(dumps(read.known))) <= {"id", "to", "from", "campaign", "callback"}
    else:
        assert 0 < len(read.id or "") <= 128
        assert read.text


@given(st.binary())
def test_any_octets_at_all_are_read_refused_or_unreadable(body: bytes) -> None:
    with pytest.raises((Refused, Unreadable)):
        read_request(body, None)


# --- times, identities, octets


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-03-01T12:00:00.250Z", 1772366400.25),
        ("2026-03-01T12:00:00+03:00", 1772355600.0),
        ("9999-12-31T23:59:59-14:00", 253402351199.0),
    ],
)
def test_a_time_is_seconds_since_1970_whatever_its_zone(written: str, seconds: float) -> None:
    assert epoch(written) == seconds


@given(st.integers(0, 4_102_444_800_000))
def test_a_timestamp_has_milliseconds_and_reads_back(milliseconds: int) -> None:
    written = timestamp(milliseconds / 1000)
    assert len(written) == len("2026-03-01T12:00:00.000Z")
    assert written.endswith("Z")
    assert abs(epoch(written) - milliseconds / 1000) < 0.0011


def test_the_fingerprint_tells_recipients_and_texts_apart() -> None:
    prints = {fingerprint(*pair) for pair in [("1", "2"), ("12", ""), ("", "12"), ("1", "3"), ("2", "2")]}
    assert len(prints) == 5
    assert fingerprint("1", "2") == fingerprint("1", "2")


def test_a_result_id_is_the_same_everywhere_and_other_for_another_status() -> None:
    assert result_id("order-1", "sent") == "78c9367918b941516c3f2c1e15d93985"
    assert len({result_id("order-1", "sent"), result_id("order-1", "delivered"), result_id("order-2", "sent")}) == 3


def test_a_part_of_a_result_id_that_is_none_counts_as_not_given() -> None:
    assert result_id("order-1", "expired", None) == result_id("order-1", "expired")
    assert result_id("order-1", "expired", "c0ffee") != result_id("order-1", "expired")


def test_octets_are_compact_utf8_and_lone_surrogates_are_escaped() -> None:
    assert dumps({"text": "Ж", "n": None}) == '{"text":"Ж","n":null}'.encode()
    assert dumps({"text": "Ж\ud800"}) == b'{"text":"\\u0416\\ud800"}'
