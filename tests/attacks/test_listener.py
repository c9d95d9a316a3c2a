"""Attack 1: somebody listens. What a wire gives away, in clear and inside a session."""

import pytest

from gatewayd.simulate.device import Device
from protocol.message import Message
from protocol.osdp.bus import Replied
from protocol.osdp.commands import SetOutputs
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Ack, Identification, Keypad, RawCard
from protocol.osdp.secure_keys import DEFAULT_KEY
from tests.attacks.scene import KEY, Scene, Witness, attacked, card
from tests.simulate.attacker import Attacker, guesses
from tests.simulate.line import Line

MANY_TYPED = Keypad(0, b"135790246813579")


def unlocked_by(number: int, *, unit: Witness | None = None) -> Scene:
    """Return what went by when a card opened the door."""
    scene = attacked(unit)
    scene.show(number)
    scene.line.run(0.3)
    scene.unlock(5)
    scene.line.run(0.5)
    scene.nothing_was_won(ordered={5})
    assert len(scene.unit.pulses) == 1
    return scene


def test_a_wire_in_clear_gives_away_cards_and_pins() -> None:
    line = Line.with_units(1)
    attacker = Attacker.on(line)
    line.run(0.5)
    line.device(1).report(card(345))
    line.device(1).report(Keypad(0, b"1357"))
    line.run(0.5)

    understood = attacker.understood()
    assert card(345) in understood
    assert Keypad(0, b"1357") in understood


def test_a_card_in_clear_can_be_shown_again_by_whoever_heard_it() -> None:
    line = Line.with_units(1)
    attacker = Attacker.on(line)
    line.run(0.5)
    line.device(1).report(card(345))
    line.run(0.5)
    (heard,) = attacker.frames(RawCard)
    attacker.back = lambda frame: (
        Frame(1, frame.sequence, RawCard.CODE, heard.body, reply=True)
        if frame.code == Ack.CODE and not _cards(line)[1:]
        else frame,
    )
    line.run(0.5)
    assert _cards(line) == [card(345)] * 2


def _cards(line: Line) -> list[Message]:
    replies = [event.reply for event in line.events(Replied)]
    return [each for each in replies if isinstance(each, RawCard)]


def test_a_session_gives_away_neither_card_nor_pin() -> None:
    scene = attacked()
    scene.show(0x1234ABCD)
    scene.unit.report(MANY_TYPED)
    scene.line.run(1)

    for frame in scene.attacker.frames():
        assert bytes.fromhex("1234abcd") not in frame.encode()
        assert MANY_TYPED.keys not in frame.encode()
    for key in (DEFAULT_KEY, *guesses()[:8]):
        assert not {RawCard, Keypad} & {type(each) for each in scene.attacker.understood(key)}
    assert not scene.attacker.crack(guesses())
    assert card(0x1234ABCD) in scene.attacker.understood(KEY)  # he would see it, had he the key


def shape(frame: Frame) -> tuple[bool, int, int]:
    return frame.reply, frame.code, len(frame.body)


def test_two_cards_look_alike_but_for_their_noise() -> None:
    """Codes, lengths, order and times are the same whatever is on the card."""
    shapes = []
    for number in (1, 0xFFFFFFFE):
        heard = unlocked_by(number).attacker.heard
        shapes.append([(each.at, *shape(each.frame)) for each in heard])
    assert shapes[0] == shapes[1]


def test_the_same_card_never_looks_the_same() -> None:
    scene = attacked()
    for _ in range(20):
        scene.show(7)
    scene.line.run(3)
    bodies = [frame.body for frame in scene.attacker.frames(RawCard)]
    assert len(bodies) == len(set(bodies)) == 20


def test_a_session_gives_away_that_a_card_was_shown_and_that_a_lock_was_released() -> None:
    """Codes and lengths are never encrypted: that is how OSDP is made."""
    scene = unlocked_by(7)
    (report,) = scene.attacker.frames(RawCard)
    (pulse,) = scene.attacker.frames(SetOutputs, reply=False)
    assert (len(report.encode()), len(pulse.encode())) == (30, 30)
    times = {each.frame: each.at for each in scene.attacker.heard}
    assert times[report] < times[pulse]


def test_a_session_gives_away_how_long_a_message_is_in_steps_of_sixteen_bytes() -> None:
    lengths = set()
    for typed in (b"1", b"1357", b"1357902468135"):
        scene = attacked()
        scene.unit.report(Keypad(0, typed))
        scene.line.run(0.5)
        lengths.add(len(scene.last_reply(Keypad).encode()))
    assert lengths == {30}


def test_who_a_unit_is_can_be_read_before_its_session() -> None:
    scene = attacked()
    assert scene.unit.identification in scene.attacker.understood()
    assert {type(each) for each in scene.attacker.understood()} >= {Identification}


def test_what_was_recorded_can_be_read_by_whoever_gets_the_key_later() -> None:
    """There is no forward secrecy in OSDP."""
    scene = unlocked_by(7)
    scene.line.run(5)
    assert card(7) in scene.attacker.understood(KEY)


@pytest.mark.parametrize("unit", [Device(1), Device(1, key=KEY, enforce=False)])
def test_a_unit_that_would_answer_in_clear_is_not_asked_in_clear(unit: Device) -> None:
    line = Line.with_units(1, keys={1: KEY})
    line.place(1).device = unit
    attacker = Attacker.on(line)
    line.run(0.5)
    unit.report(card(345))
    line.run(10)
    assert card(345) not in attacker.understood()
