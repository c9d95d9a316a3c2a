"""What changed since a table of people was written: a log beside it, one record a change.

    0       head       magic, salt of the table it belongs to, check       written once
    512     mark A     turn, where the log ended, the version, check       the older one of
    1024    mark B                                                         the two is written
    4096    records    check, length, then JSON: [base, version, sum of the digest,
                       {id: person or null}, keys that are nobody's now, rest or null,
                       how many holders, and how many credentials, there are more]

A record has everything that became of whomever it touches: reading it back needs nobody else.
It counts once it is synced; what a power cut leaves of one that was not does not fit its check
and ends the log. The mark follows without a sync of its own, and so never says more than the
records do. Where it does, acknowledged records are gone, and the log is refused as damaged:
a change that took something away is never forgotten in silence.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from gatewayd.core.access.people import Person
from gatewayd.core.model import HolderId
from gatewayd.edge.disk import write_new
from gatewayd.edge.people_disk import PeopleDisk
from gatewayd.edge.people_layout import SALT
from gatewayd.edge.people_rows import person_of, person_row
from gatewayd.errors import DamagedState, StateError

LONGEST = 32 << 20  # bytes of one log
DATA = 4096

_MAGIC = b"gwpeolog"
_MARKS = (512, 1024)
_HEAD = struct.Struct(f"<8s{SALT}sI")
_MARK = struct.Struct("<QQQI")
_RECORD = struct.Struct("<II")


class Delta(NamedTuple):
    """One change, as it turned out. `total` is the sum of the digest after it."""

    base: int
    version: int
    total: int
    people: Mapping[HolderId, Person | None]
    gone: tuple[str, ...] = ()
    rest: bytes | None = None
    more_holders: int = 0  # than there were; negative: fewer
    more_credentials: int = 0


class PeopleLog:
    """The log of one table. One thread at a time."""

    def __init__(self, path: Path, disk: PeopleDisk, salt: bytes) -> None:
        """Read it with `read` before anything else."""
        self._path, self._disk = path, disk
        self._salt = salt
        self._seed = crc32(salt)
        self.end = DATA
        self._turn = 0

    def create(self, records: bytes = b"") -> None:
        """Make the file, with records that `framed` made, and sync it. Raise OSError."""
        head = _HEAD.pack(_MAGIC, self._salt, 0)[:-4]
        page = (head + crc32(head).to_bytes(4, "little")).ljust(DATA, b"\0")
        write_new(self._disk, self._path, page + records)

    def read(self) -> list[Delta]:
        """Return all changes in their order. Raise DamagedState without a name, or OSError."""
        content = self._disk.read(self._path, LONGEST + 1)
        if content is None:
            raise DamagedState("it is missing")
        self._check_head(content)
        deltas, self.end = [], DATA
        for payload in self._payloads(content):
            deltas.append(_delta(payload))
            self.end += _RECORD.size + len(payload)
        self._turn, marked = self._newest_mark(content)
        if marked > self.end:
            raise DamagedState(f"changes behind byte {self.end} are damaged")
        return deltas

    def append(self, delta: Delta) -> bool:
        """Make a change last; False if there is no room for it.

        After an OSError it may be there or not, until the next one.
        """
        record = self.framed([delta], self.end)
        if self.end + len(record) > LONGEST:
            return False
        handle = self._disk.open(self._path)
        try:
            self._write(handle, record, self.end)
            self._disk.sync(handle)
            self.end += len(record)
            with suppress(OSError):  # the change lasts already; the next mark says so as well
                self._mark(handle, delta.version)
        finally:
            with suppress(OSError):
                self._disk.close(handle)
        return True

    def framed(self, deltas: list[Delta], at: int = DATA) -> bytes:
        """Return records for this place in a log."""
        parts = []
        for each in deltas:
            payload = _payload(each)
            check = crc32(payload, self._seed ^ at)
            parts.append(_RECORD.pack(check, len(payload)) + payload)
            at += len(parts[-1])
        return b"".join(parts)

    def _mark(self, handle: int, version: int) -> None:
        """Say where the log ends now."""
        self._turn += 1
        plain = _MARK.pack(self._turn, self.end, version, 0)[:-4]
        sealed = plain + crc32(plain, self._seed).to_bytes(4, "little")
        self._write(handle, sealed, _MARKS[self._turn % 2])

    def _write(self, handle: int, content: bytes, at: int) -> None:
        while content:
            written = self._disk.write_at(handle, content, at)
            content, at = content[written:], at + written

    def _check_head(self, content: bytes) -> None:
        if len(content) < DATA or not content.startswith(_MAGIC):
            raise DamagedState("it is no log of people")
        _, salt, check = _HEAD.unpack_from(content)
        if check != crc32(content[: _HEAD.size - 4]):
            raise DamagedState("its head does not fit its check")
        if salt != self._salt:
            raise DamagedState("it belongs to another table")
        if len(content) > LONGEST:
            raise DamagedState(f"it is longer than {LONGEST} bytes")

    def _payloads(self, content: bytes) -> Iterator[bytes]:
        at = DATA
        while at + _RECORD.size <= len(content):
            check, length = _RECORD.unpack_from(content, at)
            payload = content[at + _RECORD.size : at + _RECORD.size + length]
            if not payload or len(payload) != length:
                return
            if crc32(payload, self._seed ^ at) != check:
                return
            yield payload
            at += _RECORD.size + length

    def _newest_mark(self, content: bytes) -> tuple[int, int]:
        """Return its turn and where it says that the log ended."""
        found = [(0, DATA)]
        for at in _MARKS:
            turn, end, _, check = _MARK.unpack_from(content, at)
            if check == crc32(content[at : at + _MARK.size - 4], self._seed):
                found.append((turn, end))
        return max(found)


def _payload(delta: Delta) -> bytes:
    people = {
        each: None if person is None else person_row(person)
        for each, person in delta.people.items()
    }
    rest = None if delta.rest is None else delta.rest.hex()
    more = delta.more_holders, delta.more_credentials
    row = [delta.base, delta.version, f"{delta.total:x}", people, list(delta.gone), rest, *more]
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def _delta(payload: bytes) -> Delta:
    try:
        base, version, total, people, gone, rest, holders, credentials = json.loads(payload)
        return Delta(
            int(base),
            int(version),
            int(total, 16),
            {HolderId(each): _person(row) for each, row in people.items()},
            tuple(map(str, gone)),
            None if rest is None else bytes.fromhex(rest),
            int(holders),
            int(credentials),
        )
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise DamagedState("a change in it makes no sense") from error


def _person(row: list[Any] | None) -> Person | None:
    return None if row is None else person_of(row)


def explained(path: Path, error: Exception) -> StateError:
    """Put a failure in words for the operator, with the file's name."""
    if isinstance(error, DamagedState):
        return DamagedState(
            f"{path} is damaged ({error}). Nothing was changed. Send all people anew, "
            f"or restore a backup"
        )
    why = error.strerror if isinstance(error, OSError) else None
    return StateError(f"{path}: {why or error}")
