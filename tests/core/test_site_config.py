"""A site that hangs in the air is refused before anything moves."""

from dataclasses import replace

import pytest

from gatewayd.core.fire import FireInput
from gatewayd.core.model import ControllerId, DoorId, Point
from gatewayd.core.reaction import LockDown, OnEvent, OnInput, Pulse, Reaction, Switch
from tests.core.site import DESK, LOBBY_DOOR, STRIKE, site

GONE = Point(ControllerId("gone"))
FORCED = OnEvent("door.forced")
SPARE = Point(STRIKE, 3)


@pytest.mark.parametrize(
    "reaction",
    [
        Reaction("r", OnInput(GONE), (LockDown(),)),
        Reaction("r", FORCED, (Switch(GONE, on=True),)),
        Reaction("r", OnInput(SPARE), (Pulse(GONE, 1.0),)),
    ],
)
def test_a_reaction_needs_controllers_that_are_there(reaction: Reaction) -> None:
    with pytest.raises(ValueError, match="reaction r hangs on gone, which is missing"):
        replace(site(), reactions=(reaction,))


def test_a_fire_input_needs_a_controller_that_is_there() -> None:
    with pytest.raises(ValueError, match="fire hall hangs on gone, which is missing"):
        replace(site(), fires=(FireInput("hall", GONE),))


@pytest.mark.parametrize(
    ("fires", "why"),
    [
        ((FireInput("hall", SPARE), FireInput("hall", Point(STRIKE, 4))), "two fire inputs"),
        ((FireInput("hall", SPARE, doors=frozenset({DoorId("gone")})),), "opens gone, which"),
        ((FireInput("hall", Point(DESK, 1)),), "has an input of door lobby"),
    ],
)
def test_a_fire_input_has_its_own_name_and_input_and_doors_that_are_there(
    fires: tuple[FireInput, ...], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        replace(site(), fires=fires)


def test_no_reaction_switches_a_lock() -> None:
    siren = Reaction("r", FORCED, (Switch(SPARE, on=True), Pulse(LOBBY_DOOR.lock, 1.0)))
    with pytest.raises(ValueError, match="reaction r switches the lock of a door"):
        replace(site(), reactions=(siren,))


def test_no_reader_serves_two_sides() -> None:
    twice = replace(LOBBY_DOOR, exit_reader=LOBBY_DOOR.reader)
    again = replace(LOBBY_DOOR, id=DoorId("other"))
    for doors in ((twice,), (LOBBY_DOOR, again)):
        with pytest.raises(ValueError, match="same reader"):
            site(*doors)


def test_no_two_doors_have_one_name() -> None:
    with pytest.raises(ValueError, match="same id"):
        site(LOBBY_DOOR, LOBBY_DOOR)


def test_a_secure_controller_must_be_there() -> None:
    with pytest.raises(ValueError, match="gone must be secure, but is missing"):
        site(require_secure=frozenset({GONE.controller}))


def test_a_sound_site_is_taken() -> None:
    siren = Reaction("r", FORCED, (Switch(SPARE, on=True),))
    fire = FireInput("hall", SPARE)
    assert replace(site(), reactions=(siren,), fires=(fire,)).reactions == (siren,)
