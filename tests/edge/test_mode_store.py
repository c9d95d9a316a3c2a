"""The modes of doors outlive the process, whole or not at all."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from gatewayd.core.model import DoorId, DoorMode
from gatewayd.edge.mode_store import FILE, LONGEST, ModeStore
from gatewayd.errors import DamagedState, StateError
from tests.edge.crashing_disk import CrashingDisk, Step

LOBBY, LAB = DoorId("lobby"), DoorId("lab")
BEFORE = {LOBBY: DoorMode.UNLOCKED}
AFTER = {LOBBY: DoorMode.LOCKED, LAB: DoorMode.BLOCKED}


def test_what_was_saved_last_is_loaded(tmp_path: Path) -> None:
    assert ModeStore(tmp_path).load() == {}
    ModeStore(tmp_path).save(BEFORE)
    ModeStore(tmp_path).save(AFTER)
    assert ModeStore(tmp_path).load() == AFTER
    (file,) = tmp_path.iterdir()
    assert file.read_text() == '{"lobby":"locked","lab":"blocked"}\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"lobby":"open"}',
        b'{"lobby":1}',
        b"\xff",
        b" " * (LONGEST + 1),
    ],
    ids=["empty", "cut", "list", "null", "no mode", "number", "no text", "endless"],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamagedState, match=FILE):
        ModeStore(tmp_path).load()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match=f"{FILE} cannot be read: Is a directory"):
        ModeStore(tmp_path).load()


def test_a_power_cut_leaves_the_modes_before_or_after() -> None:
    seen: list[Mapping[DoorId, DoorMode]] = []
    disk = CrashingDisk()
    store = ModeStore(Path("/"), disk)
    store.save(BEFORE)

    def cut(_: Step) -> None:
        seen.extend(ModeStore(Path("/"), image).load() for image in disk.images())

    disk.before_step = cut
    store.save(AFTER)
    assert BEFORE in seen
    assert all(modes in (BEFORE, AFTER) for modes in seen)
    assert [ModeStore(Path("/"), image).load() for image in disk.images()] == [AFTER]


def test_modes_that_could_not_be_replaced_are_not_taken_up_again(tmp_path: Path) -> None:
    """An older file would open a door that has been locked since."""
    ModeStore(tmp_path).save(BEFORE)
    (tmp_path / f"{FILE}.new").mkdir()  # so that no draft can be made
    with pytest.raises(OSError, match=os.strerror(21)):
        ModeStore(tmp_path).save(AFTER)
    assert ModeStore(tmp_path).load() == {}


def test_a_directory_that_is_gone_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ModeStore(tmp_path / "gone").save(AFTER)
