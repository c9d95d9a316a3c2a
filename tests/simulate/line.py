"""One line in memory: a bus, simulated devices, and everything a wire can do to them.

Time moves from one thing that happens to the next and never waits. What the panel wrote
and what the bus told is kept with its time. The bench itself checks two promises on every
step: the bus never asks to be called at once without having anything to say, and what it
writes while a gate is closed asks for the identity, or proves it, and nothing else; while a
unit is commissioned, that and what gives it an address or a key. A key never goes out in clear.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import TypeVar

from gatewayd.simulate.device import Device
from protocol.osdp.bus import (
    BaseKey,
    Bus,
    BusEvent,
    Done,
    Ending,
    Identified,
    PeripheralSettings,
    Priority,
    WentOffline,
    WindowClosed,
)
from protocol.osdp.commands import (
    Challenge,
    Identify,
    OutputAction,
    OutputRecord,
    ReadCapabilities,
    ServerCryptogram,
    SetCommunication,
    SetKey,
    SetOutputs,
)
from protocol.osdp.frame import Frame, FrameReader

STEPS_WITHOUT_TIME = 200  # more calls than this at one moment is a loop that never ends
Event = TypeVar("Event", bound=BusEvent)
IDENTITY = {Identify.CODE, ReadCapabilities.CODE}
PROOF = {Challenge.CODE, ServerCryptogram.CODE}
SETTING_UP = {SetCommunication.CODE, SetKey.CODE}


def pulse(tenths: int) -> SetOutputs:
    """The command that releases a strike."""
    return SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, tenths),))


@dataclass
class Place:
    """A device where it hangs, and what is wrong there. Times in seconds."""

    device: Device
    latency: float = 0.001  # before it begins to answer
    unplugged: bool = False
    deaf: bool = False  # hears nothing, though it is there
    mute: bool = False  # hears and obeys, but its answers are lost
    half: int = 0  # so many answers come only as their first half
    meddle: Callable[[bytes], bytes] | None = None  # what somebody makes of its answers
    between: Callable[[bytes, float], bytes] | None = None  # somebody who answers for it


@dataclass
class Line:
    """Runs a bus against devices. `loss` and `flip`: share of bytes, each direction."""

    bus: Bus
    places: list[Place]
    character_time: float = 0.0
    loss: float = 0.0
    flip: float = 0.0
    echo: bool = False  # the panel hears itself
    dribble: float = 0.0  # answers arrive byte by byte, that far apart
    admit: bool = True  # open each gate as soon as a unit says who it is
    chance: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - noise, repeatable
    now: float = 0.0

    def __post_init__(self) -> None:
        self.told: list[tuple[float, BusEvent]] = []
        self.written: list[tuple[float, Frame]] = []
        self.raw: list[bytes] = []
        self._arrivals: list[tuple[float, int, bytes]] = []
        self._serial = 0
        self._steps = 0
        self._open: dict[int, int] = {}
        self.commissioned: int | None = None  # the address whose window is open
        self._hears: list[Callable[[BusEvent], None]] = []
        self._reader = FrameReader()
        self.bus.link_up(self.now)

    @classmethod
    def with_units(
        cls,
        count: int,
        *,
        poll_interval: float = 0.05,
        baud: int = 0,
        keys: Mapping[int, bytes] | None = None,
    ) -> "Line":
        """Return a line with good units at the addresses 1 to `count`, some with keys."""
        addresses = range(1, count + 1)
        character_time = 10 / baud if baud else 0.0
        secret = dict(keys or {})
        bus = Bus(
            [
                PeripheralSettings(
                    each,
                    poll_interval=poll_interval,
                    secure=each in secret,
                    keys=(BaseKey("own", secret[each]),) if each in secret else (),
                )
                for each in addresses
            ],
            character_time=character_time,
            chance=Random(2).randbytes,  # noqa: S311 - repeatable
        )
        devices = [Device(each, key=secret.get(each)) for each in addresses]
        return cls(bus, [Place(each) for each in devices], character_time=character_time)

    def device(self, address: int) -> Device:
        return self.place(address).device

    def unlock(
        self,
        address: int,
        tag: int,
        *,
        within: float = 2.0,
        priority: Priority = Priority.UNLOCK,
        connection: int | None = None,
    ) -> bool:
        """Order a pulse of `tag` tenths of a second, so that it can be told from others."""
        return self.bus.send(
            address,
            pulse(tag),
            priority=priority,
            expires=self.now + within,
            tag=tag,
            connection=self.connection(address) if connection is None else connection,
        )

    def place(self, address: int) -> Place:
        return next(each for each in self.places if each.device.address == address)

    def on_event(self, hear: Callable[[BusEvent], None]) -> None:
        self._hears.append(hear)

    def connection(self, address: int) -> int:
        """The connection whose gate is open, 0 if none is."""
        return self._open.get(address, 0)

    def noise(self, data: bytes, after: float = 0.0) -> None:
        self._arrive(self.now + after, data)

    def run(self, seconds: float) -> list[BusEvent]:
        """Let time pass; return the events it brought."""
        return self.run_until(lambda: False, seconds)

    def run_until(self, come: Callable[[], bool], seconds: float) -> list[BusEvent]:
        """Let time pass until something has come, or for so many seconds."""
        end, first = self.now + seconds, len(self.told)
        self._pump()
        while not come() and (moment := self._next_moment()) <= end:
            self._step(moment)
        if not come():
            self.now = end
        return [event for _, event in self.told[first:]]

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for _, event in self.told if isinstance(event, kind)]

    def heard(self, address: int, code: int | None = None) -> list[tuple[float, Frame]]:
        """What the panel wrote to one address, with the time."""
        return [
            (when, frame)
            for when, frame in self.written
            if frame.address == address and code in (None, frame.code)
        ]

    def endings(self) -> dict[int, list[Ending]]:
        """How every command ended so far, by tag."""
        endings: dict[int, list[Ending]] = {}
        for event in self.events(Done):
            endings.setdefault(event.tag, []).append(event.outcome)
        return endings

    # --- how it works -----------------------------------------------------------------

    def _next_moment(self) -> float:
        return min(self.bus.deadline, self._arrivals[0][0] if self._arrivals else inf)

    def _step(self, moment: float) -> None:
        self._steps = 0 if moment > self.now else self._steps + 1
        assert self._steps < STEPS_WITHOUT_TIME, "the bus asks to be called again and again"
        self.now = max(self.now, moment)
        data = b""
        while self._arrivals and self._arrivals[0][0] <= self.now:
            data += heappop(self._arrivals)[2]
        self.bus.receive(data, self.now)
        self._pump()

    def _pump(self) -> None:
        self._drain()
        while wire := self.bus.outgoing(self.now):
            self._drain()
            self._carry(wire)
        self._drain()

    def _drain(self) -> None:
        while (event := self.bus.next_event()) is not None:
            self.told.append((self.now, event))
            if isinstance(event, WindowClosed):
                assert event.address == self.commissioned
                self.commissioned = None
            if isinstance(event, WentOffline):
                self._open.pop(event.address, None)
            if isinstance(event, Identified):
                self._open.pop(event.address, None)
                if self.admit:
                    self.open_gate(event.address, event.connection)
            for hear in self._hears:
                hear(event)

    def open_gate(self, address: int, connection: int) -> bool:
        opened = self.bus.open_gate(address, connection)
        if opened:
            self._open[address] = connection
        return opened

    def commission(self, address: int, seconds: float = 60.0) -> bool:
        if not self.bus.commission(address, self.now + seconds):
            return False
        self._open.pop(address, None)
        self.commissioned = address
        return True

    def close_gate(self, address: int, *, identify_again: bool = False) -> None:
        self._open.pop(address, None)
        self.bus.close_gate(address, identify_again=identify_again)

    def _carry(self, wire: bytes) -> None:
        assert wire[:1] == b"\xff"
        (frame,) = self._reader.feed(wire)
        assert not frame.reply
        self._check(frame)
        self.written.append((self.now, frame))
        self.raw.append(wire)
        end = self.now + len(wire) * self.character_time
        if self.echo:
            self._arrive(end, wire)
        for place in self.places:
            if not place.unplugged and not place.deaf:
                self._answer(place, wire, end)

    def _check(self, frame: Frame) -> None:
        address, code = frame.address, frame.code
        assert code != SetKey.CODE or frame.security is not None, "a key in clear"
        if address == self.commissioned:
            assert code in IDENTITY | PROOF | SETTING_UP, "not for a unit that is set up"
            return
        assert code in IDENTITY | PROOF or address in self._open, "the gate is closed"
        if code in PROOF and frame.security is not None:
            assert frame.security.data != b"\x00", "the default key outside a window"

    def _answer(self, place: Place, wire: bytes, end: float) -> None:
        answer = (place.between or place.device.answer)(self._spoil(wire), end)
        if not answer or place.mute:
            return
        answer = self._spoil(answer if place.meddle is None else place.meddle(answer))
        begin = end + place.latency
        if place.half:
            place.half -= 1
            answer = answer[: len(answer) // 2]
        if self.dribble:
            for at in range(len(answer)):
                self._arrive(begin + (at + 1) * self.dribble, answer[at : at + 1])
        else:
            self._arrive(begin + len(answer) * self.character_time, answer)

    def _arrive(self, when: float, data: bytes) -> None:
        self._serial += 1
        heappush(self._arrivals, (when, self._serial, data))

    def _spoil(self, data: bytes) -> bytes:
        if not self.loss and not self.flip:
            return data
        spoilt = bytearray()
        for byte in data:
            if self.chance.random() < self.loss:
                continue
            wrong = self.chance.random() < self.flip
            spoilt.append(byte ^ (1 << self.chance.randrange(8)) if wrong else byte)
        return bytes(spoilt)
