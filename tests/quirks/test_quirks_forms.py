"""Receipts of every form that we know of, and of some that nobody has sent us yet, into a live bind."""

import json
from pathlib import Path
from typing import Any

import pytest
from by_hand import OK, field
from world import in_a_loop

COLLECTED = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "receipts.jsonl").read_text("utf-8").splitlines()
]
TAGS = {"receipted_message_id": 0x001E, "message_state": 0x0427}
FIELDS = {"id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text"}


def tlvs_of(entry: dict[str, Any]) -> list[tuple[int, bytes]]:
    return [
        (TAGS[name], bytes([value]) if isinstance(value, int) else value.encode() + b"\0")
        for name, value in entry.get("tlvs", [])
    ]


@in_a_loop
async def test_every_form_of_receipts_jsonl_is_acknowledged_and_comes_with_all_its_fields_and_its_raw_text() -> None:
    async with field() as f:
        for entry in COLLECTED:
            octets = bytes.fromhex(entry["short_message_hex"])
            assert await f.deliver(octets, *tlvs_of(entry), data_coding=entry.get("data_coding", 0)) == OK
        await f.quiet()
        receipts = [entry for entry in COLLECTED if not entry.get("message")]
        messages = [entry["short_message"] for entry in COLLECTED if entry.get("message")]
        assert [each["text"] for each in f.inbound] == messages
        shown = [each["receipt"] for each in f.unmatched]
        assert len(shown) + len(messages) == len(COLLECTED) == 51
        for receipt, entry in zip(shown, receipts, strict=True):
            assert {name: receipt[name] for name in FIELDS & receipt.keys()} == entry["expected"], entry["source"]
            assert (receipt["raw"], receipt["raw_hex"]) == (entry["short_message"], entry["short_message_hex"])


STATE_2, UTF_16 = (0x0427, b"\x02"), "utf-16-be"
TEXT_77 = "id:77 sub:001 dlvrd:001 submit date:2601150904 done date:2601150905 stat:DELIVRD err:000 text:hello"
FORMS: dict[str, tuple[bytes, list[tuple[int, bytes]], dict[str, Any]]] = {
    "keys in upper case": (b"ID:77 SUB:001 DLVRD:001 STAT:DELIVRD ERR:000 TEXT:hello", [], {}),
    "blanks behind colons": (b"id: 77 sub: 001 stat: DELIVRD err: 000 text: hello", [], {}),
    "a field a line": (b"id:77\r\nsub:001\r\nstat:DELIVRD\r\nerr:000\r\n", [], {}),
    "tabs": (b"id:77\tsub:001\tstat:DELIVRD\terr:000", [], {}),
    "dates of ISO 8601": (b"id:77 submit date:2026-01-15T09:04:05Z done date:2026-01-15 09:04 stat:DELIVRD", [], {}),
    "another order": (b"err:000 stat:DELIVRD done date:2601150905 id:77", [], {}),
    "names joined": (b"id:77 submitdate:2601150904 donedate:2601150905 stat:DELIVRD", [], {}),
    "fields of the vendor's own": (b"id:77 mcc:250 mnc:01 price:0.05 stat:DELIVRD err:000 retry:1", [], {}),
    "ucs2": (TEXT_77.encode(UTF_16), [], {"data_coding": 8}),
    "ucs2 of class 0": (TEXT_77.encode(UTF_16), [], {"data_coding": 0x18, "esm_class": 0}),
    "latin1": (TEXT_77.encode() + b"\xe9", [], {"data_coding": 3}),
    "ascii said to be ucs2": (TEXT_77.encode(), [], {"data_coding": 8}),
    "ascii said to be binary": (TEXT_77.encode(), [], {"data_coding": 4}),
    "ucs2 in message_payload": (b"", [(0x0424, TEXT_77.encode(UTF_16))], {"data_coding": 8}),
    "a text that says less than the TLVs": (b"77 2", [(0x001E, b"77\0"), STATE_2], {}),
    "a text of the operator's, and TLVs": ("Доставлено".encode(UTF_16), [(0x001E, b"77"), STATE_2], {"data_coding": 8}),
    "a state of two octets": (b"", [(0x001E, b"77"), (0x0427, b"\x00\x02")], {}),
    "a state with a NUL": (b"", [(0x001E, b"77"), (0x0427, b"\x02\x00")], {}),
    "a state in the vendor's tag too": (b"", [(0x1427, b"\x08"), (0x001E, b"77"), STATE_2], {}),
    "TLVs twice": (b"", [(0x001E, b"77"), STATE_2, (0x001E, b"78"), (0x0427, b"\x05")], {}),
    "a state that the stat contradicts": (b"id:77 stat:DELIVRD", [(0x0427, b"\x05")], {}),
    "nothing but id and stat": (b"id:77 stat:DELIVRD", [], {}),
    "an unknown word beside a state": (b"id:77 stat:HANDSET_OK", [STATE_2], {}),
    "a NUL at its end": (TEXT_77.encode() + b"\0", [], {}),
    "blanks around it": (b"  " + TEXT_77.encode() + b"  ", [], {"esm_class": 0}),
    "an intermediate notification of the end": (TEXT_77.encode(), [], {"esm_class": 0x20}),
    "protocol_id and priority set": (TEXT_77.encode(), [], {"protocol_id": 0x40, "priority_flag": 3}),
    "a service_type": (TEXT_77.encode(), [], {"service_type": b"CMT"}),
}


@pytest.mark.parametrize(("octets", "tlvs", "more"), FORMS.values(), ids=FORMS)
@in_a_loop
async def test_a_form_that_the_next_provider_may_have_is_understood(
    octets: bytes, tlvs: list[tuple[int, bytes]], more: dict[str, Any]
) -> None:
    async with field() as f:
        await f.accept(b"77")
        assert await f.deliver(octets, *tlvs, **more) == OK
        result = await f.becomes("delivered")
        assert result["parts"][0]["receipt"]["raw_hex"] == (octets or dict(tlvs).get(0x0424, b"")).hex()


OF_SETTINGS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "equals signs": (b"id=77&stat=DELIVRD&err=000", {"id_regex": r"id=(\w+)", "stat_regex": r"stat=(\w+)"}),
    "semicolons": (b"id:77;stat:DELIVRD;err:000;", {"id_regex": r"id:(\w+)", "stat_regex": r"stat:(\w+)"}),
    "JSON": (b'{"msgid": "77", "status": 5}', {"id_regex": r'"msgid": "(\w+)"', "stat_regex": r'"status": (\d)'}),
    "other names": (b"MessageId: 77 Status: OK", {"id_regex": r"MessageId: (\w+)", "stat_regex": r"Status: (\w+)"}),
    "a part of the id": (b"id:77-0001 stat:DELIVRD", {"id_regex": r"id:(\d+)-"}),
}
OWN_WORDS = {"5": "delivered", "OK": "delivered"}


@pytest.mark.parametrize(("octets", "regexes"), OF_SETTINGS.values(), ids=OF_SETTINGS)
@in_a_loop
async def test_a_form_that_no_receipt_should_have_is_understood_by_settings(
    octets: bytes, regexes: dict[str, str]
) -> None:
    async with field(receipt_format={**regexes, "stat_map": OWN_WORDS}) as f:
        await f.accept(b"77")
        assert await f.deliver(octets) == OK
        result = await f.becomes("delivered")
        assert result["parts"][0]["receipt"]["raw"] == octets.decode()
