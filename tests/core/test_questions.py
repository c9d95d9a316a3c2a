"""Questions about the decision are answered, take their time, and change nothing."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest

from gatewayd.core.access.model import (
    BOTH_SIDES,
    Authentication,
    Credential,
    Holder,
    LevelRule,
    PointRules,
    Side,
)
from gatewayd.core.access.reasons import Reason
from gatewayd.core.actions import Action, Answer
from gatewayd.core.desk import Desk
from gatewayd.core.model import Card, ClientId, HolderId, Moment, RequestId
from gatewayd.core.questions import (
    MOST_AT_ONCE,
    MOST_FOUND,
    PAUSE,
    SLICE,
    Questions,
    Standing,
)
from gatewayd.core.requests import ExplainDecision, Request, WhatCanOpen, WhoCanOpen
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import ANNA, LAB, LOBBY, RAW, STAFF, World, key, level
from tests.core.access.world import ANNAS as CARD
from tests.core.hours import OFFICE, schedule

OFFICE_LEVEL = level(LevelRule(OFFICE, frozenset({LAB})), LevelRule(ALWAYS, frozenset({LOBBY})))
OFFICE_HOURS = schedule(every="08:00-18:00")


class Inquiry:
    """A world, and somebody who asks about it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.out: list[Action] = []
        self.desk = Desk(self.out)
        self.questions = Questions(
            self.desk,
            lambda: Standing(world.book, world.state, world.around, lambda _: self.against),
        )
        self.asked = 0
        self.against: Reason | None = None

    def request(
        self, command: ExplainDecision | WhoCanOpen | WhatCanOpen, seconds: float = 30
    ) -> Request:
        self.asked += 1
        id_ = RequestId(f"r{self.asked}")
        expires = self.world.now.mono + seconds
        request = Request(id_, ClientId("office"), command, expires)
        assert self.desk.begin(request)
        return request

    def why(self, card: Card = CARD, at: datetime | None = None) -> dict[str, Any]:
        command = ExplainDecision(LAB, Side.IN, key(card), at)
        self.questions.explain(self.request(command), command, self.world.now)
        return self.answer()

    def search(self, command: WhoCanOpen | WhatCanOpen, seconds: float = 30) -> None:
        self.questions.search(self.request(command, seconds), command, self.world.now)

    def ticks(self) -> int:
        """Let time pass until nothing is looked for any more; count the slices."""
        number = 0
        while self.questions.deadline < math.inf:
            self.world.now = Moment(self.questions.deadline, self.world.now.utc)
            self.questions.tick(self.world.now)
            number += 1
        return number

    def answer(self) -> dict[str, Any]:
        found = self.answers()[-1]
        assert found.error is None
        assert isinstance(found.result, dict)
        return found.result

    def answers(self) -> list[Answer]:
        return [each for each in self.out if isinstance(each, Answer)]


def stranger(world: World, holder: HolderId, card: Card) -> None:
    world.town.holders[holder] = Holder(holder, levels=(STAFF,))
    world.town.cards[key(card)] = Credential(key(card), holder)


def crowd(people: int) -> World:
    world = World()
    for number in range(100, 100 + people):
        stranger(world, HolderId(f"p{number}"), Card("", "H10301", 1, number))
    return world


def test_why_a_card_is_kept_out_at_another_time() -> None:
    inquiry = Inquiry(World(levels=(OFFICE_LEVEL,), schedules=[OFFICE_HOURS]))
    now, later = inquiry.why(), inquiry.world.now.utc + timedelta(hours=9)
    then = inquiry.why(at=later)
    assert (now["granted"], now["reason"]) == (True, "granted")
    assert (then["granted"], then["reason"]) == (False, "out_of_schedule")
    assert then["at"] == later
    assert then["holder"] == ANNA
    assert then["point"] == "lab:in"
    rules = {each["rule"]: each["words"] for each in then["rules"]}
    assert rules["rights and hours"].startswith('schedule "Office hours" ended 18:00')


def test_a_card_of_bits_that_no_format_reads_is_asked_about_by_its_bits() -> None:
    inquiry = Inquiry(World())
    assert inquiry.why(RAW)["reason"] == "unknown_format"
    assert inquiry.why(Card("", "H10302", None, 77))["credential"] == "H10302::77"


def test_a_grant_that_cannot_be_carried_out_is_none() -> None:
    inquiry = Inquiry(World(levels=(OFFICE_LEVEL,), schedules=[OFFICE_HOURS]))
    inquiry.against = Reason.UNIT_OFFLINE
    now, later = inquiry.why(), inquiry.world.now.utc + timedelta(hours=9)
    assert (now["granted"], now["reason"]) == (False, "unit_offline")
    assert now["words"] == "the controller of the lock is not there"
    assert now["holder"] == ANNA
    assert inquiry.why(at=later)["reason"] == "out_of_schedule", "a denial is what it is"


def test_asking_why_changes_nothing() -> None:
    inquiry = Inquiry(World(PointRules(default=Authentication.CARD_AND_PIN)))
    assert inquiry.why()["reason"] == "pin_awaited"
    assert not inquiry.world.state.cards


def test_who_can_open_a_door_is_looked_through_in_slices() -> None:
    inquiry = Inquiry(crowd(3 * SLICE))
    inquiry.search(WhoCanOpen(LAB, Side.IN))
    assert inquiry.ticks() == 4
    found = inquiry.answer()
    assert (len(found["openings"]), found["more"]) == (3 * SLICE + 3, False)
    first = found["openings"][0]
    assert first == {
        "door": LAB,
        "side": Side.IN,
        "holder": ANNA,
        "credential": key(CARD),
        "needs": (),
    }


def test_between_two_slices_there_is_time_for_everything_else() -> None:
    inquiry = Inquiry(crowd(SLICE))
    inquiry.search(WhoCanOpen(LAB, Side.IN))
    begun = inquiry.world.now
    inquiry.questions.tick(begun)
    assert inquiry.questions.deadline == begun.mono + PAUSE
    inquiry.questions.tick(begun)
    assert not inquiry.answers()


def test_an_answer_has_an_end() -> None:
    inquiry = Inquiry(crowd(MOST_FOUND + SLICE))
    inquiry.search(WhoCanOpen(LAB, Side.IN))
    inquiry.ticks()
    assert (len(inquiry.answer()["openings"]), inquiry.answer()["more"]) == (MOST_FOUND, True)


def test_what_somebody_can_open() -> None:
    inquiry = Inquiry(
        World(levels=(level(LevelRule(ALWAYS, frozenset({LAB}), sides=BOTH_SIDES)),))
    )
    inquiry.search(WhatCanOpen(ANNA))
    inquiry.ticks()
    found = [(each["door"], each["side"]) for each in inquiry.answer()["openings"]]
    assert found == [(LAB, Side.IN), (LAB, Side.OUT)]


def test_people_who_change_meanwhile_end_the_question() -> None:
    inquiry = Inquiry(crowd(2 * SLICE))
    inquiry.search(WhoCanOpen(LAB, Side.IN))
    inquiry.questions.tick(inquiry.world.now)
    stranger(inquiry.world, HolderId("new"), Card("", "H10301", 1, 9))
    inquiry.ticks()
    assert [each.error for each in inquiry.answers()] == ["permissions_version"]


def test_who_cannot_be_looked_up_leaves_no_question_half_answered() -> None:
    inquiry = Inquiry(crowd(2 * SLICE))
    lookup = inquiry.world.town.holder

    def damaged(holder: HolderId) -> Holder | None:
        if holder == "p299":
            raise ValueError("its record cannot be read")
        return lookup(holder)

    inquiry.world.town.holder = damaged  # type: ignore[method-assign]  # one record is damaged
    inquiry.search(WhoCanOpen(LAB, Side.IN))
    inquiry.search(WhatCanOpen(ANNA))
    with pytest.raises(ValueError, match="cannot be read"):
        inquiry.ticks()
    inquiry.ticks()
    errors = {each.request: each.error for each in inquiry.answers()}
    assert errors == {"r1": "internal_error", "r2": None}


def test_a_question_whose_time_is_over_says_so() -> None:
    inquiry = Inquiry(crowd(2 * SLICE))
    inquiry.search(WhoCanOpen(LAB, Side.IN), seconds=PAUSE / 2)
    inquiry.ticks()
    assert [each.error for each in inquiry.answers()] == ["request_expired"]


def test_only_so_many_questions_are_looked_through_at_a_time() -> None:
    inquiry = Inquiry(crowd(SLICE))
    for _ in range(MOST_AT_ONCE + 1):
        inquiry.search(WhoCanOpen(LAB, Side.IN))
    assert [each.error for each in inquiry.answers()] == ["busy"]
    inquiry.ticks()
    assert len(inquiry.answers()) == MOST_AT_ONCE + 1
