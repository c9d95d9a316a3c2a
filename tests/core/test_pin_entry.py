"""Keys of a reader become a PIN, or nothing."""

import copy
import json
import math
import pickle
from dataclasses import asdict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatewayd.core.pin_entry import (
    KEY_SECONDS,
    MAX_DIGITS,
    WHOLE_SECONDS,
    Digits,
    Keys,
    PinCancelled,
    PinEntered,
    PinEntry,
    PinEvent,
    PinTimedOut,
    PinTooLong,
)


def pin(digits: str) -> list[PinEvent]:
    return [PinEntered(Digits(digits))]


@pytest.mark.parametrize("enter", ["#", "E"])
def test_digits_are_a_pin_when_they_are_entered(enter: str) -> None:
    entry = PinEntry()
    assert entry.press("12", 0.0) == []
    assert entry.press("34", 1.0) == []
    assert entry.press(enter, 2.0) == pin("1234")
    assert entry.deadline == math.inf


def test_keys_may_come_all_at_once() -> None:
    assert PinEntry().press("1234#0#", 0.0) == pin("1234") + pin("0")


@pytest.mark.parametrize("clear", ["*", "C"])
def test_clear_throws_away_what_was_keyed(clear: str) -> None:
    entry = PinEntry()
    assert entry.press(f"12{clear}", 0.0) == [PinCancelled()]
    assert entry.deadline == math.inf
    assert entry.press("34#", 0.0) == pin("34")


def test_whoever_is_asked_for_a_pin_may_clear_before_the_first_digit() -> None:
    entry = PinEntry()
    entry.begin(0.0)
    assert entry.press("*", 1.0) == [PinCancelled()]


def test_enter_and_clear_mean_nothing_before_anything_was_keyed() -> None:
    entry = PinEntry()
    assert entry.press("#*EC", 0.0) == []
    assert entry.deadline == math.inf
    entry.begin(0.0)
    assert entry.press("#", 1.0) == []
    assert entry.press("1#", 2.0) == pin("1")


def test_a_card_begins_a_new_entry() -> None:
    entry = PinEntry()
    entry.press("99", 0.0)
    entry.begin(1.0)
    assert entry.press("12#", 2.0) == pin("12")


def test_each_digit_comes_soon_after_the_one_before() -> None:
    entry = PinEntry()
    entry.press("1", 0.0)
    assert entry.deadline == KEY_SECONDS
    entry.press("2", 9.0)
    assert entry.deadline == 9.0 + KEY_SECONDS
    assert entry.tick(18.9) == []
    assert entry.tick(19.0) == [PinTimedOut()]
    assert entry.deadline == math.inf
    assert entry.tick(20.0) == []


def test_all_of_a_pin_comes_before_the_whole_time_is_over() -> None:
    entry = PinEntry(key_seconds=10.0, whole_seconds=15.0)
    entry.begin(0.0)
    assert entry.deadline == 15.0
    entry.press("1", 8.0)
    assert entry.deadline == 15.0
    assert entry.press("#", 15.0) == [PinTimedOut()]


def test_without_being_asked_for_the_whole_time_runs_from_the_first_digit() -> None:
    entry = PinEntry(key_seconds=10.0, whole_seconds=15.0)
    entry.press("1", 100.0)
    entry.press("2", 109.0)
    assert entry.deadline == 115.0


def test_keys_that_come_too_late_begin_anew() -> None:
    entry = PinEntry()
    entry.press("12", 0.0)
    assert entry.press("34#", KEY_SECONDS) == [PinTimedOut(), *pin("34")]


def test_other_keys_mean_nothing_and_gain_no_time() -> None:
    entry = PinEntry()
    assert entry.press("AB\r\x7f١", 0.0) == []  # noqa: RUF001 - a digit of another script
    assert entry.deadline == math.inf
    entry.press("1", 0.0)
    entry.press("A", 5.0)
    assert entry.deadline == KEY_SECONDS


def test_a_pin_as_long_as_allowed_is_taken() -> None:
    assert PinEntry().press("1" * MAX_DIGITS + "#", 0.0) == pin("1" * MAX_DIGITS)


@pytest.mark.parametrize("more", [1, 2, 500])
def test_a_pin_that_is_too_long_is_not_cut_short(more: int) -> None:
    entry = PinEntry()
    assert entry.press("1" * (MAX_DIGITS + more), 0.0) == []
    assert entry._digits == ""
    assert entry.press("#", 1.0) == [PinTooLong()]
    assert entry.press("1#", 2.0) == pin("1")


def test_digits_show_nowhere() -> None:
    (entered,) = PinEntry().press("1234#", 0.0)
    assert isinstance(entered, PinEntered)
    assert entered.digits.reveal() == "1234"
    for shown in (repr(entered), str(entered.digits), f"{asdict(entered)}"):
        assert "1234" not in shown
        assert "4" not in shown
    with pytest.raises(TypeError):
        json.dumps(asdict(entered))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(entered.digits)
    with pytest.raises(TypeError):
        hash(entered.digits)


def test_digits_are_compared_by_content() -> None:
    digits = Digits("1234")
    assert digits == Digits("1234")
    assert digits != Digits("12345")
    assert digits != "1234"
    assert copy.copy(digits) is digits


def test_keys_are_as_secret_as_digits_and_never_the_same() -> None:
    keys = Keys("12#")
    assert keys.reveal() == "12#"
    assert f"{keys} {keys!r} {[keys]}" == "<keys> <keys> [<keys>]"
    assert keys == Keys("12#")
    assert keys != Keys("12")
    assert Keys("12") != Digits("12")
    assert Digits("12") != Keys("12")
    assert copy.deepcopy(keys) is keys
    with pytest.raises(TypeError, match="unhashable"):
        hash(keys)
    with pytest.raises(TypeError, match="keys cannot be pickled"):
        pickle.dumps(keys)


class AnyKeys(RuleBasedStateMachine):
    """The account: every digit since the entry began, and when it was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = PinEntry()
        self.now = 0.0
        self.began: float | None = None
        self.digits = ""
        self.newest = 0.0

    def over(self) -> bool:
        if self.began is None:
            return False
        slow = bool(self.digits) and self.now - self.newest >= KEY_SECONDS
        return slow or self.now - self.began >= WHOLE_SECONDS

    def ended(self) -> None:
        self.began, self.digits = None, ""

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.5, 9.5, 10.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def it_is_told_the_time(self) -> None:
        assert self.entry.tick(self.now) == self.late()

    @rule()
    def a_card_is_shown(self) -> None:
        self.entry.begin(self.now)
        self.began, self.digits = self.now, ""

    @rule(key=st.sampled_from("0123456789#*ECAx"))
    def a_key_is_pressed(self, key: str) -> None:
        expected = self.late()
        if key.isdigit():
            self.began = self.now if self.began is None else self.began
            self.newest = self.now
            self.digits += key
        elif key in "#E" and self.digits:
            fits = len(self.digits) <= MAX_DIGITS
            expected += pin(self.digits) if fits else [PinTooLong()]
            self.ended()
        elif key in "*C" and self.began is not None:
            expected.append(PinCancelled())
            self.ended()
        assert self.entry.press(key, self.now) == expected

    @rule(keys=st.text("0123456789", max_size=12))
    def many_keys_are_pressed(self, keys: str) -> None:
        for key in keys:
            self.a_key_is_pressed(key)

    def late(self) -> list[PinEvent]:
        if not self.over():
            return []
        self.ended()
        return [PinTimedOut()]

    @invariant()
    def it_wakes_when_the_time_is_over(self) -> None:
        assert (self.now >= self.entry.deadline) is self.over()
        assert len(self.entry._digits) <= MAX_DIGITS


TestAnyKeys = AnyKeys.TestCase
