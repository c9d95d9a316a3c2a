"""What the journal's file holds, and how its writer's thread writes it.

    event     seq (no holes), body            the oldest go when there are too many
    cursor    how far events were delivered
    request   who asked what and whether it ended; only the newest are remembered
    run       which boot of the machine wrote last, and whether it stopped cleanly
    state     what keys stand for, see journal_state

Everything here runs inside the writer's transaction and may run again after a failure,
so it says the same thing twice without harm and changes itself only once it is durable.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.core.model import ClientId, RequestId
from gatewayd.edge.database import Schema
from gatewayd.edge.journal_state import STEP, Kept, write_kept

SCHEMA = Schema(
    application=0x67776A6E,
    steps=(
        """
        CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE request (
            number INTEGER PRIMARY KEY, client TEXT NOT NULL, id TEXT NOT NULL,
            seq INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, UNIQUE (client, id)
        );
        CREATE INDEX request_open ON request (number) WHERE ended = 0;
        CREATE TABLE run (boot TEXT NOT NULL, clean INTEGER NOT NULL);
        """,
        STEP,
    ),
)
CHUNK = 5000  # old events deleted in one transaction; more than arrive in one
_ROWS = (256, 16, 1)  # per statement: one step each, and each waits for the interpreter
_INTO = "INSERT OR IGNORE INTO event (seq, body) VALUES "
_INSERT = {rows: _INTO + ",".join(["(?,?)"] * rows) for rows in _ROWS}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is kept and published."""

    seq: int
    body: bytes


class Remembered(StrEnum):
    """What became of a request that was to be remembered."""

    NEW = "new"  # on disk; now, and only now, it may act
    DUPLICATE = "duplicate"  # this client used this id before: it must not act again
    FAILED = "failed"  # it could not be written: it must not act


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request of an earlier run whose end nobody wrote down: outcome unknown."""

    request: RequestId
    client: ClientId
    seq: int  # of its `request.accepted` event


@dataclass(frozen=True, slots=True)
class Remember:
    """Commit a request before it acts."""

    request: RequestId
    client: ClientId
    seq: int
    done: Callable[[Remembered], None]


@dataclass(frozen=True, slots=True)
class Finish:
    """A request has its answer."""

    request: RequestId
    client: ClientId


@dataclass(frozen=True, slots=True)
class Run:
    """Which boot of the machine writes, and whether it has stopped cleanly."""

    boot: str
    clean: bool


JournalItem = Entry | Kept | Remember | Finish | Run


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction made durable."""

    last: int  # newest event in the file
    states: int  # records of state in the file
    delivered: int  # the cursor as written
    answers: tuple[tuple[Remember, Remembered], ...]
    dropped: int = 0  # events deleted before they were delivered
    first: int = 1  # oldest event that is left


@dataclass(frozen=True, slots=True)
class Found:
    """What an earlier run left in the file."""

    first: int
    last: int
    delivered: int
    states: int  # records of state
    run: Run | None
    unfinished: tuple[Unfinished, ...]


def find(connection: sqlite3.Connection) -> Found:
    """Read what the journal needs to go on. Raise sqlite3.Error."""
    first, last = connection.execute(  # one by one: both in one query would read every row
        "SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)"
    ).fetchone()
    cursors = dict(connection.execute("SELECT name, seq FROM cursor").fetchall())
    run = connection.execute("SELECT boot, clean FROM run").fetchone()
    rows = connection.execute(
        "SELECT id, client, seq FROM request WHERE ended = 0 ORDER BY number"
    )
    return Found(
        first=first or 1,
        last=last or 0,
        delivered=cursors.get("delivered", 0),
        states=cursors.get("state", 0),
        run=Run(run[0], bool(run[1])) if run else None,
        unfinished=tuple(Unfinished(*row) for row in rows),
    )


class JournalTable:
    """Writes the journal's items; lives in the writer's thread."""

    def __init__(
        self, found: Found, keep: int, requests: int, tell: Callable[[Committed], None]
    ) -> None:
        """Keep at most `keep` events and `requests` requests; `tell` is posted."""
        self.delivered = found.delivered  # set by the loop; written with the next transaction
        self._written = found.delivered
        self._first = found.first
        self._last = found.last
        self._states = found.states
        self._keep = keep
        self._requests = requests
        self._tell = tell

    def write(
        self, connection: sqlite3.Connection, items: Sequence[JournalItem]
    ) -> Callable[[], None] | None:
        """Write everything; return the news for the loop."""
        entries = [item for item in items if isinstance(item, Entry)]
        _insert(connection, entries)
        if entries:
            self._last = entries[-1].seq
        kept = [item for item in items if isinstance(item, Kept)]
        if kept:
            write_kept(connection, kept)
            self._states = kept[-1].number
        answers = tuple(self._others(connection, items))
        delivered = self._move_cursor(connection)
        dropped = self._make_room(connection, delivered)
        if not items and not dropped and delivered == self._written:
            return None
        committed = Committed(
            self._last, self._states, delivered, answers, dropped, self._first
        )
        return lambda: self._committed(committed)

    def refuse(self, item: JournalItem, why: Exception) -> Callable[[], None] | None:
        """Answer requests at once: they are not worth waiting for a disk. Keep the rest."""
        del why  # the journal's trouble says it
        if isinstance(item, Remember):
            return lambda: item.done(Remembered.FAILED)
        return None

    def _others(
        self, connection: sqlite3.Connection, items: Sequence[JournalItem]
    ) -> Iterator[tuple[Remember, Remembered]]:
        for item in items:
            match item:
                case Remember():
                    yield item, self._remember(connection, item)
                case Finish():
                    connection.execute(
                        "UPDATE request SET ended = 1 WHERE client = ? AND id = ?",
                        (item.client, item.request),
                    )
                case Run():
                    connection.execute("DELETE FROM run")
                    connection.execute("INSERT INTO run VALUES (?, ?)", (item.boot, item.clean))

    def _remember(self, connection: sqlite3.Connection, item: Remember) -> Remembered:
        added = connection.execute(
            "INSERT OR IGNORE INTO request (client, id, seq) VALUES (?, ?, ?)",
            (item.client, item.request, item.seq),
        )
        if not added.rowcount:
            return Remembered.DUPLICATE
        number = added.lastrowid or 0
        connection.execute("DELETE FROM request WHERE number <= ?", (number - self._requests,))
        return Remembered.NEW

    def _move_cursor(self, connection: sqlite3.Connection) -> int:
        delivered = self.delivered
        if delivered != self._written:
            connection.execute(
                "INSERT OR REPLACE INTO cursor VALUES ('delivered', ?)", (delivered,)
            )
        return delivered

    def _make_room(self, connection: sqlite3.Connection, delivered: int) -> int:
        """Delete the oldest events if there are too many; return how many were undelivered.

        Undelivered ones go in larger pieces, or the event that tells of it would be the
        next to push one out.
        """
        excess = self._last - self._keep
        if self._first > excess:
            return 0
        if self._first <= delivered:
            upto = min(excess, delivered, self._first + CHUNK)
            self._delete(connection, upto)
            return 0
        upto = min(excess + max(1, self._keep // 100), self._first + CHUNK)
        return self._delete(connection, upto)

    def _delete(self, connection: sqlite3.Connection, upto: int) -> int:
        self._first = upto + 1
        return connection.execute("DELETE FROM event WHERE seq <= ?", (upto,)).rowcount

    def _committed(self, committed: Committed) -> None:
        self._written = committed.delivered
        self._tell(committed)


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Insert in few steps: at each the thread must wait for the interpreter again."""
    at = 0
    for rows in _ROWS:
        statement = _INSERT[rows]
        while len(entries) - at >= rows:
            values: list[int | bytes] = []
            for entry in entries[at : at + rows]:
                values += (entry.seq, entry.body)
            connection.execute(statement, values)
            at += rows
