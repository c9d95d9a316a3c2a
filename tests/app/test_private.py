"""What the daemon keeps to itself, wherever it lies."""

from pathlib import Path

from gatewayd.app.private import private_places
from gatewayd.config import load
from tests.cli.conftest import CONFIG


def test_state_keys_passwords_and_credentials_are_private(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = CONFIG.format(place=tmp_path)
    for name in ("ca", "cert", "password", "tls-key"):
        (tmp_path / name).touch(0o600)
    more = (
        'username = "gatewayd"\npassword_file = "password"\n'
        'ca_file = "ca"\ncert_file = "cert"\nkey_file = "tls-key"\n'
    )
    host = 'host = "127.0.0.1"\n'
    text = text.replace(host, host + more, 1)
    path.write_text(text + f'[keys]\nroot_key_file = "{tmp_path}/root-key"\n')
    found = private_places(
        load(path), tmp_path / "state", {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}
    )
    names = ("state", "root-key", "password", "tls-key")
    assert set(found) == {*(tmp_path / name for name in names), Path("/run/credentials/x")}


def test_without_secrets_it_is_the_state_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(place=tmp_path))
    assert private_places(load(path), tmp_path / "state", {}) == (tmp_path / "state",)
