"""Who hangs on a line, at which speed and address? Nobody is driven, or even polled.

First everybody is asked at once, at each speed, at the address that all units hear. If one
unit alone answers, at one speed alone, its address is looked for at that speed and nothing
else is done. Several that answer at once are noise: then every address is asked, first at the
speeds where something was heard.

A unit that drowns a weaker one at the common address hides it, so "one alone" may be wrong;
`Wish.thorough` looks everywhere whatever was heard.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gatewayd.app.ports import Port, character_time
from gatewayd.core.model import Identity
from gatewayd.edge.osdp_talk import Talk
from gatewayd.edge.osdp_words import identity_of
from protocol.osdp.bus import REPLY_TIMEOUT
from protocol.osdp.frame import BROADCAST
from protocol.osdp.happenings import Identified
from protocol.osdp.replies import Capabilities, Identification
from protocol.osdp.scan import SHORT_WINDOW, Found, Garbled, Happening, Refusing, Scan

EVERY_ADDRESS = range(127)
LOOKS = 2  # at one place that stays silent

Heard = dict[int, list[Happening]]  # by baud


@dataclass(frozen=True, slots=True)
class Wish:
    """What to look for. `window`: seconds in which an answer must begin."""

    bauds: tuple[int, ...]
    addresses: tuple[int, ...] = tuple(EVERY_ADDRESS)
    thorough: bool = False
    crc: bool = True
    window: float = SHORT_WINDOW


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: addresses asked, of how many, and at which speed now."""

    asked: int
    total: int
    baud: int
    everybody: bool = False  # the common address is being asked


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit and where it is; all of it is a claim."""

    baud: int  # 0 over TCP
    address: int
    identification: Identification
    identity: Identity


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found, and what else there is to say, in sentences."""

    units: tuple[FoundUnit, ...]
    remarks: tuple[str, ...] = ()


Watch = Callable[[Progress], None]


async def discover(port: Port, wish: Wish, watch: Watch) -> Survey:
    """Look; raises PortInUse, NotPermitted or LineFailed."""
    port.require_free()
    heard: Heard = {}
    for baud in wish.bauds:
        watch(Progress(0, 0, baud, everybody=True))
        heard[baud] = await look(port, baud, [BROADCAST], crc=wish.crc)
    alone = _alone(heard)
    if alone is not None and not wish.thorough:
        baud, only = alone
        told = {baud: await _search(port, baud, wish, watch, only=only)}
        if any(isinstance(each, Found) for each in told[baud]):
            return Survey(tuple(_units(told)), (*_remarks(told), _others_may_hide()))
    return await _everywhere(port, wish, watch, heard)


async def look(
    port: Port, baud: int, addresses: Sequence[int], *, crc: bool = True
) -> list[Happening]:
    """Ask a few addresses, each with the time it may take."""
    scan = Scan(
        addresses,
        character_time=character_time(baud),
        window=REPLY_TIMEOUT,
        tries=LOOKS,
        crc=crc,
    )
    async with Talk[Happening](port.opener(baud), scan, str(port)) as talk:
        await talk.until(lambda: scan.done, math.inf)
    return talk.told


async def _everywhere(port: Port, wish: Wish, watch: Watch, heard: Heard) -> Survey:
    """Ask every address, first where something was heard."""
    told: Heard = {}
    total = len(wish.bauds) * len(wish.addresses)
    for number, baud in enumerate(sorted(wish.bauds, key=lambda each: not heard[each])):
        before = number * len(wish.addresses)
        told[baud] = await _search(port, baud, wish, watch, before=before, total=total)
    in_order = {baud: told[baud] for baud in wish.bauds}
    return Survey(tuple(_units(in_order)), (*_crowds(heard, told), *_remarks(in_order)))


async def _search(  # noqa: PLR0913 - where, what for, and how far it is
    port: Port,
    baud: int,
    wish: Wish,
    watch: Watch,
    *,
    only: Identification | None = None,
    before: int = 0,
    total: int | None = None,
) -> list[Happening]:
    """Ask the addresses at one speed, until `only` was found if it is for one unit."""
    scan = Scan(
        wish.addresses,
        character_time=character_time(baud),
        window=wish.window,
        crc=wish.crc,
    )
    async with Talk[Happening](port.opener(baud), scan, str(port)) as talk:

        def over() -> bool:
            watch(Progress(before + scan.asked, total or scan.total, baud))
            return scan.done or any(
                isinstance(each, Found) and each.identification == only for each in talk.told
            )

        await talk.until(over, math.inf)
    return talk.told


def _alone(heard: Heard) -> tuple[int, Identification] | None:
    """Return the one unit that answered, if nothing else was heard anywhere."""
    somewhere = [(baud, told) for baud, told in heard.items() if told]
    match somewhere:
        case [(baud, [Found(identification=identification)])]:
            return baud, identification
    return None


def _units(told: Heard) -> Iterator[FoundUnit]:
    for baud, happenings in told.items():
        found = [each for each in happenings if isinstance(each, Found)]
        for each in sorted(found, key=lambda found: found.address):
            yield FoundUnit(baud, each.address, each.identification, identity_in(each))


def identity_in(found: Found) -> Identity:
    """Return who a unit says it is."""
    return identity_of(
        Identified(
            found.address,
            0,
            found.identification,
            found.capabilities or Capabilities(()),
            found.evidence,
        )
    )


def _crowds(heard: Heard, told: Heard) -> Iterator[str]:
    for baud, happenings in heard.items():
        found = any(isinstance(each, Found) for each in told[baud])
        if any(isinstance(each, Garbled) for each in happenings):
            yield f"several units answered at once{at(baud)}, so every address was asked"
        elif happenings and not found:
            yield (
                f"somebody answered{at(baud)} at the address that all units hear, but at none "
                "of the addresses that were asked"
            )


def _remarks(told: Heard) -> Iterator[str]:
    for baud, happenings in told.items():
        for each in happenings:
            if isinstance(each, Garbled):
                yield (
                    f"address {each.address}{at(baud)}: what is heard is no answer of one "
                    "unit; two may have this address: connect one after the other"
                )
            elif isinstance(each, Refusing):
                yield f"address {each.address}{at(baud)}: {_refusal(each)}"


def _refusal(refusing: Refusing) -> str:
    if refusing.nak is None:
        return "somebody answers, but makes no sense"
    return f"somebody answers, but does not say who it is (NAK {int(refusing.nak.reason)})"


def _others_may_hide() -> str:
    return (
        "one unit alone answered at the address that all units hear, so the search ended "
        "there; --all asks every address at every speed"
    )


def at(baud: int) -> str:
    """Say at which speed, where that is known."""
    return f" at {baud} baud" if baud else ""


def run(port: Port, wish: Wish, watch: Watch) -> Survey:
    """Do `discover`, blocking."""
    return asyncio.run(discover(port, wish, watch))
