"""A file is replaced whole or not at all; the simulated disk and the real one agree."""

import os
from pathlib import Path

import pytest

from gatewayd.edge.disk import SYSTEM, Disk, replace, sync_directory, write_new
from tests.edge.crashing_disk import CrashingDisk, PowerCut, Step

NEW, OLD = b"n" * 250, b"o" * 150


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, Path]:
    if request.param == "real":
        return SYSTEM, tmp_path / "file"
    return CrashingDisk(), Path("/file")


def test_what_was_replaced_is_read_again(place: tuple[Disk, Path]) -> None:
    disk, path = place
    assert disk.read(path, 1000) is None
    replace(disk, path, OLD)
    assert disk.read(path, 1000) == OLD
    replace(disk, path, NEW)
    assert disk.read(path, 1000) == NEW
    assert disk.read(path, 10) == NEW[:10]
    assert disk.read(path.with_name("file.new"), 1) is None


def test_a_draft_that_was_left_over_is_in_nobodys_way(place: tuple[Disk, Path]) -> None:
    disk, path = place
    write_new(disk, path.with_name("file.new"), b"left over")
    replace(disk, path, NEW)
    assert disk.read(path, 1000) == NEW


def test_a_replaced_file_is_its_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        replace(SYSTEM, tmp_path / "file", NEW)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_power_cut_between_any_two_steps_leaves_the_old_or_the_new() -> None:
    path = Path("/file")
    steps: list[Step] = []
    seen: set[bytes | None] = set()
    disk = CrashingDisk()
    replace(disk, path, OLD)

    def cut(step: Step) -> None:
        steps.append(step)
        seen.update(image.read(path, 1000) for image in disk.images())

    disk.before_step = cut
    replace(disk, path, NEW)
    assert seen == {OLD, NEW}
    assert steps == ["create", *["write"] * 3, "sync", "rename", "sync names"]
    assert {image.read(path, 1000) for image in disk.images()} == {NEW}


def test_the_simulated_disk_would_catch_a_missing_sync() -> None:
    path = Path("/file")
    disk = CrashingDisk()
    replace(disk, path, OLD)
    handle = disk.create(Path("/file.new"))
    disk.write(handle, b"new")
    disk.close(handle)
    disk.rename(Path("/file.new"), path)
    sync_directory(disk, path.parent)
    left = {image.read(path, 1000) for image in disk.images()}
    assert left == {b"", b"n", bytes(3), b"new"}


def test_nothing_of_ours_catches_a_power_cut() -> None:
    assert not issubclass(PowerCut, Exception)
