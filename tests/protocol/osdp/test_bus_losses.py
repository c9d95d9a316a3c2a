"""Somebody who ends sessions again and again is slowed down and told of; others are not."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from protocol.message import Message
from protocol.osdp.bus import Alarm, Alarming, Identified, WentOffline
from protocol.osdp.frame import Frame, FrameReader
from protocol.osdp.losses import LOSS_PAUSES, LOSSES_BOUND, LOSSES_WITHIN, Losses
from protocol.osdp.replies import Ack, Identification, Nak
from tests.simulate.line import Line

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
RESTART = 1.0  # seconds in which a unit is back that lost its session once
LONGEST = LOSS_PAUSES[-1]
BROKEN = Alarm.SESSIONS_BROKEN

Change = Callable[[Frame], Frame]


def secured(count: int = 1) -> Line:
    line = Line.with_units(count, keys=dict.fromkeys(range(1, count + 1), KEY))
    line.run(0.5)
    return line


def with_nak_6(frame: Frame) -> Frame:
    """As a unit says it that lost its session."""
    return Frame(frame.address, frame.sequence, Nak.CODE, b"\x06", reply=True)


def numbered_0(frame: Frame) -> Frame:
    return Frame(
        frame.address,
        0,
        frame.code,
        frame.body,
        reply=True,
        security=frame.security,
        mac=bytes(4),
    )


def breaks(line: Line, change: Change, kind: type[Message] = Ack) -> None:
    """End each session of unit 1 with its first answer of a kind."""

    def meddle(answer: bytes) -> bytes:
        return b"".join(_changed(FrameReader().feed(answer), change, kind))

    line.place(1).meddle = meddle


def _changed(frames: Iterable[Frame], change: Change, kind: type[Message]) -> Iterable[bytes]:
    for frame in frames:
        sealed = bool(frame.mac) and frame.code == kind.CODE
        yield (change(frame) if sealed else frame).encode()


def told(line: Line) -> list[float]:
    """When the broken sessions were told of."""
    alarming = ((when, event) for when, event in line.told if isinstance(event, Alarming))
    return [when for when, event in alarming if event.what is BROKEN]


def cycle(line: Line, seconds: float) -> float:
    """Cut the unit's power for a moment; return how long it was gone, at most `seconds`."""
    met = len(line.events(Identified))
    line.device(1).cycle_power()
    began = line.now
    line.run_until(lambda: len(line.events(Identified)) > met, seconds)
    assert len(line.events(Identified)) > met
    return line.now - began


# --- the attack ----------------------------------------------------------------------------


@pytest.mark.parametrize("change", [with_nak_6, numbered_0])
def test_broken_sessions_are_told_of_within_ten_seconds_and_once_a_minute(
    change: Change,
) -> None:
    line = secured()
    breaks(line, change)
    line.run(190)
    first, *others = told(line)
    assert first < 10
    assert len(others) == 3
    assert all(60 <= b - a <= 60 + LONGEST + 1 for a, b in pairwise([first, *others]))


def test_so_are_sessions_that_end_before_anybody_was_told_of_them() -> None:
    line = secured()
    breaks(line, with_nak_6, Identification)
    line.device(1).cycle_power()
    line.run(30)
    assert len(told(line)) == 1
    assert len(line.events(Identified)) == 1


def test_the_next_session_is_begun_later_each_time_up_to_a_limit() -> None:
    line = secured()
    breaks(line, with_nak_6)
    line.run(60)
    ends = [when for when, event in line.told if isinstance(event, WentOffline)]
    begins = [when for when, event in line.told if isinstance(event, Identified)][1:]
    gone = [begin - end for end, begin in zip(ends, begins, strict=False)]
    assert gone[0] < 0.5
    assert gone[:6] == sorted(gone[:6])
    assert all(LONGEST <= each <= LONGEST + 0.5 for each in gone[5:])
    assert len(ends) <= 60 / LONGEST + 6


def test_once_he_has_gone_the_unit_is_back_and_the_gate_opens() -> None:
    line = secured()
    breaks(line, with_nak_6)
    line.run(100)
    line.place(1).meddle = None
    line.run(LONGEST + 1)
    assert line.connection(1)
    assert line.unlock(1, 5)
    line.run(1)
    assert len(line.device(1).pulses) == 1


def test_its_neighbours_notice_nothing() -> None:
    line = secured(3)
    breaks(line, with_nak_6)
    line.run(30)
    assert {event.address for event in line.events(WentOffline)} == {1}
    assert {event.address for event in line.events(Alarming)} == {1}


# --- what is none --------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [15, 30, 61])
def test_a_unit_that_restarts_now_and_then_is_back_soon_and_nobody_is_alarmed(
    apart: float,
) -> None:
    line = secured()
    for _ in range(12):
        assert cycle(line, 10) < RESTART + (2.0 if apart < 20 else 0)
        line.run(apart)
    assert not line.events(Alarming)


def test_a_supply_that_fails_all_the_time_costs_seconds_only() -> None:
    line = secured()
    for _ in range(40):
        assert cycle(line, 10) < LONGEST + 1
        line.run(1)


def test_after_a_good_minute_it_is_back_at_once() -> None:
    line = secured()
    breaks(line, with_nak_6)
    line.run(30)
    line.place(1).meddle = None
    line.run(LOSSES_WITHIN + LONGEST)
    line.told.clear()
    assert cycle(line, 2) < RESTART
    line.run(1)
    assert not line.events(Alarming)


def test_units_in_clear_are_not_accused() -> None:
    line = Line.with_units(1)
    line.run(0.5)
    for _ in range(20):
        line.device(1).cycle_power()
        line.run(1.5)
    assert not line.events(Alarming)


# --- how it is counted ---------------------------------------------------------------------


def test_each_loss_costs_its_pause_and_the_last_one_stays() -> None:
    losses = Losses()
    assert [losses.add(at) for at in range(8)] == [*LOSS_PAUSES, LONGEST, LONGEST]


def test_one_more_than_the_bound_within_its_time_is_too_many() -> None:
    losses = Losses()
    for at in range(LOSSES_BOUND):
        losses.add(at)
        assert not losses.too_many
    losses.add(LOSSES_WITHIN - 0.1)
    assert losses.too_many


def test_what_is_older_is_forgotten() -> None:
    losses = Losses()
    for at in range(LOSSES_BOUND):
        losses.add(at)
    losses.add(LOSSES_WITHIN)
    assert not losses.too_many
    assert losses.add(3 * LOSSES_WITHIN) == 0
