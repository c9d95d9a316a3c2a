"""The two programs a story is about: the daemon, and simulated units on a pseudo-terminal."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewayd.simulate.scene import Card
from tests.stories.news import PATIENCE, News

ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "default"}

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pulse:
    """A lock was released for a while; `at` is the host's monotonic clock."""

    at: float
    address: int
    output: int
    seconds: float


class Daemon:
    """The real program, as often as it is started; its log of all runs is one."""

    def __init__(self, config: Path, news: News) -> None:
        self.config = config
        self.surprises: list[int] = []  # exit codes of ends that nobody had asked for
        self._news = news
        self._log = config.with_name("gatewayd.log")
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._expected = False

    async def start(self) -> None:
        """Start it; whether it is ready is for others to see."""
        assert not self.running
        self._expected = False
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gatewayd", "run", "--config", str(self.config),
                stdin=DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT,
            )  # fmt: skip
        self._watch = asyncio.create_task(self._wait(self._process))

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The number of the process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What all its runs said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def kill(self) -> None:
        """End it as a power switch would."""
        await self._end(lambda process: process.kill())

    async def stop(self) -> int:
        """Ask it to end; return its exit code."""
        return await self._end(lambda process: process.terminate())

    async def ended(self) -> int:
        """Return the exit code of an end that comes by itself."""
        return await self._end(lambda _: None)

    async def _end(self, how: Callable[[Process], None]) -> int:
        assert self._process is not None
        assert self._watch is not None
        self._expected = True
        with suppress(ProcessLookupError):
            how(self._process)
        async with asyncio.timeout(PATIENCE):
            await asyncio.shield(self._watch)
        assert self._process.returncode is not None
        return self._process.returncode

    async def _wait(self, process: Process) -> None:
        code = await process.wait()
        if not self._expected:
            self.surprises.append(code)
        self._news.tell()


class Units:
    """`gatewayd simulate`: four units on one pseudo-terminal, the last of them Classic."""

    def __init__(self, link: Path, news: News) -> None:
        self.link = link
        self.options: Sequence[str | Path] = ()
        self.records: list[Record] = []
        self._news = news
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; `ready` says when the terminal is there."""
        with self.link.with_name("units.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gatewayd", "simulate",
                "--link", str(self.link), *self.options,
                stdin=PIPE, stdout=PIPE, stderr=log, env=ENVIRONMENT,
            )  # fmt: skip
        self._listener = asyncio.create_task(self._listen(self._process))

    async def ready(self) -> None:
        """Return once the terminal is there."""
        await self._news.until(lambda: bool(self.records), lambda: "simulated units")

    async def kill(self) -> None:
        """End it."""
        assert self._process is not None
        assert self._listener is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._listener

    @property
    def pulses(self) -> list[Pulse]:
        """Every release of a lock that a unit obeyed."""
        return [
            Pulse(each["at"], each["address"], each["output"], each["seconds"])
            for each in self.heard("pulse")
        ]

    @property
    def complaints(self) -> list[Record]:
        """What the daemon must never have done to a unit, or a story to the simulation."""
        return [each for each in self.records if each.keys() & {"complaint", "wrong"}]

    def heard(self, what: str, **fields: object) -> list[Record]:
        """What the units were driven to so far."""
        wanted = {"heard": what, **fields}.items()
        return [each for each in self.records if wanted <= each.items()]  # all values are plain

    async def history(self, address: int) -> list[str]:
        """Return the codes of all commands that one unit heard, two hexadecimal digits each."""
        known = len(self.records)
        self.do("history", address=address)
        found = await self._news.until(
            lambda: next(
                (e for e in self.records[known:] if e.get("history") == address), None
            ),
            lambda: f"the history of {address}",
        )
        return list(found["codes"])

    # --- what happens at the units ------------------------------------------------------

    def card(self, address: int, card: Card, *, reader: int = 0) -> None:
        """Hold a card to a reader."""
        kind, facility, number = card
        numbers = {"format": kind, "facility": facility, "number": number}
        self.do("card", address=address, reader=reader, **numbers)

    def input(self, address: int, number: int, *, active: bool) -> None:
        """Change the level of an input."""
        self.do("input", address=address, input=number, active=active)

    def do(self, what: str, **fields: object) -> None:
        """Give an order to the simulation."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **fields}).encode() + b"\n")

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            record = json.loads(line)
            self.records.append(record)
            self._news.tell()
