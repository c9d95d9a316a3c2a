"""Keys lie sealed in one file, each in its own place, and are never guessable."""

import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.model import ControllerId
from gatewayd.edge.disk import SystemDisk
from gatewayd.edge.key_seal import LONGEST, Content, Seal, WrongRootKey
from gatewayd.edge.key_store import FILE, UNITS, KeyStore
from gatewayd.edge.root_key import RootKey, create_root_key, read_root_key
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import KeyRefused, Keys, Slot
from gatewayd.errors import DamagedState, StateError

LOBBY, ANNEX = ControllerId("lobby"), ControllerId("annex")
ROOT = RootKey(
    bytes.fromhex("8f3c11d2a45e90b76611fe02c3d84a5b0d7e9af1245533c86a1b7740e2956fcd")
)
OTHER = RootKey(
    bytes.fromhex("0d7e9af1245533c86a1b7740e2956fcd8f3c11d2a45e90b76611fe02c3d84a5b")
)
ONE = Secret(bytes.fromhex("d3a94f17c06be8255b7290e14fcd386a"))
TWO = Secret(bytes.fromhex("6e03b7d95218fc4ac1870e2f93ab64d5"))
THREE = Secret(bytes.fromhex("b70c59e2148fa36d6be1d30a85f24c97"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


@pytest.fixture
def store(path: Path) -> KeyStore:
    return KeyStore.open(path, ROOT)


def reopened(path: Path, root: RootKey = ROOT) -> KeyStore:
    return KeyStore.open(path, root)


# --- what keys do -----------------------------------------------------------------


def test_a_site_without_keys_has_no_file(path: Path, store: KeyStore) -> None:
    assert store.key_of(LOBBY) == Keys()
    assert store.controllers == frozenset()
    store.forget(LOBBY)
    assert not path.exists()


def test_a_first_key_is_there_after_a_restart(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    assert store.key_of(LOBBY) == reopened(path).key_of(LOBBY) == Keys(ONE)
    assert reopened(path).key_of(ANNEX) == Keys()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_first_key_does_not_replace_another(store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    store.set_first(LOBBY, ONE)
    with pytest.raises(KeyRefused, match="lobby: there is a key already"):
        store.set_first(LOBBY, TWO)
    store.begin_rotation(LOBBY, TWO)
    with pytest.raises(KeyRefused, match="lobby: there is a key already"):
        store.set_first(LOBBY, ONE)
    assert store.key_of(LOBBY) == Keys(ONE, TWO)


def test_an_import_is_all_or_nothing(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    with pytest.raises(KeyRefused, match="lobby"):
        store.import_keys({ANNEX: THREE, LOBBY: TWO})
    assert store.controllers == {LOBBY}
    store.import_keys({ANNEX: THREE, LOBBY: ONE})
    assert reopened(path).controllers == {LOBBY, ANNEX}


def test_a_new_key_waits_beside_the_old_one_until_either_is_proved(
    path: Path, store: KeyStore
) -> None:
    store.set_first(LOBBY, ONE)
    both = store.begin_rotation(LOBBY, TWO)
    assert both == store.key_of(LOBBY) == reopened(path).key_of(LOBBY) == Keys(ONE, TWO)
    with pytest.raises(KeyRefused, match="lobby: a new key is on its way already"):
        store.begin_rotation(LOBBY, THREE)
    assert store.prove(LOBBY, Slot.CURRENT, both) == Keys(ONE)
    assert reopened(path).key_of(LOBBY) == Keys(ONE)
    both = store.begin_rotation(LOBBY, TWO)
    assert store.prove(LOBBY, Slot.PENDING, both) == Keys(TWO)
    assert reopened(path).key_of(LOBBY) == Keys(TWO)


def test_a_unit_gets_its_very_first_key_the_same_way(path: Path, store: KeyStore) -> None:
    only = store.begin_rotation(LOBBY, ONE)
    assert only == reopened(path).key_of(LOBBY) == Keys(None, ONE)
    assert store.prove(LOBBY, Slot.PENDING, only) == Keys(ONE)


def test_a_unit_that_is_commissioned_again_keeps_its_old_key_until_the_new_is_proved(
    path: Path, store: KeyStore
) -> None:
    store.set_first(LOBBY, ONE)
    store.begin_rotation(LOBBY, TWO)
    both = store.begin_anew(LOBBY, THREE)  # what was on its way is not waited for
    assert both == reopened(path).key_of(LOBBY) == Keys(ONE, THREE)
    assert store.now(LOBBY) == (3, both)
    for had in (ONE, THREE):
        with pytest.raises(KeyRefused, match="lobby: the new key is one it had"):
            store.begin_anew(LOBBY, had)
    assert store.prove(LOBBY, Slot.PENDING, both) == Keys(THREE)


def test_proving_what_is_known_writes_nothing(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    before = path.stat()
    store.prove(LOBBY, Slot.CURRENT, Keys(ONE))
    assert path.stat() == before


def test_a_handshake_says_nothing_about_a_key_that_came_later(store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    begun_with = store.key_of(LOBBY)
    store.begin_rotation(LOBBY, TWO)
    assert store.prove(LOBBY, Slot.CURRENT, begun_with) == Keys(ONE, TWO)


def test_what_is_not_there_cannot_be_proved(store: KeyStore) -> None:
    for slot in Slot:
        with pytest.raises(KeyRefused, match=f"lobby: there is no {slot} key"):
            store.prove(LOBBY, slot, Keys())


def test_a_forgotten_unit_has_no_key(path: Path, store: KeyStore) -> None:
    store.import_keys({LOBBY: ONE, ANNEX: THREE})
    store.begin_rotation(LOBBY, TWO)
    store.forget(LOBBY)
    assert reopened(path).key_of(LOBBY) == Keys()
    assert reopened(path).controllers == {ANNEX}


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (bytes(range(0x30, 0x40)), "is the default key"),
        (b"\x77" * 16, "is one byte repeated"),
        (bytes(range(16)), "only rises"),
        (bytes(range(16, 0, -1)), "only falls"),
        (bytes(15), "has 15 bytes"),
    ],
)
def test_a_key_that_can_be_guessed_never_gets_in(store: KeyStore, key: bytes, why: str) -> None:
    with pytest.raises(KeyRefused, match=f"lobby: the key {why}"):
        store.set_first(LOBBY, Secret(key))
    with pytest.raises(KeyRefused, match=f"lobby: the key {why}"):
        store.begin_rotation(LOBBY, Secret(key))


def test_no_two_units_have_the_same_key(store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    store.begin_rotation(LOBBY, TWO)
    for key in (ONE, TWO):
        with pytest.raises(KeyRefused, match="annex: the key is that of lobby already"):
            store.set_first(ANNEX, key)
    with pytest.raises(KeyRefused, match="already"):
        store.import_keys({ANNEX: THREE, ControllerId("cellar"): THREE})
    store.prove(LOBBY, Slot.PENDING, store.key_of(LOBBY))
    with pytest.raises(KeyRefused, match="lobby: the new key is the one it has"):
        store.begin_rotation(LOBBY, TWO)


def test_a_name_that_could_be_a_key_is_not_said_again(store: KeyStore) -> None:
    with pytest.raises(KeyRefused, match=r"1 to 32 of a-z") as caught:
        store.set_first(ControllerId(f"{ONE.reveal().hex()} "), TWO)
    assert ONE.reveal().hex() not in str(caught.value)


def test_a_site_has_a_largest_size(path: Path, store: KeyStore) -> None:
    many = {
        ControllerId(f"unit-{number:027}"): Secret(os.urandom(16)) for number in range(UNITS)
    }
    store.import_keys(many)
    with pytest.raises(StateError, match=f"more than {UNITS} units"):
        store.set_first(LOBBY, ONE)
    assert reopened(path).controllers == many.keys()
    assert 2 * path.stat().st_size < LONGEST


def test_threads_lose_nothing_of_each_other(path: Path, store: KeyStore) -> None:
    names = [ControllerId(f"unit-{number}") for number in range(8)]
    threads = [
        threading.Thread(target=store.set_first, args=(name, Secret(os.urandom(16))))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reopened(path).controllers == set(names)
    assert store.generation == len(names)


# --- another root key -------------------------------------------------------------


def test_another_root_key_seals_everything_again(path: Path, store: KeyStore) -> None:
    store.import_keys({LOBBY: ONE, ANNEX: THREE})
    store.begin_rotation(LOBBY, TWO)
    store.rotate_root(OTHER)
    assert store.root_name == OTHER.name
    for each in (store, reopened(path, OTHER)):
        assert each.key_of(LOBBY) == Keys(ONE, TWO)
        assert each.key_of(ANNEX) == Keys(THREE)
    store.forget(ANNEX)
    assert reopened(path, OTHER).controllers == {LOBBY}
    with pytest.raises(WrongRootKey):
        reopened(path)


def test_a_wrong_root_key_is_told_which_one_is_wanted(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    before = path.read_bytes()
    with pytest.raises(WrongRootKey, match=f"{FILE} is sealed .*{ROOT.name}.*{OTHER.name}"):
        reopened(path, OTHER)
    assert path.read_bytes() == before


def test_a_root_key_made_here_opens_what_it_sealed(path: Path, tmp_path: Path) -> None:
    KeyStore.open(path, create_root_key(tmp_path / "root")).set_first(LOBBY, ONE)
    assert reopened(path, read_root_key(tmp_path / "root")).key_of(LOBBY) == Keys(ONE)


# --- what somebody with the file can do -------------------------------------------


def test_no_key_is_in_the_file(path: Path, store: KeyStore) -> None:
    store.import_keys({LOBBY: ONE, ANNEX: THREE})
    content = path.read_bytes()
    for key in (ONE, THREE):
        assert key.reveal() not in content
        assert key.reveal().hex().encode() not in content


def test_a_sealed_key_opens_in_its_own_place_only() -> None:
    seal = Seal(ROOT)
    sealed = seal.close((LOBBY, Slot.CURRENT), 7, ONE)
    assert seal.open((LOBBY, Slot.CURRENT), sealed) == ONE
    later = type(sealed)(8, sealed.box)
    for place, record in (
        ((ANNEX, Slot.CURRENT), sealed),
        ((LOBBY, Slot.PENDING), sealed),
        ((LOBBY, Slot.CURRENT), later),
    ):
        with pytest.raises(DamagedState, match="does not open"):
            seal.open(place, record)
    with pytest.raises(DamagedState):
        Seal(OTHER).open((LOBBY, Slot.CURRENT), sealed)


def test_even_with_a_right_last_line_a_key_in_the_wrong_place_is_refused() -> None:
    seal = Seal(ROOT)
    sealed = seal.close((LOBBY, Slot.CURRENT), 1, ONE)
    swapped = seal.encode(Content(1, {(ANNEX, Slot.CURRENT): sealed}))
    with pytest.raises(DamagedState, match="current key of annex does not open"):
        seal.decode(swapped)
    nonsense = seal.encode(Content(1, {(ControllerId("An nex"), Slot.CURRENT): sealed}))
    with pytest.raises(DamagedState, match="makes no sense"):
        seal.decode(nonsense)


def test_lines_of_an_older_file_do_not_fit_a_newer_one(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    older = path.read_bytes().splitlines(keepends=True)
    store.prove(LOBBY, Slot.PENDING, store.begin_rotation(LOBBY, TWO))
    newer = path.read_bytes().splitlines(keepends=True)
    for mixed in ((newer[0], older[1], newer[2]), (newer[0], newer[2]), (*newer[:2], older[2])):
        path.write_bytes(b"".join(mixed))
        with pytest.raises(DamagedState, match=f"{FILE} is damaged .*last line"):
            reopened(path)


def test_a_whole_older_file_is_taken_and_shows_by_its_number(
    path: Path, store: KeyStore
) -> None:
    store.set_first(LOBBY, ONE)
    backup, number = path.read_bytes(), store.generation
    store.prove(LOBBY, Slot.PENDING, store.begin_rotation(LOBBY, TWO))
    assert store.generation > number
    path.write_bytes(backup)
    assert reopened(path).generation == number
    assert reopened(path).key_of(LOBBY) == Keys(ONE)


def test_a_file_of_a_later_version_is_refused_as_such(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    path.write_bytes(path.read_bytes().replace(b"keys 1", b"keys 2", 1))
    with pytest.raises(StateError, match="newer gatewayd"):
        reopened(path)


@pytest.mark.parametrize(
    "content", [b"", b"gatewayd-keys", b"\0" * 300, b"x" * (LONGEST + 1), b"\xff\n"]
)
def test_what_is_not_ours_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedState, match=f"{FILE} is damaged"):
        reopened(path)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_is_an_error_not_an_empty_store(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StateError, match=f"{FILE}: Is a directory"):
        reopened(path)


SAMPLE = Seal(ROOT).encode(
    Content(
        9,
        {
            (LOBBY, Slot.CURRENT): Seal(ROOT).close((LOBBY, Slot.CURRENT), 3, ONE),
            (LOBBY, Slot.PENDING): Seal(ROOT).close((LOBBY, Slot.PENDING), 9, TWO),
        },
    )
)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_always_found(at: int, flip: int) -> None:
    changed = bytearray(SAMPLE)
    changed[at] ^= flip
    with pytest.raises(StateError):
        Seal(ROOT).decode(bytes(changed))


@given(st.integers(0, len(SAMPLE) - 1), st.binary(max_size=80))
def test_a_file_cut_off_or_grown_is_always_found(kept: int, more: bytes) -> None:
    with pytest.raises(StateError):
        Seal(ROOT).decode(SAMPLE[:kept])
    with pytest.raises(StateError):
        Seal(ROOT).decode(SAMPLE + b"x" + more)
    assert Seal(ROOT).decode(SAMPLE).generation == 9


def test_nothing_random_is_used_twice(path: Path, store: KeyStore) -> None:
    seen = set()
    for _ in range(20):
        both = store.begin_rotation(LOBBY, ONE)
        seen |= set(re.findall(rb"pending \d+ ([0-9a-f]{24})", path.read_bytes()))
        store.prove(LOBBY, Slot.PENDING, both)
        store.forget(LOBBY)
    assert len(seen) == 20


# --- what the disk can do ---------------------------------------------------------


class FullDisk(SystemDisk):
    def write(self, handle: int, content: bytes) -> int:
        del handle, content
        raise OSError(28, "No space left on device")


def test_a_full_disk_changes_nothing_and_says_so(path: Path, store: KeyStore) -> None:
    store.set_first(LOBBY, ONE)
    full = KeyStore.open(path, ROOT, disk=FullDisk())
    for change in (
        lambda: full.begin_rotation(LOBBY, TWO),
        lambda: full.forget(LOBBY),
        lambda: full.rotate_root(OTHER),
    ):
        with pytest.raises(StateError, match=f"{FILE}: No space left on device"):
            change()
        assert full.key_of(LOBBY) == reopened(path).key_of(LOBBY) == Keys(ONE)
        assert full.root_name == ROOT.name
