"""The six kinds of records as upstream writes them in JSON, one pydantic model for each.

The words are those of core.access.model. What is left out has its default; only shapes are
judged here, what ids, hours and numbers may be is the core's to say. Numbers are whole, and no
list of names says one twice, so that both sides lay out a record alike (permission_json).
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    Credential,
    CredentialState,
    DoorRules,
    Holder,
    Interlock,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.schedule import (
    ALWAYS,
    Hours,
    Period,
    Schedule,
    ScheduleId,
    SpecialDays,
    SpecialDaysId,
    SpecialHours,
)
from gatewayd.edge.permission_values import (
    Days,
    Flags,
    Names,
    OpenedPin,
    Periods,
    Pin,
    Seconds,
    Sides,
    open_keys,
)
from gatewayd.edge.request_values import Instant, Model

# --- schedules and special days ---------------------------------------------------------


class WeekModel(Model):
    """The periods of each day; a day that is left out has none."""

    mon: Periods = Field(default_factory=list)
    tue: Periods = Field(default_factory=list)
    wed: Periods = Field(default_factory=list)
    thu: Periods = Field(default_factory=list)
    fri: Periods = Field(default_factory=list)
    sat: Periods = Field(default_factory=list)
    sun: Periods = Field(default_factory=list)

    def week(self) -> tuple[Hours, ...]:
        days = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)
        return tuple(map(_hours, days))


class SpecialHoursModel(Model):
    """The periods on the days of one group, in place of the week's."""

    days: str
    hours: Periods = Field(default_factory=list)


class ScheduleModel(Model):
    """A schedule. `special`: the most important group first."""

    name: str | None = None  # the id unless given
    week: WeekModel = Field(default_factory=WeekModel)  # a default value would be copied deeply
    special: list[SpecialHoursModel] = Field(default_factory=list)

    def record(self, schedule: str) -> Schedule:
        special = tuple(
            SpecialHours(SpecialDaysId(each.days), _hours(each.hours)) for each in self.special
        )
        name = schedule if self.name is None else self.name
        return Schedule(ScheduleId(schedule), name, self.week.week(), special)


class SpecialDaysModel(Model):
    """A group of days."""

    days: Days = Field(default_factory=list)

    def record(self, group: str) -> SpecialDays:
        return SpecialDays(SpecialDaysId(group), frozenset(self.days))


def _hours(periods: list[Period]) -> Hours:
    return tuple(sorted(periods, key=lambda each: (each.start, each.end)))


# --- levels, doors, areas ---------------------------------------------------------------


class LevelRuleModel(Model):
    """Some doors, and all doors of some areas."""

    doors: Names = Field(default_factory=list)
    areas: Names = Field(default_factory=list)
    sides: Sides = Field(default_factory=lambda: [Side.IN, Side.OUT])
    schedule: str = ALWAYS

    def rule(self) -> LevelRule:
        return LevelRule(
            ScheduleId(self.schedule),
            frozenset(map(DoorId, self.doors)),
            frozenset(map(AreaId, self.areas)),
            frozenset(self.sides),
        )


class LevelModel(Model):
    """An access level."""

    rules: list[LevelRuleModel] = Field(default_factory=list)

    def record(self, level: str) -> AccessLevel:
        return AccessLevel(LevelId(level), tuple(each.rule() for each in self.rules))


class ScheduledAuthenticationModel(Model):
    """What must be presented while a schedule is active."""

    schedule: str
    authentication: Annotated[Authentication, Field(strict=False)]


class PointModel(Model):
    """The rules of one side of a door."""

    enabled: bool = True
    muster: bool = False
    authentication: list[ScheduledAuthenticationModel] = Field(default_factory=list)
    default: Annotated[Authentication, Field(strict=False)] = Authentication.CARD
    factor_seconds: Seconds = 15
    minimum_clearance: int = 0
    two_person: bool = False
    two_person_seconds: Seconds = 15
    escort_seconds: Seconds = 15
    first_person: str | None = None

    def rules(self) -> PointRules:
        first = self.first_person
        return PointRules(
            self.enabled,
            self.muster,
            tuple(
                ScheduledAuthentication(ScheduleId(each.schedule), each.authentication)
                for each in self.authentication
            ),
            self.default,
            float(self.factor_seconds),
            self.minimum_clearance,
            self.two_person,
            float(self.two_person_seconds),
            float(self.escort_seconds),
            None if first is None else ScheduleId(first),
        )


class DoorModel(Model):
    """The rules of one door."""

    entry: PointModel = Field(default_factory=PointModel)
    exit: PointModel = Field(default_factory=PointModel)
    unlock: str | None = None
    unlock_needs_first_person: bool = False

    def record(self, door: str) -> DoorRules:
        return DoorRules(
            DoorId(door),
            self.entry.rules(),
            self.exit.rules(),
            None if self.unlock is None else ScheduleId(self.unlock),
            self.unlock_needs_first_person,
        )


class AreaModel(Model):
    """The rules of one area."""

    passback: Annotated[Passback, Field(strict=False)] = Passback.OFF
    passback_seconds: Seconds = 0
    max_occupancy: int | None = None
    min_occupancy: int = 0
    interlock: Annotated[Interlock, Field(strict=False)] = Interlock.OFF

    def record(self, area: str) -> AreaRules:
        return AreaRules(
            AreaId(area),
            self.passback,
            float(self.passback_seconds),
            self.max_occupancy,
            self.min_occupancy,
            self.interlock,
        )


# --- people -----------------------------------------------------------------------------


class HolderModel(Model):
    """A holder."""

    enabled: bool = True
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    levels: Names = Field(default_factory=list)
    clearance: int = 0
    flags: Flags = Field(default_factory=list)
    pin: Pin = None
    duress_pin: Pin = None

    def record(self, holder: str) -> Holder:
        whoever = HolderId(holder)
        return Holder(
            whoever,
            self.enabled,
            self.valid_from,
            self.valid_until,
            tuple(map(LevelId, sorted(self.levels))),  # few different ones, kept once each
            _kept_of(self.pin, whoever),
            _kept_of(self.duress_pin, whoever),
            self.clearance,
            frozenset(self.flags),
        )


class CredentialModel(Model):
    """A credential; its key stands in front of it."""

    holder: str
    state: Annotated[CredentialState, Field(strict=False)] = CredentialState.ENABLED
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    max_uses: int | None = None
    duress: bool = False

    def record(self, key: str) -> Credential:
        return Credential(
            key,
            HolderId(self.holder),
            self.state,
            self.valid_from,
            self.valid_until,
            self.max_uses,
            self.duress,
        )


def _kept_of(pin: OpenedPin | bytes | None, holder: HolderId) -> bytes | None:
    return pin if pin is None or isinstance(pin, bytes) else pin.of(holder)


# --- all of them ------------------------------------------------------------------------


class RulesModel(Model):
    """Records of all kinds but people's, each by its id."""

    schedules: dict[str, ScheduleModel] = Field(default_factory=dict)
    special_days: dict[str, SpecialDaysModel] = Field(default_factory=dict)
    levels: dict[str, LevelModel] = Field(default_factory=dict)
    doors: dict[str, DoorModel] = Field(default_factory=dict)
    areas: dict[str, AreaModel] = Field(default_factory=dict)


Holders = dict[str, HolderModel]
Credentials = Annotated[dict[str, CredentialModel], BeforeValidator(open_keys)]
CredentialChanges = Annotated[dict[str, CredentialModel | None], BeforeValidator(open_keys)]


class RecordsModel(RulesModel):
    """Records of all six kinds: a part of everything."""

    holders: Holders = Field(default_factory=dict)
    credentials: Credentials = Field(default_factory=dict)


class ChangesModel(Model):
    """Records of all six kinds that change; null takes one away."""

    schedules: dict[str, ScheduleModel | None] = Field(default_factory=dict)
    special_days: dict[str, SpecialDaysModel | None] = Field(default_factory=dict)
    levels: dict[str, LevelModel | None] = Field(default_factory=dict)
    doors: dict[str, DoorModel | None] = Field(default_factory=dict)
    areas: dict[str, AreaModel | None] = Field(default_factory=dict)
    holders: dict[str, HolderModel | None] = Field(default_factory=dict)
    credentials: CredentialChanges = Field(default_factory=dict)
