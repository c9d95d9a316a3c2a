"""Reasons of escorts, second and first persons."""

from gatewayd.core.access.model import (
    Authentication,
    CredentialState,
    Flag,
    PointRules,
)
from gatewayd.core.access.reasons import Reason
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    BORIS,
    BORISS,
    LAB,
    VERA,
    VERAS,
    World,
)
from tests.core.hours import OFFICE, schedule

CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
TWO = PointRules(two_person=True)
OFFICE_HOURS = schedule(every="08:00-18:00")


def test_two_people_open_together_and_both_are_named() -> None:
    world = World(TWO)
    first = world.card()
    assert first.reason is Reason.SECOND_PERSON_AWAITED
    assert first.until == 115.0
    world.wait(14)
    second = world.card(BORISS)
    assert second.granted
    assert second.holder == BORIS
    assert second.companion is not None
    assert second.companion.holder == ANNA
    assert world.card(BORISS).reason is Reason.SECOND_PERSON_AWAITED


def test_one_person_is_not_two() -> None:
    world = World(TWO)
    world.card()
    assert world.card().reason is Reason.SECOND_PERSON_AWAITED


def test_no_second_person_in_time_is_told() -> None:
    world = World(TWO)
    world.card()
    world.wait(15)
    assert world.over() == [Reason.SECOND_PERSON_REQUIRED]
    assert world.card(BORISS).reason is Reason.SECOND_PERSON_AWAITED


def test_a_second_person_who_comes_too_late_is_the_first_of_two() -> None:
    world = World(TWO)
    world.card()
    world.wait(15)
    assert world.card(BORISS).reason is Reason.SECOND_PERSON_AWAITED
    assert world.card().granted


def test_the_first_of_two_is_asked_about_again() -> None:
    world = World(TWO)
    world.card()
    world.credential(state=CredentialState.STOLEN)
    assert world.card(BORISS).reason is Reason.SECOND_PERSON_AWAITED


def test_a_card_that_changed_hands_is_no_companion() -> None:
    world = World(TWO)
    world.card()
    world.credential(holder=VERA)
    assert world.card(BORISS).reason is Reason.SECOND_PERSON_AWAITED


def test_a_visitor_is_none_of_two() -> None:
    world = World(TWO)
    world.person(VERA, Flag.VISITOR)
    assert world.card(VERAS).reason is Reason.SECOND_PERSON_REQUIRED


def test_duress_of_either_of_two_is_told_at_once_and_again() -> None:
    world = World(PointRules(default=Authentication.CARD_AND_PIN, two_person=True))
    world.person(ANNA, pin="1234", duress="4321")
    world.person(BORIS, pin="1111")
    assert world.card(pin="4321").duress
    assert world.card(BORISS).reason is Reason.PIN_AWAITED
    decision = world.pin("1111")
    assert decision.granted
    assert decision.duress


def test_a_visitor_passes_with_an_escort() -> None:
    world = World()
    world.person(VERA, Flag.VISITOR)
    world.person(ANNA, Flag.ESCORT)
    waiting = world.card(VERAS)
    assert waiting.reason is Reason.ESCORT_AWAITED
    assert waiting.awaiting
    together = world.card()
    assert together.granted
    assert together.companion is not None
    assert together.companion.holder == VERA
    assert world.card().companion is None


def test_no_escort_in_time_is_told() -> None:
    world = World()
    world.person(VERA, Flag.VISITOR)
    world.card(VERAS)
    world.wait(15)
    assert world.over() == [Reason.ESCORT_REQUIRED]


def test_two_visitors_do_not_escort_each_other() -> None:
    world = World()
    for each in (VERA, BORIS):
        world.person(each, Flag.VISITOR, Flag.ESCORT)
    assert world.card(VERAS).reason is Reason.ESCORT_AWAITED
    assert world.card(BORISS).reason is Reason.WRONG_ESCORT
    assert world.card(BORISS).reason is Reason.ESCORT_AWAITED


def test_nobody_but_an_escort_passes_while_a_visitor_waits() -> None:
    world = World()
    world.person(VERA, Flag.VISITOR)
    world.card(VERAS)
    assert world.card(BORISS).reason is Reason.WRONG_ESCORT
    assert world.card(BORISS).granted  # the visitor does not wait any more


def test_an_escort_passes_alone_if_the_visitor_may_not_any_more() -> None:
    world = World()
    world.person(VERA, Flag.VISITOR)
    world.person(ANNA, Flag.ESCORT)
    world.card(VERAS)
    world.credential(VERAS, state=CredentialState.DISABLED)
    decision = world.card()
    assert decision.granted
    assert decision.companion is None


def test_who_waits_by_rules_that_are_no_more_is_nobodys_companion() -> None:
    world, other = World(TWO), World()
    world.card()
    other.state = world.state
    assert other.card(BORISS).companion is None


def test_nobody_enters_before_a_supervisor_has() -> None:
    world = World(PointRules(first_person=OFFICE), schedules=[OFFICE_HOURS])
    assert world.card().reason is Reason.SUPERVISOR_ABSENT
    world.person(BORIS, Flag.SUPERVISOR)
    assert world.card(BORISS).granted
    assert world.card().reason is Reason.SUPERVISOR_ABSENT  # he did not go in
    assert world.passes(BORISS).granted
    assert world.card().granted
    world.wait(days=1)
    assert world.card().reason is Reason.SUPERVISOR_ABSENT


def test_outside_the_hours_of_the_rule_no_supervisor_is_needed() -> None:
    world = World(PointRules(first_person=OFFICE), schedules=[OFFICE_HOURS])
    world.shows("2026-05-08 18:00")
    assert world.card().granted


def test_some_holders_need_no_supervisor() -> None:
    world = World(PointRules(first_person=ALWAYS))
    assert world.card().reason is Reason.SUPERVISOR_ABSENT
    world.person(ANNA, Flag.FIRST_PERSON_EXEMPT)
    assert world.card().granted


def test_a_supervisor_may_be_the_first_of_two() -> None:
    world = World(PointRules(first_person=ALWAYS, two_person=True))
    world.person(ANNA, Flag.SUPERVISOR)
    assert world.card(BORISS).reason is Reason.SUPERVISOR_ABSENT
    assert world.card().reason is Reason.SECOND_PERSON_AWAITED
    assert world.passes(BORISS).granted
    assert world.state.first_persons[LAB].holder == ANNA


def test_a_second_person_who_is_no_supervisor_either_does_not_help() -> None:
    leaving = World(PointRules(two_person=True))
    leaving.card()
    world = World(PointRules(first_person=ALWAYS, two_person=True))
    world.state = leaving.state
    assert world.card(BORISS).reason is Reason.SUPERVISOR_ABSENT


def test_who_was_first_cannot_be_said_without_a_clock() -> None:
    world = World(PointRules(first_person=OFFICE), schedules=[OFFICE_HOURS])
    world.clock_lost()
    assert world.card().reason is Reason.TIME_UNCERTAIN
    world = World(PointRules(first_person=ALWAYS))
    world.clock_lost()
    assert world.card().reason is Reason.SUPERVISOR_ABSENT
