"""People for tests: some that are named, any that hypothesis makes, and a disk for them."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from itertools import product
from math import prod
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from gatewayd.core.access.model import Credential, CredentialState, Flag, Holder, LevelId
from gatewayd.core.access.people import Person
from gatewayd.core.model import HolderId
from gatewayd.edge.people_build import Plan, build
from tests.edge.crashing_disk import DIRECTORY, CrashingDisk, Inode

ANNA, BOB = HolderId("anna"), HolderId("bob")
SECTOR = 512  # bytes that a disk writes whole or not at all
IMAGES = 24  # of one file that are looked at one by one
LARGE = 8192  # bytes that one write takes; a table is longer
SALT = bytes(range(16))

times = st.none() | st.datetimes(timezones=st.just(UTC))
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=","),
    min_size=1,
    max_size=9,
)
macs = st.none() | st.binary(min_size=32, max_size=32)
holder_ids = st.sampled_from([HolderId(each) for each in ("anna", "bob", "çelik", "d" * 255)])
keys = st.sampled_from([f"26:{number:08x}" for number in range(9)] + ["PIN:" + "a" * 64, "é"])
holders = st.builds(
    Holder,
    id=holder_ids,
    enabled=st.booleans(),
    valid_from=times,
    valid_until=times,
    levels=st.lists(names.map(LevelId), max_size=4).map(tuple),
    pin=macs,
    duress_pin=macs,
    clearance=st.sampled_from([0, 0, 1, -1, 2**31 - 1, -(2**31)]),
    flags=st.frozensets(st.sampled_from(Flag)),
).filter(lambda each: each.pin is None or each.pin != each.duress_pin)
credentials = st.builds(
    Credential,
    key=keys,
    holder=holder_ids,
    state=st.sampled_from(CredentialState),
    valid_from=times,
    valid_until=times,
    max_uses=st.none() | st.integers(0, 2**32 - 1),
    duress=st.booleans(),
)


def anna(*cards: str, **more: Any) -> Person:  # noqa: ANN401 - a holder's
    """Anna with these cards."""
    holder = Holder(ANNA, levels=(LevelId("staff"), LevelId("lab")), clearance=3)
    return Person(
        holder._replace(**more),
        tuple(Credential(card, ANNA) for card in cards),
    )


def bob(*cards: str) -> Person:
    """Bob, whose time is limited, with these cards."""
    until = datetime(2030, 1, 1, tzinfo=UTC)
    return Person(
        Holder(BOB, valid_until=until, pin=bytes(32), flags=frozenset({Flag.VISITOR})),
        tuple(Credential(card, BOB, max_uses=5) for card in cards),
    )


def by_holder(some: Iterable[Holder], cards: Iterable[Credential]) -> dict[HolderId, Person]:
    """Put holders and those of the credentials together that belong to one of them."""
    people = {each.id: Person(each) for each in some}
    for each in {card.key: card for card in cards}.values():
        if each.holder in people:
            holder, had = people[each.holder]
            people[each.holder] = Person(holder, (*had, each))
    return people


def table_of(people: Iterable[Person], plan: Plan | None = None) -> bytes:
    """Return the file of a table."""
    every, file = list(people), BytesIO()
    cards = sum(len(each.credentials) for each in every)
    build(file, every, plan or Plan(1, 1, len(every), cards, b"rest"), lambda size: SALT[:size])
    return file.getvalue()


def damaged_at(content: bytes, at: int, bit: int = 0) -> bytes:
    """Return the content with one bit the other way."""
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


@dataclass(eq=False)
class GrowingInode(Inode):
    """A file that is written in places too: what was synced and not touched since stays."""

    base: bytes = b""
    since: list[tuple[int, bytes]] = field(default_factory=list)

    def afterwards(self) -> Iterator[bytes]:
        """What a power cut may leave of writes in places.

        Each sector is as it was after any of them, whatever the others are, and the file as
        long as it was after any of them. If that is too much: all of the first writes, each
        sector alone before or behind the others, and some by chance.
        """
        if not self.since:
            yield from super().afterwards()
            return
        versions = list(_versions(self.base, self.since))
        lengths = list(dict.fromkeys(map(len, versions)))
        count = -(-max(lengths) // SECTOR)
        choices = [_sectors(versions, number) for number in range(count)]
        if prod(map(len, choices)) * len(lengths) <= IMAGES:
            every = product(*choices)
            yield from dict.fromkeys(
                b"".join(each)[:length] for each in every for length in lengths
            )
            return
        found = dict.fromkeys(versions)
        old, new = [each[0] for each in choices], [each[-1] for each in choices]
        for number in (each for each in range(count) if len(choices[each]) > 1):
            for all_others, this in ((old, new), (new, old)):
                mixed = [*all_others[:number], this[number], *all_others[number + 1 :]]
                found[b"".join(mixed)[: lengths[-1]]] = None
        chance = Random(len(versions))  # noqa: S311 - of a test
        for _ in range(IMAGES // 2):
            mixed = [chance.choice(each) for each in choices]
            found[b"".join(mixed)[: chance.choice(lengths)]] = None
        yield from found


def _versions(content: bytes, writes: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    yield content
    for at, more in writes:
        content = _written(content, at, more)
        yield content


def _sectors(versions: list[bytes], number: int) -> list[bytes]:
    """Return all that one sector was; what was not there yet is zero."""
    begin = number * SECTOR
    found = (each[begin : begin + SECTOR].ljust(SECTOR, b"\0") for each in versions)
    return list(dict.fromkeys(found))


def _written(content: bytes, at: int, more: bytes) -> bytes:
    return content[:at].ljust(at, b"\0") + more + content[at + len(more) :]


@dataclass
class CrashingPeopleDisk(CrashingDisk):
    """The same in one directory, with what the people's files need besides."""

    def create(self, path: Path) -> int:
        handle = super().create(path)
        inode = GrowingInode(durable=b"")
        self._open[handle] = self.names[path] = inode
        self._since[-1] = lambda names: names.__setitem__(path, inode)
        return handle

    def listing(self, directory: Path) -> list[str]:
        return sorted(each.name for each in self.names if each.parent == directory)

    def write(self, handle: int, content: bytes) -> int:
        self.before_step("write")
        inode = self._open[handle]
        inode.content += content[:LARGE]
        inode.durable = None
        return len(content[:LARGE])

    def open(self, path: Path) -> int:
        self._next += 1
        found = self.names[path]
        inode = GrowingInode(found.content, found.durable, found.content)
        if not isinstance(found, GrowingInode):
            self._take_over(found, inode)
        self._open[self._next] = found if isinstance(found, GrowingInode) else inode
        return self._next

    def _take_over(self, old: Inode, new: Inode) -> None:
        for names in (self.names, self._durable):
            for path in [path for path, each in names.items() if each is old]:
                names[path] = new

    def write_at(self, handle: int, content: bytes, at: int) -> int:
        self.before_step("write")
        inode = self._open[handle]
        assert isinstance(inode, GrowingInode)
        if inode.durable is not None:
            inode.base, inode.durable, inode.since = inode.durable, None, []
        inode.since.append((at, content))
        inode.content = _written(inode.content, at, content)
        return len(content)

    def sync(self, handle: int) -> None:
        super().sync(handle)
        inode = self._open.get(handle)
        if handle != DIRECTORY and isinstance(inode, GrowingInode):
            inode.base, inode.since = inode.content, []

    def unlink(self, path: Path) -> None:
        if path in self.names:
            self.before_step("unlink")
            self._rename(lambda names: names.pop(path, None))

    def map(self, path: Path) -> bytes:
        if path not in self.names:
            raise FileNotFoundError(2, "No such file", f"{path}")
        return self.names[path].content

    def blocks(self, path: Path, begin: int, size: int) -> Iterator[bytes]:
        content = self.map(path)[begin:]
        return (content[at : at + size] for at in range(0, len(content), size))

    def images(self) -> Iterator["CrashingPeopleDisk"]:
        """Every disk that a power cut now may leave, also if it loses one name out of turn."""
        for image in super().images():
            yield CrashingPeopleDisk(names=image.names, _durable=image._durable)
        for lost in range(len(self._since) - 1):
            with suppress(KeyError):  # a file that was never there takes no other name
                names = dict(self._durable)
                for change in (*self._since[:lost], *self._since[lost + 1 :]):
                    change(names)
                for image in CrashingDisk(_durable=names).images():
                    yield CrashingPeopleDisk(names=image.names, _durable=image._durable)
