"""Inputs that belong to no door: who tells of their wiring."""

from gatewayd.core.events import ControllerInputFault
from gatewayd.core.facts import InputsRead, InputState
from gatewayd.core.fire import FireInput
from gatewayd.core.model import ControllerId, Door, DoorId, Point
from gatewayd.core.reaction import LockDown, OnEvent, OnInput, Reaction
from gatewayd.core.spare_inputs import SpareInputs

UNIT, OTHER = ControllerId("unit"), ControllerId("other")
DOOR = Door(DoorId("lobby"), lock=Point(UNIT), contact=Point(UNIT, 0))
PANIC = Reaction("panic", OnInput(Point(UNIT, 2)), (LockDown(),))
SIREN = Reaction("siren", OnEvent("door.forced"), (LockDown(),))
REST, CUT = InputState.INACTIVE, InputState.CUT


def read(
    spare: SpareInputs, *levels: InputState, unit: ControllerId = UNIT
) -> list[ControllerInputFault]:
    return list(spare.read(InputsRead(unit, 1, levels)))


def test_a_fault_is_told_when_it_begins_and_when_it_ends() -> None:
    spare = SpareInputs([DOOR])
    assert read(spare, REST, CUT) == [ControllerInputFault(UNIT, 1, fault=True, what="cut")]
    assert read(spare, REST, CUT) == []
    assert read(spare, REST, REST) == [ControllerInputFault(UNIT, 1, fault=False)]


def test_doors_and_fire_inputs_tell_of_their_own() -> None:
    spare = SpareInputs([DOOR], [FireInput("hall", Point(UNIT, 1))])
    assert read(spare, CUT, CUT) == []
    assert read(spare, CUT, CUT, unit=OTHER) != []


def test_an_input_that_a_reaction_waits_for_must_be_there() -> None:
    spare = SpareInputs([DOOR], reactions=[PANIC, SIREN])
    missing = ControllerInputFault(UNIT, 2, fault=True, what="missing")
    assert read(spare, REST, unit=OTHER) == []
    assert read(spare, REST) == [missing]
    assert read(spare, REST, REST, REST) == [ControllerInputFault(UNIT, 2, fault=False)]
    assert read(spare, REST, REST, CUT) != []
