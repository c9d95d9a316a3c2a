"""Attack 5: somebody breaks the reader and waits until the new one is given its key.

OSDP sends a first key under a key that everybody knows. Whoever listens in that moment has
it; nothing that is said on the same wire afterwards takes it away again. So it matters that
no key is ever sent by itself, and that there are ways on which nobody can listen.
"""

import pytest

from protocol.osdp.bus import BaseKey, Identified, Priority, SetUp
from protocol.osdp.commands import KeyType, SetKey
from protocol.osdp.secure_keys import DEFAULT_KEY
from tests.attacks.scene import KEY, NEW, Scene, Witness, attacked, card, commands
from tests.attacks.test_install_mode import HOUR, give, rogue
from tests.simulate.attacker import Attacker, guesses

THIRD = BaseKey("third", bytes.fromhex("c36a0ff18e2d947b5512a0de7c8849b1"))


def commissioned(scene: Scene) -> None:
    """Let an operator give the unit its first key over this very wire."""
    assert scene.line.commission(1, 60)
    scene.line.run_until(lambda: bool(scene.line.events(SetUp)), 5)
    assert give(scene)
    scene.line.run_until(lambda: bool(scene.line.connection(1)), 5)
    assert scene.line.connection(1)


def rotated(scene: Scene, old: BaseKey, new: BaseKey) -> None:
    """Give it another key in its session."""
    scene.line.bus.set_keys(1, (new, old))
    assert scene.line.bus.send(
        1,
        SetKey(KeyType.SCBK, new.content),
        priority=Priority.ROUTINE,
        expires=scene.line.now + 5,
        tag=78,
        connection=scene.line.connection(1),
    )
    scene.line.run(2)
    assert scene.line.events(Identified)[-1].key == new.name


def keys_read(attacker: Attacker, *known: bytes) -> set[bytes]:
    return {each.key for each in attacker.understood(*known) if isinstance(each, SetKey)}


def test_a_broken_reader_that_is_replaced_is_given_no_key_by_itself() -> None:
    scene = attacked()
    scene.line.place(1).unplugged = True
    scene.line.run(60)
    scene.attacker.device = scene.line.place(1).device = rogue()
    scene.line.place(1).unplugged = False
    scene.line.run(HOUR)

    assert scene.offline
    assert not scene.line.events(Identified)[-1].proved
    assert not commands(scene, SetKey)
    scene.nothing_was_won()


def test_whoever_listens_in_the_window_has_the_new_key() -> None:
    scene = attacked(rogue(), key=None)
    commissioned(scene)
    assert keys_read(scene.attacker, DEFAULT_KEY) == {NEW.content}


def test_and_reads_everything_that_is_said_under_it() -> None:
    scene = attacked(rogue(), key=None)
    commissioned(scene)
    scene.line.run(1)
    scene.show(345)
    scene.line.run(1)
    assert card(345) in scene.attacker.understood(DEFAULT_KEY)


def test_a_rotation_on_the_same_wire_does_not_shake_him_off() -> None:
    scene = attacked(rogue(), key=None)
    commissioned(scene)
    rotated(scene, NEW, THIRD)
    assert keys_read(scene.attacker, DEFAULT_KEY) == {NEW.content, THIRD.content}


def test_a_rotation_that_he_did_not_hear_does() -> None:
    scene = attacked(rogue(), key=None)
    commissioned(scene)
    known = keys_read(scene.attacker, DEFAULT_KEY)
    scene.line.place(1).between = None  # he is not there for a moment
    rotated(scene, NEW, THIRD)
    scene.unit.cycle_power()
    later = Attacker.on(scene.line)
    scene.line.run(2)
    scene.show(345)
    scene.line.run(1)
    assert card(345) in scene.cards
    assert card(345) not in later.understood(DEFAULT_KEY, *known)
    assert not later.crack((*known, *guesses()))


def test_a_key_that_was_given_on_another_wire_is_not_on_this_one() -> None:
    """Commissioned on a bench, or imported: he hears nothing but its proofs."""
    scene = attacked(Witness())
    scene.line.run(2)
    scene.show(345)
    scene.line.run(1)
    assert not keys_read(scene.attacker, DEFAULT_KEY, *guesses()[:10])
    assert not scene.attacker.crack(guesses())
    assert card(345) not in scene.attacker.understood(DEFAULT_KEY)


def test_a_rotation_in_a_session_he_cannot_read_gives_him_nothing() -> None:
    scene = attacked()
    rotated(scene, BaseKey("old", KEY), NEW)
    assert not keys_read(scene.attacker, DEFAULT_KEY)
    assert keys_read(scene.attacker, KEY) == {NEW.content}
    for frame in scene.attacker.frames(reply=False):
        assert NEW.content not in frame.encode()


@pytest.mark.parametrize("seconds", [1.0, 30.0])
def test_a_window_in_which_nobody_names_the_unit_sends_no_key(seconds: float) -> None:
    scene = attacked(rogue(), key=None)
    assert scene.line.commission(1, seconds)
    scene.line.run(seconds + 10)
    assert not keys_read(scene.attacker, DEFAULT_KEY)
