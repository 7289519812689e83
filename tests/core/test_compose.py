"""Composed bodies read back by the generic codec: what each setting and each field of a request puts where."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig.messages import request

from smsd.core import text, typography
from smsd.core.compose import Composed, Composer
from smsd.core.errors import ContractError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Pdu, decode, encode_body
from smsd.settings.model import Encoding, Provider

PLAIN = {
    "service_type": b"",
    "source_addr_ton": 0,
    "source_addr_npi": 0,
    "source_addr": b"",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": b"79000000000",
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": b"",
    "validity_period": b"",
    "registered_delivery": 1,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
    "short_message": b"x",
}
"""The submit_sm of the plainest request to a provider of nothing but defaults."""

LONG = "0123456789" * 31
"""310 characters: three segments of GSM 7-bit, five of UCS-2."""


def composer(seed: int = 0x41, **settings: Any) -> Composer:
    given_ = {"name": "p", "hosts": [{"host": "smpp.example.net"}], **settings}
    return Composer(Provider.model_validate(given_), seed)


def pdu(body: bytes) -> Pdu:
    return decode(HEADER.pack(MIN_PDU + len(body), pdus.SUBMIT_SM, 0, 1) + body)


def sent(composed: Composed) -> list[Pdu]:
    return [pdu(part.body) for part in composed.parts]


def one(fields: dict[str, Any] | None = None, **settings: Any) -> Pdu:
    """The only submit_sm of a request with these fields."""
    (only,) = sent(composer(**settings).compose(request(**fields or {})))
    return only


def differences(found: Pdu) -> dict[str, Any]:
    """The fields that are not as the plainest request has them."""
    assert found.fields.keys() == PLAIN.keys()
    return {name: value for name, value in found.fields.items() if value != PLAIN[name]}


# --- one segment


def test_the_plainest_request_is_the_plainest_submit_sm() -> None:
    composed = composer().compose(request())
    assert (composed.recipient, composed.sender, composed.encoding) == ("79000000000", "", "gsm7")
    assert (composed.segments, composed.receipt_asked, composed.reference) == (1, True, None)
    (found,) = sent(composed)
    assert differences(found) == {}
    assert found.tlvs == ()


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"service_type": "CMT"}, {"service_type": b"CMT"}),
        ({"protocol_id": 0x41}, {"protocol_id": 0x41}),
        ({"priority_flag": 3}, {"priority_flag": 3}),
        ({"receipts": False}, {"registered_delivery": 0}),
        ({"dest_ton": 2, "dest_npi": 8}, {"dest_addr_ton": 2, "dest_addr_npi": 8}),
        ({"number_format": "plus"}, {"destination_addr": b"+79000000000"}),
        ({"source_ton": 6, "source_npi": 9}, {"source_addr_ton": 6, "source_addr_npi": 9}),
        ({"encodings": [{"name": "gsm7", "data_coding": 0xF1}]}, {"data_coding": 0xF1}),
        ({"encoding": "ucs2"}, {"data_coding": 8, "short_message": b"\0x"}),
    ],
    ids=str,
)
def test_a_setting_changes_its_field_and_no_other(settings: dict[str, Any], changed: dict[str, Any]) -> None:
    assert differences(one(**settings)) == changed


@pytest.mark.parametrize(
    ("sender", "ton", "npi"),
    [("ACME", 5, 0), ("1234", 3, 0), ("12345678", 3, 0), ("79000000001", 1, 1), ("+79000000001", 1, 1)],
)
def test_the_senders_look_decides_its_ton_and_npi(sender: str, ton: int, npi: int) -> None:
    expected = PLAIN | {"source_addr_ton": ton, "source_addr_npi": npi, "source_addr": sender.encode()}
    assert one(senders=[sender]).fields == expected
    assert one({"from": sender}, senders=["OTHER", sender]).fields == expected
    assert one({"from": sender}).fields == expected


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"to": "+7 (900) 000-00-01"}, {"destination_addr": b"79000000001"}),
        ({"receipt": False}, {"registered_delivery": 0}),
        ({"flash": True}, {"data_coding": 0x10}),
        ({"encoding": "ucs2"}, {"data_coding": 8, "short_message": b"\0x"}),
        ({"encoding": "ucs2", "flash": True}, {"data_coding": 0x18, "short_message": b"\0x"}),
        ({"text": "Ж"}, {"data_coding": 8, "short_message": b"\x04\x16"}),
        ({"text": "€@"}, {"short_message": b"\x1be\x00"}),
        ({"expires_at": "2026-03-01T15:00:59.900+03:00"}, {"validity_period": b"260301120059000+"}),
        ({"campaign": "spring", "callback": 1, "send_after": "2026-03-01T12:00:00Z"}, {}),
    ],
    ids=str,
)
def test_a_field_of_the_request_changes_its_field_and_no_other(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    assert differences(one(fields)) == changed


def test_a_receipt_can_be_asked_for_where_the_provider_does_not() -> None:
    composed = composer(receipts=False).compose(request(receipt=True))
    assert composed.receipt_asked
    assert differences(sent(composed)[0]) == {}


def test_an_encodings_own_flash_data_coding_counts() -> None:
    encodings = [{"name": "gsm7", "data_coding": 0, "flash_data_coding": 0xF0}]
    assert differences(one({"flash": True}, encodings=encodings)) == {"data_coding": 0xF0}


def test_a_national_number_goes_out_in_international_form() -> None:
    composed = composer(default_region="RU").compose(request(to="8 900 000-00-00"))
    assert composed.recipient == "79000000000"
    assert differences(sent(composed)[0]) == {}


# --- validity_period


@pytest.mark.parametrize(
    ("seconds", "period"),
    [
        (0.4, b"000000000001000R"),
        (1, b"000000000001000R"),
        (3600, b"000000010000000R"),
        (2 * 86_400 + 3 * 3600 + 4 * 60 + 5, b"000002030405000R"),
        (45 * 86_400, b"000115000000000R"),
        (366 * 86_400, b"010006000000000R"),
    ],
)
def test_validity_is_a_time_from_now_in_units_of_thirty_days_and_twelve_months(seconds: float, period: bytes) -> None:
    assert differences(one(validity=f"{seconds}s")) == {"validity_period": period}


def test_expires_at_counts_more_than_the_providers_validity() -> None:
    found = one({"expires_at": "2026-03-01T12:00:00Z"}, validity="1h")
    assert found.fields["validity_period"] == b"260301120000000+"


@pytest.mark.parametrize("expires_at", ["2100-01-01T00:00:00Z", "2126-03-01T12:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_a_year_that_two_digits_cannot_say_becomes_the_last_that_they_can(expires_at: str) -> None:
    assert one({"expires_at": expires_at}).fields["validity_period"] == b"991231235959000+"


# --- optional parameters


def test_vendor_tlvs_go_out_by_tag_and_the_requests_own_come_instead_of_the_providers() -> None:
    settings = {"0x1402": "02", "0x1401": "01"}
    assert one(tlvs=settings).tlvs == ((0x1401, b"\x01"), (0x1402, b"\x02"))
    found = one({"tlvs": {"0x1403": "", "5121": "ff"}}, tlvs=settings)
    assert found.tlvs == ((0x1401, b"\xff"), (0x1402, b"\x02"), (0x1403, b""))


@pytest.mark.parametrize("long_messages", ["udh", "udh16", "sar", "payload"])
def test_vendor_tlvs_are_on_every_segment_behind_our_own(long_messages: str) -> None:
    composed = composer(long_messages=long_messages, tlvs={"0x1401": "01"}).compose(request(text=LONG))
    assert [found.tlvs[-1] for found in sent(composed)] == [(0x1401, b"\x01")] * len(composed.parts)


# --- several segments


@pytest.mark.parametrize(("long_messages", "header"), [("udh", "050003{}03{}"), ("udh16", "06080400{}03{}")])
def test_udh_segments_carry_the_header_and_esm_class_says_so(long_messages: str, header: str) -> None:
    composed = composer(long_messages=long_messages).compose(request(text=LONG))
    assert (composed.segments, composed.reference) == (3, 0x41)
    texts = []
    for n, found in enumerate(sent(composed), 1):
        prefix = bytes.fromhex(header.format("41", f"{n:02x}"))
        message = found.octets("short_message")
        assert message.startswith(prefix)
        assert differences(found) == {"esm_class": 0x40, "short_message": message}
        texts.append(text.decode(message.removeprefix(prefix), "gsm7"))
    assert "".join(texts) == LONG
    assert [len(one_) for one_ in texts] == ([153, 153, 4] if long_messages == "udh" else [152, 152, 6])


def test_sar_segments_carry_three_parameters_and_no_header() -> None:
    composed = composer(seed=0x1234, long_messages="sar").compose(request(text=LONG))
    found = sent(composed)
    assert composed.reference == 0x1234
    assert b"".join(each.octets("short_message") for each in found).decode() == LONG
    for n, each in enumerate(found, 1):
        assert each.fields["esm_class"] == 0
        assert each.tlvs == (
            (pdus.TLV_SAR_MSG_REF_NUM, b"\x12\x34"),
            (pdus.TLV_SAR_TOTAL_SEGMENTS, b"\x03"),
            (pdus.TLV_SAR_SEGMENT_SEQNUM, bytes((n,))),
        )


def test_message_payload_is_one_submit_sm_that_counts_as_all_its_segments() -> None:
    composed = composer(long_messages="payload").compose(request(text="Ж" * 310))
    (found,) = sent(composed)
    assert differences(found) == {"data_coding": 8, "short_message": b""}
    assert found.tlvs == ((pdus.TLV_MESSAGE_PAYLOAD, ("Ж" * 310).encode("utf-16-be")),)
    assert (composed.segments, composed.parts[0].cost, composed.reference) == (5, 5, None)


def test_a_text_of_one_segment_is_a_short_message_even_with_payload() -> None:
    assert differences(one(long_messages="payload")) == {}


def test_two_messages_to_one_recipient_have_different_references() -> None:
    mine = composer()
    assert [mine.compose(request(text=LONG)).reference for _ in range(3)] == [0x41, 0x42, 0x43]


def test_a_message_sent_in_part_before_keeps_its_reference() -> None:
    composed = composer().compose(request(text=LONG), reference=0xFE)
    assert composed.reference == 0xFE
    assert {found.octets("short_message")[3] for found in sent(composed)} == {0xFE}


def test_a_reference_too_wide_for_the_header_is_replaced() -> None:
    """A message may rest at the broker while `long_messages` changes from udh16 to udh."""
    assert composer(long_messages="udh").compose(request(text=LONG), reference=0x1FE).reference == 0x41
    assert composer(long_messages="udh16").compose(request(text=LONG), reference=0x1FE).reference == 0x1FE


# --- refusals


@pytest.mark.parametrize(
    ("fields", "settings", "field", "reason", "words"),
    [
        ({"to": "12ab"}, {}, "to", "bad-number", "write an international number of 5 to 15 digits"),
        ({"to": ""}, {}, "to", "bad-number", "write an international number"),
        ({"from": "EVIL"}, {"senders": ["ACME"]}, "from", "sender-not-allowed", "ACME"),
        ({"from": "ЖЖЖ"}, {}, "from", "sender-not-allowed", "use Latin letters"),
        ({"from": "A\0B"}, {}, "from", "sender-not-allowed", "U+0000"),
        ({"text": "Ж", "encoding": "gsm7"}, {}, "text", "text-not-encodable", "U+0416"),
        ({"encoding": "utf-7"}, {}, "encoding", "invalid-request", "gsm7, ucs2"),
        ({"text": LONG, "max_segments": 2}, {}, "text", "too-long", "3 segments"),
        ({"text": LONG, "max_segments": 9}, {"max_segments": 2}, "text", "too-long", "max_segments is 2"),
        ({"text": "x" * 100_000}, {}, "text", "too-long", "100000 characters"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_field_reason_and_remedy(
    fields: dict[str, Any], settings: dict[str, Any], field: str, reason: str, words: str
) -> None:
    with pytest.raises(ContractError) as caught:
        composer(**settings).compose(request(**fields))
    assert (caught.value.field, caught.value.reason) == (field, reason)
    assert words in caught.value.sentence


def test_max_segments_is_the_lower_of_the_requests_and_the_providers() -> None:
    assert composer(max_segments=3).compose(request(text=LONG, max_segments=255)).segments == 3


# --- against the generic codec

SETTINGS = st.fixed_dictionaries(
    {
        "long_messages": st.sampled_from(["udh", "udh16", "sar", "payload"]),
        "senders": st.sampled_from([[], ["ACME"], ["1234"], ["+79000000001"]]),
        "service_type": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5),
        "number_format": st.sampled_from(["digits", "plus"]),
        "priority_flag": st.integers(0, 4),
        "protocol_id": st.integers(0, 255),
        "tlvs": st.dictionaries(st.integers(0x1400, 0x3FFF).map(hex), st.binary(max_size=9).map(bytes.hex), max_size=3),
        "encodings": st.sampled_from(
            [
                [Encoding(name="gsm7", data_coding=0), Encoding(name="ucs2", data_coding=8)],
                [Encoding(name="latin-1", data_coding=3), Encoding(name="ucs2", data_coding=8)],
            ]
        ),
    }
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80)


@given(SETTINGS, TEXT, st.integers(1, 7), st.booleans())
def test_every_body_is_that_of_the_generic_codec(settings: dict[str, Any], words: str, times: int, flash: bool) -> None:
    composed = composer(max_segments=255, **settings).compose(request(text=words * times, flash=flash))
    for part, found in zip(composed.parts, sent(composed), strict=True):
        assert encode_body(pdus.SUBMIT_SM, found.fields, found.tlvs) == part.body
        assert len(found.octets("short_message")) <= 160
    assert sum(part.cost for part in composed.parts) == composed.segments
    assert [part.n for part in composed.parts] == list(range(1, len(composed.parts) + 1))
    assert text_of(sent(composed), composed.encoding) == typography.composed(words * times)


def text_of(found: list[Pdu], encoding: str) -> str:
    """The text as a handset puts it together."""
    octets = b""
    for each in found:
        payload = each.tlv(pdus.TLV_MESSAGE_PAYLOAD)
        message = each.octets("short_message") if payload is None else payload
        octets += message[message[0] + 1 :] if each.number("esm_class") & 0x40 else message
    return text.decode(octets, encoding)


def test_the_fields_lie_where_the_standard_puts_them() -> None:
    """One body octet by octet (SMPP 3.4 §4.4.1), so that composer and codec can't be wrong together."""
    composed = composer(senders=["ACME"], service_type="CMT", tlvs={"0x1401": "0a"}, priority_flag=1).compose(request())
    assert composed.parts[0].body == b"".join(
        [
            b"CMT\0",
            b"\x05\x00ACME\0",
            b"\x01\x0179000000000\0",
            b"\x00\x00\x01",
            b"\0",
            b"\0",
            b"\x01\x00\x00\x00",
            b"\x01x",
            struct.pack(">HH", 0x1401, 1) + b"\x0a",
        ]
    )
