"""A unit gets another key, and whoever asked learns how that went, once."""

from dataclasses import replace

import pytest

from gatewayd.core.actions import Action, Answer, ReplaceKey
from gatewayd.core.events import ControllerKeyChanged, RequestEnded
from gatewayd.core.facts import (
    ControllerIdentified,
    Fact,
    KeyNotGiven,
    KeyNotKept,
    KeyProved,
    Outcome,
)
from gatewayd.core.model import RequestId
from gatewayd.core.requests import RotateKey
from gatewayd.core.rotations import PATIENCE
from tests.core.site import DESK, OFFICE, STRIKE, World, answers, events, identity, of, site

ROTATE = RotateKey(STRIKE)
R1 = RequestId("r1")
NEW, OLD = KeyProved(STRIKE, 17, renewed=True), KeyProved(STRIKE, 17, renewed=False)


def at_work() -> World:
    world = World(site(require_secure=frozenset({DESK, STRIKE})))
    for each in (DESK, STRIKE):
        world.tell(ControllerIdentified(each, 1, replace(identity(), proved=True)))
    return world


def answer(actions: list[Action]) -> Answer:
    (found,) = of(Answer, actions)
    return found


def test_a_new_key_is_sent_soon_and_answered_when_it_is_proved() -> None:
    world = at_work()
    assert world.ask(ROTATE) == [ReplaceKey(STRIKE, 1, expires=105.0)]
    world.offline(STRIKE)
    proved = world.tell(NEW)
    assert events(proved) == [ControllerKeyChanged(STRIKE, 17), RequestEnded(R1, OFFICE)]
    assert answer(proved).result == {"controller": STRIKE, "generation": 17}


def test_a_request_with_little_time_is_sent_in_that_or_never() -> None:
    assert at_work().ask(ROTATE, seconds=2) == [ReplaceKey(STRIKE, 1, expires=102.0)]


def test_a_new_key_that_is_proved_after_a_restart_is_told_too() -> None:
    world = at_work()
    assert events(world.tell(NEW)) == [ControllerKeyChanged(STRIKE, 17)]
    assert events(world.tell(OLD)) == []


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        (OLD, "controller_refused"),
        (KeyNotGiven(STRIKE, Outcome.REFUSED, "NAK 6"), "controller_refused"),
        (KeyNotGiven(STRIKE, Outcome.EXPIRED), "controller_offline"),
        (KeyNotGiven(STRIKE, Outcome.NOT_SENT), "controller_offline"),
        (KeyNotKept(STRIKE, "no space"), "storage_failed"),
    ],
)
def test_a_key_that_it_does_not_have_is_answered_at_once(fact: Fact, error: str) -> None:
    world = at_work()
    world.ask(ROTATE)
    failed = world.tell(fact)
    assert answers(failed) == [(R1, error)]
    assert not world.tell(fact)
    assert of(ReplaceKey, world.ask(ROTATE))


def test_what_may_have_arrived_is_waited_for() -> None:
    world = at_work()
    world.ask(ROTATE)
    assert not world.tell(KeyNotGiven(STRIKE, Outcome.UNCONFIRMED))
    assert answers(world.tell(NEW)) == [(R1, None)]


def test_nobody_waits_for_ever() -> None:
    world = at_work()
    world.ask(ROTATE)
    assert answer(world.ask(ROTATE)).error == "busy"
    world.offline(STRIKE)
    assert not answers(world.wait(PATIENCE - 0.1))
    late = world.wait(0.1)
    assert answers(late) == [(R1, "controller_silent")]
    assert "both kept" in answer(late).message


def test_a_unit_that_is_not_there_or_not_let_in_keeps_its_key() -> None:
    world = World(site(require_secure=frozenset({DESK, STRIKE})))
    assert answer(world.ask(ROTATE)).error == "controller_offline"
    world.tell(ControllerIdentified(STRIKE, 1, identity()))  # in clear
    assert answer(world.ask(ROTATE)).error == "unit_not_approved"
