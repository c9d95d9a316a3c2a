"""A program that a test starts, speaks to in JSON lines, and ends.

    async with Companion("tests.interop.some_program", "--port", "x") as program:
        await program.do("count")

It writes {"ready": …} when it may be spoken to, and {"did": "count", …} once something is
done. Everything waits for a line, never for time, and gives up after `PATIENCE` seconds.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

PATIENCE = 10.0  # seconds until what must come has come
LONGEST_LINE = 1 << 20
KEPT = 100_000  # lines kept for those who ask later

Line = dict[str, Any]
Wanted = Callable[[Line], bool]


class Companion:
    """The Python program `module` with its options."""

    def __init__(self, module: str, *options: str) -> None:
        self._command = [sys.executable, "-m", module, *options]
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
        """Return once it is ready."""
        before = self.mark
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        self._listener = asyncio.create_task(self._listen(self._process))
        self.introduce()
        await self.wait_for(lambda line: "ready" in line, after=before)

    def introduce(self) -> None:
        """Say what the program must know before anything else."""

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

    async def kill(self) -> None:
        """End the process in the midst of whatever it does; it may be started again."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        if self._listener is not None:
            await self._listener
        self._process, self._ended = None, False

    def freeze(self) -> None:
        """Let the process stand still in the midst of whatever it does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def do(self, what: str, **fields: object) -> Line:
        """Have something done; return the line that says so."""
        after = len(self._lines)
        self._say({"do": what, **fields})
        return await self.wait_for(lambda line: line.get("did") == what, after=after)

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

    @property
    def mark(self) -> int:
        """Now, as an argument for `after`."""
        return len(self._lines)

    def _still_alive(self) -> None:
        if self._ended:
            raise AssertionError(f"the program ended; {self._lines[-20:]}")

    def _say(self, order: Mapping[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                async with self._news:
                    assert len(self._lines) < KEPT, "a test this long needs another kind of ear"
                    self._lines.append(json.loads(line))
                    self._news.notify_all()
        finally:
            async with self._news:
                self._ended = True
                self._news.notify_all()
