"""Opening the journal's two files together: the database, and the ring that is ahead of it."""

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from gatewayd.edge.database import explained, open_reader, open_writer
from gatewayd.edge.journal_state import LEAST_RING
from gatewayd.edge.journal_table import SCHEMA, Found, find
from gatewayd.edge.recovery import Recovered, recover

FILE = "journal.db"
RING = "journal.ring"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a journal works with."""

    path: Path
    connection: sqlite3.Connection  # for the writer's thread
    reader: sqlite3.Connection
    found: Found
    recovered: Recovered


def open_files(directory: Path, ring: int) -> Opened:
    """Open or make both; `ring`: bytes of a new one. Raises StateError."""
    path = directory / FILE
    with ExitStack() as undo:
        connection = undo.enter_context(closing(open_writer(path, SCHEMA)))
        try:
            found = find(connection)
        except sqlite3.Error as error:
            raise explained(path, error) from error
        reader = undo.enter_context(closing(open_reader(path)))
        size = max(ring, LEAST_RING)
        recovered = recover(directory / RING, found.last, found.states, size)
        undo.pop_all()
    return Opened(path, connection, reader, found, recovered)
