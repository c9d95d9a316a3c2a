"""A fire opens its doors above every rule, and only an input at rest ends it."""

from gatewayd.core.actions import KeepState
from gatewayd.core.events import FireAlarm, FireEnded, FireFault
from gatewayd.core.facts import InputsRead, InputState
from gatewayd.core.model import ControllerId, DoorMode
from gatewayd.core.requests import LockDownSite
from tests.core.hours import OFFICE
from tests.core.modes import LAB, LOBBY, QUIET, Modes, changes, events

REST, ACTIVE, CUT = InputState.INACTIVE, InputState.ACTIVE, InputState.CUT
HALL = (ACTIVE, REST, ACTIVE)
KITCHEN = (REST, ACTIVE, ACTIVE)
OPEN = DoorMode.LOCKED_OPEN


def test_a_fire_opens_every_door_and_says_so_first() -> None:
    site = Modes()
    told = site.inputs(*HALL)
    assert events(told)[0] == FireAlarm("hall", (LAB, LOBBY))
    assert told[1] == KeepState((("fire/hall", {"active": True}),))
    assert changes(told) == [(LAB, OPEN, "fire hall"), (LOBBY, OPEN, "fire hall")]


def test_a_fire_opens_the_doors_that_it_names() -> None:
    site = Modes()
    assert changes(site.inputs(*KITCHEN)) == [(LOBBY, OPEN, "fire kitchen")]


def test_an_input_can_be_active_while_it_rests() -> None:
    site = Modes()
    assert changes(site.inputs(REST, REST, REST)) == [(LAB, OPEN, "fire shop")]


def test_the_same_level_twice_is_nothing_new() -> None:
    site = Modes()
    assert site.inputs(*QUIET) == []
    site.inputs(*HALL)
    assert site.inputs(*HALL) == []


def test_a_fire_stands_above_a_lockdown_and_every_order() -> None:
    site = Modes()
    for mode in DoorMode:
        site.order(mode)
        site.ask(LockDownSite(on=True))
        site.inputs(*HALL)
        assert site.mode(LAB) is OPEN
        assert changes(site.order(mode)) == []
        site.inputs(*QUIET)
        assert site.mode(LAB) is (mode if mode is DoorMode.BLOCKED else DoorMode.LOCKED_DOWN)
        site.ask(LockDownSite(on=False))
        assert site.mode(LAB) is mode


def test_after_a_fire_a_door_is_as_it_was_wanted_before() -> None:
    site = Modes()
    site.inputs(*HALL)
    told = site.inputs(*QUIET)
    assert events(told)[0] == FireEnded("hall", (LAB, LOBBY))
    assert changes(told) == [
        (LAB, DoorMode.LOCKED, "fire hall ended"),
        (LOBBY, DoorMode.UNLOCKED, f"schedule {OFFICE}"),
    ]
    assert site.kept == {}


def test_the_last_of_two_fires_ends_it() -> None:
    site = Modes()
    site.inputs(ACTIVE, ACTIVE, ACTIVE)
    assert changes(site.inputs(*KITCHEN)) == [
        (LAB, DoorMode.LOCKED, "fire hall ended"),
        (LOBBY, OPEN, "fire kitchen"),
    ]


def test_a_fault_keeps_what_is_and_says_so() -> None:
    site = Modes()
    assert events(site.inputs(CUT, REST, ACTIVE)) == [
        FireFault("hall", fault=True, active=False, what="cut")
    ]
    assert site.inputs(InputState.SHORT, REST, ACTIVE) == []
    assert events(site.inputs(*HALL))[:2] == [
        FireFault("hall", fault=False, active=False),
        FireAlarm("hall", (LAB, LOBBY)),
    ]
    assert events(site.inputs(CUT, REST, ACTIVE)) == [
        FireFault("hall", fault=True, active=True, what="cut")
    ]
    assert site.mode(LAB) is OPEN


def test_an_input_that_the_unit_does_not_report_is_at_fault() -> None:
    site = Modes()
    site.inputs(*HALL)
    assert events(site.inputs(ACTIVE)) == [
        FireFault("kitchen", fault=True, active=False, what="missing"),
        FireFault("shop", fault=True, active=False, what="missing"),
    ]
    assert site.mode(LOBBY) is OPEN


def test_inputs_of_others_do_not_matter() -> None:
    site = Modes()
    assert site.fires.inputs(InputsRead(ControllerId("desk"), 1, HALL)) == []
    assert site.out == []


def test_a_fire_outlasts_a_restart_until_its_input_is_seen_at_rest() -> None:
    site = Modes()
    site.inputs(*HALL)
    again = site.restarted(60)
    assert changes(again.begun) == [(LOBBY, OPEN, "fire hall"), (LAB, OPEN, "fire hall")]
    assert changes(again.inputs(CUT, CUT, CUT)) == []
    assert changes(again.wait(60)) == []
    assert FireEnded("hall", (LAB, LOBBY)) in events(again.inputs(*QUIET))
    assert again.mode(LAB) is DoorMode.LOCKED


def test_a_fire_is_known_by_its_name() -> None:
    site = Modes()
    assert "hall" in site.fires
    assert "attic" not in site.fires
