"""What the clocks of a site show: its zone as stretches of one offset from UTC.

Everything is counted in whole seconds since 1970-01-01 00:00, either UTC or local ("as if
it were UTC"), and in days of 86,400 such seconds. Where a zone moves its clocks, a stretch
ends and another begins: between the two, local time jumps over what is missing or goes
through the same readings twice. Whoever walks along stretches needs no other rule.

A zone is asked at the beginning and the end of each UTC day, and where they differ, for the
second in between. That finds every change as long as there is at most one in a day; the two
closest in the history of all zones are four days apart.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

DAY = 86_400
MAX_KEPT = 2_048  # days whose stretches are kept

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()


class Stretch(NamedTuple):
    """From `begin` until `end`, in UTC seconds, the clocks show UTC + `offset`."""

    begin: int
    end: int
    offset: int


class WallClock:
    """The clocks of one zone. Offsets are whole seconds, as in every zone of IANA's."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._kept: dict[int, tuple[Stretch, ...]] = {}

    def stretches(self, utc_day: int) -> tuple[Stretch, ...]:
        """Return the stretches of one UTC day, in order and without a gap."""
        kept = self._kept.get(utc_day)
        if kept is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            kept = self._kept[utc_day] = self._measure(utc_day * DAY, (utc_day + 1) * DAY)
        return kept

    def shown(self, utc: datetime) -> datetime:
        """Return what the clocks show."""
        return utc.astimezone(self.zone)

    def _measure(self, begin: int, end: int) -> tuple[Stretch, ...]:
        before, after = self._offset(begin), self._offset(end)
        if before == after:
            return (Stretch(begin, end, before),)
        still, changed = begin, end
        while changed - still > 1:
            middle = (still + changed) // 2
            if self._offset(middle) == before:
                still = middle
            else:
                changed = middle
        if changed == end:
            return (Stretch(begin, end, before),)
        return Stretch(begin, changed, before), Stretch(changed, end, after)

    def _offset(self, utc: int) -> int:
        offset = instant(utc).astimezone(self.zone).utcoffset()
        assert offset is not None  # what has a zone has an offset
        return offset // _SECOND


def seconds(utc: datetime) -> int:
    """Return a moment as whole seconds, rounded down. It must know its offset from UTC."""
    return (utc - _EPOCH) // _SECOND


def instant(utc: int) -> datetime:
    """Return the moment that so many seconds mean."""
    return _EPOCH + timedelta(seconds=utc)


def day_number(day: date) -> int:
    """Return a date of the calendar as days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def date_of(day: int) -> date:
    """Return the date that so many days since 1970-01-01 mean."""
    return date.fromordinal(day + _EPOCH_DAY)


def weekday(day: int) -> int:
    """Return 0 for a Monday … 6 for a Sunday."""
    return (day + 3) % 7
