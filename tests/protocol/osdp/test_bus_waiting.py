"""How long what a unit reports may have waited in it is told with the report."""

from math import inf

import pytest

from protocol.osdp.bus import Replied, WentOffline, WentSilent
from protocol.osdp.replies import RawCard
from tests.simulate.line import Line

CARD = bytes.fromhex("deadbec0")
POLLS = 0.05  # seconds between them


def waited(line: Line) -> list[float]:
    cards = [each for each in line.events(Replied) if isinstance(each.reply, RawCard)]
    return [each.waited for each in cards]


def working() -> Line:
    line = Line.with_units(1, poll_interval=POLLS)
    line.run(0.5)
    return line


def test_a_card_waits_for_its_poll_and_several_for_theirs() -> None:
    line = working()
    for _ in range(3):
        line.device(1).present_card(26, CARD)
    line.run(1)
    turns = [1, 2, 3]
    assert waited(line) == [pytest.approx(turn * POLLS, abs=0.01) for turn in turns]


def test_what_was_held_to_a_silent_reader_may_be_from_any_time() -> None:
    line = working()
    line.place(1).unplugged = True
    line.run_until(lambda: bool(line.events(WentSilent)), 5)
    line.device(1).present_card(26, CARD)
    line.device(1).present_card(26, CARD)
    line.place(1).unplugged = False
    line.run(2)
    assert waited(line) == [inf, inf]
    line.device(1).present_card(26, CARD)
    line.run(0.2)
    assert waited(line)[2] <= POLLS + 0.01


def test_what_was_held_to_a_reader_before_its_connection_may_be_from_any_time() -> None:
    line = Line.with_units(1, poll_interval=POLLS)
    line.device(1).answer(b"", 0.0)
    line.run_until(lambda: bool(line.written), 1)
    line.device(1).present_card(26, CARD)
    line.run(1)
    assert waited(line) == [inf] * len(waited(line))
    line.place(1).unplugged = True
    line.run_until(lambda: bool(line.events(WentOffline)), 20)
    line.place(1).unplugged = False
    line.run_until(lambda: line.device(1).online(line.now), 20)
    line.device(1).present_card(26, CARD)
    line.run(3)
    assert waited(line)[-1] == inf


def test_a_lost_answer_makes_its_card_no_older_than_it_is() -> None:
    line = working()
    line.place(1).mute = True
    line.device(1).present_card(26, CARD)
    line.run(0.1)
    line.place(1).mute = False
    line.run(1)
    (age,) = waited(line)
    assert 0.05 < age < 0.5
