"""Everything upstream sends, by its id, and what an update makes of it.

There are six kinds of records, five of which are few and read all at once: schedules,
special days, access levels, rules of doors and of areas (`Rules`). People are the sixth;
there are many of them, so they are a table of their own and changed row by row.

An `Update` leads from version `base` to `version`. It names what changes; a record stands in
for the whole record of that id, and None takes it away. Taking away what is not there
changes nothing, so an update may be built without knowing what is held. People are in no
repr: what became of a PIN is among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Self, TypeVar

from gatewayd.core.access.book import PermissionSet
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Credential,
    DoorRules,
    Holder,
    LevelId,
)
from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.schedule import Schedule, ScheduleId, SpecialDays, SpecialDaysId
from gatewayd.core.schedules import Schedules

Id = TypeVar("Id")
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Update:
    """Changes that lead from `base` to `version`, all or nothing; None takes away."""

    base: int
    version: int
    schedules: Mapping[ScheduleId, Schedule | None] = field(default_factory=dict)
    special_days: Mapping[SpecialDaysId, SpecialDays | None] = field(default_factory=dict)
    levels: Mapping[LevelId, AccessLevel | None] = field(default_factory=dict)
    doors: Mapping[DoorId, DoorRules | None] = field(default_factory=dict)
    areas: Mapping[AreaId, AreaRules | None] = field(default_factory=dict)
    holders: Mapping[HolderId, Holder | None] = field(default_factory=dict, repr=False)
    credentials: Mapping[str, Credential | None] = field(default_factory=dict, repr=False)

    @property
    def rules_change(self) -> bool:
        """Whether it is about anything but people."""
        kinds = (self.schedules, self.special_days, self.levels, self.doors, self.areas)
        return any(kinds)


@dataclass(frozen=True, slots=True)
class Rules:
    """All records but the people's. Nobody changes a mapping once it is in here."""

    schedules: Mapping[ScheduleId, Schedule] = field(default_factory=dict)
    special_days: Mapping[SpecialDaysId, SpecialDays] = field(default_factory=dict)
    levels: Mapping[LevelId, AccessLevel] = field(default_factory=dict)
    doors: Mapping[DoorId, DoorRules] = field(default_factory=dict)
    areas: Mapping[AreaId, AreaRules] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each kind, by the names of the fields."""
        return {
            "schedules": len(self.schedules),
            "special_days": len(self.special_days),
            "levels": len(self.levels),
            "doors": len(self.doors),
            "areas": len(self.areas),
        }

    def after(self, update: Update) -> Self:
        """Return what an update makes of them; what it does not touch is the same object."""
        return type(self)(
            _after(self.schedules, update.schedules),
            _after(self.special_days, update.special_days),
            _after(self.levels, update.levels),
            _after(self.doors, update.doors),
            _after(self.areas, update.areas),
        )

    def permission_set(self, zone: tzinfo) -> PermissionSet:
        """Return them as the decision reads them, by the clocks of a zone.

        Takes sound rules: special days that are named but not there raise `ValueError`.
        """
        return PermissionSet(
            Schedules(zone, self.schedules.values(), self.special_days.values()),
            tuple(self.levels.values()),
            tuple(self.doors.values()),
            tuple(self.areas.values()),
        )


def _after(
    held: Mapping[Id, Record], change: Mapping[Id, Record | None]
) -> Mapping[Id, Record]:
    if not change:
        return held
    every = {**held, **change}
    return {each: record for each, record in every.items() if record is not None}
