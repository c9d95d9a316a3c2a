"""Reasons of the point and its door."""

import pytest

from gatewayd.core.access.attempt import Attempt
from gatewayd.core.access.explain import explain
from gatewayd.core.access.model import (
    Flag,
    PointRules,
    Side,
)
from gatewayd.core.access.policy import Policy, Stale
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import (
    LockdownIs,
    ThreatLevelIs,
)
from gatewayd.core.model import DoorId, DoorMode
from tests.core.access.world import (
    ANNA,
    ANNAS,
    LAB,
    LOBBY,
    NOBODYS,
    World,
    key,
)

OUT = Side.OUT


def test_a_card_opens_the_door() -> None:
    decision = World().card()
    assert decision.granted
    assert (decision.holder, decision.credential) == (ANNA, key(ANNAS))
    assert (decision.release_seconds, decision.open_seconds) == (5.0, 30.0)


def test_a_disabled_point_takes_no_card() -> None:
    assert World(PointRules(enabled=False)).card().reason is Reason.POINT_DISABLED


def test_a_point_that_is_not_there_takes_no_card() -> None:
    assert World().card(door=DoorId("attic")).reason is Reason.POINT_DISABLED


@pytest.mark.parametrize("mode", [DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN])
def test_a_door_that_is_open_for_all_still_decides(mode: DoorMode) -> None:
    world = World()
    world.mode(mode)
    assert world.card().granted
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL


def test_a_blocked_door_opens_for_nobody() -> None:
    world = World()
    world.person(ANNA, Flag.LOCKDOWN_EXEMPT)
    world.mode(DoorMode.BLOCKED)
    assert world.card().reason is Reason.DOOR_BLOCKED


def test_permissions_that_are_too_old_deny_if_the_policy_says_so() -> None:
    world = World(policy=Policy(on_stale=Stale.DENY))
    assert world.card().granted
    world.stale = True
    for card in (ANNAS, NOBODYS):
        assert world.card(card).reason is Reason.PERMISSIONS_STALE
    assert World(PointRules(muster=True), policy=world.book.policy).card().reason is (
        Reason.MUSTERED
    )
    going_on = World()
    going_on.stale = True
    assert going_on.card().granted


@pytest.mark.parametrize(
    ("on_stale", "reason"),
    [(Stale.GO_ON, Reason.GRANTED), (Stale.DENY, Reason.PERMISSIONS_STALE)],
)
def test_a_facility_code_is_no_way_round_permissions_that_are_too_old(
    on_stale: Stale, reason: Reason
) -> None:
    known = frozenset({"H10301:36"})
    world = World(policy=Policy(facilities=known, facility_only=True, on_stale=on_stale))
    world.degraded = world.stale = True
    assert world.card(NOBODYS).reason is reason


def test_the_age_of_permissions_is_explained() -> None:
    world = World(policy=Policy(on_stale=Stale.DENY))
    attempt = Attempt(LAB, Side.IN, world.now, ANNAS)
    for world.stale, words in ((False, "are not older than"), (True, "are older than")):
        found = explain(world.book, world.state, world.around, attempt).findings
        assert words in next(each.words for each in found if each.rule == "permissions fresh")


def test_a_lockdown_stops_all_but_exempt_holders() -> None:
    world = World()
    world.mode(DoorMode.LOCKED_DOWN)
    assert world.card().reason is Reason.LOCKDOWN
    assert world.card(door=LOBBY).granted
    world.person(ANNA, Flag.LOCKDOWN_EXEMPT)
    assert world.card().granted


def test_a_lockdown_of_the_site_is_one_of_every_door() -> None:
    world = World()
    world.apply(LockdownIs(on=True))
    assert world.card().reason is Reason.LOCKDOWN
    assert world.card(door=LOBBY, side=OUT).reason is Reason.LOCKDOWN
    assert world.card(NOBODYS).reason is Reason.LOCKDOWN
    world.apply(LockdownIs(on=False))
    assert world.card().granted


def test_a_threat_level_asks_for_clearance() -> None:
    world = World()
    world.apply(ThreatLevelIs(3))
    world.person(ANNA, clearance=2)
    assert world.card().reason is Reason.THREAT_LEVEL
    world.person(ANNA, clearance=3)
    assert world.card().granted


def test_a_point_may_ask_for_clearance_at_all_times() -> None:
    world = World(PointRules(minimum_clearance=1))
    assert world.card().reason is Reason.THREAT_LEVEL
    assert world.card(side=OUT).granted


def test_who_is_not_known_is_told_so_whatever_the_threat() -> None:
    world = World()
    world.apply(ThreatLevelIs(3))
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL
