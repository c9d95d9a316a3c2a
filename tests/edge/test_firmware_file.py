"""Only a plain file of moderate size, and none of the daemon's own, is read."""

import hashlib
import os
from pathlib import Path

import pytest

from gatewayd.edge.firmware_file import FirmwareFile, Unfit, read_firmware
from protocol.osdp.file_sender import LARGEST_FILE


@pytest.fixture
def state(tmp_path: Path) -> Path:
    place = tmp_path / "state"
    place.mkdir()
    return place


def test_a_file_is_read_with_its_digest(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(b"firmware")
    file = read_firmware(path, [state])
    assert file == FirmwareFile(str(path), b"firmware", hashlib.sha256(b"firmware").hexdigest())
    assert "content" not in repr(file)


def test_what_is_not_there_or_empty_is_refused(tmp_path: Path, state: Path) -> None:
    with pytest.raises(Unfit, match="No such file"):
        read_firmware(tmp_path / "new.bin", [state])
    (tmp_path / "new.bin").touch()
    with pytest.raises(Unfit, match="is empty"):
        read_firmware(tmp_path / "new.bin", [state])


def test_a_file_that_is_too_long_is_refused(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "new.bin"
    path.touch()
    os.truncate(path, LARGEST_FILE + 1)
    with pytest.raises(Unfit, match="is longer than 16 MiB"):
        read_firmware(path, [state])


def test_nothing_but_a_regular_file_is_opened_for_long(tmp_path: Path, state: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(Unfit):
            read_firmware(tmp_path / name, [state])
    with pytest.raises(Unfit, match="is no regular file"):
        read_firmware(Path("/dev/zero"), [state])


def test_a_link_is_followed_but_not_into_the_state_directory(
    tmp_path: Path, state: Path
) -> None:
    (tmp_path / "new.bin").write_bytes(b"firmware")
    (state / "keys").write_bytes(b"secret")
    (tmp_path / "latest").symlink_to("new.bin")
    (tmp_path / "sly").symlink_to("state/keys")
    assert read_firmware(tmp_path / "latest", [state]).content == b"firmware"
    for path in (state / "keys", tmp_path / "sly", tmp_path / "x" / ".." / "state" / "keys"):
        with pytest.raises(Unfit):
            read_firmware(path, [state])


def test_links_in_a_circle_and_names_that_are_none_are_refused(
    tmp_path: Path, state: Path
) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / "a", Path("/tmp/\0"), tmp_path / ("x" * 300)):  # noqa: S108 - never opened
        with pytest.raises(Unfit):
            read_firmware(path, [state])


def test_no_other_name_of_a_private_file_helps(tmp_path: Path, state: Path) -> None:
    key = tmp_path / "root-key"
    key.write_bytes(b"secret")
    (state / "keys").write_bytes(b"secret")
    os.link(key, tmp_path / "new.bin")
    os.link(state / "keys", tmp_path / "newer.bin")
    (tmp_path / "latest").symlink_to("new.bin")
    for name in ("root-key", "new.bin", "newer.bin", "latest"):
        with pytest.raises(Unfit, match="the daemon's own files"):
            read_firmware(tmp_path / name, [state, key, tmp_path / "not-there"])


def test_what_has_no_size_is_no_file_for_anybody(state: Path) -> None:
    with pytest.raises(Unfit, match="is empty"):
        read_firmware(Path("/proc/self/environ"), [state])
