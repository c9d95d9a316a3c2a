"""Small things that nobody would miss before they were wrong, at doors and in their modes."""

from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from typing import Never

import pytest

from gatewayd.core import mode_rules
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Interlock,
    Passback,
    PointRules,
)
from gatewayd.core.access.state import (
    FirstPerson,
    FirstPersonIs,
    Presence,
    PresenceIs,
    State,
)
from gatewayd.core.access.unlock import unlocked
from gatewayd.core.access_points import AccessPoints
from gatewayd.core.actions import Action, Answer, Latch, Release
from gatewayd.core.door import DoorState
from gatewayd.core.door_modes import TRY_AGAIN
from gatewayd.core.drive import Drive
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    AccessNotTaken,
    AccessPassback,
    ControllerInputFault,
    DoorClosed,
    DoorFoundOpen,
    DoorModeChanged,
    DoorModeNotApplied,
    DoorPreAlarm,
    InternalError,
)
from gatewayd.core.facts import InputsRead, InputState, Outcome
from gatewayd.core.model import AreaId, Door, DoorId, DoorMode, HolderId, Point
from gatewayd.core.reaction import LockDown, OnInput, Reaction
from gatewayd.core.requests import SetDoorMode, UnlockDoor
from tests.core.access.world import Town
from tests.core.hours import OFFICE
from tests.core.modes import LAB as MODES_LAB
from tests.core.modes import LOBBY as MODES_LOBBY
from tests.core.modes import Modes, changes
from tests.core.modes import answers as errors
from tests.core.modes import events as events_of
from tests.core.site import (
    ANNA,
    BORIS,
    BOTH_WAYS,
    CLOSED,
    DESK,
    HALL,
    IN,
    LAB,
    LAB_DOOR,
    LOBBY,
    LOBBY_DOOR,
    NOON,
    OFF,
    ON,
    OPEN,
    OTHER_CARD,
    PRESSED,
    REST,
    STRANGE_CARD,
    STRIKE,
    World,
    add,
    events,
    lobby,
    of,
    permit,
    ready,
    site,
    two_people,
)

KEY, OTHER_KEY = "H10301:36:6765", "H10301:0:3"
YARD = AreaId("yard")
CARL = HolderId("carl")
UNLOCK = SetDoorMode(LOBBY, DoorMode.UNLOCKED)


def answer(actions: list[Action]) -> tuple[str | None, str]:
    (found,) = of(Answer, actions)
    return found.error, found.message


def broken(*_: object, **__: object) -> Never:
    raise RuntimeError


# --- what is answered ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "error", "why"),
    [
        (DoorMode.BLOCKED, "door_blocked", "door lobby is blocked"),
        (DoorMode.LOCKED_DOWN, "door_locked_down", "door lobby is locked down"),
    ],
)
def test_who_may_not_unlock_a_door_is_told_why(mode: DoorMode, error: str, why: str) -> None:
    world = ready()
    world.ask(SetDoorMode(LOBBY, mode))
    assert answer(world.ask(UnlockDoor(LOBBY))) == (error, why)


def test_who_unlocks_what_is_unlocked_is_told_so_and_how_it_stands() -> None:
    world = ready()
    world.done(of(Latch, world.ask(UNLOCK))[0])
    (told,) = of(Answer, world.ask(UnlockDoor(LOBBY)))
    assert (told.error, told.message) == (None, "it is unlocked")
    assert told.result == world.views[LOBBY]


def test_a_mode_for_a_lock_that_is_away_is_promised() -> None:
    world = ready()
    world.offline(STRIKE)
    error, message = answer(world.ask(UNLOCK))
    assert error == "controller_offline"
    assert message.endswith("; it will be told when it is back")


def test_an_order_that_would_be_over_is_told_so() -> None:
    told = Modes().order(DoorMode.BLOCKED, minutes=-1)
    assert answer(told) == ("until_passed", "the order would have ended already")
    assert errors(told) == ["until_passed"]


# --- releases -----------------------------------------------------------------------------


def test_a_release_that_may_have_arrived_leaves_the_lock_unknown() -> None:
    world = ready()
    world.done(of(Release, world.card())[0], Outcome.UNCONFIRMED)
    assert world.views[LOBBY].locked is None


def test_whose_grant_broke_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ready(book=permit(town=two_people()))
    with monkeypatch.context() as patched:
        patched.setattr(Drive, "signal", broken)
        world.card()
    granted = world.card(OTHER_CARD)
    assert events(granted) == [AccessGranted(LOBBY, IN, OTHER_KEY, BORIS)]
    world.done(of(Release, granted)[0])
    told = events(world.wait(60))
    assert told == [AccessNotTaken(LOBBY, IN, BORIS)]


def until(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_who_leaves_a_blocked_door_is_not_cut_off_when_it_ends() -> None:
    world = ready()
    blocked = world.ask(SetDoorMode(LOBBY, DoorMode.BLOCKED, until(3)))
    world.done(of(Latch, blocked)[0])
    world.done(of(Release, world.inputs(CLOSED, PRESSED))[0])
    told = world.wait(4)
    assert DoorModeChanged(LOBBY, "locked", "order ended") in events(told)
    assert of(Latch, told) == []


# --- what is complained of, and told ------------------------------------------------------


def test_a_lock_that_followed_is_complained_of_anew() -> None:
    world = ready()
    complaint = DoorModeNotApplied(LOBBY, "unlocked", "expired", "")
    for _ in range(2):
        latch = of(Latch, world.ask(UNLOCK))[0]
        assert complaint in events(world.done(latch, Outcome.EXPIRED))
        (again,) = of(Latch, world.wait(6))
        assert complaint not in events(world.done(again, Outcome.EXPIRED))
        (third,) = of(Latch, world.wait(6))
        world.done(third)


def test_a_door_found_open_is_told_once_and_its_closing_also_if_nobody_saw_it() -> None:
    world = ready()
    for connection, level, told in (
        (2, OPEN, [DoorFoundOpen(LOBBY)]),
        (3, OPEN, []),
        (4, CLOSED, [DoorClosed(LOBBY)]),
        (5, CLOSED, []),
    ):
        world.offline(DESK, connection - 1)
        world.online(DESK, connection=connection)
        assert events(world.inputs(level, REST, connection=connection)) == told


def test_what_a_unit_says_after_it_came_back_is_where_we_start_from() -> None:
    world = ready()
    world.online(DESK, connection=2)
    assert events(world.inputs(OPEN, REST, connection=2)) == [DoorFoundOpen(LOBBY)]


def test_a_door_that_is_shut_at_first_sight_was_not_closed_by_anybody() -> None:
    world = World()
    world.online()
    assert events(world.inputs(CLOSED, REST)) == []


def test_a_pre_alarm_may_be_as_short_as_a_second() -> None:
    world = ready(site(lobby(prealarm_seconds=1.0), LAB_DOOR))
    world.inputs(OPEN, REST)
    assert events(world.wait(29.5)) == [DoorPreAlarm(LOBBY)]


def test_a_door_that_nothing_ever_ordered_says_nothing_of_it() -> None:
    assert DoorState(LOBBY_DOOR).by == ""


def test_an_input_that_a_reaction_waits_for_must_be_there() -> None:
    panic = Reaction("panic", OnInput(Point(DESK, 7)), (LockDown(),))
    world = ready(replace(site(), reactions=(panic,)))
    told = events(world.inputs(CLOSED, PRESSED))
    assert ControllerInputFault(DESK, 7, fault=True, what="missing") not in told
    world = World(replace(site(), reactions=(panic,)))
    world.online()
    told = events(world.inputs(CLOSED, REST))
    assert ControllerInputFault(DESK, 7, fault=True, what="missing") in told


def test_a_press_that_waited_for_as_long_as_it_may_opens() -> None:
    told = ready().tell(InputsRead(DESK, 1, (CLOSED, PRESSED), 5.0))
    assert len(of(Release, told)) == 1


# --- cards and keys -----------------------------------------------------------------------


def test_a_card_is_named_also_when_our_own_fault_denies_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ready()
    monkeypatch.setattr(AccessPoints, "_attempt", broken)
    assert AccessDenied(LOBBY, IN, KEY, "internal_error") in events(world.card())


def with_pin() -> World:
    people = Town()
    add(people, pin="1234")
    rules = PointRules(default=Authentication.CARD_AND_PIN)
    return ready(book=permit(town=people, entry=rules))


def test_keys_that_waited_where_nothing_was_keyed_are_nothing() -> None:
    assert with_pin().keys("12", waited=9.0) == []


def test_a_wait_that_was_called_off_is_over() -> None:
    world = with_pin()
    world.card()
    assert len(events(world.keys("*"))) == 1
    assert world.state.cards == {}
    assert events(world.wait(60)) == []


def test_who_is_refused_after_all_breaks_no_soft_rule() -> None:
    book = permit(
        site(BOTH_WAYS, LAB_DOOR), areas=(AreaRules(HALL, Passback.SOFT),), town=two_people()
    )
    world = ready(site(BOTH_WAYS, LAB_DOOR), book)
    world.state.apply(PresenceIs(ANNA, Presence(HALL, world.now.utc)))
    assert AccessPassback(LOBBY, IN, ANNA) in events(world.card())
    world.offline(STRIKE)
    assert events(world.card()) == [AccessDenied(LOBBY, IN, KEY, "unit_offline", ANNA)]


def test_a_denied_card_leaves_nothing_to_wait_for() -> None:
    world = ready()
    before = world.brain.deadline
    world.card(STRANGE_CARD)
    assert world.brain.deadline == before


# --- grants that nobody has used yet ------------------------------------------------------


def two_doors(people: Town, area: AreaRules) -> World:
    """Lobby and lab both lead into the hall, the lobby out of it as well."""
    return joined(people, area, replace(LAB_DOOR, inside=HALL))


def joined(people: Town, area: AreaRules, lab: Door) -> World:
    config = site(BOTH_WAYS, replace(lab, contact=Point(DESK, 2)))
    world = ready(config, permit(config, town=people, areas=(area,)))
    world.inputs(CLOSED, REST, CLOSED)
    world.outputs(DESK, OFF)
    return world


def three_people() -> Town:
    people = two_people()
    add(people, CARL, STRANGE_CARD)
    return people


def at(world: World, area: AreaId, *people: HolderId) -> None:
    for each in people:
        world.state.apply(PresenceIs(each, Presence(area, world.now.utc)))


def test_the_last_place_is_given_once_also_to_those_who_come_from_another_area() -> None:
    world = two_doors(two_people(), AreaRules(HALL, max_occupancy=1))
    at(world, YARD, ANNA, BORIS)
    world.card()
    told = events(world.card(OTHER_CARD, reader=1))
    assert told == [AccessDenied(LAB, IN, OTHER_KEY, "occupancy_max", BORIS)]


def test_who_is_inside_already_takes_no_place() -> None:
    world = two_doors(two_people(), AreaRules(HALL, max_occupancy=1))
    at(world, HALL, ANNA, BORIS)
    world.card()
    assert of(Release, world.card(OTHER_CARD, reader=1))


def test_nor_is_it_held_against_him_that_somebody_else_would_fill_it() -> None:
    world = two_doors(two_people(), AreaRules(HALL, max_occupancy=1))
    world.card()
    at(world, HALL, BORIS)
    assert of(Release, world.card(OTHER_CARD, reader=1))


def test_who_comes_in_again_leaves_nobody_alone() -> None:
    world = two_doors(three_people(), AreaRules(HALL, min_occupancy=2))
    at(world, HALL, ANNA, BORIS, CARL)
    assert of(Release, world.card(OTHER_CARD, reader=1))
    assert of(Release, world.card(reader=2))


def test_an_area_that_is_empty_by_the_record_is_not_left_too_empty() -> None:
    way_out = replace(LAB_DOOR, inside=HALL, reader=None, exit_reader=LAB_DOOR.reader)
    world = joined(two_people(), AreaRules(HALL, min_occupancy=2), way_out)
    assert of(Release, world.card(OTHER_CARD, reader=1))
    assert of(Release, world.card(reader=2))


def test_of_two_uses_each_is_given_once() -> None:
    people = Town()
    add(people, max_uses=2)
    world = two_doors(people, AreaRules(HALL))
    assert of(Release, world.card())
    assert of(Release, world.card(reader=1))


# --- how doors stand for one another ------------------------------------------------------


def test_beside_a_door_that_is_open_none_of_its_lock_is_opened() -> None:
    world = two_doors(two_people(), AreaRules(HALL, interlock=Interlock.OPEN))
    world.inputs(OPEN, REST, CLOSED)
    told = events(world.card(OTHER_CARD, reader=1))
    assert told == [AccessDenied(LAB, IN, OTHER_KEY, "interlock", BORIS)]


def test_beside_a_lock_that_is_on_none_of_its_lock_is_opened() -> None:
    world = two_doors(two_people(), AreaRules(HALL, interlock=Interlock.UNLOCK))
    world.outputs(STRIKE, ON)
    told = events(world.card(OTHER_CARD, reader=1))
    assert told == [AccessDenied(LAB, IN, OTHER_KEY, "interlock", BORIS)]


# --- modes --------------------------------------------------------------------------------


def test_an_unlock_schedule_that_breaks_again_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modes = Modes()
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(mode_rules, "unlocked", broken)
            told = [
                each for each in events_of(modes.wait(5)) if isinstance(each, InternalError)
            ]
        assert len(told) == 1
        modes.wait(5)


def test_a_door_without_an_unlock_schedule_is_unlocked_by_none() -> None:
    modes = Modes()
    for door in (MODES_LAB, DoorId("nobody's")):
        assert not unlocked(modes.modes.book, modes.state, door, modes.now)


def test_who_enters_in_the_very_moment_is_the_first_person() -> None:
    modes = Modes()
    book = modes.modes.book
    book.rules[MODES_LOBBY] = replace(book.rules[MODES_LOBBY], unlock_needs_first_person=True)
    since = book.schedules.state(OFFICE, modes.now.utc).since
    assert since is not None
    state = State()
    for early, led in ((timedelta(seconds=1), False), (timedelta(0), True)):
        state.apply(FirstPersonIs(MODES_LOBBY, FirstPerson(ANNA, since - early)))
        assert unlocked(book, state, MODES_LOBBY, modes.now) is led


def test_what_could_not_be_put_is_tried_again_after_a_while_and_no_sooner() -> None:
    modes = Modes()
    modes.broken = {MODES_LAB}
    modes.order(DoorMode.BLOCKED)
    modes.broken = set()
    modes.modes.look_at(MODES_LOBBY, modes.now)
    assert modes.modes.deadline == modes.now.mono + TRY_AGAIN


def test_a_fire_that_could_not_open_a_door_is_tried_again_after_a_while() -> None:
    modes = Modes()
    modes.broken = {MODES_LAB}
    modes.inputs(InputState.INACTIVE, InputState.INACTIVE, InputState.INACTIVE)
    assert modes.modes.deadline == modes.now.mono + TRY_AGAIN


def test_who_asks_again_for_what_is_does_not_become_its_cause() -> None:
    modes = Modes()
    modes.order(DoorMode.BLOCKED, minutes=1)
    modes.wait(2)
    modes.order(None)
    assert modes.puts[-1].by == "order ended"


def test_a_mode_ends_on_time() -> None:
    modes = Modes()
    modes.order(DoorMode.BLOCKED, minutes=0.5 / 60)
    assert modes.modes.deadline == pytest.approx(modes.now.mono + 0.5)
    assert changes(modes.wait(0.6 / 60)) == [(MODES_LAB, "locked", "order ended")]
    assert inf > modes.modes.deadline
