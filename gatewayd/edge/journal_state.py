"""State beside the events: what a key stands for from now on.

An entry is a key and a value, a JSON object; None forgets the key. Entries are records of the
same ring and items of the same transactions as events, in the order in which both came. The
table holds the newest value of each key:

    state     key, value (JSON)
    cursor    name 'state': how many records of entries are in the table

Records of the ring are events and entries in turn, so a record's number is how many events
and how many records of entries there were up to it. What the ring held beyond the two in the
database is what a killed process had not committed.

An entry says what something *is*: one may stand for all before it of its key, and may be
written twice. `Backlog` makes use of that for what finds no room.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatewayd.edge.database import damaged, explained

LONGEST_KEY = 600  # characters
LONGEST_VALUE = 4 << 10  # bytes of JSON
LEAST_RING = 16 << 10  # bytes: room for the longest entry, however it is laid out
SHOWN = 80  # characters of a key in a message

STEP = "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

StateEntry = tuple[str, Mapping[str, object] | None]
Pair = tuple[str, str | None]  # key and JSON

_lay_out = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Kept:
    """One record of entries, on its way to the disk."""

    number: int  # the how many-th
    pairs: tuple[Pair, ...]


class Backlog:
    """Entries that are not in the ring yet: the newest of each key."""

    def __init__(self) -> None:
        self._pairs: dict[str, str | None] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._pairs)

    def add(self, entries: Iterable[StateEntry]) -> None:
        """Take entries, or none of them. Raises ValueError, which names the key."""
        self._pairs |= dict(map(_checked, entries))

    def pack(self, room: int) -> tuple[bytes, tuple[Pair, ...]]:
        """Lay out as many as fit into so many bytes, the oldest first; perhaps none."""
        parts: list[bytes] = []
        pairs: list[Pair] = []
        left = room - len("[]")
        for pair in self._pairs.items():
            part = _part_of(*pair)
            left -= len(part) + len(",")
            if left < 0:
                break
            parts.append(part)
            pairs.append(pair)
        return b"[" + b",".join(parts) + b"]", tuple(pairs)

    def take(self, pairs: Sequence[Pair]) -> None:
        """Drop what has found room."""
        for key, _ in pairs:
            del self._pairs[key]


def unpack(body: bytes) -> tuple[Pair, ...]:
    """Read what `pack` laid out. Raises ValueError."""
    try:
        match json.loads(body):
            case list() as entries:
                return tuple(map(_pair_of, entries))
    except RecursionError:
        pass
    raise ValueError("it is no list of entries")


def write_kept(connection: sqlite3.Connection, items: Sequence[Kept]) -> None:
    """Write entries inside a transaction."""
    newest: dict[str, str | None] = {}
    for item in items:
        newest |= dict(item.pairs)
    gone = [(key,) for key, value in newest.items() if value is None]
    here = [pair for pair in newest.items() if pair[1] is not None]
    connection.executemany("DELETE FROM state WHERE key = ?", gone)
    connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", here)
    connection.execute("INSERT OR REPLACE INTO cursor VALUES ('state', ?)", (items[-1].number,))


def read_kept(
    connection: sqlite3.Connection, path: Path, left: Iterable[Kept]
) -> dict[str, dict[str, object]]:
    """Read the table, and on top of it what the ring held. Raises StateError."""
    try:
        pairs: dict[str, str | None] = dict(
            connection.execute("SELECT key, value FROM state")  # row by row
        )
    except sqlite3.Error as error:
        raise explained(path, error) from error
    for item in left:
        pairs |= dict(item.pairs)
    return {key: _value_of(key, text, path) for key, text in pairs.items() if text is not None}


def _checked(entry: StateEntry) -> Pair:
    key, value = entry
    if not 0 < len(key) <= LONGEST_KEY:
        raise _refused(key, f"a key has 1 to {LONGEST_KEY} characters")
    try:
        key.encode()
        text = None if value is None else _lay_out(dict(value))
        size = 0 if text is None else len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(key, f"{error}") from None
    if size > LONGEST_VALUE:
        raise _refused(key, f"a value has at most {LONGEST_VALUE} bytes")
    return key, text


def _refused(key: str, why: str) -> ValueError:
    return ValueError(f"state {key[:SHOWN]!r}: {why}")


def _pair_of(entry: object) -> Pair:
    match entry:
        case [str(key), (None | dict()) as value]:
            return _checked((key, value))
    raise ValueError("it is no entry")


def _part_of(key: str, text: str | None) -> bytes:
    return f"[{_lay_out(key)},{text or 'null'}]".encode()


def _value_of(key: str, text: str, path: Path) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise damaged(path, f"state {key[:SHOWN]!r} is no JSON object")
    return value
