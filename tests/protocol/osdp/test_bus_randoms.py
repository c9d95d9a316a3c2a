"""A unit that draws the same random number in two handshakes is told of, and believed."""

from collections.abc import Iterable

from gatewayd.simulate.device import Device
from protocol.osdp.bus import Alarm, Alarming, BaseKey, Identified, SetUp
from protocol.osdp.commands import Challenge
from protocol.osdp.introduction import RANDOMS_KEPT
from protocol.osdp.replies import ClientCryptogram
from tests.simulate.line import Line

OLD = BaseKey("old", bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18"))
NEW = BaseKey("new", bytes.fromhex("41d09be6c25f883a0e7711b4f29d6c53"))


def drawing(numbers: Iterable[int], *keys: BaseKey, key: BaseKey | None = OLD) -> Line:
    """Return a line whose unit draws these, with what its panel knows of its keys."""
    drawn = iter(numbers)
    line = Line.with_units(1, keys={1: OLD.content})
    line.bus.set_keys(1, keys or (OLD,))
    line.place(1).device = Device(
        1,
        key=None if key is None else key.content,
        install_mode=key is None,
        chance=lambda length: next(drawn).to_bytes(length),
    )
    return line


def alarms(line: Line) -> list[Alarm]:
    return [event.what for event in line.events(Alarming)]


def restart(line: Line, seconds: float = 0.5) -> None:
    line.device(1).cycle_power()
    line.run(seconds)


def challenges(line: Line) -> int:
    return len({frame.body for _, frame in line.heard(1, Challenge.CODE)})


def test_a_number_that_was_drawn_before_is_an_alarm() -> None:
    line = drawing([7] * 100)
    line.run(0.5)
    restart(line)

    assert alarms(line) == [Alarm.REPEATED_RANDOM]
    assert [event.proved for event in line.events(Identified)] == [True, True]
    assert line.connection(1)


def test_the_next_number_is_none() -> None:
    line = drawing([7, 7, 8])
    line.run(0.5)
    restart(line, 2)
    assert alarms(line) == [Alarm.REPEATED_RANDOM]
    restart(line, 61)
    assert alarms(line) == [Alarm.REPEATED_RANDOM]
    assert line.connection(1)


def test_no_other_key_is_tried_on_it_and_none_is_called_wrong() -> None:
    line = drawing([1, 2, 3, 2], NEW, OLD)
    line.run(0.5)
    assert challenges(line) == 2
    restart(line)
    assert alarms(line) == [Alarm.REPEATED_RANDOM]
    assert challenges(line) == 4
    assert line.connection(1)


def test_the_newest_eight_are_remembered() -> None:
    numbers = [*range(RANDOMS_KEPT + 1), 0, 2, 50]
    line = drawing(numbers)
    line.run(0.5)
    for _ in range(RANDOMS_KEPT + 1):  # in the end number 0, which is forgotten
        restart(line, 20)
    assert not alarms(line)
    restart(line, 20)
    assert alarms(line) == [Alarm.REPEATED_RANDOM]
    assert line.connection(1)


def test_neither_a_link_that_was_down_nor_another_key_makes_a_number_new() -> None:
    line = drawing([7, 7, 8])
    line.run(0.5)
    line.bus.link_down(line.now)
    line.run(1)
    line.bus.link_up(line.now)
    line.run(0.5)
    assert alarms(line) == [Alarm.REPEATED_RANDOM]


def test_a_number_without_a_proof_is_not_remembered() -> None:
    """It says nothing of the unit: anybody can say a number."""
    line = drawing([7, 7, 7], NEW, OLD)
    line.run(0.5)
    assert challenges(line) == 2
    assert line.connection(1)
    assert not alarms(line)


def test_an_answer_that_was_lost_and_is_repeated_is_one_draw() -> None:
    line = drawing([7, 7, 8])
    line.run_until(lambda: bool(line.heard(1, Challenge.CODE)), 1)
    line._arrivals.clear()  # what it just said is lost
    line.run(2)
    assert len(line.heard(1, Challenge.CODE)) == 2
    assert challenges(line) == 1
    assert line.connection(1)
    assert not alarms(line)


def test_an_answer_that_comes_twice_is_one_draw() -> None:
    line = drawing([7, 8])
    line.place(1).meddle = lambda said: (
        said + said if bytes((ClientCryptogram.CODE,)) in said else said
    )
    line.run(2)
    assert challenges(line) == 1
    assert line.connection(1)
    assert not alarms(line)


def test_a_unit_that_is_busy_first_draws_once() -> None:
    line = drawing([7, 8])
    line.run_until(lambda: len(line.written) == 2, 1)
    line.device(1).busy = 3
    line.run(2)
    assert challenges(line) == 1
    assert line.bus.counters(1).busy == 3
    assert line.connection(1)
    assert not alarms(line)


def test_in_a_window_it_is_an_alarm_too() -> None:
    line = drawing([7] * 100, key=None)
    assert line.commission(1, 60)
    line.run(2)
    assert not alarms(line)
    restart(line, 5)
    assert alarms(line) == [Alarm.REPEATED_RANDOM]
    assert len(line.events(SetUp)) == 2
