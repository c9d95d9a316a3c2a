"""What is wrong with schedules, levels, doors and areas that come with an update."""

from dataclasses import replace
from typing import Any

import pytest

from gatewayd.core.access import rules_check
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    DoorRules,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    ScheduledAuthentication,
)
from gatewayd.core.access.record_check import mistakes
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.access.rules_check import (
    LONGEST_PASSBACK,
    LONGEST_WAIT,
    MAX_AREAS,
    MAX_AUTHENTICATIONS,
    MAX_DOORS,
    MAX_LEVEL_RULES,
)
from gatewayd.core.model import AreaId, DoorId
from gatewayd.core.schedule import ALWAYS, ScheduleId, SpecialDaysId
from gatewayd.core.schedule_check import MAX_SCHEDULES, MAX_SPECIAL_DAYS
from tests.core.access.world import EVERYWHERE, HALL, LAB, LAB_ROOM, LOBBY, STAFF
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

HOURS = schedule((HOLIDAYS, ""), every="08:00-18:00")
HOLIDAY = group(HOLIDAYS, "2026-05-08")
HELD = Rules(
    {OFFICE: HOURS},
    {HOLIDAYS: HOLIDAY},
    {STAFF: AccessLevel(STAFF, (LevelRule(OFFICE, frozenset({LAB})),))},
    {
        LAB: DoorRules(
            LAB,
            PointRules(authentication=(ScheduledAuthentication(OFFICE, Authentication.PIN),)),
            PointRules(first_person=OFFICE),
            unlock=OFFICE,
        )
    },
    {HALL: AreaRules(HALL)},
)
ATTIC, NOWHERE, NEVER = DoorId("attic"), AreaId("nowhere"), ScheduleId("never")


def wrong(update: Update, held: Rules = HELD) -> list[str]:
    return mistakes(update, held.after(update), {LAB, LOBBY}, {HALL, LAB_ROOM})


def wrong_level(*rules: LevelRule) -> list[str]:
    return wrong(Update(1, 2, levels={STAFF: AccessLevel(STAFF, rules)}))


def wrong_door(entry: PointRules | None = None, **fields: Any) -> list[str]:  # noqa: ANN401 - names fields
    rules = replace(DoorRules(LAB, entry or PointRules()), **fields)
    return wrong(Update(1, 2, doors={LAB: rules}))


def wrong_area(**fields: object) -> list[str]:
    rules = replace(AreaRules(HALL), **fields)  # type: ignore[arg-type]  # names fields
    return wrong(Update(1, 2, areas={HALL: rules}))


def test_everything_may_come_at_once_and_go_at_once() -> None:
    coming = Update(
        1, 2, HELD.schedules, HELD.special_days, HELD.levels, HELD.doors, HELD.areas
    )
    assert wrong(coming, Rules()) == []
    going = Update(
        1, 2, {OFFICE: None}, {HOLIDAYS: None}, {STAFF: None}, {LAB: None}, {HALL: None}
    )
    assert wrong(going) == []
    assert wrong(going, Rules()) == []


# --- ids --------------------------------------------------------------------------


def test_a_record_stands_under_its_own_id() -> None:
    found = wrong(
        Update(
            1,
            2,
            {ScheduleId("a"): HOURS},
            {SpecialDaysId("b"): HOLIDAY},
            {LevelId("c"): EVERYWHERE},
            {LOBBY: DoorRules(LAB)},
            {LAB_ROOM: AreaRules(HALL)},
        )
    )
    assert found == [
        "schedule 'a' is put under another id, 'office-hours'",
        "special days 'b' is put under another id, 'public-holidays'",
        "level 'c' is put under another id, 'staff'",
        "door 'lobby' is put under another id, 'lab'",
        "area 'lab-room' is put under another id, 'hall'",
    ]


@pytest.mark.parametrize("name", ["", "no spaces", ".hidden", "x" * 65, "a,b", "é", "a\n"])
def test_a_level_has_a_plain_id(name: str) -> None:
    level = AccessLevel(LevelId(name))
    (mistake,) = wrong(Update(1, 2, levels={level.id: level}))
    assert "the id is not 1 to 64 letters" in mistake


# --- sizes ------------------------------------------------------------------------


def test_there_are_only_so_many_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = dict.fromkeys(HELD.counts, 1)
    monkeypatch.setattr(rules_check, "_BOUNDS", bounds)
    more = Update(
        1,
        2,
        {ScheduleId("s"): replace(HOURS, id=ScheduleId("s"), special=())},
        {SpecialDaysId("g"): group(SpecialDaysId("g"))},
        {LevelId("l"): AccessLevel(LevelId("l"))},
        {LOBBY: DoorRules(LOBBY)},
        {LAB_ROOM: AreaRules(LAB_ROOM)},
    )
    assert wrong(more) == [
        "2 schedules, at most 1",
        "2 groups of special days, at most 1",
        "2 levels, at most 1",
        "2 doors, at most 1",
        "2 areas, at most 1",
    ]
    assert wrong(more, Rules()) == []


def test_what_takes_away_is_counted_as_well() -> None:
    many = dict.fromkeys(
        (ScheduleId(f"s{number}") for number in range(MAX_SCHEDULES + 1)), None
    )
    assert wrong(Update(1, 2, many)) == [f"{len(many)} schedules, at most {MAX_SCHEDULES}"]


def test_a_level_has_a_bounded_number_of_rules() -> None:
    always = LevelRule(ALWAYS)
    assert wrong_level(*[always] * MAX_LEVEL_RULES) == []
    (mistake,) = wrong_level(*[always] * (MAX_LEVEL_RULES + 1))
    assert mistake == f"level 'staff': {MAX_LEVEL_RULES + 1} rules, at most {MAX_LEVEL_RULES}"


def test_a_rule_has_a_bounded_number_of_doors_and_areas() -> None:
    doors = frozenset(DoorId(f"d{number}") for number in range(MAX_DOORS + 1))
    areas = frozenset(AreaId(f"a{number}") for number in range(MAX_AREAS + 1))
    assert wrong_level(LevelRule(ALWAYS, doors, areas)) == [
        f"level 'staff': a rule of {MAX_DOORS + 1} doors, at most {MAX_DOORS}",
        f"level 'staff': a rule of {MAX_AREAS + 1} areas, at most {MAX_AREAS}",
    ]


def test_a_point_has_a_bounded_number_of_times_to_present() -> None:
    asked = ScheduledAuthentication(ALWAYS, Authentication.CARD)
    (mistake,) = wrong_door(PointRules(authentication=(asked,) * (MAX_AUTHENTICATIONS + 1)))
    assert mistake.endswith(f"times to present, at most {MAX_AUTHENTICATIONS}")


# --- names of what is not there ---------------------------------------------------


def test_a_level_names_what_is_there() -> None:
    doors, areas = frozenset({LAB, ATTIC}), frozenset({HALL, NOWHERE})
    assert wrong_level(
        LevelRule(NEVER, doors, areas), LevelRule(OFFICE), LevelRule(ALWAYS)
    ) == [
        "level 'staff': no such schedule: never",
        "level 'staff': no such door: attic",
        "level 'staff': no such area: nowhere",
    ]


def test_many_names_are_not_all_repeated() -> None:
    doors = frozenset(DoorId(f"{number:03}") for number in range(100))
    (mistake,) = wrong_level(LevelRule(ALWAYS, doors))
    assert mistake.endswith("018, 019, and 80 more")


def test_rules_are_of_doors_and_areas_that_the_site_has() -> None:
    found = wrong(
        Update(1, 2, doors={ATTIC: DoorRules(ATTIC)}, areas={NOWHERE: AreaRules(NOWHERE)})
    )
    assert found == [
        "door 'attic': the site has no such door",
        "area 'nowhere': the site has no such area",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"entry": PointRules(first_person=NEVER)},
        {"exit": PointRules(first_person=NEVER)},
        {
            "entry": PointRules(
                authentication=(ScheduledAuthentication(NEVER, Authentication.PIN),)
            )
        },
        {"unlock": NEVER},
    ],
)
def test_a_door_names_schedules_that_are_there(fields: dict[str, Any]) -> None:
    assert wrong_door(**fields) == ["door 'lab': no such schedule: never"]


def test_a_schedule_names_special_days_that_are_there() -> None:
    found = wrong(Update(1, 2, {OFFICE: HOURS}), Rules())
    assert found == ["schedule 'office-hours': no such special days: 'public-holidays'"]
    assert wrong(Update(1, 2, {OFFICE: HOURS})) == []


def test_what_is_wrong_with_a_schedule_is_named() -> None:
    found = wrong(Update(1, 2, {OFFICE: replace(HOURS, week=())}))
    assert found == ["schedule 'office-hours': a week of 0 days"]


def test_a_schedule_that_is_still_named_does_not_go() -> None:
    assert wrong(Update(1, 2, {OFFICE: None})) == [
        "level 'staff': no such schedule: office-hours",
        "door 'lab': no such schedule: office-hours",
    ]
    assert wrong(Update(1, 2, {OFFICE: None}, levels={STAFF: None}, doors={LAB: None})) == []


def test_special_days_that_are_still_named_do_not_go() -> None:
    assert wrong(Update(1, 2, special_days={HOLIDAYS: None})) == [
        "schedule 'office-hours': no such special days: public-holidays"
    ]
    closed = schedule(every="08:00-18:00")
    assert wrong(Update(1, 2, {OFFICE: closed}, {HOLIDAYS: None})) == []
    other = SpecialDaysId("other")
    assert wrong(Update(1, 2, special_days={other: None})) == []


def test_what_is_held_already_is_not_judged_again() -> None:
    held = replace(HELD, doors={ATTIC: DoorRules(ATTIC, unlock=NEVER)})
    assert wrong(Update(1, 2, {OFFICE: HOURS, ScheduleId("other"): None}), held) == []


def test_as_many_groups_as_there_may_be_can_be_named() -> None:
    names = [SpecialDaysId(f"g{number}") for number in range(MAX_SPECIAL_DAYS)]
    many = schedule(*((name, "") for name in names), every="08:00-18:00")
    groups = {name: group(name, "12-25") for name in names}
    assert wrong(Update(1, 2, {OFFICE: many}, groups), Rules()) == []


# --- nonsense ---------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.5, LONGEST_WAIT + 1, float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("name", ["factor_seconds", "two_person_seconds", "escort_seconds"])
def test_waits_are_of_a_length_that_people_wait(name: str, seconds: float) -> None:
    waits: dict[str, Any] = {name: seconds}
    rules = replace(PointRules(), **waits)
    assert wrong_door(rules) == [f"door 'lab': entry: {name} is not 1 to 300"]
    assert wrong_door(exit=rules) == [f"door 'lab': exit: {name} is not 1 to 300"]


@pytest.mark.parametrize("clearance", [-1, 2**31])
def test_a_clearance_that_is_asked_for_is_a_number_of_31_bits(clearance: int) -> None:
    (mistake,) = wrong_door(PointRules(minimum_clearance=clearance))
    assert "minimum_clearance" in mistake


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"passback": Passback.TIMED}, "timed passback without passback_seconds"),
        ({"passback_seconds": -1.0}, "passback_seconds is not 0 to"),
        ({"passback_seconds": LONGEST_PASSBACK + 1}, "passback_seconds is not 0 to"),
        ({"passback_seconds": float("nan")}, "passback_seconds is not 0 to"),
        ({"min_occupancy": -1}, "min_occupancy is not 0 to"),
        ({"max_occupancy": 0}, "max_occupancy is not 1 to"),
        ({"max_occupancy": 2**31}, "max_occupancy is not 1 to"),
        ({"max_occupancy": 2, "min_occupancy": 3}, "min_occupancy is more than max_occupancy"),
    ],
)
def test_rules_of_an_area_make_sense(fields: dict[str, object], part: str) -> None:
    (mistake,) = wrong_area(**fields)
    assert mistake.startswith("area 'hall': ")
    assert part in mistake


def test_sound_rules_of_an_area_are_taken() -> None:
    sound = {"passback": Passback.TIMED, "passback_seconds": 0.5, "max_occupancy": 2}
    assert wrong_area(**sound, min_occupancy=2) == []
