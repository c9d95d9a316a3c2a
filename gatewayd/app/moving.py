"""Give a unit another address or speed, and find out where it is afterwards.

osdp_COMSET is answered in the old place and obeyed after that, so a lost answer leaves open
what the unit did, and so does one that promises. Where it is now is never concluded: it is
looked for, in the new place, where its answer put it, in the old one, and at the crossings of
both. What is found must say that it is the same unit.

Nothing is sent if somebody answers at the new place already: of two units with one address
neither can be spoken to any more.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gatewayd.app.discover import at, look
from gatewayd.app.errands import Place, ended, visiting
from gatewayd.app.ports import BAUDS, NO_BAUD, Port
from gatewayd.errors import LineFailed, Refused, UsageError
from protocol.osdp.bus import Delivered, Ending
from protocol.osdp.commands import SetCommunication
from protocol.osdp.happenings import Refused as RefusedByUnit
from protocol.osdp.replies import CommunicationSettings, Identification
from protocol.osdp.scan import Found

SETTLE = 4.0  # seconds in which a unit that promised to move may still be elsewhere
PAUSE = 0.2  # seconds between two looks everywhere


@dataclass(frozen=True, slots=True)
class Spot:
    """A speed and an address; the speed is 0 over TCP, where it cannot be changed here."""

    baud: int
    address: int

    def __str__(self) -> str:
        """Say where."""
        return f"address {self.address}{at(self.baud)}"


@dataclass(frozen=True, slots=True)
class Moved:
    """How it ended: where the unit is now, None if it was not found, and what was said."""

    now: Spot | None
    wanted: Spot
    said: str

    @property
    def done(self) -> bool:
        """Whether it is where it should be."""
        return self.now == self.wanted


def require_no_other(port: Port, place: Place, to: int) -> None:
    """Raise UsageError if the configuration has the new address for another controller."""
    owner = port.controller_at(to)
    if owner is not None and to != place.address:
        raise UsageError(f"address {to} on line {port.name} belongs to {owner}")


async def require_free(port: Port, spot: Spot, *, crc: bool) -> None:
    """Raise Refused if anybody answers at the new place."""
    heard = await look(port, spot.baud, [spot.address], crc=crc)
    if heard:
        raise Refused(f"somebody answers at {spot} already; nothing was changed")


async def move(place: Place, who: Identification, to: Spot, speed: int) -> Moved:
    """Send it there, and find it. `speed`: what the unit is told, also over TCP.

    Raises LineFailed if it is not there to begin with, or is another unit than `who`.
    """
    ending, answer = await _tell(place, who, SetCommunication(to.address, speed))
    said = _said(ending, answer, to, speed)
    old = Spot(place.baud, place.address)
    if isinstance(ending, RefusedByUnit):
        return Moved(await _where(place, who, [old, to]), to, said)
    spots = list(dict.fromkeys([to, *_answered(answer, place.baud), *_crossings(old, to)]))
    promised = isinstance(answer, CommunicationSettings) and answer.address == to.address
    return Moved(await _found(place, who, spots, patient=promised), to, said)


async def _tell(
    place: Place, who: Identification, command: SetCommunication
) -> tuple[Ending, object]:
    async with visiting(place) as visit:
        if visit.met.identification != who:
            raise LineFailed(f"{place}: another unit answers now; nothing was changed")
        if not visit.enter():
            raise LineFailed(f"{place}: no secure session: {visit.met.fault}")
        return await visit.ask(command)


def _said(ending: Ending, answer: object, to: Spot, speed: int) -> str:
    if isinstance(answer, CommunicationSettings):
        if (answer.address, answer.baud) == (to.address, speed):
            return "the unit agreed"
        return f"the unit answered address {answer.address} at {answer.baud} baud instead"
    if isinstance(ending, Delivered):
        return "the unit said neither yes nor no"
    return ended(ending)


def _answered(answer: object, baud: int) -> Iterator[Spot]:
    if isinstance(answer, CommunicationSettings) and answer.baud in BAUDS:
        yield Spot(answer.baud if baud else NO_BAUD, answer.address)


def _crossings(old: Spot, new: Spot) -> Iterator[Spot]:
    yield old
    yield Spot(old.baud, new.address)
    yield Spot(new.baud, old.address)


async def _found(
    place: Place, who: Identification, spots: list[Spot], *, patient: bool
) -> Spot | None:
    """Look until it is in the first place, or in no other for as long as it may take."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SETTLE
    while True:
        found = await _where(place, who, spots)
        settled = found is not None and not patient
        if found == spots[0] or settled or loop.time() >= end:
            return found
        await asyncio.sleep(PAUSE)


async def _where(place: Place, who: Identification, spots: Iterable[Spot]) -> Spot | None:
    for spot in spots:
        heard = await look(place.port, spot.baud, [spot.address], crc=place.crc)
        if any(isinstance(each, Found) and each.identification == who for each in heard):
            return spot
    return None
