"""New keys for everybody, again and again, while units are killed at any moment.

A unit's key outlives its process, as in flash. Whenever one was killed, the key it has must be
among those that we keep; in the end everybody is reachable and takes one more key.
"""

import asyncio
import time
from collections import Counter

from gatewayd.core.actions import ReplaceKey
from tests.soak.result import Row
from tests.soak.yard import EVERYBODY, SoakLine, Yard, controller

IN_TIME = 2.0  # seconds until a KEYSET must not be sent any more
TAKEN = 5.0  # seconds until a rotation is given up, and begun again
KILLERS = 2
PAUSE = 0.2  # seconds between two rotations of a unit, at most
SOONEST, LATEST = 0.0, 0.06  # seconds from the beginning of a rotation to a kill
BETWEEN = 1.0  # seconds between two kills, at most


class Fire:
    """Rotations and kills at once."""

    def __init__(self, yard: Yard, line: SoakLine) -> None:
        self._yard = yard
        self._line = line
        self._first = {
            each: next(yard.store.key_of(controller(each)).all()) for each in EVERYBODY
        }
        self._begun = {each: asyncio.Event() for each in EVERYBODY}
        self._alive = set(EVERYBODY)
        self.counts: Counter[str] = Counter()
        self.lost: list[str] = []

    async def burn(self, seconds: float) -> None:
        """Go on for so long; then everybody is started and heard again."""
        end = time.monotonic() + seconds
        await asyncio.gather(
            *(self._rotate(address, end) for address in EVERYBODY),
            *(self._kill(end) for _ in range(KILLERS)),
        )

    async def _rotate(self, address: int, end: float) -> None:
        while time.monotonic() < end:
            await asyncio.sleep(self._yard.chance.random() * PAUSE)
            if await self._line.secure(address, patience=1.0):
                await self.renew(address)

    async def renew(self, address: int) -> bool:
        """Give a unit another key; False if it did not prove it in time."""
        unit = self._line.units[address]
        before, refused = unit.renewed, unit.not_given
        self.counts["begun"] += 1
        self._begun[address].set()
        expires = time.monotonic() + IN_TIME
        self._line.ring.replace(ReplaceKey(controller(address), unit.connection, expires))
        await self._line.until(lambda: unit.renewed > before or unit.not_given > refused, TAKEN)
        self.counts["proved"] += unit.renewed > before
        return unit.renewed > before

    async def _kill(self, end: float) -> None:
        chance = self._yard.chance
        while time.monotonic() < end:
            await asyncio.sleep(chance.random() * BETWEEN)
            address = chance.choice(sorted(self._alive))
            self._alive.remove(address)
            begun = self._begun[address]
            begun.clear()
            with_it = chance.random() < 0.75  # else at any moment
            if with_it:
                try:
                    async with asyncio.timeout(BETWEEN):
                        await begun.wait()
                except TimeoutError:
                    pass
                await asyncio.sleep(chance.uniform(SOONEST, LATEST))
            await self._yard.units[address].kill()
            self._look_at(address)
            await asyncio.sleep(chance.random() * BETWEEN)
            await self._yard.start(address)
            self._alive.add(address)

    def _look_at(self, address: int) -> None:
        """Is the key it has among those we keep?"""
        self.counts["kills"] += 1
        ours = self._yard.store.key_of(controller(address))
        self.counts["kills with two keys"] += ours.pending is not None
        theirs = self._yard.key_of(address, self._first[address])
        self.counts["kills before the proof"] += theirs == ours.pending
        if theirs not in list(ours.all()):
            self.lost.append(f"unit {address} has a key that is not kept")


async def rotations_under_fire(yard: Yard, seconds: float) -> Row:
    """Rotate and kill; then see who can be reached."""
    async with yard.line() as line:
        fire = Fire(yard, line)
        await fire.burn(seconds)
        for address in EVERYBODY:
            if not await line.secure(address):
                fire.lost.append(f"unit {address} cannot be reached")
                continue
            if not (await fire.renew(address) or await fire.renew(address)):
                fire.lost.append(f"unit {address} takes no new key")
            fire._look_at(address)
            cards = [await yard.card(line, address) for _ in range(3)]
            if not any(cards):
                fire.lost.append(f"no card of unit {address} arrives")
        if line.not_kept:
            fire.lost.append(f"{line.not_kept} keys could not be kept")
    counts = dict(fire.counts)
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return Row(
        f"rotations for {seconds:.0f} s while units are killed",
        [len(fire.lost)],
        "lost",
        "everybody reachable, no key lost",
        kept=not fire.lost,
        note="; ".join([said, *fire.lost]),
        raw={"counts": counts, "lost": fire.lost},
    )
