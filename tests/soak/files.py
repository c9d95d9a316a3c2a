"""A file for each foreign unit, while cards are held to every reader.

The wire of the soak has no speed, so the time a file takes is that of the units and of us.
"""

import asyncio
import hashlib
import time

from tests.soak.result import Row, percentile
from tests.soak.yard import EVERYBODY, SoakLine, Yard, controller

SIZE = 64 << 10  # bytes
PATIENCE = 120.0  # seconds for one file
GAP = 0.1  # seconds at most between two cards at one reader
MILLI = 1000


async def files_among_cards(yard: Yard) -> list[Row]:
    """Send one to each in turn, read cards meanwhile, compare."""
    took: list[float] = []
    wrong: list[str] = []
    waits: list[float | None] = []
    async with yard.line() as line:
        done = asyncio.Event()
        cards = [
            asyncio.create_task(_cards(yard, line, each, waits, done)) for each in EVERYBODY
        ]
        for address in EVERYBODY:
            began = time.monotonic()
            wrong += await _send(yard, line, address)
            took.append(time.monotonic() - began)
        done.set()
        await asyncio.gather(*cards)
    arrived = [each * MILLI for each in waits if each is not None]
    lost = len(waits) - len(arrived)
    return [
        Row(
            f"a file of {SIZE >> 10} KiB to a foreign unit, among cards",
            took,
            promise="its content is equal",
            kept=not wrong,
            note="; ".join(wrong),
        ),
        Row(
            "card to event meanwhile, p99",
            [percentile(arrived, 99)],
            "ms",
            note=f"{len(arrived):,} cards, {lost} lost, worst {max(arrived, default=0):.0f} ms",
            raw={"waits": arrived},
        ),
    ]


async def _send(yard: Yard, line: SoakLine, address: int) -> list[str]:
    """Send a file to one unit; return what is wrong with what came of it."""
    content = yard.chance.randbytes(SIZE)
    unit, heard = line.units[address], yard.units[address].mark
    if why := line.line.send_file(controller(address), content):
        return [f"unit {address}: {why}"]
    await line.until(lambda: unit.file is not None, PATIENCE)
    if unit.file is None or not unit.file.well:
        return [f"unit {address}: {unit.file.detail if unit.file else 'it did not end'}"]
    digest = hashlib.sha256(content).hexdigest()
    got = await yard.units[address].wait_heard("file", after=heard)
    equal = (got["size"], got["digest"]) == (SIZE, digest)
    return [] if equal else [f"unit {address} has another file"]


async def _cards(
    yard: Yard,
    line: SoakLine,
    address: int,
    waits: list[float | None],
    done: asyncio.Event,
) -> None:
    while not done.is_set():
        await asyncio.sleep(yard.chance.random() * GAP)
        waits.append(await yard.card(line, address))
