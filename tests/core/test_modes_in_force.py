"""Orders, lockdown and fire as they reach the locks: explained, answered, and never undone
by what else goes wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gatewayd.core.actions import Action, KeepState, Latch, Record, Release
from gatewayd.core.door_modes import SLICE
from gatewayd.core.doors import Doors
from gatewayd.core.events import (
    ControllerInputFault,
    DoorModeChanged,
    ExitRequested,
    FireAlarm,
    FireEnded,
    FireFault,
    InternalError,
    SiteLockdown,
)
from gatewayd.core.facts import ControllerIdentified, InputState
from gatewayd.core.fire import FireInput
from gatewayd.core.mode_orders import KeptModes, ModeOrder, kept_modes
from gatewayd.core.model import Door, DoorId, DoorMode, Point
from gatewayd.core.requests import LockDownSite, SetDoorMode, SetThreatLevel, UnlockDoor
from gatewayd.core.site import SiteConfig
from tests.core.site import (
    CLOSED,
    DESK,
    LAB,
    LOBBY,
    NOON,
    OFF,
    PRESSED,
    REST,
    STRIKE,
    World,
    answers,
    events,
    identity,
    of,
    ready,
    site,
)

ACTIVE, CUT = InputState.ACTIVE, InputState.CUT
FIRE = (CLOSED, REST, ACTIVE)
QUIET = (CLOSED, REST, REST)
HALL = FireInput("hall", Point(DESK, 2))
DOORS = (LAB, LOBBY)
END = NOON + timedelta(minutes=10)


def with_fire() -> SiteConfig:
    return replace(site(), fires=(HALL,))


def quiet() -> World:
    world = ready(with_fire())
    world.inputs(*QUIET)
    return world


def burning() -> World:
    world = quiet()
    for latch in of(Latch, world.inputs(*FIRE)):
        world.done(latch)
    return world


def on(actions: list[Action]) -> list[bool]:
    return [each.on for each in of(Latch, actions)]


def modes(world: World) -> dict[DoorId, str]:
    return {door: world.views[door].mode.value for door in DOORS}


# --- fire ---------------------------------------------------------------------------------


def test_a_fire_opens_every_lock_and_is_told_and_kept_first() -> None:
    told = quiet().inputs(*FIRE)
    assert told[:2] == [
        Record(FireAlarm("hall", DOORS)),
        KeepState((("fire/hall", {"active": True}),)),
    ]
    assert on(told) == [True, True]
    for latch in of(Latch, told):
        door = LAB if latch.controller == DESK else LOBBY
        why = Record(DoorModeChanged(door, "locked_open", "fire hall"))
        assert told.index(why) < told.index(latch)


def test_a_fire_that_is_active_at_first_sight_opens_as_well() -> None:
    world = World(with_fire())
    world.online()
    assert on(world.inputs(*FIRE)) == [True, True]


def test_when_a_fire_ends_the_doors_lock_again() -> None:
    told = burning().inputs(*QUIET)
    assert events(told)[0] == FireEnded("hall", DOORS)
    assert on(told) == [False, False]


def test_a_unit_that_is_not_approved_is_not_driven_by_a_fire_until_it_is() -> None:
    world = World(with_fire())
    world.online(DESK)
    world.tell(ControllerIdentified(STRIKE, 1, identity(model=9)))
    told = world.inputs(*FIRE)
    assert [latch.controller for latch in of(Latch, told)] == [DESK]
    assert world.views[LOBBY].mode is DoorMode.LOCKED_OPEN
    world.offline(STRIKE)
    (latch,) = of(Latch, world.online(STRIKE, connection=2))
    assert latch.on


def test_an_input_of_a_unit_that_is_not_approved_is_not_believed() -> None:
    world = World(with_fire())
    world.tell(ControllerIdentified(DESK, 1, identity(model=9)))
    assert of(Latch, world.inputs(*FIRE)) == []


def test_a_fire_outlasts_its_unit_and_its_wire() -> None:
    world = burning()
    assert FireFault("hall", fault=True, active=True, what="cut") in events(
        world.inputs(CLOSED, REST, CUT)
    )
    world.offline(DESK)
    assert of(Latch, world.wait(600)) == []
    assert set(modes(world).values()) == {"locked_open"}
    world.online(DESK, connection=2)
    assert on(world.inputs(*QUIET, connection=2)) == [False, False]


def test_a_fire_input_at_fault_is_no_spare_input() -> None:
    told = events(ready(with_fire()).inputs(CLOSED, REST, CUT))
    assert not any(isinstance(each, ControllerInputFault) for each in told)


def test_after_a_restart_in_a_fire_nothing_locks_before_the_input_is_seen() -> None:
    world = World(with_fire(), modes=KeptModes({}, frozenset({"hall"})))
    begun = world.online()
    assert on(begun) == [True, True]
    world.inputs(CLOSED, REST, CUT)
    assert set(modes(world).values()) == {"locked_open"}
    assert FireEnded("hall", DOORS) in events(world.inputs(*QUIET))


def test_what_else_goes_wrong_with_a_report_takes_no_release_of_a_fire_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ready(with_fire())

    def broken(*_: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(Doors, "inputs", broken)
    told = world.inputs(*FIRE)
    assert any(isinstance(each, InternalError) for each in events(told))
    assert on(told) == [True, True]


def test_a_door_that_fails_in_a_fire_keeps_no_other_shut_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ready(with_fire())
    put = Doors.put

    def broken(doors: Doors, door: DoorId, *args: object, **more: object) -> None:
        put(doors, door, *args, **more)  # type: ignore[arg-type]  # as it came
        if door == LAB:
            raise ArithmeticError

    with monkeypatch.context() as patched:
        patched.setattr(Doors, "put", broken)
        (latch,) = of(Latch, world.inputs(*FIRE))
        assert latch.controller == STRIKE
        world.done(latch)
    (again,) = of(Latch, world.wait(6))
    assert (again.controller, again.on) == (DESK, True)


def test_nobody_orders_a_door_out_of_a_fire() -> None:
    world = burning()
    for command in (SetDoorMode(LOBBY, DoorMode.BLOCKED), LockDownSite(on=True)):
        world.ask(command)
        assert set(modes(world).values()) == {"locked_open"}
    assert answers(world.ask(UnlockDoor(LOBBY))) == [("r3", None)]
    for latch in of(Latch, world.inputs(*QUIET)):
        assert not latch.on
    assert modes(world) == {LAB: "locked_down", LOBBY: "blocked"}


# --- lockdown -----------------------------------------------------------------------------


def test_a_lockdown_reaches_every_lock_and_is_answered_once() -> None:
    world = ready()
    told = world.ask(LockDownSite(on=True))
    assert told[0] == Record(SiteLockdown(on=True, by="request office"))
    assert on(told) == [False, False]
    assert answers(told) == [("r1", None)]
    assert answers(world.ask(UnlockDoor(LOBBY))) == [("r2", "door_locked_down")]
    assert answers(world.ask(SetThreatLevel(3))) == [("r3", None)]


def test_a_lockdown_of_many_doors_leaves_time_for_everything_else() -> None:
    doors = tuple(
        Door(DoorId(f"d{each}"), lock=Point(STRIKE, 0)) for each in range(2 * SLICE + 1)
    )
    world = ready(site(*doors))
    told = world.ask(LockDownSite(on=True))
    assert (len(on(told)), answers(told)) == (SLICE, [("r1", None)])
    assert world.brain.deadline <= world.mono
    assert len(on(world.tick())) == SLICE
    assert len(on(world.ask(LockDownSite(on=False)))) == 0, "those already done are off already"
    world.wait(0)
    assert {view.mode for view in world.views.values()} == {DoorMode.LOCKED}
    world.ask(LockDownSite(on=True))
    world.wait(0)
    assert {view.mode for view in world.views.values()} == {DoorMode.LOCKED_DOWN}
    assert world.brain.deadline > world.mono


def test_a_lockdown_ends_a_release_that_is_under_way() -> None:
    world = ready()
    for turn in (True, False):  # from now on every lock was told something before
        for latch in of(Latch, world.ask(LockDownSite(turn))):
            world.done(latch)
    (release,) = of(Release, world.card())
    assert on(world.ask(LockDownSite(on=True))) == [False], "it may be on its way"
    world.ask(LockDownSite(on=False))
    world.done(release)
    world.done(of(Release, world.card())[0])
    assert on(world.ask(LockDownSite(on=True))) == [False], "it runs"
    assert len(of(Release, world.inputs(CLOSED, PRESSED))) == 1
    assert on(world.ask(LockDownSite(on=True))) == [], (
        "nobody is kept from leaving by telling it again"
    )


@pytest.mark.parametrize("mode", [None, *DoorMode])
@pytest.mark.parametrize("lockdown", [False, True])
def test_the_exit_button_works_in_every_mode(mode: DoorMode | None, *, lockdown: bool) -> None:
    world = ready(with_fire())
    world.ask(LockDownSite(lockdown))
    for latch in of(Latch, world.ask(SetDoorMode(LOBBY, mode))):
        world.done(latch)
    pressed = world.inputs(CLOSED, PRESSED, REST)
    assert ExitRequested(LOBBY) in events(pressed)
    stays_open = world.views[LOBBY].mode in (DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN)
    assert stays_open is not any(isinstance(each, Release) for each in pressed)


# --- orders -------------------------------------------------------------------------------


def test_an_order_is_told_kept_and_answered_when_the_lock_has_followed() -> None:
    world = ready()
    told = world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED, END))
    (latch,) = of(Latch, told)
    assert answers(told) == []
    assert answers(world.done(latch)) == [("r1", None)]
    view = world.views[LOBBY]
    assert (view.mode, view.by, view.until) == (DoorMode.UNLOCKED, "request office", END)
    assert on(world.wait(601)) == [False]
    assert (world.views[LOBBY].by, world.views[LOBBY].until) == ("order ended", None)


def test_an_order_is_taken_up_from_what_was_kept() -> None:
    world = ready()
    (keep,) = of(KeepState, world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED, END)))
    modes = kept_modes({key: value for key, value in keep.entries if value is not None})
    again = World(modes=modes)
    assert events(again.tick()) == [DoorModeChanged(LOBBY, "unlocked", "restart", END)]
    (latch,) = of(Latch, again.online())
    assert latch.on
    again.done(latch)
    assert on(again.wait(599)) == []
    assert on(again.wait(1)) == [False]


def test_an_order_that_ended_meanwhile_leaves_its_lock_shut() -> None:
    over = ModeOrder(DoorMode.UNLOCKED, "request office", NOON)
    world = World(modes=KeptModes({LOBBY: over}))
    assert events(world.tick()) == [DoorModeChanged(LOBBY, "locked", "restart: order ended")]
    assert on(world.online()) == [False]


def test_an_order_for_a_door_that_does_not_exist_is_refused() -> None:
    attic = SetDoorMode(DoorId("attic"), DoorMode.UNLOCKED, END)
    assert answers(ready().ask(attic)) == [("r1", "no_such_door")]


def test_an_order_that_failed_moves_nothing_then_or_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ready()
    put = Doors.put

    def broken(doors: Doors, *args: object, **more: object) -> None:
        put(doors, *args, **more)  # type: ignore[arg-type]  # as it came
        raise ArithmeticError

    with monkeypatch.context() as patched:
        patched.setattr(Doors, "put", broken)
        told = world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED))
    assert on(told) == []
    assert answers(told) == [("r1", "internal_error")]
    world.outputs(STRIKE, OFF)
    assert True not in on(world.wait(60))
    assert world.views[LOBBY].mode is DoorMode.LOCKED
