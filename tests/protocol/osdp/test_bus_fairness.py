"""Nobody starves: not beside the dead, the talkative, or those with much to do."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.bus import (
    AHEAD,
    Answers,
    Delivered,
    Identified,
    Priority,
    Replied,
    WentSilent,
)
from protocol.osdp.commands import Identify, Poll, SetOutputs
from protocol.osdp.turns import (
    FULL_WINDOW_INTERVAL,
    HURRIED_INTERVALS,
    HURRIED_WINDOW,
    PROBE_SHARE,
)
from tests.simulate.line import Line

CARD = bytes.fromhex("de ad be c0")

KEYS_OF_EIGHT = {
    at: bytes((at * 17 + each * each * 7 + 3) & 0xFF for each in range(16))
    for at in range(1, 9)
}


def flood(line: Line, addresses: set[int], priority: Priority = Priority.UNLOCK) -> None:
    """Keep the queues of these full, whatever becomes of it."""
    tags = iter(range(1, 60_000))

    def refill(_event: object = None) -> None:
        for address in addresses:
            while line.unlock(address, next(tags), within=5, priority=priority):
                pass

    line.on_event(refill)
    refill()


def babble(line: Line, addresses: set[int]) -> None:
    """Let these have something to report at every poll."""

    def talk(_event: object = None) -> None:
        for address in addresses:
            line.device(address).present_card(26, CARD)

    line.on_event(talk)
    talk()


def between_polls(line: Line, address: int, since: float) -> list[Counter[tuple[int, bool]]]:
    """What was written between two polls of one unit: (address, is a command) → how often."""
    found: list[Counter[tuple[int, bool]]] = []
    for when, frame in line.written:
        if when < since:
            continue
        if frame.address == address and frame.code == Poll.CODE:
            found.append(Counter())
        elif found:
            found[-1][frame.address, frame.code == SetOutputs.CODE] += 1
    return found[:-1]


@given(st.data())
def test_between_two_polls_nobody_gets_more_than_his_share(data: st.DataObject) -> None:
    """The line is saturated: every unit is due for its next poll as soon as it has answered."""
    units = set(range(1, 1 + data.draw(st.integers(2, 6))))
    dead = data.draw(st.sets(st.sampled_from(sorted(units)), max_size=len(units) - 1))
    living = sorted(units - dead)
    line = Line.with_units(len(units), poll_interval=0)
    line.run(1)
    for place in line.places:
        place.latency = 0.02
        place.unplugged = place.device.address in dead
    flood(line, data.draw(st.sets(st.sampled_from(sorted(units)))))
    babble(line, data.draw(st.sets(st.sampled_from(living))))
    line.run(4)
    since = line.now
    line.run(2)

    for address in living:
        rounds = between_polls(line, address, since)
        assert len(rounds) >= 2
        for counts in rounds:
            for other in living:
                assert counts[other, True] <= AHEAD
                assert counts[other, False] <= 1
            probes = sum(counts[other, kind] for other in dead for kind in (True, False))
            assert probes <= 1


def test_a_unit_with_its_own_queue_full_is_polled_too() -> None:
    line = Line.with_units(1)
    line.run(0.5)
    flood(line, {1})
    line.device(1).present_card(26, CARD)
    line.run(0.2)

    assert not line.device(1).waiting


def test_while_nobody_waits_commands_are_not_held_back() -> None:
    line = Line.with_units(1, poll_interval=2)
    line.run(0.5)
    for tag in range(1, 17):
        line.unlock(1, tag)
    line.run(0.02)

    assert line.endings() == {tag: [Delivered()] for tag in range(1, 17)}


def test_a_flood_of_commands_does_not_hold_up_a_retry_for_long() -> None:
    line = Line.with_units(2, poll_interval=2)
    line.run(0.5)
    flood(line, {2}, Priority.ROUTINE)
    line.place(1).unplugged = True
    line.run_until(lambda: bool(line.heard(1, Poll.CODE)) and line.now > 2, 5)
    line.run_until(lambda: bool(line.events(WentSilent)), 2)

    assert line.events(WentSilent)


def test_a_cut_cable_takes_no_more_than_a_window_from_the_others() -> None:
    """Seven of eight go at once; nothing is known of it yet, and every one is tried thrice."""
    line = Line.with_units(8)
    line.run(1)
    for address in range(2, 9):
        line.place(address).unplugged = True
    since = line.now
    line.run(10)

    times = [when for when, frame in line.heard(1, Poll.CODE) if when > since]
    gaps = [b - a for a, b in pairwise(times)]
    assert len(line.events(WentSilent)) == 7
    assert max(gaps) < 7 * 0.2 + 0.1  # each of the seven was due once, and nobody knew
    assert sorted(gaps)[-2] < 0.3  # after that one unanswered frame at a time


def test_the_retry_of_an_unlock_does_not_wait_for_others() -> None:
    line = Line.with_units(8, poll_interval=0)
    line.run(1)
    line.place(3).mute = True
    line.unlock(3, 5)
    line.run_until(lambda: bool(line.heard(3, SetOutputs.CODE)), 1)
    line.run(0.3)

    first, second = line.heard(3, SetOutputs.CODE)[:2]
    assert round(second[0] - first[0], 3) == 0.2


def test_who_is_back_does_not_wait_for_everybody_between_two_questions() -> None:
    """At 9600 baud a round of eight takes long, and there are six questions."""
    line = Line.with_units(8, baud=9600, keys=KEYS_OF_EIGHT)
    line.run(10)
    line.place(8).unplugged = True
    line.run(12)
    line.device(8).cycle_power()
    line.place(8).unplugged = False
    before = line.bus.counters(8).replies
    line.run_until(lambda: line.bus.counters(8).replies > before, 3)
    line.run(0.6)
    assert line.connection(8)


def test_who_comes_back_all_the_time_does_not_starve_the_others() -> None:
    line = Line.with_units(8, baud=9600, keys=KEYS_OF_EIGHT)
    line.run(10)
    polls = {at: line.bus.counters(at).polls for at in range(1, 8)}
    for _ in range(20):
        line.device(8).cycle_power()
        line.run(1)
    for at, before in polls.items():
        assert line.bus.counters(at).polls - before > 30, at


@pytest.mark.parametrize("dead", [{1}, {3}, {2, 5, 8}, {1, 2, 3, 4}])
@pytest.mark.parametrize("offset", [0.0, 0.13, 0.29, 0.44, 0.61])
def test_the_dead_are_found_within_a_second_of_their_return(
    dead: set[int], offset: float
) -> None:
    line = Line.with_units(8)
    line.run(1)
    for address in dead:
        line.place(address).unplugged = True
    line.run(20 + offset)
    line.told.clear()
    for address in dead:
        line.place(address).unplugged = False
    line.run(1)

    assert {event.address for event in line.events(Identified)} == dead


@pytest.mark.parametrize("dead", [{1}, {2, 5, 8}])
def test_so_are_the_silent_before_they_count_as_offline(dead: set[int]) -> None:
    line = Line.with_units(8, poll_interval=0)
    line.run(1)
    for address in dead:
        line.place(address).unplugged = True
    line.run(6)
    line.told.clear()
    for address in dead:
        line.place(address).unplugged = False
    line.run(1)

    assert {event.address for event in line.events(Answers)} == dead


def test_a_whole_site_that_comes_back_is_found_within_a_second() -> None:
    line = Line.with_units(8)
    for place in line.places:
        place.unplugged = True
    line.run(20)
    line.place(7).unplugged = False
    line.run(1)
    assert [event.address for event in line.events(Identified)] == [7]
    for place in line.places:
        place.unplugged = False
    line.run(1)

    assert {event.address for event in line.events(Identified)} == set(range(1, 9))


@pytest.mark.parametrize("offset", [0.0, 0.09, 0.17, 0.29, 0.44, 0.61])
@pytest.mark.parametrize("power", [True, False])
@pytest.mark.parametrize("outage", [1, 4, 7, 12])
def test_a_whole_secure_line_that_was_away_is_secure_within_a_second(
    outage: float,
    power: bool,  # noqa: FBT001 - drawn by name
    offset: float,
) -> None:
    line = Line.with_units(8, baud=115200, keys=KEYS_OF_EIGHT)
    line.run(2)
    for place in line.places:
        place.unplugged = True
    line.run(outage + offset)
    for place in line.places:
        if power:
            place.device.cycle_power()
        place.unplugged = False
    line.run(1)
    line.told.clear()
    line.run(2)

    assert not [event for event in line.told if not isinstance(event[1], Replied)]
    assert all(place.device.secure for place in line.places)


def test_a_dead_unit_costs_the_living_next_to_nothing() -> None:
    line = Line.with_units(8)
    line.run(1)
    line.place(3).unplugged = True
    line.run(30)
    since = line.now
    line.run(60)

    gaps = sorted(
        b - a
        for address in (1, 2, 4, 5, 6, 7, 8)
        for times in [[when for when, _ in line.heard(address, Poll.CODE) if when > since]]
        for a, b in pairwise(times)
    )
    assert gaps[int(len(gaps) * 0.99)] < 0.051 * 1.1
    assert gaps[-1] < 0.051 + 0.2 + 0.02  # the one whole window in half a minute


def waits(line: Line, seconds: float) -> Callable[[float], float]:
    """Let time pass; return how long a share of the cards at the first seven has to wait.

    Exactly, for cards at any moment: until the reader they are held to is polled again.
    """
    since = line.now
    line.run(seconds)
    gaps = [
        b - a
        for address in range(1, 8)
        for a, b in pairwise(when for when, _ in line.heard(address, Poll.CODE) if when > since)
    ]

    def quantile(share: float) -> float:
        """The wait that `share` of them does not exceed, by halves."""
        low, high = 0.0, max(gaps)
        for _ in range(30):
            middle = (low + high) / 2
            longer = sum(gap - middle for gap in gaps if gap > middle) / sum(gaps)
            low, high = (middle, high) if longer > 1 - share else (low, middle)
        return high

    return quantile


def test_a_dead_unit_on_a_line_flat_out_costs_cards_next_to_nothing() -> None:
    """As long as the pause between two whole windows, one of which is among it."""
    with_eight = Line.with_units(8, poll_interval=0, baud=115_200)
    with_seven = Line.with_units(7, poll_interval=0, baud=115_200)
    dead = Line.with_units(8, poll_interval=0, baud=115_200)
    for line in (with_eight, with_seven, dead):
        line.run(1)
    dead.place(8).unplugged = True
    dead.run(12)
    eight, seven = waits(with_eight, 2)(0.99), waits(with_seven, 2)(0.99)
    quantile = waits(dead, FULL_WINDOW_INTERVAL * HURRIED_INTERVALS + 1)

    assert quantile(0.99) < 1.1 * eight
    assert quantile(0.99) < 1.1 * seven
    assert quantile(1) < 0.26


@pytest.mark.parametrize("latency", [0.001, 0.01])
@pytest.mark.parametrize("outage", [5.0, 12.3, 31.6])
@pytest.mark.parametrize("dead", [{1}, {2, 5, 8}])
def test_on_a_line_flat_out_the_dead_are_found_within_a_second_too(
    dead: set[int], outage: float, latency: float
) -> None:
    line = Line.with_units(8, poll_interval=0, baud=115_200)
    for place in line.places:
        place.latency = latency
    line.run(2)
    for address in dead:
        line.place(address).unplugged = True
    line.run(outage)
    line.told.clear()
    for address in dead:
        line.place(address).unplugged = False
    line.run(1)

    answers = {event.address for event in line.events(Answers)}
    assert answers | {event.address for event in line.events(Identified)} == dead


@pytest.mark.parametrize("interval", [0, 0.05])
def test_a_probe_never_holds_a_living_unit_up_twice(interval: float) -> None:
    line = Line.with_units(8, poll_interval=interval)
    line.run(1)
    for address in (2, 5, 8):
        line.place(address).unplugged = True
    line.run(12)
    since = line.now
    line.run(20)

    for address in (1, 3, 4, 6, 7):
        times = [when for when, _ in line.heard(address, Poll.CODE) if when > since]
        assert max(b - a for a, b in pairwise(times)) < interval + 0.23


def test_unanswered_probes_keep_their_distance() -> None:
    line = Line.with_units(8)
    line.run(1)
    dead = {2, 3, 5, 6, 8}
    for address in dead:
        line.place(address).unplugged = True
    line.run(12)
    since = line.now
    line.run(10)

    probes = [when for when, f in line.written if f.address in dead and when > since]
    assert len(probes) > 30
    assert min(b - a for a, b in pairwise(probes)) >= (1 + PROBE_SHARE) * HURRIED_WINDOW - 1e-9


def test_a_slow_unit_that_was_never_heard_is_found_in_the_end() -> None:
    """Slower than its neighbours by far; its probes listen no longer than theirs need."""
    line = Line.with_units(3)
    line.place(2).unplugged = True
    line.run(1)
    line.place(2).unplugged = False
    line.place(2).latency = 0.1
    line.run(30)

    assert 2 in {event.address for event in line.events(Identified)}


def test_probes_listen_as_long_as_the_unit_was_slow() -> None:
    line = Line.with_units(2)
    line.place(2).latency = 0.04
    line.run(3)
    line.place(2).unplugged = True
    line.run(12)
    line.told.clear()
    line.place(2).unplugged = False
    line.run(2)  # its probes are long, so they are further apart

    assert [event.address for event in line.events(Identified)] == [2]
    assert line.bus.counters(2).stragglers == 0


def test_a_full_queue_for_a_silent_unit_does_not_change_its_probes() -> None:
    line = Line.with_units(2)
    line.run(1)
    line.place(1).unplugged = True
    line.run(1)
    for tag in range(1, 17):
        line.unlock(1, tag, within=60)
    line.written.clear()
    line.run(5)

    assert len(line.heard(1)) <= 5 / 0.7 + 1
    assert len(line.heard(2, Poll.CODE)) > 80


def test_an_empty_bus_has_nothing_to_do() -> None:
    line = Line.with_units(0)
    line.run(10)

    assert line.bus.deadline == float("inf")


def test_identity_questions_are_asked_of_all_at_the_start() -> None:
    line = Line.with_units(32)
    line.run(0.5)

    assert len(line.events(Identified)) == 32
    assert [f.code for _, f in line.heard(32)][:1] == [Identify.CODE]
