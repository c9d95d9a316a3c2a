"""Whatever moment the power goes at, the people are those before a change or those after it.

Before every single step on the disk all that a power cut could leave is opened, and must be
one of the two, whole. Now and then the power is really cut, the process killed, or a step
fails, and life goes on with what is left.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatewayd.core.access.model import Credential, Holder
from gatewayd.core.access.people import PeopleChange, Person, weight, worked_out
from gatewayd.core.access.pins import PIN_ALONE
from gatewayd.core.model import HolderId
from gatewayd.edge.disk import write_new
from gatewayd.edge.people_build import PeopleRefused, Plan, build
from gatewayd.edge.people_files import CURRENT, PeopleFiles
from gatewayd.errors import DamagedState, StateError
from tests.edge.crashing_disk import PowerCut, Step, nothing
from tests.edge.people_kit import (
    ANNA,
    CrashingPeopleDisk,
    anna,
    bob,
    by_holder,
    credentials,
    damaged_at,
    holders,
)

PATH = Path("/")
BROKEN = OSError(5, "Input/output error")

People = Mapping[HolderId, Person]
Seen = tuple[int, bytes, Mapping[HolderId, object]]
Trouble = tuple[Step, BaseException, int] | None  # the last: how often it goes well before

STEPS: list[Step] = ["sync names", "rename", "sync", "write", "create"]
troubles = st.none() | st.tuples(
    st.sampled_from(STEPS), st.sampled_from([BROKEN, PowerCut()]), st.integers(0, 2)
)
changes = st.tuples(st.lists(holders, max_size=3), st.lists(credentials, max_size=4))


def shown(files: PeopleFiles) -> Seen:
    """What the files say, as something to compare; credentials in no order."""
    state = files.state
    people = {each.holder.id: comparable(each) for each in state.layers.people()}
    assert state.total == sum(map(weight, state.layers.people())) % (1 << 256)
    for person in state.layers.people():
        for each in person.credentials:
            assert state.layers.find(each.key) == (each, person.holder)
    return state.version, state.rest, people


def comparable(person: Person) -> object:
    return person.holder, frozenset(person.credentials)


def expected(version: int, rest: bytes, people: People) -> Seen:
    return version, rest, {each: comparable(person) for each, person in people.items()}


class PeopleAndPower(RuleBasedStateMachine):
    """The files of some people, a model of them, and the power."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - of a test
        self.disk = CrashingPeopleDisk()
        self.seen: dict[object, Seen] = {}
        self.possible: list[Seen] = [expected(0, b"", {})]
        self.disk.before_step = lambda _: self.look()
        self.files = PeopleFiles.open(PATH, self.disk)
        self.disk.before_step = nothing
        self.sure = True  # that nothing but what is held can be left by a power cut
        self.version, self.rest = 0, b""
        self.people: dict[HolderId, Person] = {}

    def look(self) -> None:
        """Open all that a power cut now could leave."""
        for image in self.disk.images():
            content = tuple((path, each.content) for path, each in image.names.items())
            found = self.seen.get(content)
            if found is None:
                found = self.seen[content] = shown(PeopleFiles.open(PATH, image))
            assert found in self.possible

    def attempt(self, do: Callable[[], object], after: Seen, trouble: Trouble) -> None:
        """Do it, and take over whatever came of it."""
        before = shown(self.files)
        self.possible = [before, after, *self.left()]

        steps: list[Step] = []

        def before_step(step: Step) -> None:
            self.look()
            if trouble is not None and step == trouble[0]:
                steps.append(step)
                if len(steps) > trouble[2]:
                    raise trouble[1]

        self.disk.before_step = before_step
        self.sure = False
        try:
            do()
            self.sure = True
        except PowerCut:
            self.disk.before_step = nothing
            self.restart(self.chance.choice(list(self.disk.images())))
        except StateError:
            assert shown(self.files) == before
        finally:
            self.disk.before_step = nothing

    def left(self) -> list[Seen]:
        """What a power cut could leave before anything was done; a failed step leaves doubt."""
        return [shown(PeopleFiles.open(PATH, each)) for each in self.disk.images()]

    def restart(self, disk: CrashingPeopleDisk) -> None:
        self.disk = disk
        self.files = PeopleFiles.open(PATH, disk)
        self.sure = True
        self.take_over()

    def take_over(self) -> None:
        state = self.files.state
        self.version, self.rest = state.version, state.rest
        self.people = {each.holder.id: each for each in state.layers.people()}

    @rule(
        made=changes,
        gone=st.booleans(),
        rest=st.none() | st.binary(max_size=5),
        trouble=troubles,
    )
    def change(
        self,
        made: tuple[list[Holder], list[Credential]],
        gone: bool,  # noqa: FBT001 - given by name
        rest: bytes | None,
        trouble: Trouble,
    ) -> None:
        some: dict[HolderId, Holder | None] = {each.id: each for each in made[0]}
        cards: dict[str, Credential | None] = {each.key: each for each in made[1]}
        if gone and ANNA in self.people:
            some[ANNA] = None
            cards |= {each.key: None for each in self.people[ANNA].credentials}
        change = PeopleChange(self.version, self.version + 1, some, cards, rest)
        after = self.changed(change)
        outcome = worked_out(self.files.state.layers, change)
        assert bool(outcome.mistakes) == (after is None)
        if after is not None:
            delta = self.files.delta(change, outcome)
            told = expected(change.version, self.rest if rest is None else rest, after)

            def do() -> None:
                self.files.commit(delta)
                self.files.shown(delta)
                self.take_over()

            self.attempt(do, told, trouble)

    def changed(self, change: PeopleChange) -> People | None:
        """The plain way: all rows in two dictionaries. A PIN alone goes with its holder."""
        people = self.people.values()
        some: dict[HolderId, Holder | None] = {each.holder.id: each.holder for each in people}
        some |= change.holders
        had = {card.key: card for each in people for card in each.credentials}
        pins = {key: card.holder for key, card in had.items() if key.startswith(PIN_ALONE)}
        for key, holder in pins.items():
            card = change.credentials.get(key)
            if card is not None and card.holder != holder and some[holder] is not None:
                return None
        cards: dict[str, Credential | None] = {
            key: card
            for key, card in had.items()
            if key not in pins or some[pins[key]] is not None
        }
        cards |= change.credentials
        left = {each: holder for each, holder in some.items() if holder is not None}
        held = [card for card in cards.values() if card is not None]
        if any(card.holder not in left for card in held):
            return None
        return by_holder(left.values(), held)

    @rule(made=changes, trouble=troubles)
    def replace_everybody(
        self, made: tuple[list[Holder], list[Credential]], trouble: Trouble
    ) -> None:
        people = by_holder(*made)
        self.switch(people, self.version + 1, self.files.logged, trouble)

    @rule(trouble=troubles)
    def merge(self, trouble: Trouble) -> None:
        self.switch(self.people, self.version, self.files.logged, trouble)

    def switch(self, people: People, version: int, since: int, trouble: Trouble) -> None:
        after = expected(version, b"rest", people)

        def do() -> None:
            generation = self.files.next_generation()
            file = BytesIO()
            build(file, people.values(), Plan(generation, version, 9, 19, b"rest"))
            try:
                write_new(self.disk, self.files.names(generation).table, file.getvalue())
            except OSError as error:  # the child says so
                raise StateError("no table") from error
            before = self.files.generation
            self.files.adopt(generation, since)
            self.take_over()
            try:
                self.files.retire(before)
            except OSError:  # told to nobody: the next start tries again
                return

        self.attempt(do, after, trouble)

    @rule()
    def kill_the_process(self) -> None:
        self.restart(self.disk)

    @rule(picked=st.integers(0, 20))
    def cut_the_power(self, picked: int) -> None:
        images = list(self.disk.images())
        self.restart(images[picked % len(images)])

    @invariant()
    def it_is_what_it_should_be(self) -> None:
        told = expected(self.version, self.rest, self.people)
        assert shown(self.files) == told
        if self.sure:
            self.possible = [told]
            self.look()


TestPeopleAndPower = PeopleAndPower.TestCase
TestPeopleAndPower.settings = settings(stateful_step_count=12)


# --- what such a machine finds once in a long while, told ---------------------------


@pytest.fixture
def site() -> PeopleAndPower:
    machine = PeopleAndPower()
    machine.begin(1)
    machine.change(
        ([anna().holder], [*anna("26:1").credentials]), gone=False, rest=None, trouble=None
    )
    return machine


def test_a_change_is_not_lost_to_a_switch_that_failed(site: PeopleAndPower) -> None:
    site.merge(("sync names", BROKEN, 1))  # which generation counts? nobody knows
    site.it_is_what_it_should_be()
    site.change(([bob().holder], []), gone=False, rest=None, trouble=None)
    assert site.sure
    site.it_is_what_it_should_be()


def test_a_table_does_not_take_the_name_of_one_that_may_count(site: PeopleAndPower) -> None:
    site.merge(("sync names", BROKEN, 1))
    site.replace_everybody(([bob().holder], []), ("write", BROKEN, 0))
    site.it_is_what_it_should_be()


def test_what_a_killed_process_left_is_made_to_last_before_it_is_believed(
    site: PeopleAndPower,
) -> None:
    site.change(([bob().holder], []), gone=False, rest=None, trouble=("sync", BROKEN, 0))
    site.kill_the_process()
    assert site.version == 2
    site.it_is_what_it_should_be()


def test_a_mark_that_cannot_be_written_fails_no_change_that_lasts(site: PeopleAndPower) -> None:
    site.change(([bob().holder], []), gone=False, rest=None, trouble=("write", BROKEN, 1))
    assert (site.version, site.sure) == (2, True)
    site.change(([], []), gone=True, rest=None, trouble=None)
    assert site.version == 3
    site.kill_the_process()
    site.it_is_what_it_should_be()


# --- told one by one --------------------------------------------------------------


def changed(files: PeopleFiles, change: PeopleChange) -> None:
    outcome = worked_out(files.state.layers, change)
    assert not outcome.mistakes
    delta = files.delta(change, outcome)
    files.commit(delta)
    files.shown(delta)


def put(version: int, *people: Person) -> PeopleChange:
    return PeopleChange(
        version - 1,
        version,
        {each.holder.id: each.holder for each in people},
        {card.key: card for each in people for card in each.credentials},
    )


@pytest.fixture
def disk() -> CrashingPeopleDisk:
    disk = CrashingPeopleDisk()
    files = PeopleFiles.open(PATH, disk)
    changed(files, put(1, anna("26:1"), bob("26:2")))
    changed(files, PeopleChange(1, 2, {}, {"26:1": None}))
    return disk


def test_changes_are_there_after_a_restart(disk: CrashingPeopleDisk) -> None:
    state = PeopleFiles.open(PATH, disk).state
    assert (state.version, state.layers.find("26:1")) == (2, None)
    assert state.layers.find("26:2") == (bob("26:2").credentials[0], bob().holder)


def test_no_byte_of_the_log_brings_a_right_back(disk: CrashingPeopleDisk) -> None:
    log = PATH / "people-1.log"
    content = disk.names[log].content
    for at in (*range(600), *range(1024, 1100), *range(4096, len(content))):
        disk.names[log].content = damaged_at(content, at, at % 8)
        with suppress(DamagedState):
            state = PeopleFiles.open(PATH, disk).state
            assert (state.version, state.layers.find("26:1")) == (2, None)


def test_no_byte_of_current_leads_elsewhere(disk: CrashingPeopleDisk) -> None:
    current = PATH / CURRENT
    content = disk.names[current].content
    for at in range(len(content)):
        disk.names[current].content = damaged_at(content, at, at % 8)
        with pytest.raises(DamagedState, match="current is damaged"):
            PeopleFiles.open(PATH, disk)


@pytest.mark.parametrize("keep", [0, 100, 4095, 4096, 4200])
def test_a_truncated_log_is_refused(disk: CrashingPeopleDisk, keep: int) -> None:
    log = PATH / "people-1.log"
    disk.names[log].content = disk.names[log].content[:keep]
    with pytest.raises(DamagedState, match=r"people-1\.log is damaged"):
        PeopleFiles.open(PATH, disk)


def test_the_log_of_another_table_is_refused(disk: CrashingPeopleDisk) -> None:
    other = CrashingPeopleDisk()
    PeopleFiles.open(PATH, other)
    log = PATH / "people-1.log"
    disk.names[log].content = other.names[log].content
    with pytest.raises(DamagedState, match="belongs to another table"):
        PeopleFiles.open(PATH, disk)


@pytest.mark.parametrize("name", [CURRENT, "people-1.table", "people-1.log"])
def test_a_missing_file_is_refused(disk: CrashingPeopleDisk, name: str) -> None:
    del disk.names[PATH / name]
    with pytest.raises(StateError, match=name):
        PeopleFiles.open(PATH, disk)


def test_a_table_of_another_generation_is_refused(disk: CrashingPeopleDisk) -> None:
    file = BytesIO()
    build(file, [], Plan(9, 9, 0, 0))
    disk.names[PATH / "people-1.table"].content = file.getvalue()
    with pytest.raises(DamagedState, match="of generation 9"):
        PeopleFiles.open(PATH, disk)


def test_people_that_come_to_another_digest_are_not_taken(disk: CrashingPeopleDisk) -> None:
    files = PeopleFiles.open(PATH, disk)
    file = BytesIO()
    build(file, [anna("26:9")], Plan(2, 9, 1, 1))
    write_new(disk, files.names(2).table, file.getvalue())
    with pytest.raises(PeopleRefused, match="come to digest"):
        files.adopt(2, 0, "0" * 64)
    files.retire(2)
    assert shown(PeopleFiles.open(PATH, disk)) == shown(files)


def test_what_an_earlier_run_left_is_swept(disk: CrashingPeopleDisk) -> None:
    write_new(disk, PATH / "people-2.table", b"half a table")
    PeopleFiles.open(PATH, disk)
    assert disk.listing(PATH) == [CURRENT, "people-1.log", "people-1.table"]


def test_a_log_that_is_full_takes_no_more(
    disk: CrashingPeopleDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = PeopleFiles.open(PATH, disk)
    monkeypatch.setattr("gatewayd.edge.people_log.LONGEST", files._log.end + 10)
    with pytest.raises(StateError, match="no room before the table is written anew"):
        changed(files, put(3, anna("26:7")))
