"""Simulated boards on real sockets, and a host that speaks to one through bad weather."""

import asyncio
from ipaddress import IPv4Address
from random import Random

import pytest

from gatewayd.simulate.board import SimulatedBoard
from gatewayd.simulate.board_decision import Swipe
from gatewayd.simulate.board_store import Store, identity_of
from gatewayd.simulate.board_udp import Boards, Weather
from protocol.uhppote.board import Board, BoardSettings
from protocol.uhppote.doors import OpenDoor
from protocol.uhppote.frame import Frame
from protocol.uhppote.happenings import BoardEvent, Ended, EventRead
from protocol.uhppote.messages import decode_reply, encode
from protocol.uhppote.settings import SetHostControl, SetListener
from protocol.uhppote.status import GetStatus, Reason, Status
from protocol.uhppote.walk import Start

SERIAL = 405419896
SOON = 30.0  # seconds; how long it may take on a busy machine


def board_at(address: str, serial: int = SERIAL) -> SimulatedBoard:
    return SimulatedBoard(Store(serial, identity_of(serial, IPv4Address(address))))


class Host(asyncio.DatagramProtocol):
    """Holds a conversation on a socket, as simply as can be."""

    def __init__(self, to: tuple[str, int], settings: BoardSettings) -> None:
        self.told: list[BoardEvent] = []
        self.changed = asyncio.Event()
        self.board = Board(settings, self._tell)
        self._to = to
        self.transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        assert addr[0] == self._to[0]
        self.board.hear(data, asyncio.get_running_loop().time())
        self.speak()

    def speak(self) -> None:
        raw = self.board.speak(asyncio.get_running_loop().time())
        if raw is not None and self.transport is not None:
            self.transport.sendto(raw, self._to)

    def read(self) -> list[int]:
        return [each.event.index for each in self.told if isinstance(each, EventRead)]

    def _tell(self, event: BoardEvent) -> None:
        self.told.append(event)
        self.changed.set()


async def _run(host: Host) -> None:
    while True:
        host.speak()
        await asyncio.sleep(0.005)


async def _until_read(host: Host, count: int) -> None:
    async with asyncio.timeout(SOON):
        while len(host.read()) < count:
            host.changed.clear()
            await host.changed.wait()


@pytest.mark.parametrize("weather", [None, Weather(0.2, 0.1, 0.2, 0.3)])
async def test_swipes_are_read_once_and_doors_opened_at_most_once(
    weather: Weather | None,
) -> None:
    board = board_at("127.0.0.43")
    loop = asyncio.get_running_loop()
    async with Boards([board], port=0, weather=weather) as network:
        settings = BoardSettings(SERIAL, 0.05, 0.05, start=Start.OLDEST)
        host = Host(network.address_of(board), settings)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: host, local_addr=("127.0.0.1", 0)
        )
        host.transport = transport
        listener = IPv4Address("127.0.0.1"), transport.get_extra_info("sockname")[1]
        running = asyncio.create_task(_run(host))
        try:
            await _live(host, board, network, listener)
        finally:
            running.cancel()
            transport.close()
        remote = [pulse for pulse in board.pulses if pulse.reason == Reason.REMOTE]
        assert len(remote) <= 10 or (weather and weather.doubles)  # the network's doing


async def _live(
    host: Host, board: SimulatedBoard, network: Boards, listener: tuple[IPv4Address, int]
) -> None:
    """Show ten cards, open ten times, and wait until all of it is known."""
    loop = asyncio.get_running_loop()
    for ticket, order in enumerate((SetListener(*listener), SetHostControl(enable=True))):
        assert host.board.submit(order, ticket, loop.time() + SOON)
    for card in range(1, 11):
        board.swipe(Swipe(1, card), loop.time())
        network.poke()
        assert host.board.submit(OpenDoor(1), 10 + card, loop.time() + 1)
    async with asyncio.timeout(SOON):
        while sum(isinstance(each, Ended) for each in host.told) < 12:
            host.changed.clear()
            await host.changed.wait()
    await _until_read(host, board.store.log.newest)
    assert host.read() == list(range(1, len(host.read()) + 1))


async def test_a_taken_address_is_an_error_and_leaves_nothing_bound() -> None:
    board, other = board_at("127.0.0.44"), board_at("127.0.0.45", 7)
    async with Boards([board], port=0) as network:
        with pytest.raises(OSError, match="use"):
            async with Boards([other, board_at("127.0.0.44")], port=network.port):
                pass
        async with Boards([other], port=0):
            pass


def test_weather_loses_doubles_and_delays() -> None:
    assert Weather().delays() == [0.0]
    assert Weather(loss=1.0).delays() == []
    assert Weather(doubles=1.0).delays() == [0.0, 0.0]
    late = Weather(late=1.0, slowest=2.0, chance=Random(3)).delays()  # noqa: S311 - weather
    assert 0 < late[0] <= 2.0


async def test_what_arrives_after_the_network_is_gone_goes_nowhere() -> None:
    board = board_at("127.0.0.46")
    async with Boards([board], port=0, weather=Weather(late=1.0, slowest=0.01)) as network:
        network.heard(board, encode(SERIAL, GetStatus()), ("127.0.0.1", 9))
    await asyncio.sleep(0.03)
    raw = board.answer(encode(SERIAL, GetStatus()), 0.0)
    assert raw is not None
    assert isinstance(decode_reply(Frame.decode(raw)), Status)
