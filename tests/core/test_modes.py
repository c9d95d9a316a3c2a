"""A mode is a wish for a state: the lock is told until it follows, also after a restart."""

from gatewayd.core.actions import Action, KeepState, Latch, Record
from gatewayd.core.door import TELL_AGAIN
from gatewayd.core.events import (
    DoorModeChanged,
    DoorModeNotApplied,
    DoorUnlockedUnexplained,
    Event,
)
from gatewayd.core.facts import (
    ControllerAnswers,
    ControllerIdentified,
    ControllerSilent,
    Outcome,
)
from gatewayd.core.mode_orders import KeptModes, ModeOrder
from gatewayd.core.model import DoorId, DoorMode, OrderId
from gatewayd.core.requests import SetDoorMode
from tests.core.site import (
    CLOSED,
    DESK,
    LOBBY,
    OFF,
    ON,
    PRESSED,
    REST,
    STRIKE,
    World,
    answers,
    events,
    identity,
    of,
    orders,
    ready,
)

KEPT = "mode/lobby", {"mode": "unlocked", "until": None, "by": "request office"}
UNLOCK = SetDoorMode(LOBBY, DoorMode.UNLOCKED)
LOCK = SetDoorMode(LOBBY, DoorMode.LOCKED)


def test_an_unlocked_door_has_its_output_on() -> None:
    world = ready()
    asked = world.ask(UNLOCK)
    assert asked[:3] == [
        KeepState((KEPT,)),
        Record(DoorModeChanged(LOBBY, "unlocked", "request office")),
        Latch(OrderId(1), STRIKE, 1, 0, on=True, expires=102.0),
    ]
    assert answers(asked) == []
    assert answers(world.done(orders(asked)[0])) == [("r1", None)]
    assert world.views[LOBBY].mode is DoorMode.UNLOCKED
    assert world.views[LOBBY].locked is False


def test_locking_switches_it_off_again() -> None:
    world = ready()
    world.done(orders(world.ask(UNLOCK))[0])
    (latch,) = of(Latch, world.ask(LOCK))
    assert not latch.on
    world.done(latch)
    assert world.views[LOBBY].locked is True


def test_the_same_mode_again_is_told_again_but_is_no_change() -> None:
    world = ready()
    world.done(of(Latch, world.ask(LOCK))[0])
    asked = world.ask(LOCK)
    assert events(asked) == []
    assert len(of(Latch, asked)) == 1


def test_at_the_start_every_door_is_locked_and_nothing_moves() -> None:
    world = World()
    assert orders(world.online()) == []
    assert world.views[LOBBY].mode is DoorMode.LOCKED


def test_a_mode_is_applied_again_when_the_lock_comes_back() -> None:
    world = ready()
    world.done(orders(world.ask(UNLOCK))[0])
    world.offline(STRIKE)
    assert world.views[LOBBY].locked is None
    (latch,) = orders(world.online(STRIKE, connection=2))
    assert latch == Latch(OrderId(2), STRIKE, 2, 0, on=True, expires=102.0)


def test_a_mode_ordered_while_the_lock_was_away_waits_for_it() -> None:
    world = ready()
    world.done(orders(world.ask(UNLOCK))[0])
    world.offline(STRIKE)
    asked = world.ask(LOCK)
    assert orders(asked) == []
    assert answers(asked) == [("r2", "controller_offline")]
    (latch,) = of(Latch, world.online(STRIKE, connection=2))
    assert not latch.on


def test_a_mode_for_a_lock_that_is_barred_is_answered_so() -> None:
    world = World()
    world.online(DESK)
    world.tell(ControllerIdentified(STRIKE, 1, identity(model=9)))
    assert answers(world.ask(UNLOCK)) == [("r1", "unit_not_approved")]


def test_a_lock_that_does_not_follow_is_told_again_and_complained_of_once() -> None:
    world = ready()
    (latch,) = of(Latch, world.ask(UNLOCK))
    failed = world.done(latch, Outcome.EXPIRED, "busy")
    assert DoorModeNotApplied(LOBBY, "unlocked", "expired", "busy") in events(failed)
    assert answers(failed) == [("r1", "controller_silent")]
    assert of(Latch, world.wait(4.9)) == []
    (again,) = of(Latch, world.wait(0.2))
    assert events(world.done(again, Outcome.EXPIRED)) == []
    (third,) = of(Latch, world.wait(5.1))
    world.done(third)
    assert of(Latch, world.wait(60)) == []


def test_a_lock_that_failed_and_left_is_told_once_it_is_back() -> None:
    world = ready()
    world.done(orders(world.ask(UNLOCK))[0], Outcome.UNCONFIRMED)
    world.offline(STRIKE)
    assert of(Latch, world.wait(20)) == []
    assert len(of(Latch, world.online(STRIKE, connection=2))) == 1


def test_a_door_between_two_modes_is_not_told_twice_at_a_time() -> None:
    world = ready()
    (latch,) = of(Latch, world.ask(UNLOCK))
    assert orders(world.tell(ControllerSilent(STRIKE, 1))) == []
    assert orders(world.tell(ControllerAnswers(STRIKE, 1))) == []
    world.done(latch)
    assert orders(world.tell(ControllerAnswers(STRIKE, 1))) == []


def test_the_newest_of_two_modes_counts() -> None:
    world = ready()
    (on,), (off,) = of(Latch, world.ask(UNLOCK)), of(Latch, world.ask(LOCK))
    world.done(on)
    world.done(off, Outcome.EXPIRED)
    (again,) = of(Latch, world.wait(6))
    assert not again.on


def test_an_older_order_that_is_obeyed_last_is_put_right() -> None:
    world = ready()
    (off,), (on,) = of(Latch, world.ask(LOCK)), of(Latch, world.ask(UNLOCK))
    world.done(on)
    (again,) = of(Latch, world.done(off))
    assert again.on
    world.done(again)
    assert world.views[LOBBY].locked is False
    assert of(Latch, world.wait(60)) == []


def test_an_older_order_that_fails_does_not_matter() -> None:
    world = ready()
    (on,), (off,) = of(Latch, world.ask(UNLOCK)), of(Latch, world.ask(LOCK))
    world.done(on, Outcome.EXPIRED)
    world.done(off)
    assert of(Latch, world.wait(60)) == []


def test_a_pulse_that_ends_leaves_an_unlocked_door_unlocked() -> None:
    world = ready()
    world.done(orders(world.card())[0])
    world.done(orders(world.ask(UNLOCK))[0])
    world.wait(20)
    assert world.views[LOBBY].locked is False


def test_a_pulse_that_starts_late_leaves_an_unlocked_door_unlocked() -> None:
    world = ready()
    (pulse, _) = orders(world.card())
    world.done(orders(world.ask(UNLOCK))[0])
    world.done(pulse)
    world.wait(20)
    assert world.views[LOBBY].locked is False


def test_the_view_follows_what_the_output_says() -> None:
    world = ready()
    world.outputs(STRIKE, ON)
    assert world.views[LOBBY].locked is False
    world.outputs(STRIKE, OFF)
    assert world.views[LOBBY].locked is True
    assert world.outputs(STRIKE) == []


def test_an_unlocked_door_whose_output_falls_off_is_told_again() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))[0])
    world.outputs(STRIKE, ON)
    assert not orders(world.outputs(STRIKE, OFF))
    (again,) = of(Latch, world.wait(TELL_AGAIN))
    assert again.on
    world.done(again)
    assert not orders(world.wait(60)), "it followed"


def test_whoever_wants_to_leave_by_a_door_that_fell_shut_does_not_wait() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.LOCKED_OPEN)))[0])
    world.outputs(STRIKE, ON)
    world.outputs(STRIKE, OFF)
    (again,) = of(Latch, world.inputs(CLOSED, PRESSED))
    assert again.on


def test_nobody_waits_for_a_door_that_is_unlocked_meanwhile() -> None:
    world = ready()
    world.done(orders(world.card())[0])
    world.done(orders(world.ask(UNLOCK))[0])
    assert events(world.wait(20)) == []
    world.inputs(CLOSED, REST)


# --- after a restart ----------------------------------------------------------------------


def restarted(**modes: DoorMode) -> World:
    """A brain that begins with modes that were ordered before."""
    ordered = {DoorId(each): ModeOrder(it, "request office") for each, it in modes.items()}
    return World(modes=KeptModes(ordered))


def flagged(actions: list[Action]) -> list[Event]:
    return [each for each in events(actions) if isinstance(each, DoorUnlockedUnexplained)]


def test_an_ordered_mode_is_taken_up_again_and_said() -> None:
    world = restarted(lobby=DoorMode.UNLOCKED)
    begun = world.tick()
    assert events(begun) == [DoorModeChanged(LOBBY, "unlocked", "restart")]
    assert orders(begun) == []
    assert world.views[LOBBY].mode is DoorMode.UNLOCKED
    (latch,) = orders(world.online())
    assert latch == Latch(OrderId(1), STRIKE, 1, 0, on=True, expires=102.0)
    world.outputs(STRIKE, ON)
    assert flagged(world.wait(20)) == []


def test_a_door_that_was_ordered_shut_is_told_so_after_a_restart() -> None:
    for mode in (DoorMode.LOCKED, DoorMode.BLOCKED):
        world = restarted(lobby=mode)
        assert events(world.tick()) == [DoorModeChanged(LOBBY, mode, "restart")]
        (latch,) = of(Latch, world.online())
        assert not latch.on
        world.done(latch)
        assert world.views[LOBBY].mode is mode
        assert world.views[LOBBY].locked is True


def test_a_door_that_is_gone_has_no_mode_any_more() -> None:
    begun = restarted(attic=DoorMode.UNLOCKED).tick()
    assert events(begun) == []
    assert of(KeepState, begun) == [KeepState((("mode/attic", None),))]


def test_a_mode_for_a_lock_that_is_away_is_remembered() -> None:
    assert of(KeepState, World().ask(UNLOCK)) == [KeepState((KEPT,))]


# --- an output that nobody can explain ----------------------------------------------------


def test_a_lock_that_is_on_without_a_reason_is_an_alarm_and_recorded_once() -> None:
    world = World()
    world.online()
    world.outputs(STRIKE, ON)
    assert world.views[LOBBY].locked is False
    told = world.wait(16)
    assert flagged(told) == [DoorUnlockedUnexplained(LOBBY)]
    assert "unexplained_unlock" in world.views[LOBBY].alarms
    assert orders(told) == []
    assert flagged(world.outputs(STRIKE, ON) + world.wait(60)) == []
    world.outputs(STRIKE, OFF)
    assert world.views[LOBBY].alarms == ()
    assert world.views[LOBBY].locked is True


def test_a_release_of_an_earlier_run_falls_back_without_an_alarm() -> None:
    world = World()
    world.online()
    world.outputs(STRIKE, ON)
    world.wait(5)
    world.outputs(STRIKE, OFF)
    assert flagged(world.wait(60)) == []


def test_a_pulse_leaves_a_lock_on_that_was_on() -> None:
    world = World()
    world.online()
    world.outputs(STRIKE, ON)
    world.done(orders(world.card())[0])
    world.wait(20)
    assert world.views[LOBBY].locked is False
    assert world.views[LOBBY].alarms == ("unexplained_unlock",)


def test_a_pulse_leaves_a_lock_unknown_that_was_unknown() -> None:
    world = World()
    world.online()
    world.done(orders(world.card())[0])
    assert world.views[LOBBY].locked is False
    world.wait(20)
    assert world.views[LOBBY].locked is None


def test_an_output_that_is_on_during_a_release_is_explained() -> None:
    world = ready()
    world.done(orders(world.card())[0])
    world.outputs(STRIKE, ON)
    assert flagged(world.wait(60)) == []
    assert world.views[LOBBY].locked is True


def test_an_alarm_outlasts_an_outage_and_is_not_recorded_again() -> None:
    world = World()
    world.online()
    world.outputs(STRIKE, ON)
    world.wait(16)
    world.offline(STRIKE)
    world.online(STRIKE, connection=2)
    assert flagged(world.outputs(STRIKE, ON, connection=2) + world.wait(60)) == []
    assert world.views[LOBBY].alarms == ("unexplained_unlock",)
    assert world.views[LOBBY].locked is False


def test_an_ordered_mode_ends_the_alarm() -> None:
    for command in (UNLOCK, LOCK):
        world = World()
        world.online()
        world.outputs(STRIKE, ON)
        world.wait(16)
        world.done(of(Latch, world.ask(command))[0])
        assert world.views[LOBBY].alarms == ()
        assert flagged(world.wait(60)) == []


def test_a_lock_that_was_ordered_off_and_is_on_is_told_again() -> None:
    world = restarted(lobby=DoorMode.LOCKED)
    world.done(of(Latch, world.online())[0])
    world.outputs(STRIKE, ON)
    told = world.wait(16)
    assert flagged(told) == [DoorUnlockedUnexplained(LOBBY)]
    (latch,) = of(Latch, told)
    assert not latch.on
    world.done(latch)
    assert world.views[LOBBY].alarms == ()
    assert world.views[LOBBY].locked is True


def test_a_lock_that_may_have_followed_is_not_known() -> None:
    world = ready()
    world.done(of(Latch, world.ask(UNLOCK))[0], Outcome.UNCONFIRMED)
    assert world.views[LOBBY].locked is None
