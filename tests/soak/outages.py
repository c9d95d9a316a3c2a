"""A unit is away for a while and comes back; how long until its session stands again?

Three ways to be away. `wire cut`: nobody hears it, it hears nobody. `killed`: its process is
killed and started again behind the cut wire, as after a loss of power. `stopped`: its process
stands still with its port open, as one that hangs. Its *return* is the moment when the wire is
whole again (with `stopped`: when the process goes on), measured where it happens. It is *back*
when its session stands and a card held to it arrives.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from tests.interop.foreign import ForeignPeripherals
from tests.soak.result import Row
from tests.soak.yard import EVERYBODY, SoakLine, Yard

WITHIN = 1.0  # seconds from the return to the session
SETTLED = 0.5  # seconds between two outages, and up to as much more
CARDS = 5  # tries; this library forgets a card if an answer came too late


class Way(StrEnum):
    """How to be away."""

    CUT = "wire cut"
    KILLED = "killed"
    STOPPED = "stopped"


async def one_away(
    yard: Yard, line: SoakLine, way: Way, seconds: float, addresses: Sequence[int]
) -> Row:
    """Have one unit after the other away."""
    figures: list[float] = []
    lengths: list[float] = []
    for address in addresses:
        await asyncio.sleep(SETTLED * (1 + yard.chance.random()))
        took, lasted = await _away(yard, line, way, seconds, [address])
        figures += took
        lengths.append(lasted)
    return _row(f"one unit, {way}, {seconds:g} s", figures, len(addresses), lengths)


async def together(
    yard: Yard,
    line: SoakLine,
    way: Way,
    seconds: float,
    rounds: int,
    addresses: Sequence[int] = EVERYBODY,
) -> Row:
    """Have several away at once, and back at once."""
    figures: list[float] = []
    lengths: list[float] = []
    for _ in range(rounds):
        await asyncio.sleep(SETTLED * (1 + yard.chance.random()))
        took, lasted = await _away(yard, line, way, seconds, addresses)
        figures += took
        lengths.append(lasted)
    wanted = rounds * len(addresses)
    who = "all eight" if len(addresses) == len(EVERYBODY) else f"{len(addresses)} of eight"
    return _row(f"{who}, {way}, {seconds:g} s", figures, wanted, lengths)


async def _away(
    yard: Yard, line: SoakLine, way: Way, seconds: float, addresses: Sequence[int]
) -> tuple[list[float], float]:
    """Return how long each took to be back, and how long they really were away."""
    went = time.monotonic()
    units = [yard.units[each] for each in addresses]
    await _go(yard, way, units, addresses)
    if way is Way.KILLED:
        await yard.start(*addresses)
    await asyncio.sleep(max(0.0, went + seconds - time.monotonic()))
    returned = await _return(yard, way, units, addresses)
    took = await asyncio.gather(*(_back(yard, line, each, returned) for each in addresses))
    return [each for each in took if each is not None], returned - went


async def _go(
    yard: Yard, way: Way, units: Sequence[ForeignPeripherals], addresses: Sequence[int]
) -> None:
    if way is Way.STOPPED:
        for unit in units:
            unit.freeze()
        return
    await yard.wire.cut(*addresses)
    if way is Way.KILLED:
        await asyncio.gather(*(unit.kill() for unit in units))


async def _return(
    yard: Yard, way: Way, units: Sequence[ForeignPeripherals], addresses: Sequence[int]
) -> float:
    if way is not Way.STOPPED:
        return await yard.wire.join(*addresses)
    returned = time.monotonic()
    for unit in units:
        unit.thaw()
    return returned


async def _back(yard: Yard, line: SoakLine, address: int, returned: float) -> float | None:
    """Return the seconds from its return to its session; None if it never came back.

    A session that falls again before a card came through does not count. Where nobody had been
    missed yet it is the card that shows that the session stands.
    """
    unit = line.units[address]
    for _ in range(CARDS):
        if not await line.secure(address):
            return None
        if await yard.card(line, address) is not None and unit.back_at is not None:
            known_at = unit.back_at if unit.back_at > returned else unit.cards[-1]
            return known_at - returned
    return None


def _row(what: str, figures: list[float], wanted: int, lengths: list[float]) -> Row:
    lost = wanted - len(figures)
    return Row(
        what,
        figures,
        promise=f"≤ {WITHIN:g} s",
        kept=not lost and max(figures) <= WITHIN,
        note=f"{lost} did not come back" if lost else f"away for up to {max(lengths):.1f} s",
        raw={"away": lengths},
    )


async def one_after_the_other(
    yard: Yard, line: SoakLine, seconds: float, apart: float, rounds: int
) -> Row:
    """Have everybody away at once, and back one after the other: a figure, no promise."""
    figures: list[float] = []
    for _ in range(rounds):
        await yard.wire.cut(*EVERYBODY)
        await asyncio.sleep(seconds)
        waiting = [each async for each in _join_each(yard, line, apart)]
        figures += [each for each in await asyncio.gather(*waiting) if each is not None]
    what = f"all eight, wire cut, {seconds:g} s, then one every {apart:g} s"
    lost = rounds * len(EVERYBODY) - len(figures)
    return Row(what, figures, note=f"{lost} did not come back" if lost else "")


async def _join_each(
    yard: Yard, line: SoakLine, apart: float
) -> AsyncIterator["asyncio.Task[float | None]"]:
    for address in EVERYBODY:
        returned = await yard.wire.join(address)
        yield asyncio.create_task(_back(yard, line, address, returned))
        await asyncio.sleep(apart)
