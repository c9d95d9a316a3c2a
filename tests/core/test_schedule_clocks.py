"""What schedules do when the clocks of a zone are moved."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from gatewayd.core.wall_clock import (
    DAY,
    Stretch,
    WallClock,
    date_of,
    day_number,
    seconds,
    weekday,
)
from tests.core.hours import Site, schedule

# Berlin: 2026-03-29 from 02:00 to 03:00, 2026-10-25 from 03:00 back to 02:00
SPRING, AUTUMN = "2026-03-28 12:00", "2026-10-24 12:00"


# --- the missing hour -----------------------------------------------------------------


def test_a_period_that_starts_in_the_missing_hour_starts_right_after_it() -> None:
    assert Site(schedule(sun="02:30-05:00")).changes(SPRING, 2) == [
        "2026-03-29 03:00+02:00",
        "2026-03-29 05:00+02:00",
    ]


def test_a_period_that_ends_in_the_missing_hour_ends_at_its_beginning() -> None:
    assert Site(schedule(sun="01:00-02:30")).changes(SPRING, 2) == [
        "2026-03-29 01:00+01:00",
        "2026-03-29 03:00+02:00",  # the instant at which the clocks would show 02:00
    ]


def test_a_period_inside_the_missing_hour_does_not_happen() -> None:
    assert Site(schedule(sun="02:10-02:50")).changes(SPRING, 1) == ["2026-04-05 02:10+02:00"]


def test_a_night_with_the_missing_hour_is_an_hour_shorter() -> None:
    site = Site(schedule(sat="22:00-30:00"))
    state = site.state("2026-03-29 04:00")
    assert site.shown(state.until) == "2026-03-29 06:00+02:00"
    assert state.since is not None
    assert state.until is not None
    assert state.until - state.since == timedelta(hours=7)


# --- the repeated hour ----------------------------------------------------------------


def test_a_reading_that_comes_twice_counts_both_times() -> None:
    site = Site(schedule(sun="02:15-02:45"))
    for again in (False, True):
        assert not site.active("2026-10-25 02:10", again=again)
        assert site.active("2026-10-25 02:30", again=again)
        assert not site.active("2026-10-25 02:50", again=again)


def test_a_period_inside_the_repeated_hour_happens_twice() -> None:
    assert Site(schedule(sun="02:15-02:45")).changes(AUTUMN, 4) == [
        "2026-10-25 02:15+02:00",
        "2026-10-25 02:45+02:00",
        "2026-10-25 02:15+01:00",
        "2026-10-25 02:45+01:00",
    ]


def test_a_period_that_ends_in_the_repeated_hour_is_active_again_until_its_second_end() -> None:
    assert Site(schedule(sat="22:00-26:30")).changes(AUTUMN, 4) == [
        "2026-10-24 22:00+02:00",
        "2026-10-25 02:30+02:00",
        "2026-10-25 02:00+01:00",
        "2026-10-25 02:30+01:00",
    ]


def test_a_period_that_starts_in_the_repeated_hour_starts_at_the_first_occurrence() -> None:
    assert Site(schedule(sun="02:30-06:00")).changes(AUTUMN, 4) == [
        "2026-10-25 02:30+02:00",
        "2026-10-25 02:00+01:00",
        "2026-10-25 02:30+01:00",
        "2026-10-25 06:00+01:00",
    ]


def test_a_period_over_the_whole_repeated_hour_is_not_interrupted() -> None:
    site = Site(schedule(sat="22:00-30:00"))
    assert site.changes(AUTUMN, 2) == ["2026-10-24 22:00+02:00", "2026-10-25 06:00+01:00"]
    state = site.state("2026-10-25 02:30", again=True)
    assert state.since is not None
    assert state.until is not None
    assert state.until - state.since == timedelta(hours=9)


def test_a_period_that_ends_as_the_clocks_go_back_ends_at_the_second_reading() -> None:
    assert Site(schedule(sun="01:00-03:00")).changes(AUTUMN, 2) == [
        "2026-10-25 01:00+02:00",
        "2026-10-25 03:00+01:00",
    ]


# --- odd zones ------------------------------------------------------------------------


def test_clocks_may_move_by_half_an_hour() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # 2026-04-05, 02:00 back to 01:30
    site = Site(schedule(sun="01:40-01:50"), zone=lord_howe)
    assert site.changes("2026-04-04 12:00", 4) == [
        "2026-04-05 01:40+11:00",
        "2026-04-05 01:50+11:00",
        "2026-04-05 01:40+10:30",
        "2026-04-05 01:50+10:30",
    ]


def test_a_day_that_a_zone_leaves_out_does_not_happen() -> None:
    apia = ZoneInfo("Pacific/Apia")  # after Thursday 2011-12-29 came Saturday
    friday = Site(schedule(fri="08:00-18:00"), zone=apia)
    assert friday.changes("2011-12-29 12:00", 1) == ["2012-01-06 08:00+14:00"]
    night = Site(schedule(thu="22:00-30:00"), zone=apia)
    assert night.changes("2011-12-29 12:00", 2) == [
        "2011-12-29 22:00-10:00",
        "2011-12-31 00:00+14:00",
    ]


def test_what_a_day_that_is_left_out_would_leave_for_the_next_starts_right_after_it() -> None:
    site = Site(schedule(fri="22:00-30:00"), zone=ZoneInfo("Pacific/Apia"))
    assert site.changes("2011-12-29 12:00", 2) == [
        "2011-12-31 00:00+14:00",
        "2011-12-31 06:00+14:00",
    ]


def test_midnight_itself_may_be_missing_or_come_twice() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 2020-03-29: 00:00 to 01:00; 10-25: 00:00 back to 23:00
    site = Site(schedule(sat="20:00-24:00", sun="00:00-02:00"), zone=beirut)
    assert site.changes("2020-03-28 12:00", 2) == [
        "2020-03-28 20:00+02:00",
        "2020-03-29 02:00+03:00",
    ]
    assert site.changes("2020-10-24 12:00", 2) == [
        "2020-10-24 20:00+03:00",
        "2020-10-25 02:00+02:00",
    ]
    evening = Site(schedule(sat="23:30-24:00"), zone=beirut)
    assert evening.changes("2020-10-24 12:00", 4) == [
        "2020-10-24 23:30+03:00",
        "2020-10-24 23:00+02:00",
        "2020-10-24 23:30+02:00",
        "2020-10-25 00:00+02:00",
    ]


# --- stretches ------------------------------------------------------------------------


def test_a_day_without_a_change_is_one_stretch() -> None:
    day = day_number(datetime(2026, 5, 6, tzinfo=UTC))
    clock = WallClock(ZoneInfo("Europe/Berlin"))
    assert clock.stretches(day) == (Stretch(day * DAY, (day + 1) * DAY, 7_200),)
    assert clock.stretches(day) is clock.stretches(day)


def test_a_day_with_a_change_is_two_stretches() -> None:
    change = seconds(datetime(2026, 3, 29, 1, tzinfo=UTC))
    day = change // DAY
    assert WallClock(ZoneInfo("Europe/Berlin")).stretches(day) == (
        Stretch(day * DAY, change, 3_600),
        Stretch(change, (day + 1) * DAY, 7_200),
    )


class _Jump(tzinfo):
    """A zone that moves its clocks at 00:00 UTC of 2026-05-06."""

    def fromutc(self, dt: datetime) -> datetime:
        return dt + self.utcoffset(dt)

    def utcoffset(self, dt: datetime | None) -> timedelta:
        assert dt is not None
        return timedelta(hours=dt.replace(tzinfo=None) >= datetime(2026, 5, 6))  # noqa: DTZ001 - a reading

    def dst(self, dt: datetime | None) -> None:
        """It has no summer time."""

    def tzname(self, dt: datetime | None) -> str:
        return f"jump {dt}"


def test_a_change_at_the_end_of_a_day_belongs_to_the_next() -> None:
    clock = WallClock(_Jump())
    day = day_number(datetime(2026, 5, 6, tzinfo=UTC))
    assert [each.offset for each in clock.stretches(day - 1)] == [0]
    assert [each.offset for each in clock.stretches(day)] == [3_600]


@pytest.mark.parametrize("text", ["1970-01-01", "1969-12-31", "2000-02-29", "2026-05-06"])
def test_days_are_counted_as_the_calendar_does(text: str) -> None:
    day = datetime.fromisoformat(text).date()
    assert date_of(day_number(day)) == day
    assert weekday(day_number(day)) == day.weekday()
