"""Outages in real time: our line, and eight secure units of somebody else's making.

    python -m tests.soak [--minutes 20] [part …]

The units are libosdp's, each a process of its own on one wire; the line, its keys and their
store are the daemon's. Every figure is written to build/soak.json as soon as it is there. The
exit code is 1 if a promise is broken. What takes a whole daemon is in the tests that
`make soak` runs first.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import structlog

from tests.soak.board import Board
from tests.soak.files import files_among_cards
from tests.soak.neighbours import seven_beside_a_dead_one
from tests.soak.outages import Way, one_after_the_other, one_away, together
from tests.soak.result import Row
from tests.soak.rotations import rotations_under_fire
from tests.soak.yard import EVERYBODY, Yard

TARGET = Path(__file__).parents[2] / "build" / "soak.json"
MINUTES = 20.0
PARTS = ("neighbours", "outages", "rotations", "files")
SHORT, LONG = (1, 4, 7, 12), 60  # seconds away; 8 end a connection
THREE = EVERYBODY[1::3]
FIXED = 11.0  # minutes that everything takes once
SWEEP = 2.5  # minutes of one more round of short outages
TOO_SHORT = 11.0  # minutes in which there is no time for the long ones
CARDS = 1200  # in each case
FIRE = 120.0  # seconds
APART = 0.5  # seconds between two units that come back one after the other


def main() -> int:
    """Do everything, or the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    board = Board(TARGET)
    with board, tempfile.TemporaryDirectory() as place:
        asyncio.run(soak(board, Path(place), given.parts or PARTS, given.minutes))
    for row in board.broken:
        sys.stderr.write(f"broken: {row.what}: {row.promise}; {row.note}\n")
    return 1 if board.broken else 0


async def soak(board: Board, place: Path, parts: Sequence[str], minutes: float) -> None:
    """Do these parts, one after the other, with the same units."""
    board.say("eight units start")
    async with Yard(place) as yard:
        if "neighbours" in parts:
            board.say("cards beside a dead unit, and without it")
            board.add(await seven_beside_a_dead_one(yard, CARDS))
        if "outages" in parts:
            async for row in _outages(yard, board, minutes):
                board.add([row])
        if "files" in parts:
            board.say("a file for each of eight foreign units")
            board.add(await files_among_cards(yard))
        if "rotations" in parts:
            board.say("new keys for everybody, and no peace")
            board.add([await rotations_under_fire(yard, FIRE)])


async def _outages(yard: Yard, board: Board, minutes: float) -> AsyncIterator[Row]:
    sweeps = max(1, 1 + int((minutes - FIXED) / SWEEP))
    async with yard.line() as line:
        for seconds in SHORT:
            for way in Way:
                board.say(f"{sweeps} times one unit is away for {seconds} s, {way}")
                one_by_one = (EVERYBODY * sweeps)[:sweeps]
                yield await one_away(yard, line, way, seconds, one_by_one)
            for way in (Way.CUT, Way.KILLED):
                board.say(f"{sweeps} times all are away for {seconds} s, {way}")
                yield await together(yard, line, way, seconds, sweeps)
        for seconds in (4, 12):
            board.say(f"all are away for {seconds} s and come back one after the other")
            yield await one_after_the_other(yard, line, seconds, APART, 1)
        if minutes < TOO_SHORT:
            return
        for way in Way:
            board.say(f"three units are away for {LONG} s, {way}")
            yield await together(yard, line, way, LONG, 1, THREE)
        for way in (Way.CUT, Way.KILLED):
            board.say(f"all are away for {LONG} s, {way}")
            yield await together(yard, line, way, LONG, 1)


if __name__ == "__main__":
    sys.exit(main())
