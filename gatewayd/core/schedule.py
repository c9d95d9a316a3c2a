"""When something holds: weekly hours and special days, as values.

One rule decides: **the clock on the wall**. A schedule is active at an instant if what the
site's clocks show then lies in one of its periods. All else follows from it:

* A period belongs to the day it starts on. Beyond 24:00 it goes on into the next day, also
  if that is a special day; on a special day it starts only if that day's hours say so.
* On a day of a group of special days that a schedule names, the hours it gives for that
  group replace the week's; none at all: closed all day. If a day belongs to several of its
  groups, the one it names first counts.
* Clocks put forward: a period that starts in the missing hour starts at the first instant
  after it, one that ends there ends at the same instant, and one inside does not happen.
* Clocks put back: a reading that comes twice counts both times. A period that ends in that
  hour ends, and is active once more when its readings come again; one that starts there
  pauses while the clocks are back before its start. So nobody gets in while the clock on
  the wall says no, and nobody is kept out while it says yes: it errs to neither side. To
  bridge the pause would keep a door unlocked for up to an hour outside its hours.

Words are ONVIF's (Schedule, SpecialDays). What is wrong with given values says
`schedule_check`, what holds when says `schedules`, and `schedule_words` says it to people.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

ScheduleId = NewType("ScheduleId", str)
SpecialDaysId = NewType("SpecialDaysId", str)

ALWAYS = ScheduleId("always")  # reserved: active at all times. There is no "never".
LOOK = 400  # days that a change is looked for, either way: more than any year
YEARS = range(1970, 9990)  # in which a schedule can be active; beyond, calendars end


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`, in seconds of the clock since 00:00 of its day.

    `end` is at most 48 hours: a period can last until the end of the next day.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class YearlyDay:
    """The same day of every year that has it: 29 February comes in leap years only."""

    month: int
    day: int


Day = date | YearlyDay
Hours = tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class SpecialDays:
    """A group of days that schedules share: "public holidays"."""

    id: SpecialDaysId
    days: frozenset[Day]


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """What one schedule does on the days of one group; no hours: closed all day."""

    special_days: SpecialDaysId
    hours: Hours = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Hours for Monday to Sunday, and for special days, the most important group first."""

    id: ScheduleId
    name: str
    week: tuple[Hours, ...]
    special: tuple[SpecialHours, ...] = ()


class Basis(StrEnum):
    """What an answer rests on."""

    ALWAYS = "always"
    WEEK = "week"
    SPECIAL_DAYS = "special_days"
    NO_SCHEDULE = "no_schedule"  # there is none of that id: never active
    NO_DATE = "no_date"  # outside `YEARS`: not active


@dataclass(frozen=True, slots=True)
class Why:
    """The hours that decide, in the calendar of the site.

    `day` is the day whose hours they are: the one on which `period` started, if there is
    one, otherwise the current one. `closed` says that this day has no hours at all.
    """

    basis: Basis
    day: date | None = None
    special_days: SpecialDaysId | None = None
    period: Period | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """Whether a schedule is active, since when and until when (UTC, exclusive).

    `None`: it did or does not change within `LOOK` days of the UTC day that was asked for.
    """

    active: bool
    since: datetime | None
    until: datetime | None
    why: Why
