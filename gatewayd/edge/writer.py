"""One thread, one connection: commits whatever waits, at once, in one transaction.

No timer window: while one commit is on its way to the disk the next batch gathers by
itself. What waits is bounded, and `submit` never waits. If a transaction fails it is
taken back and tried again with growing pauses, for as long as the table wants its items
kept; meanwhile `trouble` says in words what is wrong.

The thread talks to the loop through `post` only. Items are written in order or not at
all: a writer that had to give a batch up at the end writes nothing after it.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from gatewayd.edge.backoff import Backoff
from gatewayd.edge.database import connect_writer, explained

FIRST_PAUSE = 0.05  # seconds before a failed transaction is tried again
LONGEST_PAUSE = 1.0  # so long may an item wait that is refused when the disk fails
FRESH_AFTER = 3  # failures in a row before the file is opened anew
IDLE = 1.0  # seconds after which `write` is called with nothing, for what may wait
LONGEST_WAL = 64 << 20  # bytes; then readers are held off for one full checkpoint
CLOSING = 10.0  # seconds that `close` waits for the last transaction

Post = Callable[[Callable[[], None]], None]
Item = TypeVar("Item")
Told_contra = TypeVar("Told_contra", contravariant=True)


class Table(Protocol[Told_contra]):
    """What a writer writes into. Called in its thread only."""

    def write(
        self, connection: sqlite3.Connection, items: Sequence[Told_contra]
    ) -> Callable[[], None] | None:
        """Write inside the transaction; return what to post once it is durable, if anything.

        May be called again with the same items after a failure. `items` may be empty.
        """

    def refuse(self, item: Told_contra, why: Exception) -> Callable[[], None] | None:
        """Give an item up after a failure: what to post. None: it must be tried again."""


class Bounds(Protocol):
    """How much a writer may have in hand."""

    @property
    def waiting(self) -> int:
        """How many items may wait."""

    @property
    def batch(self) -> int:
        """How many go into one transaction."""


def nobody_cares(trouble: str | None) -> None:
    """Stand in until somebody does."""


class Writer(Generic[Item]):
    """Owns the one connection that writes a database file."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        table: Table[Item],
        *,
        post: Post,
        bounds: Bounds,
    ) -> None:
        """Take the connection over."""
        self.on_trouble: Callable[[str | None], None] = (
            nobody_cares  # posted; None: all is well again
        )
        self.trouble: str | None = None  # what keeps the last transaction off the disk
        self.readers = threading.Lock()  # held by whoever reads the file, briefly
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._connection: sqlite3.Connection | None = connection
        self._table = table
        self._post = post
        self._waiting = bounds.waiting
        self._batch = bounds.batch
        self._queue: SimpleQueue[Item | None] = SimpleQueue()  # None only wakes
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def full(self) -> bool:
        """Whether nothing more can wait."""
        return self._queue.qsize() >= self._waiting

    def start(self, first: Sequence[Item] = ()) -> None:
        """Begin to write, with these items before all others."""
        self._thread = threading.Thread(
            target=self._run, args=(list(first),), name=f"write {self._path.name}", daemon=True
        )
        self._thread.start()

    def submit(self, item: Item) -> bool:
        """Queue an item; False if the queue is full. Never waits. One caller's thread only."""
        if self.full:
            return False
        self._queue.put(item)
        return True

    def close(self, last: Item | None = None) -> None:
        """Write what waits and one more item, try a failing transaction once more, and end."""
        self._queue.put(last)
        self._stopping.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(CLOSING)

    def _run(self, items: list[Item]) -> None:
        written = self._write(items)
        while written and not (self._stopping.is_set() and self._queue.empty()):
            written = self._write(self._gather(IDLE, self._batch))
        if written:
            self._write([])
        self._disconnect()

    def _gather(self, patience: float, most: int) -> list[Item]:
        """Return what waits; wait for the first of it."""
        items: list[Item] = []
        with suppress(Empty):
            item = self._queue.get(timeout=patience)
            while True:
                if item is not None:
                    items.append(item)
                if len(items) >= most:
                    break
                item = self._queue.get_nowait()
        return items

    def _write(self, items: list[Item]) -> bool:
        """Write a batch, however often it takes; False if the end came first."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        failures = 0
        while (why := self._try(items)) is not None:
            failures += 1
            items = self._keep(items, why)
            if self._stopping.is_set() and failures > 1:
                return False
            if failures % FRESH_AFTER == 0:
                self._disconnect()
            self._stopping.wait(backoff.next_pause())
            if len(items) < self._waiting:  # whoever must not wait learns of the failure too
                items += self._gather(0, self._waiting - len(items))
        self._say(None)
        self._hold_wal_down()
        return True

    def _try(self, items: Sequence[Item]) -> Exception | None:
        """Write one transaction and post its outcome; on failure leave no trace of it."""
        try:
            if self._connection is None:
                self._connection = connect_writer(self._path)
            self._connection.execute("BEGIN IMMEDIATE")
            done = self._table.write(self._connection, items)
            self._connection.execute("COMMIT")
        except Exception as why:  # noqa: BLE001 - whatever it is, the thread must live and say so
            self._roll_back()
            return why
        if done is not None:
            self._tell_loop(done)
        return None

    def _keep(self, items: Sequence[Item], why: Exception) -> list[Item]:
        """Say what is wrong and return the items that must be tried again."""
        self._say(str(explained(self._path, why)))
        kept: list[Item] = []
        for item in items:
            refused = self._table.refuse(item, why)
            if refused is None:
                kept.append(item)
            else:
                self._tell_loop(refused)
        return kept

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _hold_wal_down(self) -> None:
        """Automatic checkpoints cannot start the WAL over while somebody reads."""
        with suppress(OSError, sqlite3.Error):
            if self._connection is not None and self._wal.stat().st_size > LONGEST_WAL:
                with self.readers:
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _say(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._tell_loop(lambda: self.on_trouble(trouble))

    def _tell_loop(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._post(call)
