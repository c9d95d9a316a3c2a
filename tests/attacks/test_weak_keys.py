"""Attack 4: somebody tries the keys that everybody tries.

He needs one recorded handshake and no luck on the line: nobody notices. So no such key may
get in, whatever way keys take.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayd.core.model import ControllerId
from gatewayd.edge.key_file import read_key_file
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.osdp_keys import Keyring, fresh_key
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import KeyRefused
from gatewayd.errors import ConfigError
from protocol.osdp.bus import BaseKey, PeripheralSettings
from protocol.osdp.frame import Frame
from protocol.osdp.secure_handshake import Answering, Handshake, HandshakeAsPeripheral
from protocol.osdp.secure_keys import DEFAULT_KEY, weakness
from tests.attacks.scene import KEY, attacked
from tests.simulate.attacker import Attacker, Overheard, guesses
from tests.simulate.line import Line

LOBBY = ControllerId("lobby")
ROOT = RootKey(
    bytes.fromhex("8f3c11d2a45e90b76611fe02c3d84a5b0d7e9af1245533c86a1b7740e2956fcd")
)
KINDS = {
    "default": DEFAULT_KEY,
    "an example": bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"),
    "one byte": b"\x42" * 16,
    "rising": bytes(range(0xF8, 0x100)) + bytes(range(8)),
    "falling": bytes(range(0x20, 0x10, -1)),
    "in steps": bytes(0x11 * at & 0xFF for at in range(16)),
    "a period of 3": (b"abc" * 6)[:16],
    "a period of 4": bytes.fromhex("deadbeef") * 4,
    "a period of 6": (b"secret" * 3)[:16],
    "a period of 8": bytes.fromhex("8f1d4ac2077eb933") * 2,
    "there and back": bytes.fromhex("0123456789abcdeffedcba9876543210"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def handshake(key: bytes) -> Attacker:
    """Return an attacker who heard one with this key, as a careless panel would have it."""
    attacker = Attacker(Line.with_units(1).device(1))
    challenging = Handshake(1, key).start(bytes.fromhex("a1b2c3d4e5f60718"))
    challenge = challenging.said.frame(1, 0)
    unit = HandshakeAsPeripheral(1, key, bytes(8)).take(challenge, b"\x55" * 8)
    assert isinstance(unit, Answering)
    answer: Frame = unit.said.frame(1, 0, reply=True)
    attacker.heard = [Overheard(0, challenge), Overheard(0, answer)]
    return attacker


@every_kind
def test_a_weak_key_is_found_from_one_handshake(kind: str) -> None:
    key = KINDS[kind]
    tried = (*guesses(), key)
    assert handshake(key).crack(tried) == {key}


def test_our_key_is_not_among_those_that_fit() -> None:
    scene = attacked()
    for _ in range(3):
        scene.unit.cycle_power()
        scene.line.run(1)
    assert not scene.attacker.crack(guesses())
    assert scene.attacker.crack((KEY,)) == {KEY}  # it is not for want of trying


def test_every_key_that_he_tries_is_weak() -> None:
    assert [each.hex() for each in guesses() if weakness(each) is None] == []


@every_kind
def test_no_weak_key_gets_into_the_settings_of_a_line(kind: str) -> None:
    with pytest.raises(ValueError, match="'mine'"):
        PeripheralSettings(1, secure=True, keys=(BaseKey("mine", KINDS[kind]),))


@every_kind
def test_no_weak_key_is_imported(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_text(f"lobby {KINDS[kind].hex()}\n")
    with pytest.raises(ConfigError, match="line 1: the key") as caught:
        read_key_file(path)
    assert KINDS[kind].hex() not in str(caught.value)


def ways_in() -> dict[str, Callable[[KeyStore, Secret], object]]:
    """Every way in which a store is given a key."""
    return {
        "first": lambda store, key: store.set_first(LOBBY, key),
        "import": lambda store, key: store.import_keys({LOBBY: key}),
        "rotation": lambda store, key: store.begin_rotation(LOBBY, key),
        "commissioning": lambda store, key: store.begin_anew(LOBBY, key),
    }


@every_kind
@pytest.mark.parametrize("way", ways_in())
def test_no_weak_key_is_kept(way: str, kind: str, tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / FILE, ROOT)
    if way == "rotation":
        store.set_first(LOBBY, Secret(KEY))
    with pytest.raises(KeyRefused) as caught:
        ways_in()[way](store, Secret(KINDS[kind]))
    assert KINDS[kind].hex() not in str(caught.value)
    assert KINDS[kind] not in [each.reveal() for each in store.key_of(LOBBY).all()]


async def test_no_weak_key_gets_in_while_the_daemon_runs(tmp_path: Path) -> None:
    ring = Keyring(KeyStore.open(tmp_path / FILE, ROOT), lambda _: None)
    for key in KINDS.values():
        with pytest.raises(KeyRefused):
            await ring.take({LOBBY: Secret(key)})
    assert not ring.candidates(LOBBY)


def test_two_units_never_have_the_same_key(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path / FILE, ROOT)
    store.set_first(LOBBY, Secret(KEY))
    with pytest.raises(KeyRefused, match="that of lobby"):
        store.import_keys({ControllerId("annex"): Secret(KEY)})


def test_keys_of_ours_are_drawn_and_none_is_weak() -> None:
    drawn = {fresh_key().reveal() for _ in range(100)}
    assert len(drawn) == 100
    assert not any(weakness(each) for each in drawn)


def test_nobody_can_try_keys_on_a_panel() -> None:
    """Before a unit has proved itself the panel says a random number and nothing else."""
    scene = attacked(settled=False)
    scene.attacker.back = lambda _: ()
    scene.line.run(60)
    for frame in scene.attacker.frames(reply=False):
        assert frame.security is None or frame.body != b""
        assert len(frame.body) <= 8
    assert not scene.attacker.crack((KEY,))
