"""Starting and stopping a recording, as the control socket does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatewayd.app.traces import LONGEST_SECONDS, Traces
from gatewayd.core.model import Moment
from gatewayd.edge.control import Unable
from gatewayd.edge.osdp import Tap
from gatewayd.edge.trace_file import read_trace
from protocol.osdp.frame import Frame
from protocol.osdp.trace import Direction

PATIENCE = 10.0  # seconds
POLL = Frame(1, 0, 0x60, b"").encode()


class Line:
    """A line to be listened to."""

    def __init__(self) -> None:
        self._tap: Tap | None = None
        self._quiet = asyncio.Event()

    @property
    def tap(self) -> Tap | None:
        return self._tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._tap = tap
        self._quiet.clear() if tap else self._quiet.set()

    def pass_by(self, data: bytes = POLL) -> None:
        assert self.tap is not None
        self.tap(Direction.OUTPUT, data)

    async def until_quiet(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._quiet.wait()


@dataclass(slots=True)
class HandClock:
    """Is set by hand."""

    mono: float = 0.0

    def moment(self) -> Moment:
        return Moment(self.mono, datetime.now(UTC))


@dataclass(slots=True)
class Scene:
    traces: Traces
    north: Line
    clock: HandClock
    place: Path

    async def ask(self, command: str, **args: object) -> Mapping[str, Any]:
        answer = await self.traces.handlers[f"trace.{command}"](args)
        assert isinstance(answer, dict)
        return answer


@asynccontextmanager
async def scene(place: Path) -> AsyncIterator[Scene]:
    north, clock = Line(), HandClock()
    traces = Traces(place, {"north": north, "south": Line()}, clock)
    task = asyncio.create_task(traces.run())
    await asyncio.sleep(0)  # let it begin
    try:
        yield Scene(traces, north, clock, place)
    finally:
        task.cancel()
        await asyncio.wait([task])


def count(file: str) -> int:
    return len(list(read_trace(Path(file))))


async def test_a_line_is_recorded_until_it_is_stopped(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        started = await here.ask("start", line="north", seconds=60)
        assert started["file"] == str(tmp_path / "traces" / "north.osdpcap")
        assert not started["unmasked"]
        for _ in range(3):
            here.north.pass_by()
        stopped = await here.ask("stop", line="north")
        assert here.north.tap is None
        assert (stopped["records"], stopped["lost"], stopped["trouble"]) == (3, 0, None)
        assert count(stopped["file"]) == 3


async def test_it_ends_by_itself_and_the_result_is_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.ask("start", line="north", seconds=0.5, unmasked=True)
        await here.ask("start", line="south", seconds=60)
        here.north.pass_by(b"noise")
        here.clock.mono = 0.5
        await here.north.until_quiet()
        stopped = await here.ask("stop", line="north")
        assert (stopped["records"], count(stopped["file"])) == (1, 1)
        with pytest.raises(Unable, match="north is not being recorded"):
            await here.ask("stop", line="north")


async def test_a_recording_in_trouble_ends(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.ask("start", line="north", seconds=60)
        tap = here.north.tap
        assert tap is not None
        tap("sideways", POLL)  # type: ignore[arg-type]  # a fault
        await here.north.until_quiet()
        assert (await here.ask("stop", line="north"))["trouble"] == "failed; see the log"


async def test_the_end_of_the_daemon_leaves_a_whole_file(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        file = (await here.ask("start", line="north", seconds=60))["file"]
        here.north.pass_by()
    assert here.north.tap is None
    assert count(file) == 1


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({}, "line: must be one of north, south"),
        ({"line": "east", "seconds": 1}, "line: must be one of north, south"),
        ({"line": ["north"], "seconds": 1}, "line: must be one of north, south"),
        ({"line": "north"}, "seconds: must be a number"),
        ({"line": "north", "seconds": True}, "seconds: must be a number"),
        ({"line": "north", "seconds": 0}, "seconds: must be more than 0"),
        ({"line": "north", "seconds": float("nan")}, "seconds: must be more than 0"),
        ({"line": "north", "seconds": LONGEST_SECONDS + 1}, "3600 at most"),
        ({"line": "north", "seconds": 1, "unmasked": 1}, "unmasked: must be true or false"),
        ({"line": "north", "seconds": 1, "file": "/etc/x"}, "unknown: file"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    tmp_path: Path, args: dict[str, object], why: str
) -> None:
    async with scene(tmp_path) as here:
        with pytest.raises(Unable, match=why):
            await here.ask("start", **args)
        assert here.north.tap is None


async def test_a_line_is_recorded_once_at_a_time(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.ask("start", line="north", seconds=60)
        with pytest.raises(Unable, match="already") as caught:
            await here.ask("start", line="north", seconds=60)
        assert caught.value.code == "busy"


async def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("")
    async with scene(tmp_path) as here:
        with pytest.raises(Unable, match=r"traces/north\.osdpcap: "):
            await here.ask("start", line="north", seconds=60)
        assert here.north.tap is None
