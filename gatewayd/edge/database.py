"""How we open SQLite: WAL, `synchronous=FULL`, one connection that writes.

SQLite before 3.51.3 can lose a WAL reset when two connections write or checkpoint at
once, so exactly one connection per file does either; readers only read. Files are 0600.
`user_version` is the schema's version, `application_id` says whose file it is. A newer or
damaged file is refused by name and never touched; moving it away is the operator's word.
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gatewayd.errors import DamagedState, StateError

CHECKED_WHOLE = 32 << 20  # bytes; larger files get only the cheap checks at start
PATIENCE = 1.0  # seconds to wait for a lock; only an intruder could hold one
CACHE = -4096  # KiB of pages per connection, negative as SQLite wants it


@dataclass(frozen=True, slots=True)
class Schema:
    """What is in a file: `steps[n]` leads from version n to n + 1, in order, for good."""

    application: int
    steps: tuple[str, ...]

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self.steps)


def open_writer(path: Path, schema: Schema) -> sqlite3.Connection:
    """Open, check and bring up to date. The result may move to the thread that writes.

    Raises DamagedState or StateError, both naming the file and what to do.
    """
    try:
        _touch(path)
        connection = connect_writer(path)
        try:
            _check(connection, path, schema)
            _update(connection, schema)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise explained(path, error) from error
    return connection


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open without looking further; for the thread that writes. Raise sqlite3.Error."""
    connection = _connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that neither writes nor checkpoints. Raise StateError."""
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error as error:
        raise explained(path, error) from error
    return connection


def explained(path: Path, error: Exception) -> StateError:
    """Put a failure in words for the operator."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return damaged(path, str(error))
    return StateError(f"{path}: {error}")


def set_aside(path: Path) -> Path:
    """Move a damaged file (and its -wal and -shm) away under a new name and return that.

    For an operator's word only: nothing in here calls it.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    return aside


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA cache_size = {CACHE}")
    return connection


def _touch(path: Path) -> None:
    """Create the file ourselves: SQLite gives its -wal and -shm the same permissions."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _check(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    application, version = _number(connection, "application_id"), _version(connection)
    if application != schema.application and (application or version):
        raise StateError(f"{path} is a database of another program")
    if version > schema.version:
        raise StateError(
            f"{path} was written by a newer gatewayd (schema {version}, this one knows "
            f"{schema.version}): install that version again"
        )
    if path.stat().st_size <= CHECKED_WHOLE:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged(path, found)


def damaged(path: Path, how: str) -> DamagedState:
    """Say that a file is not what we wrote, and what to do."""
    return DamagedState(
        f"{path} is damaged ({how}). Nothing was changed. "
        f"Restore a backup, or move the file away to begin anew"
    )


def _update(connection: sqlite3.Connection, schema: Schema) -> None:
    version = _version(connection)
    if version == schema.version:
        return
    for step in schema.steps[version:]:
        version += 1
        connection.executescript(
            f"BEGIN IMMEDIATE; {step}; PRAGMA application_id = {schema.application}; "
            f"PRAGMA user_version = {version}; COMMIT"
        )


def _version(connection: sqlite3.Connection) -> int:
    return _number(connection, "user_version")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)
