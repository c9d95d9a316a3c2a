"""Too late is never sent: a door must not open for somebody who has gone."""

import pytest

from protocol.osdp.bus import (
    Delivered,
    Dropped,
    Expired,
    Identified,
    Priority,
    WentOffline,
)
from protocol.osdp.commands import Identify, LedRecord, SetLeds, SetOutputs
from tests.simulate.line import Line


def admitted(units: int = 1, *, baud: int = 0) -> Line:
    line = Line.with_units(units, baud=baud)
    line.run(0.5)
    return line


def test_an_unlock_for_a_silent_unit_ends_at_its_time_and_is_not_sent_later() -> None:
    line = admitted()
    line.place(1).unplugged = True
    line.run(1)
    line.unlock(1, 5, within=2)
    begun = line.now
    line.run_until(lambda: 5 in line.endings(), 10)

    assert line.endings() == {5: [Expired(sent=False)]}
    assert line.now == begun + 2
    line.place(1).unplugged = False
    line.run(10)
    assert not line.device(1).pulses
    assert not line.heard(1, SetOutputs.CODE)


def test_an_unlock_that_was_sent_and_never_answered_is_not_repeated_later() -> None:
    line = admitted()
    line.place(1).unplugged = True
    line.unlock(1, 5, within=2)
    begun = line.now
    line.run(2.5)
    line.place(1).unplugged = False
    line.run(10)

    assert line.endings() == {5: [Expired(sent=True)]}
    assert not line.device(1).pulses
    assert all(when < begun + 2 for when, _ in line.heard(1, SetOutputs.CODE))


def test_after_that_the_unit_is_identified_anew_at_zero() -> None:
    """Its memory of the unlock's number must not answer the next command."""
    line = admitted()
    line.place(1).mute = True
    line.unlock(1, 5, within=1)
    line.run(1.5)
    line.place(1).mute = False
    line.written.clear()
    line.run(1)

    assert (line.written[0][1].code, line.written[0][1].sequence) == (Identify.CODE, 0)
    assert [event.why for event in line.events(WentOffline)] == [
        "a command was given up unacknowledged"
    ]
    assert [event.connection for event in line.events(Identified)] == [1, 2]
    assert not line.device(1).complaints


def test_what_was_queued_behind_it_ends_with_the_connection() -> None:
    line = admitted()
    line.place(1).mute = True
    line.unlock(1, 5, within=1)
    line.run(0.1)
    line.unlock(1, 6, within=60)
    line.run(3)

    assert line.endings() == {5: [Expired(sent=True)], 6: [Dropped(sent=False)]}


def test_a_unit_that_is_busy_until_it_is_too_late_is_not_asked_again() -> None:
    line = admitted()
    line.device(1).busy = 100
    line.unlock(1, 5, within=0.3)
    line.run(0.35)
    line.device(1).busy = 0
    line.run(3)

    assert line.endings() == {5: [Expired(sent=True)]}
    assert not line.device(1).pulses


def test_commands_end_at_their_time_while_somebody_else_is_waited_for() -> None:
    line = admitted(2)
    line.place(1).unplugged = True
    line.run_until(lambda: line.written[-1][1].address == 1, 1)
    line.unlock(2, 5, within=0.1)
    line.unlock(2, 6, within=9)
    begun = line.now
    line.run_until(lambda: 5 in line.endings(), 1)

    assert line.now == begun + 0.1
    line.run(1)
    assert line.endings() == {5: [Expired(sent=False)], 6: [Delivered()]}


def test_a_command_behind_one_in_flight_ends_at_its_time_too() -> None:
    line = admitted()
    line.place(1).unplugged = True
    line.unlock(1, 5, within=1)
    line.run(0.01)
    line.unlock(1, 6, within=0.1)
    line.run(0.11)

    assert line.endings() == {6: [Expired(sent=False)]}


def test_an_answer_that_comes_after_the_time_is_still_an_answer() -> None:
    """What was sent in time was obeyed in time."""
    line = admitted()
    line.place(1).latency = 0.1
    line.unlock(1, 5, within=0.15)
    line.run(1)

    (pulse,) = line.device(1).pulses
    assert pulse.at < 0.5 + 0.15
    assert line.endings() == {5: [Delivered()]}


def test_an_unlock_that_is_already_late_is_not_sent_at_all() -> None:
    line = admitted()
    line.unlock(1, 5, within=0)
    line.run(1)

    assert line.endings() == {5: [Expired(sent=False)]}
    assert not line.heard(1, SetOutputs.CODE)


@pytest.mark.parametrize(("within", "sent"), [(0.0120, 0), (0.0175, 1)])
def test_an_unlock_must_have_arrived_in_time_not_only_begun(within: float, sent: int) -> None:
    """Thirteen characters take 13.5 ms at 9600 baud, after two of idle line."""
    line = admitted(baud=9600)
    while line.bus._flight is not None or line.bus.deadline < line.now + 0.02:
        line.run(0.002)
    line.unlock(1, 5, within=within)
    line.run(1)

    assert len(line.heard(1, SetOutputs.CODE)) == sent


def test_nor_is_it_repeated_if_the_repetition_would_arrive_late() -> None:
    line = admitted(baud=9600)
    line.place(1).unplugged = True
    line.unlock(1, 5, within=0.22)
    line.run(1)

    assert len(line.heard(1, SetOutputs.CODE)) == 1
    assert line.endings() == {5: [Expired(sent=True)]}


def test_the_next_command_goes_when_one_turns_out_to_be_late() -> None:
    line = admitted(baud=9600)
    lights = SetLeds(
        tuple(LedRecord(led=each, permanent=1, permanent_on=1) for each in range(9))
    )
    line.bus.send(
        1, lights, priority=Priority.UNLOCK, expires=line.now + 0.1, tag=7, connection=1
    )
    line.unlock(1, 5)
    line.run(1)

    assert line.endings() == {7: [Expired(sent=False)], 5: [Delivered()]}
