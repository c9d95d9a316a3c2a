"""The root key is random, private and made by an explicit call only."""

import os
from pathlib import Path

import pytest

from gatewayd.edge.private_file import OTHERS, exposed
from gatewayd.edge.root_key import (
    CREDENTIAL,
    DIRECTORY,
    LENGTH,
    RootKey,
    create_root_key,
    find_root_key,
    flaw,
    read_root_key,
)
from gatewayd.errors import StateError

GOOD = bytes.fromhex("8f3c11d2a45e90b76611fe02c3d84a5b0d7e9af1245533c86a1b7740e2956fcd")


def private(path: Path, content: bytes = GOOD, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_root_key_is_made_private_random_and_readable(tmp_path: Path) -> None:
    made = create_root_key(tmp_path / "root")
    status = (tmp_path / "root").stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_size == LENGTH
    assert read_root_key(tmp_path / "root").name == made.name
    assert create_root_key(tmp_path / "other").name != made.name


def test_a_root_key_is_never_written_over_a_file(tmp_path: Path) -> None:
    made = create_root_key(tmp_path / "root")
    with pytest.raises(StateError, match=r"root: File exists"):
        create_root_key(tmp_path / "root")
    assert read_root_key(tmp_path / "root").name == made.name


def test_a_root_key_that_cannot_be_written_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=r"root: No space left"):
        create_root_key(tmp_path / "root")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o610])
def test_a_root_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "root", mode=mode)
    with pytest.raises(
        StateError, match=rf"root may be used by others .*{mode:03o}.*chmod 600"
    ):
        read_root_key(path)


def test_a_root_key_of_another_user_is_refused(tmp_path: Path) -> None:
    status = private(tmp_path / "root").stat()
    owned = os.stat_result([*status[:4], 4321, *status[5:]])
    assert exposed(owned, 1000, OTHERS) == "belongs to user 4321, who may read it: chown it"
    assert exposed(owned, 4321, OTHERS) is None


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("pipe", "regular"), (".", "directory"), ("none", "No such file")):
        with pytest.raises(StateError, match=why):
            read_root_key(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "has 32 bytes, this one has 0"),
        (GOOD[:-1], "has 32 bytes, this one has 31"),
        (GOOD + b"\n", "has 32 bytes, this one has 33"),
        (bytes(32), "all zero"),
        (b"\xa5" * 32, "repeat itself"),
        (GOOD[:16] * 2, "repeat itself"),
        (bytes(range(32)), "equal steps"),
        (bytes(range(255, 191, -2)), "equal steps"),
        (b"correct horse battery staple, OK", "not text"),
        (GOOD.hex()[:32].encode(), "not text"),
        (GOOD[:8] + bytes(24), "must be random"),
    ],
)
def test_a_root_key_that_is_none_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(StateError, match=why) as caught:
        read_root_key(private(tmp_path / "root", content))
    assert content.hex()[:16] not in str(caught.value) or not content
    with pytest.raises(ValueError, match=why):
        RootKey(content)


def test_a_file_that_is_far_too_long_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="longer than 128 bytes"):
        read_root_key(private(tmp_path / "root", bytes(1 << 20)))


def test_random_bytes_are_not_refused() -> None:
    assert {flaw(os.urandom(LENGTH)) for _ in range(1000)} == {None}


def test_every_purpose_has_its_own_key_and_the_name_is_none_of_them() -> None:
    root = RootKey(GOOD)
    assert len({root.derive("a"), root.derive("b"), GOOD}) == 3
    assert root.derive("a") == RootKey(GOOD).derive("a") != RootKey(GOOD[::-1]).derive("a")
    assert len(root.name) == 16
    assert not root.derive("a").hex().startswith(root.name)


def test_the_named_file_comes_first_then_the_credential_then_nothing(tmp_path: Path) -> None:
    environment = {DIRECTORY: str(tmp_path)}
    assert find_root_key(None, {}) is None
    assert find_root_key(None, environment) is None
    private(tmp_path / CREDENTIAL, mode=0o440)  # as systemd shows a file with an access list
    private(tmp_path / "named", GOOD[::-1])
    private(tmp_path / "another", GOOD[1:] + GOOD[:1])
    found = find_root_key(None, environment)
    named = find_root_key(tmp_path / "named", environment)
    another = find_root_key(None, environment, "another")
    assert found is not None
    assert named is not None
    assert another is not None
    assert found.name == RootKey(GOOD).name
    assert named.name == RootKey(GOOD[::-1]).name
    assert another.name not in (found.name, named.name)


def test_a_credential_that_cannot_be_used_is_an_error_not_nothing(tmp_path: Path) -> None:
    environment = {DIRECTORY: str(tmp_path)}
    private(tmp_path / CREDENTIAL, mode=0o444)
    with pytest.raises(StateError, match="by others"):
        find_root_key(None, environment)
    private(tmp_path / CREDENTIAL, b"short")
    with pytest.raises(StateError, match="this one has 5"):
        find_root_key(None, environment)
    with pytest.raises(StateError, match="No such file; `gatewayd keys make-root`"):
        find_root_key(tmp_path / "missing", environment)
