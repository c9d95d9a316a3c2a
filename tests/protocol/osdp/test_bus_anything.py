"""The bus against a world that does what it likes.

Whatever happens on the line, in whatever order: no door opens without an order, twice, late
or at a unit that was not admitted; every order has one end, and the end is true; every card
is told once, in order; nothing grows; and a mended line works again. A unit with a key does
nothing and is believed nothing outside a proved session, whoever sits on the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatewayd.simulate.device import Device
from protocol.osdp.bus import (
    Answers,
    BusEvent,
    Delivered,
    Done,
    Dropped,
    Ending,
    Expired,
    Identified,
    Priority,
    Refused,
    Replied,
    WentOffline,
    WentSilent,
)
from protocol.osdp.commands import SetOutputs
from protocol.osdp.frame import LONGEST, Frame, FrameReader
from protocol.osdp.orders import QUEUE_BOUND
from protocol.osdp.replies import Ack, Nak, RawCard
from tests.simulate.line import Line

UNITS = 3
KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
OTHER_KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa19")
CARD_IN_CLEAR = RawCard(reader=0, format=1, bits=32, data=b"\xff\xff\xff\xff")
addresses = st.integers(1, UNITS)


@dataclass(frozen=True)
class Ordered:
    """What was ordered, and of whom."""

    address: int
    serial: int
    expires: float


class Meddler:
    """Sits at one unit and does one thing to every `every`th answer."""

    def __init__(self, kind: str, every: int) -> None:
        self._edit = getattr(self, f"_{kind}")
        self._every = every
        self._count = 0
        self._before = b""

    def __call__(self, answer: bytes) -> bytes:
        self._count += 1
        before, self._before = self._before, answer
        if self._count % self._every:
            return answer
        edit: Callable[[Frame], Frame | None] = self._edit
        edited = (edit(frame) for frame in FrameReader().feed(answer))
        return b"".join(before if each is None else each.encode() for each in edited)

    KINDS = ("refuse", "acknowledge", "invent", "forge", "restart", "replay")

    def _refuse(self, frame: Frame) -> Frame:
        return _in_clear(frame, Nak(6))

    def _acknowledge(self, frame: Frame) -> Frame:
        return _in_clear(frame, Ack())

    def _invent(self, frame: Frame) -> Frame:
        return _in_clear(frame, CARD_IN_CLEAR)

    def _forge(self, frame: Frame) -> Frame:
        return replace(frame, body=frame.body[::-1])

    def _restart(self, frame: Frame) -> Frame:
        return replace(frame, sequence=0)

    def _replay(self, _frame: Frame) -> None:
        return None


def _in_clear(frame: Frame, reply: Ack | Nak | RawCard) -> Frame:
    return Frame(frame.address, frame.sequence, reply.CODE, reply.encode(), reply=True)


class AnyLine(RuleBasedStateMachine):
    """Three units, cut wires, noise, swapped and restarted units, impatient operators."""

    @initialize(
        baud=st.sampled_from([0, 9600, 115_200]),
        interval=st.sampled_from([0.0, 0.05, 1.0]),
        keyed=st.frozensets(addresses),
    )
    def begin(self, baud: int, interval: float, keyed: frozenset[int]) -> None:
        self.keys = dict.fromkeys(keyed, KEY)
        self.proved: set[int] = set()
        self.line = Line.with_units(UNITS, poll_interval=interval, baud=baud, keys=self.keys)
        self.line.on_event(self.check)
        for place in self.line.places:
            place.latency = 0.01
        self.up = True
        self.tags = count(1)
        self.cards = count(1)
        self.ordered: dict[int, Ordered] = {}
        self.ended: dict[int, Ending] = {}
        self.checked = 0  # of what was written
        self.last_card = dict.fromkeys(range(1, UNITS + 1), 0)
        self.serials: dict[int, int] = {}  # of the unit whose connection stands
        self.connections = dict.fromkeys(range(1, UNITS + 1), 0)
        self.silent: set[int] = set()
        self.devices: list[Device] = [place.device for place in self.line.places]

    # --- what the bus says must fit together --------------------------------------------

    def check(self, event: BusEvent) -> None:
        match event:
            case Identified(address, connection):
                assert connection > self.connections[address]
                self.connections[address] = connection
                self.serials[address] = event.identification.serial
                self.silent.discard(address)
                self.proved.discard(address)
                if event.proved:
                    self.proved.add(address)
                assert event.proved == (address in self.keys and event.fault is None)
            case WentOffline(address, connection):
                assert self.connections[address] == connection
                assert self.serials.pop(address, None) is not None
                self.silent.discard(address)
            case WentSilent(address, connection):
                assert self.connections[address] == connection
                assert address not in self.silent
                self.silent.add(address)
            case Answers(address, connection):
                assert self.connections[address] == connection
                self.silent.remove(address)
            case Replied(address, connection):
                assert (address in self.proved) == (address in self.keys)
                assert self.line.connection(address) == connection
                if isinstance(event.reply, RawCard):
                    number = int.from_bytes(event.reply.data, "big")
                    assert number > self.last_card[address]
                    self.last_card[address] = number
            case Done():
                assert event.tag in self.ordered
                assert event.tag not in self.ended
                self.ended[event.tag] = event.outcome

    @invariant()
    def no_door_opened_that_should_not(self) -> None:
        seen: set[int] = set()
        for device in self.devices:
            assert not device.complaints
            for pulse in device.pulses:
                tag = round(pulse.seconds * 10)
                assert tag not in seen
                seen.add(tag)
                ordered = self.ordered[tag]
                assert device.identification.serial == ordered.serial
                assert pulse.at < ordered.expires
        for tag, ending in self.ended.items():
            match ending:
                case Delivered():
                    assert tag in seen
                case Refused() | Expired(sent=False) | Dropped(sent=False):
                    assert tag not in seen

    @invariant()
    def nothing_was_written_too_late(self) -> None:
        for when, frame in self.line.written[self.checked :]:
            if frame.code == SetOutputs.CODE and frame.security is None:
                tag = int.from_bytes(frame.body[2:4], "little")
                assert when < self.ordered[tag].expires
        self.checked = len(self.line.written)

    @invariant()
    def nothing_grows(self) -> None:
        bus = self.line.bus
        assert bus._reader.pending <= LONGEST
        assert len(bus._turns) + len(bus._doubtful) <= UNITS
        assert len(bus._ordered) <= UNITS
        assert not bus._events
        for each in bus._peripherals.values():
            assert len(each.orders.waiting) <= QUEUE_BOUND

    @invariant()
    def there_is_always_a_next_moment(self) -> None:
        if self.up:
            assert self.line.bus.deadline <= self.line.now + 6

    # --- what may happen ----------------------------------------------------------------

    @rule(seconds=st.floats(0.001, 3))
    def time_passes(self, seconds: float) -> None:
        self.line.run(seconds)

    @rule(seconds=st.floats(7, 10))
    def much_time_passes(self, seconds: float) -> None:
        self.line.run(seconds)

    @rule(address=addresses)
    def a_unit_is_unplugged_or_back(self, address: int) -> None:
        self.line.place(address).unplugged ^= True

    @rule(address=addresses)
    def a_unit_hears_but_is_not_heard_or_again(self, address: int) -> None:
        self.line.place(address).mute ^= True

    @rule(address=addresses, latency=st.floats(0.005, 0.38))
    def a_unit_becomes_slow_or_quick(self, address: int, latency: float) -> None:
        self.line.place(address).latency = latency

    @rule(address=addresses, times=st.integers(1, 30))
    def a_unit_is_busy(self, address: int, times: int) -> None:
        self.line.device(address).busy = times

    @rule(address=addresses, times=st.integers(1, 4))
    def answers_are_cut_in_half(self, address: int, times: int) -> None:
        self.line.place(address).half = times

    @rule(address=addresses)
    def a_unit_is_restarted(self, address: int) -> None:
        self.line.device(address).cycle_power()

    @rule(address=addresses)
    def a_unit_is_swapped(self, address: int) -> None:
        serial = 0x9000 + len(self.devices)
        device = Device(address, serial=serial, key=self.keys.get(address))
        self.devices.append(device)
        self.line.place(address).device = device

    @rule(address=addresses, key=st.sampled_from([None, KEY, OTHER_KEY]))
    def a_unit_has_another_key(self, address: int, key: bytes | None) -> None:
        if address in self.keys:
            self.line.device(address).take_key(key)

    @rule(address=addresses, kind=st.sampled_from(Meddler.KINDS), every=st.integers(1, 9))
    def somebody_meddles_with_a_unit_that_has_a_key(
        self, address: int, kind: str, every: int
    ) -> None:
        if address in self.keys:
            self.line.place(address).meddle = Meddler(kind, every)

    @rule(address=addresses)
    def nobody_meddles(self, address: int) -> None:
        self.line.place(address).meddle = None

    @rule(share=st.sampled_from([0.0, 0.01, 0.1]))
    def the_wire_is_bad_or_good(self, share: float) -> None:
        self.line.loss = self.line.flip = share

    @rule()
    def the_panel_hears_itself_or_not(self) -> None:
        self.line.echo ^= True

    @rule(noise=st.binary(max_size=50), after=st.floats(0, 0.3))
    def the_line_is_noisy(self, noise: bytes, after: float) -> None:
        self.line.noise(noise, after)

    @rule(address=addresses, more=st.integers(0, 2))
    def cards_are_presented(self, address: int, more: int) -> None:
        for _ in range(1 + more):
            number = next(self.cards)
            self.line.device(address).present_card(32, number.to_bytes(4, "big"))

    @rule(
        address=addresses,
        within=st.floats(0, 3),
        priority=st.sampled_from(Priority),
        more=st.integers(0, 20),
    )
    def somebody_orders(
        self, address: int, within: float, priority: Priority, more: int
    ) -> None:
        for _ in range(1 + more):
            tag = next(self.tags)
            if self.line.unlock(address, tag, within=within, priority=priority):
                assert self.line.connection(address)
                expires = self.line.now + within
                self.ordered[tag] = Ordered(address, self.serials[address], expires)

    @rule(address=addresses, again=st.booleans())
    def a_gate_is_closed(self, address: int, again: bool) -> None:  # noqa: FBT001 - drawn by name
        self.line.close_gate(address, identify_again=again)
        self.line.run(0)

    @rule(address=addresses, older=st.integers(0, 2))
    def somebody_opens_a_gate(self, address: int, older: int) -> None:
        opened = self.line.open_gate(address, self.connections[address] - older)
        assert not (opened and older)

    @rule()
    def units_are_admitted_or_wait(self) -> None:
        self.line.admit ^= True

    @rule()
    def the_link_goes_or_comes(self) -> None:
        if self.up:
            self.line.bus.link_down(self.line.now)
        else:
            self.line.bus.link_up(self.line.now)
        self.up ^= True
        self.line.run(0)

    def teardown(self) -> None:
        """Whatever happened, a mended line works again and owes nobody an answer."""
        if not hasattr(self, "line"):
            return
        line = self.line
        if not self.up:
            self.the_link_goes_or_comes()
        line.loss = line.flip = 0.0
        line.admit = True
        for place in line.places:
            place.unplugged = place.mute = False
            place.meddle = None
            place.device.take_key(self.keys.get(place.device.address))
            place.half = place.device.busy = 0
            place.latency = 0.01
            line.close_gate(place.device.address, identify_again=True)
        line.run(12)
        assert set(self.serials) == set(range(1, UNITS + 1))
        assert not self.silent
        assert self.proved == set(self.keys)
        assert set(self.ended) == set(self.ordered)
        self.no_door_opened_that_should_not()
        for place in line.places:
            self.cards_are_presented(place.device.address, 0)
        line.run(3)
        assert not any(place.device.waiting for place in line.places)


TestAnyLine = AnyLine.TestCase
TestAnyLine.settings = settings(stateful_step_count=30)
