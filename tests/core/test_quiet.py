"""Quiet hours on a clock that is handed in: across midnight, and where the clock is changed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from smsd.core.quiet import Quiet
from smsd.settings.model import QuietHours

MOSCOW, BERLIN = "Europe/Moscow", "Europe/Berlin"


def quiet(begin: str, end: str, zone: str = MOSCOW, **more: object) -> Quiet:
    hours = QuietHours.model_validate({"from": begin, "to": end, "timezone": zone, **more})
    return Quiet(hours, hours.zone)


def at(moment: str, zone: str = MOSCOW, fold: int = 0) -> float:
    """Seconds since 1970 when the zone's clock shows this."""
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def utc(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-03-01 21:59:59.999", None),
        ("2026-03-01 22:00", "2026-03-02 08:00"),
        ("2026-03-02 00:00", "2026-03-02 08:00"),
        ("2026-03-02 07:59:59.999", "2026-03-02 08:00"),
        ("2026-03-02 08:00", None),
        ("2026-03-02 12:00", None),
    ],
)
def test_hours_across_midnight_are_one_night(moment: str, until: str | None) -> None:
    assert quiet("22:00", "08:00").until(at(moment)) == (until and at(until))


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-03-01 12:59:59", None),
        ("2026-03-01 13:00", "2026-03-01 14:30"),
        ("2026-03-01 14:29:59", "2026-03-01 14:30"),
        ("2026-03-01 14:30", None),
        ("2026-03-02 00:30", None),
    ],
)
def test_hours_of_one_day_end_on_it(moment: str, until: str | None) -> None:
    assert quiet("13:00", "14:30").until(at(moment)) == (until and at(until))


def test_hours_to_midnight_and_from_midnight() -> None:
    assert quiet("22:00", "00:00").until(at("2026-03-01 23:59")) == at("2026-03-02 00:00")
    assert quiet("22:00", "00:00").until(at("2026-03-02 00:00")) is None
    assert quiet("00:00", "08:00").until(at("2026-03-02 00:00")) == at("2026-03-02 08:00")
    assert quiet("00:00", "08:00").until(at("2026-03-01 23:59")) is None


def test_all_but_a_minute_of_the_day_may_be_quiet() -> None:
    hours = quiet("08:00", "07:59")
    assert hours.until(at("2026-03-01 07:58:59")) == at("2026-03-01 07:59")
    assert hours.until(at("2026-03-01 07:59:30")) is None
    assert hours.until(at("2026-03-01 08:00")) == at("2026-03-02 07:59")


def test_the_zone_is_the_settings_own_wherever_the_daemon_is() -> None:
    now = utc("2026-03-01 19:30")
    assert quiet("22:00", "08:00", MOSCOW).until(now) == utc("2026-03-02 05:00")
    assert quiet("22:00", "08:00", BERLIN).until(now) is None
    assert quiet("22:00", "08:00", "Asia/Vladivostok").until(now) == utc("2026-03-01 22:00")


def test_a_night_in_which_the_clock_is_set_forward_is_an_hour_shorter() -> None:
    hours = quiet("22:00", "08:00", BERLIN)
    assert hours.until(utc("2026-03-28 21:00")) == utc("2026-03-29 06:00")
    assert hours.until(utc("2026-03-29 06:00")) is None


def test_a_night_in_which_the_clock_is_set_back_is_an_hour_longer() -> None:
    hours = quiet("22:00", "08:00", BERLIN)
    assert hours.until(utc("2026-10-24 19:59:59")) is None
    assert hours.until(utc("2026-10-24 20:00")) == utc("2026-10-25 07:00")
    assert hours.until(utc("2026-10-25 07:00")) is None


def test_an_end_that_comes_twice_is_the_second_one() -> None:
    """At 02:30 the clock will show quiet times once more: nobody is woken in between."""
    hours = quiet("22:00", "02:30", BERLIN)
    assert hours.until(utc("2026-10-25 00:29")) == utc("2026-10-25 01:30")
    assert hours.until(utc("2026-10-25 00:31")) == utc("2026-10-25 01:30")
    assert hours.until(utc("2026-10-25 01:30")) is None


def test_a_beginning_that_comes_twice_is_the_first_one() -> None:
    hours = quiet("02:30", "08:00", BERLIN)
    assert hours.until(utc("2026-10-25 00:29")) is None
    assert hours.until(utc("2026-10-25 00:30")) == hours.until(utc("2026-10-25 01:10")) == utc("2026-10-25 07:00")


def test_hours_that_end_in_an_hour_left_out_end_after_it() -> None:
    hours = quiet("22:00", "02:30", BERLIN)
    assert hours.until(utc("2026-03-29 00:59")) == utc("2026-03-29 01:30")
    assert hours.until(utc("2026-03-29 01:30")) is None


def test_hours_that_begin_in_an_hour_left_out_begin_before_it() -> None:
    hours = quiet("02:30", "08:00", BERLIN)
    assert hours.until(utc("2026-03-29 00:29")) is None
    assert hours.until(utc("2026-03-29 00:30")) == hours.until(utc("2026-03-29 01:00")) == utc("2026-03-29 06:00")


def test_a_clock_that_is_set_forward_at_midnight_is_no_exception() -> None:
    """In Cairo 2026-04-24 began at 01:00; 00:00 is there neither an end nor a beginning."""
    hours = quiet("22:00", "00:00", "Africa/Cairo")
    assert hours.until(utc("2026-04-23 20:00")) == utc("2026-04-23 22:00")
    hours = quiet("00:30", "08:00", "Africa/Cairo")
    assert hours.until(utc("2026-04-23 21:29")) is None
    assert hours.until(utc("2026-04-23 21:30")) == hours.until(utc("2026-04-23 22:00")) == utc("2026-04-24 05:00")


def test_the_priorities_named_wait_and_only_in_these_hours() -> None:
    night, day = at("2026-03-01 23:00"), at("2026-03-01 12:00")
    assert quiet("22:00", "08:00").priorities(night) == {1, 2}
    assert quiet("22:00", "08:00", applies_to=["urgent", "bulk"]).priorities(night) == {0, 2}
    assert quiet("22:00", "08:00").priorities(day) == frozenset()


def test_it_is_told_until_when_and_for_whom() -> None:
    hours = quiet("22:00", "08:00")
    assert hours.sentence(at("2026-03-01 23:00")) == "quiet until 08:00 (normal, bulk)"
    assert hours.sentence(at("2026-03-01 12:00")) is None
    assert quiet("23:15", "06:45", applies_to=["bulk"]).sentence(at("2026-03-01 03:00")) == "quiet until 06:45 (bulk)"


def test_without_hours_it_is_never_quiet() -> None:
    never = Quiet(None, None)
    assert (never.until(0.0), never.priorities(0.0), never.sentence(0.0)) == (None, frozenset(), None)
