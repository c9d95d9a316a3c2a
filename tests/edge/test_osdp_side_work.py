"""What goes over a line beside the work for doors, on a whole line in one process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from gatewayd.core.actions import DisplayText, Release, TellMaker
from gatewayd.core.facts import (
    CardRead,
    ControllerIdentified,
    ControllerOffline,
    Fact,
    FileEnded,
    KeysRead,
    OrderDone,
    Outcome,
)
from gatewayd.core.model import ControllerId, OrderId
from gatewayd.core.pin_entry import Keys
from gatewayd.edge.link import Factory
from gatewayd.edge.osdp import LineSettings, OsdpLine, Unit
from gatewayd.simulate.device import Device, usual_capabilities
from protocol.errors import MessageError
from protocol.message import Message
from protocol.osdp.commands import SetReceiveSize
from protocol.osdp.file_sender import LARGEST_FILE
from protocol.osdp.identity import Capabilities, Capability
from protocol.osdp.replies import (
    REPLIES,
    BiometricMatched,
    BiometricRead,
    Busy,
    ExtendedRead,
    Keypad,
    ManufacturerReply,
    Nak,
    PivData,
)
from tests.simulate.waiting import until

C1 = ControllerId("c1")
PATIENCE = 30.0  # seconds
FIRMWARE = bytes(at * at % 251 for at in range(3_000))


class Wire(asyncio.WriteTransport):
    """A transport with a simulated unit at its end."""

    def __init__(self, device: Device, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._device = device
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        reply = self._device.answer(bytes(data), self._loop.time())
        if reply:
            self._loop.call_later(0.001, self._bring, reply)

    def _bring(self, reply: bytes) -> None:
        if not self._closed:
            self._protocol.data_received(reply)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


@dataclass
class Site:
    """One line with one unit, admitted as soon as it says who it is."""

    device: Device
    admits: bool = True
    facts: list[Fact] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = LineSettings("north", self.open, (Unit(C1, 1),), poll_interval=0.005)
        self.line = OsdpLine(settings, self.tell)

    async def open(self, factory: Factory) -> asyncio.WriteTransport:
        protocol = factory()
        wire = Wire(self.device, protocol)
        self.wires.append(wire)
        protocol.connection_made(wire)
        return wire

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, ControllerIdentified) and self.admits:
            self.line.admit(C1, fact.connection)

    async def until(self, come: Callable[[], bool]) -> None:
        await until(come, PATIENCE)

    def card_was_read(self) -> bool:
        return bool(self.of(CardRead))

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [each for each in self.facts if isinstance(each, kind)]

    async def ended(self) -> FileEnded:
        await self.until(lambda: bool(self.of(FileEnded)))
        (found,) = self.of(FileEnded)
        assert isinstance(found, FileEnded)
        return found


@asynccontextmanager
async def at_work(device: Device | None = None, *, admits: bool = True) -> AsyncIterator[Site]:
    site = Site(device or Device(1), admits)
    running = asyncio.create_task(site.line.run())
    try:
        await site.until(lambda: bool(site.of(ControllerIdentified)))
        yield site
    finally:
        running.cancel()
        await asyncio.wait([running])


def able(*more: tuple[int, int, int]) -> Device:
    usual = usual_capabilities(1, 4, 2).records
    extra = tuple(Capability(*each) for each in more)
    return Device(1, capabilities=Capabilities((*usual, *extra)))


async def test_a_file_goes_over_a_line_and_its_end_is_told() -> None:
    async with at_work() as site:
        assert site.line.file_progress(C1) is None
        assert site.line.send_file(C1, FIRMWARE) == ""
        assert site.line.send_file(C1, FIRMWARE) == "it is being sent a file already"
        assert await site.ended() == FileEnded(
            C1, well=True, detail="the unit has put it to use"
        )
        assert list(site.device.files.files) == [FIRMWARE]


async def test_cards_are_read_meanwhile() -> None:
    async with at_work() as site:
        site.device.files.delay = 20
        site.line.send_file(C1, FIRMWARE)
        site.device.present_card(26, bytes(4))
        await site.until(site.card_was_read)
        assert not site.of(FileEnded)
        site.line.abort_file(C1)
        assert await site.ended() == FileEnded(C1, well=False, detail="as asked")


async def test_it_outlives_the_line() -> None:
    async with at_work() as site:
        site.device.files.delay = 10
        site.line.send_file(C1, FIRMWARE)
        await site.until(lambda: site.device.files.parts > 5)
        site.wires[-1].close()
        await site.until(lambda: bool(site.of(ControllerOffline)))
        assert (await site.ended()).well
        assert list(site.device.files.files) == [FIRMWARE]
        assert len(site.wires) == 2


async def test_keys_are_told_and_those_that_mean_nothing_are_counted() -> None:
    async with at_work() as site:
        site.device.press(1, "12#")
        site.device.report(Keypad(0, b"A3\xff"))
        site.device.report(Keypad(0, b"BCD"))
        site.device.press(0, "*")
        await site.until(lambda: len(site.of(KeysRead)) == 3)
        pressed = [each for each in site.of(KeysRead) if isinstance(each, KeysRead)]
        assert [(each.reader, each.keys) for each in pressed] == [
            (1, Keys("12#")),
            (0, Keys("3")),
            (0, Keys("*")),
        ]
        assert site.line.unused(C1) == {"key": 5, "Keypad": 1}


async def test_keys_that_waited_in_a_unit_are_as_old_as_cards_that_did() -> None:
    async with at_work(admits=False) as site:
        pressed_at = asyncio.get_running_loop().time()
        site.device.press(0, "1")
        site.device.present_card(26, bytes(4))
        site.admits = True
        site.line.identify(C1)
        await site.until(site.card_was_read)
        (keys,), (card,) = site.of(KeysRead), site.of(CardRead)
        assert isinstance(keys, KeysRead)
        assert isinstance(card, CardRead)
        now = asyncio.get_running_loop().time()
        assert min(keys.age(now), card.age(now)) >= now - pressed_at


@pytest.mark.parametrize("size", [0, LARGEST_FILE + 1])
async def test_a_file_without_measure_is_not_begun(size: int) -> None:
    async with at_work() as site:
        assert "must be 1 to" in site.line.send_file(C1, bytes(size))


async def test_a_unit_that_is_barred_gets_nothing() -> None:
    async with at_work(admits=False) as site:
        assert site.line.send_file(C1, FIRMWARE) == "it is not there, or barred"


async def test_barred_meanwhile_it_waits() -> None:
    async with at_work() as site:
        site.device.files.delay = 10
        site.line.send_file(C1, FIRMWARE)
        await site.until(lambda: site.device.files.parts > 5)
        site.admits = False
        site.line.identify(C1)
        progress = site.line.file_progress(C1)
        assert progress is not None
        assert progress.stage == "away"
        site.admits = True
        site.line.identify(C1)
        assert (await site.ended()).well
        assert list(site.device.files.files) == [FIRMWARE]


async def test_a_unit_with_long_answers_is_told_once_how_long_a_frame_we_take() -> None:
    async with at_work(able((11, 0, 8))) as site:
        await site.until(lambda: site.device.panel_takes == 1440)
        site.line.admit(C1, 1)
        site.device.present_card(26, bytes(4))
        await site.until(site.card_was_read)
        told = [each for each in site.device.heard if each.frame.code == SetReceiveSize.CODE]
        assert len(told) == 1


async def test_others_are_not_bothered() -> None:
    async with at_work() as site:
        site.device.present_card(26, bytes(4))
        await site.until(site.card_was_read)
        assert site.device.panel_takes == 128


async def test_what_nothing_uses_is_counted_whole_or_broken() -> None:
    reports: tuple[Message, ...] = (
        BiometricRead(0, 0, 1, 50, b"finger"),
        BiometricMatched(0, 1, 90),
        ExtendedRead(1, 1, b"apdu"),
        ManufacturerReply(b"abc", b"x"),
        PivData(6, 0, b"abc"),
        PivData(6, 3, b"def"),
        PivData(6, 3, b"ghi"),
    )
    async with at_work() as site:
        for each in reports:
            site.device.report(each)
        site.device.present_card(26, bytes(4))
        await site.until(site.card_was_read)
        assert site.line.unused(C1) == {
            "BiometricRead": 1,
            "BiometricMatched": 1,
            "ExtendedRead": 1,
            "ManufacturerReply": 1,
            "PivData": 1,
            "broken PivData": 1,
        }


@pytest.mark.parametrize("kind", [each for each in REPLIES if each not in (Nak, Busy)])
async def test_whatever_a_unit_says_on_a_poll_the_line_goes_on(kind: type[Message]) -> None:
    """The shortest body that can be read, nothing but zeros."""
    async with at_work() as site:
        site.device.report(_shortest(kind))
        site.device.present_card(26, bytes(4))
        await site.until(site.card_was_read)


def _shortest(kind: type[Message]) -> Message:
    for length in range(64):
        with suppress(MessageError):
            return kind.decode(bytes(length))
    raise AssertionError(kind)


async def test_a_makers_command_brings_its_answer() -> None:
    async with at_work() as site:
        vendor = site.device.identification.vendor
        site.line.send(TellMaker(OrderId(7), C1, 1, 1e9, vendor, b"\x01\x02"))
        await site.until(lambda: bool(site.of(OrderDone)))
        assert site.of(OrderDone) == [OrderDone(OrderId(7), Outcome.DELIVERED, "", "0102")]


async def test_a_text_comes_to_its_reader() -> None:
    async with at_work() as site:
        site.line.send(DisplayText(OrderId(7), C1, 1, 1e9, 0, "Hello", 5))
        await site.until(lambda: bool(site.of(OrderDone)))
        assert site.of(OrderDone) == [OrderDone(OrderId(7), Outcome.DELIVERED)]
        assert site.device.texts[0].text == b"Hello"


async def test_an_output_it_does_not_have_is_said_at_once() -> None:
    async with at_work() as site:
        site.line.send(Release(OrderId(7), C1, 1, 2, 5.0, 1e9))
        assert site.of(OrderDone) == [
            OrderDone(OrderId(7), Outcome.REFUSED, "it has no output 2")
        ]
