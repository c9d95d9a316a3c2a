"""The clock of a simulated UHPPOTE board: local time, no zone, no summer time, a battery.

It goes on while the power is away. A board that never had a time, or lost it, says so in its
status and shows no time; what depends on the time is then denied.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from protocol.uhppote.schedules import AddTask, SetProfile
from protocol.uhppote.values import Date, Minute, Moment, Time, Weekdays

LONGEST_CHAIN = 254  # of linked profiles; a loop ends here


def moment_of(at: datetime) -> Moment:
    """Write a time as boards do."""
    return Moment(date_of(at), Time(at.hour, at.minute, at.second))


def date_of(at: datetime) -> Date:
    """Write a day as boards do."""
    return Date(at.year, at.month, at.day)


def minute_of(at: datetime) -> Minute:
    """Write a minute as boards do."""
    return Minute(at.hour, at.minute)


@dataclass(slots=True)
class BoardClock:
    """Set at one time, read at another; `now` counts seconds from anywhere."""

    set_to: datetime | None = None
    set_at: float = 0.0

    def set(self, moment: Moment, now: float) -> None:
        """Take the host's word for the time."""
        day, time = moment.date, moment.time
        self.set_to = datetime(  # noqa: DTZ001 - boards know no zones
            day.year, day.month, day.day, time.hour, time.minute, time.second
        )
        self.set_at = now

    def lose(self) -> None:
        """The battery is empty."""
        self.set_to = None

    def read(self, now: float) -> datetime | None:
        """Return the board's local time, if it has one."""
        if self.set_to is None:
            return None
        return self.set_to + timedelta(seconds=now - self.set_at)


def in_dates(start: Date | None, end: Date | None, at: datetime) -> bool:
    """Whether a day lies between two, both included; not if one is missing."""
    return start is not None and end is not None and start <= date_of(at) <= end


def on_weekday(weekdays: Weekdays, at: datetime) -> bool:
    """Whether the day of the week is one of these."""
    return weekdays[at.weekday()]


def in_profile(profiles: dict[int, SetProfile], number: int, at: datetime) -> bool:
    """Whether a time profile, or one it is linked to, holds now; not one nobody stored."""
    for _ in range(LONGEST_CHAIN):
        profile = profiles.get(number)
        if profile is None:
            return False
        if _holds(profile, at):
            return True
        number = profile.linked
    return False


def _holds(profile: SetProfile, at: datetime) -> bool:
    if not in_dates(profile.start, profile.end, at) or not on_weekday(profile.weekdays, at):
        return False
    minute = minute_of(at)
    return any(
        each.start is not None and each.end is not None and each.start <= minute < each.end
        for each in profile.segments
    )


def came_due(task: AddTask, before: datetime, at: datetime) -> bool:
    """Whether the time of a task came since `before`; a clock set back brings none."""
    if not before < at:
        return False
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    due = day + timedelta(hours=task.at.hour, minutes=task.at.minute)
    return (
        before < due <= at
        and in_dates(task.start, task.end, due)
        and on_weekday(task.weekdays, due)
    )
