"""Waits between tries, with the lots drawn by the test."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from smsd.core.backoff import JITTER, Backoff


def test_without_luck_each_wait_is_twice_the_last_up_to_the_most() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 0.0)
    assert [backoff.delay() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_lot_shortens_a_wait_by_a_fifth_at_most_and_not_the_next() -> None:
    lots = iter([1.0, 0.5, 0.0])
    backoff = Backoff(10.0, 60.0, lambda: next(lots))
    assert [backoff.delay() for _ in range(3)] == [8.0, 18.0, 40.0]


def test_after_a_success_the_waits_begin_anew() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 0.0)
    for _ in range(5):
        backoff.delay()
    backoff.reset()
    assert [backoff.delay(), backoff.delay()] == [1.0, 2.0]


def test_equal_bounds_make_every_wait_the_same() -> None:
    backoff = Backoff(5.0, 5.0, lambda: 0.0)
    assert [backoff.delay() for _ in range(3)] == [5.0, 5.0, 5.0]


@given(st.floats(0.01, 100), st.floats(1, 100), st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=40))
def test_every_wait_is_within_the_bounds_less_the_jitter_and_steps_at_most_double(
    least: float, factor: float, lots: list[float]
) -> None:
    most, drawn = least * factor, iter(lots)
    backoff = Backoff(least, most, lambda: next(drawn))
    waits = [backoff.delay() for _ in lots]
    assert all(least * (1 - JITTER) * 0.999 <= wait <= most for wait in waits)
    assert all(second <= first / (1 - JITTER) * 2.001 for first, second in itertools.pairwise(waits))


def test_new_bounds_count_from_the_next_wait_on() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 0.0)
    assert [backoff.delay() for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    backoff.set_bounds(0.5, 5.0)
    assert [backoff.delay() for _ in range(2)] == [5.0, 5.0]
    backoff.reset()
    assert backoff.delay() == 0.5
