"""What is wrong with the rules an update brings: schedules, levels, doors and areas.

Records that come are looked at whole, those that stay only for names of what goes. So an
update is judged by what it does; what was held before, perhaps for a site with another door
in it, is no reason to refuse it.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TypeVar

from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    DoorRules,
    LevelRule,
    Passback,
    PointRules,
)
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.model import AreaId, DoorId
from gatewayd.core.named import ID, ID_RULE, SHOWN, listed
from gatewayd.core.schedule import ALWAYS, ScheduleId, SpecialDaysId
from gatewayd.core.schedule_check import MAX_SCHEDULES, MAX_SPECIAL_DAYS, wrong_with

MAX_LEVELS = 10_000
MAX_DOORS = 1_024  # with rules, or of one rule of a level
MAX_AREAS = 1_024  # the same
MAX_LEVEL_RULES = 256  # of one level
MAX_AUTHENTICATIONS = 32  # of one point
LONGEST_WAIT = 300.0  # seconds for another factor, a second person or an escort
LONGEST_PASSBACK = 366 * 86_400.0  # seconds
MOST_PEOPLE = 2**31 - 1  # of an area, and the highest clearance

_BOUNDS = {
    "schedules": MAX_SCHEDULES,
    "special_days": MAX_SPECIAL_DAYS,
    "levels": MAX_LEVELS,
    "doors": MAX_DOORS,
    "areas": MAX_AREAS,
}
_NAMES = {"special_days": "groups of special days"}

Id = TypeVar("Id", bound=str)
Record = TypeVar("Record")


def too_many(update: Update, after: Rules) -> Iterator[str]:
    """Name the kinds of which there are too many to look at."""
    for kind, most in _BOUNDS.items():
        count = max(after.counts[kind], len(getattr(update, kind)))
        if count > most:
            yield f"{count} {_NAMES.get(kind, kind)}, at most {most}"


def wrong_rules(
    update: Update, after: Rules, doors: Container[DoorId], areas: Container[AreaId]
) -> Iterator[str]:
    """Name every mistake of an update that is not too large, and leads to these rules."""
    yield from _schedules(update, after)
    names = _Names(after, doors, areas)
    yield from _of_kind("level", update.levels, lambda each: each.id, names.level)
    yield from _of_kind("door", update.doors, lambda each: each.door, names.door)
    yield from _of_kind("area", update.areas, lambda each: each.area, names.area)
    yield from _left_behind(update, after)


def schedules_of_level(level: AccessLevel) -> Iterator[ScheduleId]:
    """Return the schedules that a level names."""
    return (rule.schedule for rule in level.rules)


def schedules_of_door(rules: DoorRules) -> Iterator[ScheduleId]:
    """Return the schedules that the rules of a door name."""
    for point in (rules.entry, rules.exit):
        yield from (each.schedule for each in point.authentication)
        if point.first_person is not None:
            yield point.first_person
    if rules.unlock is not None:
        yield rules.unlock


# --- schedules and special days ---------------------------------------------------


def _schedules(update: Update, after: Rules) -> Iterator[str]:
    put = _put(update.schedules)
    groups = _put(update.special_days)
    yield from _misplaced("schedule", {id_: each.id for id_, each in put.items()})
    yield from _misplaced("special days", {id_: each.id for id_, each in groups.items()})
    yield from wrong_with(list(put.values()), list(groups.values()), after.special_days)


# --- levels, doors, areas ---------------------------------------------------------


class _Names:
    """What may be named after the update, and what is wrong with a record that names it."""

    def __init__(
        self, after: Rules, doors: Container[DoorId], areas: Container[AreaId]
    ) -> None:
        self._schedules = after.schedules
        self._doors, self._areas = doors, areas

    def level(self, level: AccessLevel) -> Iterator[str]:
        if ID.fullmatch(level.id) is None:
            yield f"the id is not {ID_RULE}"
        if len(level.rules) > MAX_LEVEL_RULES:
            yield f"{len(level.rules)} rules, at most {MAX_LEVEL_RULES}"
            return
        yield from self._no_schedule(schedules_of_level(level))
        for rule in level.rules:
            yield from self._level_rule(rule)

    def door(self, rules: DoorRules) -> Iterator[str]:
        if rules.door not in self._doors:
            yield "the site has no such door"
        yield from self._no_schedule(schedules_of_door(rules))
        for side, point in (("entry", rules.entry), ("exit", rules.exit)):
            yield from (f"{side}: {wrong}" for wrong in _wrong_point(point))

    def area(self, rules: AreaRules) -> Iterator[str]:
        if rules.area not in self._areas:
            yield "the site has no such area"
        yield from _wrong_area(rules)

    def _level_rule(self, rule: LevelRule) -> Iterator[str]:
        if len(rule.doors) > MAX_DOORS:
            yield f"a rule of {len(rule.doors)} doors, at most {MAX_DOORS}"
        elif unknown := [each for each in rule.doors if each not in self._doors]:
            yield f"no such door: {listed(unknown)}"
        if len(rule.areas) > MAX_AREAS:
            yield f"a rule of {len(rule.areas)} areas, at most {MAX_AREAS}"
        elif gone := [each for each in rule.areas if each not in self._areas]:
            yield f"no such area: {listed(gone)}"

    def _no_schedule(self, named: Iterable[ScheduleId]) -> Iterator[str]:
        unknown = {each for each in named if each != ALWAYS and each not in self._schedules}
        if unknown:
            yield f"no such schedule: {listed(unknown)}"


def _wrong_point(point: PointRules) -> Iterator[str]:
    if len(point.authentication) > MAX_AUTHENTICATIONS:
        yield f"{len(point.authentication)} times to present, at most {MAX_AUTHENTICATIONS}"
    for name in ("factor_seconds", "two_person_seconds", "escort_seconds"):
        if not 1 <= getattr(point, name) <= LONGEST_WAIT:
            yield f"{name} is not 1 to {LONGEST_WAIT:g}"
    if not 0 <= point.minimum_clearance <= MOST_PEOPLE:
        yield f"minimum_clearance is not 0 to {MOST_PEOPLE}"


def _wrong_area(rules: AreaRules) -> Iterator[str]:
    if not 0 <= rules.passback_seconds <= LONGEST_PASSBACK:
        yield f"passback_seconds is not 0 to {LONGEST_PASSBACK:g}"
    elif rules.passback is Passback.TIMED and not rules.passback_seconds:
        yield "timed passback without passback_seconds"
    if not 0 <= rules.min_occupancy <= MOST_PEOPLE:
        yield f"min_occupancy is not 0 to {MOST_PEOPLE}"
    if rules.max_occupancy is None:
        return
    if not 1 <= rules.max_occupancy <= MOST_PEOPLE:
        yield f"max_occupancy is not 1 to {MOST_PEOPLE}"
    elif rules.min_occupancy > rules.max_occupancy:
        yield "min_occupancy is more than max_occupancy"


# --- what goes while it is named --------------------------------------------------


def _left_behind(update: Update, after: Rules) -> Iterator[str]:
    """Name records that stay and name what goes. Those that come are looked at as they are."""
    groups = _gone(update.special_days)
    if groups:
        yield from _without_groups(groups, update, after)
    schedules = _gone(update.schedules)
    if schedules:
        levels = _staying(after.levels, update.levels)
        yield from _closed(schedules, "level", levels, schedules_of_level)
        doors = _staying(after.doors, update.doors)
        yield from _closed(schedules, "door", doors, schedules_of_door)


def _without_groups(
    groups: frozenset[SpecialDaysId], update: Update, after: Rules
) -> Iterator[str]:
    for id_, schedule in _staying(after.schedules, update.schedules):
        if going := groups.intersection(each.special_days for each in schedule.special):
            yield f"schedule {id_[:SHOWN]!r}: no such special days: {listed(going)}"


def _closed(
    schedules: frozenset[ScheduleId],
    kind: str,
    staying: Iterable[tuple[Id, Record]],
    schedules_of: Callable[[Record], Iterable[ScheduleId]],
) -> Iterator[str]:
    for id_, record in staying:
        if going := schedules.intersection(schedules_of(record)):
            yield f"{kind} {id_[:SHOWN]!r}: no such schedule: {listed(going)}"


# --- updates ----------------------------------------------------------------------


def _of_kind(
    kind: str,
    changed: Mapping[Id, Record | None],
    id_of: Callable[[Record], Id],
    wrong: Callable[[Record], Iterator[str]],
) -> Iterator[str]:
    put = _put(changed)
    yield from _misplaced(kind, {id_: id_of(each) for id_, each in put.items()})
    for id_, record in put.items():
        yield from (f"{kind} {id_[:SHOWN]!r}: {each}" for each in wrong(record))


def _misplaced(kind: str, ids: Mapping[Id, Id]) -> Iterator[str]:
    for id_, own in ids.items():
        if id_ != own:
            yield f"{kind} {id_[:SHOWN]!r} is put under another id, {own[:SHOWN]!r}"


def _put(changed: Mapping[Id, Record | None]) -> dict[Id, Record]:
    return {id_: record for id_, record in changed.items() if record is not None}


def _gone(changed: Mapping[Id, object]) -> frozenset[Id]:
    return frozenset(id_ for id_, record in changed.items() if record is None)


def _staying(after: Mapping[Id, Record], changed: Container[Id]) -> Iterator[tuple[Id, Record]]:
    return ((id_, record) for id_, record in after.items() if id_ not in changed)
