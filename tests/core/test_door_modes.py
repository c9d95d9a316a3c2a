"""A door's mode has a reason, an order has an end, and a restart changes neither."""

from datetime import datetime, timedelta

import pytest

from gatewayd.core import mode_rules
from gatewayd.core.access.model import DoorRules
from gatewayd.core.access.policy import ClockLost, Policy
from gatewayd.core.access.state import FirstPerson, FirstPersonIs
from gatewayd.core.actions import KeepState, Record
from gatewayd.core.door_modes import LOOK_AGAIN, TRY_AGAIN
from gatewayd.core.events import DoorModeChanged, InternalError
from gatewayd.core.facts import InputState
from gatewayd.core.model import DoorMode
from gatewayd.core.requests import LockDownSite
from gatewayd.core.schedule import ALWAYS, ScheduleId
from tests.core.hours import OFFICE
from tests.core.modes import (
    ANNA,
    EVENING,
    IN_OFFICE_HOURS,
    LAB,
    LOBBY,
    NOON,
    QUIET,
    Modes,
    Put,
    answers,
    changes,
    events,
)

LOCKED, UNLOCKED, BLOCKED = DoorMode.LOCKED, DoorMode.UNLOCKED, DoorMode.BLOCKED
LOCKED_DOWN, LOCKED_OPEN = DoorMode.LOCKED_DOWN, DoorMode.LOCKED_OPEN
BY_OFFICE = "request office"
ON_SCHEDULE = f"schedule {OFFICE}"
NIGHT = EVENING + timedelta(hours=4)


# --- schedules ----------------------------------------------------------------------------


def test_a_door_is_unlocked_and_locked_by_its_schedule() -> None:
    site = Modes()
    assert changes(site.begun) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]
    assert site.mode(LOBBY) is UNLOCKED
    assert changes(site.wait(5 * 60 + 59)) == []
    assert changes(site.wait(1)) == [(LOBBY, LOCKED, ON_SCHEDULE)]
    assert changes(site.wait(15 * 60)) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]


def test_a_schedule_is_followed_to_the_second() -> None:
    site = Modes(utc=EVENING - timedelta(seconds=10))
    assert site.modes.deadline == pytest.approx(110.0)
    assert changes(site.wait(10 / 60)) == [(LOBBY, LOCKED, ON_SCHEDULE)]


def test_a_door_locked_by_its_schedule_is_told_so_at_the_start() -> None:
    assert changes(Modes(utc=NIGHT).begun) == [(LOBBY, LOCKED, ON_SCHEDULE)]


def test_a_door_with_neither_order_nor_schedule_is_told_nothing() -> None:
    site = Modes(rules=())
    assert site.begun == []
    assert site.wait(24 * 60) == []
    assert site.modes.deadline == float("inf")


def test_a_clock_that_is_set_is_seen_within_half_a_minute() -> None:
    site = Modes()
    site.set_clock(NIGHT)
    assert changes(site.wait(LOOK_AGAIN / 60)) == [(LOBBY, LOCKED, ON_SCHEDULE)]
    site.set_clock(NOON)
    assert changes(site.wait(LOOK_AGAIN / 60)) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]


def test_a_schedule_that_is_always_active_needs_no_clock() -> None:
    site = Modes(rules=(DoorRules(LAB, unlock=ALWAYS),), trusted=False)
    assert changes(site.begun) == [(LAB, UNLOCKED, "schedule always")]
    assert site.modes.deadline == float("inf")


def test_a_schedule_is_worth_nothing_while_the_clock_may_be_wrong() -> None:
    site = Modes()
    site.set_clock(NOON, trusted=False)
    assert changes(site.wait(1)) == [(LOBBY, LOCKED, ON_SCHEDULE)]
    site.set_clock(site.now.utc)
    assert changes(site.wait(1)) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]


def test_a_schedule_goes_on_while_the_clock_may_be_wrong_if_the_site_wants_that() -> None:
    site = Modes(trusted=False, policy=Policy(clock_lost=ClockLost.GO_ON))
    assert site.mode(LOBBY) is UNLOCKED


def test_a_schedule_waits_for_the_first_person() -> None:
    careful = (DoorRules(LOBBY, unlock=OFFICE, unlock_needs_first_person=True),)
    site = Modes(rules=careful)
    assert site.mode(LOBBY) is LOCKED
    site.state.apply(FirstPersonIs(LOBBY, FirstPerson(ANNA, NOON)))
    site.modes.look_at(LOBBY, site.now)
    assert site.mode(LOBBY) is UNLOCKED


def test_a_schedule_that_does_not_exist_unlocks_nothing() -> None:
    site = Modes(rules=(DoorRules(LAB, unlock=ScheduleId("gone")),))
    assert changes(site.begun) == [(LAB, LOCKED, "schedule gone")]


def test_other_rules_are_followed_at_once() -> None:
    site = Modes()
    site.modes.rules_are(site.book((DoorRules(LAB, unlock=OFFICE),)), site.now)
    assert site.puts[-2:] == [
        Put(LOBBY, LOCKED, f"{ON_SCHEDULE} ended", None),
        Put(LAB, UNLOCKED, ON_SCHEDULE, None),
    ]


# --- orders -------------------------------------------------------------------------------


def test_an_order_stands_above_the_schedule_until_it_is_taken_back() -> None:
    site = Modes()
    assert changes(site.order(BLOCKED, LOBBY)) == [(LOBBY, BLOCKED, BY_OFFICE)]
    assert changes(site.wait(24 * 60)) == []
    taken_back = site.order(None, LOBBY)
    assert changes(taken_back) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]
    assert answers(taken_back) == [None]
    assert site.kept == {}


def test_an_order_is_kept_before_its_door_is_told() -> None:
    site = Modes(rules=())
    keep, changed, *_ = site.order(UNLOCKED, minutes=90)
    end = NOON + timedelta(minutes=90)
    value = {"mode": "unlocked", "until": "2026-05-08T11:30:00.000000Z", "by": BY_OFFICE}
    assert keep == KeepState((("mode/lab", value),))
    assert changed == Record(DoorModeChanged(LAB, "unlocked", BY_OFFICE, end))


def test_an_order_ends_by_itself() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED, minutes=2)
    assert changes(site.wait(1.99)) == []
    assert changes(site.wait(0.01)) == [(LAB, LOCKED, "order ended")]
    assert site.kept == {}
    assert site.modes.deadline == float("inf")


def test_a_door_with_a_schedule_is_as_that_says_when_its_order_ends() -> None:
    site = Modes()
    site.order(BLOCKED, LOBBY, minutes=2)
    assert changes(site.wait(2)) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]


def test_an_order_that_has_ended_does_not_come_back_when_the_clock_is_set_back() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED, minutes=2)
    site.wait(3)
    site.set_clock(NOON)
    assert changes(site.wait(1)) == []
    assert site.mode(LAB) is LOCKED


def test_an_order_that_has_ended_already_is_refused() -> None:
    site = Modes(rules=())
    refused = site.order(UNLOCKED, minutes=0)
    assert answers(refused) == ["until_passed"]
    assert changes(refused) == []
    assert site.kept == {}


def test_an_order_holds_while_the_clock_may_be_wrong_until_its_end_has_passed() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED, minutes=2)
    site.set_clock(NOON, trusted=False)
    assert changes(site.wait(1.9)) == []
    assert changes(site.wait(0.2)) == [(LAB, LOCKED, "order ended")]


def test_the_same_order_again_is_told_and_answered_but_no_change() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED)
    again = site.order(UNLOCKED)
    assert changes(again) == []
    assert answers(again) == [None]
    assert not any(isinstance(each, KeepState) for each in again)
    assert len(site.puts) == 2


def test_another_end_is_another_order() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED, minutes=5)
    site.order(UNLOCKED, minutes=10)
    assert changes(site.wait(9)) == []
    assert changes(site.wait(1)) == [(LAB, LOCKED, "order ended")]


def test_taking_back_an_order_that_was_never_given_locks_the_door() -> None:
    site = Modes(rules=())
    told = site.order(None)
    assert changes(told) == [(LAB, LOCKED, BY_OFFICE)]
    assert answers(told) == [None]


# --- after a restart ----------------------------------------------------------------------


def test_an_order_is_taken_up_again() -> None:
    site = Modes()
    site.order(LOCKED_OPEN)
    again = site.restarted()
    assert changes(again.begun) == [
        (LOBBY, UNLOCKED, ON_SCHEDULE),
        (LAB, LOCKED_OPEN, "restart"),
    ]


def test_an_order_keeps_its_end_over_a_restart() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED, minutes=10)
    again = site.restarted(9, rules=())
    assert again.puts == [Put(LAB, UNLOCKED, "restart", NOON + timedelta(minutes=10))]
    assert changes(again.wait(1)) == [(LAB, LOCKED, "order ended")]


def test_an_order_that_ended_while_we_were_off_is_over() -> None:
    site = Modes()
    site.order(BLOCKED, LOBBY, minutes=10)
    site.order(UNLOCKED, LAB, minutes=10)
    again = site.restarted(11)
    assert changes(again.begun) == [
        (LOBBY, UNLOCKED, "restart: order ended"),
        (LAB, LOCKED, "restart: order ended"),
    ]
    assert again.kept == {}
    assert changes(again.wait(1)) == []


def test_a_lockdown_outlasts_a_restart_and_explains_what_follows_an_ended_order() -> None:
    site = Modes()
    site.order(UNLOCKED, LAB, minutes=10)
    site.ask(LockDownSite(on=True))
    again = site.restarted(11)
    assert changes(again.begun) == [
        (LOBBY, LOCKED_DOWN, "lockdown"),
        (LAB, LOCKED_DOWN, "lockdown"),
    ]


def test_what_is_kept_of_doors_and_fires_that_are_gone_is_forgotten() -> None:
    order = {"mode": "unlocked", "until": None, "by": BY_OFFICE}
    site = Modes({"mode/attic": order, "fire/attic": {"active": True}}, rules=())
    assert site.begun == [KeepState((("mode/attic", None), ("fire/attic", None)))]
    assert site.kept == {}


# --- lockdown -----------------------------------------------------------------------------


def test_a_lockdown_stands_above_orders_and_schedules() -> None:
    site = Modes()
    site.order(UNLOCKED)
    locked = site.ask(LockDownSite(on=True))
    assert changes(locked) == [
        (LOBBY, LOCKED_DOWN, "lockdown"),
        (LAB, LOCKED_DOWN, "lockdown"),
    ]
    assert changes(site.ask(LockDownSite(on=False))) == [
        (LOBBY, UNLOCKED, ON_SCHEDULE),
        (LAB, UNLOCKED, BY_OFFICE),
    ]


def test_a_blocked_door_stays_blocked_in_a_lockdown() -> None:
    site = Modes(rules=())
    site.order(BLOCKED)
    assert changes(site.ask(LockDownSite(on=True))) == [(LOBBY, LOCKED_DOWN, "lockdown")]
    assert changes(site.ask(LockDownSite(on=False))) == [(LOBBY, LOCKED, "lockdown ended")]
    assert site.mode(LAB) is BLOCKED


def test_an_order_during_a_lockdown_holds_when_that_ends() -> None:
    site = Modes(rules=())
    site.ask(LockDownSite(on=True))
    ordered = site.order(UNLOCKED)
    assert changes(ordered) == []
    assert answers(ordered) == [None]
    assert changes(site.order(BLOCKED)) == [(LAB, BLOCKED, BY_OFFICE)]
    assert changes(site.order(UNLOCKED)) == [(LAB, LOCKED_DOWN, "lockdown")]
    site.ask(LockDownSite(on=False))
    assert site.mode(LAB) is UNLOCKED


def test_an_order_that_ends_during_a_lockdown_is_over() -> None:
    site = Modes(rules=())
    site.order(UNLOCKED, minutes=5)
    site.ask(LockDownSite(on=True))
    assert changes(site.wait(10)) == []
    assert site.kept == {"lockdown": {"on": True}}
    site.ask(LockDownSite(on=False))
    assert site.mode(LAB) is LOCKED


# --- what fails ---------------------------------------------------------------------------


def test_a_schedule_that_cannot_be_evaluated_unlocks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Modes()

    def broken(*_: object) -> bool:
        raise ArithmeticError("secret")

    with monkeypatch.context() as patched:
        patched.setattr(mode_rules, "unlocked", broken)
        told = site.wait(5)
        assert changes(told) == [(LOBBY, LOCKED, ON_SCHEDULE)]
        errors = [each for each in events(told) if isinstance(each, InternalError)]
        assert errors == [InternalError("ArithmeticError in the unlock schedule of lobby")]
    assert changes(site.wait(1)) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]


def test_a_schedule_of_which_nobody_knows_the_end_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Modes(utc=EVENING - timedelta(seconds=10))

    def broken(*_: object) -> datetime:
        raise ArithmeticError

    monkeypatch.setattr(type(site.modes.book.schedules), "next_change", broken)
    site.modes.look(site.now)
    assert site.modes.deadline == site.now.mono + LOOK_AGAIN
    assert changes(site.wait(0.5)) == [(LOBBY, LOCKED, ON_SCHEDULE)]


def test_a_door_that_fails_keeps_no_other_from_its_mode_and_is_tried_again() -> None:
    site = Modes(rules=())
    site.broken = {LOBBY}
    locked = site.ask(LockDownSite(on=True))
    assert changes(locked) == [(LAB, LOCKED_DOWN, "lockdown")]
    assert InternalError("lock") in events(locked)
    site.broken = set()
    assert changes(site.wait(TRY_AGAIN / 60)) == [(LOBBY, LOCKED_DOWN, "lockdown")]
    assert site.modes.deadline == float("inf")


def test_a_door_that_fails_when_it_alone_is_looked_at_is_tried_again_as_well() -> None:
    site = Modes(rules=())
    site.broken = {LAB}
    site.inputs(InputState.ACTIVE, *QUIET[1:])
    site.broken = set()
    assert changes(site.wait(TRY_AGAIN / 60)) == [(LAB, LOCKED_OPEN, "fire hall")]


def test_an_order_that_failed_is_as_if_never_given() -> None:
    site = Modes(rules=())
    site.order(BLOCKED)
    site.broken = {LAB}
    assert answers(site.order(UNLOCKED)) == ["internal_error"]
    assert site.kept["mode/lab"]["mode"] == "blocked"
    site.broken = set()
    told = site.wait(1)
    assert changes(told) == []
    assert site.puts[-1] == Put(LAB, BLOCKED, BY_OFFICE, None)
    site = site.restarted(rules=())
    assert changes(site.begun) == [(LAB, BLOCKED, "restart")]


def test_a_door_that_fails_at_the_start_is_tried_again() -> None:
    rules = (*IN_OFFICE_HOURS, DoorRules(LAB, unlock=OFFICE))
    site = Modes(rules=rules)
    site.broken = {LOBBY}
    site._begin(rules)
    site.shown.clear()
    site.broken = set()
    assert changes(site.wait(0.1)) == [(LOBBY, UNLOCKED, ON_SCHEDULE)]


def test_every_request_is_answered_once() -> None:
    site = Modes()
    for mode in (*DoorMode, None):
        for door in (LOBBY, LAB):
            assert answers(site.order(mode, door, minutes=5 if mode else None)) == [None]
    assert len(site.desk) == 0
