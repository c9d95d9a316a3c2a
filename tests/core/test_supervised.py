"""Inputs whose wiring is watched say what is the matter with it."""

import pytest

from gatewayd.core.events import ControllerInputFault, ControllerReaderFault, DoorFault
from gatewayd.core.facts import HealthRead, InputState, ReadersRead, ReaderState
from gatewayd.core.model import ContactState
from tests.core.site import CLOSED, DESK, LOBBY, PRESSED, REST, events, orders, ready

FAULTS = [each for each in InputState if each.faulty]


@pytest.mark.parametrize("what", FAULTS)
def test_a_contact_at_fault_is_neither_open_nor_closed_and_says_why(what: InputState) -> None:
    world = ready()
    assert events(world.inputs(what, REST)) == [DoorFault(LOBBY, fault=True, what=what)]
    assert world.views[LOBBY].contact is ContactState.FAULT
    assert events(world.inputs(CLOSED, REST)) == [DoorFault(LOBBY, fault=False)]


@pytest.mark.parametrize("what", FAULTS)
def test_an_exit_button_at_fault_is_not_pressed(what: InputState) -> None:
    world = ready()
    told = world.inputs(CLOSED, what)
    assert orders(told) == []
    assert events(told) == [DoorFault(LOBBY, fault=True, part="exit_button", what=what)]
    assert orders(world.inputs(CLOSED, PRESSED)) == []


def test_a_fault_of_an_input_without_a_door_is_told_of_its_controller() -> None:
    world = ready()
    assert events(world.inputs(CLOSED, REST, REST, InputState.CUT)) == [
        ControllerInputFault(DESK, 3, fault=True, what="cut")
    ]
    assert events(world.inputs(CLOSED, REST, InputState.SHORT, InputState.CUT)) == [
        ControllerInputFault(DESK, 2, fault=True, what="short")
    ]
    assert events(world.inputs(CLOSED, REST, REST, REST)) == [
        ControllerInputFault(DESK, 2, fault=False),
        ControllerInputFault(DESK, 3, fault=False),
    ]


def test_a_fault_without_a_door_that_outlasts_a_connection_is_told_once() -> None:
    world = ready()
    world.inputs(CLOSED, REST, InputState.CUT)
    world.offline(DESK)
    world.online(DESK, connection=2)
    assert events(world.inputs(CLOSED, REST, InputState.CUT, connection=2)) == []


def test_tamper_and_power_are_shown_while_the_unit_is_there() -> None:
    world = ready()
    unit = world.brain._parts.controllers[DESK]
    assert (unit.view().tamper, unit.view().power) == (None, None)
    world.tell(HealthRead(DESK, 1, tamper=True, power=False))
    assert (unit.view().tamper, unit.view().power) == (True, False)
    world.offline(DESK)
    assert (unit.view().tamper, unit.view().power) == (None, None)


def test_a_reader_behind_a_controller_that_is_cut_off_is_told_once() -> None:
    world = ready()
    fine, gone, opened = ReaderState.NORMAL, ReaderState.NOT_CONNECTED, ReaderState.TAMPER
    assert events(world.tell(ReadersRead(DESK, 1, (fine, fine)))) == []
    assert events(world.tell(ReadersRead(DESK, 1, (fine, gone)))) == [
        ControllerReaderFault(DESK, 1, fault=True, what="not_connected")
    ]
    assert events(world.tell(ReadersRead(DESK, 1, (fine, gone)))) == []
    assert events(world.tell(ReadersRead(DESK, 1, (opened, fine)))) == [
        ControllerReaderFault(DESK, 0, fault=True, what="tamper"),
        ControllerReaderFault(DESK, 1, fault=False),
    ]
