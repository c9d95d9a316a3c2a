"""The real program in a process of its own, and a daemon for it to talk to."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from gatewayd.edge.control import Control, Handlers
from gatewayd.edge.payloads import encode_document
from tests.nursery import Ended, gatewayd_forked

PATIENCE = 30.0  # seconds

CONFIG = """
[site]
id = "s"
state_dir = "{place}/state"
control_socket = "{place}/control"
[mqtt]
host = "127.0.0.1"
[lines.north]
kind = "tcp"
host = "127.0.0.1"
port = 9
[controllers.unit]
line = "north"
address = 1
secure = "off"
[doors.lobby]
lock = {{ controller = "unit" }}
"""


async def gatewayd(
    *arguments: str | Path, typed: str = "", columns: int = 200, patience: float = PATIENCE
) -> Ended:
    """Run the program in a process of its own, forked from one that has imported it."""
    environment = _environment(columns)
    return await gatewayd_forked([*map(str, arguments)], typed, environment, patience)


async def gatewayd_anew(
    *arguments: str | Path, typed: str = "", columns: int = 200, patience: float = PATIENCE
) -> Ended:
    """Run the program as a shell does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gatewayd", *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(columns),
    )  # fmt: skip
    try:
        async with asyncio.timeout(patience):
            out, err = await process.communicate(typed.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def _environment(columns: int) -> Mapping[str, str]:
    return {**os.environ, "COLUMNS": str(columns), "TERM": "dumb"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(place=tmp_path))
    return path


@dataclass(slots=True)
class Daemon:
    """The local channel with answers prepared; requests are kept."""

    handlers: dict[str, object] = field(default_factory=dict)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    def submit(
        self,
        command: str,
        payload: bytes,
        *,
        via: Literal["local"],
        reply: Callable[[bytes], None],
    ) -> None:
        assert via == "local"
        self.requests.append((command, payload))
        reply(encode_document(self.answers[command]))

    @asynccontextmanager
    async def serving(self, place: Path) -> AsyncIterator[None]:
        server = Control(place, self.submit, _handlers(self.handlers))
        server.open()
        task = asyncio.create_task(server.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def _handlers(results: Mapping[str, object]) -> Handlers:
    def answering(result: object) -> Callable[[Mapping[str, Any]], Any]:
        async def answer(_args: Mapping[str, Any]) -> object:
            return result

        return answer

    return {command: answering(result) for command, result in results.items()}


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()
