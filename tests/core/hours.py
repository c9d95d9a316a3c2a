"""Schedules for tests, and a second, slow way to say whether they are active."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from gatewayd.core.schedule import (
    Day,
    Hours,
    Period,
    Schedule,
    ScheduleId,
    ScheduleState,
    SpecialDays,
    SpecialDaysId,
    SpecialHours,
    YearlyDay,
)
from gatewayd.core.schedules import Schedules

HOUR = 3_600
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = ScheduleId("office-hours")
HOLIDAYS, BRIDGES = SpecialDaysId("public-holidays"), SpecialDaysId("bridge-days")


def period(text: str) -> Period:
    """Read "08:00-18:00"."""
    start, end = (_seconds(each) for each in text.split("-"))
    return Period(start, end)


def hours(text: str) -> Hours:
    """Read "08:00-12:00 13:00-18:00"; nothing: closed."""
    return tuple(period(each) for each in text.split())


def _seconds(text: str) -> int:
    parts = [int(each) for each in text.split(":")]
    return parts[0] * HOUR + parts[1] * 60 + sum(parts[2:])


def schedule(
    *special: tuple[SpecialDaysId, str], every: str = "", name: str = "Office hours", **day: str
) -> Schedule:
    """Return a schedule: `every` day, apart from those that are given (`fri="…"`)."""
    week = tuple(hours(day.get(each, every)) for each in DAYS)
    kinds = tuple(SpecialHours(group, hours(text)) for group, text in special)
    return Schedule(OFFICE, name, week, kinds)


def group(name: SpecialDaysId, *days: str) -> SpecialDays:
    """Return a group of special days: "2026-04-03", or every year "12-25"."""
    return SpecialDays(name, frozenset(_day(each) for each in days))


def _day(text: str) -> Day:
    if len(text) == 5:
        month, day = text.split("-")
        return YearlyDay(int(month), int(day))
    return date.fromisoformat(text)


class Site:
    """A site in one zone, with one schedule, asked by what its clocks show."""

    def __init__(self, given: Schedule, *groups: SpecialDays, zone: ZoneInfo = BERLIN) -> None:
        self.zone = zone
        self.schedules = Schedules(zone, [given], groups)

    def utc(self, shown: str, *, again: bool = False) -> datetime:
        """Return when the clocks show this; `again`: for the second time."""
        local = datetime.fromisoformat(shown).replace(tzinfo=self.zone, fold=int(again))
        return local.astimezone(UTC)

    def state(self, shown: str, *, again: bool = False) -> ScheduleState:
        return self.schedules.state(OFFICE, self.utc(shown, again=again))

    def active(self, shown: str, *, again: bool = False) -> bool:
        return self.state(shown, again=again).active

    def shown(self, utc: datetime | None) -> str | None:
        """Return what the clocks show, with the offset."""
        if utc is None:
            return None
        assert utc.tzinfo is UTC
        return utc.astimezone(self.zone).isoformat(" ", "minutes")

    def changes(self, since: str, count: int) -> list[str | None]:
        """Return when it next changes, and then, and then."""
        at = self.utc(since)
        return [
            self.shown(each) for each, _ in zip(self._changes(at), range(count), strict=False)
        ]

    def _changes(self, at: datetime) -> Iterator[datetime]:
        while (until := self.schedules.state(OFFICE, at).until) is not None:
            yield until
            at = until


def active_by_the_clock(
    given: Schedule, groups: dict[SpecialDaysId, SpecialDays], zone: ZoneInfo, utc: datetime
) -> bool:
    """Say it the slow way: read the clock, look at today's and yesterday's periods."""
    clock = utc.astimezone(zone).replace(tzinfo=None)
    for days_ago in (0, 1):
        day = clock.date() - timedelta(days=days_ago)
        into_the_day = clock - datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a reading
        for each in _hours_on(given, groups, day):
            if timedelta(seconds=each.start) <= into_the_day < timedelta(seconds=each.end):
                return True
    return False


def _hours_on(given: Schedule, groups: dict[SpecialDaysId, SpecialDays], day: date) -> Hours:
    for each in given.special:
        days = groups[each.special_days].days
        if day in days or YearlyDay(day.month, day.day) in days:
            return each.hours
    return given.week[day.weekday()]
