"""Every entry of tests/data/receipts.jsonl: receipts as other projects' tests and users' reports show them."""

import json
from pathlib import Path
from typing import Any

import pytest

from smsd.core.receipt import Receipt, parse
from smsd.settings.model import ReceiptFormat

EVERYTHING = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "receipts.jsonl").read_text("utf-8").splitlines()
]
ENTRIES = [entry for entry in EVERYTHING if not entry.get("message")]
TAGS = {"receipted_message_id": 0x001E, "message_state": 0x0427}
FIELDS = {"id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text"}

every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=[f"{entry['n']}" for entry in ENTRIES])


def tlvs_of(entry: dict[str, Any]) -> list[tuple[int, bytes]]:
    return [
        (TAGS[name], bytes([value]) if isinstance(value, int) else value.encode() + b"\0")
        for name, value in entry.get("tlvs", [])
    ]


def receipt_of(entry: dict[str, Any]) -> Receipt:
    octets = bytes.fromhex(entry["short_message_hex"])
    found = parse(octets, 0x04, entry.get("data_coding", 0), tlvs_of(entry), ReceiptFormat())
    assert found is not None, entry["source"]
    return found


def test_every_entry_is_read() -> None:
    assert (len(EVERYTHING), len(ENTRIES)) == (51, 49)
    assert FIELDS.issuperset(name for entry in ENTRIES for name in entry["expected"])


def test_what_says_nothing_of_a_receipt_is_none() -> None:
    for entry in EVERYTHING:
        if entry.get("message"):
            assert parse(bytes.fromhex(entry["short_message_hex"]), 0x04, 0, [], ReceiptFormat()) is None


@every_entry
def test_the_fields_are_those_of_the_source_and_no_others(entry: dict[str, Any]) -> None:
    shown = receipt_of(entry).as_json()
    assert {name: value for name, value in shown.items() if name in FIELDS} == entry["expected"], entry["source"]


@every_entry
def test_the_raw_text_and_its_octets_survive(entry: dict[str, Any]) -> None:
    found = receipt_of(entry)
    assert (found.raw, found.raw_hex) == (entry["short_message"], entry["short_message_hex"]), entry["source"]


@every_entry
def test_the_message_is_looked_for_by_the_id_of_the_source(entry: dict[str, Any]) -> None:
    expected = [value for _, value in entry.get("tlvs", []) if isinstance(value, str)]
    expected += [entry["expected"]["id"]] if "id" in entry["expected"] else []
    assert receipt_of(entry).ids == tuple(dict.fromkeys(expected)), entry["source"]
