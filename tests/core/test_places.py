"""Another unit in the place of an approved one is not driven until somebody says so."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gatewayd.core.actions import Action, Answer, Record, RememberPlaces
from gatewayd.core.events import (
    AuditBlocked,
    ControllerAccepted,
    ControllerFirmwareChanged,
    ControllerOnline,
    ControllerSecurity,
    RequestEnded,
)
from gatewayd.core.facts import ControllerIdentified, KeyProved, UnitAnswered
from gatewayd.core.model import ControllerId, ControllerView, Identity, RequestId, Verdict
from gatewayd.core.places import Occupant
from gatewayd.core.requests import AcceptController, CommissionController
from gatewayd.core.site import OnClassic
from tests.core.site import (
    DESK,
    OFFICE,
    STRIKE,
    World,
    admitted,
    answers,
    events,
    identity,
    of,
    orders,
    ready,
    site,
)

FIRST = Occupant("00d0c9", 1, "00000001", (1, 2, 3))
SECOND = replace(FIRST, serial="00000002")


def known(places: Mapping[ControllerId, Occupant | None]) -> World:
    """A world that remembers these."""
    world = World(replace(site(), places=places))
    world.tick()
    return world


def identified(
    world: World, unit: Identity, connection: int = 1, controller: ControllerId = DESK
) -> list[Action]:
    return world.tell(ControllerIdentified(controller, connection, unit))


def remembered(actions: list[Action]) -> Mapping[ControllerId, Occupant | None]:
    return of(RememberPlaces, actions)[-1].places


def accept(world: World, serial: str, controller: ControllerId = DESK) -> list[Action]:
    return world.ask(AcceptController(controller, serial))


# --- who is remembered -------------------------------------------------------------------


def test_the_first_approved_unit_is_remembered() -> None:
    world = known({})
    assert remembered(identified(world, identity())) == {DESK: FIRST}
    assert remembered(world.online(STRIKE)) == {DESK: FIRST, STRIKE: FIRST}
    assert of(RememberPlaces, identified(world, identity(), 2)) == []


@pytest.mark.parametrize("model", [9, 77])
def test_a_unit_that_is_not_approved_is_not_remembered(model: int) -> None:
    world = known({})
    assert of(RememberPlaces, identified(world, identity(model=model))) == []
    assert remembered(identified(world, identity(), 2)) == {DESK: FIRST}


def test_a_site_that_is_only_looked_at_remembers_nobody() -> None:
    world = World(site(on_classic=OnClassic.REFUSE))
    world.tick()
    assert of(RememberPlaces, world.online(DESK)) == []
    assert len(of(RememberPlaces, world.online(STRIKE))) == 2


def test_the_same_unit_is_approved_in_every_run() -> None:
    world = known({DESK: FIRST})
    actions = identified(world, identity())
    assert admitted(actions) == [DESK]
    assert of(RememberPlaces, actions) == []


# --- another unit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other", [identity(2), replace(identity(), model=1, vendor="00d0c9", serial="ffffffff")]
)
def test_another_unit_is_not_driven_and_said_to_be_another(other: Identity) -> None:
    world = ready()
    actions = identified(world, other, 2)

    assert admitted(actions) == []
    blocked, security = (each for each in events(actions) if not _about_doors(each))
    assert isinstance(blocked, AuditBlocked)
    assert blocked.verdict is Verdict.CHANGED
    assert f"this is vendor 00d0c9 model 1 serial {other.serial}" in blocked.why
    assert "it was vendor 00d0c9 model 1 serial 00000001" in blocked.why
    assert security == ControllerSecurity(DESK, "another unit answers")
    assert orders(world.card(connection=2)) == []


def _about_doors(event: object) -> bool:
    return type(event).__name__.startswith("Door")


def test_another_unit_is_said_once_and_again_if_it_was_the_old_one_in_between() -> None:
    world = known({DESK: FIRST})

    def said(serial: int, connection: int) -> int:
        told = events(identified(world, identity(serial), connection))
        return sum(isinstance(each, ControllerSecurity) for each in told)

    assert [said(2, 1), said(2, 2), said(3, 3), said(1, 4), said(3, 5)] == [1, 0, 1, 0, 1]


def test_the_unit_that_belongs_there_is_approved_again_when_it_is_back() -> None:
    world = ready()
    identified(world, identity(2), 2)
    assert admitted(identified(world, identity(), 3)) == [DESK]


def test_a_new_firmware_is_the_same_unit_and_told() -> None:
    world = known({DESK: FIRST})
    newer = replace(identity(), firmware=(1, 3, 0))
    actions = identified(world, newer)
    assert admitted(actions) == [DESK]
    assert events(actions) == [
        ControllerOnline(DESK),
        ControllerFirmwareChanged(DESK, "1.2.3", "1.3.0"),
    ]
    assert remembered(actions) == {DESK: replace(FIRST, firmware=(1, 3, 0))}
    assert events(identified(world, newer, 2)) == [ControllerOnline(DESK)]


def test_where_it_was_lost_who_belongs_there_nobody_is_taken_without_being_told() -> None:
    world = known({DESK: None})
    actions = identified(world, identity())
    assert admitted(actions) == []
    (blocked, _) = events(actions)
    assert isinstance(blocked, AuditBlocked)
    assert "nobody knows any more" in blocked.why
    assert remembered(accept(world, "00000001")) == {DESK: FIRST}


# --- accepting it ------------------------------------------------------------------------


def test_an_operator_accepts_the_unit_whose_serial_they_name() -> None:
    world = ready()
    identified(world, identity(2), 2)
    actions = accept(world, "00000002")

    assert actions[0] == Record(
        ControllerAccepted(DESK, "00000002", "00000001", f"request {OFFICE}")
    )
    assert remembered(actions)[DESK] == SECOND
    assert admitted(actions) == [DESK]
    assert answers(actions) == [(RequestId("r1"), None)]
    (answer,) = of(Answer, actions)
    assert isinstance(answer.result, ControllerView)
    assert answer.result.verdict is Verdict.APPROVED
    world.inputs(connection=2)
    assert admitted(identified(world, identity(), 3)) == []


def test_who_does_not_know_the_serial_accepts_nothing() -> None:
    world = ready()
    identified(world, identity(2), 2)
    actions = accept(world, "00000003")
    assert [type(each) for each in events(actions)] == [RequestEnded]
    assert of(Answer, actions)[0].error == "wrong_serial"
    assert "00000002" in of(Answer, actions)[0].message


def test_only_what_is_there_can_be_accepted() -> None:
    world = ready()
    assert of(Answer, accept(world, "00000001", ControllerId("attic")))[0].error == (
        "no_such_controller"
    )
    world.offline(DESK)
    assert of(Answer, accept(world, "00000001"))[0].error == "controller_offline"


def test_accepting_the_unit_that_belongs_there_changes_nothing() -> None:
    actions = accept(ready(), "00000001")
    assert [type(each) for each in events(actions)] == [RequestEnded]
    assert of(Answer, actions)[0].error is None
    assert of(RememberPlaces, actions) == []


def test_acceptance_approves_no_hardware() -> None:
    world = ready()
    identified(world, identity(2, model=77), 2)
    actions = accept(world, "00000002")
    assert of(Answer, actions)[0].error == "unit_not_approved"
    assert of(RememberPlaces, actions) == []


def commissioned(*units: Identity) -> tuple[World, list[Action]]:
    """A world in which the strike was known, and units answer while it is commissioned."""
    world = World(
        replace(
            site(require_secure=frozenset({STRIKE})), places={STRIKE: FIRST}
        )
    )  # fmt: skip
    world.tick()
    world.ask(CommissionController(STRIKE, 100, "00000002"))
    for unit in units:
        world.tell(UnitAnswered(STRIKE, 5, unit))
    return world, world.tell(KeyProved(STRIKE, 17, renewed=True))


def test_whoever_gives_a_unit_its_first_key_wants_it_to_be_there() -> None:
    world, actions = commissioned(identity(2))
    assert ControllerAccepted(STRIKE, "00000002", "00000001", f"request {OFFICE}") in events(
        actions
    )
    assert remembered(actions) == {STRIKE: SECOND}
    proved = replace(identity(2), proved=True)
    assert admitted(identified(world, proved, 6, STRIKE)) == [STRIKE]


def test_a_key_that_was_given_to_nobody_we_saw_accepts_nobody() -> None:
    _, actions = commissioned()
    assert of(RememberPlaces, actions) == []
