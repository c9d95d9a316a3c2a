"""Eight foreign units, each a process of its own, on one wire; and a line of ours at its end.

    async with Yard(place) as yard, yard.line() as line:
        await line.secure(*EVERYBODY)
        await yard.units[3].kill()

The line is the daemon's own `OsdpLine` with the daemon's own `Keyring` and key store. It
admits whoever proves a key. A unit is *back* when its session stands: it introduced itself anew
and proved its key, or it answered inside the session it had.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Self

from gatewayd.core.facts import (
    CardRead,
    ControllerAlarmed,
    ControllerAnswers,
    ControllerIdentified,
    ControllerOffline,
    ControllerSilent,
    Fact,
    FileEnded,
    KeyNotGiven,
    KeyNotKept,
    KeyProved,
)
from gatewayd.core.model import ControllerId
from gatewayd.edge import serial_port
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.osdp import LineSettings, OsdpLine, Unit
from gatewayd.edge.osdp_keys import Keyring, fresh_key
from gatewayd.edge.root_key import RootKey, create_root_key
from gatewayd.edge.secret import Secret
from gatewayd.edge.state_directory import StateDirectory
from tests.interop.foreign import ForeignPeripherals
from tests.interop.shared_wire import SharedWire

EVERYBODY = tuple(range(1, 9))
BAUD = 115200
CARD_BITS, CARD = 26, "12345680"
PATIENCE = 30.0  # seconds until what must come has come
CARD_PATIENCE = 2.0  # seconds until a card counts as lost
STARTS_AT_ONCE = 2  # an interpreter's start takes a processor


def controller(address: int) -> ControllerId:
    """Return the name of the unit at an address."""
    return ControllerId(f"unit-{address}")


@dataclass(slots=True)
class Standing:
    """What is known of one unit. Times are `time.monotonic()`."""

    connection: int = 0  # that is open, 0: none
    back_at: float | None = None  # when it was last found to be secure; None: it is not
    cards: list[float] = field(default_factory=list)
    renewed: int = 0  # keys it proved that were new
    not_given: int = 0
    file: FileEnded | None = None


class SoakLine:
    """A line, its keys, and what is known of its units."""

    def __init__(self, path: Path, addresses: Sequence[int], store: KeyStore) -> None:
        self.addresses = tuple(addresses)
        self.units = {address: Standing() for address in addresses}
        self.alarms: list[ControllerAlarmed] = []
        self.not_kept = 0
        self.ring = Keyring(store, self._tell)
        self._standings = {controller(at): standing for at, standing in self.units.items()}
        units = tuple(
            Unit(name, at, secure=True, keys=self.ring.candidates(name))
            for at, name in ((at, controller(at)) for at in addresses)
        )
        settings = LineSettings("soak", serial_port.opener(path, BAUD), units, baud=BAUD)
        self.line = OsdpLine(settings, self._tell, self.ring)
        self.ring.attach(dict.fromkeys(self._standings, self.line))
        self._news = asyncio.Event()

    def _tell(self, fact: Fact) -> None:
        now = time.monotonic()
        match fact:
            case ControllerIdentified() if fact.identity.proved and fact.fault is None:
                unit = self._standings[fact.controller]
                unit.connection, unit.back_at = fact.connection, now
                self.line.admit(fact.controller, fact.connection)
            case ControllerAnswers():
                unit = self._standings[fact.controller]
                if fact.connection == unit.connection:
                    unit.back_at = now
            case ControllerSilent():
                self._standings[fact.controller].back_at = None
            case ControllerOffline():
                unit = self._standings[fact.controller]
                unit.connection, unit.back_at = 0, None
            case CardRead():
                self._standings[fact.controller].cards.append(now)
            case _:
                self._tell_rare(fact)
        self._news.set()

    def _tell_rare(self, fact: Fact) -> None:
        match fact:
            case KeyProved(renewed=True):
                self._standings[fact.controller].renewed += 1
            case KeyNotGiven():
                self._standings[fact.controller].not_given += 1
            case KeyNotKept():
                self.not_kept += 1
            case FileEnded():
                self._standings[fact.controller].file = fact
            case ControllerAlarmed():
                self.alarms.append(fact)
            case _:
                pass

    async def until(self, reached: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """Wait until it is so; False if it did not come."""
        try:
            async with asyncio.timeout(patience):
                while not reached():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return reached()
        return True

    async def secure(self, *addresses: int, patience: float = PATIENCE) -> bool:
        """Wait until the sessions of these stand; False if they do not."""
        units = [self.units[each] for each in addresses]
        return await self.until(
            lambda: all(each.back_at is not None for each in units), patience
        )


class Yard:
    """The wire, the units' processes, and the keys."""

    def __init__(self, place: Path, addresses: Sequence[int] = EVERYBODY) -> None:
        self.addresses = tuple(addresses)
        self._place = place
        self._stack = AsyncExitStack()
        self.wire = SharedWire(place / "bus")
        self.flash = place / "flash"
        self.units: dict[int, ForeignPeripherals] = {}
        self.chance = Random(1)  # noqa: S311  # the same moments in every run

    async def __aenter__(self) -> Self:
        self.flash.mkdir()
        keys = {address: fresh_key() for address in self.addresses}
        await self._stack.enter_async_context(self.wire)
        self.units = {each: self._unit(each, key) for each, key in keys.items()}
        for unit in self.units.values():
            self._stack.push_async_callback(unit.stop)
        await self.start(*self.addresses)
        state = self._place / "state"
        self._stack.enter_context(StateDirectory.open(state))
        root: RootKey = create_root_key(self._place / "root-key")
        self.store = KeyStore.open(state / FILE, root)
        self.store.import_keys({controller(each): key for each, key in keys.items()})
        return self

    async def __aexit__(self, *_: object) -> None:
        for unit in self.units.values():
            unit.thaw()
        await self._stack.aclose()

    def _unit(self, address: int, key: Secret) -> ForeignPeripherals:
        return ForeignPeripherals(
            self.wire.meeting,
            [address],
            {address: key.reveal()},
            shared=True,
            flash=self.flash,
        )

    async def start(self, *addresses: int) -> None:
        """Start the processes of these; they read their ports when this returns."""
        turn = asyncio.Semaphore(STARTS_AT_ONCE)
        mark = self.wire.mark

        async def start(address: int) -> None:
            async with turn:
                await self.units[address].start()

        await asyncio.gather(*map(start, addresses))
        await self.wire.present(addresses, after=mark)

    def key_of(self, address: int, first: Secret | None = None) -> Secret | None:
        """Return what the unit's own memory has, if it was ever given another key."""
        kept = self.flash / str(address)
        return Secret(kept.read_bytes()) if kept.exists() else first

    @asynccontextmanager
    async def line(self, addresses: Sequence[int] | None = None) -> AsyncIterator[SoakLine]:
        """Have a line at work with these units, else with all, and all of them secure."""
        line = SoakLine(self.wire.path, addresses or self.addresses, self.store)
        tasks = [asyncio.create_task(each) for each in (line.line.run(), line.ring.run())]
        try:
            assert await line.secure(*line.addresses), "not everybody is secure to begin with"
            yield line
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def card(self, line: SoakLine, address: int) -> float | None:
        """Hold a card to a reader; return the seconds until we knew, None if it was lost."""
        cards = line.units[address].cards
        before = len(cards)
        held = await self.units[address].present_card(address, CARD_BITS, CARD)
        if not await line.until(lambda: len(cards) > before, CARD_PATIENCE):
            return None
        return cards[before] - float(held["at"])
