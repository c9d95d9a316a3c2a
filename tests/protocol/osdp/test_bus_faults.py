"""The bus on a wire that loses, garbles and delays, with units that misbehave."""

from itertools import pairwise

import pytest

from gatewayd.simulate.device import Device
from protocol.osdp.bus import (
    REPLY_TIMEOUT,
    Answers,
    Bus,
    Delivered,
    Done,
    Dropped,
    Expired,
    Identified,
    PeripheralSettings,
    Refused,
    Replied,
    Unreadable,
    WentOffline,
    WentSilent,
)
from protocol.osdp.commands import Identify, Poll, ReadCapabilities, ReadLocalStatus, SetOutputs
from protocol.osdp.conversation import BUSY_PATIENCE, RESTART_PAUSE, TRIES
from protocol.osdp.exchange import STRAGGLER_WINDOW
from protocol.osdp.frame import LONGEST, Frame, SecurityBlock
from protocol.osdp.replies import Ack, Busy, LocalStatus, Nak, RawCard
from tests.simulate.line import Line

CARD = bytes.fromhex("de ad be c0")


def quiet_line(units: int = 1) -> Line:
    """A line where everybody is identified and admitted, and nothing is in flight."""
    line = Line.with_units(units)
    line.run(0.5)
    line.written.clear()
    line.raw.clear()
    line.told.clear()
    return line


def answer(line: Line, frame: Frame, reply: type[Ack | Busy] | Nak, sequence: int) -> None:
    """Put a reply of our own making on the line."""
    body = reply.encode() if isinstance(reply, Nak) else b""
    raw = Frame(frame.address, sequence, reply.CODE, body, reply=True).encode()
    line.bus.receive(raw, line.now)


def next_with(line: Line, sequence: int) -> float:
    """When the first exchange was repeated, and its number used for another one."""
    numbers = [frame.sequence for _, frame in line.written]
    changed = next(at for at, number in enumerate(numbers) if number != sequence)
    return line.written[numbers.index(sequence, changed)][0]


# --- silence --------------------------------------------------------------------------


def test_a_lost_answer_repeats_the_identical_bytes() -> None:
    """The sequence number tells the unit not to open the door twice."""
    line = quiet_line()
    line.place(1).mute = True
    line.unlock(1, 5)
    line.run(0.3)
    line.place(1).mute = False
    line.run(0.3)

    unlocks = [raw for raw in line.raw if raw[6] == SetOutputs.CODE]
    assert len(unlocks) >= 2
    assert len(set(unlocks)) == 1
    assert len(line.device(1).pulses) == 1
    assert line.endings() == {5: [Delivered()]}
    assert not line.device(1).complaints


def test_a_card_whose_answer_was_lost_is_not_lost() -> None:
    line = quiet_line()
    line.place(1).mute = True
    line.device(1).present_card(26, CARD)
    line.run(0.1)
    line.place(1).mute = False
    line.run(1)

    cards = [event for event in line.events(Replied) if isinstance(event.reply, RawCard)]
    assert len(cards) == 1


def test_retries_follow_at_once_and_three_silences_are_silence() -> None:
    line = quiet_line()
    line.place(1).unplugged = True
    line.run_until(lambda: bool(line.events(WentSilent)), 5)

    times = [when for when, _ in line.written]
    assert len(times) == TRIES
    assert [round(b - a, 3) for a, b in pairwise(times)] == [REPLY_TIMEOUT] * 2
    assert line.bus.counters(1).timeouts == TRIES
    assert line.bus.counters(1).retries == TRIES - 1


def test_a_short_silence_does_not_end_the_connection() -> None:
    line = quiet_line()
    line.place(1).unplugged = True
    line.run(5)
    line.place(1).unplugged = False
    told = line.run(1)

    assert line.events(WentSilent) == [WentSilent(1, 1)]
    assert told[0] == Answers(1, 1)
    assert not line.events(WentOffline)
    assert ReadLocalStatus.CODE in {
        frame.code for _, frame in line.heard(1)
    }  # what was missed?


def test_eight_seconds_of_silence_end_it() -> None:
    line = quiet_line()
    last = line.now
    line.place(1).unplugged = True
    line.run_until(lambda: bool(line.events(WentOffline)), 20)

    assert line.events(WentOffline) == [WentOffline(1, 1, "no valid message for 8 s")]
    assert 7.9 <= line.now - last <= 8.01
    line.run(5)
    assert {(frame.code, frame.sequence) for _, frame in line.written[-3:]} == {
        (Identify.CODE, 0)
    }


def test_what_is_queued_for_a_unit_ends_when_it_goes_offline() -> None:
    line = quiet_line()
    line.place(1).unplugged = True
    line.unlock(1, 1, within=60)
    line.run(1)
    line.unlock(1, 2, within=60)
    line.run(10)

    assert line.endings() == {1: [Dropped(sent=True)], 2: [Dropped(sent=False)]}
    kinds = [type(event) for _, event in line.told]
    assert kinds[-1] is WentOffline  # nothing of a connection comes after its end


def test_a_unit_that_dies_before_it_was_told_of_dies_unnoticed() -> None:
    line = Line.with_units(1)
    line.run_until(lambda: len(line.written) == 1, 1)
    line.place(1).unplugged = True
    line.run(20)
    assert line.written[1][1].code == ReadCapabilities.CODE
    assert line.told == []
    line.place(1).unplugged = False
    line.run(1)

    assert line.events(Identified)[0].connection == 2


# --- answers that are not the answer --------------------------------------------------


def test_our_own_echo_is_not_an_answer() -> None:
    line = quiet_line()
    line.echo = True
    line.unlock(1, 5)
    line.run(1)

    assert line.endings() == {5: [Delivered()]}
    line.place(1).unplugged = True
    line.run(1)
    assert line.events(WentSilent)


def test_an_answer_of_another_number_address_or_direction_is_not_the_answer() -> None:
    line = quiet_line(2)
    line.place(1).unplugged = line.place(2).unplugged = True
    line.run_until(lambda: bool(line.written), 1)
    frame = line.written[-1][1]
    other = 3 - frame.address
    wrong = (frame.sequence + 1) % 3 + 1
    for raw in (
        Frame(frame.address, wrong, Ack.CODE, b"", reply=True),
        Frame(other, frame.sequence, Ack.CODE, b"", reply=True),
        Frame(frame.address, frame.sequence, Ack.CODE, b""),
        Frame(9, frame.sequence, Ack.CODE, b"", reply=True),
    ):
        line.bus.receive(raw.encode(), line.now)
    replies = line.bus.counters(1).replies + line.bus.counters(2).replies

    answer(line, frame, Ack, frame.sequence)
    assert line.bus.counters(1).replies + line.bus.counters(2).replies == replies + 1
    assert line.bus.counters(other).stragglers == 1
    assert line.bus.counters(frame.address).stragglers == 1


@pytest.mark.parametrize("lateness", [0.21, 0.25, 0.3, 0.35, 0.39])
def test_a_unit_that_is_always_late_is_understood_all_the_same(lateness: float) -> None:
    """Each answer comes when its command was already sent again; none is taken for another."""
    line = Line.with_units(2)
    line.place(1).latency = lateness
    line.run(3)
    for number in range(10):
        line.device(1).present_card(26, bytes([number, 0, 0, 0]))
        line.unlock(1, 10 + number, within=20)
    line.run(30)

    cards = [e.reply.data[0] for e in line.events(Replied) if isinstance(e.reply, RawCard)]
    assert cards == list(range(10))
    assert line.endings() == {10 + number: [Delivered()] for number in range(10)}
    assert [each.seconds for each in line.device(1).pulses] == [
        (10 + number) / 10 for number in range(10)
    ]
    assert not line.device(1).complaints
    assert line.bus.counters(1).stragglers > 10


def test_a_number_that_was_repeated_rests() -> None:
    line = quiet_line()
    line.place(1).deaf = True
    line.run_until(lambda: len(line.written) == 2, 1)
    line.place(1).deaf = False
    line.run(2)
    sequence, last = line.written[0][1].sequence, line.written[2][0]

    assert next_with(line, sequence) >= last + STRAGGLER_WINDOW


def test_commands_wait_for_a_number_that_rests_too() -> None:
    line = quiet_line()
    line.place(1).deaf = True
    line.run_until(lambda: len(line.written) == 2, 1)
    line.place(1).deaf = False
    for tag in range(5):
        line.unlock(1, tag)
    line.run(2)

    sequence, last = line.written[0][1].sequence, line.written[2][0]
    again = next_with(line, sequence)
    assert last + STRAGGLER_WINDOW <= again < last + STRAGGLER_WINDOW + 0.02
    assert len(line.endings()) == 5


def test_so_does_the_number_of_a_command_that_was_given_up() -> None:
    """Its late answer must not pass for the capabilities that are asked for under it next."""
    line = quiet_line()
    line.run_until(lambda: line.bus._peripherals[1].count.number == 1, 1)
    line.place(1).latency = 0.35
    line.unlock(1, 5, within=0.1)
    line.run(0.01)
    line.place(1).latency = 0.001
    line.run(2)

    ((sent, _),) = line.heard(1, SetOutputs.CODE)
    ((asked, frame),) = line.heard(1, ReadCapabilities.CODE)
    assert frame.sequence == 1
    assert asked >= sent + STRAGGLER_WINDOW
    assert line.endings() == {5: [Expired(sent=True)]}
    assert line.events(Identified)[0].capabilities == line.device(1).capabilities


def test_a_late_answer_to_a_new_start_does_not_ask_for_another() -> None:
    line = quiet_line()
    line.place(1).latency = 0.3
    line.device(1).cycle_power()
    line.run(10)

    assert line.bus.counters(1).resets == 1
    assert [event.connection for event in line.events(Identified)] == [2]


def test_an_answer_whose_window_is_over_is_taken_all_the_same() -> None:
    """A unit that has become slower than its probes listen."""
    line = quiet_line(2)
    line.place(1).unplugged = True
    line.run(12)
    line.place(1).unplugged = False
    line.place(1).latency = 0.15
    line.run(2)

    assert line.events(Identified)[-1].connection == 2


def test_half_an_answer_does_not_swallow_the_next() -> None:
    line = quiet_line()
    line.place(1).half = 1
    line.unlock(1, 5)
    line.run(1)

    assert line.endings() == {5: [Delivered()]}
    assert line.bus.counters(1).dropped_bytes > 0


def test_a_garbled_answer_is_counted_and_asked_for_again() -> None:
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    line.noise(bytes.fromhex("53 81 08 00 05 40 00 00"))
    line.run(0.0001)

    assert line.bus.counters(1).bad_checks == 1
    assert line.bus.counters(1).dropped_bytes == 8


def test_an_answer_that_dribbles_in_is_waited_for() -> None:
    """The window grows with every byte, so a slow transport is not cut off."""
    line = quiet_line()
    line.dribble = 0.05
    line.unlock(1, 5)
    line.run(3)

    assert line.endings() == {5: [Delivered()]}
    assert line.bus.counters(1).retries == 0


@pytest.mark.parametrize("baud", [0, 115_200])
def test_babble_does_not_keep_the_line_for_ever(baud: int) -> None:
    """A header that promises the longest frame, then bytes without end."""
    line = Line.with_units(2, baud=baud)
    line.run(0.5)
    line.place(1).unplugged = True
    head = bytes((0x53, 0x81)) + LONGEST.to_bytes(2, "little") + b"\x04"
    for at in range(1000):
        line.noise(head if at % 10 == 0 else b"\x00", after=at * 0.01)
    line.written.clear()
    line.run(10)

    assert len(line.heard(2)) >= 12
    assert max(b - a for (a, _), (b, _) in pairwise(line.written)) < 0.7


def test_a_line_that_is_never_quiet_is_spoken_on_all_the_same() -> None:
    line = Line.with_units(1, baud=9600)
    line.run(0.5)
    for at in range(2000):
        line.noise(b"\x00", after=at * 0.001)
    line.written.clear()
    line.run(2)

    assert len(line.written) > 10


def test_noise_between_exchanges_belongs_to_nobody() -> None:
    line = quiet_line()
    line.bus.receive(bytes.fromhex("00 53 81 a0 05"), line.now)

    assert line.run(1) == []
    assert line.bus.counters(1).dropped_bytes == 0
    assert line.bus.counters(1).retries == 0  # it did not swallow the next answer


# --- answers that are trouble ---------------------------------------------------------


def test_a_busy_unit_is_asked_the_same_again_after_others_were_served() -> None:
    line = quiet_line(2)
    line.device(1).busy = 3
    line.unlock(1, 5)
    line.run(1)

    unlocks = [raw for raw in line.raw if raw[6] == SetOutputs.CODE]
    assert len(unlocks) == 4
    assert len(set(unlocks)) == 1
    assert line.endings() == {5: [Delivered()]}
    assert line.bus.counters(1).busy == 3
    assert line.bus.counters(1).timeouts == 0
    between = [f.address for _, f in line.written]
    at = [i for i, (_, f) in enumerate(line.written) if f.code == SetOutputs.CODE]
    assert all(2 in between[a:b] for a, b in pairwise(at))


def test_a_unit_that_is_always_busy_is_started_anew_in_the_end() -> None:
    line = quiet_line()
    line.device(1).busy = 1_000_000
    began = line.now
    line.unlock(1, 5, within=60)
    line.run_until(lambda: bool(line.events(WentOffline)), 20)

    assert line.events(WentOffline)[0].why == "busy for too long"
    assert line.endings() == {5: [Dropped(sent=True)]}
    assert BUSY_PATIENCE <= line.now - began < BUSY_PATIENCE + 0.2


def test_a_busy_answer_that_counts_along_is_understood_too() -> None:
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    frame = line.written[-1][1]
    answer(line, frame, Busy, frame.sequence)

    assert line.bus.counters(1).busy == 1


def test_a_poll_that_is_refused_is_counted_and_goes_on() -> None:
    line = quiet_line()
    line.device(1)._duties[Poll] = lambda _command, _now: Nak(3)
    told = line.run(1)

    assert told == []
    assert line.bus.counters(1).naks[3] > 10


def test_a_power_cycle_is_noticed_by_the_count() -> None:
    line = quiet_line()
    line.device(1).cycle_power()
    told = line.run(0.2)

    assert [type(event) for event in told[:2]] == [WentOffline, Identified]
    assert line.bus.counters(1).naks == {4: 1}
    assert line.bus.counters(1).resets == 1


def test_a_command_refused_for_its_number_was_not_obeyed() -> None:
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    line.run(0.01)
    line.device(1).cycle_power()
    line.unlock(1, 5)
    line.run(1)

    assert line.endings() == {5: [Refused(Nak(4))]}
    assert not line.device(1).pulses


def test_but_of_a_repeated_one_nobody_knows() -> None:
    line = quiet_line()
    line.place(1).mute = True
    line.unlock(1, 5)
    line.run(0.1)
    line.place(1).mute = False
    line.device(1).cycle_power()
    line.run(1)

    assert line.endings() == {5: [Dropped(sent=True)]}
    assert len(line.device(1).pulses) == 1


def test_a_refusal_under_the_units_own_number_is_understood() -> None:
    """Some units put the number they expect into NAK 4."""
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    frame = line.written[-1][1]
    answer(line, frame, Nak(4), frame.sequence % 3 + 1)
    line.run(1)

    assert [event.why for event in line.events(WentOffline)] == [
        "the unit refused the sequence number"
    ]


def test_a_unit_that_answers_with_zero_asks_for_a_new_start() -> None:
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    answer(line, line.written[-1][1], Ack, 0)
    line.run(1)

    assert [event.why for event in line.events(WentOffline)] == [
        "the unit asked for a new start"
    ]
    assert line.events(Identified)[-1].connection == 2


def test_a_unit_that_wants_to_start_again_and_again_does_not_take_the_line() -> None:
    line = quiet_line(2)
    device = line.device(1)
    device._duties[Poll] = lambda _command, _now: Nak(4)
    line.run(10)

    assert len(line.events(Identified)) <= 10 / RESTART_PAUSE + 1
    assert len(line.heard(2, Poll.CODE)) > 150


def test_a_command_that_arrived_damaged_is_sent_again() -> None:
    """NAK 1 comes instead of silence; it says that nothing was done."""
    line = quiet_line()
    device = line.device(1)
    obey, refusals = device._duties[SetOutputs], [Nak(1), Nak(1)]

    def damaged(command: SetOutputs, now: float) -> object:
        device._expected = 0
        device._last = None
        return refusals.pop() if refusals else obey(command, now)

    device._duties[SetOutputs] = damaged  # type: ignore[assignment]  # a unit that does not count what it refused
    original = device._answer

    def forgetful(frame: Frame, now: float) -> bytes:
        said = original(frame, now)
        if frame.code == SetOutputs.CODE and bytes((Nak.CODE, 1)) in said:
            device._last = None
            device._expected = frame.sequence
        return said

    device._answer = forgetful  # type: ignore[method-assign]  # likewise
    line.unlock(1, 5)
    line.run(1)

    assert line.endings() == {5: [Delivered()]}
    assert len(device.pulses) == 1
    assert line.bus.counters(1).naks == {1: 2}


def test_a_unit_that_calls_everything_damaged_refuses_it() -> None:
    line = quiet_line()
    line.device(1)._duties[SetOutputs] = lambda _command, _now: Nak(1)
    line.unlock(1, 5)
    line.run(1)

    assert line.endings() == {5: [Refused(Nak(1))]}
    assert len(line.heard(1, SetOutputs.CODE)) == 3


@pytest.mark.parametrize(
    ("code", "body", "why"),
    [(0xEE, b"secret", "UnknownMessage"), (LocalStatus.CODE, b"secret", "MalformedMessage")],
)
def test_a_senseless_answer_is_told_without_what_was_in_it(
    code: int, body: bytes, why: str
) -> None:
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    frame = line.written[-1][1]
    raw = Frame(1, frame.sequence, code, body, reply=True).encode()
    line.place(1).unplugged = True
    line.bus.receive(raw, line.now)
    line.place(1).unplugged = False
    told = line.run(1)

    assert told[0] == Unreadable(1, 1, code, why)
    assert line.bus.counters(1).unreadable == 1


def test_a_command_with_a_senseless_answer_ends_unconfirmed() -> None:
    line = quiet_line()
    line.place(1).unplugged = True
    line.unlock(1, 5)
    line.run(0.01)
    frame = line.written[-1][1]
    line.bus.receive(Frame(1, frame.sequence, 0xEE, b"", reply=True).encode(), line.now)

    assert line.run(0.01)[-1] == Done(5, Dropped(sent=True), 1)


def test_a_sealed_answer_means_nothing_to_a_clear_session() -> None:
    line = quiet_line()
    line.run_until(lambda: bool(line.written), 1)
    frame = line.written[-1][1]
    sealed = Frame(
        1, frame.sequence, Ack.CODE, b"", reply=True, security=SecurityBlock(0x16), mac=bytes(4)
    )
    stragglers = line.bus.counters(1).stragglers
    line.bus.receive(sealed.encode(), line.now)

    assert line.bus.counters(1).stragglers == stragglers + 1


def test_old_units_are_spoken_to_with_checksums() -> None:
    bus = Bus([PeripheralSettings(1, crc=False)])
    line = Line(bus, [])
    line.run(0.01)
    assert not line.written[0][1].crc
    line.places.append(line_place := Line.with_units(1).places[0])
    line.run(2)

    assert isinstance(line_place.device, Device)
    assert line.events(Identified)


@pytest.mark.parametrize(("spoilt", "expected"), [(0.002, 240), (0.01, 100), (0.1, 0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_bad_wire_opens_each_door_once_or_not_at_all(
    seed: int, spoilt: float, expected: int
) -> None:
    """So many bytes are lost and as many flipped; what is said of each unlock is true."""
    line = Line.with_units(4)
    line.run(1)
    line.chance.seed(seed)
    line.loss = line.flip = spoilt
    tag = 0
    for _ in range(60):
        for address in (1, 2, 3, 4):
            tag += 1
            line.unlock(address, tag)
        line.run(0.5)
    line.run(5)

    pulses = [round(p.seconds * 10) for each in line.places for p in each.device.pulses]
    assert len(pulses) == len(set(pulses))
    endings = line.endings()
    assert all(len(each) == 1 for each in endings.values())
    delivered = {tag for tag, (ending,) in endings.items() if ending == Delivered()}
    untouched = {
        tag
        for tag, (ending,) in endings.items()
        if isinstance(ending, Refused) or not getattr(ending, "sent", True)
    }
    assert delivered <= set(pulses)
    assert not untouched & set(pulses)
    assert len(delivered) >= expected
    assert not any(each.device.complaints for each in line.places)
