"""Writing a table of people: from a stream of persons, with little memory.

Records go to the file as they come; what stays in memory is the two indexes (seven and a half
bytes for each entry) and one block. So a million people need less than a daemon does. It takes
a while, and belongs into a process of its own (people_child).

The header comes last. Syncing the file, and giving it a name that lasts, is the business of
whoever called.
"""

import json
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple
from zlib import crc32

from gatewayd.core.access.model import LevelId
from gatewayd.core.access.people import MISTAKES, MODULUS, Person, unfit, weight
from gatewayd.core.access.pins import shown
from gatewayd.edge import people_layout as layout
from gatewayd.edge.people_layout import Header, Section, Sections
from gatewayd.edge.people_record import Reader, pack

LEVELS = 0xFFFF  # of one site

Chance = Callable[[int], bytes]


class Plan(NamedTuple):
    """What is to be written. `holders` and `credentials` are upper bounds."""

    generation: int
    version: int
    holders: int
    credentials: int
    rest: bytes = b""


class PeopleRefused(Exception):
    """The people cannot be kept as they are; `mistakes` says why, each by its name."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(self.mistakes))


def build(
    file: IO[bytes], people: Iterable[Person], plan: Plan, chance: Chance = os.urandom
) -> Header:
    """Write a table into an empty file that can be read as well.

    Raises OSError, or PeopleRefused naming the mistakes. The file is of no use then.
    """
    writing = _Writing(file, plan, chance)
    for person in people:
        writing.add(person)
        if len(writing.mistakes) >= MISTAKES:
            break
    header = writing.finish()
    if writing.mistakes:
        raise PeopleRefused(writing.mistakes[:MISTAKES])
    file.seek(0)
    file.write(layout.pack_header(header))
    return header


class _Output:
    """The file behind its header, written in blocks, each with its check."""

    def __init__(self, file: IO[bytes], seed: int) -> None:
        self._file, self._seed = file, seed
        self._waiting = bytearray()
        self._written = layout.HEADER
        self.checks = array("I")
        file.write(bytes(layout.HEADER))

    @property
    def at(self) -> int:
        """Where the next byte goes."""
        return self._written + len(self._waiting)

    def put(self, content: "bytes | bytearray | array[int]") -> Section:
        """Write it at the next whole unit, and say where."""
        self._waiting += bytes(-self.at % layout.UNIT)
        begin = self.at
        self._waiting += memoryview(content).cast("B")
        self._flush(layout.BLOCK)
        return Section(begin, self.at - begin)

    def put_sealed(self, content: bytes) -> Section:
        """Write it behind its check."""
        begin = self.at + -self.at % layout.UNIT
        return self.put(
            layout.check_of(content, self._seed, begin).to_bytes(4, "little") + content
        )

    def read(self, begin: int) -> bytes:
        """Return the record that was written there."""
        if begin >= self._written:
            return bytes(self._waiting[begin - self._written :])
        self._file.seek(begin)
        found = self._file.read(layout.LONGEST_RECORD)
        self._file.seek(0, os.SEEK_END)
        return found + bytes(self._waiting)

    def end(self) -> None:
        """Write what is left, and the checks."""
        self._flush(1)
        self._file.write(self.checks.tobytes())

    def _flush(self, least: int) -> None:
        while len(self._waiting) >= least:
            block = bytes(self._waiting[: layout.BLOCK])
            self.checks.append(crc32(block, self._seed ^ len(self.checks)))
            self._file.write(block)
            self._written += len(block)
            del self._waiting[: layout.BLOCK]


class _Index:
    """Open addressing in the making. `same` says whether a place has this very name."""

    def __init__(self, most: int, key: bytes, same: Callable[[int, bytes], bool]) -> None:
        self.slots = layout.slots_for(most)
        self._most, self._same = most, same
        self._hash = layout.hashing(key)
        self.tags = bytearray(self.slots + layout.CHAIN)
        self.places = array("I", bytes(4 * len(self.tags)))
        self.count = 0

    def add(self, name: bytes, place: int) -> bool:
        """Take a name in; False if it is there already."""
        hashed = self._hash.copy()
        hashed.update(name)
        spread = int.from_bytes(hashed.digest(), "little")
        slot, tag = (spread >> 32) * self.slots >> 32, spread & 0xFF or 1
        begin = slot
        while self.tags[slot]:
            if self.tags[slot] == tag and self._is_there(self.places[slot], name, place):
                return False
            slot += 1
        self.count += 1
        if self.count > self._most or slot - begin >= layout.CHAIN:
            raise PeopleRefused(["there are more people than were announced"])
        self.tags[slot], self.places[slot] = tag, place
        return True

    def _is_there(self, known: int, name: bytes, place: int) -> bool:
        """Say whether another record has this name; one has no name twice."""
        return known != place and self._same(known, name)


class _Numbers(dict[LevelId, int]):
    """The numbers of the levels, in the order they come."""

    def __missing__(self, level: LevelId) -> int:
        self[level] = len(self)
        return self[level]


class _Writing:
    def __init__(self, file: IO[bytes], plan: Plan, chance: Chance) -> None:
        self._plan = plan
        self._salt, self._hash_key = chance(layout.SALT), chance(layout.SALT)
        self._seed = crc32(self._salt)
        self._output = _Output(file, self._seed)
        self._levels = _Numbers()
        self._holders = _Index(plan.holders, self._hash_key, self._is_holder)
        self._keys = _Index(plan.credentials, self._hash_key, self._is_key)
        self._sum = 0
        self.mistakes: list[str] = []

    def add(self, person: Person) -> None:
        if wrong := list(unfit(person)):
            self.mistakes += wrong
            return
        place = self._output.at // layout.UNIT
        self._output.put(pack(person, self._levels, self._seed, place))
        self._sum = (self._sum + weight(person)) % MODULUS
        if not self._holders.add(person.holder.id.encode(), place):
            self.mistakes.append(f"holder {person.holder.id!r} comes twice")
        for each in person.credentials:
            if not self._keys.add(each.key.encode(), place):
                self.mistakes.append(f"credential {shown(each.key)!r} comes twice")

    def finish(self) -> Header:
        """Write everything but the header, and return that."""
        if len(self._levels) > LEVELS:
            self.mistakes.append(f"there are more than {LEVELS} levels")
        header = Header(
            self._salt,
            self._hash_key,
            self._plan.generation,
            self._plan.version,
            self._sum.to_bytes(32),
            self._holders.count,
            self._keys.count,
            self._keys.slots,
            self._holders.slots,
            Sections(*self._sections()),
        )
        self._output.end()
        return header

    def _sections(self) -> Iterator[Section]:
        output = self._output
        yield Section(layout.HEADER, output.at - layout.HEADER)
        yield output.put_sealed(json.dumps(list(self._levels)).encode())
        yield output.put_sealed(self._plan.rest)
        for index in (self._keys, self._holders):
            yield output.put(index.tags)
            yield output.put(index.places)

    def _is_holder(self, place: int, name: bytes) -> bool:
        return self._at(place).person(0, name) is not None

    def _is_key(self, place: int, name: bytes) -> bool:
        return self._at(place).find(0, name, name.decode()) is not None

    def _at(self, place: int) -> Reader:
        """Return a reader of this one record, as if it began the file."""
        raw = self._output.read(place * layout.UNIT)
        return Reader(raw, self._seed ^ place, list(self._levels))
