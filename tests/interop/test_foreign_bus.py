"""Our line against four peripherals of somebody else's making, on one pseudo-terminal.

What one maker's panel and the same maker's peripheral agree on proves little; here the other
half is PyPI libosdp's. Each test drives the line exactly as the daemon does: facts out,
admissions and orders in, the port by its path.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from gatewayd.core.actions import Release, Signal, Tone
from gatewayd.core.facts import (
    CardRead,
    ControllerAnswers,
    ControllerIdentified,
    ControllerOffline,
    ControllerSilent,
    Fact,
    HealthRead,
    InputsRead,
    InputState,
    KeysRead,
    OrderDone,
    Outcome,
    OutputsRead,
)
from gatewayd.core.model import ControllerId, Identity, OrderId
from gatewayd.edge import serial_port
from gatewayd.edge.osdp import LineSettings, OsdpLine, Unit
from protocol.osdp.secure_keys import BaseKey
from tests.interop.companion import PATIENCE
from tests.interop.foreign import ForeignPeripherals, Who

ADDRESSES = (1, 2, 3, 4)
BAUD = 115200
CARD = "12345680"  # 26 bits, left aligned
LONG_CARD = "123456789abc"  # 48 bits
PULSE_ON, SET_TEMPORARILY, GREEN = 5, 2, 2
IN_TIME = 2.0  # seconds until an order expires

SomeFact = TypeVar("SomeFact", bound=Fact)


def unit_at(address: int) -> ControllerId:
    return ControllerId(f"reader-{address}")


def named(keys: Mapping[int, bytes], address: int) -> tuple[BaseKey, ...]:
    return (BaseKey("own", keys[address]),) if address in keys else ()


class Site:
    """A line that admits whoever it meets, and everything it told."""

    def __init__(self, port: Path, keys: Mapping[int, bytes] | None = None) -> None:
        known = keys or {}
        self.facts: list[Fact] = []
        self.connections: dict[ControllerId, int] = {}
        units = tuple(
            Unit(unit_at(address), address, secure=address in known, keys=named(known, address))
            for address in ADDRESSES
        )
        opener = serial_port.opener(port, BAUD)
        self.line = OsdpLine(LineSettings("bus", opener, units, baud=BAUD), self._tell)
        self._told = asyncio.Event()

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, ControllerIdentified):
            self.connections[fact.controller] = fact.connection
            self.line.admit(fact.controller, fact.connection)
        self._told.set()

    async def wait(
        self,
        kind: type[SomeFact],
        wanted: Callable[[SomeFact], bool] = lambda _: True,
        *,
        address: int | None = None,
        after: int = 0,
        patience: float = PATIENCE,
    ) -> SomeFact:
        """Return the first such fact, of that unit, after the mark `after`."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    self._told.clear()
                    for fact in self.facts[after:]:
                        if isinstance(fact, kind) and _is_of(fact, address) and wanted(fact):
                            return fact
                    await self._told.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} in {self.facts[after:]}") from None

    async def all_admitted(self) -> None:
        """Return once every unit was identified and admitted."""
        for address in ADDRESSES:
            await self.wait(HealthRead, address=address)

    def release(self, address: int, seconds: float, *, output: int = 0, order: int = 1) -> None:
        unit = unit_at(address)
        connection = self.connections[unit]
        expires = time.monotonic() + IN_TIME
        self.line.send(Release(OrderId(order), unit, connection, output, seconds, expires))

    def signal(self, address: int, tone: Tone, *, order: int = 2) -> None:
        unit = unit_at(address)
        connection = self.connections[unit]
        expires = time.monotonic() + IN_TIME
        self.line.send(Signal(OrderId(order), unit, connection, 0, tone, expires))


def _is_of(fact: Fact, address: int | None) -> bool:
    return address is None or getattr(fact, "controller", None) == unit_at(address)


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[ForeignPeripherals]:
    async with ForeignPeripherals(tmp_path / "bus", ADDRESSES) as peripherals:
        yield peripherals


@pytest.fixture
async def site(foreign: ForeignPeripherals) -> AsyncIterator[Site]:
    site = Site(foreign.path)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(site.line.run())
        await site.all_admitted()
        yield site
        running.cancel()


async def test_everybody_is_known_by_what_they_say_of_themselves(site: Site) -> None:
    said = {
        fact.controller: fact for fact in site.facts if isinstance(fact, ControllerIdentified)
    }
    for address in ADDRESSES:
        who, identity = Who.at(address), said[unit_at(address)].identity
        assert identity == Identity(
            protocol="osdp",
            vendor=who.vendor,
            model=who.model,
            hardware=who.version,
            serial=f"{who.serial:08x}",
            firmware=who.firmware,
            capabilities=identity.capabilities,
            evidence=identity.evidence,
        )
        assert (1, 1, 2) in identity.capabilities  # two contacts
        assert (2, 2, 2) in identity.capabilities  # two outputs


async def test_a_card_arrives_with_its_bits(site: Site, foreign: ForeignPeripherals) -> None:
    await foreign.present_card(3, 26, CARD)

    read = await site.wait(CardRead)

    assert (read.controller, read.reader, read.card.raw) == ("reader-3", 0, f"26:{CARD}")
    assert read.connection == site.connections[read.controller]


async def test_cards_held_to_every_reader_at_once_all_arrive(
    site: Site, foreign: ForeignPeripherals
) -> None:
    for address in ADDRESSES:
        await foreign.present_card(address, 48, LONG_CARD)
    for address in ADDRESSES:
        read = await site.wait(CardRead, address=address)
        assert read.card.raw == f"48:{LONG_CARD}"


async def test_a_release_pulses_the_output_of_that_unit_and_of_no_other(
    site: Site, foreign: ForeignPeripherals
) -> None:
    site.release(2, seconds=5.0)

    done = await site.wait(OrderDone)
    pulse = await foreign.wait_heard("output")

    assert (done.order, done.outcome) == (1, Outcome.DELIVERED)
    assert (pulse["address"], pulse["output"], pulse["code"]) == (2, 0, PULSE_ON)
    assert pulse["tenths"] == 50
    assert len(foreign.heard("output")) == 1


async def test_a_release_of_a_minute_is_a_minute_long(
    site: Site, foreign: ForeignPeripherals
) -> None:
    site.release(4, seconds=60.0, output=1)

    pulse = await foreign.wait_heard("output")

    assert (pulse["address"], pulse["output"], pulse["tenths"]) == (4, 1, 600)


async def test_a_card_meets_its_release_at_the_same_reader(
    site: Site, foreign: ForeignPeripherals
) -> None:
    for round_, address in enumerate(ADDRESSES * 3):
        mark, told = foreign.mark, len(site.facts)
        await foreign.present_card(address, 26, CARD)
        read = await site.wait(CardRead, after=told)
        assert read.controller == unit_at(address)
        site.release(address, seconds=3.0, order=100 + round_)
        pulse = await foreign.wait_heard("output", after=mark)
        assert (pulse["address"], pulse["tenths"]) == (address, 30)


async def test_a_grant_is_seen_and_heard(site: Site, foreign: ForeignPeripherals) -> None:
    site.signal(1, Tone.GRANTED)

    await site.wait(OrderDone, lambda done: done.outcome is Outcome.DELIVERED)
    light = await foreign.wait_heard("led", address=1)
    sound = await foreign.wait_heard("buzzer", address=1)

    assert (light["temporary"], light["code"]) == (True, SET_TEMPORARILY)
    assert (light["on_colour"], light["on"] > 0, light["tenths"] > 0) == (GREEN, True, True)
    assert (sound["tone"], sound["count"]) == (2, 1)


async def test_contacts_tamper_and_keys_arrive(site: Site, foreign: ForeignPeripherals) -> None:
    told = len(site.facts)
    await foreign.set_input(2, 1, active=True)
    inputs = await site.wait(InputsRead, lambda fact: InputState.ACTIVE in fact.inputs)
    assert (inputs.controller, inputs.inputs) == (
        "reader-2",
        (InputState.INACTIVE, InputState.ACTIVE),
    )

    await foreign.do("health", address=3, tamper=True, power=False)
    health = await site.wait(HealthRead, lambda fact: fact.tamper, after=told)
    assert (health.controller, health.power) == ("reader-3", False)

    await foreign.press_keys(4, "1234")
    keys = await site.wait(KeysRead)
    assert (keys.controller, keys.keys.reveal()) == ("reader-4", "1234")


async def test_outputs_are_asked_for_when_a_unit_is_admitted(site: Site) -> None:
    outputs = await site.wait(OutputsRead)
    assert outputs.outputs == (False, False)


async def test_an_unplugged_unit_is_missed_and_found_again(
    site: Site, foreign: ForeignPeripherals
) -> None:
    told = len(site.facts)
    await foreign.unplug(2)
    silent = await site.wait(ControllerSilent)
    assert silent.controller == "reader-2"

    await foreign.present_card(1, 26, CARD)  # the others go on
    await site.wait(CardRead, address=1)

    await foreign.plug_in(2)
    answers = await site.wait(ControllerAnswers)
    assert answers == ControllerAnswers(ControllerId("reader-2"), silent.connection)
    assert not [fact for fact in site.facts[told:] if isinstance(fact, ControllerOffline)]

    await foreign.present_card(2, 26, CARD)
    await site.wait(CardRead, address=2)


async def test_after_a_long_absence_a_unit_introduces_itself_anew(
    site: Site, foreign: ForeignPeripherals
) -> None:
    """Eight seconds of silence end a connection (SIA OSDP 2.2, 5.7)."""
    first = site.connections[unit_at(4)]
    told = len(site.facts)
    await foreign.unplug(4)
    gone = await site.wait(ControllerOffline, patience=2 * PATIENCE)
    assert (gone.controller, gone.connection) == ("reader-4", first)

    await foreign.plug_in(4)
    back = await site.wait(ControllerIdentified, after=told)
    assert back.controller == "reader-4"
    assert back.connection > first

    await foreign.present_card(4, 26, CARD)
    read = await site.wait(CardRead)
    assert (read.controller, read.connection) == ("reader-4", back.connection)


async def test_a_port_that_went_away_is_opened_again(
    site: Site, foreign: ForeignPeripherals
) -> None:
    told = len(site.facts)
    await foreign.hang_up()
    for address in ADDRESSES:
        await site.wait(ControllerOffline, address=address)
    assert site.line.trouble is not None

    await foreign.come_back()
    for address in ADDRESSES:
        await site.wait(
            ControllerIdentified,
            address=address,
            after=told,
        )
    await foreign.present_card(1, 26, CARD)
    read = await site.wait(CardRead)
    assert read.connection == site.connections[unit_at(1)]
