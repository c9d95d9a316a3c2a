"""Reasons of the credential, its holder, and their rights and hours."""

from datetime import timedelta

import pytest

from gatewayd.core.access.model import (
    Authentication,
    CredentialState,
    LevelId,
    LevelRule,
    PointRules,
    Portal,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.policy import ClockLost, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.model import DoorId
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    HALL,
    LAB,
    LAB_ROOM,
    LOBBY,
    NOON,
    PORTALS,
    World,
    level,
)
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

DAY = timedelta(days=1)
OUT = Side.OUT
PIN = PointRules(default=Authentication.PIN)
OFFICE_HOURS = schedule(every="08:00-18:00")
BY_HOURS = level(LevelRule(OFFICE, frozenset({LAB, LOBBY})))


# --- the credential and its holder -----------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (CredentialState.DISABLED, Reason.CREDENTIAL_DISABLED),
        (CredentialState.LOST, Reason.CREDENTIAL_LOST),
        (CredentialState.STOLEN, Reason.CREDENTIAL_STOLEN),
        (CredentialState.DAMAGED, Reason.CREDENTIAL_DAMAGED),
        (CredentialState.DESTROYED, Reason.CREDENTIAL_DESTROYED),
        (CredentialState.INACTIVE, Reason.CREDENTIAL_INACTIVE),
        (CredentialState.UNASSIGNED, Reason.CREDENTIAL_UNASSIGNED),
        (CredentialState.LOCKED_OUT, Reason.CREDENTIAL_LOCKED_OUT),
    ],
)
def test_only_an_enabled_credential_opens(state: CredentialState, reason: Reason) -> None:
    world = World()
    world.credential(state=state)
    assert world.card().reason is reason


def test_a_credential_of_nobody_opens_nothing() -> None:
    world = World()
    del world.town.holders[ANNA]
    assert world.card().reason is Reason.CREDENTIAL_UNASSIGNED


def test_a_credential_is_valid_from_its_first_moment_until_before_its_last() -> None:
    world = World()
    world.credential(valid_from=NOON, valid_until=NOON + DAY)
    world.wait(-1)
    assert world.card().reason is Reason.CREDENTIAL_NOT_YET_ACTIVE
    world.wait(1)
    assert world.card().granted
    world.wait(days=1)
    assert world.card().reason is Reason.CREDENTIAL_EXPIRED


def test_a_holder_is_valid_from_the_first_moment_until_before_the_last() -> None:
    world = World()
    world.person(valid_from=NOON, valid_until=NOON + DAY)
    world.wait(-1)
    assert world.card().reason is Reason.HOLDER_NOT_YET_ACTIVE
    world.wait(1)
    assert world.card().granted
    world.wait(days=1)
    assert world.card().reason is Reason.HOLDER_EXPIRED


def test_what_has_no_end_has_a_beginning_all_the_same() -> None:
    for begins, early in (
        (World.credential, Reason.CREDENTIAL_NOT_YET_ACTIVE),
        (World.person, Reason.HOLDER_NOT_YET_ACTIVE),
    ):
        world = World()
        begins(world, valid_from=NOON)
        world.wait(-1)
        assert world.card().reason is early
        world.wait(1)
        assert world.card().granted


def test_what_has_no_beginning_has_an_end_all_the_same() -> None:
    for ends, late in (
        (World.credential, Reason.CREDENTIAL_EXPIRED),
        (World.person, Reason.HOLDER_EXPIRED),
    ):
        world = World()
        ends(world, valid_until=NOON)
        world.wait(-1)
        assert world.card().granted
        world.wait(1)
        assert world.card().reason is late


def test_a_disabled_holder_opens_nothing() -> None:
    world = World()
    world.person(enabled=False)
    assert world.card().reason is Reason.HOLDER_DISABLED


def test_a_use_counts_when_the_door_was_opened() -> None:
    world = World()
    world.credential(max_uses=2)
    assert world.card().granted
    assert world.passes().granted
    assert world.passes().granted
    assert world.passes().reason is Reason.USE_LIMIT


# --- rights and hours ------------------------------------------------------------------


def test_who_has_no_level_for_the_point_is_told_so() -> None:
    only_in = level(LevelRule(ALWAYS, frozenset({LAB}), sides=frozenset({Side.IN})))
    world = World(levels=(only_in,))
    assert world.card().granted
    assert world.card(side=OUT).reason is Reason.NO_RIGHTS_ZONE
    assert world.card(door=LOBBY, side=OUT).reason is Reason.NO_RIGHTS_POINT


def test_who_may_enter_an_area_elsewhere_lacks_the_point_only() -> None:
    world = World(levels=(level(LevelRule(ALWAYS, frozenset({LOBBY}))),))
    assert world.card().reason is Reason.NO_RIGHTS_ZONE
    assert world.card(side=OUT).reason is Reason.NO_RIGHTS_POINT  # the hall, by the lobby
    world.person(levels=(LevelId("none"),))
    assert world.card(side=OUT).reason is Reason.NO_RIGHTS_ZONE


def test_a_door_within_an_area_does_not_lead_into_it() -> None:
    inner = Portal(DoorId("inner"), inside=LAB_ROOM, outside=LAB_ROOM)
    held = level(LevelRule(ALWAYS, frozenset({inner.door})))
    world = World(portals=(*PORTALS, inner), levels=(held,))
    assert world.card(door=inner.door).granted
    assert world.card().reason is Reason.NO_RIGHTS_ZONE


def test_a_level_may_name_an_area_and_the_direction() -> None:
    into_hall = level(LevelRule(ALWAYS, areas=frozenset({HALL}), sides=frozenset({Side.IN})))
    world = World(levels=(into_hall,))
    assert world.card(door=LOBBY).granted
    assert world.card(side=OUT).granted  # out of the lab is into the hall
    assert not world.card().granted
    out_of_hall = level(LevelRule(ALWAYS, areas=frozenset({HALL}), sides=frozenset({OUT})))
    world = World(levels=(out_of_hall,))
    assert world.card().granted
    assert world.card(door=LOBBY, side=OUT).granted
    assert not world.card(door=LOBBY).granted


def test_a_level_is_open_at_its_hours() -> None:
    world = World(levels=(BY_HOURS,), schedules=[OFFICE_HOURS])
    world.shows("2026-05-08 08:00")
    assert world.card().granted
    world.shows("2026-05-08 18:00")
    assert world.card().reason is Reason.OUT_OF_SCHEDULE


def test_a_special_day_that_keeps_somebody_out_is_named() -> None:
    closed = schedule((HOLIDAYS, ""), every="08:00-18:00")
    days = [group(HOLIDAYS, "2026-05-08")]
    world = World(levels=(BY_HOURS,), schedules=[closed], special_days=days)
    assert world.card().reason is Reason.SPECIAL_DAY


def test_while_the_clock_may_be_wrong_only_always_is_certain() -> None:
    world = World(levels=(BY_HOURS,), schedules=[OFFICE_HOURS])
    world.clock_lost()
    assert world.card().reason is Reason.TIME_UNCERTAIN
    world = World()
    world.clock_lost()
    assert world.card().granted


def test_a_site_may_go_on_with_a_clock_that_may_be_wrong() -> None:
    policy = Policy(clock_lost=ClockLost.GO_ON)
    world = World(levels=(BY_HOURS,), schedules=[OFFICE_HOURS], policy=policy)
    world.clock_lost()
    assert world.card().granted


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        (NOON - DAY, NOON + 2 * DAY, Reason.GRANTED),
        (NOON - DAY / 2, None, Reason.TIME_UNCERTAIN),
        (None, NOON + DAY, Reason.TIME_UNCERTAIN),
        (NOON + DAY, None, Reason.CREDENTIAL_NOT_YET_ACTIVE),
        (None, NOON, Reason.CREDENTIAL_EXPIRED),
    ],
)
def test_a_validity_that_begins_or_ends_about_now_is_not_certain_either(
    since: object, until: object, reason: Reason
) -> None:
    world = World()
    world.clock_lost()
    world.credential(valid_from=since, valid_until=until)
    assert world.card().reason is reason


def test_what_is_asked_for_is_the_strictest_if_the_clock_would_say_what() -> None:
    by_hours = (ScheduledAuthentication(OFFICE, Authentication.CARD),)
    always = (ScheduledAuthentication(ALWAYS, Authentication.CARD), *by_hours)
    for asked, reason in (
        (by_hours, Reason.PIN_AWAITED),
        (always, Reason.GRANTED),
    ):
        rules = PointRules(authentication=asked, default=Authentication.PIN)
        world = World(rules, schedules=[OFFICE_HOURS])
        world.clock_lost()
        assert world.card().reason is reason
