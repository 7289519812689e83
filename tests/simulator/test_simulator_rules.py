"""smsd.simulator.rules and script: what may be asked for, and what then becomes of a submit."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu
from smsd.simulator.rules import MessageIds, Rules, as_json, merged, with_magic
from smsd.simulator.script import Ids, Script

RICH = {
    "credentials": {"acme": "secret"},
    "latency": [0.1, 0.2],
    "throttle": {"per_second": 10, "window": 5, "window_status": "0x14"},
    "errors": [{"to": "7$", "from": "^ACME", "status": "0x0B", "times": 3}],
    "no_answer": [{"text": "lost"}],
    "disconnect": [{"to": "9$", "when": "after"}],
    "receipts": {"delay": 2, "rules": [{"to": "2$", "stat": "UNDELIV", "err": "001"}, {"to": "3$", "stat": None}]},
    "message_ids": {"submit": "hex", "receipt": "decimal", "start": 255},
    "data_codings": {"2": "ucs2"},
}


def script(**rules: Any) -> Script:
    return Script(Rules.model_validate(rules))


def submit(to: str = "79000000000", text: bytes = b"hello", **fields: Any) -> Pdu:
    return Pdu(pdus.SUBMIT_SM, fields={"destination_addr": to.encode(), "short_message": text, **fields})


def statuses(script: Script, to: str, times: int) -> list[int | None]:
    return [script.decide("acme", submit(to), 0.0, 0, 0).status for _ in range(times)]


def test_a_data_coding_stands_for_what_the_provider_says() -> None:
    refusing = script(data_codings={2: "ucs2"}, errors=[{"text": "Привет", "status": 1}])
    text = "Привет".encode("utf-16-be")
    assert refusing.decide("acme", submit(text=text, data_coding=2), 0.0, 0, 0).status == 1
    assert refusing.decide("acme", submit(text=text, data_coding=4), 0.0, 0, 0).status == 0


def test_rules_come_back_from_their_json_as_they_were() -> None:
    rules = Rules.model_validate(RICH)
    assert Rules.model_validate_json(json.dumps(as_json(rules))) == rules


def test_a_status_may_be_written_in_hex() -> None:
    assert Rules.model_validate(RICH).errors[0].status == 11


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"errors": [{"to": "(", "status": 1}]}, "is no regular expression"),
        ({"latency": [2, 1]}, "is the greater one"),
        ({"latency": -1}, "greater than or equal to 0"),
        ({"receipts": {"template": "id:{number}"}}, "a receipt can't be made from"),
        ({"data_codings": {"2": "ucs3"}}, "'ucs3' is no encoding"),
        ({"recipts": {}}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_rules_are_refused_with_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Rules.model_validate(wrong)


def test_merging_replaces_whole_top_level_keys() -> None:
    rules = merged(Rules.model_validate(RICH), {"receipts": {"delay": 1}})
    assert rules.receipts.rules == ()
    assert rules.latency == (0.1, 0.2)


def test_without_rules_every_submit_is_accepted() -> None:
    assert statuses(script(), "79000000000", 2) == [0, 0]


def test_all_patterns_of_a_rule_must_be_found() -> None:
    both = script(errors=[{"to": "1$", "text": "no", "status": 8}])
    found = [both.decide("acme", submit(to, text), 0.0, 0, 0).status for to, text in ALL_FOUR]
    assert found == [0, 0, 0, 8]


ALL_FOUR = [("70", b"yes"), ("71", b"yes"), ("70", b"no"), ("71", b"no")]


def test_texts_are_matched_decoded_and_without_their_header() -> None:
    cyrillic = submit(text=b"\x05\x00\x03\x01\x02\x01" + "привет".encode("utf-16-be"), data_coding=8, esm_class=0x40)
    assert script(errors=[{"text": "^привет$", "status": 8}]).decide("acme", cyrillic, 0.0, 0, 0).status == 8


def test_a_rule_with_times_ends_after_them() -> None:
    assert statuses(script(errors=[{"status": 8, "times": 2}]), "71", 4) == [8, 8, 0, 0]


def test_times_of_each_number_are_counted_apart_and_begin_anew() -> None:
    one = script(errors=[{"status": 8, "times": 1, "each_number": True}])
    assert statuses(one, "71", 2) + statuses(one, "72", 2) + statuses(one, "71", 2) == [8, 0, 8, 0, 8, 0]


def test_the_same_seed_gives_the_same_course() -> None:
    rules = {"errors": [{"status": 8, "probability": 0.5}], "seed": 1}
    first = statuses(script(**rules), "71", 100)
    assert set(first) == {0, 8}
    assert statuses(script(**rules), "71", 100) == first


def test_a_draw_stays_within_its_span() -> None:
    drawn = [script(latency=[0.1, 0.2], seed=number).latency() for number in range(20)]
    assert len(set(drawn)) > 1
    assert all(0.1 <= seconds <= 0.2 for seconds in drawn)


def test_more_than_per_second_in_any_second_is_throttled() -> None:
    limited = script(throttle={"per_second": 2})
    times = [0.0, 0.5, 0.9, 1.0, 1.4, 1.5]
    assert [limited.decide("acme", submit(), now, 0, 0).status for now in times] == [0, 0, 0x58, 0, 0x58, 0]
    assert limited.decide("other", submit(), 1.5, 0, 0).status == 0


def test_window_and_queue_have_statuses_of_their_own() -> None:
    limited = script(throttle={"window": 2, "window_status": 0x14, "queue": 5})
    found = [limited.decide("acme", submit(), 0.0, window, queue).status for window, queue in [(1, 4), (2, 4), (1, 5)]]
    assert found == [0, 0x14, 0x14]


def test_the_first_outcome_rule_that_applies_decides() -> None:
    outcomes = script(
        receipts={"stat": "EXPIRED", "rules": [{"to": "1$", "stat": None}, {"to": "71", "stat": "UNKNOWN"}]}
    )
    assert [outcomes.outcome(submit(to)).stat for to in ("71", "710", "70")] == [None, "UNKNOWN", "EXPIRED"]


def test_magic_numbers_have_their_documented_fates() -> None:
    magic = Script(with_magic(Rules()))
    assert statuses(magic, "79000000004", 3) == [0x58, 0x58, 0]
    assert [statuses(magic, f"7900000000{n}", 1) for n in (1, 7, 8)] == [[0], [0x0B], [None]]
    stats = [magic.outcome(submit(f"7900000000{n}")).stat for n in (1, 2, 3, 5, 6)]
    assert stats == ["DELIVRD", "UNDELIV", "EXPIRED", "REJECTD", None]


def test_rules_of_ones_own_come_before_magic() -> None:
    rules = Rules.model_validate({"receipts": {"rules": [{"to": "0001$", "stat": "UNKNOWN"}]}})
    assert Script(with_magic(rules)).outcome(submit("79000000001")).stat == "UNKNOWN"


@pytest.mark.parametrize(
    ("rules", "ids"),
    [
        ({}, ("255", "255")),
        ({"submit": "hex", "receipt": "decimal"}, ("ff", "255")),
        ({"submit": "HEX", "width": 8}, ("000000FF", "000000FF")),
        ({"start": 7}, ("7", "7")),
    ],
)
def test_message_ids_are_written_as_asked(rules: dict[str, Any], ids: tuple[str, str]) -> None:
    assert Ids(MessageIds.model_validate(rules), 255).next() == ids


def test_uuids_are_never_the_same_and_can_have_a_decimal_receipt() -> None:
    ids = Ids(MessageIds(submit="uuid", receipt="decimal"), 1)
    (first, decimal), (second, _) = ids.next(), ids.next()
    assert first != second
    assert int(first.replace("-", ""), 16) == int(decimal)
