"""A secure unit is met with any of its keys, and an alarm is raised when none fits."""

import pytest

from gatewayd.simulate.device import Device
from protocol.osdp.bus import (
    Alarm,
    Alarming,
    BaseKey,
    Bus,
    Identified,
    PeripheralSettings,
    Replied,
    WentOffline,
)
from protocol.osdp.commands import Challenge
from tests.simulate.line import IDENTITY, Line

OLD = BaseKey("old", bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18"))
NEW = BaseKey("new", bytes.fromhex("41d09be6c25f883a0e7711b4f29d6c53"))
OTHER = BaseKey("other", bytes.fromhex("c36a0ff18e2d947b5512a0de7c8849b1"))


def meeting(device: Device, *keys: BaseKey) -> Line:
    """Return a line whose panel has these keys for whatever is there."""
    line = Line.with_units(1, keys={1: OLD.content})
    line.bus.set_keys(1, keys)
    line.place(1).device = device
    return line


def alarms(line: Line) -> list[Alarm]:
    return [event.what for event in line.events(Alarming)]


@pytest.mark.parametrize("has", [OLD, NEW])
def test_a_unit_is_met_with_whichever_key_it_has(has: BaseKey) -> None:
    line = meeting(Device(1, key=has.content), NEW, OLD)
    line.run(0.2)

    (told,) = line.events(Identified)
    assert (told.proved, told.key, told.fault) == (True, has.name, None)
    assert line.connection(1)
    assert not alarms(line)


def test_the_most_likely_key_is_tried_first() -> None:
    line = meeting(Device(1, key=NEW.content), NEW, OLD)
    line.run(0.2)
    assert len(line.heard(1, Challenge.CODE)) == 1


def test_only_when_every_key_failed_there_is_an_alarm_and_a_pause() -> None:
    line = meeting(Device(1, key=OTHER.content), NEW, OLD)
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 1)
    assert not alarms(line)
    line.run(0.05)

    assert alarms(line) == [Alarm.WRONG_CRYPTOGRAM]
    (told,) = line.events(Identified)
    assert (told.proved, told.key) == (False, None)
    assert told.fault == "the cryptogram proves no knowledge of the key"
    assert len(line.heard(1, Challenge.CODE)) == 2
    assert line.bus.counters(1).unproved == 1


def test_after_every_key_failed_all_are_tried_again() -> None:
    device = Device(1, key=OTHER.content)
    line = meeting(device, NEW, OLD)
    line.run(3)
    device.take_key(OLD.content)
    line.run(6)
    assert line.events(Identified)[-1].key == "old"


def says_nothing_to(line: Line, *unknown: BaseKey) -> None:
    """Let the unit leave handshakes with these keys unanswered, as if it could tell."""
    device, answer = line.device(1), line.device(1).answer
    introduction = line.bus._peripherals[1]._introduction
    names = [each.name for each in unknown]

    def selective(data: bytes, now: float) -> bytes:
        said = answer(data, now)
        tried = introduction._tried
        unable = introduction.proving and tried is not None and tried.name in names
        return b"" if unable else said

    device.answer = selective  # type: ignore[method-assign]  # a unit of another kind


@pytest.mark.parametrize("has", [OLD, NEW])
@pytest.mark.parametrize("order", [(NEW, OLD), (OLD, NEW)], ids=["new first", "old first"])
def test_a_handshake_left_unanswered_is_begun_again_with_the_next_key(
    has: BaseKey, order: tuple[BaseKey, ...]
) -> None:
    line = meeting(Device(1, key=has.content), *order)
    says_nothing_to(line, *(each for each in order if each is not has))
    line.run(4)

    assert line.events(Identified)[-1].key == has.name
    assert not alarms(line)
    assert len({frame.body for _, frame in line.heard(1, Challenge.CODE)}) <= 2


def test_a_unit_that_answers_to_no_key_is_asked_with_each_in_turn() -> None:
    line = meeting(Device(1, key=OLD.content), NEW, OLD)
    says_nothing_to(line, NEW, OLD)
    line.run(20)
    assert len({frame.body for _, frame in line.heard(1, Challenge.CODE)}) > 3
    del line.device(1).answer
    line.run(4)
    assert line.events(Identified)[-1].key == "old"


def test_the_most_likely_key_is_first_again_once_one_was_proved() -> None:
    line = meeting(Device(1, key=NEW.content), NEW, OLD)
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 0.1)
    line.place(1).unplugged = True
    line.run(1.5)
    line.place(1).unplugged = False
    line.run(5)
    assert line.events(Identified)[-1].key == "new"
    line.written.clear()
    line.device(1).cycle_power()
    line.run(0.5)
    assert line.events(Identified)[-1].key == "new"
    assert len(line.heard(1, Challenge.CODE)) == 1


def test_a_secure_unit_without_a_key_says_who_it_is_and_no_more() -> None:
    device = Device(1, install_mode=True)
    line = meeting(device)
    line.run(30)

    (told,) = line.events(Identified)
    assert (told.proved, told.key) == (False, None)
    assert told.fault == "it has no key yet: commission it"
    assert {frame.code for _, frame in line.heard(1)} == IDENTITY
    assert not any(frame.security for _, frame in line.heard(1))
    assert not line.open_gate(1, told.connection)
    assert not line.events(Replied)
    assert not alarms(line)


def test_a_unit_without_a_key_may_be_asked_again_and_may_go_away() -> None:
    line = meeting(Device(1))
    line.run(3)
    line.close_gate(1, identify_again=True)
    line.run(3)
    assert [event.connection for event in line.events(Identified)] == [1, 2]
    line.place(1).unplugged = True
    line.run(12)
    assert line.events(WentOffline)


def test_a_unit_is_proved_as_soon_as_there_is_a_key_for_it() -> None:
    line = meeting(Device(1, key=OLD.content))
    line.run(10.3)
    line.bus.set_keys(1, (OLD,))
    line.run(0.2)
    assert line.events(Identified)[-1].key == "old"
    assert line.connection(1) == 2


def test_a_key_that_was_missing_is_tried_at_once_in_the_middle_of_a_pause() -> None:
    line = meeting(Device(1, key=NEW.content), OLD)
    line.run(20)
    line.bus.set_keys(1, (NEW, OLD))
    line.run(0.2)
    assert line.events(Identified)[-1].key == "new"


def test_a_key_for_a_silent_unit_waits_for_it() -> None:
    line = meeting(Device(1, key=NEW.content))
    line.place(1).unplugged = True
    line.run(20)
    line.bus.set_keys(1, (NEW,))
    line.place(1).unplugged = False
    line.run(1)
    assert line.events(Identified)[-1].key == "new"


def test_other_keys_leave_a_session_and_a_handshake_alone() -> None:
    line = meeting(Device(1, key=OLD.content), OLD)
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 1)
    line.bus.set_keys(1, (NEW, OLD))
    line.run(0.5)
    line.bus.set_keys(1, (NEW,))
    line.run(5)
    assert [event.key for event in line.events(Identified)] == ["old"]
    assert not line.events(WentOffline)

    line.device(1).cycle_power()
    line.run(1)
    assert not line.events(Identified)[-1].proved


def test_a_unit_whose_key_is_forgotten_is_not_driven_any_more() -> None:
    line = meeting(Device(1, key=OLD.content), OLD)
    line.run(5)
    line.bus.open_gate(1, line.connection(1))
    line.run(5)
    line.bus.set_keys(1, ())
    line.run(30)
    (ended,) = line.events(WentOffline)
    assert ended.why == "its key was forgotten"
    assert not line.events(Identified)[-1].proved
    assert not line.bus.open_gate(1, line.events(Identified)[-1].connection)

    line.bus.set_keys(1, (OLD,))
    line.run(1)
    assert line.events(Identified)[-1].key == "old"


def test_keys_may_be_given_before_there_is_a_line() -> None:
    bus = Bus([PeripheralSettings(1, secure=True)], chance=bytes)
    bus.set_keys(1, (OLD,))
    assert bus.outgoing(0) == b""


def test_too_many_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="address 1 has 3 keys, must have at most 2"):
        PeripheralSettings(1, secure=True, keys=(NEW, OLD, OTHER))
    line = meeting(Device(1))
    with pytest.raises(ValueError, match="at most 2"):
        line.bus.set_keys(1, (NEW, OLD, OTHER))


@pytest.mark.parametrize("has", [NEW, OLD])
@pytest.mark.parametrize("phase", [0.0, 0.31, 0.55])
@pytest.mark.parametrize("outage", [1, 4, 7, 12, 60])
def test_a_unit_that_returns_is_met_within_a_second_with_either_key(
    outage: float, phase: float, has: BaseKey
) -> None:
    line = meeting(Device(1, key=has.content), NEW, OLD)
    line.run(1 + phase)
    line.place(1).unplugged = True
    line.run(outage)
    line.device(1).cycle_power()
    line.place(1).unplugged = False
    met = len(line.events(Identified))
    polls = line.bus.counters(1).polls
    line.run_until(lambda: line.bus.counters(1).polls > polls, 1.0)

    assert line.bus.counters(1).polls > polls
    assert [event.key for event in line.events(Identified)[met:]] == [has.name]
    assert not alarms(line)
