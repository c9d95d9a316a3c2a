"""Schedules that are refused, each mistake named."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gatewayd.core.schedule import (
    ALWAYS,
    Hours,
    Period,
    Schedule,
    ScheduleId,
    SpecialDays,
    SpecialDaysId,
    SpecialHours,
    YearlyDay,
)
from gatewayd.core.schedule_check import (
    MAX_DAYS,
    MAX_PERIODS,
    MAX_SCHEDULES,
    MAX_SPECIAL_DAYS,
    mistakes,
)
from tests.core.hours import HOLIDAYS, HOUR, group, hours, period, schedule

SOUND = schedule((HOLIDAYS, "10:00-14:00"), every="08:00-12:00 13:00-18:00", fri="22:00-48:00")
EASTER = group(HOLIDAYS, "2026-04-05", "02-29", "12-25")


def wrong_with(given: Schedule) -> list[str]:
    return mistakes([given], [EASTER])


def wrong_hours(given: Hours) -> list[str]:
    return wrong_with(replace(SOUND, week=(given, *SOUND.week[1:])))


def wrong_day(day: date | YearlyDay) -> list[str]:
    return mistakes([], [SpecialDays(HOLIDAYS, frozenset([day]))])


def test_sound_schedules_are_taken() -> None:
    assert mistakes([], []) == []
    assert wrong_with(SOUND) == []


def test_periods_that_touch_are_sound() -> None:
    assert wrong_hours(hours("12:00-24:00 00:00-12:00")) == []


def test_as_much_as_is_allowed_is_taken() -> None:
    groups = [SpecialDays(SpecialDaysId(f"g{n}"), frozenset()) for n in range(MAX_SPECIAL_DAYS)]
    special = tuple(SpecialHours(each.id) for each in groups)
    busy = tuple(Period(n * 60, n * 60 + 30) for n in range(MAX_PERIODS))
    first = Schedule(ScheduleId("busy"), "n" * 64, (busy,) * 7, special)
    rest = [
        replace(SOUND, id=ScheduleId(f"s{n}"), special=()) for n in range(MAX_SCHEDULES - 1)
    ]
    assert mistakes([first, *rest], groups) == []
    days = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(MAX_DAYS))
    assert mistakes([], [SpecialDays(HOLIDAYS, days)]) == []


def test_too_many_of_anything_are_refused() -> None:
    groups = [SpecialDays(SpecialDaysId(f"g{n}"), frozenset()) for n in range(257)]
    schedules = [replace(SOUND, id=ScheduleId(f"s{n}")) for n in range(1025)]
    assert mistakes(schedules, groups) == [
        "1025 schedules, at most 1024",
        "257 groups of special days, at most 256",
    ]
    unsound = [SOUND] * 1025  # of which nothing is said, as there are too many to look at
    assert mistakes(unsound, []) == ["1025 schedules, at most 1024"]
    busy = tuple(Period(n * 60, n * 60 + 30) for n in range(33))
    assert wrong_hours(busy) == ["schedule 'office-hours': Mon: 33 periods, at most 32"]
    special = tuple(SpecialHours(each.id) for each in groups)
    assert wrong_with(replace(SOUND, special=special)) == [
        "schedule 'office-hours': hours for 257 groups of special days, at most 256"
    ]
    days = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(1001))
    assert mistakes([], [SpecialDays(HOLIDAYS, days)]) == [
        "special days 'public-holidays': 1001 days, at most 1000"
    ]


def test_an_id_is_given_only_once() -> None:
    assert mistakes([SOUND, SOUND, SOUND], [EASTER, EASTER]) == [
        "special days 'public-holidays' is given more than once",
        "schedule 'office-hours' is given more than once",
    ]


@pytest.mark.parametrize("id_", ["", "a b", "a/b", "#", ".a", "ä", "a" * 65, "a\n"])
def test_an_id_must_be_plain(id_: str) -> None:
    rule = "the id is not 1 to 64 letters, digits, dots, dashes or underscores"
    assert wrong_with(replace(SOUND, id=ScheduleId(id_))) == [f"schedule {id_[:48]!r}: {rule}"]
    wrong = SpecialDays(SpecialDaysId(id_), frozenset())
    assert mistakes([], [wrong]) == [f"special days {id_[:48]!r}: {rule}"]


@pytest.mark.parametrize("name", ["", "a\nb", "a" * 65, "\ud800"])
def test_a_name_must_be_printable(name: str) -> None:
    assert wrong_with(replace(SOUND, name=name)) == [
        f"schedule 'office-hours': name {name[:48]!r} is not 1 to 64 printable characters"
    ]


def test_always_is_reserved() -> None:
    assert wrong_with(replace(SOUND, id=ALWAYS)) == ["schedule 'always': the id is reserved"]


def test_a_week_has_seven_days() -> None:
    assert wrong_with(replace(SOUND, week=())) == ["schedule 'office-hours': a week of 0 days"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Period(-1, HOUR), "a period does not start between 00:00 and 24:00"),
        (Period(24 * HOUR, 25 * HOUR), "a period does not start between 00:00 and 24:00"),
        (Period(HOUR, HOUR), "the period from 01:00 does not end after its start"),
        (Period(18 * HOUR, 8 * HOUR), "the period from 18:00 does not end after its start"),
        (Period(HOUR, 48 * HOUR + 1), "the period from 01:00 lasts beyond 48:00"),
        (Period(HOUR, 10**5000), "the period from 01:00 lasts beyond 48:00"),
    ],
)
def test_a_period_starts_in_its_day_and_ends_by_the_end_of_the_next(
    given: Period, why: str
) -> None:
    assert wrong_hours((given,)) == [f"schedule 'office-hours': Mon: {why}"]


def test_periods_of_a_day_do_not_overlap() -> None:
    given = (*hours("12:00-13:00 08:00-12:00:01 08:00-09:00"), Period(5, 5))
    assert wrong_hours(given) == [
        "schedule 'office-hours': Mon: the period from 00:00:05 does not end after its start",
        "schedule 'office-hours': Mon: 08:00-09:00 and 08:00-12:00:01 overlap",
        "schedule 'office-hours': Mon: 08:00-12:00:01 and 12:00-13:00 overlap",
    ]


def test_special_hours_are_checked_like_those_of_the_week() -> None:
    special = (SpecialHours(HOLIDAYS, (period("09:00-08:00"),)),)
    assert wrong_with(replace(SOUND, special=special)) == [
        (
            "schedule 'office-hours': special days 'public-holidays': "
            "the period from 09:00 does not end after its start"
        )
    ]


def test_special_hours_are_for_groups_that_are_given_and_once_for_each() -> None:
    other = SpecialHours(SpecialDaysId("other"))
    special = (other, SpecialHours(HOLIDAYS), SpecialHours(HOLIDAYS))
    assert wrong_with(replace(SOUND, special=special)) == [
        "schedule 'office-hours': special days 'public-holidays' is given more than once",
        "schedule 'office-hours': no such special days: 'other'",
    ]


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (YearlyDay(2, 30), "no year has a day 2-30"),
        (YearlyDay(13, 1), "no year has a day 13-1"),
        (YearlyDay(0, 10**100), "no year has a day 0-1" + "0" * 45),
        (date(1969, 12, 31), "1969-12-31 is outside the years 1970 to 9989"),
        (date(9990, 1, 1), "9990-01-01 is outside the years 1970 to 9989"),
        (
            datetime(2026, 5, 6, tzinfo=UTC),
            "2026-05-06 00:00:00+00:00 is a moment, not a day",
        ),
    ],
)
def test_a_special_day_must_exist(day: date | YearlyDay, why: str) -> None:
    assert wrong_day(day) == [f"special days 'public-holidays': {why}"]


def test_no_more_mistakes_are_named_than_anybody_reads() -> None:
    wrong = replace(SOUND, week=(hours("09:00-08:00"),) * 7)
    found = mistakes([replace(wrong, id=ScheduleId(f"s{n}")) for n in range(4)], [EASTER])
    assert len(found) == 21
    assert found[-1] == "and 8 more"
