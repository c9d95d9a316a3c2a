"""The bus as a conversation with units that behave."""

from itertools import pairwise

from protocol.osdp.bus import (
    Delivered,
    Done,
    Dropped,
    Identified,
    Priority,
    Refused,
    Replied,
    WentOffline,
)
from protocol.osdp.commands import (
    Identify,
    LedRecord,
    OutputAction,
    OutputRecord,
    Poll,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
    ReadReaders,
    SetLeds,
    SetOutputs,
)
from protocol.osdp.orders import QUEUE_BOUND
from protocol.osdp.replies import Capabilities, Nak, RawCard
from tests.simulate.line import Line, pulse

CARD = bytes.fromhex("de ad be c0")


def test_nothing_is_written_before_the_link_is_up() -> None:
    line = Line.with_units(1)
    line.bus.link_down(line.now)

    assert line.bus.outgoing(1.0) == b""
    assert line.bus.deadline == float("inf")


def test_a_unit_is_asked_who_it_is_before_anything_else() -> None:
    line = Line.with_units(1)
    line.run(0.1)

    codes = [frame.code for _, frame in line.heard(1)][:3]
    assert codes == [Identify.CODE, ReadCapabilities.CODE, ReadLocalStatus.CODE]
    assert [frame.sequence for _, frame in line.heard(1)][:5] == [0, 1, 2, 3, 1]


def test_its_answers_are_told_with_the_bytes_that_prove_them() -> None:
    line = Line.with_units(1)
    line.run(0.1)

    (told,) = line.events(Identified)
    device = line.device(1)
    assert told.connection == 1
    assert told.identification == device.identification
    assert told.capabilities == device.capabilities
    assert device.identification.encode() in told.evidence[0]
    assert device.capabilities.encode() in told.evidence[1]


def test_the_state_of_its_doors_is_asked_when_its_gate_opens() -> None:
    line = Line.with_units(1)
    line.device(1).set_input(2, active=True)
    line.device(1).cycle_power()  # so that no report of it waits

    asked = [event.command for event in line.run(0.1) if isinstance(event, Replied)]
    assert asked == [ReadLocalStatus(), ReadInputs(), ReadOutputs(), ReadReaders()]


def test_a_unit_without_inputs_outputs_and_readers_is_not_asked_for_them() -> None:
    line = Line.with_units(1)
    device = line.device(1)
    device.capabilities = Capabilities(())
    line.run(0.1)

    assert [event.command for event in line.events(Replied)] == [ReadLocalStatus()]


def test_a_card_comes_in_with_the_next_poll() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.device(1).present_card(26, CARD)

    assert line.run(0.06) == [Replied(1, 1, Poll(), RawCard(0, 1, 26, CARD))]


def test_a_poll_follows_the_last_answer_after_the_interval() -> None:
    line = Line.with_units(1, poll_interval=0.05)
    line.run(1)

    times = [when for when, _ in line.heard(1, Poll.CODE)]
    gaps = {round(later - earlier, 6) for earlier, later in pairwise(times)}
    assert gaps == {0.051}


def test_an_unlock_takes_the_very_next_slot() -> None:
    line = Line.with_units(8, poll_interval=0)
    line.run(1)
    line.unlock(5, 50)
    before = len(line.written)
    line.run(0.02)

    (_, first), (_, second) = line.written[before : before + 2]
    assert SetOutputs.CODE in (first.code, second.code)  # one may be in flight already
    assert line.endings() == {50: [Delivered()]}
    assert line.device(5).pulses[0].seconds == 5.0


def test_what_a_command_brings_back_comes_before_its_end() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.bus.send(1, ReadInputs(), priority=Priority.ROUTINE, expires=9, tag=3, connection=1)

    replied, done = line.run(0.01)
    assert isinstance(replied, Replied)
    assert replied.tag == 3
    assert done == Done(3, Delivered(), 1)


def test_a_refused_command_ends_with_the_reason() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    wrong = SetOutputs((OutputRecord(99, OutputAction.ON),))
    line.bus.send(1, wrong, priority=Priority.UNLOCK, expires=9, tag=3, connection=1)

    assert line.run(0.01) == [Done(3, Refused(Nak(9)), 1)]
    assert line.bus.counters(1).naks == {9: 1}


def test_urgent_commands_go_first_and_equals_in_their_order() -> None:
    line = Line.with_units(2)
    line.run(0.1)
    line.unlock(1, 1, priority=Priority.ROUTINE)
    line.unlock(2, 2, priority=Priority.FEEDBACK)
    line.unlock(1, 3, priority=Priority.UNLOCK)
    line.unlock(2, 4, priority=Priority.UNLOCK)
    line.unlock(1, 5, priority=Priority.FEEDBACK)
    line.run(0.1)

    assert list(line.endings()) == [3, 4, 2, 5, 1]


def test_a_full_queue_says_so_and_takes_nothing() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    taken = [line.unlock(1, tag) for tag in range(1, QUEUE_BOUND + 3)]
    line.run(1)

    assert taken == [True] * QUEUE_BOUND + [False] * 2
    assert line.endings() == {tag: [Delivered()] for tag in range(1, QUEUE_BOUND + 1)}


def test_nobody_at_an_address_takes_no_commands() -> None:
    line = Line.with_units(1)

    assert not line.unlock(9, 1)
    assert not line.bus.open_gate(9, 1)


def test_when_the_line_goes_everything_ends() -> None:
    line = Line.with_units(2)
    line.run(0.1)
    line.unlock(1, 1)
    line.bus.outgoing(line.now)  # one is on the wire, or the poll before it
    line.unlock(1, 2)
    line.unlock(2, 3)
    line.bus.link_down(line.now)
    told = line.run(1)

    assert {event.tag: event.outcome for event in told if isinstance(event, Done)} == {
        1: Dropped(sent=True),
        2: Dropped(sent=False),
        3: Dropped(sent=False),
    }
    assert [event for event in told if isinstance(event, WentOffline)] == [
        WentOffline(1, 1, "the line is down"),
        WentOffline(2, 1, "the line is down"),
    ]
    assert not line.unlock(1, 4, connection=1)
    assert line.bus.deadline == float("inf")


def test_when_the_line_is_back_everybody_is_identified_anew() -> None:
    line = Line.with_units(2)
    line.run(0.1)
    line.bus.link_down(line.now)
    line.close_gate(1, identify_again=True)  # nothing is open, nobody can be asked
    line.run(1)
    line.bus.link_up(line.now)
    line.run(0.1)

    assert [event.connection for event in line.events(Identified)] == [1, 1, 2, 2]


def test_a_link_that_comes_up_twice_went_down_in_between() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.bus.link_up(line.now)
    line.run(0.1)

    assert [event.connection for event in line.events(Identified)] == [1, 2]
    assert [event.connection for event in line.events(WentOffline)] == [1]


def test_what_is_left_of_an_old_link_is_not_heard() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.bus.link_down(line.now)
    line.bus.receive(b"\x53" * 50, line.now)

    assert line.bus.counters(1).dropped_bytes == 0


def test_time_on_the_wire_is_not_time_to_answer() -> None:
    """At 9600 baud the long command alone takes more than the 200 ms."""
    line = Line.with_units(1, baud=9600)
    line.run(1)
    lights = SetLeds(
        tuple(LedRecord(led=each, permanent=1, permanent_on=1) for each in range(16))
    )
    line.bus.send(1, lights, priority=Priority.FEEDBACK, expires=9, tag=7, connection=1)
    line.place(1).latency = 0.19
    line.run(1)

    assert line.endings() == {7: [Delivered()]}
    assert line.bus.counters(1).retries == 0


def test_the_line_is_idle_for_two_characters_before_we_speak() -> None:
    line = Line.with_units(2, poll_interval=0, baud=9600)
    line.run(1)
    arrivals = [when for when, _ in line.written]
    exchange = (9 + 8) * 10 / 9600 + 0.001  # a poll with its mark, an acknowledgement

    gaps = [b - a - exchange for a, b in pairwise(arrivals[20:])]
    assert min(gaps) >= 2 * 10 / 9600 - 1e-9
    assert max(gaps) <= 2 * 10 / 9600 + 1e-9


def test_counters_tell_what_happened_and_are_a_copy() -> None:
    line = Line.with_units(1)
    line.run(1)
    counters = line.bus.counters(1)
    line.run(1)

    assert counters.connections == 1
    assert 10 < counters.polls < counters.replies < line.bus.counters(1).replies
    trips = counters.round_trips
    assert 0.0009 < trips.mean <= trips.slowest < 0.0011
    assert trips.quantile(0.5) <= trips.slowest
    assert trips.count < line.bus.counters(1).round_trips.count
    assert counters.retries == counters.timeouts == counters.bad_checks == 0


def test_a_command_for_the_pulse_is_what_the_wire_carries() -> None:
    line = Line.with_units(1)
    line.run(0.1)
    line.unlock(1, 50)
    line.run(0.1)

    ((_, frame),) = line.heard(1, SetOutputs.CODE)
    assert frame.body == pulse(50).encode()
