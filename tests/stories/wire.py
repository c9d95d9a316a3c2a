"""A bad wire between the daemon and its units: two pseudo-terminals and chance in between.

What is wrong with it is set while it runs. Chance comes from a seed; when things happen
does not, so no two runs are alike byte for byte, and what a story claims must hold in all.
"""

import asyncio
import os
import tty
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CHUNK = 4096


@dataclass(slots=True)
class Faults:
    """What is wrong, as shares of 1, and how late answers are, in seconds."""

    lost: float = 0.0  # of bytes, both ways
    flipped: float = 0.0  # of bytes, both ways: one bit
    halved: float = 0.0  # of answers: the rest never comes
    late: float = 0.0  # every answer


@dataclass(slots=True)
class Wire:
    """Carries bytes between `link`, which the daemon opens, and the port of the units."""

    link: Path
    units: Path
    chance: Random
    faults: Faults = field(default_factory=Faults)
    spoilt: int = 0  # bytes so far
    _ends: list[int] = field(default_factory=list)

    def open(self) -> None:
        """Make the daemon's end appear and begin."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        units = os.open(self.units, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(units)
        self._ends = [master, slave, units]
        self.link.symlink_to(os.ttyname(slave))
        loop = asyncio.get_running_loop()
        loop.add_reader(master, self._carry, master, lambda data: _write(units, data))
        loop.add_reader(units, self._carry, units, self._answer_to(master))

    def close(self) -> None:
        """Take both ends away."""
        for end in self._ends:
            asyncio.get_running_loop().remove_reader(end)
            os.close(end)
        self._ends.clear()

    def _answer_to(self, panel: int) -> Callable[[bytes], None]:
        def answer(data: bytes) -> None:
            if self.chance.random() < self.faults.halved:
                data = data[: len(data) // 2]
            loop = asyncio.get_running_loop()
            loop.call_later(self.faults.late, self._arrive, panel, data)

        return answer

    def _arrive(self, panel: int, data: bytes) -> None:
        if panel in self._ends:
            _write(panel, data)

    def _carry(self, source: int, onwards: Callable[[bytes], None]) -> None:
        with suppress(BlockingIOError):
            onwards(self._spoil(os.read(source, CHUNK)))

    def _spoil(self, data: bytes) -> bytes:
        spoilt = bytearray()
        for byte in data:
            if self.chance.random() < self.faults.lost:
                self.spoilt += 1
            elif self.chance.random() < self.faults.flipped:
                self.spoilt += 1
                spoilt.append(byte ^ (1 << self.chance.randrange(8)))
            else:
                spoilt.append(byte)
        return bytes(spoilt)


def _write(end: int, data: bytes) -> None:
    """On a full line the rest is lost, as on a wire."""
    with suppress(BlockingIOError):
        os.write(end, data)
