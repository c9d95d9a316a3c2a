"""Who holds which credential: a packed file, mapped into memory. See people_layout.

Opening reads the header, the ids of the levels, and nothing else: it takes as long for a
million people as for ten. Each record is checked when it is read. A damaged one raises
`DamagedRecord`; damage elsewhere may hide somebody, which denies, and is found by `damage`,
which reads the file block by block. Nothing here ever answers with somebody else's rights.

The pages belong to the page cache; the process owns no copy. Reads from any thread.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from mmap import mmap
from zlib import crc32

from gatewayd.core.access.model import LevelId
from gatewayd.core.access.people import Person
from gatewayd.core.model import HolderId
from gatewayd.edge import people_layout as layout
from gatewayd.edge.people_layout import DamagedRecord, Section, unpack_header
from gatewayd.edge.people_record import Found, Memory, Reader
from gatewayd.errors import DamagedState

_BROKEN = (IndexError, ValueError, OverflowError, struct.error)  # what nonsense raises

_number = int.from_bytes


class PeopleTable:
    """One table. `header` says which."""

    def __init__(self, memory: Memory) -> None:
        """Take over a mapping. Raise DamagedState, without a name, if it is no table."""
        self.header = unpack_header(memory[: layout.HEADER], len(memory))
        self._memory = memory
        self._view = memoryview(memory)
        self.levels = self._read_levels(self.header.sections.levels)
        self._reader = Reader(memory, self.header.seed, self.levels)
        self._hash = layout.hashing(self.header.hash_key)
        parts = self.header.sections
        self._key_slots, self._holder_slots = self.header.key_slots, self.header.holder_slots
        self._key_tags = self._section(parts.key_tags)
        self._key_places = self._section(parts.key_places).cast("I")
        self._holder_tags = self._section(parts.holder_tags)
        self._holder_places = self._section(parts.holder_places).cast("I")

    def __len__(self) -> int:
        """Count the credentials."""
        return self.header.credentials

    def find(self, key: str) -> Found | None:
        """Return the credential of this key and its holder. Raise DamagedRecord."""
        try:
            name = key.encode()
            hashed = self._hash.copy()
            hashed.update(name)
            spread = _number(hashed.digest(), "little")
            tag, tags = spread & 0xFF or 1, self._key_tags
            slot = (spread >> 32) * self._key_slots >> 32
            for at in range(slot, slot + layout.CHAIN):
                seen = tags[at]
                if not seen:
                    return None
                if seen == tag:
                    found = self._reader.find(self._key_places[at], name, key)
                    if found is not None:
                        return found
        except UnicodeEncodeError:
            return None  # nothing that could be kept
        except _BROKEN as error:
            raise DamagedRecord("a record of people makes no sense") from error
        raise DamagedRecord("the index of the credentials has no end")

    def person(self, holder: HolderId) -> Person | None:
        """Return a holder with all credentials. Raise DamagedRecord."""
        try:
            name = holder.encode()
            for place in self._places(name):
                found = self._reader.person(place, name)
                if found is not None:
                    return found
        except UnicodeEncodeError:
            return None
        except _BROKEN as error:
            raise DamagedRecord("a record of people makes no sense") from error
        return None

    def people(self) -> Iterator[Person]:
        """Return everybody, in the order of the file. Raise DamagedRecord."""
        section = self.header.sections.people
        place, end = section.begin // layout.UNIT, section.end // layout.UNIT
        while place < end:
            try:
                person = self._reader.person(place)
                place = self._reader.after(place)
            except _BROKEN as error:
                raise DamagedRecord("a record of people makes no sense") from error
            if person is not None:
                yield person

    def rest(self) -> bytes:
        """Return the caller's bytes. Raise DamagedRecord."""
        return self._sealed(self.header.sections.rest, "what is kept beside the people")

    def damage(self, blocks: Iterable[bytes]) -> Iterator[str]:
        """Say what is wrong in the file behind its header, given as blocks of BLOCK bytes.

        Yields "" for each sound block, so that whoever asks can pause in between.
        """
        end = self.header.sections.end
        checks = self._view[end : self.header.length].cast("I")
        for number, block in enumerate(blocks):
            begin = layout.HEADER + number * layout.BLOCK
            sound = crc32(block[: end - begin], self.header.seed ^ number) == checks[number]
            yield "" if sound else f"bytes {begin} to {begin + len(block)} are damaged"

    def close(self) -> None:
        """Let go of the mapping; after that nothing may be asked."""
        views = (self._key_tags, self._key_places, self._holder_tags, self._holder_places)
        for view in (*views, self._view):
            view.release()
        if isinstance(self._memory, mmap):
            with suppress(BufferError):  # somebody still reads; the last one closes it
                self._memory.close()

    def _places(self, name: bytes) -> Iterator[int]:
        """Return where the holder of this id may be."""
        hashed = self._hash.copy()
        hashed.update(name)
        spread = _number(hashed.digest(), "little")
        tag, tags = spread & 0xFF or 1, self._holder_tags
        slot = (spread >> 32) * self._holder_slots >> 32
        for at in range(slot, slot + layout.CHAIN):
            seen = tags[at]
            if not seen:
                return
            if seen == tag:
                yield self._holder_places[at]
        raise DamagedRecord("the index of the holders has no end")

    def _section(self, section: Section) -> memoryview:
        return self._view[section.begin : section.end]

    def _read_levels(self, section: Section) -> tuple[LevelId, ...]:
        try:
            found = json.loads(self._sealed(section, "the list of levels"))
        except ValueError as error:
            raise DamagedState("its list of levels makes no sense") from error
        return tuple(map(LevelId, found))

    def _sealed(self, section: Section, what: str) -> bytes:
        """Return bytes that have their check in front."""
        raw = bytes(self._view[section.begin : section.end])
        if layout.check_of(raw[4:], self.header.seed, section.begin) != _number(
            raw[:4], "little"
        ):
            raise DamagedRecord(f"{what} does not fit its check")
        return raw[4:]
