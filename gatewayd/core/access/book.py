"""The permission set and the site, indexed for the decision.

What is fixed at an access point is put together once (`Point`), what changes with the hours
once for each stretch of time in which nothing changes (`Hours`): the levels that are open,
what must be presented, whether a supervisor must have come. So a decision compares two
times and asks whether two small sets meet.

While the clock may be wrong and the policy is to deny, `Hours` are those of a site where
only "always" is certain: levels that depend on the time are shut, what must be presented is
card and PIN wherever the clock would have a say.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    Credential,
    DoorRules,
    Holder,
    Interlock,
    LevelId,
    PointRules,
    Portal,
    Side,
    point_id,
)
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.policy import ClockLost, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import pins_of_point
from gatewayd.core.model import AreaId, DoorId, HolderId, Moment
from gatewayd.core.schedule import ALWAYS, ScheduleId
from gatewayd.core.schedules import Schedules

KEPT = timedelta(days=1)  # hours are asked for again at least so often

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


class People(Protocol):
    """Where holders and credentials are looked up: a dictionary, or a table in a file."""

    def credential(self, key: str) -> Credential | None:
        """Return the credential of this key."""

    def holder(self, holder: HolderId) -> Holder | None:
        """Return this holder."""

    def credentials(self) -> Iterable[Credential]:
        """Return all of them, for questions that nobody waits for at a door."""

    def credentials_of(self, holder: HolderId) -> Iterable[Credential]:
        """Return those of one holder."""


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """All records but the people's."""

    schedules: Schedules
    levels: tuple[AccessLevel, ...] = ()
    doors: tuple[DoorRules, ...] = ()
    areas: tuple[AreaRules, ...] = ()


class Hours(NamedTuple):
    """What holds at a point from `begin` until before `end`."""

    begin: datetime
    end: datetime
    open: frozenset[LevelId]
    authentication: Authentication
    first_person: bool  # a supervisor must have come
    first_person_since: datetime  # not earlier than this
    certain: bool = True


class Point:
    """An access point, with all that is fixed about it."""

    def __init__(
        self, portal: Portal, side: Side, rules: PointRules, areas: Mapping[AreaId, AreaRules]
    ) -> None:
        self.id = point_id(portal.door, side)
        self.door, self.side, self.portal, self.rules = portal.door, side, portal, rules
        inward = side is Side.IN
        self.to, self.frm = (
            (portal.inside, portal.outside) if inward else (portal.outside, portal.inside)
        )
        self.moves = self.to != self.frm
        self.enters = _of(areas, self.to) if self.moves else None
        self.leaves = _of(areas, self.frm) if self.moves else None
        self.told = self.enters is not None or self.leaves is not None
        self.areas = tuple(
            each for area in {self.to, self.frm} if (each := _of(areas, area)) is not None
        )
        asked = {each.authentication for each in rules.authentication} | {rules.default}
        self.uses_pins = asked != {Authentication.CARD}
        self.pins = pins_of_point(self.id)
        self.levels: dict[LevelId, tuple[ScheduleId, ...]] = {}  # that reach it, and when
        self.rivals: dict[Interlock, tuple[DoorId, ...]] = {}  # doors that must be shut
        self.hours: Hours | None = None  # the newest that were asked for
        self.asked: tuple[Callable[..., Reason | None], ...] = ()  # see `rules.asked_at`


class Book:
    """Everything that is asked of the permission set and the site."""

    def __init__(
        self,
        portals: Iterable[Portal],
        rules: PermissionSet,
        people: People,
        key: SiteKey,
        policy: Policy | None = None,
    ) -> None:
        """Index sound values; rules of doors and areas that do not exist are left out."""
        self.policy = Policy() if policy is None else policy
        self.schedules, self.people, self.key = rules.schedules, people, key
        self.areas = {each.area: each for each in rules.areas}
        self.portals = {each.door: each for each in portals}
        self.rules = {each.door: each for each in rules.doors}
        self.levels = {each.id: each for each in rules.levels}
        self._points: dict[Side, dict[DoorId, Point]] = {Side.IN: {}, Side.OUT: {}}
        for portal in self.portals.values():
            for side in portal.sides:
                self._points[side][portal.door] = self._point(portal, side)
        self._entries, self._exits = self._points[Side.IN], self._points[Side.OUT]
        self._doors_of = _doors_by_area(self.portals.values())
        for point in self.points():
            self._set_against(point)
        self._let_reach(rules.levels)
        self._into: dict[AreaId, set[LevelId]] = {}
        for point in self.points():
            if point.moves and point.to is not None:
                self._into.setdefault(point.to, set()).update(point.levels)
        self._uncertain = {each.id: _without_clock(each) for each in self.points()}

    def point(self, door: DoorId, side: Side) -> Point | None:
        """Return an access point, if there is a reader."""
        return (self._entries if side is Side.IN else self._exits).get(door)

    def points(self) -> list[Point]:
        """Return every access point."""
        return [*self._entries.values(), *self._exits.values()]

    def doors_of(self, area: AreaId) -> list[DoorId]:
        """Return the doors that lead in or out of an area."""
        return self._doors_of.get(area, [])

    def reachable(self, area: AreaId, levels: Iterable[LevelId]) -> bool:
        """Say whether any of these levels leads into an area, at whatever time."""
        return not self._into.get(area, set()).isdisjoint(levels)

    def hours(self, point: Point, now: Moment) -> Hours:
        """Return what holds at a point now."""
        if not now.trusted and self.policy.clock_lost is ClockLost.DENY:
            return self._uncertain[point.id]
        hours = point.hours
        if hours is None or not hours.begin <= now.utc < hours.end:
            hours = point.hours = self._at(point, now.utc)
        return hours

    def _point(self, portal: Portal, side: Side) -> Point:
        rules = self.rules.get(portal.door) or DoorRules(portal.door)
        own = rules.entry if side is Side.IN else rules.exit
        return Point(portal, side, own, self.areas)

    def _set_against(self, point: Point) -> None:
        for area in point.areas:
            if area.interlock is not Interlock.OFF:
                others = (each for each in self.doors_of(area.area) if each != point.door)
                before = point.rivals.get(area.interlock, ())
                point.rivals[area.interlock] = tuple(dict.fromkeys((*before, *others)))

    def _let_reach(self, levels: Iterable[AccessLevel]) -> None:
        """Tell every point which levels reach it; only what they name is looked at."""
        into: dict[AreaId, list[Point]] = {}
        out_of: dict[AreaId, list[Point]] = {}
        for point in self.points():
            for index, area in ((into, point.to), (out_of, point.frm)):
                if point.moves and area is not None:
                    index.setdefault(area, []).append(point)
        by_area = {Side.IN: into, Side.OUT: out_of}
        for level in levels:
            for rule in level.rules:
                for side in rule.sides:
                    here = self._points[side]
                    named = [here[each] for each in rule.doors if each in here]
                    for area in rule.areas:
                        named += by_area[side].get(area, ())
                    for point in named:
                        before = point.levels.get(level.id, ())
                        if rule.schedule not in before:
                            point.levels[level.id] = (*before, rule.schedule)

    def _at(self, point: Point, utc: datetime) -> Hours:
        rules = point.rules
        states = {each: self.schedules.state(each, utc) for each in _schedules(point)}
        active = {each for each, state in states.items() if state.active}
        since = (state.since for state in states.values() if state.since is not None)
        until = (state.until for state in states.values() if state.until is not None)
        first = rules.first_person
        begun = None if first is None else states[first].since
        asked = (
            each.authentication for each in rules.authentication if each.schedule in active
        )
        return Hours(
            max(since, default=utc),
            min((*until, utc + KEPT)),
            _open(point, active),
            next(asked, rules.default),
            first_person=first in active,
            first_person_since=begun or _FIRST,
        )


def _of(areas: Mapping[AreaId, AreaRules], area: AreaId | None) -> AreaRules | None:
    return None if area is None else areas.get(area)


def _doors_by_area(portals: Iterable[Portal]) -> dict[AreaId, list[DoorId]]:
    found: dict[AreaId, list[DoorId]] = {}
    for portal in portals:
        for area in {portal.inside, portal.outside}:
            if area is not None:
                found.setdefault(area, []).append(portal.door)
    return found


def _schedules(point: Point) -> set[ScheduleId]:
    """Return what the hours of a point depend on."""
    rules = point.rules
    found = {each for schedules in point.levels.values() for each in schedules}
    found |= {each.schedule for each in rules.authentication}
    return found if rules.first_person is None else found | {rules.first_person}


def _open(point: Point, active: Container[ScheduleId]) -> frozenset[LevelId]:
    every = point.levels.items()
    return frozenset(level for level, when in every if any(each in active for each in when))


def _without_clock(point: Point) -> Hours:
    rules = point.rules
    possible: list[Authentication] = []
    for each in rules.authentication:
        possible.append(each.authentication)
        if each.schedule == ALWAYS:
            break
    else:
        possible.append(rules.default)
    return Hours(
        _FIRST,
        _LAST,
        _open(point, {ALWAYS}),
        possible[0] if len(set(possible)) == 1 else Authentication.CARD_AND_PIN,
        first_person=rules.first_person is not None,
        first_person_since=_FIRST,
        certain=False,
    )
