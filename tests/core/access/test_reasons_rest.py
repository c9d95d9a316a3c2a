"""Longer times, muster points, facility codes while degraded, and what cannot be evaluated."""

import pytest

from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    CredentialState,
    Flag,
    Passback,
    PointRules,
)
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.model import Card
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    HALL,
    LAB,
    LAB_ROOM,
    NOBODYS,
    NOON,
    World,
)

CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
TWO = PointRules(two_person=True)


def test_some_holders_have_longer_to_pass() -> None:
    world = World()
    world.person(ANNA, Flag.EXTENDED_TIME)
    decision = world.card()
    assert (decision.release_seconds, decision.open_seconds) == (15.0, 90.0)


def test_a_muster_point_opens_nothing_and_records_who_is_there() -> None:
    world = World(PointRules(muster=True), areas=(AreaRules(LAB_ROOM),))
    world.credential(valid_until=NOON)
    decision = world.card()
    assert decision.reason is Reason.MUSTERED
    assert not decision.granted
    assert world.state.occupancy == {LAB_ROOM: 1}
    world.credential(state=CredentialState.STOLEN)
    assert world.card().reason is Reason.CREDENTIAL_STOLEN
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL
    world.credential(state=CredentialState.ENABLED)
    del world.town.holders[ANNA]
    assert world.card().reason is not Reason.MUSTERED


FACILITY = Policy(facilities=frozenset({"H10301:36"}), facility_only=True)


def test_while_degraded_a_facility_code_may_be_enough() -> None:
    world = World(policy=FACILITY)
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL
    world.degraded = True
    decision = world.card(NOBODYS)
    assert decision.granted
    assert decision.degraded
    assert decision.holder is None
    world.take(decision)
    assert world.card(Card("26:1", "H10301", 35, 9)).reason is Reason.INVALID_FACILITY
    world.credential(state=CredentialState.LOST)
    assert world.card().reason is Reason.CREDENTIAL_LOST  # who is known is decided as ever


def test_a_facility_code_is_not_enough_unless_the_policy_says_so() -> None:
    world = World(policy=Policy(facilities=frozenset({"H10301:36"})))
    world.degraded = True
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL


@pytest.mark.parametrize(
    ("rules", "area"),
    [
        (CARD_AND_PIN, AreaRules(HALL)),
        (PointRules(minimum_clearance=1), AreaRules(HALL)),
        (PointRules(first_person=ALWAYS), AreaRules(HALL)),
        (TWO, AreaRules(HALL)),
        (PointRules(muster=True), AreaRules(HALL)),
        (PointRules(), AreaRules(LAB_ROOM, Passback.SOFT)),
        (PointRules(), AreaRules(LAB_ROOM, max_occupancy=9)),
        (PointRules(), AreaRules(HALL, min_occupancy=2)),
    ],
)
def test_a_facility_code_is_not_enough_where_more_is_asked_for(
    rules: PointRules, area: AreaRules
) -> None:
    world = World(rules, areas=(area,), policy=FACILITY)
    world.degraded = True
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL


def test_what_cannot_be_evaluated_denies() -> None:
    world = World()
    del world.doors[LAB]
    assert world.card().reason is Reason.INTERNAL_ERROR
