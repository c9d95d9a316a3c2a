"""An error at any line below the decision denies, changes nothing, and leaves nothing behind.

Each scene ends in a grant (or records somebody at a muster point). It is played once to count
the lines that the decision runs through, in whatever file, and then once more for each of
them, with an error in its place.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from gatewayd.core.access.attempt import Attempt, Decision
from gatewayd.core.access.decide import decide
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Flag,
    Interlock,
    LevelRule,
    Passback,
    PointRules,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.model import Card
from tests.core.access.world import (
    ANNA,
    ANNAS,
    BORIS,
    BORISS,
    HALL,
    LAB,
    LAB_ROOM,
    NOBODYS,
    VERA,
    VERAS,
    World,
    digits,
    level,
)
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

Scene = Callable[[], tuple[World, Attempt]]
BY_HOURS = level(LevelRule(OFFICE, frozenset({LAB})))
OFFICE_HOURS = schedule((HOLIDAYS, ""), every="08:00-18:00")
HOLIDAY = group(HOLIDAYS, "2026-05-01")


def shows(world: World, card: Card | None, pin: str | None = None) -> tuple[World, Attempt]:
    return world, Attempt(LAB, Side.IN, world.now, card, digits(pin))


def a_card() -> tuple[World, Attempt]:
    return shows(World(), ANNAS)


def a_card_within_hours() -> tuple[World, Attempt]:
    asked = ScheduledAuthentication(OFFICE, Authentication.CARD)
    rules = PointRules(authentication=(asked,), default=Authentication.PIN)
    world = World(rules, levels=(BY_HOURS,), schedules=[OFFICE_HOURS], special_days=[HOLIDAY])
    return shows(world, ANNAS)


def a_card_with_its_pin() -> tuple[World, Attempt]:
    world = World(PointRules(default=Authentication.CARD_AND_PIN))
    world.person(pin="1234")
    for pin in ("1111", "2222"):
        world.card(pin=pin)
    return shows(world, ANNAS, "1234")


def a_pin_after_its_card() -> tuple[World, Attempt]:
    world = World(PointRules(default=Authentication.CARD_AND_PIN))
    world.person(pin="1234", duress="4321")
    world.card()
    return shows(world, None, "4321")


def a_pin_alone() -> tuple[World, Attempt]:
    world = World(PointRules(default=Authentication.PIN))
    world.pin_alone("1234")
    world.pin("9999")
    return shows(world, None, "1234")


def two_people() -> tuple[World, Attempt]:
    world = World(
        PointRules(two_person=True, first_person=OFFICE),
        areas=(AreaRules(LAB_ROOM, Passback.HARD, max_occupancy=2, min_occupancy=2),),
        schedules=[OFFICE_HOURS],
        special_days=[HOLIDAY],
    )
    world.person(ANNA, Flag.SUPERVISOR)
    world.credential(max_uses=1)
    world.card()
    return shows(world, BORISS)


def a_visitor_and_an_escort() -> tuple[World, Attempt]:
    world = World(areas=(AreaRules(HALL, Passback.SOFT, interlock=Interlock.UNLOCK),))
    world.person(VERA, Flag.VISITOR, Flag.EXTENDED_TIME)
    world.person(BORIS, Flag.ESCORT, Flag.FIRST_PERSON_EXEMPT)
    world.card(VERAS)
    return shows(world, BORISS)


def a_muster_point() -> tuple[World, Attempt]:
    return shows(World(PointRules(muster=True), areas=(AreaRules(LAB_ROOM),)), ANNAS)


def a_facility_code() -> tuple[World, Attempt]:
    policy = Policy(facilities=frozenset({"H10301:36"}), facility_only=True)
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),), policy=policy)
    world.degraded = True
    return shows(world, NOBODYS)


SCENES = (
    a_card,
    a_card_within_hours,
    a_card_with_its_pin,
    a_pin_after_its_card,
    a_pin_alone,
    two_people,
    a_visitor_and_an_escort,
    a_muster_point,
    a_facility_code,
)


class Sabotage:
    """Raises an error before the line of this number is run, or counts the lines."""

    def __init__(self, at: int, error: type[Exception]) -> None:
        self.at, self.error = at, error
        self.lines = 0

    def decided(self, world: World, attempt: Attempt) -> Decision:
        before, around = sys.gettrace(), world.around
        sys.settrace(self._call)
        try:
            return decide(world.book, world.state, around, attempt)
        finally:
            sys.settrace(before)

    def _call(self, frame: FrameType, _: str, __: Any) -> Any:  # noqa: ANN401 - as sys.settrace wants it
        return None if frame.f_code is decide.__code__ else self._line

    def _line(self, _: FrameType, event: str, __: Any) -> Any:  # noqa: ANN401 - the same
        if event == "line":
            if self.lines == self.at:
                raise self.error
            self.lines += 1
        return self._line


@pytest.mark.parametrize("error", [RuntimeError, KeyError, StopIteration])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_an_error_at_any_line_denies_and_leaves_nothing_behind(
    scene: Scene, error: type[Exception]
) -> None:
    count = Sabotage(-1, error)
    sound = count.decided(*scene())
    assert sound.granted or sound.reason is Reason.MUSTERED
    for at in range(count.lines):
        world, attempt = scene()
        failed = Sabotage(at, error).decided(world, attempt)
        told = failed._replace(fault=None)
        assert told == Decision(LAB, Side.IN, Reason.INTERNAL_ERROR, attempt.card), at
        assert failed.fault is not None
        assert decide(world.book, world.state, world.around, attempt) == sound, at
    assert count.lines > 10
