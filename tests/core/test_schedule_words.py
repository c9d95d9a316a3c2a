"""What people are told of a schedule."""

from datetime import UTC, datetime

from gatewayd.core.schedule import ALWAYS, ScheduleId
from gatewayd.core.schedule_words import in_words, period_in_words
from tests.core.hours import HOLIDAYS, OFFICE, Site, group, period, schedule

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "08:00-18:00")
OPEN = schedule(every="", **WEEK)
WITH_HOLIDAYS = schedule((HOLIDAYS, ""), **WEEK)


def told(site: Site, shown: str, *, again: bool = False) -> str:
    return in_words(site.schedules, OFFICE, site.utc(shown, again=again))


def test_that_it_ended_and_when_it_begins_again() -> None:
    assert told(Site(OPEN), "2026-05-08 18:04") == (
        'schedule "Office hours" ended 18:00, it is 18:04; it begins Mon 08:00'
    )


def test_that_it_is_active_and_until_when() -> None:
    assert told(Site(OPEN), "2026-05-08 12:00") == (
        'schedule "Office hours" began 08:00, it is 12:00; it ends 18:00'
    )


def test_that_it_is_too_early() -> None:
    assert told(Site(OPEN), "2026-05-11 07:59") == (
        'schedule "Office hours" ended Fri 18:00, it is 07:59; it begins 08:00'
    )


def test_that_a_special_day_is_closed_all_day() -> None:
    site = Site(WITH_HOLIDAYS, group(HOLIDAYS, "2026-05-08"))
    assert told(site, "2026-05-08 12:00") == (
        'schedule "Office hours" is closed all day for special days public-holidays, '
        "it is 12:00; it begins Mon 08:00"
    )


def test_that_a_special_day_has_other_hours() -> None:
    given = schedule((HOLIDAYS, "10:00-14:00"), **WEEK)
    site = Site(given, group(HOLIDAYS, "2026-05-08"))
    assert told(site, "2026-05-08 12:00") == (
        'schedule "Office hours" began 10:00, it is 12:00; it ends 14:00'
        ", by the hours for special days public-holidays"
    )
    assert told(site, "2026-05-08 15:00") == (
        'schedule "Office hours" ended 14:00, it is 15:00, by the hours for special days '
        "public-holidays; it begins Mon 08:00"
    )


def test_times_a_week_or_more_away_have_their_date() -> None:
    site = Site(
        schedule((HOLIDAYS, "08:00-18:00")), group(HOLIDAYS, "2026-05-08", "2026-05-16")
    )
    assert told(site, "2026-05-09 12:00") == (
        'schedule "Office hours" ended Fri 18:00, it is 12:00; it begins 2026-05-16 08:00'
    )


def test_that_nothing_changes() -> None:
    assert told(Site(schedule()), "2026-05-08 12:00") == (
        'schedule "Office hours" has not been active for 400 days, it is 12:00; '
        "it does not begin within 400 days"
    )
    assert told(Site(schedule(every="00:00-24:00")), "2026-05-08 12:00") == (
        'schedule "Office hours" has been active for 400 days, it is 12:00; '
        "it does not end within 400 days"
    )


def test_a_reading_that_comes_twice_has_its_offset() -> None:
    site = Site(schedule(sun="01:00-02:30"))
    assert told(site, "2026-10-25 02:40") == (
        'schedule "Office hours" ended 02:30 (UTC+02:00), it is 02:40 (UTC+02:00); '
        "it begins 02:00 (UTC+01:00)"
    )
    assert told(site, "2026-10-25 02:10", again=True) == (
        'schedule "Office hours" began 02:00 (UTC+01:00), it is 02:10 (UTC+01:00); '
        "it ends 02:30 (UTC+01:00)"
    )


def test_schedules_without_hours_of_their_own() -> None:
    site = Site(OPEN)
    noon = datetime(2026, 5, 8, 10, tzinfo=UTC)
    assert in_words(site.schedules, ALWAYS, noon) == (
        "schedule 'always' is active at all times"
    )
    assert in_words(site.schedules, ScheduleId("x"), noon) == "there is no schedule 'x'"
    assert in_words(site.schedules, OFFICE, noon.replace(year=9999)) == (
        'schedule "Office hours" is never active in the year 9999'
    )


def test_periods_are_told_as_people_write_them() -> None:
    for text in ("00:00-24:00", "08:00-18:00", "22:00-30:15", "08:00:30-08:00:59"):
        assert period_in_words(period(text)) == text
