"""The exit button works in every mode; nothing else opens like it."""

import pytest

from gatewayd.core.actions import Latch, Record, Release
from gatewayd.core.events import (
    AccessTaken,
    DoorFault,
    DoorOpened,
    ExitRequested,
    ReleaseFailed,
)
from gatewayd.core.facts import ControllerSilent, Outcome
from gatewayd.core.model import DoorMode, OrderId
from gatewayd.core.requests import RunAudit, SetDoorMode
from tests.core.site import (
    ANNA,
    CLOSED,
    DESK,
    FAULT,
    IN,
    LAB_DOOR,
    LOBBY,
    OPEN,
    PRESSED,
    REST,
    STRIKE,
    World,
    events,
    lobby,
    of,
    orders,
    ready,
    site,
)


def test_the_exit_button_releases_the_door() -> None:
    assert ready().inputs(CLOSED, PRESSED) == [
        Record(ExitRequested(LOBBY)),
        Release(OrderId(1), STRIKE, 1, 0, seconds=5.0, expires=102.0),
    ]


def test_whoever_leaves_has_no_name() -> None:
    world = ready()
    world.inputs(CLOSED, PRESSED)
    assert events(world.inputs(OPEN, PRESSED)) == [DoorOpened(LOBBY), AccessTaken(LOBBY)]


def test_a_button_held_down_is_one_press() -> None:
    world = ready()
    world.inputs(CLOSED, PRESSED)
    assert orders(world.inputs(OPEN, PRESSED)) == []
    world.inputs(OPEN, REST)
    assert len(orders(world.inputs(OPEN, PRESSED))) == 1


@pytest.mark.parametrize("mode", [DoorMode.BLOCKED, DoorMode.LOCKED])
def test_the_exit_button_works_whatever_the_mode(mode: DoorMode) -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, mode)))[0])
    assert len(of(Release, world.inputs(CLOSED, PRESSED))) == 1


def test_an_unlocked_door_needs_no_release() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))[0])
    assert world.inputs(CLOSED, PRESSED) == [Record(ExitRequested(LOBBY))]


def test_a_door_that_should_be_unlocked_and_is_not_is_told_again() -> None:
    world = ready()
    (latch,) = of(Latch, world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))
    world.done(latch, Outcome.REFUSED)
    (again,) = of(Latch, world.inputs(CLOSED, PRESSED))
    assert again.on


def test_a_button_found_pressed_opens_nothing() -> None:
    world = World()
    world.online()
    assert orders(world.inputs(CLOSED, PRESSED)) == []
    world.inputs(CLOSED, REST)
    assert len(orders(world.inputs(CLOSED, PRESSED))) == 1


def test_a_button_found_pressed_after_an_outage_opens_nothing() -> None:
    world = ready()
    world.offline(DESK)
    world.online(DESK, connection=2)
    assert orders(world.inputs(CLOSED, PRESSED, connection=2)) == []


def test_a_fault_of_the_wiring_is_no_press() -> None:
    world = ready()
    faulty = world.inputs(CLOSED, FAULT)
    assert events(faulty) == [DoorFault(LOBBY, fault=True, part="exit_button", what="fault")]
    assert orders(faulty) == []
    assert orders(world.inputs(CLOSED, PRESSED)) == []
    world.inputs(CLOSED, REST)
    assert len(orders(world.inputs(CLOSED, PRESSED))) == 1


def test_a_button_may_be_pressed_when_its_input_is_inactive() -> None:
    world = ready(site(lobby(exit_active_when=False), LAB_DOOR))
    assert orders(world.inputs(CLOSED, PRESSED)) == []
    assert len(orders(world.inputs(CLOSED, REST))) == 1
    assert events(world.inputs(CLOSED, FAULT)) == [
        DoorFault(LOBBY, fault=True, part="exit_button", what="fault")
    ]


def test_an_exit_request_that_cannot_be_served_is_recorded() -> None:
    world = ready()
    world.offline(STRIKE)
    assert world.inputs(CLOSED, PRESSED) == [
        Record(ExitRequested(LOBBY)),
        Record(ReleaseFailed(LOBBY, Outcome.NOT_SENT, "strike is not driven")),
    ]


def test_that_an_unlocked_door_cannot_be_told_is_recorded_as_well() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))[0])
    world.offline(STRIKE)
    failed = ReleaseFailed(LOBBY, Outcome.NOT_SENT, "strike is not driven")
    assert events(world.inputs(CLOSED, PRESSED)) == [ExitRequested(LOBBY), failed]


def test_somebody_who_leaves_takes_nobodys_place() -> None:
    world = ready()
    world.card()
    world.inputs(CLOSED, PRESSED)
    assert AccessTaken(LOBBY, IN, ANNA) in events(world.inputs(OPEN, PRESSED))
    world.inputs(CLOSED, REST)
    world.inputs(CLOSED, PRESSED)
    world.card()
    assert AccessTaken(LOBBY, IN, ANNA) in events(world.inputs(OPEN, PRESSED))


def test_a_press_while_everybody_is_audited_is_not_lost() -> None:
    world = ready()
    world.ask(RunAudit())
    world.online(connection=2)
    actions = world.inputs(CLOSED, PRESSED, connection=2)
    assert events(actions) == [ExitRequested(LOBBY)]
    assert len(of(Release, actions)) == 1


def test_a_press_while_the_lock_is_audited_opens_as_soon_as_it_has_answered() -> None:
    world = ready()
    world.ask(RunAudit())
    world.online(DESK, connection=2)
    assert world.inputs(CLOSED, PRESSED, connection=2) == [Record(ExitRequested(LOBBY))]
    world.mono += 1.9
    assert not of(Release, world.tell(ControllerSilent(STRIKE, 1))), "it may answer yet"
    assert len(of(Release, world.online(STRIKE, connection=2))) == 1
    assert not of(Release, world.online(STRIKE, connection=3)), "once"


def test_a_lock_that_is_audited_for_long_opens_for_nobody_who_has_gone() -> None:
    world = ready()
    world.ask(RunAudit())
    world.online(DESK, connection=2)
    world.inputs(CLOSED, PRESSED, connection=2)
    world.mono += 2
    late = ReleaseFailed(LOBBY, Outcome.EXPIRED, "its controller was audited")
    assert late in events(world.online(STRIKE, connection=2))
    world.ask(RunAudit())
    world.online(DESK, connection=3)
    world.inputs(CLOSED, REST, connection=3)
    world.inputs(CLOSED, PRESSED, connection=3)
    gone = ReleaseFailed(LOBBY, Outcome.NOT_SENT, "strike is not driven")
    assert gone in events(world.offline(STRIKE, connection=2))


def test_a_button_that_was_held_before_an_audit_is_not_pressed_again_by_it() -> None:
    world = ready()
    world.inputs(CLOSED, PRESSED)
    world.ask(RunAudit())
    world.online(connection=2)
    assert orders(world.inputs(CLOSED, PRESSED, connection=2)) == []
