"""The permissions on disk are one whole version, or refused."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.permissions import Grant, Permissions, Update
from gatewayd.edge.permission_store import NOTHING, WAITING, PermissionStore
from gatewayd.errors import DamagedState, StateError
from tests.edge.posted import FAST, Posted

ANNA = Grant(
    HolderId("anna"),
    frozenset({DoorId("lobby"), DoorId("lab")}),
    valid_from=datetime(2030, 1, 1, 12, 30, 0, 1, tzinfo=UTC),
)
BOB = Grant(
    HolderId("bob"), frozenset(), valid_until=datetime(1969, 1, 1, tzinfo=UTC), enabled=False
)

moments = st.none() | st.datetimes(timezones=st.just(UTC))
grants = st.builds(
    Grant,
    holder=st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(HolderId),
    doors=st.frozensets(st.sampled_from([DoorId("a"), DoorId("b"), DoorId('"c,')])),
    valid_from=moments,
    valid_until=moments,
    enabled=st.booleans(),
)
keys = st.sampled_from([f"26:{number:08x}" for number in range(8)])


class Desk:
    """A store in a file, and the thread of its loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.post = Posted()
        self.store = PermissionStore.open(path, post=self.post)

    def restart(self) -> None:
        self.store.close()
        self.store = PermissionStore.open(self.path, post=self.post)

    def save(self, update: Update) -> Exception | None:
        answers: list[Exception | None] = []
        self.store.save(update, answers.append)
        self.post.until(lambda: bool(answers))
        (answer,) = answers
        return answer

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            assert database.execute(statement).rowcount


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "permissions.db")
    yield desk
    desk.store.close()


def test_a_new_store_is_empty_at_version_zero(desk: Desk) -> None:
    assert desk.store.load() == (0, {})
    assert desk.store.digest == NOTHING


def test_an_update_is_there_after_a_restart(desk: Desk) -> None:
    assert desk.save(Update(0, 3, {"k": ANNA, "l": BOB})) is None
    desk.restart()
    assert desk.store.load() == (3, {"k": ANNA, "l": BOB})
    assert desk.store.digest == Permissions(3, {"k": ANNA, "l": BOB}).digest


def test_an_update_changes_and_takes_away(desk: Desk) -> None:
    desk.save(Update(0, 1, {"k": ANNA, "l": BOB}))
    assert desk.save(Update(1, 2, {"k": BOB, "l": None, "never there": None})) is None
    assert desk.store.load() == (2, {"k": BOB})


def test_a_file_is_private(desk: Desk) -> None:
    assert desk.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("base", "version"), [(0, 2), (2, 3), (1, 1), (1, 0)])
def test_an_update_that_does_not_fit_changes_nothing(
    desk: Desk, base: int, version: int
) -> None:
    desk.save(Update(0, 1, {"k": ANNA}))
    why = desk.save(Update(base, version, {"k": None}))
    assert isinstance(why, StateError)
    assert "the disk holds permissions 1" in str(why)
    assert desk.store.load() == (1, {"k": ANNA})


def test_an_update_that_cannot_be_written_is_answered_and_changes_nothing(desk: Desk) -> None:
    desk.save(Update(0, 1, {"k": ANNA}))
    intruder = sqlite3.connect(desk.path, isolation_level=None)
    with closing(intruder):
        intruder.execute("BEGIN IMMEDIATE")
        why = desk.save(Update(1, 2, {"k": None}))
        assert isinstance(why, sqlite3.OperationalError)
    assert desk.store.load() == (1, {"k": ANNA})
    assert desk.save(Update(1, 2, {"k": None})) is None


def test_an_update_with_a_time_without_zone_fails_alone(desk: Desk) -> None:
    wrong = Grant(HolderId("h"), frozenset(), valid_from=datetime(2030, 1, 1))  # noqa: DTZ001 - the point
    assert isinstance(desk.save(Update(0, 1, {"a": ANNA, "k": wrong})), TypeError)
    assert desk.save(Update(0, 1, {"a": ANNA})) is None
    assert desk.store.load() == (1, {"a": ANNA})


def test_times_of_other_zones_come_back_as_the_same_moment(desk: Desk) -> None:
    noon = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    desk.save(Update(0, 1, {"k": Grant(HolderId("h"), frozenset(), noon)}))
    assert desk.store.load()[1]["k"].valid_from == datetime(2030, 1, 1, 10, tzinfo=UTC)


def test_waiting_updates_are_bounded(desk: Desk) -> None:
    answers: list[Exception | None] = []
    intruder = sqlite3.connect(desk.path, isolation_level=None)
    with closing(intruder):
        intruder.execute("BEGIN IMMEDIATE")
        for _ in range(WAITING + 5):
            desk.store.save(Update(0, 1, {}), answers.append)
        assert "waiting already" in str(answers[0])
    desk.post.until(lambda: len(answers) == WAITING + 5)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE permission SET doors = '[\"vault\"]' WHERE key = 'k'",
        "UPDATE permission SET doors = 'no list' WHERE key = 'k'",
        "UPDATE permission SET doors = 7 WHERE key = 'k'",
        "UPDATE permission SET holder = 'eve' WHERE key = 'k'",
        "UPDATE permission SET valid_from = NULL WHERE key = 'k'",
        "UPDATE permission SET valid_from = 9e18 WHERE key = 'k'",
        "UPDATE permission SET enabled = 1 WHERE key = 'l'",
        "UPDATE permission SET key = 'm' WHERE key = 'k'",
        "DELETE FROM permission WHERE key = 'l'",
        "INSERT INTO permission VALUES ('m', 'eve', '[]', NULL, NULL, 1)",
        "UPDATE held SET digest = 'x'",
        "DELETE FROM held",
    ],
)
def test_damage_is_refused_by_name_and_never_grants(desk: Desk, damage: str) -> None:
    desk.save(Update(0, 1, {"k": ANNA, "l": BOB}))
    desk.change(damage)
    with pytest.raises(DamagedState, match=r"permissions\.db is damaged"):
        desk.store.load()


def test_a_damaged_file_is_refused_by_name(desk: Desk) -> None:
    desk.save(Update(0, 1, {f"26:{number:08x}": ANNA for number in range(500)}))
    desk.store.close()
    content = bytearray(desk.path.read_bytes())
    content[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    desk.path.write_bytes(content)
    with pytest.raises(DamagedState, match=r"permissions\.db is damaged"):
        desk.restart()


def test_a_closed_store_says_so(desk: Desk) -> None:
    desk.store.close()
    with pytest.raises(StateError, match=r"permissions\.db"):
        desk.store.load()


@given(held=st.dictionaries(keys, grants), at=st.integers(1, 2**62))
def test_every_grant_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, held: dict[str, Grant], at: int
) -> None:
    desk = Desk(tmp_path_factory.mktemp("store") / "permissions.db")
    assert desk.save(Update(0, at, held)) is None
    assert desk.store.load() == (at, held)
    desk.store.close()


class StoreMachine(RuleBasedStateMachine):
    """Against a dictionary: updates that fit count, others change nothing, starts neither."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory(dir=FAST)
        self.desk = Desk(Path(self.directory.name) / "permissions.db")
        self.version = 0
        self.held: dict[str, Grant] = {}

    @rule(changes=st.dictionaries(keys, st.none() | grants), step=st.integers(1, 5))
    def save(self, changes: dict[str, Grant | None], step: int) -> None:
        assert self.desk.save(Update(self.version, self.version + step, changes)) is None
        self.version += step
        merged = {**self.held, **changes}
        self.held = {key: grant for key, grant in merged.items() if grant is not None}

    @rule(changes=st.dictionaries(keys, st.none() | grants), off=st.integers(1, 3))
    def save_what_does_not_fit(self, changes: dict[str, Grant | None], off: int) -> None:
        assert self.desk.save(Update(self.version + off, self.version + 9, changes)) is not None

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @rule()
    def load(self) -> None:
        assert self.desk.store.load() == (self.version, self.held)

    def teardown(self) -> None:
        self.load()
        self.desk.store.close()
        self.directory.cleanup()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(stateful_step_count=15)  # each restart opens files
