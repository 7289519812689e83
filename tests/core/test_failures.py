"""Failures by kind: counted, bounded, each with a sentence that says what to do."""

import re
from pathlib import Path

from smsd.core import failures
from smsd.core.failures import MOST, Failures

DAY = 86_400.0


def test_messages_that_ended_alike_are_one_failure() -> None:
    kinds = Failures()
    for now in (10.0, 30.0, 20.0):
        kinds.count("p", "rejected", "refused-by-provider", 0x0B, now)
    [failure] = kinds.recent(40.0)
    assert (failure.provider, failure.count, failure.last) == ("p", 3, 20.0)
    assert failure.sentence == "ESME_RINVDSTADR: the provider does not accept this recipient: check the number"


def test_they_are_told_the_latest_first() -> None:
    kinds = Failures()
    for now, provider in ((1.0, "p"), (2.0, "q"), (3.0, "p")):
        kinds.count(provider, "rejected", "bad-number", None, now)
    assert [failure.provider for failure in kinds.recent(4.0)] == ["p", "q"]


def test_a_day_later_they_are_history() -> None:
    kinds = Failures()
    kinds.count("p", "rejected", "bad-number", None, 0.0)
    kinds.count("q", "rejected", "bad-number", None, 100.0)
    assert [failure.provider for failure in kinds.recent(DAY + 50)] == ["q"]


def test_what_somebody_wanted_is_no_failure() -> None:
    kinds = Failures()
    kinds.count("p", "cancelled", "cancelled", None, 1.0)
    assert list(kinds.recent(2.0)) == []


def test_only_so_many_kinds_are_remembered() -> None:
    kinds = Failures()
    for n in range(MOST + 10):
        kinds.count(f"p{n}", "rejected", "bad-number", None, float(n))
    found = list(kinds.recent(float(MOST)))
    assert len(found) == MOST
    assert found[-1].provider == "p10"


def test_every_reason_of_the_code_that_is_a_failure_has_a_sentence_of_its_own() -> None:
    package = Path(failures.__file__).parents[1]
    code = "".join(path.read_text() for part in ("core", "flow") for path in (package / part).glob("*.py"))
    told = re.findall(r'(?:Ending|ContractError|doubt)\([^()]*?"((?:[a-z]+-)+[a-z]+)"', code)
    assert {"partly-sent", "no-response", "bad-number"} <= set(told)
    kinds = Failures()
    for reason in told:
        kinds.count("p", "failed", reason, None, 1.0)
    assert [failure.reason for failure in kinds.recent(1.0) if "one of them" in failure.sentence] == []


def test_an_unknown_reason_is_told_where_to_look() -> None:
    kinds = Failures()
    kinds.count("p", "failed", "of-later-work", None, 1.0)
    assert next(kinds.recent(1.0)).sentence == "`smsd trace ID` shows what happened to one of them"
