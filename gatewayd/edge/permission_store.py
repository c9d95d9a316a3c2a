"""The permissions on disk: one version, whole or not at all.

A save is one transaction of its own, on a thread of its own, so that a million rows hold
up no event. It is never tried again by itself: whoever asked hears of the failure.

Beside the rows stands the digest of gatewayd/core/permissions.py, which every save moves
by its own rows and `load` works out again. A file that lost, gained or changed a row is
refused: damage may deny, it must never grant. This finds accidents; it is no defence
against somebody who can write the file.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.permissions import Grant, Permissions, Update
from gatewayd.edge.database import Schema, damaged, explained, open_reader, open_writer
from gatewayd.edge.writer import Post, Writer
from gatewayd.errors import StateError

FILE = "permissions.db"
SCHEMA = Schema(
    application=0x67777065,
    steps=(
        """
        CREATE TABLE permission (
            key TEXT PRIMARY KEY, holder TEXT NOT NULL, doors TEXT NOT NULL,
            valid_from INTEGER, valid_until INTEGER, enabled INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE held (version INTEGER NOT NULL, digest TEXT NOT NULL);
        """,
    ),
)
WAITING = 4  # updates on their way to the disk
NOTHING = Permissions().digest
_MODULUS = 1 << 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = tuple[str, str, str, int | None, int | None, int]
Done = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True)
class Save:
    """An update on its way to the disk."""

    update: Update
    done: Done


@dataclass(frozen=True, slots=True)
class _Bounds:
    waiting: int = WAITING
    batch: int = 1  # a failure belongs to one update


class PermissionStore:
    """Who may pass where, as the disk knows it."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, reader: sqlite3.Connection, post: Post
    ) -> None:
        """Use `PermissionStore.open`."""
        self.digest = NOTHING  # of what `load` returned last
        self._path = path
        self._reader = reader
        self._writer: Writer[Save] = Writer(
            path, connection, _Table(), post=post, bounds=_Bounds()
        )
        self._writer.start()

    @classmethod
    def open(cls, path: Path, *, post: Post) -> Self:
        """Open or make the file. Raise DamagedState or StateError naming it."""
        with ExitStack() as undo:
            connection = undo.enter_context(closing(open_writer(path, SCHEMA)))
            reader = undo.enter_context(closing(open_reader(path)))
            undo.pop_all()
        return cls(path, connection, reader, post)

    def load(self) -> tuple[int, dict[str, Grant]]:
        """Return the version and all grants by key; `digest` is theirs from then on.

        Reads the disk. Raises DamagedState if this is not what was saved.
        """
        with self._writer.readers:
            try:
                version, digest, grants = _load(self._reader)
            except sqlite3.Error as error:
                raise explained(self._path, error) from error
            except (ValueError, TypeError, OverflowError) as error:
                raise damaged(self._path, "a row makes no sense") from error
        if Permissions(version, grants).digest != digest:
            raise damaged(self._path, "the rows do not fit their digest")
        self.digest = digest
        return version, grants

    def save(self, update: Update, done: Done) -> None:
        """Make an update durable, all or nothing, then post `done` with None or why not.

        Its base must be the stored version and its version newer.
        """
        if not self._writer.submit(Save(update, done)):
            done(StateError(f"{self._path}: {WAITING} updates are waiting already"))

    def close(self) -> None:
        """Finish the saves that wait and stop."""
        self._writer.close()
        with self._writer.readers:
            self._reader.close()


class _Table:
    """Writes updates; lives in the writer's thread."""

    def write(
        self, connection: sqlite3.Connection, items: Sequence[Save]
    ) -> Callable[[], None] | None:
        ends = [(item.done, _apply(connection, item.update)) for item in items]
        return (lambda: _tell(ends)) if ends else None

    def refuse(self, item: Save, why: Exception) -> Callable[[], None]:
        return lambda: item.done(why)


def _tell(ends: Iterable[tuple[Done, Exception | None]]) -> None:
    for done, why in ends:
        done(why)


def _apply(connection: sqlite3.Connection, update: Update) -> StateError | None:
    """Change the rows; or change nothing and return why the update does not fit."""
    version, digest = _held(connection)
    if update.base != version or update.version <= version:
        return StateError(
            f"the disk holds permissions {version}, "
            f"an update from {update.base} to {update.version} does not fit"
        )
    gone = dict(_stored(connection, update.grants))
    come = {key: grant for key, grant in update.grants.items() if grant is not None}
    connection.executemany("DELETE FROM permission WHERE key = ?", [(key,) for key in gone])
    connection.executemany("INSERT INTO permission VALUES (?,?,?,?,?,?)", _rows(come))
    connection.execute("DELETE FROM held")
    connection.execute(
        "INSERT INTO held VALUES (?, ?)", (update.version, _moved(digest, gone, come))
    )
    return None


def _moved(digest: str, gone: dict[str, Grant], come: dict[str, Grant]) -> str:
    """Return the digest after some grants went and others came."""
    minus, plus = Permissions(0, gone).digest, Permissions(0, come).digest
    return f"{(int(digest, 16) - int(minus, 16) + int(plus, 16)) % _MODULUS:064x}"


def _held(connection: sqlite3.Connection) -> tuple[int, str]:
    version, digest = connection.execute("SELECT version, digest FROM held").fetchone() or (
        0,
        NOTHING,
    )
    return version, digest


def _stored(
    connection: sqlite3.Connection, keys: Mapping[str, object]
) -> Iterator[tuple[str, Grant]]:
    doors: dict[str, frozenset[DoorId]] = {}
    for key in keys:
        row = connection.execute("SELECT * FROM permission WHERE key = ?", (key,)).fetchone()
        if row is not None:
            yield key, _grant(row, doors)


def _load(connection: sqlite3.Connection) -> tuple[int, str, dict[str, Grant]]:
    """Read one consistent state of the file."""
    doors: dict[str, frozenset[DoorId]] = {}
    connection.execute("BEGIN")
    try:
        version, digest = _held(connection)
        rows = connection.execute("SELECT * FROM permission")
        return version, digest, {row[0]: _grant(row, doors) for row in rows}
    finally:
        connection.execute("ROLLBACK")


def _rows(grants: Mapping[str, Grant]) -> Iterator[Row]:
    for key, grant in grants.items():
        yield (
            key,
            grant.holder,
            json.dumps(sorted(grant.doors)),
            _microseconds(grant.valid_from),
            _microseconds(grant.valid_until),
            int(grant.enabled),
        )


def _grant(row: Row, known: dict[str, frozenset[DoorId]]) -> Grant:
    """Read a row. Few sets of doors are shared by many: `known` keeps one of each."""
    _, holder, doors, since, until, enabled = row
    if doors not in known:
        known[doors] = frozenset(json.loads(doors))
    return Grant(HolderId(holder), known[doors], _moment(since), _moment(until), enabled == 1)


def _microseconds(when: datetime | None) -> int | None:
    return None if when is None else (when - _EPOCH) // _MICROSECOND


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND
