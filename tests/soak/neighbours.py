"""Cards at seven readers, with the eighth unit dead and without it, in turn and in one run.

The two cases are compared by the middle one of their turns, so that whatever else the machine
had to do during one turn does not decide.
"""

import asyncio
from itertools import chain
from statistics import median

from tests.soak.result import Row, percentile
from tests.soak.yard import EVERYBODY, SoakLine, Yard

LIVING, DEAD = EVERYBODY[:-1], EVERYBODY[-1]
GAP = 0.1  # seconds at most between two cards at one reader
SETTLED = 2.0  # seconds until a dead unit is taken for silent
TURNS = 4  # of each case
RATIO = 1.1
FORGIVEN = 0.01  # of all cards: this library forgets one if an answer came too late
MILLI = 1000


async def seven_beside_a_dead_one(yard: Yard, cards: int) -> list[Row]:
    """Measure at least so many cards in each case."""
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    lost = [0, 0]
    for _ in range(TURNS):
        async with yard.line(LIVING) as line:
            await asyncio.sleep(SETTLED)
            lost[0] += await _cards(yard, line, cards // TURNS + 1, alone)
        async with yard.line() as line:
            await yard.wire.cut(DEAD)
            await line.until(lambda line=line: line.units[DEAD].back_at is None)  # type: ignore[misc]  # mypy cannot tell
            await asyncio.sleep(SETTLED)
            lost[1] += await _cards(yard, line, cards // TURNS + 1, beside)
            await yard.wire.join(DEAD)
    return [*_rows(alone, beside, lost)]


async def _cards(yard: Yard, line: SoakLine, cards: int, turns: list[list[float]]) -> int:
    """Hold so many cards to the living, for one more turn; return how many were lost."""
    waits: list[float] = []
    turns.append(waits)
    left = cards
    lost = 0

    async def reader(address: int) -> None:
        nonlocal left, lost
        while left > 0:
            left -= 1
            await asyncio.sleep(yard.chance.random() * GAP)
            waited = await yard.card(line, address)
            if waited is None:
                lost += 1
            else:
                waits.append(waited)

    await asyncio.gather(*map(reader, LIVING))
    return lost


def _rows(alone: list[list[float]], beside: list[list[float]], lost: list[int]) -> list[Row]:
    rows = []
    cases = (alone, lost[0], "the eighth not there"), (beside, lost[1], "the eighth dead")
    for turns, gone, how in cases:
        waits = list(chain(*turns))
        note = f"{len(waits):,} cards, {gone} lost"
        for percent in (50, 99):
            what = f"card to event at seven units, {how}, p{percent}"
            rows.append(Row(what, [percentile(waits, percent) * MILLI], "ms", note=note))
    without, with_it = _typical(alone), _typical(beside)
    ratio = with_it / without
    few = max(lost) <= FORGIVEN * sum(map(len, alone))
    what, promise = "the same, p99 of a turn with ÷ without the dead one", f"≤ {RATIO}"
    note = f"{with_it * MILLI:.1f} and {without * MILLI:.1f} ms in the middle of {TURNS} turns"
    raw: dict[str, object] = {"alone": alone, "beside": beside, "lost": lost}
    kept = ratio <= RATIO and few
    return [*rows, Row(what, [ratio], "", promise, kept=kept, note=note, raw=raw)]


def _typical(turns: list[list[float]]) -> float:
    return median(percentile(waits, 99) for waits in turns)
