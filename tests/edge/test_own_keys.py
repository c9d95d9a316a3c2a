"""The gateway's own keys: made once, kept sealed, and never replaced in silence."""

import os
from pathlib import Path

import pytest

from gatewayd.core.model import HolderId
from gatewayd.core.pin_entry import Digits
from gatewayd.edge import box_key, site_key
from gatewayd.edge.own_key import Purpose, read_or_make
from gatewayd.edge.root_key import RootKey
from gatewayd.errors import DamagedState, StateError

ROOT, OTHER = RootKey(os.urandom(32)), RootKey(os.urandom(32))
PURPOSES = pytest.mark.parametrize("purpose", [site_key.PURPOSE, box_key.PURPOSE])
ANNA, PIN = HolderId("anna"), Digits("2580")


@PURPOSES
@pytest.mark.parametrize("root", [None, ROOT])
def test_a_key_is_made_once_and_for_its_owner_only(
    tmp_path: Path, purpose: Purpose, root: RootKey | None
) -> None:
    first, again = (read_or_make(tmp_path, purpose, root) for _ in range(2))
    assert (first.is_new, again.is_new) == (True, False)
    assert first.key == again.key
    assert (tmp_path / purpose.file).stat().st_mode & 0o777 == 0o600


def test_what_is_sealed_shows_nothing(tmp_path: Path) -> None:
    made = read_or_make(tmp_path, site_key.PURPOSE, ROOT)
    assert made.key.reveal().hex() not in (tmp_path / site_key.FILE).read_text()


def test_a_plain_key_is_sealed_once_there_is_a_root_key(tmp_path: Path) -> None:
    plain = read_or_make(tmp_path, site_key.PURPOSE, None)
    assert read_or_make(tmp_path, site_key.PURPOSE, ROOT).key == plain.key
    assert plain.key.reveal().hex() not in (tmp_path / site_key.FILE).read_text()
    with pytest.raises(StateError, match="there is none at hand"):
        read_or_make(tmp_path, site_key.PURPOSE, None)


@PURPOSES
@pytest.mark.parametrize("root", [None, OTHER])
def test_a_lost_or_foreign_root_key_is_named_and_nothing_is_made(
    tmp_path: Path, purpose: Purpose, root: RootKey | None
) -> None:
    read_or_make(tmp_path, purpose, ROOT)
    before = (tmp_path / purpose.file).read_bytes()
    with pytest.raises(StateError) as caught:
        read_or_make(tmp_path, purpose, root)
    said = f"{caught.value}"
    assert f"sealed under root key {ROOT.name}" in said
    assert OTHER.name in said or root is None
    assert f"remove the file: {purpose.loss}" in said
    assert (tmp_path / purpose.file).read_bytes() == before


def test_whoever_loses_the_key_to_pins_is_told_that_they_are_gone() -> None:
    assert "all PINs are gone" in site_key.PURPOSE.loss
    assert "must be sent again" in site_key.PINS_ARE_GONE


@PURPOSES
@pytest.mark.parametrize("root", [None, ROOT])
def test_every_flipped_bit_is_damage_or_another_root_key(
    tmp_path: Path, purpose: Purpose, root: RootKey | None
) -> None:
    made = read_or_make(tmp_path, purpose, root).key
    path = tmp_path / purpose.file
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(StateError) as caught:
            read_or_make(tmp_path, purpose, root)
        assert str(path) in f"{caught.value}"
        assert made.reveal().hex() not in f"{caught.value}"


@pytest.mark.parametrize("content", [b"", b"x" * 400, b"\n", b"\xff" * 9])
def test_what_is_no_key_is_damage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / site_key.FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(DamagedState, match="remove it: a new key is made, and all PINs"):
        site_key.site_key(tmp_path, None)


def test_one_key_is_not_taken_for_the_other(tmp_path: Path) -> None:
    for root in (None, ROOT):
        box_key.box_key(tmp_path, root)
        (tmp_path / box_key.FILE).rename(tmp_path / site_key.FILE)
        with pytest.raises(DamagedState, match="holds no such key"):
            site_key.site_key(tmp_path, root)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    site_key.site_key(tmp_path, None)
    (tmp_path / site_key.FILE).chmod(0o644)
    with pytest.raises(StateError, match="chmod 600"):
        site_key.site_key(tmp_path, None)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="gone"):
        site_key.site_key(tmp_path / "gone", None)


def test_a_pin_is_the_same_after_a_restart(tmp_path: Path) -> None:
    (first, is_new), (again, _) = (site_key.site_key(tmp_path, ROOT) for _ in range(2))
    assert is_new
    assert first.pin_of(ANNA, PIN) == again.pin_of(ANNA, PIN)


def test_the_public_key_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first, again = (box_key.box_key(tmp_path, ROOT) for _ in range(2))
    assert first.public == again.public
