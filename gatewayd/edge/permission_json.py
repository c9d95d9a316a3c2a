"""Records of permissions as JSON and back, and the digest over all that is held.

The digest is a sum, modulo 2^256, of the SHA-256 of one line for every record, so it does not
depend on order. For holders and credentials it is a line of core.access.people, for the others

    kind  id  record

separated by tabs, kind being schedule, special_days, level, door or area. The record is laid
out as in a request with everything in it that has a default: keys in ascending order, no
blanks, UTF-8 without escapes that JSON does not need. Names in lists that stand for sets, days
and periods ascend; so do all keys, by code point.

`rules_to_bytes` is what lies beside the people on the disk (`PeopleChange.rest`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Credential,
    DoorRules,
    Holder,
    LevelId,
    PointRules,
)
from gatewayd.core.access.people import MODULUS
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.schedule import (
    Day,
    Hours,
    Schedule,
    ScheduleId,
    SpecialDays,
    SpecialDaysId,
    YearlyDay,
)
from gatewayd.core.schedule_check import mistakes
from gatewayd.core.schedule_words import reading
from gatewayd.edge.permission_models import ChangesModel, RecordsModel, RulesModel, WeekModel
from gatewayd.edge.request_mistakes import in_words
from gatewayd.errors import DamagedState

Kind = Literal["schedule", "special_days", "level", "door", "area"]
Document = dict[str, Any]
Id = TypeVar("Id")
Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)


class _Model(Protocol[Record_co]):
    """One record as upstream wrote it."""

    def record(self, name: str, /) -> Record_co: ...


# --- records as JSON ----------------------------------------------------------------------


def _schedule(record: Schedule) -> Document:
    return {
        "name": record.name,
        "week": {
            day: _periods(hours)
            for day, hours in zip(WeekModel.model_fields, record.week, strict=True)
        },
        "special": [
            {"days": each.special_days, "hours": _periods(each.hours)}
            for each in record.special
        ],
    }


def _special_days(record: SpecialDays) -> Document:
    return {"days": sorted(map(_day, record.days))}


def _level(record: AccessLevel) -> Document:
    return {
        "rules": [
            {
                "doors": sorted(each.doors),
                "areas": sorted(each.areas),
                "sides": sorted(each.sides),
                "schedule": each.schedule,
            }
            for each in record.rules
        ]
    }


def _door(record: DoorRules) -> Document:
    return {
        "entry": _point(record.entry),
        "exit": _point(record.exit),
        "unlock": record.unlock,
        "unlock_needs_first_person": record.unlock_needs_first_person,
    }


def _point(rules: PointRules) -> Document:
    return {
        "enabled": rules.enabled,
        "muster": rules.muster,
        "authentication": [
            {"schedule": each.schedule, "authentication": each.authentication}
            for each in rules.authentication
        ],
        "default": rules.default,
        "factor_seconds": _whole(rules.factor_seconds),
        "minimum_clearance": rules.minimum_clearance,
        "two_person": rules.two_person,
        "two_person_seconds": _whole(rules.two_person_seconds),
        "escort_seconds": _whole(rules.escort_seconds),
        "first_person": rules.first_person,
    }


def _area(record: AreaRules) -> Document:
    return {
        "passback": record.passback,
        "passback_seconds": _whole(record.passback_seconds),
        "max_occupancy": record.max_occupancy,
        "min_occupancy": record.min_occupancy,
        "interlock": record.interlock,
    }


def _periods(hours: Hours) -> list[list[str]]:
    ascending = sorted((each.start, each.end) for each in hours)
    return [[reading(start), reading(end)] for start, end in ascending]


def _day(day: Day) -> str:
    if isinstance(day, YearlyDay):
        return f"{day.month:02}-{day.day:02}"
    return day.isoformat()


def _whole(seconds: float) -> int:
    if seconds != int(seconds):
        raise ValueError(f"{seconds} s cannot be written as whole seconds")
    return int(seconds)


class _Laid(NamedTuple):
    """All records of one kind, and how one is laid out."""

    name: str  # of all of them: a field of Rules
    kind: Kind
    records: Mapping[Any, Any]
    layout: Callable[[Any], Document]

    def documents(self) -> dict[str, Document]:
        return {each: self.layout(record) for each, record in self.records.items()}


_LAYOUTS: Mapping[str, tuple[Kind, Callable[[Any], Document]]] = {
    "schedules": ("schedule", _schedule),
    "special_days": ("special_days", _special_days),
    "levels": ("level", _level),
    "doors": ("door", _door),
    "areas": ("area", _area),
}


def _laid(rules: Rules) -> Iterator[_Laid]:
    for name, (kind, layout) in _LAYOUTS.items():
        yield _Laid(name, kind, getattr(rules, name), layout)


def canonical(document: object) -> bytes:
    """Lay out plain values in the one way that has a digest."""
    return json.dumps(
        document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    ).encode()


# --- the digest ---------------------------------------------------------------------------


def line(kind: Kind, name: str, document: Document) -> bytes:
    """Return the line of a record whose document has every default."""
    return f"{kind}\t{name}\t".encode() + canonical(document)


def lines(rules: Rules) -> Iterator[bytes]:
    """Return the lines of the digest."""
    for laid in _laid(rules):
        for name, document in laid.documents().items():
            yield line(laid.kind, name, document)


def rules_total(rules: Rules) -> int:
    """Return what these records add to the sum of the digest."""
    return sum(int.from_bytes(sha256(each).digest()) for each in lines(rules)) % MODULUS


# --- what lies on the disk ----------------------------------------------------------------


def rules_to_bytes(rules: Rules) -> bytes:
    """Return all of them as JSON. ValueError if a duration is of no whole seconds."""
    return canonical({each.name: each.documents() for each in _laid(rules)})


def rules_from_bytes(content: bytes) -> Rules:
    """Return what `rules_to_bytes` laid out; of nothing, none. Raise DamagedState."""
    if not content:
        return Rules()
    try:
        rules = rules_of(RulesModel.model_validate_json(content))
    except ValidationError as error:
        raise _damaged(in_words(error, "they")) from error
    if wrong := mistakes(tuple(rules.schedules.values()), tuple(rules.special_days.values())):
        raise _damaged(wrong[0])
    return rules


def rules_of(model: RulesModel) -> Rules:
    """Return the core's records."""
    return Rules(
        _put(model.schedules, ScheduleId),
        _put(model.special_days, SpecialDaysId),
        _put(model.levels, LevelId),
        _put(model.doors, DoorId),
        _put(model.areas, AreaId),
    )


def update_of(model: ChangesModel, base: int, version: int) -> Update:
    """Return what leads from one version to another."""
    return Update(
        base,
        version,
        _changed(model.schedules, ScheduleId),
        _changed(model.special_days, SpecialDaysId),
        _changed(model.levels, LevelId),
        _changed(model.doors, DoorId),
        _changed(model.areas, AreaId),
        _changed(model.holders, HolderId),
        _changed(model.credentials, str),
    )


def people_of(
    model: RecordsModel,
) -> tuple[dict[HolderId, Holder], dict[str, Credential]]:
    """Return holders and credentials as the core has them."""
    return _put(model.holders, HolderId), _put(model.credentials, str)


def _put(models: Mapping[str, _Model[Record]], id_of: Callable[[str], Id]) -> dict[Id, Record]:
    return {id_of(name): each.record(name) for name, each in models.items()}


def _changed(
    models: Mapping[str, _Model[Record] | None], id_of: Callable[[str], Id]
) -> dict[Id, Record | None]:
    return {
        id_of(name): None if each is None else each.record(name)
        for name, each in models.items()
    }


def _damaged(why: str) -> DamagedState:
    return DamagedState(
        f"the rules beside the people make no sense ({why}). Nothing was changed. Send all "
        f"permissions anew, or restore a backup"
    )
