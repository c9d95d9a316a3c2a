"""A bus and a scripted unit on one line, in simulated time.

Time moves from one thing that happens to the next and never waits. Everything the panel wrote
and the bus told is kept with its time. Gates are opened as soon as a unit says who it is,
unless the test wants to do that itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Self, TypeVar

from protocol.message import Message
from protocol.osdp.bus import (
    Bus,
    BusEvent,
    Done,
    Ending,
    Identified,
    PeripheralSettings,
    Priority,
    Replied,
    WentOffline,
)
from protocol.osdp.commands import ReadInputs, ReadLocalStatus, ReadOutputs
from protocol.osdp.frame import Frame
from protocol.osdp.replies import LocalStatus
from protocol.osdp.secure_keys import BaseKey
from tests.simulate.script import Actor, Cue

PATIENCE = 5.0  # seconds a script may wait for its end
CALLS_WITHOUT_TIME = 200  # more calls than this at one moment is a loop that never ends

Event = TypeVar("Event", bound=BusEvent)


@dataclass(frozen=True, slots=True)
class Written:
    """One frame of the panel, with its mark character."""

    at: float
    wire: bytes
    frame: Frame


class Stage:
    """A bus and an actor, on one line."""

    def __init__(
        self,
        *cues: Cue,
        key: bytes | None = None,
        settings: tuple[PeripheralSettings, ...] = (),
        install_mode: bool = False,
        baud: int = 9600,
        admit: bool = True,
    ) -> None:
        """`key`: of both sides; `settings`: what the panel knows instead, the unit's first."""
        known = settings or (expecting(1) if key is None else expecting(1, key),)
        self.character_time = 10 / baud
        self.bus = Bus(
            known,
            character_time=self.character_time,
            chance=Random(2).randbytes,  # noqa: S311 - repeatable
        )
        self.unit = Actor(cues, known[0].address, key, install_mode=install_mode)
        self.now = 0.0
        self.written: list[Written] = []
        self.told: list[tuple[float, BusEvent]] = []
        self.connections: dict[int, int] = {}
        self.pauses: list[float] = []  # from the end of an answer to the next command
        self._admit = admit
        self._arrived_at: float | None = None
        self._arrivals: list[tuple[float, int, bytes]] = []
        self._serial = 0
        self._calls = 0
        self.bus.link_up(self.now)

    # --- what a test does -------------------------------------------------------------

    def play(self, patience: float = PATIENCE) -> Self:
        """Let time pass until the script is over and its last answer was heard."""
        self.run_until(lambda: not self.unit.cues, patience)
        assert not self.unit.cues, f"in vain: {self.unit.cues[0]}"
        while self._arrivals:
            self._step(self._next_moment())
        return self

    def run(self, seconds: float) -> Self:
        """Let time pass."""
        self.run_until(lambda: False, seconds)
        return self

    def run_until(self, come: Callable[[], bool], seconds: float) -> None:
        """Let time pass until something has come, or for so many seconds."""
        end = self.now + seconds
        self._pump()
        while not come() and (moment := self._next_moment()) <= end:
            self._step(moment)
        if not come():
            self.now = end

    def connect(self) -> Self:
        """Let time pass until the gate is open and the first poll was answered."""
        self.run_until(lambda: self.bus.counters(self.unit.address).polls > 0, PATIENCE)
        assert self.connections, "nobody was admitted"
        return self

    def reconnect(self, baud: int) -> None:
        """Close the line and open it with another speed."""
        self.bus.link_down(self.now)
        self._drain()
        self._arrivals.clear()
        self.character_time = 10 / baud
        self.bus.link_up(self.now)

    def send(
        self,
        command: Message,
        tag: int = 1,
        *,
        within: float = 2.0,
        priority: Priority = Priority.ROUTINE,
    ) -> bool:
        """Queue a command for the unit as it is connected now."""
        ((address, connection),) = self.connections.items()
        return self.bus.send(
            address,
            command,
            priority=priority,
            expires=self.now + within,
            tag=tag,
            connection=connection,
        )

    # --- what a test looks at ---------------------------------------------------------

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for _, event in self.told if isinstance(event, kind)]

    def replies(self) -> list[Message]:
        """What came up to whoever drives the bus, without the status read at the start."""
        asked = (ReadLocalStatus, ReadInputs, ReadOutputs)
        return [
            event.reply
            for event in self.events(Replied)
            if not isinstance(event.command, asked)
        ]

    def local_status(self) -> list[Message]:
        """What came up about tamper and power, asked for or not."""
        replies = [event.reply for event in self.events(Replied)]
        return [each for each in replies if isinstance(each, LocalStatus)]

    def endings(self) -> dict[int, Ending]:
        """How each command ended, by tag."""
        return {event.tag: event.outcome for event in self.events(Done)}

    def wires(self, kind: type[Message]) -> list[Written]:
        """Every frame of the panel with this command."""
        return [each for each in self.written if each.frame.code == kind.CODE]

    # --- how it works -----------------------------------------------------------------

    def _next_moment(self) -> float:
        return min(self.bus.deadline, self._arrivals[0][0] if self._arrivals else inf)

    def _step(self, moment: float) -> None:
        self._calls = 0 if moment > self.now else self._calls + 1
        assert self._calls < CALLS_WITHOUT_TIME, "the bus asks to be called again and again"
        self.now = max(self.now, moment)
        data = b""
        while self._arrivals and self._arrivals[0][0] <= self.now:
            data += heappop(self._arrivals)[2]
        self._arrived_at = self.now if data else self._arrived_at
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
            if isinstance(event, WentOffline | Identified):
                self.connections.pop(event.address, None)
            if isinstance(event, Identified) and self._admit:
                self.admit(event)

    def admit(self, event: Identified) -> None:
        """Open the gate for a unit that was told of."""
        if self.bus.open_gate(event.address, event.connection):
            self.connections[event.address] = event.connection

    def _carry(self, wire: bytes) -> None:
        if self._arrived_at is not None:
            self.pauses.append(self.now - self._arrived_at)
            self._arrived_at = None
        self.written.append(Written(self.now, wire, Frame.decode(wire[1:])))
        answer = self.unit.hear(wire[1:])
        end = self.now + len(wire) * self.character_time
        if answer is None or answer.lost:
            return
        said = self.unit.said if answer.spoil is None else answer.spoil(self.unit.said)
        self.unit.move()
        self.put(said, end + answer.after - self.now, gap=answer.gap)

    def put(self, data: bytes, after: float = 0.0, *, gap: float = 0.0) -> None:
        """Put bytes on the wire; they arrive character by character."""
        each = self.character_time + gap
        for at in range(len(data)):
            self._arrive(self.now + after + (at + 1) * each, data[at : at + 1])

    def _arrive(self, when: float, data: bytes) -> None:
        self._serial += 1
        heappush(self._arrivals, (when, self._serial, data))


def expecting(address: int, *keys: bytes, crc: bool = True) -> PeripheralSettings:
    """What the panel knows of a unit: its address, and its keys if it is to have a session."""
    named = tuple(BaseKey(f"key {at}", each) for at, each in enumerate(keys, 1))
    return PeripheralSettings(address, crc=crc, secure=bool(keys), keys=named)
