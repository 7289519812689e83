"""What a handset's message says: alphabets, headers, TLVs. `Qn` are the quirks of the field research."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.assembler import Assembler, Whole, publication
from smsd.core.concat import sar, udh
from smsd.core.mobile_originated import Fragment, Ports, read
from smsd.core.smpp.codec import Pdu
from smsd.core.smpp.pdus import DATA_SM, DELIVER_SM, TLV_MESSAGE_PAYLOAD

HANDSET, SERVICE = "79000000001", "1234"
UDHI = 0x40


def pdu(
    short_message: bytes,
    data_coding: int = 0,
    *tlvs: tuple[int, bytes],
    esm_class: int = 0,
    command: int = DELIVER_SM,
    sequence: int = 1,
) -> Pdu:
    fields: dict[str, int | bytes] = {
        "source_addr": HANDSET.encode(),
        "destination_addr": SERVICE.encode(),
        "esm_class": esm_class,
        "data_coding": data_coding,
    }
    if command == DELIVER_SM:
        fields["short_message"] = short_message
    return Pdu(command, sequence=sequence, fields=fields, tlvs=tlvs)


def fragment(*args: object, data_codings: Mapping[int, str] | None = None, **more: object) -> Fragment:
    return read(pdu(*args, **more), data_codings or {})  # type: ignore[arg-type]


def whole(*args: object, **more: object) -> Whole:
    given_out = Assembler(600, 100).add("acme", fragment(*args, **more), "token", 0)
    assert given_out is not None
    return given_out


@pytest.mark.parametrize(
    ("data_coding", "octets", "text", "encoding"),
    [
        (0x00, b"\x00 \x1be", "@ €", "gsm7"),
        (0x01, b"yes", "yes", "ascii"),
        (0x03, b"caf\xe9", "café", "latin1"),
        (0x06, b"\xbf\xe0\xd8", "При", "iso8859-5"),
        (0x07, b"\xf9\xec\xe5\xed", "שלום", "iso8859-8"),
        (0x08, "Да 🙂".encode("utf-16-be"), "Да 🙂", "ucs2"),
        (0x0A, "はい".encode("iso2022_jp"), "はい", "iso2022_jp"),
        (0x10, b"flash", "flash", "gsm7"),
        (0x18, "Да".encode("utf-16-be"), "Да", "ucs2"),
        (0xC8, b"mwi", "mwi", "gsm7"),
        (0xE0, "Да".encode("utf-16-be"), "Да", "ucs2"),
        (0xF1, b"class 1", "class 1", "gsm7"),
    ],
)
def test_each_data_coding_has_its_alphabet(data_coding: int, octets: bytes, text: str, encoding: str) -> None:
    found = fragment(octets, data_coding)
    assert (found.text, found.encoding, found.octets) == (text, encoding, octets)


def test_the_providers_own_names_come_before_the_standards() -> None:
    assert fragment(b"caf\xe9", 0, data_codings={0: "latin1"}).text == "café"
    assert fragment(b"\xcf\xf0\xe8", 0x2A, data_codings={0x2A: "cp1251"}).text == "При"


@pytest.mark.parametrize("data_coding", [0x02, 0x04, 0x14, 0xF4, 0xF5, 0x2A])
def test_binary_and_unknown_content_has_no_text_and_keeps_its_octets(data_coding: int) -> None:
    found = whole(b"\x00\x01\xff", data_coding)
    assert (found.text, found.encoding, found.octets, found.exact) == (None, None, b"\x00\x01\xff", False)


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (0x08, b"\x04\x14\xd8\x3d", "Д\ufffd"),
        (0x08, b"\x04\x14\x04", "Д\ufffd"),
        (0x00, b"a\x80", "a\ufffd"),
        (0x01, b"a\xe9", "a\ufffd"),
        (0x01, b"a\0b", "a\ufffdb"),
        (0x08, b"\x00a\x00\x00\x00b", "a\ufffdb"),
    ],
)
def test_what_cannot_be_read_exactly_is_replaced_and_kept_raw(data_coding: int, octets: bytes, text: str) -> None:
    found = whole(octets, data_coding)
    assert (found.text, found.octets, found.exact) == (text, octets, False)


def test_a_codec_without_replacements_still_gives_a_text() -> None:
    assert whole(b"xn--\xff", 0x2A, data_codings={0x2A: "idna"}).text == "xn--\ufffd"


def test_a_lone_surrogate_that_a_codec_lets_through_is_replaced() -> None:
    found = whole(b"+2D0-", 0x2A, data_codings={0x2A: "utf-7"})
    assert (found.text, found.exact) == ("\ufffd", False)


def test_a_nul_at_the_end_is_the_smscs_own() -> None:
    """Q9."""
    found = whole(b"", 1, (TLV_MESSAGE_PAYLOAD, b"yes\0"))
    assert (found.text, found.exact) == ("yes", True)


def test_data_sm_brings_its_text_in_message_payload() -> None:
    assert fragment(b"", 0, (TLV_MESSAGE_PAYLOAD, b"hello"), command=DATA_SM).text == "hello"


def test_addresses_are_passed_on_as_they_came() -> None:
    found = fragment(b"x")
    assert (found.sender, found.recipient) == (HANDSET, SERVICE)


@pytest.mark.parametrize(("bits", "reference"), [(8, 0xA7), (16, 0xA7B8)])
def test_a_concatenation_header_names_the_part_and_is_no_text(bits: int, reference: int) -> None:
    found = fragment(udh(reference, 3, 2, bits=bits) + b"two", esm_class=UDHI)
    assert (found.reference, found.total, found.number, found.text) == (reference, 3, 2, "two")


def test_a_header_in_message_payload_counts_too() -> None:
    found = fragment(b"", 0, (TLV_MESSAGE_PAYLOAD, udh(7, 2, 1, bits=8) + b"one"), esm_class=UDHI)
    assert (found.reference, found.text) == (7, "one")


@pytest.mark.parametrize("octets", [udh(7, 2, 1, bits=16), udh(7, 1, 1, bits=8), udh(7, 2, 3, bits=8), b"\x05\0\3\7\2"])
def test_without_udhi_what_is_no_plain_header_is_text(octets: bytes) -> None:
    assert fragment(octets + (b"one" if len(octets) > 5 else b"")).reference is None


def test_sar_parameters_name_the_part() -> None:
    found = fragment(b"two", 0, *sar(0xA7B8, 3, 2))
    assert (found.reference, found.total, found.number, found.text) == (0xA7B8, 3, 2, "two")


@pytest.mark.parametrize(("total", "number"), [(0, 0), (1, 1), (2, 0), (2, 3)])
def test_numbers_that_make_no_sense_mean_a_message_of_its_own(total: int, number: int) -> None:
    found = fragment(udh(7, total, number, bits=8) + b"text", esm_class=UDHI)
    assert (found.reference, found.total, found.number, found.text) == (None, 1, 1, "text")


@pytest.mark.parametrize(
    ("element", "ports"),
    [(b"\x05\x04\x23\xf0\x00\x05", Ports(0x23F0, 5)), (b"\x04\x02\xf0\x05", Ports(0xF0, 5))],
)
def test_application_ports_are_passed_on(element: bytes, ports: Ports) -> None:
    header = bytes((len(element) + 5,)) + element + b"\x00\x03\x07\x02\x01"
    found = fragment(header + b"\x01\x02", 4, esm_class=UDHI)
    assert (found.ports, found.reference, found.octets) == (ports, 7, b"\x01\x02")


def test_a_header_longer_than_the_message_is_content() -> None:
    assert fragment(b"\x50abc", 1, esm_class=UDHI).text == "Pabc"


@given(
    st.binary(max_size=80),
    st.integers(0, 255),
    st.integers(0, 255),
    st.lists(st.tuples(st.sampled_from([0x020C, 0x020E, 0x020F, 0x0424]), st.binary(max_size=12))),
)
def test_whatever_comes_goes_out_as_json_with_its_text_or_its_octets(
    octets: bytes, esm_class: int, data_coding: int, tlvs: list[tuple[int, bytes]]
) -> None:
    assembler = Assembler(600, 100)
    found = read(pdu(octets, data_coding, *tlvs, esm_class=esm_class), {})
    given_out = assembler.add("acme", found, "token", 0) or assembler.expired(600)[0]
    body = json.loads(publication(given_out, "acme", "sms", 0).body)
    if body["text"] is None:
        assert bytes.fromhex(body.get("raw_hex", "")) == found.octets
    else:
        assert "\0" not in body["text"]
        assert not any("\ud800" <= character <= "\udfff" for character in body["text"])
