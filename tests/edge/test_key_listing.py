"""What a sealed file says to whoever has no root key: names, and nothing else."""

from pathlib import Path

import pytest

from gatewayd.edge.key_listing import Listing, look_into
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.errors import DamagedState, StateError
from tests.edge.test_key_store import ANNEX, LOBBY, ONE, ROOT, THREE, TWO


def test_names_slots_and_numbers_can_be_read(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / FILE, ROOT)
    store.import_keys({LOBBY: ONE, ANNEX: THREE})
    store.begin_rotation(LOBBY, TWO)
    found = look_into(tmp_path / FILE)
    assert found.slots == {ANNEX: ("current",), LOBBY: ("current", "pending")}
    assert (found.root_name, found.generation) == (ROOT.name, 2)


def test_a_site_without_keys_has_none(tmp_path: Path) -> None:
    assert look_into(tmp_path / FILE) == Listing()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"gatewayd-keys 1 x 2\n", b"\xff" * 9])
def test_what_is_no_such_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    with pytest.raises(DamagedState, match=FILE):
        look_into(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match=FILE):
        look_into(tmp_path / FILE)
