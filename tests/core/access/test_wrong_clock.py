"""A clock that is ten years off, either way, gives nobody a right, and its traces wear off."""

from datetime import timedelta

import pytest

from gatewayd.core.access.attempt import Decision
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    DoorRules,
    Flag,
    LevelRule,
    Passback,
    PointRules,
    Side,
    point_id,
)
from gatewayd.core.access.policy import ClockLost, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import (
    SITE,
    Misses,
    MissesAre,
    Presence,
    Subject,
    everybody_forgiven,
    pins_of_holder,
    pins_of_point,
)
from gatewayd.core.access.unlock import unlocked
from tests.core.access.world import ANNA, BORIS, BORISS, LAB, LAB_ROOM, NOON, World, level
from tests.core.hours import OFFICE, schedule

DAY = timedelta(days=1)
TEN_YEARS = timedelta(days=3653)  # to another day of the week
OFF = [TEN_YEARS, -TEN_YEARS]
OFFICE_HOURS = schedule(every="08:00-18:00")


def off_by(world: World, off: timedelta, *, trusted: bool = True) -> World:
    """Let the clock show something else; the monotonic one goes on as it did."""
    world.now = type(world.now)(world.now.mono + 1, world.now.utc + off, trusted)
    return world


def card(off: timedelta, *, trusted: bool, policy: Policy | None = None) -> Decision:
    """Show a card that is valid the day before and after."""
    world = World(policy=policy)
    world.credential(valid_from=NOON - DAY, valid_until=NOON + DAY)
    return off_by(world, off, trusted=trusted).card()


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("policy", [None, Policy(clock_lost=ClockLost.GO_ON)])
@pytest.mark.parametrize("off", OFF)
def test_what_is_valid_for_two_days_is_not_valid_ten_years_off(
    off: timedelta, policy: Policy | None, *, trusted: bool
) -> None:
    late = Reason.CREDENTIAL_EXPIRED if off > DAY else Reason.CREDENTIAL_NOT_YET_ACTIVE
    assert card(off, trusted=trusted, policy=policy).reason is late
    assert card(DAY * 0, trusted=True, policy=policy).granted


@pytest.mark.parametrize("off", OFF)
def test_hours_do_not_count_by_a_clock_that_is_not_trusted(off: timedelta) -> None:
    by_hours = level(LevelRule(OFFICE, frozenset({LAB})))
    world = off_by(World(levels=(by_hours,), schedules=[OFFICE_HOURS]), off, trusted=False)
    assert world.card().reason is Reason.TIME_UNCERTAIN
    assert off_by(world, -off).card().granted


@pytest.mark.parametrize("off", OFF)
def test_a_supervisor_who_came_by_a_wrong_clock_has_not_come(off: timedelta) -> None:
    rules = PointRules(first_person=OFFICE)
    door = DoorRules(LAB, rules, unlock=OFFICE, unlock_needs_first_person=True)
    world = World(doors=(door,), schedules=[OFFICE_HOURS])
    world.person(BORIS, Flag.SUPERVISOR)
    off_by(world, off).passes(BORISS)
    assert world.card().granted
    off_by(world, -off)
    assert world.card().reason is Reason.SUPERVISOR_ABSENT
    assert not unlocked(world.book, world.state, LAB, world.now)
    world.passes(BORISS)
    assert world.card().granted
    assert unlocked(world.book, world.state, LAB, world.now)


@pytest.mark.parametrize("forgiven_off", [*OFF, DAY * 0])
@pytest.mark.parametrize("off", OFF)
def test_anti_passback_counts_on_after_everybody_was_forgiven_by_a_wrong_clock(
    off: timedelta, forgiven_off: timedelta
) -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    off_by(world, off).passes()
    assert world.passes().reason is Reason.PASSBACK
    off_by(world, forgiven_off)
    world.apply(everybody_forgiven(world.state, world.now.utc))
    assert world.state.presences == {}
    off_by(world, -off - forgiven_off)
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK
    assert world.state.occupancy == {LAB_ROOM: 1}
    world.apply(everybody_forgiven(world.state, world.now.utc))
    assert world.passes().granted


def test_who_musters_is_there_also_after_everybody_was_forgiven_by_a_wrong_clock() -> None:
    world = World(PointRules(muster=True), areas=(AreaRules(LAB_ROOM),))
    world.apply(everybody_forgiven(world.state, NOON + TEN_YEARS))
    assert world.card().reason is Reason.MUSTERED
    assert world.state.occupancy == {LAB_ROOM: 1}


def test_times_of_moves_are_those_of_the_clock_unless_all_was_forgiven_later() -> None:
    world = World()
    world.passes()
    assert world.state.presences[ANNA] == Presence(LAB_ROOM, NOON)
    world.apply(everybody_forgiven(world.state, NOON))
    assert world.state.forgiven == NOON
    world.passes()
    since = NOON + timedelta(microseconds=1)
    assert world.state.presences[ANNA] == Presence(LAB_ROOM, since)


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (pins_of_holder(ANNA), Reason.CREDENTIAL_LOCKED_OUT),
        (pins_of_point(point_id(LAB, Side.IN)), Reason.POINT_LOCKED_OUT),
        (SITE, Reason.PINS_LOCKED_OUT),
    ],
)
def test_a_lockout_by_a_wrong_clock_ends_when_the_clock_is_right(
    subject: Subject, reason: Reason
) -> None:
    world = World(PointRules(default=Authentication.CARD_AND_PIN))
    world.person(pin="1234")
    then = NOON + TEN_YEARS
    world.apply(MissesAre(subject, Misses(0, 1, then, then + timedelta(seconds=30))))
    world.clock_lost()
    assert world.card(pin="1234").reason is reason
    off_by(world, DAY * 0)
    assert world.card(pin="1234").granted
    longest = NOON + timedelta(hours=1)
    world.apply(MissesAre(subject, Misses(0, 9, NOON, longest)))
    assert world.card(pin="1234").reason is reason
    world.wait(hours=1)
    assert world.card(pin="1234").granted


@pytest.mark.parametrize("subject", [Subject("point:lab:in"), SITE])
def test_a_pin_alone_is_looked_up_after_a_lockout_by_a_wrong_clock(subject: Subject) -> None:
    world = World(PointRules(default=Authentication.PIN))
    world.pin_alone("1234")
    then = NOON + TEN_YEARS
    world.apply(MissesAre(subject, Misses(0, 1, NOON, NOON + timedelta(seconds=30))))
    assert not world.pin("1234").granted
    world.apply(MissesAre(subject, Misses(0, 1, then, then + timedelta(seconds=30))))
    assert world.pin("1234").granted
