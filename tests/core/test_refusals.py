"""Whether the rate is to blame for a refusal, or the recipient, on a clock that is a number."""

import pytest

from smsd.core import refusals
from smsd.core.refusals import TRIES, Refusals


def traffic(told: Refusals, start: float, seconds: float, per_second: int) -> float:
    """Others are accepted; returns when that ends."""
    number = round(seconds * per_second)
    for n in range(number):
        told.accepted(f"other {n}", start + n / per_second)
    return start + seconds


def test_a_recipient_refused_while_others_pass_is_to_blame_at_the_third_time() -> None:
    told, now = Refusals(), 10.0
    blamed = []
    for _ in range(TRIES):
        now = traffic(told, now, 0.5, 20)
        blamed.append(told.refused("bad", now))
        assert not told.rate_is_to_blame(now)
    assert blamed == [False, False, True]


def test_five_bad_ones_among_forty_good_do_not_make_the_rate_suspect() -> None:
    told = Refusals()
    for n in range(5):
        told.refused(f"bad {n}", 10.0 + n / 20)
        assert not told.rate_is_to_blame(10.0 + n / 20)
    for n in range(40):
        told.accepted("good", 10.25 + n / 20)
        assert not told.rate_is_to_blame(10.25 + n / 20)


def test_when_nearly_everybody_is_refused_for_a_second_the_rate_is_to_blame() -> None:
    told = Refusals()
    for n in range(100):
        now = 10.0 + n / 50
        assert not told.refused(str(n), now)
        told.accepted("one", now) if n % 10 == 0 else None
    assert told.rate_is_to_blame(12.0)


def test_one_number_that_is_always_refused_says_nothing_of_the_rate() -> None:
    told = Refusals()
    for n in range(20):
        told.refused("bad", 10.0 + n / 4)
        assert not told.rate_is_to_blame(10.0 + n / 4)


def test_who_was_refused_and_passes_a_moment_later_was_refused_for_the_rate() -> None:
    told = Refusals()
    told.refused("a", 10.0)
    assert told.accepted("a", 10.5)
    assert not told.accepted("a", 10.6)
    told.refused("b", 11.0)
    assert not told.accepted("b", 60.0)


def test_one_at_a_time_goes_to_a_recipient_to_blame_until_it_is_accepted() -> None:
    told = Refusals()
    now = 10.0
    for _ in range(TRIES):
        now = traffic(told, now, 0.5, 20)
        told.refused("bad", now)
    told.put_off("bad", now + 5.0)
    assert told.wait("bad", now + 1.0) == pytest.approx(4.0)
    assert told.wait("good", now) == 0.0
    assert told.wait("bad", now + 5.0) == 0.0
    assert told.wait("bad", now + 5.1) == pytest.approx(refusals.ONE_AT_A_TIME - 0.1)
    told.accepted("bad", now + 5.5)
    assert told.wait("bad", now + 5.5) == 0.0


def test_tries_that_are_not_to_blame_come_soon_and_less_and_less_so() -> None:
    told = Refusals()
    waits = []
    for n in range(6):
        told.refused("a", 10.0)
        told.accepted(f"other {n}", 10.0)
        waits.append(told.soon("a"))
    assert waits == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_only_so_many_recipients_are_remembered() -> None:
    told = Refusals()
    for n in range(refusals.RECIPIENTS_MAX + 10):
        told.refused(str(n), 10.0)
    assert len(told) == refusals.RECIPIENTS_MAX


def test_one_message_at_a_time_goes_first_at_its_second_try() -> None:
    told = Refusals()
    told.try_first("a", 10.0)
    told.try_first("b", 10.1)
    assert told.probe == "a"
    told.try_first("b", 11.0)
    assert told.probe == "b"
