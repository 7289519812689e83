"""The last hour's slots: what counters grew by, and quantiles as Prometheus guesses them."""

import math

import pytest

from smsd.core.hour import SLOTS, TOTAL, Hour, Sample, quantile

BOUNDS = (0.1, 0.5, 1.0)


def fed(*slots: tuple[tuple[str, int, list[int]], ...], hour: Hour | None = None) -> Hour:
    """An hour that saw these counters at the ends of as many slots."""
    hour = hour or Hour(BOUNDS, 0.0)
    for n, samples in enumerate(slots, 1):
        hour.take((Sample(*sample) for sample in samples), n * 10.0, 1000.0 + n * 10.0)
    return hour


def test_a_slot_has_what_was_accepted_in_it_per_second() -> None:
    hour = fed((("p", 50, [50, 0, 0, 0]),), (("p", 250, [250, 0, 0, 0]),))
    assert [(point.at, point.rate) for point in hour.points("p")] == [(1010.0, 5.0), (1020.0, 20.0)]


def test_all_providers_together_are_their_sum() -> None:
    hour = fed((("p", 50, [50, 0, 0, 0]), ("q", 30, [0, 30, 0, 0])))
    [point] = hour.points(TOTAL)
    assert (point.rate, point.p50, point.p95) == (8.0, pytest.approx(0.08), pytest.approx(0.1 + 0.4 * 26 / 30))


def test_a_slot_without_answers_has_rate_nothing_and_no_latency() -> None:
    hour = fed((("p", 5, [5, 0, 0, 0]),), (("p", 5, [5, 0, 0, 0]),))
    for points in (hour.points("p"), hour.points(TOTAL)):
        assert points[1].rate == 0
        assert math.isnan(points[1].p50)


def test_answers_that_accept_nothing_have_a_latency_too() -> None:
    [point] = fed((("p", 0, [0, 0, 4, 0]),)).points("p")
    assert (point.rate, point.p50) == (0.0, 0.75)


def test_of_a_provider_that_was_never_answered_nothing_is_kept() -> None:
    assert fed((("p", 0, [0, 0, 0, 0]),)).points("p") == []


def test_a_provider_that_comes_later_is_at_zero_before() -> None:
    hour = fed((("p", 0, [0, 0, 0, 0]),), (("p", 0, [0, 0, 0, 0]), ("q", 10, [10, 0, 0, 0])))
    assert [point.rate for point in hour.points("q")] == [0.0, 1.0]


def test_counters_that_begin_anew_count_from_nothing() -> None:
    hour = fed((("p", 90, [90, 0, 0, 0]),), (("p", 20, [20, 0, 0, 0]),))
    assert [point.rate for point in hour.points("p")] == [9.0, 2.0]


def test_a_provider_that_is_gone_is_forgotten() -> None:
    hour = fed((("p", 90, [90, 0, 0, 0]),), (("q", 20, [20, 0, 0, 0]),))
    assert hour.points("p") == []


def test_what_is_older_than_an_hour_is_forgotten() -> None:
    hour = fed(*((("p", 10 * n, [10 * n, 0, 0, 0]),) for n in range(1, SLOTS + 6)))
    points = hour.points("p")
    assert len(points) == SLOTS
    assert (points[0].at, points[-1].at) == (1000.0 + 60, 1000.0 + (SLOTS + 5) * 10)
    assert {point.rate for point in points} == {1.0}


def test_a_late_sample_makes_a_longer_slot_not_a_higher_rate() -> None:
    hour = Hour(BOUNDS, 0.0)
    hour.take([Sample("p", 100, [100, 0, 0, 0])], 50.0, 1050.0)
    assert hour.points("p")[0].rate == 2.0


def test_the_rate_now_is_that_of_the_last_ten_seconds() -> None:
    hour = Hour(BOUNDS, 0.0)
    for n in range(20):
        accepted = min(n, 10) * 20  # ten per second, until the 20th second
        hour.take([Sample("p", accepted, [accepted, 0, 0, 0])], n * 2.0, 1000.0 + n * 2.0)
        if n == 10:
            assert hour.rate("p") == 10.0
    assert hour.rate("p") == hour.rate("nobody") == 0.0


def test_before_two_samples_there_is_no_rate() -> None:
    assert Hour(BOUNDS, 0.0).rate("p") == 0.0


@pytest.mark.parametrize(
    ("part", "counts", "value"),
    [
        (0.5, [10, 0, 0, 0], 0.05),
        (1.0, [10, 0, 0, 0], 0.1),
        (0.5, [0, 10, 0, 0], 0.3),
        (0.5, [5, 0, 5, 0], 0.1),
        (0.95, [90, 0, 10, 0], 0.75),
        (0.95, [0, 0, 0, 3], 1.0),  # beyond the last bound: at least that
    ],
)
def test_quantiles_lie_evenly_within_their_bucket(part: float, counts: list[int], value: float) -> None:
    assert quantile(part, counts, BOUNDS) == pytest.approx(value)


def test_of_nothing_there_is_no_quantile() -> None:
    assert math.isnan(quantile(0.5, [0, 0, 0, 0], BOUNDS))
