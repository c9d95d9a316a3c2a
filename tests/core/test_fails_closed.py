"""Whatever breaks in the brain, nothing opens, and everybody is answered."""

from collections.abc import Callable
from typing import Never

import pytest

from gatewayd.core.access_points import AccessPoints
from gatewayd.core.actions import Action, Admit, Bar, Record, Signal, Tone
from gatewayd.core.door import DoorState
from gatewayd.core.doors import Doors
from gatewayd.core.drive import Drive
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    InternalError,
    ReleaseFailed,
    RequestEnded,
)
from gatewayd.core.facts import CardRead, ControllerIdentified, Outcome, RequestCommitted
from gatewayd.core.gateway import _place
from gatewayd.core.inspection import Inspection
from gatewayd.core.model import ControllerId, DoorMode, RequestId
from gatewayd.core.requests import Request, RunAudit, SetDoorMode, UnlockDoor
from tests.core.access.world import Town
from tests.core.site import (
    CARD,
    DESK,
    IN,
    LOBBY,
    NOON,
    OFFICE,
    OPEN,
    REST,
    STRIKE,
    World,
    add,
    admitted,
    answers,
    events,
    identity,
    of,
    orders,
    permit,
    ready,
)

Breaks = pytest.MonkeyPatch


def broken(*_: object, **__: object) -> Never:
    raise RuntimeError("26:12345680 must not be seen")


def after(work: Callable[..., object]) -> Callable[..., Never]:
    """Do the work, then break."""

    def both(*arguments: object, **named: object) -> Never:
        work(*arguments, **named)
        raise RuntimeError

    return both


def errors(actions: list[Action]) -> list[InternalError]:
    return [event for event in events(actions) if isinstance(event, InternalError)]


def test_a_decision_that_breaks_is_a_denial() -> None:
    town = Town()
    add(town, valid_from=NOON.replace(tzinfo=None))
    actions = ready(book=permit(town=town)).card()
    assert AccessDenied(LOBBY, IN, "H10301:36:6765", "internal_error") in events(actions)
    assert [signal.tone for signal in of(Signal, actions)] == [Tone.DENIED]
    assert len(errors(actions)) == 1


def test_the_record_says_where_and_no_more(monkeypatch: Breaks) -> None:
    monkeypatch.setattr(Town, "credential", broken)
    (error,) = errors(ready().card())
    assert error.what.startswith("RuntimeError in broken:")
    assert error.what.endswith(" on a decision at lobby:in")
    assert "26:" not in error.what


def test_an_error_without_a_trace_can_be_told() -> None:
    assert _place(ValueError(), None) == "ValueError in ? on time"


def test_a_card_at_no_reader_of_ours_has_nobody_to_deny() -> None:
    actions = ready().tell(CardRead(ControllerId("nobody's"), 1, 0, CARD))
    assert len(errors(actions)) == len(actions) == 1


def test_a_grant_that_breaks_on_its_way_out_opens_nothing(monkeypatch: Breaks) -> None:
    world = ready()
    monkeypatch.setattr(Drive, "signal", broken)
    actions = world.card()
    assert orders(actions) == []
    assert [type(event) for event in events(actions)] == [
        AccessGranted,
        ReleaseFailed,
        InternalError,
    ]
    monkeypatch.undo()
    world.wait(5)
    world.inputs(OPEN, REST)
    assert world.views[LOBBY].alarms == ("forced",)


def test_a_grant_that_breaks_at_the_very_end_opens_nothing_either(monkeypatch: Breaks) -> None:
    world = ready()
    monkeypatch.setattr(AccessPoints, "card", after(AccessPoints.card))
    actions = world.card()
    assert orders(actions) == []
    assert not any(isinstance(event, AccessDenied) for event in events(actions))


def test_a_denial_that_breaks_is_still_recorded(monkeypatch: Breaks) -> None:
    monkeypatch.setattr(Town, "credential", broken)
    monkeypatch.setattr(Drive, "signal", broken)
    actions = ready().card()
    assert orders(actions) == []
    assert [type(event) for event in events(actions)] == [
        AccessDenied,
        InternalError,
        InternalError,
    ]


def test_a_request_that_breaks_is_answered(monkeypatch: Breaks) -> None:
    world = ready()
    monkeypatch.setattr(Doors, "unlock", broken)
    actions = world.ask(UnlockDoor(LOBBY))
    assert answers(actions) == [("r1", "internal_error")]
    assert RequestEnded(RequestId("r1"), OFFICE, "internal_error") in events(actions)


def test_a_request_that_breaks_after_it_was_ordered_moves_nothing(monkeypatch: Breaks) -> None:
    world = ready()
    monkeypatch.setattr(Doors, "after", broken)
    for command in (UnlockDoor(LOBBY), SetDoorMode(LOBBY, DoorMode.UNLOCKED)):
        actions = world.ask(command)
        assert orders(actions) == []
        assert [error for _, error in answers(actions)] == ["internal_error"]
    monkeypatch.undo()
    assert answers(world.wait(10)) == []


def test_an_older_latch_is_not_forgotten_with_a_newer_order(monkeypatch: Breaks) -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.LOCKED)))[0], Outcome.EXPIRED)
    monkeypatch.setattr(Drive, "signal", broken)
    world.card()
    monkeypatch.undo()
    assert len(orders(world.wait(6))) == 1


def test_a_request_that_was_answered_before_it_broke_has_its_answer(
    monkeypatch: Breaks,
) -> None:
    world = World()
    monkeypatch.setattr(Inspection, "ask", after(Inspection.ask))
    assert answers(world.ask(RunAudit())) == [("r1", None)]


def test_an_admission_that_breaks_is_none(monkeypatch: Breaks) -> None:
    world = World()
    monkeypatch.setattr(Doors, "follow", broken)
    actions = world.tell(ControllerIdentified(STRIKE, 1, identity()))
    assert admitted(actions) == []
    assert Bar(STRIKE) in actions
    assert len(errors(actions)) == 1
    monkeypatch.undo()
    world.online(DESK)
    assert orders(world.ask(UnlockDoor(LOBBY))) == []


def test_time_that_breaks_does_not_stand_still(monkeypatch: Breaks) -> None:
    world = ready()
    world.inputs(OPEN, REST)
    monkeypatch.setattr(DoorState, "_ring", broken)
    told = world.wait(60)
    assert 1 <= len(errors(told)) <= 3
    assert world.brain.deadline > world.mono


def test_an_answer_goes_out_even_if_its_door_is_broken(monkeypatch: Breaks) -> None:
    world = ready()
    monkeypatch.setattr(DoorState, "set_mode", broken)
    request = Request(RequestId("r9"), OFFICE, SetDoorMode(LOBBY, DoorMode.LOCKED), expires=200)
    assert answers(world.tell(RequestCommitted(request))) == [("r9", "internal_error")]
    assert Record not in {type(each) for each in world.tick()}
    assert Admit not in {type(each) for each in world.tick()}
