"""Attack 3: somebody wants a panel in "install mode" to hand out a key.

There is no such mode. A key is sent in a window that an operator opened, for one address and a
time; what is sent is a key made for this window; and nothing on the wire opens one.
"""

import pytest

from protocol.osdp.bus import (
    Alarm,
    BaseKey,
    Delivered,
    Identified,
    SetUp,
    SetUpFailed,
    WindowClosed,
)
from protocol.osdp.commands import Challenge, KeyType, SetKey
from protocol.osdp.frame import Frame
from protocol.osdp.replies import ClientCryptogram, Nak, NakReason
from protocol.osdp.secure_keys import DEFAULT_KEY
from tests.attacks.scene import KEY, NEW, Scene, Witness, attacked, commands
from tests.simulate.attacker import changing, instead, selecting
from tests.simulate.line import IDENTITY, PROOF

HOUR = 3600.0


def rogue(*, address: int = 1, serial: int = 0x0BADCAFE) -> Witness:
    """A unit that an attacker brought: it has no key and takes the default one."""
    return Witness(address, key=None, install_mode=True, serial=serial)


def give(scene: Scene, key: BaseKey = NEW) -> bool:
    """Send the key to whoever answered in the window, as an owner does."""
    told = scene.line.events(SetUp)[-1]
    scene.line.bus.set_keys(1, (key,))
    command = SetKey(KeyType.SCBK, key.content)
    return scene.line.bus.set_up(1, command, tag=77, connection=told.connection)


@pytest.mark.parametrize("panel_has", [KEY, None])
def test_a_unit_in_install_mode_is_given_nothing_as_long_as_no_window_is_open(
    panel_has: bytes | None,
) -> None:
    scene = attacked(rogue(), key=panel_has, settled=False)
    scene.line.run(HOUR)
    told = scene.line.events(Identified)
    assert told
    assert not any(event.proved for event in told)
    assert all(event.fault for event in told)
    selectors = {frame.security.data for frame in commands(scene, Challenge) if frame.security}
    assert selectors <= {b"\x01"}  # its own key; the default one is never asked for
    assert {frame.code for _, frame in scene.line.heard(1)} <= IDENTITY | PROOF
    scene.nothing_was_won()


def test_a_challenge_turned_into_one_for_the_default_key_is_an_alarm() -> None:
    scene = attacked(rogue(), settled=False)
    scene.attacker.onwards = changing(Challenge, selecting(b"\x00"))
    scene.line.run(30)
    assert scene.alarms == [Alarm.DEFAULT_KEY]
    assert not scene.line.connection(1)
    scene.nothing_was_won()


def test_the_default_key_passed_off_as_the_units_own_proves_nothing() -> None:
    scene = attacked(rogue(), settled=False)
    scene.attacker.onwards = changing(Challenge, selecting(b"\x00"))
    scene.attacker.back = changing(ClientCryptogram, selecting(b"\x01"))
    scene.line.run(30)
    assert scene.alarms == [Alarm.WRONG_CRYPTOGRAM]
    scene.nothing_was_won()


def test_asking_for_another_key_brings_none() -> None:
    """No NAK, and no loss of a session, is a reason to send a key."""
    scene = attacked()
    for reason in NakReason:
        scene.attacker.back = instead(None, Nak(reason))
        scene.line.run(30)
    scene.attacker.leave()
    scene.line.run(30)
    scene.unit.forget_key()
    scene.line.run(300)
    assert not commands(scene, SetKey)
    scene.nothing_was_won()


def test_a_window_for_one_address_brings_another_nothing() -> None:
    scene = attacked(rogue(address=1), key=None)
    assert not scene.line.commission(2)  # nobody of ours
    assert not scene.line.events(SetUp)
    scene.line.run(60)
    assert not commands(scene, Challenge)
    scene.nothing_was_won()


def test_in_a_window_a_rogue_is_told_of_and_waits_for_an_operator() -> None:
    scene = attacked(rogue(), key=None)
    assert scene.line.commission(1, 60)
    scene.line.run(61)
    (told,) = scene.line.events(SetUp)
    assert told.identification.serial == 0x0BADCAFE  # for the operator to compare
    assert not commands(scene, SetKey)
    assert [event.done for event in scene.line.events(WindowClosed)] == [False]


def test_what_a_rogue_gets_in_a_window_is_a_key_that_opens_nothing_else() -> None:
    """An operator who takes it for the new reader gives it a key of its own; the key that the
    reader had is not on the wire in any form, and the reader does not listen to the new one."""
    real = Witness()
    scene = attacked(rogue(), settled=False)
    scene.line.run(2)
    assert scene.line.commission(1, 60)
    scene.line.run_until(lambda: bool(scene.line.events(SetUp)), 2)
    assert give(scene)
    scene.line.run(5)

    assert scene.line.endings()[77] == [Delivered()]
    assert NEW.content in _keys_read(scene)
    assert KEY not in _keys_read(scene)
    assert not scene.attacker.crack((KEY,))
    scene.line.place(1).device = real
    scene.attacker.device = real
    scene.line.run(10)
    assert not scene.line.connection(1)


def _keys_read(scene: Scene) -> set[bytes]:
    understood = scene.attacker.understood(DEFAULT_KEY)
    return {each.key for each in understood if isinstance(each, SetKey)}


def test_a_rogue_that_says_it_is_another_one_after_it_got_the_key_is_an_alarm() -> None:
    scene = attacked(rogue(), key=None)
    assert scene.line.commission(1, 60)
    scene.line.run_until(lambda: bool(scene.line.events(SetUp)), 2)
    assert give(scene)
    scene.line.run_until(lambda: scene.unit.key == NEW.content, 1)
    scene.unit.swap(serial=0x1001, firmware=1)  # what the operator's list says
    scene.line.run(5)
    assert Alarm.IDENTITY_CHANGED in scene.alarms
    assert not any(event.proved for event in scene.line.events(Identified))


def test_after_the_window_everything_is_as_before() -> None:
    scene = attacked(rogue(), key=None)
    assert scene.line.commission(1, 10)
    scene.line.run(11)
    before = len(scene.line.heard(1))
    scene.line.run(HOUR)
    assert {frame.code for _, frame in scene.line.heard(1)[before:]} <= IDENTITY


def test_an_attacker_in_a_window_who_refuses_the_default_key_is_told_of() -> None:
    scene = attacked(rogue(), key=None)
    scene.attacker.back = instead(ClientCryptogram, Nak(NakReason.SECURITY_REQUIRED))
    assert scene.line.commission(1, 10)
    scene.line.run(11)
    assert [event.why for event in scene.line.events(SetUpFailed)] == [
        "the unit refused with a NAK (6)"
    ]
    scene.nothing_was_won()


def test_no_key_is_sent_to_whoever_does_not_know_the_default_key() -> None:
    scene = attacked(Witness(), key=None)
    assert scene.line.commission(1, 10)
    scene.line.run(11)
    assert not scene.line.events(SetUp)
    assert not [frame for frame in commands(scene) if isinstance(frame, Frame) and frame.mac]
    scene.nothing_was_won()


def test_a_rogue_with_the_right_serial_number_is_taken_for_the_reader() -> None:
    """Whoever speaks the default key can say anything in it: what is not looked at by a person
    is not known. So a unit is looked at, or given its key where nobody else is."""
    real = Witness()
    scene = attacked(rogue(serial=real.identification.serial), key=None)
    assert scene.line.commission(1, 60)
    scene.line.run_until(lambda: bool(scene.line.events(SetUp)), 2)
    assert scene.line.events(SetUp)[-1].identification == real.identification
    assert give(scene)
    scene.line.run(2)
    shown = scene.show(345)  # a card nobody showed
    scene.line.run(1)
    assert scene.line.events(Identified)[-1].proved
    assert scene.cards == [shown]
