"""A disk that is full or fails at any step: nothing is given, and what is taken away denies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.core.access.model import Credential, CredentialState, LevelId
from gatewayd.core.access.people import PeopleChange
from gatewayd.edge.disk import Handle
from gatewayd.edge.people_disk import SystemPeopleDisk
from gatewayd.errors import StateError
from tests.edge.people_kit import ANNA, BOB, anna, bob
from tests.edge.test_people_store import Desk, put

FULL = OSError(28, "No space left on device")
VAULT = LevelId("vault")


class FailingDisk(SystemPeopleDisk):
    """Fails at one step from the moment it is told to."""

    step = ""

    def create(self, path: Path) -> Handle:
        self._fail_at("create")
        return super().create(path)

    def write(self, handle: Handle, content: bytes) -> int:
        self._fail_at("write")
        return super().write(handle, content)

    def write_at(self, handle: Handle, content: bytes, at: int) -> int:
        self._fail_at("write at")
        return super().write_at(handle, content, at)

    def sync(self, handle: Handle) -> None:
        self._fail_at("sync")
        super().sync(handle)

    def rename(self, old: Path, new: Path) -> None:
        self._fail_at("rename")
        super().rename(old, new)

    def _fail_at(self, step: str) -> None:
        if step == self.step:
            raise FULL


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def desk(tmp_path: Path, disk: FailingDisk) -> Iterator[Desk]:
    desk = Desk(tmp_path / "people")
    desk.restart(disk)
    assert desk.apply(put(1, anna("26:1", "26:2"), bob("26:3"))) is None
    yield desk
    disk.step = ""
    desk.store.close()


@pytest.mark.parametrize("step", ["write at", "sync"])
def test_a_change_that_does_not_last_takes_away_and_gives_nothing(
    desk: Desk, disk: FailingDisk, step: str
) -> None:
    disk.step = step
    more = bob("26:4")._replace(holder=bob().holder._replace(levels=(VAULT,)))
    change = put(2, more)
    taken: dict[str, Credential | None] = {
        "26:1": Credential("26:1", ANNA, CredentialState.LOST),
        "26:2": None,
    }
    why = desk.apply(
        PeopleChange(1, 2, change.holders, {**change.credentials, **taken}, b"new")
    )
    assert isinstance(why, StateError)
    store = desk.store
    assert (store.version, store.rest) == (1, b"")
    lost = store.view.credential("26:1")
    assert lost is not None
    assert lost.state is CredentialState.LOST
    assert store.view.find("26:2") is None
    assert store.view.find("26:4") is None
    holder = store.view.holder(BOB)
    assert holder is not None
    assert VAULT not in holder.levels
    disk.step = ""
    assert desk.apply(PeopleChange(1, 2, {}, taken)) is None
    desk.restart(disk)
    assert (desk.store.version, desk.store.view.find("26:2")) == (2, None)
    assert desk.store.view.find("26:4") is None


@pytest.mark.parametrize("step", ["create", "write", "sync", "rename"])
def test_people_who_cannot_be_kept_replace_nobody(
    desk: Desk, disk: FailingDisk, step: str
) -> None:
    disk.step = step
    why = desk.replace(2, anna("26:1", "26:9"))
    assert isinstance(why, StateError)
    for _ in range(2):
        store = desk.store
        assert (store.version, store.rest) == (1, b"")
        assert store.view.find("26:9") is None
        assert store.view.find("26:3") is not None
        disk.step = ""
        desk.restart(disk)
    assert desk.replace(2, anna("26:9")) is None
    assert desk.store.view.find("26:9") is not None
    assert desk.store.view.find("26:3") is None


def test_a_change_lasts_also_after_people_who_could_not_be_kept(
    desk: Desk, disk: FailingDisk
) -> None:
    disk.step = "rename"
    assert desk.replace(2, anna("26:9")) is not None
    revoked = PeopleChange(1, 2, {}, {"26:1": None})
    assert isinstance(desk.apply(revoked), StateError)  # which people count is in doubt
    assert desk.store.view.find("26:1") is None
    disk.step = ""
    assert desk.apply(revoked) is None
    desk.restart(disk)
    assert desk.store.view.find("26:1") is None
    assert desk.store.view.find("26:9") is None
