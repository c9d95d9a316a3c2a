"""The daemon under odd circumstances."""

import asyncio
import os
import resource
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gatewayd.edge.control_client import NotRunning, ask
from tests.cli.conftest import PATIENCE


@asynccontextmanager
async def running(config: Path, redirections: str = "") -> AsyncIterator[Process]:
    """Start a daemon in a shell and wait until it answers; end it by force if need be."""
    command = f"exec {sys.executable} -m gatewayd run --config {config} {redirections}"
    process = await asyncio.create_subprocess_shell(command, stdin=DEVNULL, stderr=DEVNULL)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await answers(config):
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(config: Path) -> bool:
    try:
        answer = await asyncio.to_thread(ask, config.with_name("control"), "health.read", {})
    except NotRunning:
        return False
    return bool(answer["ok"])


async def ended(process: Process) -> int:
    process.terminate()
    async with asyncio.timeout(PATIENCE):
        return await process.wait()


async def test_a_hang_up_ends_nothing(config: Path) -> None:
    async with running(config) as process:
        process.send_signal(signal.SIGHUP)
        assert await answers(config)
        assert await ended(process) == 0


async def test_no_file_of_ours_stands_in_for_a_closed_stream(config: Path) -> None:
    async with running(config, "<&- >&- 2>&-") as process:
        streams = Path(f"/proc/{process.pid}/fd")
        assert {(streams / each).readlink() for each in "012"} == {Path(os.devnull)}
        assert await ended(process) == 0


async def test_a_crash_leaves_no_keys_in_a_core(config: Path) -> None:
    async with running(config) as process:
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        assert await ended(process) == 0
