"""Every reason, each reached as it would be on a site."""

from datetime import timedelta

import pytest

from gatewayd.core.access.attempt import DoorNow
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    CredentialState,
    DoorMode,
    Flag,
    Interlock,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    Portal,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.policy import ClockLost, PinLimit, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import (
    AllForgiven,
    LockdownIs,
    Presence,
    PresenceIs,
    ThreatLevelIs,
)
from gatewayd.core.model import Card, DoorId
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    ANNAS,
    BORIS,
    BORISS,
    HALL,
    LAB,
    LAB_ROOM,
    LOBBY,
    NOBODYS,
    NOON,
    PORTALS,
    RAW,
    VERA,
    VERAS,
    World,
    key,
    level,
    pin_of,
)
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

DAY = timedelta(days=1)
UNSURE = DoorNow(unlocked=None)
OUT = Side.OUT
CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
PIN = PointRules(default=Authentication.PIN)
TWO = PointRules(two_person=True)
OFFICE_HOURS = schedule(every="08:00-18:00")
BY_HOURS = level(LevelRule(OFFICE, frozenset({LAB, LOBBY})))


# --- the point and the door -------------------------------------------------------


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


# --- what was presented -----------------------------------------------------------


def test_a_card_that_was_not_read_well_is_of_no_format() -> None:
    misread = Card(ANNAS.raw, "H10301", 36, 1, parity_ok=False)
    assert World().card(misread).reason is Reason.UNKNOWN_FORMAT


def test_a_card_of_no_known_format_may_be_known_by_its_bits() -> None:
    world = World()
    assert world.card(RAW).reason is Reason.UNKNOWN_FORMAT
    world.town.cards[RAW.raw] = world.town.cards[key(ANNAS)]._replace(key=RAW.raw)
    assert world.card(RAW).granted


def test_a_facility_code_of_another_site_is_told_first() -> None:
    world = World(policy=Policy(facilities=frozenset({"H10301:35"})))
    assert world.card(NOBODYS).reason is Reason.INVALID_FACILITY
    world = World(policy=Policy(facilities=frozenset({"H10301:36"})))
    assert world.card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL
    assert world.card(RAW).reason is Reason.UNKNOWN_FORMAT


def test_a_card_that_is_not_known_opens_nothing() -> None:
    assert World().card(NOBODYS).reason is Reason.UNKNOWN_CREDENTIAL


def test_a_card_at_a_reader_for_pins_alone_is_the_wrong_factor() -> None:
    assert World(PIN).card().reason is Reason.WRONG_FACTOR


def test_a_pin_at_a_reader_for_cards_is_the_wrong_factor() -> None:
    world = World()
    world.pin_alone("1234")
    assert world.pin("1234").reason is Reason.WRONG_FACTOR
    assert world.pin("1234").holder is None


def test_a_pin_without_its_card_is_the_wrong_factor() -> None:
    assert World(CARD_AND_PIN).pin("1234").reason is Reason.WRONG_FACTOR


def test_a_pin_that_comes_too_late_opens_nothing() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    asked = world.card()
    assert asked.reason is Reason.PIN_AWAITED
    assert asked.awaiting
    assert asked.until == 115.0
    world.wait(15)
    assert world.pin("1234").reason is Reason.FACTOR_TIMEOUT
    assert world.pin("1234").reason is Reason.WRONG_FACTOR


def test_who_never_enters_the_pin_is_told_when_time_is_over() -> None:
    world = World(CARD_AND_PIN)
    world.card()
    assert world.state.deadline == 115.0
    world.wait(14.9)
    assert world.over() == []
    world.wait(0.1)
    assert world.over() == [Reason.FACTOR_TIMEOUT]
    assert world.over() == []


def test_card_and_pin_open_together_or_one_after_the_other() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    assert world.card(pin="1234").granted
    world.card()
    world.wait(14)
    assert world.pin("1234").granted
    assert world.pin("1234").reason is Reason.WRONG_FACTOR


def test_a_wrong_pin_opens_nothing() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    world.card()
    assert world.pin("1235").reason is Reason.WRONG_PIN
    assert world.pin("1234").reason is Reason.WRONG_FACTOR  # the card must be shown again


def test_a_pin_that_is_too_long_is_wrong() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    assert world.card(pin="").reason is Reason.WRONG_PIN


def test_who_has_no_pin_is_asked_for_it_and_it_is_wrong() -> None:
    world = World(CARD_AND_PIN)
    assert world.card().reason is Reason.PIN_AWAITED
    assert world.pin("1234").reason is Reason.WRONG_PIN


def test_a_pin_exempt_holder_needs_the_card_only() -> None:
    world = World(CARD_AND_PIN)
    world.person(ANNA, Flag.PIN_EXEMPT)
    assert world.card().granted


def test_a_pin_alone_is_a_credential() -> None:
    world = World(PIN)
    world.pin_alone("1234", BORIS)
    decision = world.pin("1234")
    assert decision.granted
    assert decision.holder == BORIS
    assert world.pin("1235").reason is Reason.UNKNOWN_CREDENTIAL


def test_card_or_pin_takes_either() -> None:
    world = World(PointRules(default=Authentication.CARD_OR_PIN))
    world.pin_alone("1234")
    assert world.card().granted
    assert world.pin("1234").granted


def test_what_is_asked_for_follows_its_schedules_the_first_active_one() -> None:
    asked = (
        ScheduledAuthentication(OFFICE, Authentication.CARD),
        ScheduledAuthentication(ALWAYS, Authentication.CARD_AND_PIN),
    )
    world = World(PointRules(authentication=asked), schedules=[OFFICE_HOURS])
    assert world.card().granted
    world.shows("2026-05-08 18:00")
    assert world.card().reason is Reason.PIN_AWAITED


def test_a_duress_pin_grants_as_any_other() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234", duress="4321")
    usual, forced = world.card(pin="1234"), world.card(pin="4321")
    assert not usual.duress
    assert forced.duress
    assert forced._replace(duress=False) == usual


def test_a_duress_pin_alone_grants_too() -> None:
    world = World(PIN)
    world.pin_alone("1234", duress=True)
    decision = world.pin("1234")
    assert decision.granted
    assert decision.duress


# --- too many wrong PINs ----------------------------------------------------------


def test_five_wrong_pins_lock_the_holder_out_everywhere() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    for _ in range(5):
        assert world.card(pin="0000").reason is Reason.WRONG_PIN
    assert world.card(pin="1234").reason is Reason.CREDENTIAL_LOCKED_OUT
    assert world.card(door=LOBBY).reason is Reason.CREDENTIAL_LOCKED_OUT
    assert world.card(BORISS, door=LOBBY).granted
    world.wait(30)
    assert world.card(pin="1234").granted


def test_every_lockout_lasts_twice_as_long_until_the_right_pin_comes() -> None:
    world = World(CARD_AND_PIN, policy=Policy(point_pins=PinLimit(99)))
    world.person(pin="1234")
    for _ in range(5):
        world.card(pin="0000")
    world.wait(30)
    for _ in range(5):
        assert world.card(pin="0000").reason is Reason.WRONG_PIN
    world.wait(59)
    assert world.card(pin="1234").reason is Reason.CREDENTIAL_LOCKED_OUT
    world.wait(1)
    assert world.card(pin="1234").granted
    for _ in range(5):
        world.card(pin="0000")
    world.wait(30)
    assert world.card(pin="1234").granted


def test_the_right_pin_in_between_forgets_the_wrong_ones() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    for _ in range(2):
        for _ in range(4):
            world.card(pin="0000")
        assert world.card(pin="1234").granted


def test_wrong_pins_are_forgotten_after_a_while() -> None:
    world = World(CARD_AND_PIN)
    world.person(pin="1234")
    for _ in range(4):
        world.card(pin="0000")
    world.wait(days=1)
    world.card(pin="0000")
    assert world.card(pin="1234").granted


def test_mistakes_that_are_far_between_never_add_up() -> None:
    limit = PinLimit(3, window_seconds=600)
    world = World(CARD_AND_PIN, policy=Policy(point_pins=limit))
    world.person(pin="1234")
    for _ in range(6):
        world.card(pin="0000")
        world.wait(300)
        assert world.card(pin="1234").granted
        world.wait(300)


def test_a_lockout_long_after_another_is_as_short_as_the_first() -> None:
    limit = PinLimit(1, lock_seconds=30, window_seconds=600)
    world = World(CARD_AND_PIN, policy=Policy(point_pins=limit))
    for _ in range(2):
        world.card(pin="0000")
        world.wait(29)
        assert world.card().reason is Reason.POINT_LOCKED_OUT
        world.wait(1)
        assert world.card().reason is Reason.PIN_AWAITED
        world.wait(600)


def test_no_lockout_is_longer_than_the_longest() -> None:
    limit = PinLimit(1, lock_seconds=30, longest_seconds=40, window_seconds=1e6)
    world = World(CARD_AND_PIN, policy=Policy(holder_pins=limit, point_pins=PinLimit(99)))
    world.person(pin="1234")
    for _ in range(3):
        assert world.card(pin="0000").reason is Reason.WRONG_PIN
        world.wait(40)
    assert world.card(pin="1234").granted


def test_ten_wrong_pins_lock_out_the_reader_also_for_others() -> None:
    world = World(CARD_AND_PIN)
    world.person(BORIS, pin="1234")
    for card in (ANNAS, VERAS):
        for _ in range(5):
            assert world.card(card, pin="0000").reason is Reason.WRONG_PIN
    assert world.card(BORISS, pin="1234").reason is Reason.POINT_LOCKED_OUT
    assert world.card(BORISS).reason is Reason.POINT_LOCKED_OUT
    assert world.card(BORISS, side=OUT).granted  # no PIN is asked for there
    world.wait(30)
    assert world.card(BORISS, pin="1234").granted


def test_guessing_pins_at_a_reader_locks_it_and_never_says_which_was_right() -> None:
    world = World(PIN)
    world.pin_alone("1234")
    for guess in range(10):
        assert world.pin(f"{guess}").reason is Reason.UNKNOWN_CREDENTIAL
    decision = world.pin("1234")
    assert decision.reason is Reason.POINT_LOCKED_OUT
    assert decision.holder is None


def test_spraying_over_all_readers_locks_out_all_pins() -> None:
    few = Policy(site_pins=PinLimit(4), point_pins=PinLimit(3))
    world = World(PIN, PIN, policy=few)
    world.pin_alone("1234")
    for side in (Side.IN, OUT, Side.IN, OUT):
        assert world.pin("9999", side=side).reason is Reason.UNKNOWN_CREDENTIAL
    assert world.pin("1234").reason is Reason.PINS_LOCKED_OUT
    assert world.pin("1234").holder is None
    assert world.card(door=LOBBY).granted  # no PIN is asked for there


def test_pins_of_two_holders_do_not_look_alike() -> None:
    assert pin_of(ANNA, "1234") != pin_of(BORIS, "1234")


# --- the credential and its holder ------------------------------------------------


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


# --- rights and hours -------------------------------------------------------------


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


# --- interlock, passback, occupancy -----------------------------------------------


def test_an_open_door_of_the_interlock_keeps_the_others_shut() -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),))
    assert world.card().granted
    world.doors[LOBBY] = world.doors[LOBBY]._replace(unlocked=True)
    assert world.card().granted
    world.doors[LOBBY] = world.doors[LOBBY]._replace(open=True)
    assert world.card().reason is Reason.INTERLOCK
    assert world.card(door=LOBBY).granted


@pytest.mark.parametrize("lobby", [DoorNow(unlocked=True), DoorNow(open=True), UNSURE])
def test_an_unlocked_door_of_the_stricter_interlock_does_so_too(lobby: DoorNow) -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.UNLOCK),))
    assert world.card().granted
    world.doors[LOBBY] = lobby
    assert world.card().reason is Reason.INTERLOCK


def test_a_door_of_which_nothing_is_known_may_be_open() -> None:
    world = World(areas=(AreaRules(HALL, interlock=Interlock.OPEN),))
    world.doors[LOBBY] = world.doors[LOBBY]._replace(open=None)
    assert world.card().reason is Reason.INTERLOCK


def test_nobody_enters_twice() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK
    assert world.passes(BORISS).granted
    assert world.passes(side=OUT).granted
    assert world.passes().granted


def test_who_was_granted_and_did_not_enter_may_try_again() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    assert world.card().granted
    assert world.card().granted


def test_nobody_leaves_an_area_that_was_never_entered() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    assert world.card(side=OUT).reason is Reason.PASSBACK
    world.apply(PresenceIs(ANNA, Presence(HALL, NOON)))
    assert world.card(side=OUT).reason is Reason.PASSBACK


def test_passback_holds_over_all_doors_of_an_area() -> None:
    world = World(areas=(AreaRules(HALL, Passback.HARD),))
    assert world.passes(door=LOBBY).granted
    assert world.passes(door=LOBBY).reason is Reason.PASSBACK
    assert world.passes().granted  # from the hall to the lab
    assert world.passes(door=LOBBY).granted
    assert world.passes(side=OUT).reason is Reason.PASSBACK


def test_who_is_forgiven_may_be_anywhere() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    world.passes()
    world.apply(PresenceIs(ANNA, Presence(LAB_ROOM, NOON, forgiven=True)))
    assert world.card(side=OUT).granted
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK


def test_everybody_can_be_forgiven_at_once() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    world.passes()
    world.wait(1)
    world.apply(AllForgiven(world.now.utc))
    assert world.state.occupancy == {}
    assert world.card().granted
    assert world.card(side=OUT).granted
    world.wait(1)
    assert world.passes().granted
    assert world.passes().reason is Reason.PASSBACK


def test_soft_passback_only_tells() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.SOFT),))
    assert world.passes().passback == ()
    again = world.passes()
    assert again.granted
    assert again.passback == (ANNA,)
    assert world.card(BORISS, side=OUT).passback == (BORIS,)


def test_timed_passback_is_over_after_a_while() -> None:
    rules = AreaRules(LAB_ROOM, Passback.TIMED, passback_seconds=60)
    world = World(areas=(rules,))
    assert world.card(side=OUT).granted
    assert world.passes().granted
    world.wait(59)
    assert world.passes().reason is Reason.PASSBACK
    world.wait(1)
    assert world.card().granted
    world.clock_lost()
    assert world.card().reason is Reason.PASSBACK


def test_exempt_holders_are_never_on_the_wrong_side() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, Passback.HARD),))
    world.person(ANNA, Flag.PASSBACK_EXEMPT)
    assert world.passes().granted
    assert world.passes().granted


def test_a_full_area_takes_nobody_else() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, max_occupancy=1),))
    assert world.passes().granted
    assert world.passes(BORISS).reason is Reason.OCCUPANCY_MAX
    assert world.passes().granted  # who is inside already makes it no fuller
    assert world.passes(side=OUT).granted
    assert world.passes(BORISS).granted


def test_nobody_enters_alone_where_two_must_be() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    assert world.card().reason is Reason.OCCUPANCY_MIN


def test_the_last_two_leave_an_area_with_a_minimum_together() -> None:
    world = World(TWO, TWO, areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    assert world.card().reason is Reason.SECOND_PERSON_AWAITED
    assert world.passes(BORISS).granted
    assert world.state.occupancy == {LAB_ROOM: 2}
    alone = World(TWO, areas=(AreaRules(LAB_ROOM, min_occupancy=2),))
    alone.state = world.state
    assert alone.card(side=OUT).reason is Reason.OCCUPANCY_MIN
    assert world.card(side=OUT).reason is Reason.SECOND_PERSON_AWAITED
    assert world.passes(BORISS, side=OUT).granted
    assert world.state.occupancy == {HALL: 2}


def test_two_people_need_room_for_two() -> None:
    world = World(TWO, areas=(AreaRules(LAB_ROOM, max_occupancy=1),))
    assert world.card().reason is Reason.OCCUPANCY_MAX


def test_a_visitor_who_waits_takes_no_room_from_who_is_no_escort() -> None:
    world = World(areas=(AreaRules(LAB_ROOM, max_occupancy=2),))
    world.person(VERA, Flag.VISITOR)
    assert world.card(VERAS).reason is Reason.ESCORT_AWAITED
    assert world.card().reason is Reason.WRONG_ESCORT
    world.passes()
    world.person(BORIS, Flag.ESCORT)
    assert world.card(VERAS).reason is Reason.OCCUPANCY_MAX


def test_a_gate_between_nothing_and_nothing_moves_nobody() -> None:
    gate = Portal(DoorId("gate"))
    inside = level(LevelRule(ALWAYS, frozenset({LAB, gate.door})))
    world = World(portals=(*PORTALS, gate), levels=(inside,))
    assert world.passes(door=gate.door).granted
    assert world.state.presences == {}
    world.person(levels=())
    assert world.card(door=gate.door).reason is Reason.NO_RIGHTS_POINT
    world = World(portals=(*PORTALS, gate))
    assert world.card(door=gate.door).reason is Reason.NO_RIGHTS_POINT


def test_a_pin_at_one_reader_has_nothing_to_do_with_a_card_at_another() -> None:
    world = World(CARD_AND_PIN, CARD_AND_PIN)
    world.person(pin="1234")
    world.card()
    assert world.pin("1234", side=OUT).reason is Reason.WRONG_FACTOR
    assert world.pin("1234").granted


# --- company ----------------------------------------------------------------------


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


# --- the rest ---------------------------------------------------------------------


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
