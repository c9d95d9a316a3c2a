"""How fast events are kept and committed, beside the disk itself and the obvious way.

`note` is measured in the caller, while the writer's thread works; throughput goes from
the event through its JSON to the commit, with a fixed number of events waiting. The slow
medium is a sleep inside every transaction, for us and for the peer.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from gatewayd.core.access.model import Side
from gatewayd.core.events import AccessGranted
from gatewayd.core.model import DoorId, HolderId, Moment
from gatewayd.edge.journal import Encode, Journal
from gatewayd.edge.journal_table import JournalItem
from gatewayd.edge.payloads import encode_event
from tests.bench.result import Result
from tests.edge.posted import Posted

BUILD = Path(__file__).parents[2] / "build"
NOW = Moment(1.0, datetime(2030, 1, 1, tzinfo=UTC))
EVENT = AccessGranted(DoorId("lobby"), Side.IN, "H10301:12:345", HolderId("9f1c2d"))
SINGLE = 300  # commits measured one by one
SECONDS = 1.5  # for each throughput
SLOW = 0.020  # seconds a commit takes on the slow medium
PAUSE = 0.0005  # seconds between two notes


@contextmanager
def journal(
    *, slow: float = 0.0, encode: Encode = encode_event
) -> Iterator[tuple[Journal, Posted]]:
    """Open a journal on the disk the project is on, maybe with slow transactions."""
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BUILD) as directory:
        post = Posted()
        opened = Journal.open(Path(directory), encode=encode, post=post)
        if slow:
            _slow_down(opened, slow)
        try:
            yield opened, post
        finally:
            opened.close()


def _slow_down(opened: Journal, slow: float) -> None:
    write = opened._table.write

    def slowly(
        connection: sqlite3.Connection, items: Sequence[JournalItem]
    ) -> Callable[[], None] | None:
        time.sleep(slow if items else 0)
        return write(connection, items)

    opened._table.write = slowly  # type: ignore[method-assign]  # a slow medium, nothing else


def _settled(opened: Journal, post: Posted) -> None:
    post.until(lambda: opened.committed == opened.last)


def note_times(encode: Encode, count: int = 4000) -> list[float]:
    """Seconds each `note` holds a caller that slept before: caches cold, writer at work."""
    times = []
    with journal(encode=encode) as (opened, post):
        for _ in range(count):
            start = time.perf_counter()
            opened.note(EVENT, NOW)
            times.append(time.perf_counter() - start)
            post.all()
            time.sleep(PAUSE)
        _settled(opened, post)
    return times


def events_per_second(waiting: int, *, slow: float = 0.0) -> float:
    """Committed events a second with so many on their way at any time."""
    with journal(slow=slow) as (opened, post):
        start = time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            while opened.last - opened.committed < waiting:
                opened.note(EVENT, NOW)
            before = opened.committed
            post.until(lambda before=before: opened.committed > before)  # type: ignore[misc]  # bound now
        return opened.committed / (time.perf_counter() - start)


def single_commits() -> tuple[float, float]:
    """Median seconds from a note to its commit, and of a bare fdatasync beside it."""
    ours, bare = [], []
    with journal() as (opened, post), _file() as handle:
        for number in range(SINGLE):
            start = time.perf_counter()
            opened.note(EVENT, NOW)
            _settled(opened, post)
            middle = time.perf_counter()
            os.pwrite(handle, bytes(4096), number * 4096)
            os.fdatasync(handle)
            ours.append(middle - start)
            bare.append(time.perf_counter() - middle)
    return median(ours), median(bare)


@contextmanager
def _file() -> Iterator[int]:
    """A file that is written already: like a WAL after its first checkpoint."""
    with TemporaryDirectory(dir=BUILD) as directory:
        handle = os.open(Path(directory) / "bare", os.O_RDWR | os.O_CREAT)
        os.pwrite(handle, bytes(4096 * SINGLE), 0)
        os.fsync(handle)
        yield handle
        os.close(handle)


def transaction_per_event(*, slow: float = 0.0) -> float:
    """Events a second of the obvious way: one transaction each, same settings, no queue."""
    with TemporaryDirectory(dir=BUILD) as directory:
        path = Path(directory) / "plain.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
            plain.execute("PRAGMA synchronous = FULL")
            plain.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
            start, seq = time.perf_counter(), 0
            while time.perf_counter() - start < SECONDS:
                seq += 1
                plain.execute("BEGIN IMMEDIATE")
                body = encode_event(seq, EVENT, NOW)
                plain.execute("INSERT INTO event VALUES (?, ?)", (seq, body))
                time.sleep(slow)
                plain.execute("COMMIT")
            return seq / (time.perf_counter() - start)


def worst_note() -> float:
    """The longest `note` while the writer commits as fast as it can, in seconds."""
    worst = 0.0
    with journal() as (opened, post):
        end = time.perf_counter() + SECONDS
        while (start := time.perf_counter()) < end:
            opened.note(EVENT, NOW)
            worst = max(worst, time.perf_counter() - start)
            post.all()
            if opened.last - opened.committed > 1000:
                _settled(opened, post)
    return worst


def measure() -> list[Result]:
    """All of it; about fifteen seconds."""
    return [*_notes(), *_throughput(), *_single(), *_slow_medium()]


def _notes() -> Iterator[Result]:
    body = encode_event(1, EVENT, NOW)
    bare, whole = note_times(lambda *_: body), note_times(encode_event)
    for name, times in (("journal: note without its JSON", bare), ("journal: note", whole)):
        p50, p99 = median(times) * 1e6, quantiles(times, n=100)[98] * 1e6
        goal, met = ("<= 20", p50 <= 20) if times is bare else ("", None)
        yield Result(f"{name}, p50", p50, "µs", goal=goal, met=met)
        yield Result(f"{name}, p99", p99, "µs")
    yield Result("journal: note at full load, worst", worst_note() * 1e3, "ms")


def _throughput() -> Iterator[Result]:
    name = "one transaction an event"
    for waiting in (1, 64, 1000):
        rate, peer = events_per_second(waiting), transaction_per_event()
        goal, met = (">= 40000", rate >= 40_000) if waiting == 64 else ("", None)
        yield Result(
            f"journal: committed at {waiting} waiting",
            rate,
            "1/s",
            name,
            rate / peer,
            goal,
            met,
        )


def _single() -> Iterator[Result]:
    ours, bare = single_commits()
    ratio = ours / bare
    yield Result(
        "journal: single commit, p50",
        ours * 1e3,
        "ms",
        "bare fdatasync",
        ratio,
        "<= 2.5 x",
        ratio <= 2.5,
    )


def _slow_medium() -> Iterator[Result]:
    ours, peer = events_per_second(64, slow=SLOW), transaction_per_event(slow=SLOW)
    ratio = ours / peer
    yield Result(
        "journal: committed at 64 waiting, 20 ms a commit",
        ours,
        "1/s",
        "one transaction an event",
        ratio,
        ">= 40 x",
        ratio >= 40,
    )


if __name__ == "__main__":
    for result in measure():
        print(result)
