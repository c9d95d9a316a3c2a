"""What moved is kept, forgotten within bounds, and read back with care."""

from datetime import UTC, datetime, timedelta, timezone
from time import perf_counter

import pytest

from gatewayd.core.access import state as state_module
from gatewayd.core.access.attempt import Decision
from gatewayd.core.access.consequences import taken
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    DoorRules,
    Flag,
    Passback,
    PointRules,
    Side,
)
from gatewayd.core.access.policy import ClockLost, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import (
    SITE,
    AllForgiven,
    Durable,
    FirstPerson,
    FirstPersonIs,
    LockdownIs,
    Misses,
    MissesAre,
    Presence,
    PresenceIs,
    State,
    ThreatLevelIs,
    UsesAre,
    everybody_forgiven,
    pins_of_holder,
)
from gatewayd.core.access.state_values import Value, from_entry, restore, to_entry
from gatewayd.core.access.unlock import unlocked
from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    ANNAS,
    BORIS,
    BORISS,
    HALL,
    LAB,
    LAB_ROOM,
    LOBBY,
    NOON,
    World,
    key,
)
from tests.core.hours import OFFICE, schedule

SECOND = timedelta(seconds=1)
EVERYTHING: list[Durable] = [
    AllForgiven(NOON),
    ThreatLevelIs(2),
    LockdownIs(on=True),
    PresenceIs(ANNA, Presence(LAB_ROOM, NOON + SECOND)),
    PresenceIs(BORIS, Presence(None, NOON + SECOND, forgiven=True)),
    MissesAre(SITE, Misses(3, 0, NOON)),
    MissesAre(pins_of_holder(ANNA), Misses(0, 1, NOON, NOON + SECOND)),
    UsesAre(key(ANNAS), 2),
    FirstPersonIs(LAB, FirstPerson(ANNA, NOON)),
]


def holding(*changes: Durable) -> State:
    state = State()
    for change in changes:
        state.apply(change)
    return state


def test_a_state_is_rebuilt_from_its_changes() -> None:
    assert list(holding(*EVERYTHING).changes()) == EVERYTHING
    assert list(State().changes()) == [ThreatLevelIs(0), LockdownIs(on=False)]


def test_a_state_is_kept_as_entries_in_whatever_order() -> None:
    entries = [to_entry(each) for each in EVERYTHING]
    assert len({each for each, _ in entries}) == len(entries)
    for order in (entries, entries[::-1]):
        kept = restore(order)
        assert set(kept.changes()) == set(EVERYTHING)
        assert kept.occupancy == {LAB_ROOM: 1}


def test_entries_without_a_value_forget() -> None:
    gone: list[Durable] = [
        PresenceIs(ANNA, None),
        MissesAre(SITE, None),
        UsesAre(key(ANNAS), 0),
    ]
    for change in gone:
        entry = to_entry(change)
        assert entry[1] is None
        assert from_entry(*entry) == change
    state = holding(*EVERYTHING, *gone)
    assert ANNA not in state.presences
    assert state.occupancy == {}
    assert SITE not in state.misses
    assert state.uses == {}


def test_times_are_kept_in_utc() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=2)))
    assert to_entry(AllForgiven(local)) == ("forgiven", {"at": "2026-05-08T10:00:00.000000Z"})


AT = "2026-05-08T10:00:00.000000Z"


@pytest.mark.parametrize(
    ("entry", "value", "wrong"),
    [
        ("", {}, "there is no such key"),
        ("nonsense/x", {}, "there is no such key"),
        ("presence", {}, "there is no such key"),
        ("presence/" + 600 * "x", {}, "there is no such key"),
        ("lockdown/x", {"on": True}, "there is no such key"),
        ("lockdown", None, "it has no value"),
        ("lockdown", {"on": 1}, "on is neither true nor false"),
        ("lockdown", {"on": True, "off": 1}, "it has no field 'off'"),
        ("threat_level", {"level": True}, "level is no number of 0 to 2147483647"),
        ("threat_level", {"level": -1}, "level is no number of 0 to 2147483647"),
        ("threat_level", {"level": 2**31}, "level is no number of 0 to 2147483647"),
        ("threat_level", {}, "level is no number of 0 to 2147483647"),
        ("uses/x", {"uses": "1"}, "uses is no number of 0 to 2147483647"),
        ("forgiven", {"at": 7}, "at is no text of 1 to 512 characters"),
        ("forgiven", {"at": ""}, "at is no text of 1 to 512 characters"),
        ("forgiven", {"at": "noon"}, "at is no time in UTC with microseconds"),
        ("forgiven", {"at": AT[:-1]}, "at is no time in UTC with microseconds"),
        ("forgiven", {"at": "2026-05-08T10:00:00Z"}, "at is no time in UTC with microseconds"),
        ("presence/a", {"area": 1, "since": AT}, "area is no text of 1 to 512 characters"),
        ("presence/a", {"since": AT, "forgiven": "no"}, "forgiven is neither true nor false"),
        ("first_person/d", {"at": AT}, "holder is no text of 1 to 512 characters"),
        ("misses/site", {"wrong": 1, "lockouts": 0}, "since is no text of 1 to 512 characters"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused(
    entry: str, value: Value | None, wrong: str
) -> None:
    with pytest.raises(ValueError, match="state ") as raised:
        from_entry(entry, value)
    assert str(raised.value) == f"state {entry[:512]!r}: {wrong}"


def test_who_moves_is_in_one_place_only() -> None:
    state = holding(
        PresenceIs(ANNA, Presence(HALL, NOON)), PresenceIs(ANNA, Presence(LAB_ROOM, NOON))
    )
    assert state.occupancy == {LAB_ROOM: 1}


def test_nothing_older_is_known_after_everybody_was_forgiven() -> None:
    state = holding(
        PresenceIs(ANNA, Presence(LAB_ROOM, NOON)),
        PresenceIs(BORIS, Presence(LAB_ROOM, NOON + 2 * SECOND)),
        AllForgiven(NOON + SECOND),
        AllForgiven(NOON),  # an older one changes nothing
        PresenceIs(ANNA, Presence(LAB_ROOM, NOON + SECOND)),
    )
    assert list(state.presences) == [BORIS]
    assert state.occupancy == {LAB_ROOM: 1}
    assert state.forgiven == NOON + SECOND


def test_to_forgive_everybody_is_quick_however_many_there_are() -> None:
    state = State()
    began = perf_counter()
    for number in range(20_000):
        state.apply(PresenceIs(HolderId(f"h{number}"), Presence(LAB_ROOM, NOON)))
    came = perf_counter()
    state.apply(everybody_forgiven(state, NOON))
    assert not state.presences
    assert perf_counter() - came < (came - began) / 2


def test_beyond_its_bounds_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "MAX_HOLDERS", 2)
    monkeypatch.setattr(state_module, "MAX_CREDENTIALS", 2)
    state = State()
    for name in ("a", "b", "a", "c"):
        state.apply(PresenceIs(HolderId(name), Presence(LAB_ROOM, NOON)))
        state.apply(UsesAre(name, 1))
    assert list(state.presences) == ["a", "c"]
    assert state.occupancy == {LAB_ROOM: 2}
    assert list(state.uses) == ["a", "c"]


def test_a_restart_forgets_nothing_but_who_waits() -> None:
    world = World(
        PointRules(default=Authentication.CARD_AND_PIN),
        areas=(AreaRules(LAB_ROOM, Passback.HARD),),
    )
    world.person(ANNA, pin="1234")
    for _ in range(5):
        world.card(pin="0000")
    world.card(BORISS)
    world.state = restore([to_entry(each) for each in world.state.changes()])
    assert world.card(pin="1234").reason is Reason.CREDENTIAL_LOCKED_OUT
    assert world.pin("0000").reason is Reason.WRONG_FACTOR
    world.wait(30)
    world.take(world.card(pin="1234"))
    world.state = restore([to_entry(each) for each in world.state.changes()])
    assert world.card(pin="1234").reason is Reason.PASSBACK


# --- access taken -----------------------------------------------------------------


def test_only_a_grant_can_be_taken() -> None:
    world = World()
    assert taken(world.book, world.card(door=DoorId("attic")), world.state, world.now) == ()
    assert taken(world.book, Decision(LAB, Side.IN, Reason.PASSBACK), State(), world.now) == ()


def test_who_left_by_the_lobby_is_outside() -> None:
    world = World()
    world.passes(door=LOBBY)
    assert world.state.presences[ANNA].area == HALL
    world.passes(door=LOBBY, side=Side.OUT)
    assert world.state.presences[ANNA] == Presence(None, NOON)


def test_uses_of_both_of_two_count() -> None:
    world = World(PointRules(two_person=True))
    world.credential(ANNAS, max_uses=1)
    world.credential(BORISS, max_uses=1)
    world.card()
    world.passes(BORISS)
    assert world.state.uses == {key(ANNAS): 1, key(BORISS): 1}


def test_a_supervisor_who_leaves_is_no_first_person() -> None:
    world = World()
    world.person(ANNA, Flag.SUPERVISOR)
    world.passes(side=Side.OUT)
    assert world.state.first_persons == {}


def test_who_is_gone_by_the_time_is_moved_all_the_same() -> None:
    world = World()
    decision = world.card()
    world.town.cards.clear()
    world.town.holders.clear()
    world.take(decision)
    assert world.state.presences[ANNA].area == LAB_ROOM


# --- doors that unlock by schedule ------------------------------------------------

HOURS = schedule(every="08:00-18:00")


def test_a_door_is_unlocked_at_the_hours_of_its_schedule() -> None:
    world = World(doors=(DoorRules(LAB, unlock=OFFICE),), schedules=[HOURS])
    assert unlocked(world.book, world.state, LAB, world.now)
    assert not unlocked(world.book, world.state, LOBBY, world.now)
    world.shows("2026-05-08 18:00")
    assert not unlocked(world.book, world.state, LAB, world.now)
    assert not unlocked(World().book, world.state, LAB, world.now)


def test_it_may_need_a_first_person_every_day() -> None:
    rules = DoorRules(LAB, unlock=OFFICE, unlock_needs_first_person=True)
    world = World(doors=(rules,), schedules=[HOURS])
    world.shows("2026-05-08 08:00")
    assert not unlocked(world.book, world.state, LAB, world.now)
    world.person(ANNA, Flag.SUPERVISOR)
    world.passes()  # at the very beginning
    assert unlocked(world.book, world.state, LAB, world.now)
    world.wait(days=1)
    assert not unlocked(world.book, world.state, LAB, world.now)


def test_a_first_person_of_a_door_that_is_always_unlocked_comes_once() -> None:
    rules = DoorRules(LAB, unlock=ALWAYS, unlock_needs_first_person=True)
    world = World(doors=(rules,))
    assert not unlocked(world.book, world.state, LAB, world.now)
    world.person(ANNA, Flag.SUPERVISOR)
    world.passes()
    assert unlocked(world.book, world.state, LAB, world.now)


def test_nothing_unlocks_by_a_clock_that_may_be_wrong() -> None:
    for policy, expected in ((Policy(), False), (Policy(ClockLost.GO_ON), True)):
        world = World(doors=(DoorRules(LAB, unlock=OFFICE),), schedules=[HOURS], policy=policy)
        world.clock_lost()
        assert unlocked(world.book, world.state, LAB, world.now) is expected
    world = World(doors=(DoorRules(LAB, unlock=ALWAYS),))
    world.clock_lost()
    assert unlocked(world.book, world.state, LAB, world.now)


def test_a_time_zone_makes_no_difference_to_what_is_kept() -> None:
    value = {"at": "2026-05-08T10:00:00.000000Z"}
    assert from_entry("forgiven", value) == AllForgiven(datetime(2026, 5, 8, 10, tzinfo=UTC))
