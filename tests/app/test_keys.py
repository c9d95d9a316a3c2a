"""A site that must be secure does not start without its root key."""

from pathlib import Path

import pytest

from gatewayd.app.keys import open_keys, require_keys
from gatewayd.config import Config, load
from gatewayd.core.model import ControllerId
from gatewayd.edge.key_seal import WrongRootKey
from gatewayd.edge.key_store import FILE
from gatewayd.edge.root_key import CREDENTIAL, DIRECTORY, create_root_key
from gatewayd.edge.secret import Secret
from gatewayd.errors import ConfigError, DamagedState, StateError

CONFIG = """
[site]
id = "s"
[mqtt]
host = "127.0.0.1"
[keys]
[lines.north]
kind = "tcp"
host = "127.0.0.1"
port = 9
[controllers.lobby]
line = "north"
address = 1
[controllers.annex]
line = "north"
address = 2
[doors.lobby]
lock = { controller = "lobby" }
"""
LOBBY = ControllerId("lobby")
KEY = Secret(bytes.fromhex("d3a94f17c06be8255b7290e14fcd386a"))


def site(place: Path, text: str = CONFIG) -> Config:
    path = place / "config.toml"
    path.write_text(text)
    return load(path)


def with_file(place: Path) -> Config:
    return site(place, CONFIG.replace("[keys]", '[keys]\nroot_key_file = "root"'))


def test_without_a_root_key_whoever_starts_is_told_what_to_do(tmp_path: Path) -> None:
    config = site(tmp_path)
    with pytest.raises(ConfigError, match="gatewayd keys make-root") as caught:
        require_keys(config, tmp_path, {})
    assert "annex, lobby" in str(caught.value)
    assert caught.value.exit_code == 78
    assert open_keys(config, tmp_path, {}) is None


def test_a_site_in_clear_needs_no_root_key(tmp_path: Path) -> None:
    text = CONFIG.replace("address", 'secure = "off"\naddress')
    assert require_keys(site(tmp_path, text), tmp_path, {}) is None


def test_the_root_key_is_a_credential_or_a_file(tmp_path: Path) -> None:
    root = create_root_key(tmp_path / CREDENTIAL)
    store = require_keys(site(tmp_path), tmp_path, {DIRECTORY: str(tmp_path)})
    assert store is not None
    assert store.root_name == root.name

    root = create_root_key(tmp_path / "root")
    store = require_keys(with_file(tmp_path), tmp_path, {DIRECTORY: str(tmp_path)})
    assert store is not None
    assert store.root_name == root.name


def test_a_root_key_that_is_named_must_be_there(tmp_path: Path) -> None:
    config = with_file(tmp_path)
    with pytest.raises(ConfigError, match=r"root_key_file: .*root: No such file"):
        require_keys(config, tmp_path, {})
    with pytest.raises(StateError, match="root: No such file"):
        open_keys(config, tmp_path, {})


def test_another_root_key_opens_nothing_and_changes_nothing(tmp_path: Path) -> None:
    create_root_key(tmp_path / "root")
    store = require_keys(with_file(tmp_path), tmp_path, {})
    assert store is not None
    store.set_first(LOBBY, KEY)
    before = (tmp_path / FILE).read_bytes()
    (tmp_path / "root").unlink()
    other = create_root_key(tmp_path / "root")
    with pytest.raises(WrongRootKey, match=f"{store.root_name}.*{other.name}"):
        require_keys(with_file(tmp_path), tmp_path, {})
    assert (tmp_path / FILE).read_bytes() == before


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    create_root_key(tmp_path / "root")
    (tmp_path / FILE).write_bytes(b"nonsense")
    with pytest.raises(DamagedState, match=FILE):
        require_keys(with_file(tmp_path), tmp_path, {})
