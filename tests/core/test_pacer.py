"""The pacer on a clock that is a number: what leaves in any window of one second, and how much of the limit is used."""

import itertools
import random

import pytest

from smsd.core.pacer import Pacer


def sends(pacer: Pacer, start: float, seconds: float, lateness: float = 0.0, seed: int = 1) -> list[float]:
    """Send times of a lane that always has something to send and wakes up to `lateness` seconds late."""
    draw = random.Random(seed)
    now, end, times = start, start + seconds, []
    while now < end:
        while pacer.due(now) <= now:
            pacer.take(now)
            times.append(now)
        now = max(pacer.due(now), now + 1e-6) + draw.random() * lateness
    return times


def most_in_a_window(times: list[float], window: float = 1.0) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("rate", [1, 2.5, 10, 30, 100, 1000])
@pytest.mark.parametrize("lateness", [0.0, 0.002, 0.012])
def test_no_second_holds_more_than_the_limit_and_the_mean_stays_near_it(rate: float, lateness: float) -> None:
    pacer = Pacer(rate, 0.0)
    times = sends(pacer, 2.0, 60.0, lateness)
    assert most_in_a_window(times) <= -(-rate // 1)
    assert len(times) / 60.0 >= 0.985 * rate


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.75])
def test_below_one_per_second_two_sends_are_a_whole_interval_apart(rate: float) -> None:
    times = sends(Pacer(rate, 0.0), 0.0, 200.0, 0.005)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) >= 1 / rate
    assert max(gaps) <= 1 / rate + 0.02


def test_after_a_start_nothing_goes_within_the_first_second() -> None:
    pacer = Pacer(100, 10.0)
    assert sends(pacer, 10.0, 1.0) == []
    assert pacer.due(11.01) <= 11.01


def test_a_stall_is_not_repaid_in_a_burst() -> None:
    pacer = Pacer(100, 0.0)
    before = sends(pacer, 2.0, 2.0)
    after = sends(pacer, 4.7, 2.0)
    assert most_in_a_window(before + after) <= 100
    assert most_in_a_window(after, 0.1) <= 16


def test_without_a_limit_a_token_is_always_there() -> None:
    pacer = Pacer(None, 0.0)
    for _ in range(1000):
        assert pacer.due(0.0) <= 0.0
        pacer.take(0.0)


def test_a_lower_limit_counts_what_was_sent_in_the_last_second() -> None:
    pacer = Pacer(100, 0.0)
    before = sends(pacer, 2.0, 1.5)
    pacer.set_limit(10, 3.5)
    after = sends(pacer, 3.5, 3.0)
    assert after[0] - before[-10] >= 1.0
    assert most_in_a_window(after) <= 10


def test_a_higher_limit_counts_at_once_and_what_was_sent_in_the_last_second_still_does() -> None:
    pacer = Pacer(10, 0.0)
    before = sends(pacer, 2.0, 1.0)
    pacer.set_limit(20, 3.0)
    after = sends(pacer, 3.0, 2.0)
    assert after[0] - 3.0 < 0.1
    assert most_in_a_window(before + after) <= 20
    assert len(after) >= 39


def test_limits_that_change_all_the_time_never_let_more_through_than_the_highest() -> None:
    pacer, moments = Pacer(20, 0.0), []
    for n, limit in enumerate((20, 5, 20, 3, 20, 20.5, 1, 20, 10, 20, 0.5, 20) * 3):
        start = 2.0 + n * 0.2
        pacer.set_limit(limit, start)
        moments += sends(pacer, start, 0.2)
    assert most_in_a_window(moments) <= 21


def test_a_limit_set_where_there_was_none_starts_with_an_empty_bucket() -> None:
    pacer = Pacer(None, 0.0)
    pacer.take(5.0)
    pacer.set_limit(10, 5.0)
    assert pacer.due(5.0) >= 6.0


def test_throttling_sets_the_rate_to_what_was_accepted_and_rests_a_second() -> None:
    pacer = Pacer(100, 0.0)
    assert pacer.slow_down(5.0, sent_at=4.9, accepted=40.0)
    assert pacer.slowed
    assert pacer.rate == pytest.approx(38.8)
    assert pacer.due(5.0) >= 5.98


def test_a_rate_hardly_too_high_falls_by_little_and_does_not_rest() -> None:
    pacer = Pacer(100, 0.0)
    assert pacer.slow_down(5.0, sent_at=4.9, accepted=96.0)
    assert pacer.rate == pytest.approx(93.0)
    assert pacer.due(5.0) < 5.1


def test_what_was_on_its_way_when_the_rate_fell_does_not_make_it_fall_again() -> None:
    pacer = Pacer(100, 0.0)
    pacer.slow_down(5.0, sent_at=4.9, accepted=40.0)
    rate = pacer.rate
    for _ in range(99):
        assert not pacer.slow_down(5.5, sent_at=4.99, accepted=1.0)
    assert pacer.rate == rate


def test_without_a_limit_the_rate_is_what_was_accepted_until_it_is_long_outgrown() -> None:
    pacer = Pacer(None, 0.0)
    for n in range(200):
        pacer.take(n / 200)
    assert pacer.slow_down(1.0, sent_at=0.99, accepted=100.0)
    assert pacer.rate == pytest.approx(97.0)
    now = 1.0
    while not pacer.recover(now):
        now += 0.5
        assert now < 30.0
    assert (pacer.rate, pacer.slowed) == (None, False)


def test_the_full_rate_comes_back_and_is_over_once_it_has_held() -> None:
    pacer = Pacer(100, 0.0)
    pacer.slow_down(5.0, sent_at=4.9, accepted=20.0)
    now = 5.0
    while pacer.rate != 100:
        now += 0.5
        assert not pacer.recover(now)
        assert now < 20.0
    assert pacer.slowed
    assert not pacer.recover(now + 5.0)
    assert pacer.recover(now + 11.0)
    assert not pacer.slowed


def test_a_new_limit_ends_a_time_of_throttling() -> None:
    pacer = Pacer(100, 0.0)
    pacer.slow_down(5.0, sent_at=4.9, accepted=20.0)
    pacer.set_limit(50, 6.0)
    assert (pacer.rate, pacer.slowed) == (50, False)
