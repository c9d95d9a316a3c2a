"""Files of what was said on a line (OSDPCAP): written while it happens, and read.

The line never waits for the disk: `Recording.tap` only puts a record's text in a queue, and
`flush`, which belongs into a thread, writes what waits. The queue is bounded; what finds it
full is counted and left out. Each file is bounded too: a full one takes the place of the one
before it, so a line has two files at most.

Whoever has an unmasked file has cards and PINs, so nobody but the daemon's user may read any.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import structlog

from gatewayd.edge.clock import Clock
from gatewayd.errors import StateError
from protocol.osdp.trace import LONGEST_LINE, Direction, Record, UnreadableRecord
from protocol.osdp.trace_mask import Recorder

SUFFIX = ".osdpcap"
LARGEST = 32 << 20  # bytes of one file; there is one older at most
MOST_WAITING = 4096  # records for the disk; two for each exchange on the line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


class Recording:
    """What is being recorded on one line. `flush` and `close` may be called in any thread."""

    def __init__(self, path: Path, clock: Clock, *, unmasked: bool = False) -> None:
        """Begin a file, keeping the one before it. Raises OSError."""
        self.path = path
        self.records = 0
        self.lost = 0  # records that found the queue full
        self.trouble: str | None = None  # why nothing more is recorded
        self._clock = clock
        self._recorder = Recorder(unmasked=unmasked)
        self._waiting: deque[bytes] = deque()
        self._writing = Lock()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._file = _fresh(path)
        self._size = 0

    def tap(self, direction: Direction, data: bytes) -> None:
        """Take what passes on the line. Never waits, never raises."""
        if self.trouble is not None:
            return
        try:
            self._take(direction, data)
        except Exception:  # a fault of ours must not stop the line
            log.exception("trace_failed", file=str(self.path))
            self.trouble = "failed; see the log"

    def _take(self, direction: Direction, data: bytes) -> None:
        now = (self._clock.moment().utc - _EPOCH) // _MICROSECOND * 1000
        for record in self._recorder.take(now, direction, data):
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(record.encode().encode() + b"\n")
                self.records += 1
            else:
                self.lost += 1

    def flush(self) -> None:
        """Write what waits; a disk that fails ends the recording."""
        with self._writing:
            try:
                self._write()
            except (OSError, ValueError) as error:  # ValueError: closed meanwhile
                self.trouble = self.trouble or f"{error}"
                self._waiting.clear()

    def close(self) -> None:
        """Write what waits and give the file up."""
        self.flush()
        with self._writing, suppress(OSError):
            self._file.close()

    def _write(self) -> None:
        while self._waiting:
            line = self._waiting.popleft()
            if self._size + len(line) > LARGEST:
                self._file.close()
                self._file = _fresh(self.path)
                self._size = 0
            self._file.write(line)
            self._size += len(line)
        self._file.flush()


def older(path: Path) -> Path:
    """Return where a file goes when a new one begins."""
    return path.with_suffix(f".older{SUFFIX}")


def _fresh(path: Path) -> BinaryIO:
    with suppress(FileNotFoundError):
        path.replace(older(path))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def read_trace(path: Path) -> Iterator[tuple[int, Record | UnreadableRecord]]:
    """Read a file line by line: its number and the record, or why there is none.

    Empty lines are passed over. Raises StateError if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), 1):
                if line.strip():
                    yield number, _record(line)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Return each line, of those that are too long only a beginning that is too long."""
    while line := file.readline(LONGEST_LINE + 1):
        rest = line
        while not rest.endswith(b"\n") and len(rest) > LONGEST_LINE:
            rest = file.readline(LONGEST_LINE + 1)
        yield line


def _record(line: bytes) -> Record | UnreadableRecord:
    try:
        return Record.decode(line)
    except UnreadableRecord as error:
        return error
