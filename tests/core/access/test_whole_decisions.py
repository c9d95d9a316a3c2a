"""Decisions to the last field, and what they change to the last number."""

from datetime import timedelta

import pytest

from gatewayd.core.access.attempt import Decision, Person
from gatewayd.core.access.consequences import over, taken
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Flag,
    Passback,
    PointRules,
    Side,
    point_id,
)
from gatewayd.core.access.policy import PinLimit, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.occupancy import OCCUPANCY
from gatewayd.core.access.state import (
    SITE,
    CardWait,
    CardWaits,
    CompanionWait,
    CompanionWaits,
    Misses,
    MissesAre,
    Presence,
    PresenceIs,
    pins_of_holder,
    pins_of_point,
)
from gatewayd.core.model import Card, DoorId
from tests.core.access.world import (
    ANNA,
    ANNAS,
    BORIS,
    BORISS,
    HALL,
    LAB,
    LAB_ROOM,
    NOBODYS,
    NOON,
    VERA,
    VERAS,
    Town,
    World,
    key,
)
from tests.core.hours import OFFICE, schedule

CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
HERE = point_id(LAB, Side.IN)
IN = Side.IN
FACILITY = Policy(facilities=frozenset({"H10301:36"}), facility_only=True)
VERAS_KEY, ANNAS_KEY = key(VERAS), key(ANNAS)


def test_a_reader_that_is_not_there_is_named_and_what_was_shown() -> None:
    attic = DoorId("attic")
    told = Decision(attic, IN, Reason.POINT_DISABLED, ANNAS)
    assert World().card(door=attic) == told


def test_a_denial_names_the_reader_the_card_and_whose_it_is() -> None:
    world = World()
    world.person(enabled=False)
    told = Decision(LAB, Side.OUT, Reason.HOLDER_DISABLED, ANNAS, ANNA, ANNAS_KEY)
    assert world.card(side=Side.OUT) == told
    assert world.card(NOBODYS) == Decision(LAB, IN, Reason.UNKNOWN_CREDENTIAL, NOBODYS)


def test_what_went_wrong_is_named_beside_the_card() -> None:
    world = World()
    del world.doors[LAB]
    denied = world.card()
    assert denied == Decision(LAB, IN, Reason.INTERNAL_ERROR, ANNAS, fault=denied.fault)
    assert denied.fault is not None
    assert denied.fault.startswith("KeyError in ")


def test_a_plain_grant_says_for_how_long_and_whether_it_is_forced() -> None:
    world = World()
    granted = Decision(LAB, IN, Reason.GRANTED, ANNAS, ANNA, ANNAS_KEY, 5.0, 30.0)
    assert world.card() == granted
    world.credential(duress=True)
    assert world.card() == granted._replace(duress=True)


def test_a_grant_where_more_is_asked_for_says_as_much() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    granted = Decision(LAB, IN, Reason.GRANTED, ANNAS, ANNA, ANNAS_KEY, 5.0, 30.0)
    assert world.card(pin="1234") == granted


def test_a_grant_to_two_is_as_long_as_the_slower_one_needs() -> None:
    world = World()
    world.person(VERA, Flag.VISITOR, Flag.EXTENDED_TIME)
    world.person(ANNA, Flag.ESCORT)
    waits = CompanionWaits(
        HERE, CompanionWait(VERA, VERAS_KEY, duress=False, visitor=True, until=115.0)
    )
    awaited = Decision(LAB, IN, Reason.ESCORT_AWAITED, VERAS, VERA, VERAS_KEY, until=115.0)
    assert world.card(VERAS) == awaited._replace(changes=(waits,))
    granted = Decision(LAB, IN, Reason.GRANTED, ANNAS, ANNA, ANNAS_KEY, 15.0, 90.0)
    ended = (CompanionWaits(HERE, None),)
    together = granted._replace(changes=ended, companion=Person(VERA, VERAS_KEY))
    assert world.card() == together


def test_a_grant_for_a_facility_code_names_nobody_and_ends_what_waited() -> None:
    world = World(policy=FACILITY)
    world.degraded = True
    world.apply(CardWaits(HERE, CardWait(ANNAS, 110.0)))
    granted = Decision(LAB, IN, Reason.GRANTED, NOBODYS, None, None, 5.0, 30.0)
    ended = (CardWaits(HERE, None),)
    assert world.card(NOBODYS) == granted._replace(changes=ended, degraded=True)


def test_who_musters_is_recorded_by_name() -> None:
    world = World(PointRules(muster=True))
    world.card()
    assert world.state.presences == {ANNA: Presence(LAB_ROOM, NOON)}


def test_an_escort_and_a_second_person_are_awaited_for_as_long_as_the_rules_say() -> None:
    times = {"escort_seconds": 4.0, "two_person_seconds": 7.0}
    world = World(PointRules(**times))  # type: ignore[arg-type]  # names of fields
    world.person(VERA, Flag.VISITOR)
    assert world.card(VERAS).until == 104.0
    world = World(PointRules(two_person=True, **times))  # type: ignore[arg-type]  # the same
    assert world.card().until == 107.0


def test_who_waited_too_long_is_named_and_waits_no_more() -> None:
    world = World(CARD_AND_PIN, PointRules(two_person=True))
    world.person(pin="1234")
    world.card()
    world.card(BORISS, side=Side.OUT)
    world.wait(15)
    assert set(over(world.book, world.state, world.now)) == {
        Decision(LAB, IN, Reason.FACTOR_TIMEOUT, ANNAS, changes=(CardWaits(HERE, None),)),
        Decision(
            LAB,
            Side.OUT,
            Reason.SECOND_PERSON_REQUIRED,
            holder=BORIS,
            credential=key(BORISS),
            changes=(CompanionWaits(point_id(LAB, Side.OUT), None),),
        ),
    }
    world.over()
    assert (world.state.cards, world.state.companions) == ({}, {})


def test_nothing_follows_from_a_denial_or_at_a_reader_that_is_gone() -> None:
    world = World()
    denied = world.card()._replace(reason=Reason.LOCKDOWN)
    assert taken(world.book, denied, world.state, world.now) == ()
    gone = world.card()._replace(door=DoorId("attic"))
    assert taken(world.book, gone, world.state, world.now) == ()


def test_who_passed_is_not_lost_with_a_record_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.person(ANNA, Flag.SUPERVISOR)
    granted = world.card()
    for name in ("credential", "holder"):
        monkeypatch.setattr(Town, name, unreadable)
    world.take(granted)
    assert world.state.presences == {ANNA: Presence(LAB_ROOM, NOON)}
    assert world.state.uses == {ANNAS_KEY: 1}
    assert world.state.first_persons == {}


def unreadable(*_: object) -> None:
    raise OSError(5, "Input/output error")


# --- wrong PINs -----------------------------------------------------------------------


def test_wrong_pins_are_counted_from_the_first_of_a_window() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    subjects = (pins_of_holder(ANNA), pins_of_point(HERE), SITE)
    world.card(pin="9999")
    assert world.state.misses == dict.fromkeys(subjects, Misses(1, 0, NOON))
    world.wait(599)
    world.card(pin="9999")
    assert world.state.misses == dict.fromkeys(subjects, Misses(2, 0, NOON))
    world.wait(1)
    later = NOON + timedelta(seconds=600)
    world.card(pin="9999")
    assert world.state.misses[SITE] == Misses(1, 0, later)
    assert world.state.misses[pins_of_holder(ANNA)] == Misses(3, 0, NOON)


def test_a_new_window_remembers_how_many_lockouts_there_were() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    ended = NOON - timedelta(seconds=1)
    world.apply(MissesAre(SITE, Misses(7, 3, NOON - timedelta(days=1), ended)))
    world.card(pin="9999")
    assert world.state.misses[SITE] == Misses(1, 3, NOON, ended)


def test_lockouts_double_thirty_times_at_most() -> None:
    limit = PinLimit(1, lock_seconds=1.0, longest_seconds=1e12)
    world = World(CARD_AND_PIN, policy=Policy(holder_pins=limit))
    world.person(pin="1234")
    anna = pins_of_holder(ANNA)
    world.apply(MissesAre(anna, Misses(0, 40, NOON, NOON - timedelta(seconds=1))))
    world.card(pin="9999")
    until = NOON + timedelta(seconds=2**30)
    assert world.state.misses[anna] == Misses(0, 41, NOON, until)


def test_who_needs_no_pin_passes_a_reader_that_is_locked_out_for_wrong_ones() -> None:
    world = World(CARD_AND_PIN)
    until = NOON + timedelta(seconds=30)
    world.apply(MissesAre(pins_of_point(HERE), Misses(0, 1, NOON, until)))
    assert world.card().reason is Reason.POINT_LOCKED_OUT
    world.person(ANNA, Flag.PIN_EXEMPT)
    assert world.card().granted


# --- at the very edge -----------------------------------------------------------------


def test_as_many_as_must_be_there_may_stay_behind() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    for holder in (ANNA, BORIS, VERA):
        world.apply(PresenceIs(holder, Presence(LAB_ROOM, NOON)))
    assert world.passes(side=Side.OUT).granted
    assert world.passes(BORISS, side=Side.OUT).reason is Reason.OCCUPANCY_MIN


def test_the_first_of_two_who_leave_leaves_with_the_other() -> None:
    world = World(
        exit_=PointRules(two_person=True), areas=(AreaRules(LAB_ROOM, min_occupancy=2),)
    )
    for holder in (ANNA, BORIS, VERA):
        world.apply(PresenceIs(holder, Presence(LAB_ROOM, NOON)))
    assert world.card(side=Side.OUT).reason is Reason.OCCUPANCY_MIN
    world.apply(PresenceIs(VERA, None))
    assert world.card(side=Side.OUT).reason is Reason.SECOND_PERSON_AWAITED


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        (AreaRules(LAB_ROOM), False),
        (AreaRules(LAB_ROOM, min_occupancy=1), True),
        (AreaRules(LAB_ROOM, max_occupancy=0), True),
    ],
)
def test_occupancy_is_asked_about_where_it_is_limited(rules: AreaRules, *, asked: bool) -> None:
    world = World(areas=(rules,))
    point = world.book.point(LAB, IN)
    assert point is not None
    assert OCCUPANCY.at(point, world.book.policy) is asked


@pytest.mark.parametrize(
    ("rules", "granted"),
    [(AreaRules(LAB_ROOM), True), (AreaRules(LAB_ROOM, min_occupancy=1), False)],
)
def test_a_facility_code_is_enough_where_nobody_is_counted(
    rules: AreaRules, *, granted: bool
) -> None:
    world = World(areas=(rules,), policy=FACILITY)
    world.degraded = True
    assert world.card(NOBODYS).granted is granted


@pytest.mark.parametrize("card", [Card("37:1", "H10302", None, 9), Card("37:1", None, 7, 9)])
def test_a_card_without_a_facility_code_is_of_no_wrong_one(card: Card) -> None:
    world = World(policy=Policy(facilities=frozenset({"H10301:36"})))
    assert world.card(card).reason in (Reason.UNKNOWN_CREDENTIAL, Reason.UNKNOWN_FORMAT)


def test_a_supervisor_who_comes_with_the_first_stroke_has_come() -> None:
    hours = schedule(every="08:00-18:00")
    world = World(PointRules(first_person=OFFICE), schedules=[hours])
    world.person(BORIS, Flag.SUPERVISOR)
    world.shows("2026-05-08 08:00")
    world.passes(BORISS)
    world.wait(60)
    assert world.card().granted


def test_soft_passback_names_everybody_on_the_wrong_side() -> None:
    world = World(PointRules(two_person=True), areas=(AreaRules(LAB_ROOM, Passback.SOFT),))
    for holder in (ANNA, BORIS):
        world.apply(PresenceIs(holder, Presence(LAB_ROOM, NOON)))
    world.card()
    assert world.card(BORISS).passback == (BORIS, ANNA)
    world.apply(PresenceIs(BORIS, Presence(HALL, NOON)))
    world.card()
    assert world.card(BORISS).passback == (ANNA,)
