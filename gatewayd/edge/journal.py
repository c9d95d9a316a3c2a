"""The journal: every event numbered, kept at once and committed a moment later.

`note` numbers an event and stores it in the ring (gatewayd/edge/ring.py), where a killed
process leaves it for the next start; the writer's thread then commits whatever waits.
Nothing here waits for the disk. What cannot be kept, because it cannot be laid out or
because ring or queue are full, gets no number; it is counted, and an `events.lost` event
stands in its place as soon as there is room. If commits fail, events stay in the ring
until they succeed, and `on_trouble` says so.

`keep` keeps state (gatewayd/edge/journal_state.py) in the same ring and the same commits, in
order with the events: of a crash both are recovered up to the same point. State that finds
no room waits in memory, `on_trouble` says so, and no event passes it.

After a start the ring's events come first, under their numbers. If the last run did not
stop cleanly and the machine was started anew since, the last moment may have been lost
with the page cache: the first event noted then is `journal.gap_possible`.

Everything is called on the loop's thread, except `read`, which belongs in a worker thread.
"""

import sqlite3
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gatewayd.core.events import Event, EventsLost, JournalGapPossible
from gatewayd.core.model import ClientId, Moment, RequestId
from gatewayd.edge.database import explained
from gatewayd.edge.journal_files import Opened, open_files
from gatewayd.edge.journal_state import Backlog, Kept, StateEntry, read_kept
from gatewayd.edge.journal_table import (
    Committed,
    Entry,
    Finish,
    JournalItem,
    JournalTable,
    Remember,
    Remembered,
    Run,
    Unfinished,
)
from gatewayd.edge.recovery import EVENT, STATE, boot, doubt_about
from gatewayd.edge.ring import LONGEST, SIZE
from gatewayd.edge.writer import Post, Writer, nobody_cares

__all__ = ["Entry", "Journal", "Limits", "Remembered", "StateEntry", "Unfinished"]

LONGEST_EVENT = LONGEST - len(EVENT)  # bytes
LONGEST_READ = 1000  # entries in one answer of `read`
NO_ROOM = "the disk does not keep up: no room for more events"
NO_ROOM_FOR_STATE = "the disk does not keep up: state waits in memory, and a crash forgets it"
UNDELIVERED = "the journal is full: the oldest events were deleted before they were delivered"

Encode = Callable[[int, Event, Moment], bytes]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a journal keeps."""

    events: int = 10_000_000
    requests: int = 100_000  # newest; must outlast the life of any request
    ring: int = SIZE  # bytes, when the ring is made; at least LEAST_RING
    waiting: int = 65_536  # events on their way to the disk
    batch: int = 1000  # in one transaction


class Journal:
    """All events of the gateway, without holes, and which requests were seen."""

    def __init__(self, opened: Opened, *, encode: Encode, post: Post, limits: Limits) -> None:
        """Use `Journal.open`."""
        found = opened.found
        self.on_commit: Callable[[], None] = _ignore  # posted after each group commit
        self.on_note: Callable[[Entry], None] = _ignore_entry  # every entry, our own too
        self.on_trouble: Callable[[str | None], None] = nobody_cares  # None: all is well again
        left = opened.recovered.left
        self._left = tuple(each for each in left if isinstance(each, Kept))
        self._states = found.states + len(self._left)  # records of state in ring and file
        self._backlog = Backlog()
        self._disk: str | None = None  # what keeps things off it, as far as it was told
        self._told: str | None = None
        self.last = found.last + len(left) - len(self._left)  # newest number given
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
        self._writer.on_trouble = self._disk_says
        self._writer.start([Run(boot(), clean=False), *left])

    @classmethod
    def open(
        cls, directory: Path, *, encode: Encode, post: Post, limits: Limits | None = None
    ) -> Self:
        """Open or make the journal in a directory that nobody else has open.

        `encode(seq, event, now)` lays an event out; `post` runs a callable on the loop's
        thread. Raises DamagedState or StateError naming the file and what to do.
        """
        limits = limits or Limits()
        opened = open_files(directory, limits.ring)
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

    def keep(self, entries: Iterable[StateEntry]) -> None:
        """Keep state, in order with the events; returns as soon as it outlives this process.

        Raises ValueError, and keeps nothing, for a key of more than LONGEST_KEY characters,
        for a value of more than LONGEST_VALUE bytes and for one that is no JSON.
        """
        self._backlog.add(entries)
        self._keep_backlog()

    def kept(self) -> dict[str, dict[str, object]]:
        """Return all state as earlier runs left it; for the start, before any `keep`.

        Raises StateError.
        """
        with self._writer.readers:
            return read_kept(self._reader, self._path, self._left)

    @property
    def delivered(self) -> int:
        """The newest number that reached the management software."""
        return self._table.delivered

    @property
    def trouble(self) -> str | None:
        """What keeps events or state off the disk, in words, or None."""
        return self._writer.trouble or (NO_ROOM_FOR_STATE if self._backlog else None)

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
        if self._keep_backlog():
            self._writer.close()
        else:  # there will be no more room in the ring
            _, pairs = self._backlog.pack(sys.maxsize)
            self._writer.close(Kept(self._states, pairs))
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
        if len(body) > LONGEST_EVENT:
            return f"{event.KIND} has {len(body)} bytes, more than {LONGEST_EVENT}"
        if self._writer.full or not self._ring.append(seq + self._states, EVENT + body):
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

    def _keep_backlog(self) -> bool:
        """Keep the state that waits; False if there is no room for all of it."""
        while self._backlog and not self._writer.full:
            body, pairs = self._backlog.pack(self._ring.room - len(STATE))
            number = self._states + 1
            if not pairs or not self._ring.append(self.last + number, STATE + body):
                break
            self._states = number
            self._writer.submit(Kept(number, pairs))
            self._backlog.take(pairs)
        self._say()
        return not self._backlog

    def _disk_says(self, trouble: str | None) -> None:
        self._disk = trouble
        self._say()

    def _say(self) -> None:
        trouble = self._disk or (NO_ROOM_FOR_STATE if self._backlog else None)
        if trouble != self._told:
            self._told = trouble
            self.on_trouble(trouble)

    def _settle(self, now: Moment) -> bool:
        """Note what the journal itself has to tell; False if there is no room for it, or for
        the state that must come before it."""
        if not self._keep_backlog():
            return False
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
            self._ring.free(committed.last + committed.states)
            self._keep_backlog()
        if committed.dropped:
            self._table.delivered = max(self._table.delivered, committed.first - 1)
            self._lose(committed.dropped, UNDELIVERED)
        for item, remembered in committed.answers:
            item.done(remembered)
        if self._now is not None and not self._closed:
            self._settle(self._now)
        if news:
            self.on_commit()


def _ignore() -> None:
    """Stand in until somebody cares."""


def _ignore_entry(entry: Entry) -> None:
    """Stand in until somebody cares."""
