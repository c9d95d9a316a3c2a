"""A unit gets its first key only because somebody asked, and only the unit that was meant."""

from dataclasses import replace

import pytest

from gatewayd.core.actions import (
    Action,
    Admit,
    Answer,
    CloseWindow,
    GiveKey,
    OpenWindow,
)
from gatewayd.core.commissioning import LATE, MOST_GIVEN
from gatewayd.core.events import ControllerCommissioning, ControllerKeyChanged, InternalError
from gatewayd.core.facts import (
    ControllerIdentified,
    KeyNotGiven,
    KeyNotKept,
    KeyProved,
    Outcome,
    RequestCommitted,
    SetupFailed,
    UnitAnswered,
    WindowClosed,
)
from gatewayd.core.model import ClientId, ControllerId, Identity, RequestId
from gatewayd.core.requests import CommissionController, EndCommissioning, Request
from tests.core.site import DESK, STRIKE, World, answers, events, identity, of, site

SERIAL = "00000001"
LOOK = CommissionController(STRIKE, 100)
COMMISSION = CommissionController(STRIKE, 100, SERIAL)
UNTIL = 130.0  # the request ends earlier than the window it asks for
OPENED = ControllerCommissioning(STRIKE, "opened", "request office", detail="for 30 s")
ANSWERED = ControllerCommissioning(
    STRIKE, "answered", "request office", SERIAL, "vendor 00d0c9 model 1 firmware 1.2.3"
)


def secure_site() -> World:
    world = World(site(require_secure=frozenset({DESK, STRIKE})))
    world.tick()
    return world


def unit_answers(
    world: World, who: Identity | None = None, connection: int = 5
) -> list[Action]:
    return world.tell(UnitAnswered(STRIKE, connection, who or identity()))


def closes(world: World, why: str = "time is over", *, done: bool = False) -> list[Action]:
    return world.tell(WindowClosed(STRIKE, why, done))


def closed(detail: str) -> ControllerCommissioning:
    return ControllerCommissioning(STRIKE, "closed", "request office", detail=detail)


def commissioning(actions: list[Action]) -> list[ControllerCommissioning]:
    return [each for each in events(actions) if isinstance(each, ControllerCommissioning)]


def answer(actions: list[Action]) -> Answer:
    (found,) = of(Answer, actions)
    return found


def asked_by(client: str, world: World, command: CommissionController) -> list[Action]:
    request = Request(RequestId("x"), ClientId(client), command, world.mono + 10)
    return world.tell(RequestCommitted(request))


# --- the good way ------------------------------------------------------------------------


def test_whoever_names_the_serial_number_is_answered_once_at_the_end() -> None:
    world = secure_site()
    begun = world.ask(COMMISSION)
    assert of(OpenWindow, begun) == [OpenWindow(STRIKE, UNTIL)]
    assert commissioning(begun) == [OPENED]

    there = unit_answers(world)
    assert of(GiveKey, there) == [GiveKey(STRIKE, 5)]
    assert events(there) == [ANSWERED]

    proved = world.tell(KeyProved(STRIKE, 17, renewed=True))
    assert events(proved) == [ControllerKeyChanged(STRIKE, 17)]
    assert not answers(proved)

    done = closes(world, "done", done=True)
    assert commissioning(done) == [closed("done")]
    assert answers(done) == [(RequestId("r1"), None)]
    result = answer(done).result
    assert isinstance(result, dict)
    assert (result["serial"], result["generation"]) == (SERIAL, 17)


def test_a_unit_without_a_key_is_let_in_once_it_has_one() -> None:
    world = secure_site()
    assert not of(Admit, world.tell(ControllerIdentified(STRIKE, 1, identity())))
    world.offline(STRIKE)
    world.ask(COMMISSION)
    unit_answers(world)
    world.tell(KeyProved(STRIKE, 17, renewed=True))
    proved = replace(identity(), proved=True)
    assert of(Admit, world.tell(ControllerIdentified(STRIKE, 6, proved)))


def test_whoever_names_no_serial_number_is_told_who_is_there_and_asks_again() -> None:
    world = secure_site()
    assert of(OpenWindow, world.ask(LOOK))
    there = unit_answers(world)
    assert not of(GiveKey, there)
    result = answer(there).result
    assert isinstance(result, dict)
    assert result["serial"] == SERIAL
    assert result["vendor"] == "00d0c9"

    confirmed = world.ask(COMMISSION)
    assert of(GiveKey, confirmed) == [GiveKey(STRIKE, 5)]
    assert not of(OpenWindow, confirmed)
    world.tell(KeyProved(STRIKE, 3, renewed=True))
    assert answers(closes(world, "done", done=True)) == [(RequestId("r2"), None)]


def test_the_same_unit_is_told_of_once_and_gets_the_next_try() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    unit_answers(world, connection=5)
    world.tell(KeyNotGiven(STRIKE, Outcome.UNCONFIRMED, "no answer"))
    again = unit_answers(world, connection=6)
    assert of(GiveKey, again) == [GiveKey(STRIKE, 6)]
    assert not events(again)


def test_a_session_that_is_over_gets_no_key() -> None:
    world = secure_site()
    world.ask(LOOK)
    unit_answers(world, connection=5)
    world.tell(SetupFailed(STRIKE, "silent"))
    assert not of(GiveKey, world.ask(COMMISSION))
    assert of(GiveKey, unit_answers(world, connection=6)) == [GiveKey(STRIKE, 6)]


# --- the other ways ----------------------------------------------------------------------


def test_another_serial_number_gets_nothing_and_ends_it() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    there = unit_answers(world, identity(serial=2))
    assert not of(GiveKey, there)
    assert of(CloseWindow, there) == [CloseWindow(STRIKE)]
    assert answer(there).error == "wrong_serial"
    assert "00000002" in answer(there).message
    assert not unit_answers(world)  # too late to be the right one
    ended = closes(world, "cancelled")
    assert not answers(ended)
    assert "00000002" in commissioning(ended)[0].detail


def test_a_window_in_which_nobody_answers_ends_with_what_was_seen_last() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    world.tell(SetupFailed(STRIKE, "it does not take the default key"))
    ended = closes(world)
    assert answer(ended).error == "not_commissioned"
    assert answer(ended).message == "time is over; it does not take the default key"
    assert commissioning(ended) == [closed("time is over")]


def test_a_window_that_was_only_looked_into_ends_without_an_answer() -> None:
    world = secure_site()
    world.ask(LOOK)
    unit_answers(world)
    ended = closes(world)
    assert not answers(ended)
    assert events(ended) == [closed("time is over")]


def test_a_unit_that_refuses_the_key_ends_it() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    unit_answers(world)
    refused = world.tell(KeyNotGiven(STRIKE, Outcome.REFUSED, "NAK 6"))
    assert answer(refused).error == "controller_refused"
    assert of(CloseWindow, refused)


def test_a_key_that_cannot_be_kept_is_not_sent() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    unit_answers(world)
    failed = world.tell(KeyNotKept(STRIKE, "no space"))
    assert answer(failed).error == "storage_failed"
    assert of(CloseWindow, failed)


def test_a_key_is_sent_so_often_and_no_more() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    for connection in range(MOST_GIVEN):
        assert of(GiveKey, unit_answers(world, connection=connection))
    last = unit_answers(world, connection=99)
    assert not of(GiveKey, last)
    assert answer(last).error == "controller_refused"


def test_a_proof_of_the_old_key_is_no_end() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    assert not world.tell(KeyProved(STRIKE, 1, renewed=False))
    assert not world.tell(KeyProved(DESK, 1, renewed=False))


def test_an_operator_can_end_it() -> None:
    world = secure_site()
    assert answer(world.ask(EndCommissioning(STRIKE))).error == "no_window"
    world.ask(COMMISSION)
    ended = world.ask(EndCommissioning(STRIKE))
    assert answers(ended) == [(RequestId("r2"), "not_commissioned"), (RequestId("r3"), None)]
    assert of(CloseWindow, ended) == [CloseWindow(STRIKE)]
    assert answer(world.ask(COMMISSION)).error == "busy"  # not closed yet
    assert commissioning(closes(world, "cancelled")) == [closed("request office ended it")]


def test_who_looked_and_wants_nothing_more_ends_it_too() -> None:
    world = secure_site()
    world.ask(LOOK)
    unit_answers(world)
    ended = world.ask(EndCommissioning(STRIKE))
    assert answers(ended) == [(RequestId("r2"), None)]
    assert of(CloseWindow, ended)


def test_there_is_one_window_for_each_line_and_one_who_asks() -> None:
    one_line = replace(
        site(require_secure=frozenset({DESK, STRIKE})),
        controllers={DESK: "north", STRIKE: "north"},
    )
    world = World(one_line)
    world.ask(COMMISSION)
    assert answer(world.ask(COMMISSION)).error == "busy"
    assert answer(world.ask(CommissionController(DESK, 100, SERIAL))).error == "busy"
    assert answer(asked_by("somebody", world, COMMISSION)).error == "busy"


def test_a_classic_unit_gets_no_key() -> None:
    world = secure_site()
    world.tell(ControllerIdentified(STRIKE, 1, identity(model=9)))
    asked = world.ask(COMMISSION)
    assert answer(asked).error == "unit_not_approved"
    assert not of(OpenWindow, asked)


@pytest.mark.parametrize(
    ("controller", "error"),
    [(STRIKE, "not_secure"), (ControllerId("attic"), "no_such_controller")],
)
def test_what_has_no_key_cannot_be_commissioned(controller: ControllerId, error: str) -> None:
    world = World(site(require_secure=frozenset({DESK})))
    asked = world.ask(CommissionController(controller, 100, SERIAL))
    assert answer(asked).error == error
    assert not of(OpenWindow, asked)


# --- belt and braces ---------------------------------------------------------------------


def test_a_window_that_its_line_forgets_is_closed_all_the_same() -> None:
    world = secure_site()
    world.ask(COMMISSION)
    assert not answers(world.wait(30 + LATE - 0.1))
    ended = world.wait(0.1)
    assert answer(ended).error == "not_commissioned"
    assert of(CloseWindow, ended)
    assert not closes(world)


def test_what_comes_of_no_window_means_nothing() -> None:
    world = secure_site()
    assert not unit_answers(world)
    assert not world.tell(SetupFailed(STRIKE, "silent"))
    assert not world.tell(KeyNotGiven(STRIKE, Outcome.REFUSED))
    assert not closes(world)


def test_a_fault_of_ours_opens_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    world = secure_site()

    def broken(*_: object) -> None:
        world.brain._out.append(OpenWindow(STRIKE, UNTIL))
        raise RuntimeError

    monkeypatch.setattr(world.brain._parts.windows, "ask", broken)
    asked = world.ask(COMMISSION)
    assert not of(OpenWindow, asked)
    assert answer(asked).error == "internal_error"
    assert any(isinstance(each, InternalError) for each in events(asked))
