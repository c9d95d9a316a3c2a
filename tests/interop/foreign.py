"""The tests' side of peripherals of somebody else's making (`foreign_process`).

    async with ForeignPeripherals(tmp_path / "bus", [1, 2]) as foreign:
        await foreign.present_card(1, 26, "12345680")
        pulse = await foreign.wait_heard("output", address=1)

Everything waits for a line from the process, never for time, and gives up after
`PATIENCE` seconds with what was heard until then.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PATIENCE = 10.0  # seconds until what must come has come
LONGEST_LINE = 1 << 16
KEPT = 100_000  # lines kept for those who ask later

Line = dict[str, Any]
Wanted = Callable[[Line], bool]


@dataclass(frozen=True, slots=True)
class Who:
    """What the foreign peripheral of an address says of itself."""

    vendor: str  # OUI, locally administered
    model: int
    version: int
    serial: int
    firmware: tuple[int, int, int]

    @classmethod
    def at(cls, address: int) -> "Who":
        """Return who lives there; no two are alike."""
        return cls(
            vendor=f"02f0{address:02x}",
            model=2,
            version=address,
            serial=0x10000000 + address,
            firmware=(1, 2, address),
        )


class ForeignPeripherals:
    """libosdp's peripherals in a process of their own, behind a port at `path`."""

    def __init__(
        self,
        path: Path,
        addresses: Sequence[int],
        keys: Mapping[int, bytes] | None = None,
    ) -> None:
        self.path = path
        self._addresses = tuple(addresses)
        self._keys = dict(keys or {})
        self._process: asyncio.subprocess.Process | None = None
        self._lines: list[Line] = []
        self._ended = False
        self._news = asyncio.Condition()
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Return once the port can be opened."""
        command = [sys.executable, "-m", "tests.interop.foreign_process"]
        command += ["--port", str(self.path)]
        command += ["--addresses", ",".join(map(str, self._addresses))]
        if self._keys:
            command.append("--keyed")
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        self._listener = asyncio.create_task(self._listen(self._process))
        if self._keys:
            self._say({str(address): key.hex() for address, key in self._keys.items()})
        await self.wait_for(lambda line: "ready" in line)

    async def stop(self) -> None:
        """End the process, by asking and then by force."""
        if self._process is None:
            return
        with suppress(ConnectionError):
            self._say({"do": "quit"})
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._listener is not None:
            await self._listener
        self._process = None

    # --- what happens at the readers --------------------------------------------------

    async def present_card(self, address: int, bits: int, data: str) -> Line:
        """Hold a card to a reader; `data` is hexadecimal and left aligned."""
        return await self.do("card", address=address, bits=bits, data=data)

    async def press_keys(self, address: int, digits: str) -> Line:
        """Type on a keypad."""
        return await self.do("keys", address=address, digits=digits)

    async def set_input(self, address: int, number: int, *, active: bool) -> Line:
        """Open or close a contact."""
        return await self.do("input", address=address, input=number, active=active)

    async def unplug(self, address: int) -> Line:
        """Take one peripheral off the wire."""
        return await self.do("silence", address=address)

    async def plug_in(self, address: int) -> Line:
        """Put it back."""
        return await self.do("answer", address=address)

    async def hang_up(self) -> Line:
        """Take the whole port away."""
        return await self.do("close_pty")

    async def come_back(self) -> Line:
        """Bring a new port under the same path."""
        return await self.do("open_pty")

    async def count(self) -> Line:
        """Return how many replies each peripheral sent and what the process used."""
        return await self.do("count")

    async def do(self, what: str, **fields: object) -> Line:
        """Have something done; return the line that says so."""
        after = len(self._lines)
        self._say({"do": what, **fields})
        return await self.wait_for(lambda line: line.get("did") == what, after=after)

    # --- what they heard --------------------------------------------------------------

    @property
    def mark(self) -> int:
        """Now, as an argument for `after`."""
        return len(self._lines)

    def heard(self, what: str | None = None, *, after: int = 0, **fields: object) -> list[Line]:
        """Return every line about a command that was heard so far."""
        return [line for line in self._lines[after:] if _matches(line, what, fields)]

    async def wait_heard(self, what: str, *, after: int = 0, **fields: object) -> Line:
        """Return the first such line after the mark `after`."""
        return await self.wait_for(lambda line: _matches(line, what, fields), after=after)

    async def wait_for(self, wanted: Wanted, *, after: int = 0) -> Line:
        """Return the first line that is wanted, of those that came or will come."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                while True:
                    for line in self._lines[after:]:
                        if wanted(line):
                            return line
                    after = len(self._lines)
                    self._still_alive()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE} s; {self._lines[-20:]}") from None

    def _still_alive(self) -> None:
        if self._ended:
            raise AssertionError(f"the foreign process ended; {self._lines[-20:]}")

    def _say(self, order: Mapping[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            async with self._news:
                assert len(self._lines) < KEPT, "a test this long needs another kind of ear"
                self._lines.append(json.loads(line))
                self._news.notify_all()
        async with self._news:
            self._ended = True
            self._news.notify_all()


def _matches(line: Line, what: str | None, fields: Mapping[str, object]) -> bool:
    if "heard" not in line or (what is not None and line["heard"] != what):
        return False
    return all(line.get(name) == value for name, value in fields.items())
