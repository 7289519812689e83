"""What a provider can reach, and what holds it there."""

from typing import Any

import pytest

from smsd.core.ceiling import ANSWERS, AnswerTimes, ceiling

USUAL: dict[str, Any] = {"rate": 300, "max_rate": 300, "slowed": False, "window": 10, "answer": None}


def found(**facts: Any) -> tuple[float | None, str, str]:
    it = ceiling(**(USUAL | facts))
    return it["per_second"], it["by"], it["detail"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"closed": True, "paused": True}, (0, "closed", "the connection is closed: nothing can be sent")),
        ({"paused": True, "quiet": "quiet until 08:00"}, (0, "paused", "paused: `smsd resume` lets it go on")),
        (
            {"quiet": "quiet until 08:00 (urgent, normal, bulk)", "slowed": True},
            (0, "quiet", "quiet until 08:00 (urgent, normal, bulk)"),
        ),
        (
            {"rate": 25.3, "slowed": True, "answer": 10.0},
            (
                25.3,
                "throttled",
                "the provider refuses more than 25/s of 300/s: ask it for its limit, and set `max_rate`",
            ),
        ),
        (
            {"rate": 0.5, "slowed": True, "max_rate": None},
            (0.5, "throttled", "the provider refuses more than 0.5/s: ask it for its limit, and set `max_rate`"),
        ),
        (
            {"answer": 0.102},
            (98.0, "window", "window 10 at 102 ms allows 98/s of 300/s: `window` 31 would do"),
        ),
        (
            {"answer": 2.0, "max_rate": None, "rate": None},
            (
                5.0,
                "window",
                "window 10 at 2.0 s allows 5/s: a larger `window` allows more, if the provider takes it",
            ),
        ),
        ({"answer": 0.02}, (300, "max_rate", "`max_rate` 300/s; window 10 at 20 ms would allow 500/s")),
        ({}, (300, "max_rate", "`max_rate` 300/s")),
        (
            {"max_rate": None, "rate": None},
            (None, "none", "no `max_rate`; window 10, and nothing was answered yet"),
        ),
    ],
)
def test_the_first_that_holds_it_is_told_with_what_to_change(
    facts: dict[str, Any], expected: tuple[float | None, str, str]
) -> None:
    assert found(**facts) == expected


def test_the_window_that_is_named_does_reach_the_limit() -> None:
    assert found(answer=0.102, window=31)[1] == "max_rate"
    assert found(answer=0.102, window=30)[1] == "window"


def test_the_median_is_that_of_the_latest_answers() -> None:
    times = AnswerTimes()
    assert times.median() is None
    for seconds in [9.0] * ANSWERS + [0.1] * (ANSWERS // 2 + 1):
        times.add(seconds)
    assert times.median() == 0.1
