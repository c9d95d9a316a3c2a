"""Requests reach whoever does them, and what the edge does itself goes back to it."""

import pytest

from gatewayd.core.actions import Answer, Release, ReportHealth, SaveSnapshot, Stage
from gatewayd.core.model import DoorId, DoorMode
from gatewayd.core.requests import (
    Command,
    ConfirmPermissions,
    ExplainDecision,
    ReadHealth,
    ReplacePermissions,
    SetDoorMode,
    StagePart,
    UnlockDoor,
    WhatCanOpen,
    WhoCanOpen,
)
from tests.core.site import ANNA, HELD, IN, LOBBY, World, answers, of, ready

KEY = "H10301:36:6765"


def result(world: World, command: Command) -> object:
    (answer,) = of(Answer, world.ask(command) + world.wait(1))
    assert answer.error is None
    return answer.result


def test_questions_are_answered_as_everything_stands() -> None:
    world = ready()
    explained = result(world, ExplainDecision(LOBBY, IN, KEY))
    assert isinstance(explained, dict)
    assert explained["reason"] == "granted"
    world.ask(SetDoorMode(LOBBY, DoorMode.BLOCKED))
    explained = result(world, ExplainDecision(LOBBY, IN, KEY))
    assert isinstance(explained, dict)
    assert explained["reason"] == "door_blocked"


@pytest.mark.parametrize("command", [WhoCanOpen(LOBBY, IN), WhatCanOpen(ANNA)])
def test_searches_are_answered_in_time(command: WhoCanOpen | WhatCanOpen) -> None:
    found = result(ready(), command)
    assert isinstance(found, dict)
    assert {each["holder"] for each in found["openings"]} == {ANNA}


def test_a_question_about_no_door_of_ours_is_told_so() -> None:
    asked = ready().ask(ExplainDecision(DoorId("attic"), IN, KEY))
    assert answers(asked) == [("r1", "no_such_door")]


def test_what_the_edge_does_itself_goes_back_to_it_and_gets_no_other_answer() -> None:
    world = ready()
    staged = world.ask(StagePart(2, 1, {})) + world.ask(ReadHealth())
    assert [type(each) for each in staged] == [Stage, ReportHealth]


def test_a_snapshot_is_replaced_by_the_edge_and_confirmed_by_the_brain() -> None:
    world = ready()
    assert of(SaveSnapshot, world.ask(ReplacePermissions(2))) == [SaveSnapshot(2)]
    confirmed = result(world, ConfirmPermissions(HELD.version, HELD.digest))
    assert isinstance(confirmed, dict)
    assert confirmed["match"] is True


def test_a_door_that_is_locked_down_is_not_unlocked_by_request() -> None:
    world = ready()
    world.ask(SetDoorMode(LOBBY, DoorMode.LOCKED_DOWN))
    asked = world.ask(UnlockDoor(LOBBY))
    assert answers(asked) == [("r2", "door_locked_down")]
    assert of(Release, asked) == []


def test_a_door_locked_open_is_released_as_an_unlocked_one_is() -> None:
    world = ready()
    world.ask(SetDoorMode(LOBBY, DoorMode.LOCKED_OPEN))
    assert world.views[LOBBY].mode is DoorMode.LOCKED_OPEN
    assert of(Release, world.card()) == []
