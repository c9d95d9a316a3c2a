"""Texts, smart cards and makers' commands: to an approved unit that can, once, and answered."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gatewayd.core.actions import (
    Action,
    Answer,
    DisplayText,
    KeepCard,
    TellMaker,
    UnitCommand,
)
from gatewayd.core.events import InternalError, RequestEnded
from gatewayd.core.facts import ControllerIdentified, OrderDone, Outcome
from gatewayd.core.model import DoorId, Moment, RequestId
from gatewayd.core.requests import AskMaker, Command, KeepCardActive, Request, ShowText
from gatewayd.core.unit_commands import MOST_PENDING, PATIENCE, Asked
from tests.core.site import (
    CAPABILITIES,
    DESK,
    LAB,
    LOBBY,
    STRIKE,
    World,
    answers,
    events,
    identity,
    lobby,
    of,
    site,
)

TEXT = ShowText(LAB, "Please wait", 10)
MAKER = AskMaker(STRIKE, b"\x00\xd0\xc9", b"secret")
CARD = KeepCardActive(DESK, 10.0)
R1 = RequestId("r1")


def at_work(*capabilities: tuple[int, int, int], world: World | None = None) -> World:
    """Everybody has what they usually have, and this."""
    there = world or World()
    able = replace(identity(), capabilities=(*CAPABILITIES, *capabilities))
    for each in (DESK, STRIKE):
        there.tell(ControllerIdentified(each, 1, able))
    return there


def given(actions: list[Action]) -> UnitCommand:
    (found,) = [a for a in actions if isinstance(a, DisplayText | TellMaker | KeepCard)]
    return found


@pytest.mark.parametrize(
    ("command", "made"),
    [
        (TEXT, lambda n, t: DisplayText(n, DESK, 1, t, 1, "Please wait", 10)),
        (MAKER, lambda n, t: TellMaker(n, STRIKE, 1, t, b"\x00\xd0\xc9", b"secret")),
        (CARD, lambda n, t: KeepCard(n, DESK, 1, t, 10.0)),
    ],
)
def test_a_command_goes_to_its_unit_and_is_answered_when_that_has_it(
    command: Command, made: Callable[[int, float], UnitCommand]
) -> None:
    world = at_work((6, 1, 1), (12, 1, 0))
    sent = given(world.ask(command))
    assert sent == made(sent.order, world.mono + PATIENCE)
    assert answers(world.tell(OrderDone(sent.order, Outcome.DELIVERED))) == [(R1, None)]


def test_what_the_unit_said_to_its_makers_command_is_the_answer() -> None:
    world = at_work()
    sent = given(world.ask(MAKER))
    (answer,) = of(Answer, world.tell(OrderDone(sent.order, Outcome.DELIVERED, "", "0102")))
    assert answer.result == {"reply": "0102"}


def test_a_makers_command_without_an_answer_says_so() -> None:
    world = at_work()
    sent = given(world.ask(MAKER))
    (answer,) = of(Answer, world.tell(OrderDone(sent.order, Outcome.DELIVERED)))
    assert answer.result == {"reply": None}


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome.REFUSED, "controller_refused"),
        (Outcome.UNCONFIRMED, "controller_silent"),
        (Outcome.EXPIRED, "controller_offline"),
        (Outcome.NOT_SENT, "controller_offline"),
    ],
)
def test_what_went_wrong_is_told(outcome: Outcome, error: str) -> None:
    world = at_work()
    sent = given(world.ask(MAKER))
    ended = world.tell(OrderDone(sent.order, outcome, "NAK 9"))
    assert answers(ended) == [(R1, error)]
    (answer,) = of(Answer, ended)
    assert answer.message.endswith(": NAK 9")
    assert not world.tell(OrderDone(sent.order, outcome))


def test_a_request_with_little_time_is_sent_in_that_or_never() -> None:
    world = at_work()
    assert given(world.ask(MAKER, seconds=2)).expires == world.mono + 2


def test_only_who_is_there_and_approved_is_told_anything() -> None:
    world = World()
    assert answers(world.ask(MAKER)) == [(R1, "controller_offline")]
    at_work(world=world)
    world.brain._parts.controllers.bar(STRIKE)
    assert answers(world.ask(MAKER)) == [(RequestId("r2"), "unit_not_approved")]
    nowhere = ShowText(DoorId("nowhere"), "x", 5)
    assert answers(world.ask(nowhere)) == [(RequestId("r3"), "no_such_door")]


@pytest.mark.parametrize(("rows", "room"), [(1, 16), (2, 32), (3, 64)])
def test_a_text_has_the_room_that_the_display_has(rows: int, room: int) -> None:
    world = at_work((6, rows, 1))
    assert given(world.ask(ShowText(LAB, "x" * room, 5)))
    assert answers(world.ask(ShowText(LAB, "x" * (room + 1), 5))) == [
        (RequestId("r2"), "not_supported")
    ]


@pytest.mark.parametrize("command", [TEXT, CARD])
def test_a_unit_without_display_or_smart_cards_is_not_bothered(command: Command) -> None:
    world = at_work((6, 9, 1), (12, 0, 0))
    assert answers(world.ask(command)) == [(R1, "not_supported")]


def test_a_door_without_reader_shows_nothing() -> None:
    world = at_work(world=World(site(lobby(reader=None))))
    assert answers(world.ask(ShowText(LOBBY, "x", 5))) == [(R1, "not_supported")]


def test_a_line_that_says_nothing_is_not_waited_for() -> None:
    world = at_work()
    sent = given(world.ask(MAKER))
    assert answers(world.wait(PATIENCE + 1)) == [(R1, "controller_silent")]
    assert not world.tell(OrderDone(sent.order, Outcome.DELIVERED))


def test_only_so_many_are_under_way() -> None:
    world = at_work()
    for _ in range(MOST_PENDING):
        given(world.ask(MAKER))
    assert [error for _, error in answers(world.ask(MAKER))] == ["busy"]


def test_a_fault_of_ours_leaves_nothing_behind() -> None:
    world = at_work()
    commands = world.brain._parts.commands
    ask = commands.ask

    def broken(request: Request, command: Asked, now: Moment) -> None:
        ask(request, command, now)
        raise RuntimeError

    commands.ask = broken  # type: ignore[method-assign]  # a fault, played
    failed = world.ask(MAKER)
    assert not of(TellMaker, failed)
    assert any(isinstance(each, InternalError) for each in events(failed))
    assert answers(failed) == [(R1, "internal_error")]
    assert not commands._pending


def test_the_journal_tells_that_it_ended_and_not_what_it_said() -> None:
    world = at_work()
    ended = world.tell(OrderDone(given(world.ask(MAKER)).order, Outcome.DELIVERED))
    assert isinstance(events(ended)[0], RequestEnded)
    assert "secret" not in repr(MAKER)
    assert "wait" not in repr(TEXT)
