"""What is wrong with the schedules of a site, all of it at once.

Schedules and the special days they name are taken together, whole or not at all; so every
mistake is named (up to a bound) and whoever sent them can mend them in one go.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise

from gatewayd.core.named import ID, ID_RULE, SHOWN, named
from gatewayd.core.schedule import (
    ALWAYS,
    YEARS,
    Day,
    Hours,
    Period,
    Schedule,
    SpecialDays,
    SpecialDaysId,
    YearlyDay,
)
from gatewayd.core.schedule_words import WEEKDAYS, period_in_words, reading
from gatewayd.core.wall_clock import DAY

MAX_SCHEDULES = 1_024
MAX_SPECIAL_DAYS = 256  # groups
MAX_DAYS = 1_000  # of one group
MAX_PERIODS = 32  # of one day
LONGEST_END = 2 * DAY  # a period may last until the end of the next day

_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}")
_LEAP_YEAR = 2000  # has every day that any year has


def mistakes(schedules: Sequence[Schedule], special_days: Sequence[SpecialDays]) -> list[str]:
    """Return what is wrong, in sentences; empty when all of it is sound."""
    return named(wrong_with(schedules, special_days, ()))


def wrong_with(
    schedules: Sequence[Schedule],
    special_days: Sequence[SpecialDays],
    others: Iterable[SpecialDaysId],
) -> Iterator[str]:
    """Name every mistake. `others` are groups of special days that are there as well."""
    absurd = False
    if len(schedules) > MAX_SCHEDULES:
        yield f"{len(schedules)} schedules, at most {MAX_SCHEDULES}"
        absurd = True
    if len(special_days) > MAX_SPECIAL_DAYS:
        yield f"{len(special_days)} groups of special days, at most {MAX_SPECIAL_DAYS}"
        absurd = True
    if absurd:
        return
    yield from _twice("special days", [each.id for each in special_days])
    for group in special_days:
        for wrong in _wrong_with_group(group):
            yield f"special days {group.id[:SHOWN]!r}: {wrong}"
    yield from _twice("schedule", [each.id for each in schedules])
    groups = {each.id for each in special_days}.union(others)
    for schedule in schedules:
        for wrong in _wrong_with(schedule, groups):
            yield f"schedule {schedule.id[:SHOWN]!r}: {wrong}"


def _twice(what: str, ids: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    told: set[str] = set()
    for each in ids:
        if each in seen and each not in told:
            told.add(each)
            yield f"{what} {each[:SHOWN]!r} is given more than once"
        seen.add(each)


def _wrong_with_group(group: SpecialDays) -> Iterator[str]:
    if ID.fullmatch(group.id) is None:
        yield f"the id is not {ID_RULE}"
    if len(group.days) > MAX_DAYS:
        yield f"{len(group.days)} days, at most {MAX_DAYS}"
        return
    wrong = (each for each in map(_wrong_day, group.days) if each is not None)
    yield from sorted(wrong)


def _wrong_day(day: Day) -> str | None:
    if isinstance(day, YearlyDay):
        try:
            date(_LEAP_YEAR, day.month, day.day)
        except (ValueError, OverflowError):
            return f"no year has a day {f'{day.month}-{day.day}'[:SHOWN]}"
    elif isinstance(day, datetime):
        return f"{day} is a moment, not a day"
    elif day.year not in YEARS:
        return f"{day} is outside the years {YEARS[0]} to {YEARS[-1]}"
    return None


def _wrong_with(schedule: Schedule, groups: set[SpecialDaysId]) -> Iterator[str]:
    if schedule.id == ALWAYS:
        yield "the id is reserved"
    if ID.fullmatch(schedule.id) is None:
        yield f"the id is not {ID_RULE}"
    if _PRINTABLE.fullmatch(schedule.name) is None:
        yield f"name {schedule.name[:SHOWN]!r} is not 1 to 64 printable characters"
    if len(schedule.week) != 7:
        yield f"a week of {len(schedule.week)} days"
    else:
        for weekday, hours in zip(WEEKDAYS, schedule.week, strict=True):
            yield from (f"{weekday}: {wrong}" for wrong in _wrong_hours(hours))
    yield from _wrong_special(schedule, groups)


def _wrong_special(schedule: Schedule, groups: set[SpecialDaysId]) -> Iterator[str]:
    named = [each.special_days for each in schedule.special]
    if len(named) > MAX_SPECIAL_DAYS:
        yield f"hours for {len(named)} groups of special days, at most {MAX_SPECIAL_DAYS}"
        return
    yield from _twice("special days", named)
    for each in schedule.special:
        group = each.special_days[:SHOWN]
        if each.special_days not in groups:
            yield f"no such special days: {group!r}"
        yield from (f"special days {group!r}: {wrong}" for wrong in _wrong_hours(each.hours))


def _wrong_hours(hours: Hours) -> Iterator[str]:
    if len(hours) > MAX_PERIODS:
        yield f"{len(hours)} periods, at most {MAX_PERIODS}"
        return
    sound = []
    for period in hours:
        wrong = _wrong_period(period)
        if wrong is None:
            sound.append(period)
        else:
            yield wrong
    sound.sort(key=lambda each: (each.start, each.end))
    for first, second in pairwise(sound):
        if second.start < first.end:
            yield f"{period_in_words(first)} and {period_in_words(second)} overlap"


def _wrong_period(period: Period) -> str | None:
    if not 0 <= period.start < DAY:
        return "a period does not start between 00:00 and 24:00"
    since = reading(period.start)
    if period.end <= period.start:
        return f"the period from {since} does not end after its start"
    if period.end > LONGEST_END:
        return f"the period from {since} lasts beyond {reading(LONGEST_END)}"
    return None
