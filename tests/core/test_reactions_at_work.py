"""Local reactions in the whole brain: after everything else, and never in its way."""

from dataclasses import replace

import pytest

from gatewayd.core.actions import KeepState, Latch, Release
from gatewayd.core.door_modes import SLICE
from gatewayd.core.events import (
    DoorForced,
    DoorModeChanged,
    InternalError,
    ReactionFailed,
    ReactionFired,
    ReactionHeldBack,
    SiteLockdown,
    SiteThreatLevel,
)
from gatewayd.core.facts import InputsRead, Outcome
from gatewayd.core.fire import FireInput
from gatewayd.core.model import Door, DoorId, DoorMode, Point
from gatewayd.core.reaction import (
    Effect,
    LockDown,
    OnEvent,
    OnInput,
    Pulse,
    Reaction,
    SetMode,
    Switch,
    ThreatLevel,
)
from tests.core.site import (
    CLOSED,
    DESK,
    LAB,
    LOBBY,
    LOBBY_DOOR,
    OPEN,
    PRESSED,
    REST,
    STRIKE,
    World,
    events,
    of,
    ready,
    site,
)

FORCED = OnEvent("door.forced", LOBBY)
BUTTON = OnInput(Point(DESK, 2))
SIREN = Pulse(Point(STRIKE, 3), 30.0)


def with_reactions(*reactions: Reaction) -> World:
    return ready(replace(site(), reactions=reactions))


def forced(*effects: Effect) -> World:
    return with_reactions(Reaction("siren", FORCED, effects))


def test_a_forced_door_sounds_the_siren_after_it_is_told() -> None:
    told = forced(SIREN).inputs(OPEN, REST)
    assert events(told) == [DoorForced(LOBBY), ReactionFired("siren", "door.forced lobby")]
    (pulse,) = of(Release, told)
    assert (pulse.controller, pulse.output, pulse.seconds) == (STRIKE, 3, 30.0)


def test_a_button_locks_the_site_down() -> None:
    world = with_reactions(Reaction("panic", BUTTON, (LockDown(), ThreatLevel(50))))
    world.inputs(CLOSED, REST, REST)
    told = world.inputs(CLOSED, REST, PRESSED)
    assert {type(each) for each in events(told)} >= {SiteLockdown, SiteThreatLevel}
    assert SiteLockdown(on=True, by="reaction panic") in events(told)
    assert len(of(KeepState, told)) >= 2
    assert world.views[LOBBY].mode is world.views[LAB].mode is DoorMode.LOCKED_DOWN


def test_a_press_from_long_ago_locks_down_but_opens_nothing() -> None:
    effects = (SetMode(LOBBY, DoorMode.UNLOCKED), LockDown(), SIREN)
    world = with_reactions(Reaction("panic", BUTTON, effects))
    world.inputs(CLOSED, REST, REST)
    told = world.tell(InputsRead(DESK, 1, (CLOSED, REST, PRESSED), waited=9.0))
    assert not of(Release, told)
    assert not any(each.on for each in of(Latch, told))
    late = [each for each in events(told) if isinstance(each, ReactionFailed)]
    assert [each.detail for each in late] == ["it was seen too late"] * 2
    assert SiteLockdown(on=True, by="reaction panic") in events(told)


def test_a_door_is_ordered_into_a_mode() -> None:
    world = forced(SetMode(LAB, DoorMode.BLOCKED))
    told = world.inputs(OPEN, REST)
    assert DoorModeChanged(LAB, "blocked", "reaction siren") in events(told)
    assert world.views[LAB].mode is DoorMode.BLOCKED


def test_a_fire_can_trigger_one_as_well() -> None:
    alarm = Reaction("bell", OnEvent("fire.alarm"), (SIREN,))
    fires = (FireInput("hall", Point(DESK, 2)),)
    world = ready(replace(site(), fires=fires, reactions=(alarm,)))
    world.inputs(CLOSED, REST, REST)
    told = world.inputs(CLOSED, REST, PRESSED)
    assert ReactionFired("bell", "fire.alarm") in events(told)
    assert [each.output for each in of(Release, told)] == [3]


def test_what_a_reaction_causes_triggers_no_other() -> None:
    mode = Reaction("next", OnEvent("door.mode"), (SIREN,))
    world = with_reactions(Reaction("first", FORCED, (SetMode(LAB, DoorMode.BLOCKED),)), mode)
    fired = [each for each in events(world.inputs(OPEN, REST)) if type(each) is ReactionFired]
    assert fired == [ReactionFired("first", "door.forced lobby")]
    assert not of(Release, world.wait(60))


def test_a_lockdown_by_a_reaction_triggers_no_other_however_many_doors_follow() -> None:
    doors = (Door(DoorId(f"d{each}"), lock=Point(STRIKE, 0)) for each in range(SLICE))
    reactions = (
        Reaction("panic", BUTTON, (LockDown(),)),
        Reaction("next", OnEvent("door.mode"), (SIREN,)),
    )
    world = ready(replace(site(LOBBY_DOOR, *doors), reactions=reactions))
    world.inputs(CLOSED, REST, REST)
    told = [*world.inputs(CLOSED, REST, PRESSED), *world.wait(60)]
    assert [each.reaction for each in events(told) if type(each) is ReactionFired] == ["panic"]
    assert {view.mode for view in world.views.values()} == {DoorMode.LOCKED_DOWN}


def test_an_output_that_does_not_follow_is_told() -> None:
    world = forced(SIREN)
    (pulse,) = of(Release, world.inputs(OPEN, REST))
    what = "output 3 of strike for 30 s"
    failed = ReactionFailed("siren", what, "refused", "no such output")
    assert events(world.done(pulse, Outcome.REFUSED, "no such output")) == [failed]


def test_what_was_held_back_is_told_in_time() -> None:
    world = with_reactions(Reaction("lamp", OnEvent("controller.offline"), (SIREN,)))
    world.offline(DESK)
    world.online(DESK, connection=2)
    world.offline(DESK, connection=2)
    assert ReactionHeldBack("lamp", 1) in events(world.wait(1.0))


def test_a_siren_that_breaks_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    world = forced(LockDown(), Switch(Point(STRIKE, 3), on=True))
    monkeypatch.setattr(world.brain._parts.reactions, "_apply", broken)
    told = world.inputs(OPEN, REST)
    kinds = [type(each) for each in events(told)]
    assert kinds == [DoorForced, ReactionFired, InternalError, ReactionFailed]
    assert [each.on for each in of(Latch, told)] == [True]


def test_an_exit_works_whatever_reactions_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    world = with_reactions(Reaction("bell", OnEvent("rex.pressed"), (SIREN,)))
    monkeypatch.setattr(world.brain._parts.reactions, "look", broken)
    (release,) = of(Release, world.inputs(CLOSED, PRESSED))
    assert (release.controller, release.output) == (STRIKE, 0)
