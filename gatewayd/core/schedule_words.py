"""What a schedule does, in a sentence for people.

    schedule "Office hours" ended 18:00, it is 18:04; it begins Mon 08:00
    schedule "Office hours" is closed all day for special days public-holidays, it is 12:00;
    it begins Mon 08:00

Times are what the clocks of the site show: of the current day as 18:04, less than a week
away as Mon 08:00, otherwise with their date. A reading that the clocks show twice that day
has its offset from UTC.
"""

from datetime import datetime

from gatewayd.core.schedule import LOOK, Basis, Period, ScheduleId, ScheduleState
from gatewayd.core.schedules import Schedules
from gatewayd.core.wall_clock import WallClock

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def in_words(schedules: Schedules, schedule: ScheduleId, utc: datetime) -> str:
    """Say whether a schedule is active, why, since when and until when."""
    state = schedules.state(schedule, utc)
    if state.why.basis is Basis.NO_SCHEDULE:
        return f"there is no schedule {schedule!r}"
    known = schedules.get(schedule)
    if known is None:
        return f"schedule {schedule!r} is active at all times"
    subject = f'schedule "{known.name}"'
    if state.why.basis is Basis.NO_DATE:
        return f"{subject} is never active in the year {utc.year}"
    return f"{subject} {_said(state, _Now(schedules.clock, utc))}"


def _said(state: ScheduleState, now: "_Now") -> str:
    groups = state.why.special_days
    basis = f", by the hours for special days {groups}" if groups is not None else ""
    if state.active:
        began = _when("began", state.since, now, f"has been active for {LOOK} days")
        ends = _when("ends", state.until, now, f"does not end within {LOOK} days")
        return f"{began}, it is {now}; it {ends}{basis}"
    begins = _when("begins", state.until, now, f"does not begin within {LOOK} days")
    if groups is not None and state.why.closed:
        return f"is closed all day for special days {groups}, it is {now}; it {begins}"
    ended = _when("ended", state.since, now, f"has not been active for {LOOK} days")
    return f"{ended}, it is {now}{basis}; it {begins}"


def _when(verb: str, utc: datetime | None, now: "_Now", otherwise: str) -> str:
    return otherwise if utc is None else f"{verb} {now.tell(utc)}"


class _Now:
    """A moment to which others are told."""

    def __init__(self, clock: WallClock, utc: datetime) -> None:
        self._clock = clock
        self._utc = utc
        self._today = clock.shown(utc).date()

    def __str__(self) -> str:
        return self.tell(self._utc)

    def tell(self, utc: datetime) -> str:
        shown = self._clock.shown(utc)
        days = abs((shown.date() - self._today).days)
        if days == 0:
            day = ""
        elif days < 7:
            day = f"{WEEKDAYS[shown.weekday()]} "
        else:
            day = f"{shown.date()} "
        return day + shown.strftime("%H:%M") + _offset_if_needed(shown)


def _offset_if_needed(shown: datetime) -> str:
    """Tell two equal readings apart."""
    other = shown.replace(fold=1 - shown.fold)
    if other.utcoffset() == shown.utcoffset():
        return ""
    return f" (UTC{shown.isoformat(timespec='minutes')[16:]})"


def reading(seconds: int) -> str:
    """Return a time of a day as the clock shows it, or would: "08:00", "24:00", "30:15"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}" + (f":{rest:02}" if rest else "")


def period_in_words(period: Period) -> str:
    """Return a period as people write it: "08:00-18:00"."""
    return f"{reading(period.start)}-{reading(period.end)}"
