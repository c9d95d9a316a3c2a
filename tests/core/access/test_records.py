"""What an update makes of the rules, and the rules as the decision reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.model import AccessLevel, AreaRules, DoorRules, Holder, LevelId
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.model import DoorId
from tests.core.access.world import ANNA, BERLIN, EVERYWHERE, HALL, LAB, LOBBY, NOON, STAFF
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

HOURS = schedule((HOLIDAYS, ""), every="08:00-18:00")
HOLIDAY = group(HOLIDAYS, "2026-05-08")
FULL = Rules(
    {OFFICE: HOURS},
    {HOLIDAYS: HOLIDAY},
    {STAFF: EVERYWHERE},
    {LAB: DoorRules(LAB)},
    {HALL: AreaRules(HALL)},
)


def test_there_may_be_no_rules_at_all() -> None:
    assert Rules() == Rules({}, {}, {}, {}, {})
    assert set(Rules().counts.values()) == {0}


def test_rules_are_counted_by_kind() -> None:
    assert FULL.counts == {
        "schedules": 1,
        "special_days": 1,
        "levels": 1,
        "doors": 1,
        "areas": 1,
    }


def test_an_update_puts_replaces_and_takes_away() -> None:
    closed = group(HOLIDAYS, "12-25")
    update = Update(
        1,
        2,
        special_days={HOLIDAYS: closed},
        levels={STAFF: None, LevelId("visitors"): None},
        doors={LOBBY: DoorRules(LOBBY)},
    )
    after = FULL.after(update)
    assert after == Rules(
        {OFFICE: HOURS},
        {HOLIDAYS: closed},
        {},
        {LAB: DoorRules(LAB), LOBBY: DoorRules(LOBBY)},
        {HALL: AreaRules(HALL)},
    )
    assert after.schedules is FULL.schedules
    assert list(FULL.levels) == [STAFF]


def test_an_update_of_people_leaves_the_rules_as_they_are() -> None:
    update = Update(1, 2, holders={ANNA: Holder(ANNA)}, credentials={"26:00000000": None})
    assert not update.rules_change
    assert FULL.after(update) == FULL


@pytest.mark.parametrize(
    "update",
    [
        Update(1, 2, schedules={OFFICE: None}),
        Update(1, 2, special_days={HOLIDAYS: None}),
        Update(1, 2, levels={STAFF: None}),
        Update(1, 2, doors={LAB: None}),
        Update(1, 2, areas={HALL: None}),
    ],
)
def test_an_update_of_any_kind_of_rules_is_one(update: Update) -> None:
    assert update.rules_change


def test_the_decision_reads_all_of_them() -> None:
    rules = FULL.permission_set(BERLIN)
    assert rules.levels == (EVERYWHERE,)
    assert rules.doors == (DoorRules(LAB),)
    assert rules.areas == (AreaRules(HALL),)
    assert rules.schedules.state(OFFICE, NOON).why.special_days == HOLIDAYS
    assert Rules().permission_set(BERLIN).levels == ()


doors = st.sampled_from([DoorId(each) for each in "abc"])
changes = st.dictionaries(doors, st.none() | doors.map(DoorRules))


@given(st.lists(changes))
def test_the_newest_record_of_an_id_counts(
    history: list[dict[DoorId, DoorRules | None]],
) -> None:
    rules, newest = Rules(), dict[DoorId, DoorRules | None]()
    for version, each in enumerate(history):
        rules = rules.after(Update(version, version + 1, doors=each))
        newest.update(each)
    assert rules.doors == {door: each for door, each in newest.items() if each is not None}


def test_levels_without_rules_are_kept() -> None:
    empty = AccessLevel(STAFF)
    assert Rules().after(Update(1, 2, levels={STAFF: empty})).levels == {STAFF: empty}
