"""Which schedules are active, since when and until when, by the clocks of the site.

Every UTC day of a schedule can be cut into pieces in which nothing changes: neither whether
it is active, nor why, nor the offset of the zone. A state is the piece of its instant, and
the nearest pieces before and after it that are different, up to `LOOK` days away.

The newest piece of each schedule is kept, so that asking again costs a look-up and two
comparisons, and a later piece only looks on from where it stopped. What is kept never
changes an answer: the same question, whatever was asked before, gets the same one.

What the rules mean is in `schedule`; the values are taken to be sound (`schedule_check`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from gatewayd.core.schedule import (
    ALWAYS,
    LOOK,
    YEARS,
    Basis,
    Hours,
    Period,
    Schedule,
    ScheduleId,
    ScheduleState,
    SpecialDays,
    SpecialDaysId,
    Why,
    YearlyDay,
)
from gatewayd.core.wall_clock import (
    DAY,
    WallClock,
    date_of,
    day_number,
    instant,
    seconds,
    weekday,
)

MAX_CUTS = 512  # kinds of days after one another that one schedule keeps
MAX_DAYS = 2_048  # days whose special groups are kept


class Schedules:
    """All schedules of a site, by the clocks of its zone."""

    def __init__(
        self,
        zone: tzinfo,
        schedules: Iterable[Schedule] = (),
        special_days: Iterable[SpecialDays] = (),
    ) -> None:
        """Take over sound values. A group that is named but not given raises `ValueError`."""
        self.clock = WallClock(zone)
        days = _SpecialCalendar(special_days)
        self._plans = {each.id: _Plan(each, days) for each in schedules}
        self._newest: dict[ScheduleId, _Answer] = {}

    def __contains__(self, schedule: object) -> bool:
        """Say whether there is a schedule of this id."""
        return schedule == ALWAYS or schedule in self._plans

    def get(self, schedule: ScheduleId) -> Schedule | None:
        """Return a schedule as it was given."""
        plan = self._plans.get(schedule)
        return None if plan is None else plan.schedule

    def state(self, schedule: ScheduleId, utc: datetime) -> ScheduleState:
        """Say whether a schedule is active. `utc` must know its offset (`TypeError`)."""
        newest = self._newest.get(schedule)
        if newest is not None and newest.begin <= utc < newest.end:
            return newest.state
        return self._find(schedule, utc)

    def next_change(
        self, utc: datetime, schedules: Iterable[ScheduleId] | None = None
    ) -> datetime | None:
        """Return when one of these schedules, or of all, next begins or ends."""
        asked = self._plans if schedules is None else schedules
        changes = (self._until(each, utc) for each in asked)
        return min((each for each in changes if each is not None), default=None)

    def _until(self, schedule: ScheduleId, utc: datetime) -> datetime | None:
        newest = self._newest.get(schedule)
        if newest is not None:
            until = newest.state.until
            if until is not None and newest.begin <= utc < until:
                return until
        return self.state(schedule, utc).until

    def _find(self, schedule: ScheduleId, utc: datetime) -> ScheduleState:
        at = seconds(utc)
        if schedule == ALWAYS:
            return _ALWAYS
        plan = self._plans.get(schedule)
        if plan is None:
            return _NO_SCHEDULE
        if utc.year not in YEARS:
            return _NO_DATE
        piece = next(each for each in plan.pieces(self.clock, at // DAY) if at < each.end)
        newest = self._newest.get(schedule)
        if newest is not None and newest.lasts_until(piece):
            since = newest.since_as_seen_from(piece)
            until = newest.state.until or self._change(plan, piece, newest.horizon)
        else:
            since = self._since(plan, piece)
            until = self._change(plan, piece, piece.utc_day)
        state = ScheduleState(piece.active, since, until, plan.why(piece))
        self._newest[schedule] = _Answer(
            instant(piece.begin), instant(piece.end), state, piece.utc_day + LOOK + 1
        )
        return state

    def _since(self, plan: "_Plan", piece: "_Piece") -> datetime | None:
        since, today = piece.begin, piece.utc_day
        for day in range(today, today - LOOK - 1, -1) if plan.changes else ():
            for each in reversed(plan.pieces(self.clock, day)):
                if each.begin < since:
                    if each.active is not piece.active:
                        return instant(since)
                    since = each.begin
        return None

    def _change(self, plan: "_Plan", piece: "_Piece", first_day: int) -> datetime | None:
        for day in range(first_day, piece.utc_day + LOOK + 1) if plan.changes else ():
            for each in plan.pieces(self.clock, day):
                if each.begin > piece.begin and each.active is not piece.active:
                    return instant(each.begin)
        return None


_ALWAYS = ScheduleState(active=True, since=None, until=None, why=Why(Basis.ALWAYS))
_NO_SCHEDULE = ScheduleState(active=False, since=None, until=None, why=Why(Basis.NO_SCHEDULE))
_NO_DATE = ScheduleState(active=False, since=None, until=None, why=Why(Basis.NO_DATE))


class _Cut(NamedTuple):
    """A part of a day, in seconds of its clock; `period` is what covers it."""

    begin: int
    end: int
    period: Period | None
    days_ago: int  # 1 if the period started the day before


class _Piece(NamedTuple):
    """A part of a UTC day, in UTC seconds."""

    begin: int
    end: int
    day: int
    period: Period | None

    @property
    def active(self) -> bool:
        return self.period is not None

    @property
    def utc_day(self) -> int:
        return self.begin // DAY


class _Answer(NamedTuple):
    """The newest answer for a schedule: the state from `begin` until before `end`.

    No change before `horizon`, a UTC day, apart from `state.until`.
    """

    begin: datetime
    end: datetime
    state: ScheduleState
    horizon: int

    def lasts_until(self, piece: _Piece) -> bool:
        """Say whether nothing has changed from here to this piece."""
        if self.state.until is None:
            unchanged = piece.utc_day < self.horizon
        else:
            unchanged = piece.begin < seconds(self.state.until)
        return unchanged and seconds(self.begin) <= piece.begin

    def since_as_seen_from(self, piece: _Piece) -> datetime | None:
        """Return when it changed last, if that is not too long ago by now."""
        since = self.state.since
        if since is None or (seconds(since) - 1) // DAY < piece.utc_day - LOOK:
            return None
        return since


class _SpecialCalendar:
    """Which groups a day belongs to; one for all schedules."""

    def __init__(self, groups: Iterable[SpecialDays]) -> None:
        self.groups: set[SpecialDaysId] = set()
        self._dates: dict[int, list[SpecialDaysId]] = {}
        self._yearly: dict[tuple[int, int], list[SpecialDaysId]] = {}
        self._kept: dict[int, tuple[SpecialDaysId, ...]] = {}
        for group in groups:
            self.groups.add(group.id)
            for day in group.days:
                if isinstance(day, YearlyDay):
                    self._yearly.setdefault((day.month, day.day), []).append(group.id)
                else:
                    self._dates.setdefault(day_number(day), []).append(group.id)

    def groups_of(self, day: int) -> tuple[SpecialDaysId, ...]:
        """Return the groups of a day, each at least once."""
        kept = self._kept.get(day)
        if kept is None:
            if len(self._kept) >= MAX_DAYS:
                self._kept.clear()
            when = date_of(day)
            yearly = self._yearly.get((when.month, when.day), ())
            kept = self._kept[day] = (*self._dates.get(day, ()), *yearly)
        return kept


class _Plan:
    """One schedule, ready to be cut into pieces.

    A kind of day is an index into `hours`: the week's seven, then the special ones.
    """

    def __init__(self, schedule: Schedule, days: _SpecialCalendar) -> None:
        self.schedule = schedule
        self._days = days
        self._hours = (*schedule.week, *(each.hours for each in schedule.special))
        self._kinds = {each.special_days: 7 + i for i, each in enumerate(schedule.special)}
        self._cuts: dict[tuple[int, int], tuple[_Cut, ...]] = {}
        if missing := sorted(self._kinds.keys() - days.groups):
            raise ValueError(f"schedule {schedule.id}: no special days {missing}")

    @cached_property
    def changes(self) -> bool:
        """Whether there are two kinds of moments at all: spares looking for a change."""
        cuts = (cut for hours in self._hours for cut in _cut((), hours))
        return len({cut.period is None for cut in cuts}) > 1

    def pieces(self, clock: WallClock, utc_day: int) -> list[_Piece]:
        """Cut a UTC day where the hours, the local day or the offset change."""
        found: list[_Piece] = []
        for begin, end, offset in clock.stretches(utc_day):
            for day in range((begin + offset) // DAY, (end + offset - 1) // DAY + 1):
                midnight = day * DAY - offset  # in UTC, as the clocks go in this stretch
                for cut in self._cuts_of(day):
                    since = max(midnight + cut.begin, begin)
                    until = min(midnight + cut.end, end)
                    if since < until:
                        found.append(_Piece(since, until, day - cut.days_ago, cut.period))
        return found

    def why(self, piece: _Piece) -> Why:
        """Say which hours a piece rests on."""
        kind = self._kind(piece.day)
        special = None if kind < 7 else self.schedule.special[kind - 7].special_days
        return Why(
            Basis.WEEK if special is None else Basis.SPECIAL_DAYS,
            date_of(piece.day),
            special,
            piece.period,
            closed=not self._hours[kind],
        )

    def _kind(self, day: int) -> int:
        groups = self._days.groups_of(day)
        named = [self._kinds[each] for each in groups if each in self._kinds]
        return min(named) if named else weekday(day)

    def _cuts_of(self, day: int) -> tuple[_Cut, ...]:
        kinds = self._kind(day - 1), self._kind(day)
        cuts = self._cuts.get(kinds)
        if cuts is None:
            if len(self._cuts) >= MAX_CUTS:
                self._cuts.clear()
            cuts = tuple(_cut(self._hours[kinds[0]], self._hours[kinds[1]]))
            self._cuts[kinds] = cuts
        return cuts


def _cut(yesterday: Hours, today: Hours) -> Iterator[_Cut]:
    """Cut a day where a period of its own, or one from the day before, starts or ends."""
    edges = {0, DAY}
    for hours, past in ((today, 0), (yesterday, DAY)):
        for period in hours:
            edges |= {period.start - past, period.end - past}
    for begin, end in pairwise(sorted(edge for edge in edges if 0 <= edge <= DAY)):
        own = _covering(today, begin)
        if own is not None:
            yield _Cut(begin, end, own, 0)
        else:
            before = _covering(yesterday, begin + DAY)
            yield _Cut(begin, end, before, 0 if before is None else 1)


def _covering(hours: Hours, second: int) -> Period | None:
    return next((each for each in hours if each.start <= second < each.end), None)
