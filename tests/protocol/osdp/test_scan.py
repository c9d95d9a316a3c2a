"""Looking for units whose addresses nobody knows, on lines with everything wrong with them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.simulate.device import Device
from protocol.osdp.commands import Identify, ReadCapabilities
from protocol.osdp.frame import BROADCAST, Frame, FrameReader, SecurityBlock
from protocol.osdp.replies import Ack, Capabilities, Identification, Nak, NakReason
from protocol.osdp.scan import (
    BUSY_PATIENCE,
    NOISY_TRIES,
    SHORT_WINDOW,
    Found,
    Garbled,
    Happening,
    Refusing,
    Scan,
)

IDENTITY = {Identify.CODE, ReadCapabilities.CODE}
Meddle = Callable[[bytes], bytes]


@dataclass
class Unit:
    """A device where it hangs. Times in seconds."""

    device: Device
    latency: float = 0.003
    baud: int = 9600
    meddle: Meddle = bytes  # what somebody makes of its answers


@dataclass
class Wire:
    """Runs a scan against units; those that answer at once collide."""

    scan: Scan
    units: list[Unit]
    baud: int = 9600
    paced: bool = True
    now: float = 100.0
    asked: list[Frame] = field(default_factory=list)
    told: list[Happening] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._arrivals: list[tuple[float, int, bytes]] = []
        self._serial = 0
        self._character = 10 / self.baud if self.paced else 0.0

    def run(self, seconds: float = 120.0) -> list[Happening]:
        """Let the scan end; it must."""
        end = self.now + seconds
        self.scan.link_up(self.now)
        self._pump()
        while not self.scan.done:
            moment = min(self.scan.deadline, self._arrivals[0][0] if self._arrivals else inf)
            assert moment <= end, "it does not end"
            self.now = max(self.now, moment)
            data = b""
            while self._arrivals and self._arrivals[0][0] <= self.now:
                data += heappop(self._arrivals)[2]
            self.scan.receive(data, self.now)
            self._pump()
        return self.told

    def noise(self, after: float, data: bytes) -> None:
        self._serial += 1
        heappush(self._arrivals, (self.now + after, self._serial, data))

    def _pump(self) -> None:
        while wire := self.scan.outgoing(self.now):
            (frame,) = FrameReader().feed(wire)
            assert frame.code in IDENTITY
            assert wire[:1] == b"\xff"
            self.asked.append(frame)
            self._carry(wire, self.now + len(wire) * self._character)
        while (event := self.scan.next_event()) is not None:
            self.told.append(event)

    def _carry(self, wire: bytes, ended: float) -> None:
        answers = [
            (unit.latency, unit.meddle(answer))
            for unit in self.units
            if unit.baud == self.baud and (answer := unit.device.answer(wire, ended))
        ]
        if len({latency for latency, _ in answers}) < len(answers):
            answers = [(answers[0][0], collision(each for _, each in answers))]
        for latency, answer in answers:
            after = ended - self.now + latency + len(answer) * self._character
            self.noise(after, answer)


def collision(answers: Iterable[bytes]) -> bytes:
    """What two drivers on one pair of wires make of it, more or less."""
    return bytes(map(lambda *each: each[0] & each[-1], *answers))


def garbled(answer: bytes) -> bytes:
    """What an answer at another speed looks like."""
    return bytes(byte ^ 0x5A for byte in answer)


class Damage:
    """Spoils the first answer."""

    def __init__(self) -> None:
        self._done = False

    def __call__(self, answer: bytes) -> bytes:
        first, self._done = not self._done, True
        return garbled(answer) if first else answer


def look(units: list[Unit], addresses: Iterable[int] = range(127), **options: float) -> Wire:
    wire = Wire(Scan(addresses, character_time=10 / 9600, **options), units)  # type: ignore[arg-type]  # crc is a bool
    wire.run()
    return wire


def addresses_of(wire: Wire) -> list[int]:
    return [event.address for event in wire.told if isinstance(event, Found)]


# --- what an installer wants ----------------------------------------------------------


def test_every_unit_is_found_with_what_it_says_of_itself() -> None:
    devices = [Device(each) for each in (0, 5, 126)]
    wire = look([Unit(each) for each in devices])
    assert wire.told == [
        Found(each.address, each.identification, each.capabilities, event.evidence)
        for each, event in zip(devices, wire.told, strict=True)
        if isinstance(event, Found)
    ]
    assert (wire.scan.asked, wire.scan.total) == (127, 127)
    assert not [each for device in devices for each in device.complaints]


def test_what_was_answered_is_kept_as_evidence() -> None:
    (found,) = look([Unit(Device(5))], [5]).told
    assert isinstance(found, Found)
    first, second = (Frame.decode(each) for each in found.evidence)
    assert Identification.decode(first.body) == found.identification
    assert Capabilities.decode(second.body) == found.capabilities


def test_an_empty_line_is_looked_through_in_seconds() -> None:
    wire = look([])
    assert wire.told == []
    assert len(wire.asked) == 127
    assert wire.now - 100.0 < 127 * (SHORT_WINDOW + 0.012) + 0.2


def test_nobody_to_ask_is_soon_done() -> None:
    assert look([], []).scan.done


def test_one_unit_answers_for_everybody() -> None:
    device = Device(77)
    wire = look([Unit(device)], [BROADCAST])
    assert wire.told == [
        Found(BROADCAST, device.identification, None, wire.told[0].evidence)  # type: ignore[union-attr]  # mypy cannot know it is one
    ]
    assert [each.address for each in wire.asked] == [BROADCAST]


def test_several_that_answer_at_once_are_noise() -> None:
    wire = look([Unit(Device(3)), Unit(Device(4))], [BROADCAST])
    assert wire.told == [Garbled(BROADCAST)]
    assert len(wire.asked) == 1


@pytest.mark.parametrize("serial", [0x1003, 0x2222])
def test_several_that_answer_one_after_the_other_are_several(serial: int) -> None:
    """As a serial server may hand them over."""
    units = [Unit(Device(3)), Unit(Device(4, serial=serial), latency=0.05)]
    wire = look([*units, Unit(Device(5), latency=0.12)], [BROADCAST])
    assert [type(each) for each in wire.told] == [Found, Garbled]


def test_one_that_answers_late_when_all_are_asked_again_is_one() -> None:
    device = Device(77)
    wire = look([Unit(device, latency=0.25)], [BROADCAST], tries=2)
    assert [type(each) for each in wire.told] == [Found]
    assert len(wire.asked) == 2


def test_one_that_answers_is_not_asked_again() -> None:
    wire = look([Unit(Device(77))], [BROADCAST], tries=2)
    assert ([type(each) for each in wire.told], len(wire.asked)) == ([Found], 1)


def test_units_at_another_speed_do_not_hear_us() -> None:
    assert look([Unit(Device(3), baud=115200)]).told == []


def test_two_units_with_one_address_are_named() -> None:
    wire = look([Unit(Device(3)), Unit(Device(3, serial=7)), Unit(Device(4))], range(10))
    assert Garbled(3) in wire.told
    assert addresses_of(wire) == [4]
    assert sum(each.address == 3 for each in wire.asked) == NOISY_TRIES


def test_two_units_with_one_address_that_take_turns_are_named_too() -> None:
    units = [Unit(Device(3)), Unit(Device(3, serial=7), latency=0.09)]
    wire = look(units, range(10))
    assert [type(each) for each in wire.told if each.address == 3] == [Found, Garbled]


def test_a_damaged_answer_is_asked_for_again() -> None:
    wire = look([Unit(Device(3), meddle=Damage())], range(6))
    assert addresses_of(wire) == [3]
    assert [each for each in wire.told if isinstance(each, Garbled)] == []


def test_a_slow_unit_is_found_though_its_answer_comes_late() -> None:
    """It meets the next question or the one after; on a real wire that is a collision."""
    wire = look([Unit(Device(3), latency=0.12)], range(10))
    assert addresses_of(wire) == [3]


def test_a_late_answer_that_collided_is_asked_for_again_with_time() -> None:
    late = Unit(Device(3), latency=0.07, meddle=Damage())
    wire = look([late], range(10))
    assert addresses_of(wire) == [3]
    assert not any(isinstance(each, Garbled) for each in wire.told)


def test_a_unit_that_answers_twice_is_told_of_once() -> None:
    wire = look([Unit(Device(3), latency=0.08)], [3, 4], tries=3)
    assert [type(each) for each in wire.told] == [Found]


def test_the_last_address_has_the_time_it_needs() -> None:
    assert addresses_of(look([Unit(Device(9), latency=0.17)], range(10))) == [9]


def test_a_silent_address_is_asked_as_often_as_wanted() -> None:
    wire = look([], [5], tries=3)
    assert [each.sequence for each in wire.asked] == [0, 0, 0]


def test_a_unit_that_insists_on_a_session_says_who_it_is_all_the_same() -> None:
    device = Device(3, key=bytes(range(50, 66)))
    wire = look([Unit(device)], [3])
    (found,) = wire.told
    assert isinstance(found, Found)
    assert found.capabilities == device.capabilities


def test_old_units_are_asked_with_checksums() -> None:
    wire = look([Unit(Device(3))], [3], crc=False)
    assert addresses_of(wire) == [3]
    assert not any(each.crc for each in wire.asked)


# --- units that do not do what they should --------------------------------------------


class Odd(Device):
    """Answers the code with something else."""

    def __init__(self, address: int, code: int, reply: Frame | None, times: int = 1) -> None:
        super().__init__(address)
        self._code, self._odd, self._times = code, reply, times

    def answer(self, data: bytes, now: float) -> bytes:
        right = super().answer(data, now)
        (frame,) = FrameReader().feed(data)
        if not right or frame.code != self._code or not self._times:
            return right
        self._times -= 1
        return b"" if self._odd is None else self._odd.encode()


def reply_of(address: int, code: int, body: bytes, sequence: int = 0) -> Frame:
    return Frame(address, sequence, code, body, reply=True)


def test_a_unit_that_refuses_to_say_who_it_is_is_told_of() -> None:
    odd = Odd(3, Identify.CODE, reply_of(3, Nak.CODE, b"\x06"))
    assert look([Unit(odd)], range(5)).told == [Refusing(3, Nak(NakReason.SECURITY_REQUIRED))]


@pytest.mark.parametrize(
    "answer",
    [
        reply_of(3, Ack.CODE, b""),
        reply_of(3, Identification.CODE, b"short"),
        Frame(3, 0, Ack.CODE, b"", reply=True, security=SecurityBlock(0x15), mac=bytes(4)),
    ],
)
def test_a_unit_that_answers_nonsense_is_told_of(answer: Frame) -> None:
    assert look([Unit(Odd(3, Identify.CODE, answer))], range(5)).told == [Refusing(3, None)]


@pytest.mark.parametrize("answer", [None, reply_of(3, Nak.CODE, b"\x03", 1)])
def test_a_unit_without_capabilities_is_found_all_the_same(answer: Frame | None) -> None:
    odd = Odd(3, ReadCapabilities.CODE, answer, times=9)
    (found,) = look([Unit(odd)], [3]).told
    assert isinstance(found, Found)
    assert (found.address, found.capabilities, len(found.evidence)) == (3, None, 1)


def test_capabilities_that_got_lost_are_asked_for_again() -> None:
    (found,) = look([Unit(Odd(3, ReadCapabilities.CODE, None, times=2))], [3]).told
    assert isinstance(found, Found)
    assert found.capabilities == Device(3).capabilities


def test_capabilities_that_come_late_are_told_once() -> None:
    device = Device(3)
    wire = look([Unit(device, latency=0.25)], range(2, 9))
    assert [type(each) for each in wire.told] == [Found]


def test_a_busy_unit_is_asked_again_later() -> None:
    device = Device(3)
    device.busy = 4
    assert addresses_of(look([Unit(device)], range(5))) == [3]


def test_a_unit_that_is_busy_for_ever_is_told_of() -> None:
    device = Device(3)
    device.busy = 1000
    wire = look([Unit(device)], range(5))
    assert wire.told == [Refusing(3, None)]
    assert sum(each.address == 3 for each in wire.asked) == BUSY_PATIENCE + 1


def test_answers_of_addresses_nobody_asked_are_passed_over() -> None:
    scan = Scan([3])
    scan.link_up(0.0)
    assert scan.outgoing(0.0)
    stranger = Device(9).identification
    for frame in (
        reply_of(9, Identification.CODE, stranger.encode()),
        Frame(3, 0, Identify.CODE, b"\0"),  # our own echo
        reply_of(9, Capabilities.CODE, b""),
        reply_of(3, Capabilities.CODE, b""),
    ):
        scan.receive(frame.encode(), 0.001)
    assert scan.next_event() == Refusing(3, None)
    assert scan.next_event() is None


def test_a_refusal_that_comes_late_is_passed_over() -> None:
    scan = Scan([3, 4])
    scan.link_up(0.0)
    scan.outgoing(0.0)
    scan.receive(b"", scan.deadline)
    assert scan.outgoing(scan.deadline)
    scan.receive(reply_of(3, Nak.CODE, b"\x03").encode(), 0.06)
    assert scan.next_event() is None
    assert not scan.done


# --- lines ----------------------------------------------------------------------------


def test_nothing_is_written_without_a_link() -> None:
    scan = Scan([3])
    assert scan.outgoing(0.0) == b""
    assert scan.deadline == inf
    scan.link_down(0.0)
    scan.link_up(1.0)
    assert scan.outgoing(1.0)


def test_a_question_that_a_lost_link_swallowed_is_put_again() -> None:
    scan = Scan([3, 4])
    scan.link_up(0.0)
    first = scan.outgoing(0.0)
    scan.link_down(0.01)
    assert not scan.done
    assert scan.deadline == inf
    scan.link_up(1.0)
    assert scan.outgoing(1.0) == first


def test_an_answer_behind_noise_that_looked_longer_is_found() -> None:
    fake = b"\x53\x83\x90\x00\x04"  # the head of a frame of 144 bytes
    wire = look([Unit(Device(3), meddle=lambda data: fake + data)], [3])
    assert addresses_of(wire) == [3]


def test_without_pace_of_our_own_the_answer_is_waited_for_all_the_same() -> None:
    wire = Wire(Scan([3, 4]), [Unit(Device(4))], paced=False)
    wire.run()
    assert addresses_of(wire) == [4]


@given(
    addresses=st.sets(st.integers(0, 30), max_size=4),
    seed=st.integers(0, 2**32),
    bursts=st.lists(st.tuples(st.floats(0, 2), st.binary(min_size=1, max_size=30)), max_size=6),
)
def test_noise_costs_time_and_never_the_end(
    addresses: set[int], seed: int, bursts: list[tuple[float, bytes]]
) -> None:
    """Whatever comes, it ends, asks nothing else, and a unit that answers is told of once."""
    chance = Random(seed)  # noqa: S311 - noise, repeatable

    def spoil(answer: bytes) -> bytes:
        return garbled(answer) if chance.random() < 0.2 else answer

    units = [
        Unit(Device(each), latency=chance.choice((0.003, 0.03, 0.1)), meddle=spoil)
        for each in addresses
    ]
    wire = Wire(Scan(range(31), character_time=10 / 9600), units)
    for after, data in bursts:
        wire.noise(after, data)
    wire.run()
    found = addresses_of(wire)
    assert len(found) == len(set(found))
    assert set(found) <= addresses
    assert {each.address for each in wire.asked} == set(range(31))
