"""A bus on a real port, everything it tells, and a recording of what was said.

    async with Panel(port, settings) as panel:
        await panel.admitted(1)
        panel.do(lambda bus: bus.set_keys(1, (new, old)))
        await panel.told(Identified, lambda event: event.key == "new")
    panel.recording            lines of an OSDPCAP file, nothing masked

It is as much of a line as these tests need: whoever says who they are is admitted.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_bytes
from typing import Self, TypeVar

from gatewayd.edge import serial_port
from gatewayd.edge.link import Link
from protocol.message import Message
from protocol.osdp.bus import (
    Bus,
    BusEvent,
    Identified,
    PeripheralSettings,
    Priority,
    Replied,
    WentOffline,
)
from protocol.osdp.trace import Direction
from protocol.osdp.trace_mask import Recorder

BAUD = 115200
PATIENCE = 30.0  # seconds until what must come has come, on a machine with other things to do
IN_TIME = 10.0  # seconds until a command of a test expires

Event = TypeVar("Event", bound=BusEvent)
Result = TypeVar("Result")


class Panel:
    """The panel's end of a line."""

    def __init__(self, port: Path, settings: Sequence[PeripheralSettings]) -> None:
        self.bus = Bus(settings, character_time=10 / BAUD, chance=token_bytes)
        self.events: list[BusEvent] = []
        self._addresses = [each.address for each in settings]
        self.connections: dict[int, int] = {}
        self.recording: list[str] = []
        self.listeners: list[Callable[[BusEvent], None]] = []  # hear each event at once
        self._recorder = Recorder(unmasked=True)
        self._link = Link(serial_port.opener(port, BAUD), self)
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._up = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._running = asyncio.create_task(self._link.run())
        async with asyncio.timeout(PATIENCE):
            await self._up.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        if self._timer is not None:
            self._timer.cancel()

    # --- what a test does -------------------------------------------------------------

    def do(self, act: Callable[[Bus], Result]) -> Result:
        """Have something done with the bus, and what follows of it."""
        result = act(self.bus)
        self._pump()
        return result

    def send(self, address: int, command: Message, tag: int = 1) -> None:
        """Send a command to a unit that was admitted."""
        queued = self.do(
            lambda bus: bus.send(
                address,
                command,
                priority=Priority.ROUTINE,
                expires=self.now + IN_TIME,
                tag=tag,
                connection=self.connections[address],
            )
        )
        assert queued, f"unit {address} takes no commands"

    @property
    def now(self) -> float:
        """The time of the bus."""
        return self._loop.time()

    @property
    def mark(self) -> int:
        """Now, as an argument for `after`."""
        return len(self.events)

    async def told(
        self,
        kind: type[Event],
        wanted: Callable[[Event], bool] = lambda _: True,
        *,
        after: int = 0,
        patience: float = PATIENCE,
    ) -> Event:
        """Return the first such event after a mark; raises AssertionError if none comes."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    self._news.clear()
                    for event in self.events[after:]:
                        if isinstance(event, kind) and wanted(event):
                            return event
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} in {self.events[after:]}") from None

    async def admitted(self, address: int, *, after: int = 0) -> Identified:
        """Return how a unit introduced itself, once it answers behind its open gate."""
        said = await self.told(
            Identified,
            lambda event: event.address == address and event.fault is None,
            after=after,
        )
        await self.told(Replied, lambda event: event.address == address, after=after)
        return said

    async def reported(
        self, address: int, kind: type[Message], *, after: int = 0, patience: float = PATIENCE
    ) -> Message:
        """Return the first such reply of a unit after a mark."""

        def wanted(event: Replied) -> bool:
            return event.address == address and isinstance(event.reply, kind)

        return (await self.told(Replied, wanted, after=after, patience=patience)).reply

    def undisturbed(self) -> bool:
        """Whether every command was answered at its first try, by all units."""
        return not any(self.bus.counters(each).retries for each in self._addresses)

    # --- what the link brings ---------------------------------------------------------

    def link_up(self) -> None:
        """Called by the link."""
        self.do(lambda bus: bus.link_up(self.now))
        self._up.set()

    def received(self, data: bytes) -> None:
        """Called by the link."""
        self._keep(Direction.INPUT, data)
        self.do(lambda bus: bus.receive(data, self.now))

    def link_down(self, _why: str) -> None:
        """Called by the link."""
        self.do(lambda bus: bus.link_down(self.now))

    def no_link(self, why: str) -> None:
        """Called by the link."""

    # --- how it works -----------------------------------------------------------------

    def _pump(self) -> None:
        while True:
            self._drain()
            frame = self.bus.outgoing(self.now)
            if not frame:
                break
            self._keep(Direction.OUTPUT, frame)
            self._link.write(frame)
        self._drain()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not math.isinf(self.bus.deadline):
            self._timer = self._loop.call_at(self.bus.deadline, self._time_has_come)

    def _time_has_come(self) -> None:
        self._timer = None
        self.do(lambda bus: bus.receive(b"", self.now))

    def _drain(self) -> None:
        while (event := self.bus.next_event()) is not None:
            self.events.append(event)
            self._news.set()
            for listener in self.listeners:
                listener(event)
            if isinstance(event, WentOffline | Identified):
                self.connections.pop(event.address, None)
            if isinstance(event, Identified) and self.bus.open_gate(
                event.address, event.connection
            ):
                self.connections[event.address] = event.connection

    def _keep(self, direction: Direction, data: bytes) -> None:
        records = self._recorder.take(time.time_ns(), direction, data)
        self.recording += [each.encode() for each in records]
