"""A unit is not asked for what it says it does not have."""

from dataclasses import replace

import pytest

from gatewayd.core.actions import DisplayText, KeepCard, Latch, Release, TellMaker
from gatewayd.core.model import ControllerId, Identity, OrderId
from gatewayd.edge.osdp_limits import has_long_answers, obstacle, size_of
from gatewayd.edge.osdp_words import commands_for
from protocol.message import Message
from protocol.osdp.commands import KeepActive, ManufacturerCommand, ShowText, TextCommand
from protocol.osdp.orders import Priority
from protocol.osdp.replies import Function

C1, ORDER = ControllerId("c1"), OrderId(7)
UNIT = Identity("osdp", "5cb96a", 1, 1, "0000002a", (1, 0, 0), ((2, 4, 2),))
HEAD = (ORDER, C1, 1, 99.0)


def maker(length: int) -> TellMaker:
    return TellMaker(*HEAD, b"\x5c\xb9\x6a", bytes(length))


def commands(order: TellMaker) -> list[Message]:
    return [each for each, *_ in commands_for(order, ())]


@pytest.mark.parametrize(("output", "said"), [(1, ""), (2, "it has no output 2")])
def test_an_output_it_does_not_have_is_not_driven(output: int, said: str) -> None:
    for order in (
        Release(ORDER, C1, 1, output, 5.0, 99.0),
        Latch(ORDER, C1, 1, output, on=True, expires=99.0),
    ):
        assert obstacle(order, (), UNIT) == said
        assert not obstacle(order, (), replace(UNIT, capabilities=()))
        assert not obstacle(order, (), None)


@pytest.mark.parametrize(
    ("capabilities", "proved", "longest"),
    [
        ((), False, 117),
        ((), True, 108),
        (((10, 0, 2),), False, 501),
        (((10, 0xFF, 0xFF),), False, 1429),
        (((10, 0, 0),), False, 117),
    ],
)
def test_a_command_that_its_buffer_cannot_hold_is_not_sent(
    capabilities: tuple[tuple[int, int, int], ...],
    proved: bool,  # noqa: FBT001 - from the table above
    longest: int,
) -> None:
    unit = replace(UNIT, capabilities=capabilities, proved=proved)
    assert not obstacle(maker(longest), commands(maker(longest)), unit)
    said = obstacle(maker(longest + 1), commands(maker(longest + 1)), unit)
    assert said == f"its receive buffer takes {longest + 3} bytes of a command"


@pytest.mark.parametrize(
    ("capability", "has"),
    [
        ((11, 0, 4), True),
        ((11, 0, 0), False),
        ((12, 1, 0), True),
        ((14, 1, 1), True),
        ((17, 1, 0), True),
        ((4, 4, 1), False),
    ],
)
def test_it_is_told_our_size_if_it_has_long_answers(
    capability: tuple[int, int, int],
    has: bool,  # noqa: FBT001 - from the table above
) -> None:
    assert has_long_answers((capability,)) is has


def test_a_size_takes_two_bytes() -> None:
    assert size_of(((10, 0x80, 0x01),), Function.RECEIVE_SIZE) == 384
    assert size_of((), Function.RECEIVE_SIZE) is None


def test_commands_that_somebody_asked_for_are_put_into_words() -> None:
    text = ShowText(1, TextCommand.FOR_A_WHILE_WRAPPED, 10, 1, 1, b"Please wait")
    assert commands_for(DisplayText(*HEAD, 1, "Please wait", 10), ()) == [
        (text, Priority.ROUTINE, 7)
    ]
    assert commands(maker(2)) == [ManufacturerCommand(b"\x5c\xb9\x6a", bytes(2))]
    kept = commands_for(KeepCard(*HEAD, 60.0), ())
    assert kept == [(KeepActive(60_000), Priority.ROUTINE, 7)]
