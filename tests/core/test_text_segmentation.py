"""Every entry of tests/data/segmentation.jsonl: what other projects' tests and the standard say about cuts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smsd.core import gsm, text
from smsd.core.concat import udh
from smsd.core.errors import ContractError

ENTRIES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "segmentation.jsonl").read_text("utf-8").splitlines()
]
# The file's names where they are not the encoding's own. `8bit` is binary, which Latin-1 carries octet for octet.
NAMES = {"8bit": "latin1", "gsm7-or-latin1": "gsm7", "gsm7-packed": "gsm7", "2 byte - EUC-KR": "euc-kr"}


@dataclass(frozen=True)
class Encoding:
    name: str
    data_coding: int
    flash_data_coding: int | None = None
    septets: bool = False


def entries(*kinds: str, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> Any:
    chosen = [entry for entry in ENTRIES if entry["kind"] in kinds and where(entry)]
    return pytest.mark.parametrize("entry", chosen, ids=[f"{entry['n']}" for entry in chosen])


def text_of(entry: dict[str, Any]) -> str:
    return bytes.fromhex(entry["binary"]).decode("latin-1") if "binary" in entry else entry["text"]


def header_octets(entry: dict[str, Any]) -> int:
    """The limit of an entry that shows octets behind their headers, or none, speaks of what is behind the header."""
    if "octets_without_udh" in entry or "segment_texts" in entry:
        return 0
    return 7 if entry.get("ref_bits") == 16 else 6


def cut(entry: dict[str, Any]) -> tuple[bytes, ...]:
    name = NAMES.get(entry["encoding"], entry["encoding"])
    octets = text.encode(text_of(entry), name)
    limit = entry.get("limit_octets", text.USER_DATA_OCTETS)
    # A limit of the source's own is one on short_message as it stands, before any packing.
    if len(octets) <= entry.get("limit_octets", text.room(name, limit)):
        return (octets,)
    return text.cut(text_of(entry), octets, name, limit - header_octets(entry))


def header(entry: dict[str, Any], total: int, number: int) -> bytes:
    if entry["source"].startswith("opentelecoms-org/jsmpp"):
        # jsmpp left out the length of the element and filled up with a zero: the header says part 0 of 1.
        return bytes((6, 8)) + entry["ref"].to_bytes(2, "big") + bytes((total, number, 0))
    return udh(entry["ref"], total, number, bits=8)


def pack(septets: bytes, fill_bits: int) -> bytes:
    """Septets as the air carries them (23.038 §6.1.2.1), CR for padding where seven bits are left over."""
    if (fill_bits + 7 * len(septets)) % 8 == 1:
        septets += b"\r"
    bits = sum(septet << (fill_bits + 7 * place) for place, septet in enumerate(septets))
    return bits.to_bytes(-(-(fill_bits + 7 * len(septets)) // 8), "little")


def test_no_entry_is_of_a_kind_that_nobody_reads() -> None:
    assert len(ENTRIES) == 72
    assert {entry["kind"] for entry in ENTRIES} == {"octets", "count", "class", "split", "packed"}


@entries("count", "octets")
def test_the_number_of_segments_is_that_of_the_source(entry: dict[str, Any]) -> None:
    assert len(cut(entry)) == entry["segments"], entry["source"]


@entries("octets")
def test_every_segment_has_the_octets_of_the_source(entry: dict[str, Any]) -> None:
    segments = cut(entry)
    if entry["encoding"] == "gsm7-packed":
        found = [pack(segment, fill_bits=1) for segment in segments]
    elif "ref" in entry and len(segments) > 1:
        found = [header(entry, len(segments), number) + octets for number, octets in enumerate(segments, 1)]
    else:
        found = list(segments)
    expected = entry.get("octets", entry.get("octets_without_udh"))
    assert [octets.hex() for octets in found] == expected, entry["source"]


@entries("split")
def test_a_cut_falls_between_the_characters_where_the_source_cuts(entry: dict[str, Any]) -> None:
    name = NAMES.get(entry["encoding"], entry["encoding"])
    assert [text.decode(segment, name) for segment in cut(entry)] == entry["segment_texts"], entry["source"]
    assert len(entry["segment_texts"]) == entry["segments"]


@entries("class")
def test_gsm7_is_told_from_what_it_cannot_say(entry: dict[str, Any]) -> None:
    found = text.why_not_gsm7(entry["text"])
    assert (found is None) == (entry["encoding"] == "gsm7"), entry["source"]


@entries("packed")
def test_the_table_is_that_of_the_packed_form(entry: dict[str, Any]) -> None:
    assert [pack(gsm.encode(entry["text"]), fill_bits=0).hex()] == entry["octets"], entry["source"]


def split(entry: dict[str, Any], *encodings: Encoding) -> text.Split:
    way = "udh16" if entry.get("ref_bits") == 16 else "udh"
    return text.split(
        text_of(entry), encodings, forced=None, flash=False, long_messages=way, max_segments=text.MAX_SEGMENTS
    )


def is_sendable(entry: dict[str, Any]) -> bool:
    return "limit_octets" not in entry and "\0" not in text_of(entry)


@entries("count", "octets", where=is_sendable)
def test_split_makes_the_segments_of_the_source(entry: dict[str, Any]) -> None:
    name = NAMES.get(entry["encoding"], entry["encoding"])
    found = split(entry, Encoding(name, entry["data_coding"]))
    assert found == text.Split(name, entry["data_coding"], cut(entry)), entry["source"]
    assert text.decode(b"".join(found.segments), name) == text_of(entry)


# jsmpp's text in UCS-2 is ASCII: somebody's choice, which no automatic would make.
@entries("count", "octets", where=lambda entry: is_sendable(entry) and "ref_bits" not in entry and "text" in entry)
def test_split_chooses_the_encoding_of_the_source(entry: dict[str, Any]) -> None:
    found = split(entry, Encoding("gsm7", 0), Encoding("ucs2", 8))
    assert (found.encoding, found.data_coding) == (entry["encoding"], entry["data_coding"]), entry["source"]


@entries("octets", where=lambda entry: "\0" in entry.get("text", ""))
def test_split_refuses_the_nul_that_others_send(entry: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match=r"^text: character 2, U\+0000, cannot be sent in any encoding$"):
        split(entry, Encoding("gsm7", 0), Encoding("ucs2", 8))
