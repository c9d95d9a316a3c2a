"""Attack 2: somebody in the middle talks the panel out of the secure channel.

Whether a unit is secure is configured. So all of these end in "not proved", never in clear.
"""

from collections.abc import Callable

import pytest

from protocol.message import Message
from protocol.osdp.bus import Alarm, Identified
from protocol.osdp.commands import Challenge, Identify, ReadCapabilities, ServerCryptogram
from protocol.osdp.frame import Frame
from protocol.osdp.identity import Function
from protocol.osdp.replies import (
    Ack,
    Busy,
    Capabilities,
    Capability,
    ClientCryptogram,
    Identification,
    InitialRMac,
    Keypad,
    Nak,
    NakReason,
)
from tests.attacks.scene import FORGED, Scene, attacked
from tests.simulate.attacker import (
    Edit,
    changing,
    drop,
    flipped,
    in_clear,
    instead,
    selecting,
    untouched,
)
from tests.simulate.line import IDENTITY, PROOF

NO_CHANNEL = Capabilities((Capability(Function.SECURITY, 0, 0),))
BLIND = Capabilities(())


def hiding(capabilities: Capabilities) -> Edit:
    """Tell other capabilities in clear, and let everything sealed pass."""

    def edit(frame: Frame) -> tuple[Frame]:
        clear = frame.code == Capabilities.CODE and frame.security is None
        return (in_clear(capabilities, frame) if clear else frame,)

    return edit


def meeting(back: Edit, onwards: Edit = untouched) -> Scene:
    """Return a scene in which he is at work from the first frame on."""
    scene = attacked(settled=False)
    scene.attacker.back, scene.attacker.onwards = back, onwards
    return scene


@pytest.mark.parametrize("told", [NO_CHANNEL, BLIND])
def test_capabilities_without_a_secure_channel_change_nothing_but_are_an_alarm(
    told: Capabilities,
) -> None:
    scene = meeting(hiding(told))
    scene.line.run(1)
    shown = scene.show(7)
    scene.line.run(1)

    (identified,) = scene.line.events(Identified)
    assert identified.proved
    assert identified.capabilities == scene.unit.capabilities  # those from inside
    assert scene.alarms == [Alarm.CAPABILITIES_CHANGED]
    assert scene.cards == [shown]
    scene.nothing_was_won()


def refusals() -> dict[str, tuple[Edit, str]]:
    """Ways to make the panel believe that there is no secure channel, and what it says."""
    unsupported = Nak(NakReason.SECURITY_UNSUPPORTED)
    return {
        **{f"NAK {each:d}": (instead(ClientCryptogram, Nak(each)), "") for each in NakReason},
        "no answer": (drop(ClientCryptogram), "unanswered"),
        "an ACK in clear": (instead(ClientCryptogram, Ack()), "in clear"),
        "a card in clear": (instead(ClientCryptogram, FORGED), "in clear"),
        "no end": (drop(InitialRMac), "unanswered"),
        "a NAK at the end": (instead(InitialRMac, unsupported), "no secure"),
        "an ACK at the end": (instead(InitialRMac, Ack()), "in clear"),
    }


@pytest.mark.parametrize("how", refusals())
def test_a_handshake_that_is_refused_leaves_the_door_as_it_is(how: str) -> None:
    edit, why = refusals()[how]
    scene = meeting(edit)
    scene.show(7)
    for _ in range(20):
        scene.line.run(1.1)
        assert not scene.line.unlock(1, 5)

    assert scene.faults, "it is told of"
    assert all(fault is not None and why in fault for fault in scene.faults)
    assert not scene.line.connection(1)
    assert not scene.cards
    assert {frame.code for _, frame in scene.line.heard(1)} <= IDENTITY | PROOF
    scene.nothing_was_won()

    scene.attacker.leave()
    assert scene.secure_again()


def test_busy_for_ever_is_no_way_around_the_session() -> None:
    scene = meeting(instead(ClientCryptogram, Busy(), sequence=0))
    scene.line.run(60)
    assert not scene.line.events(Identified)  # nobody was there as far as anybody knows
    assert {frame.code for _, frame in scene.line.heard(1)} <= IDENTITY | PROOF
    scene.attacker.leave()
    assert scene.secure_again()
    scene.nothing_was_won()


def forgeries() -> dict[str, tuple[Edit, Alarm]]:
    """Answers to a handshake that nobody would give by mistake, and their alarms."""

    def otherwise(frame: Frame) -> bytes:
        return flipped(frame, 8 * (len(frame.encode()) - 3))

    default = changing(ClientCryptogram, selecting(b"\x00"))
    return {
        "the default key's selector": (default, Alarm.DEFAULT_KEY),
        "another proof": (changing(ClientCryptogram, otherwise), Alarm.WRONG_CRYPTOGRAM),
        "another R-MAC-I": (changing(InitialRMac, otherwise), Alarm.WRONG_RMAC),
    }


@pytest.mark.parametrize("how", forgeries())
def test_a_forged_handshake_is_an_alarm_and_no_session(how: str) -> None:
    edit, alarm = forgeries()[how]
    scene = meeting(edit)
    scene.line.run(20)
    assert scene.alarms == [alarm]
    assert not scene.line.connection(1)
    assert {frame.code for _, frame in scene.line.heard(1)} <= IDENTITY | PROOF
    scene.nothing_was_won()
    scene.attacker.leave()
    assert scene.secure_again()


@pytest.mark.parametrize("kind", [Challenge, ServerCryptogram])
def test_a_changed_question_of_ours_is_refused_by_the_unit(
    kind: type[Challenge | ServerCryptogram],
) -> None:
    def otherwise(frame: Frame) -> bytes:
        return flipped(frame, 8 * (len(frame.encode()) - 3))

    scene = meeting(untouched, changing(kind, otherwise))
    scene.line.run(20)
    assert scene.alarms in ([Alarm.WRONG_CRYPTOGRAM], [Alarm.CRYPTOGRAM_REFUSED])
    assert not scene.line.connection(1)
    scene.nothing_was_won()


def swapping(inside: Callable[[Frame], bool]) -> Edit:
    """Put another identity in the place of the unit's."""

    def edit(frame: Frame) -> tuple[Frame]:
        if frame.code != Identification.CODE or not inside(frame):
            return (frame,)
        other = Identification(b"\x0b\xad\x00", 9, 9, 0x0BADCAFE, 9, 9, 9)
        return (in_clear(other, frame),)

    return edit


def test_another_identity_outside_is_an_alarm() -> None:
    scene = meeting(swapping(lambda frame: frame.security is None))
    scene.line.run(20)
    assert scene.alarms == [Alarm.IDENTITY_CHANGED]
    assert not scene.line.connection(1)
    assert all(scene.faults)
    scene.nothing_was_won()
    scene.attacker.leave()
    assert scene.secure_again()


def test_another_identity_inside_ends_the_session_with_an_alarm() -> None:
    scene = meeting(swapping(lambda frame: frame.security is not None))
    scene.line.run(20)
    assert scene.alarms == [Alarm.CLEAR_ANSWER, Alarm.SESSIONS_BROKEN]
    assert not scene.line.connection(1)
    scene.nothing_was_won()
    scene.attacker.leave()
    assert scene.secure_again()


@pytest.mark.parametrize(
    "forged", [Ack(), FORGED, Keypad(0, b"1357"), NO_CHANNEL, Nak(1), Nak(5), Nak(6)], ids=repr
)
def test_an_answer_in_clear_ends_the_session_and_says_nothing(forged: Message) -> None:
    scene = attacked()
    scene.attacker.back = instead(Ack, forged)
    scene.line.run(3)
    assert scene.offline
    assert scene.alarms == ([] if isinstance(forged, Nak) else [Alarm.CLEAR_ANSWER])
    assert not scene.cards
    scene.nothing_was_won()
    scene.attacker.leave()
    assert scene.secure_again()


def test_an_answer_in_clear_to_an_unlock_does_not_make_it_done() -> None:
    scene = attacked()
    scene.attacker.onwards = drop()
    scene.unlock(5)
    scene.attacker.back = untouched
    scene.line.run_until(lambda: bool(scene.attacker.frames(reply=False)), 1)
    scene.attacker.say(Frame(1, scene.line.heard(1)[-1][1].sequence, Ack.CODE, b"", reply=True))
    scene.line.run(3)
    scene.nothing_was_won(ordered={5})
    assert not scene.unit.pulses


def test_nothing_but_the_identity_is_ever_asked_in_clear() -> None:
    scene = meeting(drop(ClientCryptogram))
    scene.line.run(60)
    clear = [frame.code for _, frame in scene.line.heard(1) if frame.security is None]
    assert set(clear) == {Identify.CODE, ReadCapabilities.CODE}
