"""Reasons of what was presented, and of too many wrong PINs."""

from gatewayd.core.access.model import (
    Authentication,
    Flag,
    PointRules,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.policy import PinLimit, Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import LockdownIs
from gatewayd.core.model import Card
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import (
    ANNA,
    ANNAS,
    BORIS,
    BORISS,
    LOBBY,
    NOBODYS,
    RAW,
    VERAS,
    World,
    key,
    pin_of,
)
from tests.core.hours import OFFICE, schedule

OUT = Side.OUT
CARD_AND_PIN = PointRules(default=Authentication.CARD_AND_PIN)
PIN = PointRules(default=Authentication.PIN)
OFFICE_HOURS = schedule(every="08:00-18:00")


# --- what was presented ----------------------------------------------------------------


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


# --- too many wrong PINs ---------------------------------------------------------------


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


def test_nobody_guesses_the_pin_of_an_exempt_holder_during_a_lockdown() -> None:
    world = World(PIN)
    world.pin_alone("1234", BORIS)
    world.person(BORIS, Flag.LOCKDOWN_EXEMPT)
    world.apply(LockdownIs(on=True))
    for guess in range(10):
        assert world.pin(f"{guess}").reason is Reason.LOCKDOWN
    assert not world.pin("1234").granted
    world.wait(29)
    assert world.pin("9").reason is Reason.LOCKDOWN, "while locked out none is counted"
    world.wait(1)
    assert world.pin("1234").granted


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
