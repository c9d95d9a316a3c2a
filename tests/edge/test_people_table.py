"""A packed table says who holds what, or that it is damaged; never anything else."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.people import CREDENTIALS_OF_ONE, Person, digest, weight
from gatewayd.core.model import HolderId
from gatewayd.edge import people_layout as layout
from gatewayd.edge.people_build import PeopleRefused, Plan, build
from gatewayd.edge.people_disk import PEOPLE_DISK
from gatewayd.edge.people_layout import DamagedRecord, Header, Section, Sections, pack_header
from gatewayd.edge.people_record import KEPT
from gatewayd.edge.people_table import PeopleTable
from gatewayd.errors import DamagedState
from tests.edge.people_kit import (
    ANNA,
    BOB,
    anna,
    bob,
    by_holder,
    credentials,
    damaged_at,
    holders,
    table_of,
)

PEOPLE = [anna("26:1", "26:2"), bob("26:3"), Person(Holder(HolderId("nobody")))]


def damages(table: PeopleTable, content: bytes) -> list[str]:
    body = content[layout.HEADER :]
    blocks = (body[at : at + layout.BLOCK] for at in range(0, len(body), layout.BLOCK))
    return [each for each in table.damage(blocks) if each]


def test_a_credential_is_found_with_its_holder() -> None:
    table = PeopleTable(table_of(PEOPLE))
    assert table.find("26:2") == (Credential("26:2", ANNA), PEOPLE[0].holder)
    assert table.find("26:3") == (PEOPLE[1].credentials[0], PEOPLE[1].holder)
    assert table.find("26:4") is None
    assert table.find("\ud800") is None
    assert len(table) == 3


def test_a_holder_is_found_with_all_credentials() -> None:
    table = PeopleTable(table_of(PEOPLE))
    assert [table.person(each.holder.id) for each in PEOPLE] == PEOPLE
    assert table.person(HolderId("eve")) is None
    assert table.person(HolderId("\ud800")) is None
    assert list(table.people()) == PEOPLE


def test_what_a_file_says_of_itself() -> None:
    header = PeopleTable(table_of(PEOPLE, Plan(7, 42, 3, 3, b"more"))).header
    assert (header.generation, header.version) == (7, 42)
    assert (header.holders, header.credentials) == (3, 3)
    assert header.digest.hex() == digest(sum(map(weight, PEOPLE)))


def test_the_rest_comes_back() -> None:
    assert PeopleTable(table_of(PEOPLE, Plan(1, 1, 3, 3, b"rules"))).rest() == b"rules"


def test_an_empty_table_has_nobody() -> None:
    table = PeopleTable(table_of([]))
    assert table.find("26:1") is None
    assert table.person(ANNA) is None
    assert list(table.people()) == []


@given(some=st.lists(holders, max_size=5), cards=st.lists(credentials, max_size=12))
def test_everybody_comes_back_as_they_were(some: list[Holder], cards: list[Credential]) -> None:
    people = by_holder(some, cards)
    content = table_of(people.values())
    table = PeopleTable(content)
    assert {each.holder.id: each for each in table.people()} == people
    for person in people.values():
        assert table.person(person.holder.id) == person
        for each in person.credentials:
            assert table.find(each.key) == (each, person.holder)
    assert damages(table, content) == []


def test_thousands_are_all_found_and_nobody_else() -> None:
    people = [
        Person(
            Holder(HolderId(f"{number}"), levels=tuple(LevelId(f"{number}") for _ in "ab")),
            (Credential(f"26:{number:08x}", HolderId(f"{number}")),),
        )
        for number in range(KEPT + 500)
    ]
    content = table_of(people)
    table = PeopleTable(content)
    for person in people:
        (card,) = person.credentials
        assert table.find(card.key) == (card, person.holder)
        assert table.find(card.key + "0") is None
        assert table.person(person.holder.id) == person
    assert damages(table, content) == []


def test_every_table_has_a_hash_of_its_own() -> None:
    tables = [BytesIO(), BytesIO()]
    for each in tables:
        build(each, PEOPLE, Plan(1, 1, 3, 3))
    one, other = (PeopleTable(each.getvalue()).header for each in tables)
    assert one.hash_key != other.hash_key


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "mistake"),
    [
        ([anna("1"), anna("2")], "holder 'anna' comes twice"),
        ([anna("1"), bob("1")], "credential '1' comes twice"),
        ([anna("1", "1")], "holder 'anna' has a credential twice"),
        (
            [anna()._replace(credentials=bob("1").credentials)],
            "'1' of 'bob' stands with 'anna'",
        ),
        ([anna("")], "credential '': no key"),
        ([anna(levels=("a,b",))], "'a,b' is no id of a level"),
        ([anna(*map(str, range(CREDENTIALS_OF_ONE + 1)))], "more than 255 credentials"),
    ],
)
def test_people_that_cannot_be_kept_are_refused_by_name(
    people: list[Person], mistake: str
) -> None:
    with pytest.raises(PeopleRefused, match=mistake):
        table_of(people)


def test_more_than_was_announced_is_refused() -> None:
    with pytest.raises(PeopleRefused, match="more people than were announced"):
        table_of(PEOPLE, Plan(1, 1, 2, 3))


def test_a_person_with_the_most_that_there_can_be_is_kept() -> None:
    cards = [f"{number:03}" + "x" * 250 for number in range(255)]
    table = PeopleTable(table_of([anna(*cards)]))
    assert table.find(cards[-1]) is not None


def test_an_endless_list_of_mistakes_is_cut_short() -> None:
    with pytest.raises(PeopleRefused) as caught:
        table_of([anna("")] * 1000)
    assert len(caught.value.mistakes) == 100


# --- damage -----------------------------------------------------------------------


def answers(content: bytes) -> object:
    """Ask for everybody; None where the damage was noticed."""
    try:
        table = PeopleTable(content)
    except DamagedState:
        return None
    said: list[object] = []
    for key in ("26:1", "26:2", "26:3", "26:4"):
        try:
            said.append(table.find(key))
        except DamagedRecord:
            said.append(DamagedRecord)
    for holder in (ANNA, BOB):
        try:
            said.append(table.person(holder))
        except DamagedRecord:
            said.append(DamagedRecord)
    try:
        said.append(table.rest())
    except DamagedRecord:
        said.append(DamagedRecord)
    return said


def interesting(content: bytes) -> list[int]:
    """Return every byte but those of empty slots of the indexes, of which a few do."""
    parts = PeopleTable(content).header.sections
    spill = range(parts.key_tags.begin, parts.end)
    return [
        at
        for at in range(len(content))
        if at not in spill or content[at] or at % 61 == 0 or at < spill.start + 16
    ]


def test_no_single_byte_makes_a_wrong_right() -> None:
    content = table_of(PEOPLE)
    truth = answers(content)
    assert isinstance(truth, list)
    for at in interesting(content):
        for bit in (0, 3, 7):
            broken = damaged_at(content, at, bit)
            said = answers(broken)
            if said is None:
                continue
            assert isinstance(said, list)
            for found, right in zip(said, truth, strict=True):
                assert found == right or found is None or found is DamagedRecord
            assert damages(PeopleTable(broken), broken), f"nobody noticed byte {at}"


@pytest.mark.parametrize("keep", [0, 5, 100, 4095, 4096, 5000])
def test_a_truncated_table_is_refused(keep: int) -> None:
    with pytest.raises(DamagedState):
        PeopleTable(table_of(PEOPLE)[:keep])


def test_a_table_with_more_behind_it_is_refused() -> None:
    with pytest.raises(DamagedState, match="instead of"):
        PeopleTable(table_of(PEOPLE) + b"more")


def test_a_foreign_file_is_refused() -> None:
    with pytest.raises(DamagedState, match="no table of people"):
        PeopleTable(b"SQLite format 3\0" + bytes(8192))


def test_a_table_of_a_later_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "FORMAT", 2)
    content = table_of(PEOPLE)
    monkeypatch.undo()
    with pytest.raises(DamagedState, match="its layout is 2"):
        PeopleTable(content)


def test_a_header_that_makes_no_sense_is_refused() -> None:
    header = PeopleTable(table_of(PEOPLE)).header
    swapped = Sections(*reversed(header.sections))
    content = pack_header(header._replace(sections=swapped)).ljust(header.length, b"\0")
    with pytest.raises(DamagedState, match="make no sense"):
        PeopleTable(content)


def test_a_record_of_another_place_is_not_taken_for_this_one() -> None:
    people = [anna("26:1"), bob("26:3")._replace(holder=Holder(BOB))]
    content = table_of(people)
    begin, length = PeopleTable(content).header.sections.people
    (units,) = struct.unpack_from("<H", content, begin + 4)
    middle = begin + units * layout.UNIT
    swapped = content[:begin] + content[middle : begin + length] + content[begin:middle]
    swapped += content[begin + length :]
    table = PeopleTable(swapped)
    for ask in (lambda: table.find("26:1"), lambda: table.person(ANNA)):
        with pytest.raises(DamagedRecord, match="does not fit its check"):
            ask()
    with pytest.raises(DamagedRecord):
        list(table.people())


def test_a_record_of_an_older_file_is_not_taken_for_this_one() -> None:
    old, new = BytesIO(), BytesIO()
    build(old, [anna("26:1")], Plan(1, 1, 1, 1))
    build(new, [anna("26:1", enabled=False)], Plan(1, 1, 1, 1))
    begin, length = PeopleTable(new.getvalue()).header.sections.people
    mixed = bytearray(new.getvalue())
    mixed[begin : begin + length] = old.getvalue()[begin : begin + length]
    with pytest.raises(DamagedRecord):
        PeopleTable(bytes(mixed)).find("26:1")


def emptied(content: bytes, section: str, byte: bytes) -> bytes:
    where: Section = getattr(PeopleTable(content).header.sections, section)
    return content[: where.begin] + byte * where.length + content[where.end :]


@pytest.mark.parametrize("byte", [b"\0", b"\x01", b"\xff"])
def test_an_index_that_points_anywhere_finds_nobody(byte: bytes) -> None:
    content = table_of(PEOPLE)
    with pytest.raises(DamagedRecord):
        PeopleTable(emptied(content, "key_places", byte)).find("26:1")
    with pytest.raises(DamagedRecord):
        PeopleTable(emptied(content, "holder_places", byte)).person(ANNA)


def test_an_index_without_an_end_is_damage() -> None:
    content = table_of(PEOPLE)
    tags = emptied(emptied(content, "key_tags", b"\x01"), "holder_tags", b"\x01")
    table = PeopleTable(tags)
    asked = [f"26:{number}" for number in range(300)]
    for key in asked:
        try:
            assert table.find(key) is None or key in ("26:1", "26:2", "26:3")
        except DamagedRecord:
            break
    else:
        raise AssertionError("no end was ever missed")
    with pytest.raises(DamagedRecord):
        list(map(table.person, map(HolderId, asked)))


def resealed(content: bytes, change: "dict[int, int]") -> bytes:
    """Change bytes of the first record and make its check fit: a mistake of a writer."""
    header: Header = PeopleTable(content).header
    begin = header.sections.people.begin
    (units,) = struct.unpack_from("<H", content, begin + 4)
    record = bytearray(content[begin : begin + units * layout.UNIT])
    for at, value in change.items():
        record[at] = value
    check = layout.check_of(bytes(record[4:]), header.seed, begin // layout.UNIT)
    record[:4] = check.to_bytes(4, "little")
    return content[:begin] + bytes(record) + content[begin + len(record) :]


@pytest.mark.parametrize("change", [{8: 200}, {6: 250}, {9: 0xFF}, {12: 99}])
def test_a_record_that_makes_no_sense_is_damage(change: dict[int, int]) -> None:
    table = PeopleTable(resealed(table_of([anna("26:1")]), change))
    with pytest.raises(DamagedRecord):
        raise_or_miss(table)


def raise_or_miss(table: PeopleTable) -> None:
    if table.find("26:1") is None or table.person(ANNA) is None:
        list(table.people())
        raise DamagedRecord("not found at all")


# --- in a real file ---------------------------------------------------------------


def test_a_table_is_read_through_the_page_cache(tmp_path: Path) -> None:
    path = tmp_path / "table"
    content = table_of(PEOPLE)
    path.write_bytes(content)
    table = PeopleTable(PEOPLE_DISK.map(path))
    assert list(table.people()) == PEOPLE
    blocks = PEOPLE_DISK.blocks(path, layout.HEADER, layout.BLOCK)
    assert [each for each in table.damage(blocks) if each] == []
    table.close()
    with pytest.raises(ValueError, match="released"):
        table.damage(iter([b"x"])).__next__()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.touch()
    with pytest.raises(DamagedState, match="no table of people"):
        PeopleTable(PEOPLE_DISK.map(path))
