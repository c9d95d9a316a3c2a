"""`gatewayd keys …` and what `gatewayd check` says of keys, without a daemon."""

import json
from pathlib import Path

import pytest

from gatewayd.edge.key_seal import SEALED
from tests.cli.conftest import gatewayd
from tests.nursery import Ended

KEY = "8f3c11d2a45e90b76611fe02c3d84a5b"
OTHER_KEY = "d3a94f17c06be8255b7290e14fcd386a"


@pytest.fixture
def site(config: Path) -> Path:
    """A configuration with a unit that must be secure, and a root key yet to be made."""
    rewrite(config, 'secure = "off"\n', "")
    rewrite(config, "[mqtt]", '[keys]\nroot_key_file = "root-key"\n[mqtt]')
    return config


def rewrite(config: Path, old: str, new: str) -> None:
    config.write_text(config.read_text().replace(old, new))


def key_file(place: Path, *lines: str) -> Path:
    path = place / "keys"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


async def keys(site: Path, *arguments: str | Path) -> Ended:
    return await gatewayd("keys", *arguments, "--config", site)


async def listed(site: Path) -> dict[str, object]:
    ended = await keys(site, "list", "--json")
    assert ended.code == 0, ended.err
    result: dict[str, object] = json.loads(ended.out)["result"]
    return result


async def test_a_root_key_is_made_once_and_never_shown(site: Path) -> None:
    ended = await keys(site, "make-root")
    assert ended.code == 0, ended.err
    path = site.with_name("root-key")
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_bytes()
    assert "systemd-creds encrypt --name=gatewayd-root-key" in ended.out
    assert "LoadCredentialEncrypted=gatewayd-root-key:" in ended.out
    assert made.hex() not in ended.out

    ended = await keys(site, "make-root")
    assert ended.code == 74
    assert "root-key: File exists" in ended.err
    assert path.read_bytes() == made


async def test_a_root_key_goes_where_it_is_told_without_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere"
    ended = await gatewayd("keys", "make-root", "--out", path)
    assert ended.code == 0, ended.err
    assert len(path.read_bytes()) == 32


async def test_somewhere_must_be_named(config: Path) -> None:
    ended = await keys(config, "make-root")
    assert ended.code == 64
    assert "--out FILE" in ended.err


async def test_keys_are_imported_listed_and_forgotten_without_a_daemon(site: Path) -> None:
    file = key_file(site.parent, f"unit {KEY}")
    ended = await keys(site, "import", file)
    assert ended.code == 74  # no root key yet
    await keys(site, "make-root")

    ended = await keys(site, "import", file, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["result"] == {"imported": ["unit"], "generation": 1}
    assert (await listed(site))["controllers"] == {"unit": ["current"]}
    assert (await keys(site, "import", file)).code == 0  # again is fine
    ended = await keys(site, "import", key_file(site.parent, f"unit {OTHER_KEY}"))
    assert ended.code == 64
    assert "there is a key already" in ended.err

    ended = await keys(site, "list")
    assert "current" in ended.out
    assert KEY not in ended.out
    assert KEY not in (await keys(site, "list", "--json")).out
    sealed = (site.parent / "state" / SEALED).read_bytes()
    assert KEY.encode() not in sealed
    assert bytes.fromhex(KEY) not in sealed

    assert (await keys(site, "forget", "unit")).code == 130  # nobody said yes
    assert (await listed(site))["controllers"] == {"unit": ["current"]}
    assert (await keys(site, "forget", "unit", "--yes")).code == 0
    assert (await listed(site))["controllers"] == {}
    ended = await keys(site, "forget", "unit", "--yes")
    assert ended.code == 64
    assert "unit has no key" in ended.err


async def test_a_key_file_that_is_wrong_is_named_and_not_shown(site: Path) -> None:
    await keys(site, "make-root")
    ended = await keys(site, "import", key_file(site.parent, f"attic {KEY}", "unit 00"))
    assert ended.code == 78
    assert "line 1: is for no controller" in ended.err
    assert "line 2: the key must be 32 hexadecimal digits" in ended.err
    assert KEY not in ended.err


async def test_the_wrong_root_key_is_named_with_the_right_one(site: Path) -> None:
    await keys(site, "make-root")
    await keys(site, "import", key_file(site.parent, f"unit {KEY}"))
    right = (await listed(site))["root"]
    site.with_name("root-key").unlink()
    await keys(site, "make-root")
    for command in ("list", "run"):
        if command == "list":
            ended = await keys(site, "list")
        else:
            ended = await gatewayd("run", "--config", site)
        assert ended.code == 74
        assert f"is sealed under root key {right}" in ended.err


async def test_names_can_be_listed_without_the_root_key(site: Path) -> None:
    await keys(site, "make-root")
    await keys(site, "import", key_file(site.parent, f"unit {KEY}"))
    rewrite(site, "root_key_file", "# root_key_file")
    result = await listed(site)
    assert result["controllers"] == {"unit": ["current"]}
    assert result["checked"] is False
    assert "not checked" in (await keys(site, "list")).out
    ended = await keys(site, "forget", "unit", "--yes")
    assert ended.code == 78
    assert "no root key is at hand" in ended.err


async def test_check_remarks_on_units_that_have_no_key_yet(site: Path) -> None:
    ended = await gatewayd("check", "--config", site)
    assert ended.code == 0
    assert "root-key is not there; gatewayd keys make-root" in ended.out
    assert "controllers.unit: has no key yet" in ended.out
    assert "gatewayd commission --line north --address 1" in ended.out

    await keys(site, "make-root")
    await keys(site, "import", key_file(site.parent, f"unit {KEY}"))
    ended = await gatewayd("check", "--config", site)
    assert "key" not in ended.out

    (site.parent / "state" / SEALED).write_bytes(b"nonsense")
    ended = await gatewayd("check", "--config", site)
    assert ended.code == 0
    assert "does not hold keys" in ended.out


async def test_the_daemon_does_not_start_without_a_root_key(config: Path) -> None:
    rewrite(config, 'secure = "off"\n', "")
    ended = await gatewayd("run", "--config", config)
    assert ended.code == 78
    assert "gatewayd keys make-root" in ended.err
