"""People are changed and replaced while they are looked up: all of it or nothing of it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.core.access import people_check
from gatewayd.core.access.model import Credential, CredentialState, Holder, LevelId
from gatewayd.core.access.people import KEPT, PeopleChange, Person, digest, weight
from gatewayd.core.model import HolderId
from gatewayd.edge import people_store
from gatewayd.edge.people_build import PeopleRefused
from gatewayd.edge.people_child import Child, Job
from gatewayd.edge.people_disk import SystemPeopleDisk
from gatewayd.edge.people_layout import DamagedRecord
from gatewayd.edge.people_parts import Counts, Expected, Staging
from gatewayd.edge.people_store import LARGEST_CHANGE, WAITING, PeopleStore
from gatewayd.errors import DamagedState, StateError
from tests.edge.people_kit import ANNA, BOB, anna, bob, damaged_at
from tests.edge.posted import Posted

PART = bytes(32)


class Desk:
    """A store in a directory, and the thread of its loop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.post = Posted()
        self.troubles: list[str] = []
        self.open()

    def open(self, disk: SystemPeopleDisk | None = None) -> None:
        self.store = PeopleStore.open(
            self.directory, post=self.post, disk=disk or SystemPeopleDisk()
        )
        self.store.on_trouble = self.troubles.append

    def restart(self, disk: SystemPeopleDisk | None = None) -> None:
        self.store.close()
        self.post.all()
        self.open(disk)

    def apply(self, change: PeopleChange) -> Exception | None:
        return self.answer(lambda done: self.store.apply(change, done))

    def replace(self, version: int, *people: Person, **more: str) -> Exception | None:
        staging = staged(self.directory.with_name("staging"), *people)
        return self.answer(lambda done: self.store.replace(staging, version, done, **more))

    def answer(
        self, do: Callable[[Callable[[Exception | None], None]], None]
    ) -> Exception | None:
        answers: list[Exception | None] = []
        do(answers.append)
        self.post.until(lambda: bool(answers))
        (answer,) = answers
        return answer

    def damage(self) -> tuple[str, ...]:
        found: list[tuple[str, ...]] = []
        self.store.verify(found.append)
        self.post.until(lambda: bool(found))
        return found[0]

    def pins(self) -> dict[HolderId, tuple[bytes | None, bytes | None]]:
        people = self.store.view.layers.people()
        return {each.holder.id: (each.holder.pin, each.holder.duress_pin) for each in people}

    def names(self) -> list[str]:
        return sorted(each.name for each in self.directory.iterdir())


def staged(directory: Path, *people: Person) -> Staging:
    staging = Staging(directory)
    staging.begin(os.urandom(8))
    staging.put(2, PART, holders=[each.holder for each in people])
    staging.put(1, PART, credentials=[card for each in people for card in each.credentials])
    staging.put_rest(b"rules")
    return staging


def put(version: int, *people: Person) -> PeopleChange:
    return PeopleChange(
        version - 1,
        version,
        {each.holder.id: each.holder for each in people},
        {card.key: card for each in people for card in each.credentials},
    )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "people")
    yield desk
    desk.store.close()


def test_a_new_store_has_nobody_at_version_zero(desk: Desk) -> None:
    store = desk.store
    assert (store.version, store.rest, store.digest) == (0, b"", "0" * 64)
    assert store.view.find("26:1") is None
    assert store.view.credential("26:1") is None
    assert store.view.holder(ANNA) is None
    assert list(store.view.credentials()) == []
    assert desk.damage() == ()


def test_a_change_shows_and_is_there_after_a_restart(desk: Desk) -> None:
    assert desk.apply(put(1, anna("26:1"), bob("26:2"))) is None
    for _ in range(2):
        view = desk.store.view
        assert view.find("26:1") == (Credential("26:1", ANNA), anna().holder)
        assert view.credential("26:2") == bob("26:2").credentials[0]
        assert view.holder(BOB) is view.holder(BOB) == bob().holder
        assert view.holder(ANNA) == anna().holder
        assert list(view.credentials_of(ANNA)) == [Credential("26:1", ANNA)]
        assert {each.key for each in view.credentials()} == {"26:1", "26:2"}
        assert desk.store.digest == digest(weight(anna("26:1")) + weight(bob("26:2")))
        assert desk.store.version == 1
        desk.restart()


def test_holders_and_credentials_are_counted_through_changes_and_restarts(desk: Desk) -> None:
    def counted() -> tuple[int, int]:
        return desk.store.state.holders, desk.store.state.credentials

    assert counted() == (0, 0)
    desk.apply(put(1, anna("26:1", "26:2"), bob("26:3")))
    assert counted() == (2, 3)
    desk.apply(PeopleChange(1, 2, {BOB: None}, {"26:3": None, "26:2": None, "26:9": None}))
    assert counted() == (1, 1)
    desk.restart()
    assert counted() == (1, 1)
    desk.replace(3, anna("26:1", "26:2"), bob())
    assert counted() == (2, 2)
    desk.apply(put(4, bob("26:2")))  # it was anna's
    assert counted() == (2, 2)
    desk.restart()
    assert counted() == (2, 2)


def test_what_else_changed_shows_in_the_same_moment(desk: Desk) -> None:
    assert desk.apply(PeopleChange(0, 1, rest=b"rules 1")) is None
    assert desk.apply(put(2, anna("26:1"))) is None
    assert desk.store.rest == b"rules 1"
    desk.restart()
    assert (desk.store.version, desk.store.rest) == (2, b"rules 1")


def test_a_level_that_somebody_has_does_not_go(desk: Desk) -> None:
    staff, lab = LevelId("staff"), LevelId("lab")
    many = [Person(Holder(HolderId(f"h{number}"), levels=(staff,))) for number in range(3000)]
    assert desk.replace(1, *many, anna("26:1")) is None
    assert desk.apply(put(2, Person(Holder(BOB, levels=(lab,))))) is None
    going = frozenset({staff})
    why = desk.apply(PeopleChange(2, 3, rest=b"no staff", levels_gone=going))
    assert isinstance(why, PeopleRefused)
    assert why.mistakes[0] == "level 'staff' goes, but holder 'h0' has it"
    assert (len(why.mistakes), why.mistakes[-1]) == (21, "and more holders")
    assert (desk.store.version, desk.store.rest) == (2, b"rules")
    nobody: dict[HolderId, Holder | None] = dict.fromkeys(each.holder.id for each in many)
    changed = PeopleChange(2, 3, {**nobody, ANNA: Holder(ANNA, levels=(lab,))}, {}, b"", going)
    assert desk.apply(changed) is None
    why = desk.apply(PeopleChange(3, 4, levels_gone=frozenset({lab})))
    assert isinstance(why, PeopleRefused)
    assert {each.split()[-3] for each in why.mistakes} == {"'anna'", "'bob'"}


def test_a_store_holds_only_so_many_people(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_check, "_BOUNDS", (("holders", 1), ("credentials", 1)))
    assert desk.apply(put(1, anna("26:1"))) is None
    why = desk.apply(put(2, bob("26:2")))
    assert isinstance(why, PeopleRefused)
    assert why.mistakes == ("2 holders, at most 1", "2 credentials, at most 1")
    assert desk.apply(put(2, anna("26:1"))) is None


@pytest.mark.parametrize(("base", "version"), [(0, 2), (2, 3)])
def test_a_change_that_does_not_fit_changes_nothing(
    desk: Desk, base: int, version: int
) -> None:
    desk.apply(put(1, anna("26:1")))
    why = desk.apply(PeopleChange(base, version, {}, {"26:1": None}))
    assert isinstance(why, StateError)
    assert "the disk holds people 1" in str(why)
    assert desk.store.view.find("26:1") is not None


def test_every_mistake_of_a_change_is_answered(desk: Desk) -> None:
    why = desk.apply(put(1, bob("")._replace(holder=Holder(HolderId("x")))))
    assert isinstance(why, PeopleRefused)
    assert "who does not exist" in str(why)
    assert desk.store.version == 0


def test_a_change_that_is_too_large_is_refused(desk: Desk) -> None:
    rows = dict.fromkeys(map(str, range(LARGEST_CHANGE + 1)))
    assert isinstance(desk.apply(PeopleChange(0, 1, {}, rows)), PeopleRefused)


class FullDisk(SystemPeopleDisk):
    """No room for a single byte more in files that are there."""

    def write_at(self, _handle: int, _content: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")


def test_what_the_disk_did_not_take_denies_all_the_same(desk: Desk) -> None:
    desk.apply(put(1, anna("26:1", "26:2"), bob("26:3")))
    desk.restart(FullDisk())
    lost = Credential("26:1", ANNA, CredentialState.LOST)
    more = bob()._replace(holder=bob().holder._replace(levels=(LevelId("vault"),)))
    change = put(2, more)
    why = desk.apply(PeopleChange(1, 2, change.holders, {"26:1": lost, "26:2": None}))
    assert isinstance(why, StateError)
    assert "No space left" in str(why)
    view = desk.store.view
    assert view.credential("26:1") == lost
    assert view.find("26:2") is None
    assert list(view.credentials_of(ANNA)) == [lost]
    found = view.find("26:3")
    assert found is not None
    assert found[1].levels == ()  # not before the disk has it
    assert desk.store.version == 1
    assert {each.key for each in view.credentials()} == {"26:1", "26:3"}
    desk.restart()
    assert desk.store.view.find("26:2") is not None  # and whoever asked knows


def test_waiting_changes_are_bounded(desk: Desk) -> None:
    answers: list[Exception | None] = []
    for number in range(WAITING + 1):
        desk.store.apply(PeopleChange(number, number + 1), answers.append)
    assert "waiting already" in str(answers[0])
    desk.post.until(lambda: len(answers) == WAITING + 1)
    assert desk.store.version == WAITING


# --- everybody --------------------------------------------------------------------


def test_everybody_is_replaced(desk: Desk) -> None:
    desk.apply(put(1, bob("26:2")))
    old = desk.store.view.layers.table
    assert desk.replace(9, anna("26:1")) is None
    assert desk.store.view.find("26:1") == (Credential("26:1", ANNA), anna().holder)
    assert desk.store.view.find("26:2") is None
    assert (desk.store.version, desk.store.rest) == (9, b"rules")
    assert list(old.people()) == []  # who still reads the old one may
    assert desk.apply(put(10, bob("26:2"))) is None
    desk.restart()
    assert desk.store.view.find("26:1") is not None
    assert desk.store.view.find("26:2") is not None
    assert desk.names() == ["current", "people-2.log", "people-2.table"]
    assert desk.damage() == ()


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ((anna("26:1"), bob("26:1")), "credential '26:1' comes twice"),
        ((anna("26:1"), anna("26:2")), "holder 'anna' comes twice"),
        ((anna("26:1"), Person(Holder(HolderId("")))), "no id of 1 to 255 bytes"),
    ],
)
def test_people_with_a_mistake_replace_nobody(
    desk: Desk, people: tuple[Person, ...], why: str
) -> None:
    desk.apply(put(1, bob("26:2")))
    answer = desk.replace(2, *people)
    assert isinstance(answer, PeopleRefused)
    assert why in str(answer)
    assert (desk.store.version, desk.names()) == (
        1,
        ["current", "people-1.log", "people-1.table"],
    )


def test_a_credential_of_nobody_is_refused_by_name(desk: Desk) -> None:
    stray = anna()._replace(credentials=bob("26:2").credentials)
    answer = desk.replace(2, stray)
    assert isinstance(answer, PeopleRefused)
    assert "credential '26:2' belongs to 'bob', who does not exist" in str(answer)


def test_older_people_replace_nobody(desk: Desk) -> None:
    desk.apply(put(1, bob("26:2")))
    assert "newer than 0" in str(desk.replace(0, anna("26:1")))
    assert desk.store.view.find("26:2") is not None


def test_people_of_another_digest_replace_nobody(desk: Desk) -> None:
    assert "come to digest" in str(desk.replace(1, anna("26:1"), digest="0" * 64))
    told = digest(weight(anna("26:1")))
    assert desk.replace(1, anna("26:1"), digest=told) is None


def test_levels_that_nobody_staged_are_named(desk: Desk, tmp_path: Path) -> None:
    staging = staged(tmp_path / "staging", anna("26:1"), bob("26:2"))
    staging.put_expected(Expected(Counts(2, 2), frozenset({LevelId("staff")})))
    answer = desk.answer(lambda done: desk.store.replace(staging, 1, done))
    assert isinstance(answer, PeopleRefused)
    assert str(answer) == "holder 'anna': no such level: 'lab'"
    every = frozenset({LevelId("staff"), LevelId("lab")})
    staging.put_expected(Expected(Counts(2, 2), every))
    assert desk.answer(lambda done: desk.store.replace(staging, 1, done)) is None


def test_people_who_are_not_there_are_missed(desk: Desk, tmp_path: Path) -> None:
    staging = staged(tmp_path / "staging", anna("26:1"))
    staging.put_expected(Expected(Counts(2, 1), frozenset()))
    answer = desk.answer(lambda done: desk.store.replace(staging, 1, done))
    assert str(answer) == "2 holders were announced, and 1 are there"


def test_pins_that_are_to_be_kept_outlast_a_replacement(desk: Desk) -> None:
    pin, duress = b"p" * 32, b"d" * 32
    desk.replace(1, anna("26:1", pin=pin, duress_pin=duress), bob("26:2"))
    desk.apply(put(2, anna("26:1", pin=duress, duress_pin=None)))  # beside the table
    kept = bob("26:2")._replace(holder=bob().holder._replace(pin=KEPT))
    assert desk.replace(3, anna("26:1", pin=KEPT, duress_pin=KEPT), kept) is None
    assert desk.pins() == {ANNA: (duress, None), BOB: (bytes(32), None)}


def test_somebody_new_has_no_pin_that_a_replacement_could_keep(desk: Desk) -> None:
    assert desk.replace(1, anna("26:1", pin=KEPT, duress_pin=KEPT)) is None
    assert desk.pins()[ANNA] == (None, None)


def test_what_changes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    post, begun, go_on = Posted(), threading.Event(), threading.Event()

    class Slow(Child):
        def wait(self) -> Exception | None:
            outcome = super().wait()
            begun.set()
            go_on.wait(30)
            return outcome

    store = PeopleStore.open(tmp_path / "people", post=post, start=Slow)
    answers: list[Exception | None] = []
    store.replace(staged(tmp_path / "staging", anna("26:1")), 9, answers.append)
    assert begun.wait(30)
    changed: list[Exception | None] = []
    store.apply(put(1, bob("26:2")), changed.append)
    post.until(lambda: bool(changed))
    go_on.set()
    post.until(lambda: bool(answers))
    assert "people 0 became people 1 meanwhile" in str(answers[0])
    assert store.view.find("26:2") is not None
    store.close()


def test_a_damaged_part_is_named(desk: Desk, tmp_path: Path) -> None:
    staging = staged(tmp_path / "staging", anna("26:1"))
    part = tmp_path / "staging" / "part-000001"
    part.write_bytes(damaged_at(part.read_bytes(), 60))
    answer = desk.answer(lambda done: desk.store.replace(staging, 1, done))
    assert isinstance(answer, StateError)
    assert "part-000001 is damaged" in str(answer)


def test_two_replacements_do_not_run_at_once(desk: Desk, tmp_path: Path) -> None:
    staging = staged(tmp_path / "staging", anna("26:1"))
    answers: list[Exception | None] = []
    for _ in range(2):
        desk.store.replace(staging, 1, answers.append)
    desk.post.until(lambda: len(answers) == 2)
    assert "being replaced already" in str(answers[0])
    assert answers[1] is None


def test_a_killed_build_is_answered(tmp_path: Path) -> None:
    post, children = Posted(), []

    def start(job: Job) -> Child:
        child = Child(job)
        os.kill(child.pid, signal.SIGKILL)
        children.append(child)
        return child

    store = PeopleStore.open(tmp_path / "people", post=post, start=start)
    answers: list[Exception | None] = []
    store.replace(staged(tmp_path / "staging", anna("26:1")), 1, answers.append)
    post.until(lambda: bool(answers))
    assert "ended with -9" in str(answers[0])
    store.close()


def test_a_build_that_cannot_begin_is_answered(tmp_path: Path) -> None:
    def start(_: Job) -> Child:
        raise OSError(11, "Resource temporarily unavailable")

    post = Posted()
    store = PeopleStore.open(tmp_path / "people", post=post, start=start)
    answers: list[Exception | None] = []
    store.replace(staged(tmp_path / "staging", anna("26:1")), 1, answers.append)
    post.until(lambda: bool(answers))
    assert isinstance(answers[0], OSError)
    store.close()


def test_closing_ends_a_build(desk: Desk, tmp_path: Path) -> None:
    answers: list[Exception | None] = []
    desk.store.replace(staged(tmp_path / "staging", anna("26:1")), 1, answers.append)
    desk.restart()
    assert desk.store.version in (0, 1)


# --- much has changed -------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Desk:
    monkeypatch.setattr(people_store, "REBUILT_AT", 6)
    monkeypatch.setattr(people_store, "MOST_BESIDE", 40)
    return desk


def crowd(version: int) -> PeopleChange:
    name = HolderId(f"holder {version}")
    return PeopleChange(
        version - 1,
        version,
        {name: Holder(name)},
        {f"26:{version}": Credential(f"26:{version}", name)},
        rest=f"{version}".encode(),
    )


def test_what_changed_becomes_a_table_while_it_goes_on_changing(small: Desk) -> None:
    def merged() -> bool:
        return small.store.view.layers.table.header.generation > 1

    version = 0
    while not merged() and version < 400:
        answer = small.apply(crowd(version + 1))
        if answer is None:
            version += 1
        else:
            assert "must be written anew first" in str(answer)
            small.post.until(merged)
    small.post.until(merged)
    for _ in range(2):
        found = [small.store.view.find(f"26:{each}") for each in range(1, version + 1)]
        assert None not in found
        assert (small.store.version, small.store.rest) == (version, f"{version}".encode())
        assert len(list(small.store.view.credentials())) == version
        small.restart()
    assert small.troubles == []


def test_a_table_that_cannot_be_written_anew_is_told(small: Desk) -> None:
    assert small.replace(1, anna("26:1")) is None
    table = next(small.directory.glob("*.table"))
    content = table.read_bytes()
    table.write_bytes(damaged_at(content, 4100))
    for version in range(2, 7):
        assert small.apply(crowd(version)) is None
    small.post.until(lambda: bool(small.troubles))
    assert "could not be written anew" in small.troubles[0]
    assert small.store.view.find("26:3") is not None
    with pytest.raises(DamagedRecord):
        small.store.view.find("26:1")
    assert "are damaged" in small.damage()[0]


# --- what is damaged --------------------------------------------------------------


def test_a_damaged_table_is_refused_by_name(desk: Desk) -> None:
    desk.store.close()
    table = desk.directory / "people-1.table"
    table.write_bytes(damaged_at(table.read_bytes(), 20))
    with pytest.raises(DamagedState, match=r"people-1\.table is damaged"):
        desk.open()


def test_a_change_of_somebody_damaged_is_answered(desk: Desk) -> None:
    desk.replace(1, anna("26:1"))
    table = desk.directory / "people-2.table"
    table.write_bytes(damaged_at(table.read_bytes(), 4100))
    assert isinstance(desk.apply(PeopleChange(1, 2, {}, {"26:1": None})), DamagedRecord)


def test_files_are_their_owners_only(desk: Desk) -> None:
    desk.replace(1, anna("26:1"))
    desk.store.close()  # the files of the table before are gone by then
    for each in desk.directory.iterdir():
        assert each.stat().st_mode & 0o777 == 0o600
    assert desk.directory.stat().st_mode & 0o777 == 0o700
