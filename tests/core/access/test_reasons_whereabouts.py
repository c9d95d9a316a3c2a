"""Reasons of interlock, passback and occupancy."""

import pytest

from gatewayd.core.access.attempt import DoorNow
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Flag,
    Interlock,
    LevelRule,
    Passback,
    PointRules,
    Portal,
    Side,
)
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import (
    AllForgiven,
    Presence,
    PresenceIs,
)
from gatewayd.core.model import DoorId
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    BORIS,
    BORISS,
    HALL,
    LAB,
    LAB_ROOM,
    LOBBY,
    NOON,
    PORTALS,
    VERA,
    VERAS,
    World,
    level,
)

UNSURE = DoorNow(unlocked=None)
OUT = Side.OUT
CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
TWO = PointRules(two_person=True)


def test_an_open_door_of_the_interlock_keeps_the_others_shut() -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),))
    assert world.card().granted
    world.doors[LOBBY] = world.doors[LOBBY]._replace(unlocked=True)
    assert world.card().granted
    world.doors[LOBBY] = world.doors[LOBBY]._replace(open=True)
    assert world.card().reason is Reason.INTERLOCK
    assert world.card(door=LOBBY).granted


@pytest.mark.parametrize("lobby", [DoorNow(unlocked=True), DoorNow(open=True), UNSURE])
def test_an_unlocked_door_of_the_stricter_interlock_does_so_too(lobby: DoorNow) -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.UNLOCK),))
    assert world.card().granted
    world.doors[LOBBY] = lobby
    assert world.card().reason is Reason.INTERLOCK


def test_a_door_of_which_nothing_is_known_may_be_open() -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),))
    world.doors[LOBBY] = world.doors[LOBBY]._replace(open=None)
    assert world.card().reason is Reason.INTERLOCK


def test_nobody_enters_twice() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK
    assert world.passes(BORISS).granted
    assert world.passes(side=OUT).granted
    assert world.passes().granted


def test_who_was_granted_and_did_not_enter_may_try_again() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    assert world.card().granted
    assert world.card().granted


def test_nobody_leaves_an_area_that_was_never_entered() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    assert world.card(side=OUT).reason is Reason.PASSBACK
    world.apply(PresenceIs(ANNA, Presence(HALL, NOON)))
    assert world.card(side=OUT).reason is Reason.PASSBACK


def test_passback_holds_over_all_doors_of_an_area() -> None:
    world = World(areas=(AreaRules(HALL, Passback.HARD),))
    assert world.passes(door=LOBBY).granted
    assert world.passes(door=LOBBY).reason is Reason.PASSBACK
    assert world.passes().granted  # from the hall to the lab
    assert world.passes(door=LOBBY).granted
    assert world.passes(side=OUT).reason is Reason.PASSBACK


def test_who_is_forgiven_may_be_anywhere() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    world.passes()
    world.apply(PresenceIs(ANNA, Presence(LAB_ROOM, NOON, forgiven=True)))
    assert world.card(side=OUT).granted
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK


def test_everybody_can_be_forgiven_at_once() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    world.passes()
    world.wait(1)
    world.apply(AllForgiven(world.now.utc))
    assert world.state.occupancy == {}
    assert world.card().granted
    assert world.card(side=OUT).granted
    world.wait(1)
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK


def test_soft_passback_only_tells() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.SOFT),))
    assert world.passes().passback == ()
    again = world.passes()
    assert again.granted
    assert again.passback == (ANNA,)
    assert world.card(BORISS, side=OUT).passback == (BORIS,)


def test_timed_passback_is_over_after_a_while() -> None:
    rules = AreaRules(LAB_ROOM, Passback.TIMED, passback_seconds=60)
    world = World(areas=(rules,))
    assert world.card(side=OUT).granted
    assert world.passes().granted
    world.wait(59)
    assert world.passes().reason is Reason.PASSBACK
    world.wait(1)
    assert world.card().granted
    world.clock_lost()
    assert world.card().reason is Reason.PASSBACK


def test_exempt_holders_are_never_on_the_wrong_side() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    world.person(ANNA, Flag.PASSBACK_EXEMPT)
    assert world.passes().granted
    assert world.passes().granted


def test_a_full_area_takes_nobody_else() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, max_occupancy=1),))
    assert world.passes().granted
    assert world.passes(BORISS).reason is Reason.OCCUPANCY_MAX
    assert world.passes().granted  # who is inside already makes it no fuller
    assert world.passes(side=OUT).granted
    assert world.passes(BORISS).granted


def test_nobody_enters_alone_where_two_must_be() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    assert world.card().reason is Reason.OCCUPANCY_MIN


def test_the_last_two_leave_an_area_with_a_minimum_together() -> None:
    world = World(TWO, TWO, areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    assert world.card().reason is Reason.SECOND_PERSON_AWAITED
    assert world.passes(BORISS).granted
    assert world.state.occupancy == {LAB_ROOM: 2}
    alone = World(TWO, areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    alone.state = world.state
    assert alone.card(side=OUT).reason is Reason.OCCUPANCY_MIN
    assert world.card(side=OUT).reason is Reason.SECOND_PERSON_AWAITED
    assert world.passes(BORISS, side=OUT).granted
    assert world.state.occupancy == {HALL: 2}


def test_two_people_need_room_for_two() -> None:
    world = World(TWO, areas=(AreaRules(LAB_ROOM, max_occupancy=1),))
    assert world.card().reason is Reason.OCCUPANCY_MAX


def test_a_visitor_who_waits_takes_no_room_from_who_is_no_escort() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, max_occupancy=2),))
    world.person(VERA, Flag.VISITOR)
    assert world.card(VERAS).reason is Reason.ESCORT_AWAITED
    assert world.card().reason is Reason.WRONG_ESCORT
    world.passes()
    world.person(BORIS, Flag.ESCORT)
    assert world.card(VERAS).reason is Reason.OCCUPANCY_MAX


def test_a_gate_between_nothing_and_nothing_moves_nobody() -> None:
    gate = Portal(DoorId("gate"))
    inside = level(LevelRule(ALWAYS, frozenset({LAB, gate.door})))
    world = World(portals=(*PORTALS, gate), levels=(inside,))
    assert world.passes(door=gate.door).granted
    assert world.state.presences == {}
    world.person(levels=())
    assert world.card(door=gate.door).reason is Reason.NO_RIGHTS_POINT
    world = World(portals=(*PORTALS, gate))
    assert world.card(door=gate.door).reason is Reason.NO_RIGHTS_POINT


def test_a_pin_at_one_reader_has_nothing_to_do_with_a_card_at_another() -> None:
    world = World(CARD_AND_PIN, CARD_AND_PIN)
    world.person(pin="1234")
    world.card()
    assert world.pin("1234", side=OUT).reason is Reason.WRONG_FACTOR
    assert world.pin("1234").granted
