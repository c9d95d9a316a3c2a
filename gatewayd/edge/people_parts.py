"""Where all people are staged, part by part, before they replace those who are held.

Whoever receives the parts checks them and puts each here; after a restart `have` says which are
there, so that only the others are sent again. A part is written whole and carries the digest
that it was announced under and a check over its content. Another manifest begins anew.

`joined` turns parts in any order into persons, with little memory: rows are spread over
buckets by their holder, on the disk, and one bucket at a time is put together.

A part may bring along what is no person; it lies in a file beside (`extras`). Whoever puts that
together keeps it as what is versioned with the people, and says what is expected of them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import crc32

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.people import MISTAKES, Person
from gatewayd.core.access.pins import shown
from gatewayd.core.model import HolderId
from gatewayd.edge.disk import replace
from gatewayd.edge.people_build import PeopleRefused
from gatewayd.edge.people_disk import PEOPLE_DISK, PeopleDisk
from gatewayd.edge.people_log import explained
from gatewayd.edge.people_rows import Row, credential_of, credential_row, holder_of, holder_row
from gatewayd.errors import DamagedState, StateError

LONGEST_PART = 4 << 20  # bytes
PARTS = 100_000
ROWS_OF_BUCKET = 20_000
BUCKETS = 256  # files that are open at once
MANIFEST = "manifest"
REST = "rest"
EXPECTED = "expected"

_MAGIC = b"gwpart1\n"
_DIGEST = 32
_HEAD = len(_MAGIC) + 4 + _DIGEST
_NAME = re.compile(r"part-(\d{6})\Z", re.ASCII)
_EXTRA = re.compile(r"extra-(\d{6})\Z", re.ASCII)
_HOLDER_FIELDS = 9


class Counts(NamedTuple):
    """How many rows there are."""

    holders: int
    credentials: int


class Expected(NamedTuple):
    """What the people must come to, and the levels they may have."""

    counts: Counts
    levels: frozenset[LevelId]


class Staging:
    """One directory of parts."""

    def __init__(self, directory: Path, disk: PeopleDisk = PEOPLE_DISK) -> None:
        self.directory = directory
        self._disk = disk

    def begin(self, manifest: bytes) -> None:
        """Make room for the parts of a manifest; what is there of another goes. OSError."""
        names = self._disk.listing(self.directory)
        if self._disk.read(self.directory / MANIFEST, LONGEST_PART) == manifest:
            return
        self._clear(names)
        replace(self._disk, self.directory / MANIFEST, manifest)

    def put(
        self,
        number: int,
        digest: bytes,
        holders: Iterable[Holder] = (),
        credentials: Iterable[Credential] = (),
        extra: bytes = b"",
    ) -> None:
        """Keep a part, for good once this returns. `digest`: 32 bytes. Raise OSError."""
        rows = [
            [holder_row(each) for each in holders],
            [credential_row(each) for each in credentials],
        ]
        body = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
        if len(digest) != _DIGEST or len(body) > LONGEST_PART or not 0 <= number < PARTS:
            raise ValueError("no part of a staging")
        if extra:  # first: a part that is there has it
            self._put(f"extra-{number:06}", extra)
        check = crc32(digest + body).to_bytes(4, "little")
        replace(self._disk, self._path(number), _MAGIC + check + digest + body)

    def put_rest(self, rest: bytes) -> None:
        """Keep what is versioned together with the people. Raise OSError."""
        self._put(REST, rest)

    def put_expected(self, expected: Expected) -> None:
        """Keep what must come of the parts. Raise OSError."""
        counts, levels = expected
        self._put(EXPECTED, json.dumps([*counts, sorted(levels)]).encode())

    def manifest(self) -> bytes | None:
        """Return what was begun last. Raise OSError."""
        return self._disk.read(self.directory / MANIFEST, LONGEST_PART)

    def have(self) -> Mapping[int, bytes]:
        """Return the digests of the sound parts by number; the damaged are to be sent again."""
        found = {}
        for number in self._numbers():
            raw = self._disk.read(self._path(number), _HEAD + LONGEST_PART) or b""
            if _is_sound(raw):
                found[number] = raw[_HEAD - _DIGEST : _HEAD]
        for number, name in self._numbered(_EXTRA):
            raw = self._disk.read(self.directory / name, LONGEST_PART + 4) or b""
            if not _is_checked(raw):
                found.pop(number, None)
        return found

    def rest(self) -> bytes:
        """Return what `put_rest` kept; nothing if it did not. Raise StateError."""
        return self._get(REST) or b""

    def expected(self) -> Expected | None:
        """Return what `put_expected` kept; None if it did not. Raise StateError."""
        raw = self._get(EXPECTED)
        if raw is None:
            return None
        holders, credentials, levels = json.loads(raw)
        return Expected(Counts(holders, credentials), frozenset(map(LevelId, levels)))

    def _put(self, name: str, content: bytes) -> None:
        check = crc32(content).to_bytes(4, "little")
        replace(self._disk, self.directory / name, check + content)

    def _get(self, name: str) -> bytes | None:
        path = self.directory / name
        try:
            raw = self._disk.read(path, LONGEST_PART + 4)
        except OSError as error:
            raise explained(path, error) from error
        if raw is None:
            return None
        if not _is_checked(raw):
            raise explained(path, DamagedState("it does not fit its check"))
        return raw[4:]

    def rows(self) -> Iterator[tuple[list[Row], list[Row]]]:
        """Return holders and credentials, part by part. Raise StateError."""
        for number in self._numbers():
            path = self._path(number)
            try:
                raw = self._disk.read(path, _HEAD + LONGEST_PART) or b""
                yield _rows(raw)
            except (OSError, DamagedState) as error:
                raise explained(path, error) from error

    def extras(self) -> Iterator[bytes]:
        """Return what parts brought besides, part by part. Raise StateError."""
        for _, name in self._numbered(_EXTRA):
            yield self._get(name) or b""

    def counts(self) -> Counts:
        """Count the rows. Raise StateError."""
        counted = [(len(holders), len(credentials)) for holders, credentials in self.rows()]
        return Counts(sum(each for each, _ in counted), sum(each for _, each in counted))

    def clear(self) -> None:
        """Remove everything. Raise OSError."""
        self._clear(self._disk.listing(self.directory))

    def _clear(self, names: Iterable[str]) -> None:
        self._disk.unlink(self.directory / MANIFEST)  # first: what is left is nobody's
        for name in names:
            self._disk.unlink(self.directory / name)

    def _numbers(self) -> list[int]:
        return [number for number, _ in self._numbered(_NAME)]

    def _numbered(self, pattern: re.Pattern[str]) -> list[tuple[int, str]]:
        found = map(pattern.match, self._disk.listing(self.directory))
        return sorted((int(each[1]), each[0]) for each in found if each is not None)

    def _path(self, number: int) -> Path:
        return self.directory / f"part-{number:06}"


def joined(staging: Staging, counts: Counts, scratch: Path) -> Iterator[Person]:
    """Return all staged persons. `scratch` is an empty directory.

    Raises PeopleRefused naming credentials of nobody, or StateError.
    """
    number = min(BUCKETS, 1 + (counts.holders + counts.credentials) // ROWS_OF_BUCKET)
    paths = [scratch / f"{each}" for each in range(number)]
    with ExitStack() as files:
        buckets = [files.enter_context(path.open("wb")) for path in paths]
        for holders, credentials in staging.rows():
            _spread(holders, 0, buckets)
            _spread(credentials, 1, buckets)
    for path in paths:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        path.unlink()
        yield from _put_together(rows)


def _spread(rows: Iterable[Row], owner: int, buckets: Sequence[BinaryIO]) -> None:
    """Write each row into the bucket of its holder."""
    for row in rows:
        bucket = buckets[crc32(str(row[owner]).encode()) % len(buckets)]
        bucket.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")


def _put_together(rows: list[Row]) -> Iterator[Person]:
    holders: list[Holder] = []
    credentials: dict[HolderId, list[Credential]] = {}
    try:
        for row in rows:
            if len(row) == _HOLDER_FIELDS:
                holders.append(holder_of(row))
            else:
                credential = credential_of(row)
                credentials.setdefault(credential.holder, []).append(credential)
    except (ValueError, TypeError, OverflowError) as error:
        raise StateError("a staged row makes no sense") from error
    known = {each.id for each in holders}
    strays = [
        each for holder, every in credentials.items() if holder not in known for each in every
    ]
    if strays:
        raise PeopleRefused(
            f"credential {shown(each.key)!r} belongs to {each.holder!r}, who does not exist"
            for each in strays[:MISTAKES]
        )
    for holder in holders:
        yield Person(holder, tuple(credentials.get(holder.id, ())))


def _is_sound(raw: bytes) -> bool:
    begin = len(_MAGIC) + 4
    check = int.from_bytes(raw[len(_MAGIC) : begin], "little")
    return raw.startswith(_MAGIC) and len(raw) > _HEAD and check == crc32(raw[begin:])


def _is_checked(raw: bytes) -> bool:
    return len(raw) >= 4 and crc32(raw[4:]) == int.from_bytes(raw[:4], "little")


def _rows(raw: bytes) -> tuple[list[Row], list[Row]]:
    if not _is_sound(raw):
        raise DamagedState("it does not fit its check")
    holders, credentials = json.loads(raw[_HEAD:])
    return holders, credentials
