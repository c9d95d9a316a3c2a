"""Recording lines, as asked for over the control socket and by nobody else.

    trace.start {"line": "north", "seconds": 60, "unmasked": false}
    trace.stop  {"line": "north"}

A recording ends when it is stopped, when its time is up, or when the disk fails; how it went
is kept until somebody asks, or the next one begins. The files are in `traces` in the state
directory.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from gatewayd.edge.clock import Clock
from gatewayd.edge.control import Handlers, Unable
from gatewayd.edge.osdp import Tap
from gatewayd.edge.payloads import ErrorCode
from gatewayd.edge.trace_file import SUFFIX, Recording

DIRECTORY = "traces"
LONGEST_SECONDS = 3600
FLUSH_INTERVAL = 0.25  # seconds that a record may wait for the disk

log = structlog.get_logger()


class Line(Protocol):
    """Whatever can be listened to."""

    tap: Tap | None


@dataclass(frozen=True, slots=True)
class _Running:
    recording: Recording
    until: float  # in the clock's monotonic time


class Traces:
    """All recordings of a site; one for each line at most."""

    def __init__(self, state: Path, lines: Mapping[str, Line], clock: Clock) -> None:
        self._directory = state / DIRECTORY
        self._lines = lines
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._ended: dict[str, Recording] = {}
        self._any = asyncio.Event()

    @property
    def handlers(self) -> Handlers:
        """What the control socket answers with."""
        return {"trace.start": self._start, "trace.stop": self._stop}

    async def run(self) -> None:
        """Write what is recorded, until cancelled."""
        try:
            while True:
                await self._any.wait()
                await asyncio.sleep(FLUSH_INTERVAL)
                for name, each in list(self._running.items()):
                    await asyncio.to_thread(each.recording.flush)
                    self._end_if_due(name, each)
        finally:
            for name in list(self._running):
                self._end(name).close()

    async def _start(self, args: Mapping[str, Any]) -> object:
        name, seconds, unmasked = self._asked(args)
        path = self._directory / f"{name}{SUFFIX}"
        try:
            recording = Recording(path, self._clock, unmasked=unmasked)
        except OSError as error:
            raise Unable(ErrorCode.INTERNAL_ERROR, f"{path}: {error.strerror}") from None
        self._running[name] = _Running(recording, self._clock.moment().mono + seconds)
        self._ended.pop(name, None)
        self._lines[name].tap = recording.tap
        self._any.set()
        log.warning("trace_started", line=name, seconds=seconds, unmasked=unmasked)
        return {"line": name, "file": str(path), "seconds": seconds, "unmasked": unmasked}

    def _asked(self, args: Mapping[str, Any]) -> tuple[str, float, bool]:
        """Return line, seconds and whether nothing is masked; raises Unable."""
        name = self._line_of(args, {"line", "seconds", "unmasked"})
        seconds, unmasked = args.get("seconds"), args.get("unmasked", False)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise _invalid("seconds: must be a number")
        if not 0 < seconds <= LONGEST_SECONDS:
            raise _invalid(f"seconds: must be more than 0, and {LONGEST_SECONDS} at most")
        if not isinstance(unmasked, bool):
            raise _invalid("unmasked: must be true or false")
        if name in self._running:
            raise Unable(ErrorCode.BUSY, f"line {name} is being recorded already")
        return name, seconds, unmasked

    async def _stop(self, args: Mapping[str, Any]) -> object:
        name = self._line_of(args, {"line"})
        if name in self._running:
            recording = self._end(name)
            await asyncio.to_thread(recording.close)
        elif name in self._ended:
            recording = self._ended.pop(name)
        else:
            raise _invalid(f"line: {name} is not being recorded")
        return {
            "line": name,
            "file": str(recording.path),
            "records": recording.records,
            "lost": recording.lost,
            "trouble": recording.trouble,
        }

    def _line_of(self, args: Mapping[str, Any], known: set[str]) -> str:
        if unknown := set(args) - known:
            raise _invalid(f"unknown: {', '.join(sorted(unknown))}")
        name = args.get("line")
        if not isinstance(name, str) or name not in self._lines:
            raise _invalid(f"line: must be one of {', '.join(self._lines)}")
        return name

    def _end_if_due(self, name: str, due: _Running) -> None:
        over = due.recording.trouble is not None or self._clock.moment().mono >= due.until
        if over and self._running.get(name) is due:  # else it was stopped meanwhile
            self._ended[name] = self._end(name)
            self._ended[name].close()

    def _end(self, name: str) -> Recording:
        """Listen no more. What waits is for the caller to write."""
        recording = self._running.pop(name).recording
        self._lines[name].tap = None
        if not self._running:
            self._any.clear()
        log.info("trace_ended", line=name, records=recording.records, why=recording.trouble)
        return recording


def _invalid(why: str) -> Unable:
    return Unable(ErrorCode.INVALID_REQUEST, why)
