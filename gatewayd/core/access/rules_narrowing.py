"""What an update of rules takes away, when the disk failed to take the update.

Then neither the rules before it nor those after it can count alone: what the update takes
away must stay away, and what it gives is not given, as a restart would take it back. So only
that holds which both allow. It is stricter than either, never laxer; where the rules of a
point cannot be put together, nobody passes there until an update was saved.

`narrowing` does the same for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    DoorRules,
    Interlock,
    LevelRule,
    Passback,
    PointRules,
    Side,
)
from gatewayd.core.access.records import Rules
from gatewayd.core.model import AreaId, DoorId
from gatewayd.core.schedule import ALWAYS, Schedule, ScheduleId, SpecialDays, SpecialDaysId

_PASSBACK = (Passback.OFF, Passback.SOFT, Passback.TIMED, Passback.HARD)
_INTERLOCK = (Interlock.OFF, Interlock.OPEN, Interlock.UNLOCK)

Id = TypeVar("Id")
Record = TypeVar("Record")


def narrowed_rules(before: Rules, after: Rules) -> Rules:
    """Return what both allow."""
    special_days = _agreed(before.special_days, after.special_days)
    hours = _Hours(_schedules(before, after, special_days), before, after)
    doors = {*before.doors, *after.doors}
    areas = {*before.areas, *after.areas}
    return Rules(
        hours.known,
        special_days,
        {
            id_: _level(level, after.levels[id_], hours)
            for id_, level in before.levels.items()
            if id_ in after.levels
        },
        {
            each: _door(
                before.doors.get(each, DoorRules(each)),
                after.doors.get(each, DoorRules(each)),
                hours,
            )
            for each in doors
        },
        {
            each: _area(
                before.areas.get(each, AreaRules(each)), after.areas.get(each, AreaRules(each))
            )
            for each in areas
        },
    )


# --- hours ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hours:
    """The schedules that mean one thing only."""

    known: Mapping[ScheduleId, Schedule]
    before: Rules
    after: Rules

    def stay(self, schedule: ScheduleId) -> bool:
        """Whether it means the same before and after."""
        return schedule == ALWAYS or (
            schedule in self.known
            and schedule in self.before.schedules
            and schedule in self.after.schedules
        )


def _schedules(
    before: Rules, after: Rules, special_days: Mapping[SpecialDaysId, SpecialDays]
) -> Mapping[ScheduleId, Schedule]:
    return {
        id_: each
        for id_, each in _agreed(before.schedules, after.schedules).items()
        if all(kind.special_days in special_days for kind in each.special)
    }


def _agreed(before: Mapping[Id, Record], after: Mapping[Id, Record]) -> Mapping[Id, Record]:
    """Return what is the same in both, or in one of them only."""
    return {
        id_: record
        for id_, record in {**after, **before}.items()
        if after.get(id_, record) == record
    }


# --- levels -----------------------------------------------------------------------


def _level(before: AccessLevel, after: AccessLevel, hours: _Hours) -> AccessLevel:
    """Return what both open, by schedules that did not change.

    What all rules of one schedule open on one side is put together first: to hold every rule
    against every other one would stop everything else for as long as a level has rules.
    """
    if before == after and all(hours.stay(rule.schedule) for rule in before.rules):
        return before
    opened, later = _opened(before), _opened(after)
    left: dict[tuple[ScheduleId, frozenset[DoorId], frozenset[AreaId]], set[Side]] = {}
    for (schedule, side), one in opened.items():
        other = later.get((schedule, side))
        if other is not None and hours.stay(schedule):
            doors, areas = one.doors & other.doors, one.areas & other.areas
            left.setdefault((schedule, frozenset(doors), frozenset(areas)), set()).add(side)
    rules = [LevelRule(*what, frozenset(sides)) for what, sides in left.items()]
    return AccessLevel(before.id, tuple(each for each in rules if each.doors or each.areas))


class _Opened(NamedTuple):
    """What a level opens on one side by one schedule."""

    doors: set[DoorId]
    areas: set[AreaId]


def _opened(level: AccessLevel) -> dict[tuple[ScheduleId, Side], _Opened]:
    found: dict[tuple[ScheduleId, Side], _Opened] = {}
    for rule in level.rules:
        for side in rule.sides:
            here = found.setdefault((rule.schedule, side), _Opened(set(), set()))
            here.doors.update(rule.doors)
            here.areas.update(rule.areas)
    return found


# --- doors ------------------------------------------------------------------------


def _door(before: DoorRules, after: DoorRules, hours: _Hours) -> DoorRules:
    unlock = before.unlock
    same = unlock is not None and unlock == after.unlock and hours.stay(unlock)
    return DoorRules(
        before.door,
        _point(before.entry, after.entry, hours),
        _point(before.exit, after.exit, hours),
        unlock if same else None,
        before.unlock_needs_first_person or after.unlock_needs_first_person,
    )


def _point(before: PointRules, after: PointRules, hours: _Hours) -> PointRules:
    both = PointRules(
        before.enabled and after.enabled,
        before.muster or after.muster,
        (),
        Authentication.CARD_AND_PIN,
        min(before.factor_seconds, after.factor_seconds),
        max(before.minimum_clearance, after.minimum_clearance),
        before.two_person or after.two_person,
        min(before.two_person_seconds, after.two_person_seconds),
        min(before.escort_seconds, after.escort_seconds),
    )
    return _first_person(_presented(both, before, after, hours), before, after, hours)


def _presented(
    both: PointRules, before: PointRules, after: PointRules, hours: _Hours
) -> PointRules:
    """Ask for card and PIN where it differs; a PIN alone cannot be narrowed to that."""
    asked = [(each.authentication, each.default) for each in (before, after)]
    if asked[0] == asked[1] and all(hours.stay(each.schedule) for each in asked[0][0]):
        return replace(both, authentication=before.authentication, default=before.default)
    if Authentication.PIN in _possible(before) | _possible(after):
        return replace(both, enabled=False)
    return both


def _possible(point: PointRules) -> set[Authentication]:
    return {point.default, *(each.authentication for each in point.authentication)}


def _first_person(
    both: PointRules, before: PointRules, after: PointRules, hours: _Hours
) -> PointRules:
    """Ask for a supervisor if either does; never by two schedules, or one that changed."""
    either = before.first_person or after.first_person
    if either is None:
        return both
    differ = None not in (before.first_person, after.first_person) and (
        before.first_person != after.first_person
    )
    if differ or not (either == ALWAYS or either in hours.known):
        return replace(both, enabled=False)
    return replace(both, first_person=either)


# --- areas ------------------------------------------------------------------------


def _area(before: AreaRules, after: AreaRules) -> AreaRules:
    most = [each for each in (before.max_occupancy, after.max_occupancy) if each is not None]
    return AreaRules(
        before.area,
        max(before.passback, after.passback, key=_PASSBACK.index),
        max(before.passback_seconds, after.passback_seconds),
        min(most, default=None),
        max(before.min_occupancy, after.min_occupancy),
        max(before.interlock, after.interlock, key=_INTERLOCK.index),
    )
