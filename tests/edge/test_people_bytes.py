"""Whatever byte of the people's files is wrong, nobody gets in who would not have anyway.

A site keeps people in a table and changes in its log, some of which took rights away. Each
byte of each file is damaged in turn; then the files are opened and everybody shows what they
have. Either somebody says that something is damaged, or the doors open for the same people or
fewer; and what is kept beside the people is what was kept, or is refused.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from gatewayd.core.access.attempt import Around, Attempt, DoorNow
from gatewayd.core.access.book import Book
from gatewayd.core.access.decide import decide
from gatewayd.core.access.model import Credential, CredentialState, Holder, PointRules, Side
from gatewayd.core.access.people import PeopleChange, Person, worked_out
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.state import State
from gatewayd.core.model import Card, HolderId, Moment
from gatewayd.core.pin_entry import Digits
from gatewayd.edge.disk import write_new
from gatewayd.edge.people_build import Plan, build
from gatewayd.edge.people_files import CURRENT, PeopleFiles
from gatewayd.edge.people_view import PeopleView
from gatewayd.errors import StateError
from tests.core.access.world import KEY, LAB, NOON, PORTALS, STAFF, World
from tests.edge.people_kit import SALT, CrashingPeopleDisk

PATH = Path("/")
NOW = Moment(0.0, NOON)
DAY = timedelta(days=1)
AROUND = Around({each.door: DoorNow() for each in PORTALS})
CARDS = [Card(f"26:{number}") for number in range(9)]
PIN = Digits("1234")


def person(name: str, number: int, **more: object) -> Person:
    """Somebody with one card, who may pass unless something else is said."""
    holder = Holder(HolderId(name), levels=(STAFF,))._replace(**more)  # type: ignore[arg-type]  # names fields
    return Person(holder, (Credential(CARDS[number].raw, holder.id),))


def card(number: int, name: str, **more: object) -> dict[str, Credential | None]:
    credential = Credential(CARDS[number].raw, HolderId(name))
    return {credential.key: credential._replace(**more)}  # type: ignore[arg-type]  # names fields


BEFORE = (
    person("anna", 0),
    person("bob", 1, enabled=False),
    person("carl", 2, valid_until=NOON - DAY),
    person("dora", 3, valid_from=NOON + DAY),
    person("emil", 4, levels=()),
    person("fred", 5),
    person("gwen", 6),
    person("hugo", 7, pin=bytes(32), clearance=5),
)
CHANGES: tuple[dict[str, object], ...] = (
    {"credentials": card(5, "fred", state=CredentialState.STOLEN), "rest": b"rules 1"},
    {"holders": {HolderId("gwen"): None}, "credentials": {CARDS[6].raw: None}},
    {"credentials": card(7, "hugo", valid_until=NOON - DAY)},
    {"credentials": {KEY.key_of(PIN): Credential(KEY.key_of(PIN), HolderId("anna"))}},
    {"credentials": card(8, "anna", max_uses=0), "rest": b"rules 2"},
)


def site() -> CrashingPeopleDisk:
    """A table of these people, and a log of what changed since."""
    disk = CrashingPeopleDisk()
    files = PeopleFiles.open(PATH, disk)
    table = BytesIO()
    build(table, BEFORE, Plan(2, 1, 8, 8, b"rules 0"), lambda size: SALT[:size])
    write_new(disk, files.names(2).table, table.getvalue())
    files.adopt(2, files.logged)
    files.retire(1)
    for version, each in enumerate(CHANGES, 2):
        change = PeopleChange(version - 1, version, **each)  # type: ignore[arg-type]  # names fields
        outcome = worked_out(files.state.layers, change)
        assert not outcome.mistakes
        delta = files.delta(change, outcome)
        files.commit(delta)
        files.shown(delta)
    return disk


class Door:
    """The lab door, for whoever the files know."""

    def __init__(self) -> None:
        rules = World(PointRules()).rules
        self.book = Book(PORTALS, rules, World().town, SiteKey(bytes(range(32))))

    def lets_in(self, files: PeopleFiles) -> list[bool]:
        """Say for every card whether it opens. What cannot be read denies."""
        self.book.people = PeopleView(files.state.layers)
        shown = (Attempt(LAB, Side.IN, NOW, each) for each in CARDS)
        return [decide(self.book, State(), AROUND, each).granted for each in shown]


def opened(disk: CrashingPeopleDisk) -> PeopleFiles | None:
    """Open the files; None: they were refused."""
    try:
        return PeopleFiles.open(PATH, disk)
    except StateError:
        return None


def damaged(content: bytes) -> Iterator[bytes]:
    """Turn each byte in turn: one bit of it, or all of them."""
    for at, byte in enumerate(content):
        mask = 0xFF if at % 3 else 1 << at % 8
        yield content[:at] + bytes([byte ^ mask]) + content[at + 1 :]


def cut_off(content: bytes) -> Iterator[bytes]:
    return (content[:length] for length in range(len(content)))


def without_a_sector(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), 512):
        yield content[:at] + bytes(len(content[at : at + 512])) + content[at + 512 :]


@pytest.mark.parametrize("harm", [damaged, cut_off, without_a_sector])
@pytest.mark.parametrize("name", [CURRENT, "people-2.table", "people-2.log"])
def test_no_damage_lets_in_who_would_not_get_in_anyway(
    name: str, harm: Callable[[bytes], Iterator[bytes]]
) -> None:
    disk, door = site(), Door()
    sound = PeopleFiles.open(PATH, disk)
    right = door.lets_in(sound)
    assert right == [True, *8 * [False]]
    content = disk.names[PATH / name].content
    refused = 0
    for each in harm(content):
        disk.names[PATH / name].content = each
        files = opened(disk)
        if files is None:
            refused += 1
            continue
        assert files.state.version == sound.state.version
        assert files.state.rest == b"rules 2"
        assert not any(
            more and not may for more, may in zip(door.lets_in(files), right, strict=True)
        )
    assert refused
