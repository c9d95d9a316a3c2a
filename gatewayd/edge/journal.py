"""The journal: every event numbered, kept at once and committed a moment later.

`note` numbers an event and stores it in the ring (gatewayd/edge/ring.py), where a killed
process leaves it for the next start; the writer's thread then commits whatever waits.
Nothing here waits for the disk. What cannot be kept, because it cannot be laid out or
because ring or queue are full, gets no number; it is counted, and an `events.lost` event
stands in its place as soon as there is room. If commits fail, events stay in the ring
until they succeed, and `on_trouble` says so.

After a start the ring's events come first, under their numbers. If the last run did not
stop cleanly and the machine was started anew since, the last moment may have been lost
with the page cache: the first event noted then is `journal.gap_possible`.

Everything is called on the loop's thread, except `read`, which belongs in a worker thread.
"""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gatewayd.core.events import Event, EventsLost, JournalGapPossible
from gatewayd.core.model import ClientId, Moment, RequestId
from gatewayd.edge.database import explained, open_reader, open_writer
from gatewayd.edge.journal_table import (
    SCHEMA,
    Committed,
    Entry,
    Finish,
    Found,
    JournalItem,
    JournalTable,
    Remember,
    Remembered,
    Run,
    Unfinished,
    find,
)
from gatewayd.edge.recovery import Recovered, boot, doubt_about, recover
from gatewayd.edge.ring import LONGEST, SIZE
from gatewayd.edge.writer import Post, Writer

__all__ = ["Entry", "Journal", "Limits", "Remembered", "Unfinished"]

FILE = "journal.db"
RING = "journal.ring"
LONGEST_READ = 1000  # entries in one answer of `read`
NO_ROOM = "the disk does not keep up: no room for more events"
UNDELIVERED = "the journal is full: the oldest events were deleted before they were delivered"

Encode = Callable[[int, Event, Moment], bytes]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a journal keeps."""

    events: int = 10_000_000
    requests: int = 100_000  # newest; must outlast the life of any request
    ring: int = SIZE  # bytes, when the ring is made
    waiting: int = 65_536  # events on their way to the disk
    batch: int = 1000  # in one transaction


@dataclass(frozen=True, slots=True)
class _Opened:
    path: Path
    connection: sqlite3.Connection
    reader: sqlite3.Connection
    found: Found
    recovered: Recovered


class Journal:
    """All events of the gateway, without holes, and which requests were seen."""

    def __init__(self, opened: _Opened, *, encode: Encode, post: Post, limits: Limits) -> None:
        """Use `Journal.open`."""
        found = opened.found
        self.on_commit: Callable[[], None] = _ignore  # posted after each group commit
        self.on_note: Callable[[Entry], None] = _ignore_entry  # every entry, our own too
        self.last = found.last + len(opened.recovered.entries)  # newest number given
        self.committed = found.last  # newest number on disk
        self.lost = 0  # events without a number, or deleted undelivered, in this run
        self._path = opened.path
        self._ring = opened.recovered.ring
        self._reader = opened.reader
        self._encode = encode
        self._unfinished = found.unfinished
        doubts = (doubt_about(found.run, boot()), opened.recovered.doubt)
        self._owed: list[Event] = [JournalGapPossible(doubt) for doubt in doubts if doubt]
        self._uncounted = 0  # lost events that no event tells of yet
        self._why = ""
        self._now: Moment | None = None
        self._closed = False
        self._table = JournalTable(found, limits.events, limits.requests, self._on_committed)
        self._writer: Writer[JournalItem] = Writer(
            opened.path, opened.connection, self._table, post=post, bounds=limits
        )
        self._writer.start([Run(boot(), clean=False), *opened.recovered.entries])

    @classmethod
    def open(
        cls, directory: Path, *, encode: Encode, post: Post, limits: Limits | None = None
    ) -> Self:
        """Open or make the journal in a directory that nobody else has open.

        `encode(seq, event, now)` lays an event out; `post` runs a callable on the loop's
        thread. Raises DamagedState or StateError naming the file and what to do.
        """
        limits = limits or Limits()
        opened = _open(directory, limits.ring)
        return cls(opened, encode=encode, post=post, limits=limits)

    def note(self, event: Event, now: Moment) -> Entry | None:
        """Number and keep an event; None if it could not be and was counted as lost.

        Returns as soon as the event outlives this process; the disk follows.
        """
        self._now = now
        kept = self._put(event, now) if self._settle(now) else NO_ROOM
        if isinstance(kept, Entry):
            return kept
        self._lose(1, kept)
        self._settle(now)
        return None

    @property
    def delivered(self) -> int:
        """The newest number that reached the management software."""
        return self._table.delivered

    @property
    def trouble(self) -> str | None:
        """What keeps events off the disk, in words, or None."""
        return self._writer.trouble

    @property
    def on_trouble(self) -> Callable[[str | None], None]:
        """Called with what keeps events off the disk, and with None when it is over."""
        return self._writer.on_trouble

    @on_trouble.setter
    def on_trouble(self, call: Callable[[str | None], None]) -> None:
        self._writer.on_trouble = call

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return up to `limit` committed entries beyond a number, oldest first.

        For a worker thread: it reads the disk. At most LONGEST_READ entries. Events that
        were deleted are skipped. Raises StateError.
        """
        with self._writer.readers:
            try:
                rows = self._reader.execute(
                    "SELECT seq, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
                    (after, min(limit, LONGEST_READ)),
                ).fetchall()
            except sqlite3.Error as error:
                raise explained(self._path, error) from error
        return [Entry(*row) for row in rows]

    def set_delivered(self, seq: int) -> None:
        """Everything up to `seq` has arrived; forward only. Durable within about a second."""
        if seq > self.last:
            raise ValueError(f"event {seq} does not exist, the newest is {self.last}")
        self._table.delivered = max(seq, self._table.delivered)

    def remember_request(
        self,
        request: RequestId,
        client: ClientId,
        seq: int,
        done: Callable[[Remembered], None],
    ) -> None:
        """Commit a request (its `request.accepted` is event `seq`), then post `done`.

        Only Remembered.NEW may act. A client's id counts once, until as many newer
        requests came as `Limits.requests` says.
        """
        if not self._writer.submit(Remember(request, client, seq, done)):
            done(Remembered.FAILED)

    def finish_request(self, request: RequestId, client: ClientId) -> None:
        """A request has its one answer."""
        self._writer.submit(Finish(request, client))

    def unfinished_requests(self) -> tuple[Unfinished, ...]:
        """Return the requests that earlier runs left without an end, oldest first."""
        return self._unfinished

    def close(self) -> None:
        """Commit what waits and stop. What the disk does not take stays in the ring."""
        if self._closed:
            return
        if self._now is not None and self._settle(self._now):
            self._writer.submit(Run(boot(), clean=True))
        self._writer.close()
        self._closed = True
        with self._writer.readers:
            self._reader.close()
        self._ring.close()

    def _put(self, event: Event, now: Moment) -> Entry | str:
        """Number an event and keep it, or say why not."""
        seq = self.last + 1
        try:
            body = self._encode(seq, event, now)
        except Exception as error:  # noqa: BLE001 - one bad event must not end the gateway
            return f"{event.KIND} cannot be laid out: {type(error).__name__}"
        if len(body) > LONGEST:
            return f"{event.KIND} has {len(body)} bytes, more than {LONGEST}"
        if self._writer.full or not self._ring.append(seq, body):
            return NO_ROOM
        entry = Entry(seq, body)
        self.last = seq
        self._writer.submit(entry)
        self.on_note(entry)
        return entry

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        self._uncounted += count
        self._why = why

    def _settle(self, now: Moment) -> bool:
        """Note what the journal itself has to tell; False if there is no room for it."""
        while self._owed:
            kept = self._put(self._owed[0], now)
            if kept == NO_ROOM:
                return False
            del self._owed[0]
        if self._uncounted:
            kept = self._put(EventsLost(self._uncounted, self._why), now)
            if isinstance(kept, Entry):
                self._uncounted = 0
            return kept != NO_ROOM
        return True

    def _on_committed(self, committed: Committed) -> None:
        news = committed.last > self.committed
        self.committed = max(self.committed, committed.last)
        if not self._closed:
            self._ring.free(committed.last)
        if committed.dropped:
            self._table.delivered = max(self._table.delivered, committed.first - 1)
            self._lose(committed.dropped, UNDELIVERED)
        for item, remembered in committed.answers:
            item.done(remembered)
        if self._now is not None and not self._closed:
            self._settle(self._now)
        if news:
            self.on_commit()


def _open(directory: Path, ring: int) -> _Opened:
    path = directory / FILE
    with ExitStack() as undo:
        connection = undo.enter_context(closing(open_writer(path, SCHEMA)))
        try:
            found = find(connection)
        except sqlite3.Error as error:
            raise explained(path, error) from error
        reader = undo.enter_context(closing(open_reader(path)))
        recovered = recover(directory / RING, found.last, ring)
        undo.pop_all()
    return _Opened(path, connection, reader, found, recovered)


def _ignore() -> None:
    """Stand in until somebody cares."""


def _ignore_entry(entry: Entry) -> None:
    """Stand in until somebody cares."""
