"""Receipts: when a PDU is one, what its fields are, and what they mean. `Qn` are the quirks of the field research."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.concat import udh
from smsd.core.receipt import Outcome, Receipt, parse
from smsd.settings.model import ReceiptFormat

RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0423, 0x0424, 0x0427
APPENDIX_B = b"id:77 sub:001 dlvrd:001 submit date:2301010000 done date:2301010001 stat:DELIVRD err:000 text:Hello"


def read(short_message: bytes, *tlvs: tuple[int, bytes], esm_class: int = 0x04, **settings: Any) -> Receipt:
    found = parse(short_message, esm_class, 0, tlvs, ReceiptFormat(**settings))
    assert found is not None
    return found


def is_receipt(short_message: bytes, esm_class: int, *tlvs: tuple[int, bytes], **settings: Any) -> bool:
    return parse(short_message, esm_class, 0, tlvs, ReceiptFormat(**settings)) is not None


@pytest.mark.parametrize("esm_class", [0x04, 0x06, 0x07, 0x20, 0x24, 0x44, 0x84])
def test_esm_class_makes_a_receipt_of_what_says_so_too(esm_class: int) -> None:
    header = udh(1, 1, 1, bits=8) if esm_class & 0x40 else b""
    assert is_receipt(header + b"stat:DELIVRD", esm_class, text_fallback=False)
    assert is_receipt(header + b"00,77", esm_class, id_regex=r",(\w+)$")
    assert is_receipt(header, esm_class, (MESSAGE_STATE, b"\x02"))


@pytest.mark.parametrize("esm_class", [0x04, 0x06, 0x07, 0x44, 0x84])
def test_without_id_stat_or_tlv_it_is_a_message_in_class_4(esm_class: int) -> None:
    assert not is_receipt(b"00,0210021543,0210021500", esm_class)


@pytest.mark.parametrize("esm_class", [0x08, 0x0A, 0x48, 0x88])
def test_an_acknowledgement_of_a_handset_s_is_a_message_always(esm_class: int) -> None:
    assert not is_receipt(APPENDIX_B, esm_class, (RECEIPTED_MESSAGE_ID, b"77\0"))


@pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x10, 0x18, 0x40, 0x80])
def test_other_classes_are_messages_from_handsets(esm_class: int) -> None:
    assert not is_receipt(b"Hello", esm_class)


def test_receipted_message_id_makes_a_receipt_in_any_class() -> None:
    """Q11."""
    assert is_receipt(b"", 0x00, (RECEIPTED_MESSAGE_ID, b"77\0"))


@pytest.mark.parametrize(
    "text",
    [
        APPENDIX_B,
        b" " + APPENDIX_B,
        b"ID:77 SUB:001 STAT:DELIVRD",
        b"sub:001 id:77 stat:DELIVRD",
        b"id:77 stat:DELIVRD err:000",
    ],
)
def test_a_text_that_begins_as_receipts_do_is_one_in_class_0(text: bytes) -> None:
    """Q11."""
    assert is_receipt(text, 0x00)
    assert not is_receipt(text, 0x00, text_fallback=False)


@pytest.mark.parametrize(
    "text",
    [
        b"Hello " + APPENDIX_B,
        b"id:77 please",
        b"id:77 stat:DELIVRD",
        b"id:77 sub:001 text:stat:DELIVRD",
        b"text:" + APPENDIX_B,
        b"Your identity has been verified.",
    ],
)
def test_a_text_that_only_looks_a_little_like_a_receipt_is_a_message(text: bytes) -> None:
    """Q22."""
    assert not is_receipt(text, 0x00)


def test_the_whole_of_appendix_b_is_read() -> None:
    assert read(APPENDIX_B) == Receipt(
        outcome=Outcome.DELIVERED,
        raw=APPENDIX_B.decode(),
        raw_hex=APPENDIX_B.hex(),
        id="77",
        sub="001",
        dlvrd="001",
        submit_date="2301010000",
        done_date="2301010001",
        stat="DELIVRD",
        err="000",
        text="Hello",
    )


def test_the_json_has_what_the_pdu_had_and_nothing_else() -> None:
    shown = read(b"id:77 stat:DELIVRD", (MESSAGE_STATE, b"\x02"), (NETWORK_ERROR_CODE, b"000")).as_json()
    assert shown == {
        "id": "77",
        "stat": "DELIVRD",
        "state": 2,
        "raw": "id:77 stat:DELIVRD",
        "raw_hex": b"id:77 stat:DELIVRD".hex(),
        "tlvs": {"0x0427": "02", "0x0423": "303030"},
    }


def test_message_payload_is_the_text_when_there_is_no_short_message() -> None:
    """Q9: with a NUL at the end that is part of no field."""
    found = read(b"", (MESSAGE_PAYLOAD, b"id:77 stat:DELIVRD err:000\0"))
    assert (found.id, found.stat, found.err) == ("77", "DELIVRD", "000")
    assert (found.raw, found.raw_hex) == ("id:77 stat:DELIVRD err:000\0", b"id:77 stat:DELIVRD err:000\0".hex())


def test_a_user_data_header_is_not_part_of_the_text() -> None:
    """Q20."""
    octets = udh(1, 1, 1, bits=8) + b"id:77 stat:DELIVRD"
    found = read(octets, esm_class=0x44)
    assert (found.id, found.raw, found.raw_hex) == ("77", "id:77 stat:DELIVRD", octets.hex())


@pytest.mark.parametrize("data_coding", [0x08, 0x18])
def test_a_receipt_in_ucs_2_is_read(data_coding: int) -> None:
    found = parse("id:77 stat:DELIVRD text:Привет".encode("utf-16-be"), 0x04, data_coding, (), ReceiptFormat())
    assert found is not None
    assert (found.id, found.stat, found.text) == ("77", "DELIVRD", "Привет")


def test_an_ascii_receipt_that_claims_to_be_ucs_2_is_read_as_it_is() -> None:
    found = parse(APPENDIX_B, 0x04, 0x08, (), ReceiptFormat())
    assert found is not None
    assert (found.id, found.raw) == ("77", APPENDIX_B.decode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"id: 77 stat: DELIVRD err: 000", ("77", "DELIVRD", "000")),
        (b"id:77\r\nstat:DELIVRD\r\nerr:000\r\n", ("77", "DELIVRD", "000")),
        (b"id:77 stat: err: submit date:2301010000", ("77", None, None)),
        (b"id: sub:001 stat:DELIVRD err:-12A", (None, "DELIVRD", "-12A")),
        (b"id:77 mystat:A_B stat:DELIVRD err: IMSI:250", ("77", "DELIVRD", None)),
        (b"receipt_id:1 id:77 id:78 stat:DELIVRD err:0000", ("77", "DELIVRD", "0000")),
        (b"id:6a3ed98ac64448e8aba33acd9bba8566 stat:DELIVRD", ("6a3ed98ac64448e8aba33acd9bba8566", "DELIVRD", None)),
    ],
)
def test_id_stat_and_err_are_found_in_other_forms(text: bytes, expected: tuple[str | None, ...]) -> None:
    found = read(text)
    assert (found.id, found.stat, found.err) == expected


@pytest.mark.parametrize("text", [b"id:77 submit_date:1 done_date:2", b"id:77 SubmitDate:1 DoneDate:2"])
def test_the_names_of_the_dates_may_be_joined(text: bytes) -> None:
    assert (read(text).submit_date, read(text).done_date) == ("1", "2")


def test_what_the_sender_wrote_behind_text_is_no_field() -> None:
    """Q22: nobody forges a receipt by what he writes into a message."""
    found = read(b"id:77 sub:001 text:id:78 stat:DELIVRD err:000")
    assert (found.id, found.stat, found.err, found.text) == ("77", None, None, "id:78 stat:DELIVRD err:000")


def test_fields_may_follow_an_empty_text_but_never_replace_one_before_it() -> None:
    found = read(b"id:77 text: id:78 stat:DELIVRD")
    assert (found.id, found.stat, found.text) == ("77", "DELIVRD", "")


def test_the_text_keeps_extra_fields_and_any_octet() -> None:
    """Q16."""
    assert read(b"id:77 stat:DELIVRD text:GW2501 MCC:270 \x84A\xff\0").text == "GW2501 MCC:270 \x84A\xff\0"


@pytest.mark.parametrize(
    ("stat", "outcome"),
    [
        ("DELIVRD", Outcome.DELIVERED),
        ("delivered", Outcome.DELIVERED),
        ("EXPIRED", Outcome.EXPIRED),
        ("UNDELIV", Outcome.UNDELIVERED),
        ("UNDELIVERABLE", Outcome.UNDELIVERED),
        ("Undelivered", Outcome.UNDELIVERED),
        ("DELETED", Outcome.UNDELIVERED),
        ("REJECTD", Outcome.UNDELIVERED),
        ("REJECTED", Outcome.UNDELIVERED),
        ("UNKNOWN", Outcome.UNDELIVERED),
        ("FAILED", Outcome.UNDELIVERED),
        ("SKIPPED", Outcome.UNDELIVERED),
        ("ENROUTE", Outcome.INTERMEDIATE),
        ("ACCEPTD", Outcome.INTERMEDIATE),
        ("SCHEDULED", Outcome.INTERMEDIATE),
        ("BUFFERED", Outcome.INTERMEDIATE),
        ("MOB-OFF", Outcome.INTERMEDIATE),
    ],
)
def test_the_stat_word_says_what_became_of_the_message(stat: str, outcome: Outcome) -> None:
    found = read(f"id:77 stat:{stat}".encode())
    assert (found.stat, found.outcome) == (stat, outcome)


@pytest.mark.parametrize(
    ("state", "stat", "outcome"),
    [
        (1, "ENROUTE", Outcome.INTERMEDIATE),
        (2, "DELIVRD", Outcome.DELIVERED),
        (3, "EXPIRED", Outcome.EXPIRED),
        (4, "DELETED", Outcome.UNDELIVERED),
        (5, "UNDELIV", Outcome.UNDELIVERED),
        (6, "ACCEPTD", Outcome.INTERMEDIATE),
        (7, "UNKNOWN", Outcome.UNDELIVERED),
        (8, "REJECTD", Outcome.UNDELIVERED),
        (9, None, Outcome.UNDELIVERED),
        (0, None, Outcome.INTERMEDIATE),
        (200, None, Outcome.INTERMEDIATE),
    ],
)
def test_message_state_says_it_where_there_is_no_word(state: int, stat: str | None, outcome: Outcome) -> None:
    """Q8: a bare receipt."""
    found = read(b"", (RECEIPTED_MESSAGE_ID, b"77\0"), (MESSAGE_STATE, bytes([state])))
    assert (found.id, found.stat, found.state, found.outcome) == ("77", stat, state, outcome)


@pytest.mark.parametrize(
    ("word", "state", "stat", "outcome"),
    [
        ("DELIVRD", 6, "DELIVRD", Outcome.DELIVERED),
        ("ENROUTE", 2, "ENROUTE", Outcome.INTERMEDIATE),
        ("DELIVERED", 2, "DELIVERED", Outcome.DELIVERED),
        ("FAILED", 8, "FAILED", Outcome.UNDELIVERED),
        ("MOB-OFF", 5, "MOB-OFF", Outcome.UNDELIVERED),
        ("DELIVRD", 0, "DELIVRD", Outcome.DELIVERED),
        ("ACKED", 2, "ACKED", Outcome.DELIVERED),
    ],
)
def test_a_known_word_wins_over_message_state_and_another_yields(
    word: str, state: int, stat: str, outcome: Outcome
) -> None:
    found = read(f"id:77 stat:{word}".encode(), (MESSAGE_STATE, bytes([state])))
    assert (found.stat, found.outcome) == (stat, outcome)


@pytest.mark.parametrize(
    ("setting", "outcome"),
    [
        ("delivered", Outcome.DELIVERED),
        ("undelivered", Outcome.UNDELIVERED),
        ("expired", Outcome.EXPIRED),
        ("sent", Outcome.INTERMEDIATE),
    ],
)
def test_a_providers_own_word_means_what_its_settings_say(setting: str, outcome: Outcome) -> None:
    assert read(b"id:77 stat:MOB-OFF", stat_map={"MOB-OFF": setting}).outcome is outcome
    assert read(b"id:77 stat:mob-off", (MESSAGE_STATE, b"\x02"), stat_map={"MOB-OFF": setting}).outcome is outcome


def test_a_providers_settings_may_change_the_meaning_of_a_known_word() -> None:
    found = read(b"id:77 stat:UNKNOWN", stat_map={"UNKNOWN": "sent"})
    assert (found.stat, found.outcome) == ("UNKNOWN", Outcome.INTERMEDIATE)


@pytest.mark.parametrize(("stat", "outcome"), [(b"UNDELIV", Outcome.INTERMEDIATE), (b"DELIVRD", Outcome.DELIVERED)])
def test_an_intermediate_notification_ends_nothing_but_a_delivery(stat: bytes, outcome: Outcome) -> None:
    found = read(b"id:77 stat:" + stat, esm_class=0x20)
    assert (found.stat, found.outcome) == (stat.decode(), outcome)


def test_a_providers_regexes_find_what_no_key_names() -> None:
    """Q17."""
    found = read(
        b"00,0210021543,0210021500,,79000000000,10110200000000,we2345678",
        id_regex=r",(\w+)$",
        stat_regex=r"^(\d+),",
        err_regex=r"^\d+,\d+,\d+,(\d*),",
        stat_map={"00": "delivered"},
    )
    assert (found.id, found.stat, found.err, found.outcome) == ("we2345678", "00", None, Outcome.DELIVERED)


def test_a_regex_wins_over_the_key_and_leaves_it_when_it_finds_nothing() -> None:
    assert read(b"id:77 ref:88 stat:DELIVRD", id_regex=r"ref:(\d+)").id == "88"
    assert read(b"id:77 stat:DELIVRD", id_regex=r"ref:(\d+)").id == "77"


@pytest.mark.parametrize("value", [b"77", b"77\0", b"77\0junk", b" 77 \0\0"])
def test_receipted_message_id_ends_at_its_first_nul(value: bytes) -> None:
    """Q18."""
    assert read(b"", (RECEIPTED_MESSAGE_ID, value)).ids == ("77",)


@pytest.mark.parametrize(("zeros", "ids"), [(b"", ()), (b"\0", ()), (b"0\0", ("0",)), (b"000", ("000",))])
def test_an_id_of_zeros_is_the_last_to_try(zeros: bytes, ids: tuple[str, ...]) -> None:
    """Q7: an SMSC may have named its first message so; beside another id they only fill the field."""
    tlv = (RECEIPTED_MESSAGE_ID, zeros)
    assert read(b"stat:DELIVRD", tlv).ids == ids
    assert read(b"id:77 stat:DELIVRD", tlv).ids == ("77", *ids)


def test_the_first_of_two_equal_tlvs_counts() -> None:
    assert read(b"", (RECEIPTED_MESSAGE_ID, b"77"), (RECEIPTED_MESSAGE_ID, b"78")).ids == ("77",)


tlvs = st.lists(
    st.tuples(
        st.sampled_from([RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_PAYLOAD, MESSAGE_STATE, 0x1403]),
        st.binary(max_size=40),
    ),
    max_size=4,
)
pieces = st.sampled_from(
    [b"id:", b"stat:", b"text:", b"submit date:", b" ", b"\0", b"DELIVRD", b"77", b"err:", b"\xff"]
)
receipts = st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=30).map(b"".join))


@given(receipts, st.integers(0, 255), st.integers(0, 255), tlvs)
def test_no_octets_ever_fail_a_receipt(octets: bytes, esm_class: int, data_coding: int, tlvs: Any) -> None:
    found = parse(octets, esm_class & ~0x08 | 0x24, data_coding, tlvs, ReceiptFormat())
    assert found is not None
    assert json.loads(json.dumps(found.as_json())) == found.as_json()
    assert found.raw_hex == (octets or dict(reversed(tlvs)).get(MESSAGE_PAYLOAD, b"")).hex()


@given(receipts, st.integers(0, 255), st.integers(0, 255), tlvs)
def test_no_octets_ever_fail_the_question_whether_it_is_one(
    octets: bytes, esm_class: int, data_coding: int, tlvs: Any
) -> None:
    found = parse(octets, esm_class, data_coding, tlvs, ReceiptFormat())
    assert found is None or esm_class & 0x3C != 0x08


@given(receipts)
def test_every_field_is_a_piece_of_the_raw_text(octets: bytes) -> None:
    found = read(octets, esm_class=0x24)
    fields = [found.id, found.sub, found.dlvrd, found.submit_date, found.done_date, found.stat, found.err, found.text]
    assert all(value in found.raw for value in fields if value is not None)
