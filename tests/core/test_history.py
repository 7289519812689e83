"""What a message went through survives its stay in a hold queue; headers that make no sense are no history."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig.messages import message

from smsd.core import history
from smsd.core.contract import timestamp
from smsd.core.message import REJECTED, SENT, UNCERTAIN, WAITING, Message

FACTS = ["first_refused_at", "refusals", "last_status", "received_at", "sent_at", "possible_duplicate", "reference"]


def facts(made: Message) -> dict[str, Any]:
    """Everything about a message that a history may change."""
    told: dict[str, Any] = {name: getattr(made, name) for name in FACTS}
    told["parts"] = [(part.status, part.smsc_id, part.smpp_status, part.attempts) for part in made.parts]
    told["todo"] = [part.n for part in made.todo]
    return told


def told_by(made: Message, age: float) -> dict[str, Any]:
    told = history.read(history.headers(made, age))
    assert told is not None
    return told


def refused_twice() -> Message:
    made = message(
        SENT, WAITING, WAITING, refusals=2, last_status=0x58, first_refused_at=100.0, sent_at=1_772_366_401.5
    )
    made.possible_duplicate = True
    made.reference = 0xBEEF
    made.parts[0].smsc_id, made.parts[0].smpp_status = "00AbC1", 0
    made.parts[1].attempts, made.parts[1].smpp_status = 2, 0x58
    return made


# --- there and back


@pytest.mark.parametrize("moment", ["1e300", "253402300800", "nan", "-inf", "soon"])
def test_a_due_time_that_no_calendar_has_is_none(moment: str) -> None:
    assert history.due({history.DUE: moment}) == 0.0


def test_a_message_composed_anew_is_as_it_was() -> None:
    before = refused_twice()
    after = message(WAITING, WAITING, WAITING, received_at=1_772_370_000.0)
    told = told_by(before, 130.0 - 100.0)
    after.reference = history.reference(told)
    history.restore(after, told, 130.0)
    assert facts(after) == facts(before)


def test_the_age_goes_on_from_another_daemons_clock() -> None:
    after = message(WAITING, WAITING, WAITING)
    history.restore(after, told_by(refused_twice(), 30.0), 7.0)
    assert after.first_refused_at == 7.0 - 30.0


def test_a_message_never_refused_has_no_age() -> None:
    after = message(first_refused_at=5.0)
    history.restore(after, told_by(message(), 1000.0), 7.0)
    assert after.first_refused_at is None


@pytest.mark.parametrize("status", ["delivered", "undelivered", "expired"])
def test_a_segment_with_a_receipt_is_accepted_and_not_sent_again(status: str) -> None:
    after = message(WAITING, WAITING)
    history.restore(after, told_by(message(status, WAITING), 0.0), 0.0)
    assert [part.status for part in after.parts] == [SENT, WAITING]
    assert [part.n for part in after.todo] == [2]


def test_an_uncertain_segment_is_not_sent_again() -> None:
    after = message(WAITING, WAITING)
    history.restore(after, told_by(message(UNCERTAIN, WAITING), 0.0), 0.0)
    assert [part.n for part in after.todo] == [2]
    assert after.parts[0].status == UNCERTAIN


def test_a_refused_segment_waits_again() -> None:
    after = message(WAITING)
    history.restore(after, told_by(message(REJECTED), 0.0), 0.0)
    assert (after.parts[0].status, after.parts[0].attempts, after.todo) == (WAITING, 1, after.parts)


def test_the_due_time_survives_to_the_last_bit() -> None:
    made = message(due=1_772_366_460.123456)
    assert history.due(history.headers(made, 0.0)) == made.due


def test_the_headers_are_text() -> None:
    headers = history.headers(refused_twice(), 30.0)
    assert sorted(headers) == ["x-smsd-due", "x-smsd-history"]
    assert all(isinstance(value, str) for value in headers.values())


# --- nonsense


def test_without_a_header_there_is_no_history_and_no_due_time() -> None:
    assert (history.read({}), history.due({}), history.reference(None)) == (None, 0.0, None)


@pytest.mark.parametrize("value", ["", "{", "[]", "1", "null", '"x"', "[" * 100_000, b"\xff", None, 5, ["x"], {}])
def test_what_is_no_json_object_is_no_history(value: Any) -> None:
    assert history.read({history.HISTORY: value}) is None


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-inf", "1e999", b"\xff", None, [], {}, 10**400])
def test_a_due_time_that_makes_no_sense_is_none(value: Any) -> None:
    assert history.due({history.DUE: value}) == 0.0


@pytest.mark.parametrize("value", [-1, 0x10000, 1.0, "1", True, None, [], 10**400])
def test_a_reference_that_fits_no_segment_is_none(value: Any) -> None:
    assert history.reference({"reference": value}) is None


@pytest.mark.parametrize("parts", [None, {}, "abc", [], [["sent", None, 0, 1]] * 3])
def test_a_history_of_another_number_of_segments_is_none(parts: Any) -> None:
    made = message(WAITING, WAITING)
    before = facts(made)
    history.restore(made, {"refusals": 7, "age": 1.0, "parts": parts}, 0.0)
    assert facts(made) == before


@pytest.mark.parametrize(
    "part", [None, "sent", ["sent"], {"status": "sent"}, [["sent"], 1, "x", -1], [None, {}, 1.5, True]]
)
def test_a_segments_history_that_makes_no_sense_leaves_it_waiting(part: Any) -> None:
    made = message(WAITING)
    before = facts(made)
    history.restore(made, {"parts": [part]}, 0.0)
    assert facts(made) == before


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), -1.0, 1e300, 10**400, "1772366400", True, None])
def test_a_time_that_cannot_be_written_down_is_none(moment: Any) -> None:
    made = message(WAITING)
    before = facts(made)
    history.restore(made, {"received_at": moment, "sent_at": moment, "age": moment, "parts": [None]}, 5.0)
    assert facts(made) == before


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(min_value=10**308) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ANY_HEADER = ANY_JSON | st.binary(max_size=20) | st.decimals() | st.datetimes() | st.text() | ANY_JSON.map(json.dumps)
STATUS = st.sampled_from([SENT, UNCERTAIN, WAITING, REJECTED, "delivered", ""])
TOLD = ["age", *FACTS]
PART = st.tuples(STATUS | ANY_JSON, ANY_JSON, ANY_JSON, ANY_JSON).map(list) | ANY_JSON


@given(ANY_HEADER, ANY_HEADER)
def test_no_header_raises(due: Any, told: Any) -> None:
    headers = {history.DUE: due, history.HISTORY: told}
    assert abs(history.due(headers)) < float("inf")
    history.reference(history.read(headers))
    history.restore(message(WAITING), history.read(headers) or {}, 5.0)


@given(st.fixed_dictionaries({"parts": st.lists(PART, min_size=2, max_size=2)}, optional=dict.fromkeys(TOLD, ANY_JSON)))
def test_no_history_makes_a_message_that_cannot_be_told_of(written: dict[str, Any]) -> None:
    told = history.read({history.HISTORY: json.dumps(written)})
    assert told is not None
    made = message(WAITING, WAITING)
    history.restore(made, told, 5.0)
    assert timestamp(made.received_at).endswith("Z")
    assert made.sent_at is None or timestamp(made.sent_at).endswith("Z")
    assert [part for part in made.parts if part.status == WAITING] == made.todo
    assert {part.status for part in made.parts} <= {WAITING, SENT, UNCERTAIN}
    assert made.attempts >= 0
    json.loads(history.headers(made, 0.0)[history.HISTORY])
