"""PINs are seen by nobody and tell nothing of themselves."""

import pickle

import pytest

from gatewayd.core.access.model import Holder
from gatewayd.core.access.pins import PIN_ALONE, SiteKey, shown
from gatewayd.core.pin_entry import Digits
from tests.core.access.world import ANNA, BORIS, KEY, World, pin_of

PIN = Digits("1234")
OTHER = SiteKey(bytes(32))


def test_a_key_is_neither_seen_nor_sent_away() -> None:
    assert repr(KEY) == "<site key>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(KEY)


def test_a_key_has_its_length() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        SiteKey(bytes(16))


def test_equal_pins_look_alike_nowhere() -> None:
    alone = KEY.key_of(PIN).removeprefix(PIN_ALONE)
    looks = {
        KEY.pin_of(ANNA, PIN).hex(),
        KEY.pin_of(BORIS, PIN).hex(),
        alone,
        OTHER.key_of(PIN).removeprefix(PIN_ALONE),
    }
    assert len(looks) == 4
    assert all(len(each) == 64 for each in looks)


def test_the_right_pin_is_told_from_the_one_for_duress_and_from_others() -> None:
    anna = Holder(ANNA, pin=pin_of(ANNA, "1234"), duress_pin=pin_of(ANNA, "4321"))
    assert KEY.is_pin_of(anna, PIN) == (True, False)
    assert KEY.is_pin_of(anna, Digits("4321")) == (False, True)
    assert KEY.is_pin_of(anna, Digits("")) == (False, False)
    assert KEY.is_pin_of(Holder(ANNA), PIN) == (False, False)


def test_events_tell_a_card_by_its_number_and_a_pin_not_at_all() -> None:
    assert shown("H10301:36:1") == "H10301:36:1"
    assert shown(KEY.key_of(PIN)) == "PIN"


def test_nothing_of_a_pin_is_in_a_holder_as_shown() -> None:
    world = World()
    world.person(pin="1234")
    assert repr(world.town.holders[ANNA]) == "<holder 'anna'>"
