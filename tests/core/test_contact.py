"""What the contact of a door tells, and what time makes of it."""

from gatewayd.core.actions import Signal, Tone
from gatewayd.core.events import (
    AccessTaken,
    DoorClosed,
    DoorFault,
    DoorForced,
    DoorFoundOpen,
    DoorHeld,
    DoorOpened,
    DoorPreAlarm,
)
from gatewayd.core.facts import ControllerAnswers, ControllerSilent, InputState
from gatewayd.core.model import ContactState, DoorMode
from gatewayd.core.requests import RunAudit, SetDoorMode
from tests.core.site import (
    ANNA,
    CLOSED,
    DESK,
    FAULT,
    IN,
    LAB,
    LAB_DOOR,
    LOBBY,
    NOON,
    OPEN,
    REST,
    World,
    events,
    lobby,
    of,
    orders,
    ready,
    site,
)


def opened() -> World:
    """A world in which Anna has opened the lobby."""
    world = ready()
    world.done(orders(world.card())[0])
    world.inputs(OPEN, REST)
    return world


def test_a_door_that_opens_by_itself_was_forced() -> None:
    world = ready()
    assert events(world.inputs(OPEN, REST)) == [DoorForced(LOBBY)]
    assert world.views[LOBBY].alarms == ("forced",)
    assert world.views[LOBBY].contact is ContactState.OPEN
    assert events(world.inputs(CLOSED, REST)) == [DoorClosed(LOBBY, ("forced",))]
    assert world.views[LOBBY].alarms == ()


def test_the_same_level_again_is_no_news() -> None:
    world = ready()
    world.inputs(OPEN, REST)
    assert world.inputs(OPEN, REST) == []
    assert world.inputs(OPEN, REST, REST) == []


def test_a_door_opened_and_closed_in_time_is_only_that() -> None:
    world = opened()
    assert events(world.wait(15)) == []
    assert events(world.inputs(CLOSED, REST)) == [DoorClosed(LOBBY)]
    assert events(world.wait(60)) == []


def test_a_door_opened_just_after_the_release_was_not_forced() -> None:
    world = ready()
    world.done(orders(world.card())[0])
    world.wait(5.9)
    assert events(world.inputs(OPEN, REST)) == [DoorOpened(LOBBY), AccessTaken(LOBBY, IN, ANNA)]


def test_a_door_opened_well_after_the_release_was_forced() -> None:
    world = ready()
    world.done(orders(world.card())[0])
    world.wait(6.1)
    assert events(world.inputs(OPEN, REST)) == [DoorForced(LOBBY)]


def test_a_door_open_for_too_long_warns_and_then_alarms() -> None:
    world = opened()
    warned = world.wait(20)
    assert DoorPreAlarm(LOBBY) in events(warned)
    assert [signal.tone for signal in of(Signal, warned)] == [Tone.HELD_OPEN]
    assert world.views[LOBBY].alarms == ("pre_alarm",)
    assert events(world.wait(10)) == [DoorHeld(LOBBY)]
    assert world.views[LOBBY].alarms == ("held",)
    assert events(world.inputs(CLOSED, REST)) == [DoorClosed(LOBBY, ("held",))]


def test_a_warning_needs_a_reader_that_may_be_driven() -> None:
    world = ready(site(lobby(reader=None), LAB_DOOR))
    world.inputs(OPEN, REST)
    assert orders(world.wait(20)) == []
    world = opened()
    world.wait(19)
    world.ask(RunAudit())
    assert orders(world.wait(1)) == []
    assert world.views[LOBBY].alarms == ("pre_alarm",)


def test_closing_ends_a_pre_alarm() -> None:
    world = opened()
    world.wait(20)
    assert events(world.inputs(CLOSED, REST)) == [DoorClosed(LOBBY, ("pre_alarm",))]


def test_a_door_may_have_no_pre_alarm() -> None:
    world = ready(site(lobby(prealarm_seconds=0.0), LAB_DOOR))
    world.inputs(OPEN, REST)
    assert events(world.wait(40)) == [DoorHeld(LOBBY)]


def test_a_pre_alarm_longer_than_the_open_time_comes_at_once() -> None:
    world = ready(site(lobby(prealarm_seconds=99.0), LAB_DOOR))
    world.inputs(OPEN, REST)
    assert events(world.tick()) == [DoorPreAlarm(LOBBY)]


def test_a_forced_door_can_also_be_held() -> None:
    world = ready()
    world.inputs(OPEN, REST)
    world.wait(40)
    assert world.views[LOBBY].alarms == ("forced", "held")


def test_a_late_tick_tells_everything_in_order() -> None:
    world = opened()
    world.mono += 100
    told = [
        event for event in events(world.tick()) if isinstance(event, DoorPreAlarm | DoorHeld)
    ]
    assert told == [DoorPreAlarm(LOBBY), DoorHeld(LOBBY)]


def test_a_contact_may_be_closed_when_its_input_is_active() -> None:
    world = ready(site(lobby(contact_open_when=False), LAB_DOOR))
    assert world.views[LOBBY].contact is ContactState.OPEN


# --- out of sight ------------------------------------------------------------------------


def test_a_door_found_open_was_not_forced_but_must_not_stay_open() -> None:
    world = World()
    world.online()
    assert events(world.inputs(OPEN, REST)) == []
    assert world.views[LOBBY].contact is ContactState.OPEN
    assert events(world.wait(40)) == [DoorPreAlarm(LOBBY), DoorHeld(LOBBY)]
    assert events(world.inputs(CLOSED, REST)) == [DoorClosed(LOBBY, ("held",))]


def test_a_door_that_opened_while_nobody_saw_it_is_told_when_it_is_found() -> None:
    world = ready()
    world.offline(DESK)
    world.online(connection=2)
    assert events(world.inputs(OPEN, REST, connection=2)) == [DoorFoundOpen(LOBBY)]
    assert events(world.inputs(CLOSED, REST, connection=2)) == [DoorClosed(LOBBY)]


def test_it_is_told_also_if_its_wires_were_at_fault_first() -> None:
    world = ready()
    world.offline(DESK)
    world.online(connection=2)
    world.inputs(InputState.CUT, REST, connection=2)
    assert DoorFoundOpen(LOBBY) in events(world.inputs(OPEN, REST, connection=2))


def test_a_door_that_is_as_it_was_when_nobody_saw_it_is_no_news() -> None:
    for level in (CLOSED, OPEN):
        world = ready()
        world.inputs(level, REST)
        world.offline(DESK)
        world.online(connection=2)
        assert events(world.inputs(level, REST, connection=2)) == []


def test_an_unlocked_door_may_open_while_nobody_sees_it() -> None:
    world = ready()
    world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED))
    world.offline(DESK)
    world.online(connection=2)
    assert DoorFoundOpen(LOBBY) not in events(world.inputs(OPEN, REST, connection=2))


def test_a_contact_out_of_sight_is_unknown_since_then() -> None:
    world = ready()
    assert world.views[LOBBY].contact_since == NOON
    world.mono += 7
    world.offline(DESK)
    view = world.views[LOBBY]
    assert view.contact is ContactState.UNKNOWN
    assert view.contact_since == world.now.utc
    assert view.alarms == ("reader_offline", "contact_offline", "exit_offline")
    assert world.views[LAB].alarms == ("lock_offline", "reader_offline")
    assert world.views[LAB].contact_since is None


def test_no_held_alarm_is_made_out_of_a_door_nobody_sees() -> None:
    world = opened()
    world.wait(22)
    world.offline(DESK)
    assert world.views[LOBBY].alarms == ("reader_offline", "contact_offline", "exit_offline")
    assert events(world.wait(60)) == []


def test_a_door_found_open_again_is_timed_from_then() -> None:
    world = opened()
    world.offline(DESK)
    world.wait(60)
    world.online(DESK, connection=2)
    world.inputs(OPEN, REST, connection=2)
    assert events(world.wait(19)) == []
    assert events(world.wait(20)) == [DoorPreAlarm(LOBBY), DoorHeld(LOBBY)]


def test_a_held_door_found_open_again_is_not_held_twice() -> None:
    world = opened()
    world.wait(40)
    world.offline(DESK)
    world.online(DESK, connection=2)
    world.inputs(OPEN, REST, connection=2)
    assert world.views[LOBBY].alarms == ("held",)
    assert events(world.wait(60)) == []


def test_a_door_that_was_told_open_and_is_found_closed_is_told_closed() -> None:
    world = opened()
    world.offline(DESK)
    world.online(DESK, connection=2)
    assert events(world.inputs(CLOSED, REST, connection=2)) == [DoorClosed(LOBBY)]


def test_a_silent_controller_hides_its_contact_for_a_while() -> None:
    world = ready()
    world.tell(ControllerSilent(DESK, 1))
    assert world.views[LOBBY].contact is ContactState.UNKNOWN
    assert "contact_offline" in world.views[LOBBY].alarms
    world.tell(ControllerAnswers(DESK, 1))
    assert world.views[LOBBY].contact is ContactState.CLOSED
    assert world.views[LOBBY].alarms == ()


def test_what_an_old_connection_says_of_silence_is_stale() -> None:
    world = ready()
    world.online(DESK, connection=2)
    assert world.tell(ControllerSilent(DESK, 1)) == []


# --- wiring ------------------------------------------------------------------------------


def test_a_fault_of_the_wiring_is_neither_open_nor_closed() -> None:
    world = ready()
    assert events(world.inputs(FAULT, REST)) == [DoorFault(LOBBY, fault=True, what="fault")]
    assert world.views[LOBBY].contact is ContactState.FAULT
    assert world.views[LOBBY].alarms == ("contact_fault",)
    assert events(world.inputs(CLOSED, REST)) == [DoorFault(LOBBY, fault=False)]
    assert world.views[LOBBY].alarms == ()


def test_a_door_that_opens_out_of_a_fault_was_forced() -> None:
    world = ready()
    world.inputs(FAULT, REST)
    assert events(world.inputs(OPEN, REST)) == [
        DoorFault(LOBBY, fault=False),
        DoorForced(LOBBY),
    ]


def test_a_fault_while_open_does_not_count_as_closed() -> None:
    world = opened()
    world.inputs(FAULT, REST)
    assert events(world.inputs(OPEN, REST)) == [DoorFault(LOBBY, fault=False)]
    world.inputs(FAULT, REST)
    assert DoorHeld(LOBBY) in events(world.wait(40))
    assert events(world.inputs(CLOSED, REST)) == [
        DoorFault(LOBBY, fault=False),
        DoorClosed(LOBBY, ("held",)),
    ]


def test_a_fault_that_outlasts_a_connection_is_told_once() -> None:
    world = ready()
    world.inputs(FAULT, REST)
    world.offline(DESK)
    world.online(DESK, connection=2)
    assert events(world.inputs(FAULT, REST, connection=2)) == []
    assert world.views[LOBBY].contact is ContactState.FAULT


def test_an_input_that_is_not_reported_is_a_fault() -> None:
    world = ready()
    assert events(world.inputs()) == [
        DoorFault(LOBBY, fault=True, what="missing"),
        DoorFault(LOBBY, fault=True, part="exit_button", what="missing"),
    ]


# --- unlocked ----------------------------------------------------------------------------


def unlocked() -> World:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))[0])
    return world


def test_an_unlocked_door_may_open_and_stay_open() -> None:
    world = unlocked()
    assert events(world.inputs(OPEN, REST)) == [DoorOpened(LOBBY)]
    assert events(world.wait(100)) == []


def test_unlocking_a_door_ends_its_alarms() -> None:
    world = ready()
    world.inputs(OPEN, REST)
    world.wait(22)
    assert world.views[LOBBY].alarms == ("forced", "pre_alarm")
    world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED))
    assert world.views[LOBBY].alarms == ()
    assert events(world.wait(2)) == []


def test_a_door_locked_again_while_open_is_timed_from_then() -> None:
    world = unlocked()
    world.inputs(OPEN, REST)
    world.wait(100)
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.LOCKED)))[0])
    assert events(world.wait(19)) == []
    assert events(world.wait(12)) == [DoorPreAlarm(LOBBY), DoorHeld(LOBBY)]


def test_a_door_locked_again_while_shut_is_not_timed() -> None:
    world = unlocked()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.LOCKED)))[0])
    assert events(world.wait(100)) == []


def test_a_door_that_was_opened_while_everybody_was_audited_was_forced() -> None:
    world = ready()
    world.ask(RunAudit())
    world.online(connection=2)
    assert events(world.inputs(OPEN, REST, connection=2)) == [DoorForced(LOBBY)]


def test_a_grant_outlives_an_audit() -> None:
    world = ready()
    world.done(orders(world.card())[0])
    world.ask(RunAudit())
    world.online(connection=2)
    told = events(world.inputs(OPEN, REST, connection=2))
    assert [type(each).__name__ for each in told] == ["DoorOpened", "AccessTaken"]


def test_a_unit_that_went_away_in_an_audit_may_have_seen_anything() -> None:
    world = ready()
    world.ask(RunAudit())
    world.offline(DESK)
    world.online(DESK, connection=2)
    assert events(world.inputs(OPEN, REST, connection=2)) == [DoorFoundOpen(LOBBY)]
