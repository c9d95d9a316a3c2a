"""Simulated UHPPOTE boards on real UDP sockets of the loopback interface.

Each board has an address of its own (127.0.0.x). The loopback broadcast address is bound as
well, so that boards are found as on a real network: every board answers from its own address.
What is under way can be lost, doubled, late and thereby out of order.

    async with Boards([board], port=60000) as boards:
        boards.poke()    # after something was done to a board
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

from gatewayd.simulate.board import SimulatedBoard

PORT = 60000
BROADCAST = "127.255.255.255"
TICK = 0.05  # seconds from one look for things to push to the next

Address = tuple[str, int]


@dataclass(slots=True)
class Weather:
    """What the network does to each datagram, in either direction."""

    loss: float = 0.0
    doubles: float = 0.0
    late: float = 0.0  # how many are late, by up to `slowest` seconds
    slowest: float = 2.0
    chance: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - weather, no secret

    def delays(self) -> list[float]:
        """Return how long each copy of a datagram takes; none if it is lost."""
        if self.chance.random() < self.loss:
            return []
        copies = 1 + (self.chance.random() < self.doubles)
        return [self._delay() for _ in range(copies)]

    def _delay(self) -> float:
        return self.chance.uniform(0, self.slowest) if self.chance.random() < self.late else 0.0


class _Socket(asyncio.DatagramProtocol):
    """One bound address, and the boards that hear it."""

    def __init__(self, network: "Boards", hearers: Sequence[SimulatedBoard]) -> None:
        self._network = network
        self._hearers = hearers

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        """Let every board here answer."""
        for board in self._hearers:
            self._network.heard(board, data, (str(addr[0]), addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there, which boards do not mind."""


class Boards:
    """A network of boards, until it is left."""

    def __init__(
        self, boards: Sequence[SimulatedBoard], port: int = PORT, weather: Weather | None = None
    ) -> None:
        """`port`: 0 for any that is free; the addresses are those of the boards' identity."""
        self.boards = tuple(boards)
        self.port = port
        self.weather = weather or Weather()
        self._sockets: dict[SimulatedBoard, asyncio.DatagramTransport] = {}
        self._broadcast: asyncio.DatagramTransport | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Bind all addresses; raises OSError."""
        try:
            for board in self.boards:
                self._sockets[board] = await self._bind(
                    str(board.store.identity.address), [board]
                )
            self._broadcast = await self._bind(BROADCAST, self.boards)
        except OSError:
            self._close()
            raise
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of all addresses."""
        assert self._ticking is not None
        self._ticking.cancel()
        with suppress(asyncio.CancelledError):
            await self._ticking
        self._close()

    def address_of(self, board: SimulatedBoard) -> Address:
        """Return where a board is reached."""
        host, port = self._sockets[board].get_extra_info("sockname")[:2]
        return str(host), int(port)

    def heard(self, board: SimulatedBoard, raw: bytes, source: Address) -> None:
        """A datagram is on its way to a board."""
        for delay in self.weather.delays():
            self._later(delay, lambda: self._arrive(board, raw, source))

    def poke(self) -> None:
        """Send what boards want to push now."""
        now = asyncio.get_running_loop().time()
        for board in self.boards:
            for (address, port), raw in board.pushes(now):
                self._send(board, raw, (str(address), port))

    def _arrive(self, board: SimulatedBoard, raw: bytes, source: Address) -> None:
        reply = board.answer(raw, asyncio.get_running_loop().time())
        if reply is not None:
            self._send(board, reply, source)
        self.poke()

    def _send(self, board: SimulatedBoard, raw: bytes, to: Address) -> None:
        for delay in self.weather.delays():
            self._later(delay, lambda: self._leave(board, raw, to))

    def _leave(self, board: SimulatedBoard, raw: bytes, to: Address) -> None:
        socket = self._sockets.get(board)
        if socket is not None:
            socket.sendto(raw, to)

    @staticmethod
    def _later(delay: float, act: Callable[[], None]) -> None:
        """Act at once where nothing delays it: most of the time nothing does."""
        if delay:
            asyncio.get_running_loop().call_later(delay, act)
        else:
            act()

    async def _bind(
        self, host: str, hearers: Sequence[SimulatedBoard]
    ) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Socket(self, hearers), local_addr=(host, self.port)
        )
        self.port = self.port or int(transport.get_extra_info("sockname")[1])
        return transport

    async def _tick(self) -> None:
        while True:
            self.poke()
            await asyncio.sleep(TICK)

    def _close(self) -> None:
        for transport in (*self._sockets.values(), self._broadcast):
            if transport is not None:
                transport.close()
        self._sockets.clear()
        self._broadcast = None
