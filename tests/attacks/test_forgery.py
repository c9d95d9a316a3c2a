"""Whoever has no key says something all the same: forged, replayed, reordered, cut, reflected.

A MAC begins with the last one of the opposite direction, so an answer fits one command of
one session. What does not fit ends the session; a new one costs a handshake and a pause.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest

from protocol.osdp.bus import Alarm, Dropped, Expired, Identified
from protocol.osdp.commands import Challenge, Identify, Poll, ServerCryptogram, SetOutputs
from protocol.osdp.frame import MAC_LENGTH, Frame, SecurityBlock
from protocol.osdp.replies import Ack, ClientCryptogram, InitialRMac, Nak, RawCard
from protocol.osdp.secure_handshake import Handshake
from protocol.osdp.secure_keys import DEFAULT_KEY
from protocol.osdp.secure_session import SIGNED_REPLY
from tests.attacks.scene import (
    FORGED,
    KEY,
    RECOVERY,
    Scene,
    Witness,
    attacked,
    card,
    commands,
    polls_answered,
)
from tests.simulate.attacker import Attacker, changing, drop, flipped, guesses, in_clear
from tests.simulate.line import Line, pulse

SECONDS_A_YEAR = 365 * 24 * 3600
SEALED_CARD = 30  # bytes


def seen_card(scene: Scene, number: int) -> Frame:
    """Let a card be shown and believed; return how it came."""
    shown = scene.show(number)
    scene.line.run(0.5)
    assert shown in scene.cards
    return scene.last_reply(RawCard)


def numbered(recorded: Frame) -> Callable[[Frame], Frame]:
    """Say what was recorded, under the number that is waited for."""
    return lambda frame: replace(recorded, sequence=frame.sequence)


# --- replayed ----------------------------------------------------------------------------


def test_a_card_is_not_believed_twice_in_its_session() -> None:
    scene = attacked()
    recorded = seen_card(scene, 7)
    for _ in range(3):
        scene.attacker.back = changing(Ack, numbered(recorded))
        polls_answered(scene, 1)
        scene.line.run(3)
    scene.attacker.leave()
    assert scene.secure_again()
    assert scene.cards == [card(7)]
    assert Alarm.WRONG_MAC in scene.alarms
    scene.nothing_was_won()


def test_a_card_is_not_believed_in_the_next_session() -> None:
    scene = attacked()
    recorded = seen_card(scene, 7)
    scene.unit.cycle_power()
    assert scene.secure_again()
    scene.attacker.back = changing(Ack, numbered(recorded))
    scene.line.run(3)
    assert scene.cards == [card(7)]
    assert Alarm.WRONG_MAC in scene.alarms
    scene.nothing_was_won()


def test_a_whole_recorded_session_says_nothing_to_the_next_one() -> None:
    """Also where the unit would draw the same random numbers: ours are others."""
    scene = attacked(settled=False)
    scene.line.run(0.4)
    seen_card(scene, 7)
    recorded = iter([frame for frame in scene.attacker.frames() if frame.code != Nak.CODE])
    scene.attacker.onwards = drop()
    scene.line.run(20)  # it is offline
    scene.attacker.onwards = lambda frame: (frame,)

    def replay(frame: Frame) -> Iterator[Frame]:
        said = next(recorded, None)
        if said is not None:
            yield replace(said, sequence=frame.sequence)

    scene.attacker.back = replay
    scene.line.run(60)
    assert scene.cards == [card(7)]
    assert Alarm.WRONG_CRYPTOGRAM in scene.alarms
    assert not scene.line.connection(1)
    scene.nothing_was_won()


def test_our_random_numbers_never_come_twice() -> None:
    scene = attacked()
    for _ in range(100):
        scene.unit.cycle_power()
        scene.line.run(6)
    challenges = [frame.body for frame in commands(scene, Challenge)]
    assert len(challenges) == len(set(challenges)) > 100


def test_an_answer_to_another_challenge_proves_nothing() -> None:
    scene = attacked(settled=False)
    scene.line.run(0.4)
    (recorded,) = scene.attacker.frames(ClientCryptogram)
    scene.unit.cycle_power()
    scene.attacker.back = changing(ClientCryptogram, numbered(recorded))
    scene.line.run(3)
    assert Alarm.WRONG_CRYPTOGRAM in scene.alarms
    assert not scene.line.connection(1)


def test_answers_in_another_order_are_not_believed() -> None:
    scene = attacked()
    kept: list[Frame] = []

    def swap(frame: Frame) -> tuple[Frame, ...]:
        """Keep the first card back and give the second in its place, then the first."""
        if frame.code != RawCard.CODE:
            return (replace(kept.pop(), sequence=frame.sequence),) if kept[1:] else (frame,)
        kept.append(frame)
        return () if len(kept) == 1 else (frame,)

    scene.attacker.back = swap
    scene.show(1)
    scene.show(2)
    scene.line.run(4)
    scene.attacker.leave()
    assert scene.secure_again()
    assert scene.cards in ([], [card(1)], [card(1), card(2)])  # `Truth` has looked at each
    scene.nothing_was_won()


def test_an_answer_that_comes_twice_counts_once() -> None:
    scene = attacked()
    scene.attacker.back = lambda frame: (frame, frame)
    seen_card(scene, 7)
    scene.line.run(2)
    assert scene.cards == [card(7)]
    assert not scene.offline
    assert not scene.alarms


# --- guessed -----------------------------------------------------------------------------


def guessing(chance: Random) -> Callable[[Frame], Frame]:
    def guess(frame: Frame) -> Frame:
        return Frame(
            1,
            frame.sequence,
            RawCard.CODE,
            chance.randbytes(16),
            reply=True,
            security=SecurityBlock(SIGNED_REPLY + 2),
            mac=chance.randbytes(MAC_LENGTH),
        )

    return guess


def test_a_guess_at_a_mac_costs_a_session_and_five_seconds() -> None:
    """With one guess in 5 s, one of 2**32 takes 340 years for an even chance."""
    scene = attacked()
    scene.attacker.back = changing(Ack, guessing(Random(3)))  # noqa: S311 - repeatable
    scene.line.run(20)  # the first ones are cheaper
    seconds = 240
    before = scene.line.bus.counters(1)
    scene.attacker.back = changing(Ack, guessing(Random(1)))  # noqa: S311 - repeatable
    scene.line.run(seconds)
    after = scene.line.bus.counters(1)

    guesses_made = after.lost_sessions - before.lost_sessions
    assert 0 < guesses_made <= seconds / 5 + 1
    assert after.sessions - before.sessions >= guesses_made - 1  # each in a session of its own
    a_second = (guesses_made - 1) / seconds  # the first one had not to wait
    assert 2**32 / 2 / a_second / SECONDS_A_YEAR > 340
    for alarm in (Alarm.WRONG_MAC, Alarm.SESSIONS_BROKEN):
        assert scene.alarms.count(alarm) in (4, 5)  # told once a minute
    assert not scene.cards
    scene.nothing_was_won()


def test_after_a_wrong_guess_the_right_answer_comes_too_late() -> None:
    scene = attacked()
    guess = guessing(Random(2))  # noqa: S311 - repeatable
    scene.show(7)
    scene.attacker.back = lambda frame: (
        (guess(frame), frame) if frame.code == RawCard.CODE else (frame,)
    )
    scene.line.run(2)
    assert not scene.cards
    assert scene.alarms == [Alarm.WRONG_MAC]
    assert scene.offline


def test_an_unlock_cannot_be_made_up_for_the_unit() -> None:
    scene = attacked()
    for number in range(4):
        forged = Frame(
            1,
            number,
            SetOutputs.CODE,
            bytes(16),
            security=SecurityBlock(0x17),
            mac=bytes(MAC_LENGTH),
        )
        scene.attacker.ask(forged, scene.line.now)
        scene.attacker.ask(in_clear(pulse(9), replace(forged, security=None, mac=b"")), 0)
    scene.line.run(3)
    assert not scene.unit.pulses
    assert scene.secure_again()
    scene.nothing_was_won()


# --- changed -----------------------------------------------------------------------------


@pytest.mark.parametrize("byte", range(SEALED_CARD))
def test_no_bit_of_a_card_can_be_changed(byte: int) -> None:
    """Each bit of each byte, once with check characters that fit and once without."""
    scene = attacked()
    for bit in range(8 * byte, 8 * byte + 8):
        before = len(scene.cards)
        shown = scene.show(bit + 1)
        once = iter([True])

        def change(frame: Frame, *, bit: int = bit, once: Iterator[bool] = once) -> bytes:
            return flipped(frame, bit) if next(once, False) else frame.encode()

        if bit < 8 * (SEALED_CARD - 2):
            scene.attacker.back = changing(RawCard, change)
        scene.line.run(3)
        scene.attacker.leave()
        assert scene.secure_again()
        assert scene.cards[before:] in ([], [shown])
    scene.nothing_was_won()


@pytest.mark.parametrize("length", range(SEALED_CARD))
def test_half_an_answer_is_asked_for_again(length: int) -> None:
    scene = attacked()
    cut = iter([length])
    scene.attacker.back = changing(
        RawCard, lambda frame: frame.encode()[: next(cut, SEALED_CARD)]
    )
    seen_card_later = scene.show(7)
    scene.line.run(2)
    assert scene.cards == [seen_card_later]
    assert not scene.alarms
    assert not scene.offline


@pytest.mark.parametrize("bit", range(0, 8 * SEALED_CARD, 5))
def test_no_bit_of_an_unlock_can_be_changed(bit: int) -> None:
    scene = attacked()
    scene.unlock(5)
    scene.attacker.onwards = changing(SetOutputs, lambda frame: flipped(frame, min(bit, 223)))
    scene.line.run(4)
    assert not scene.unit.pulses
    (ending,) = scene.line.endings()[5]
    assert isinstance(ending, Dropped | Expired)
    scene.attacker.leave()
    assert scene.secure_again()
    scene.nothing_was_won(ordered={5})


@pytest.mark.parametrize("number", range(4))
def test_another_number_makes_nothing_of_an_answer(number: int) -> None:
    scene = attacked()
    scene.show(7)
    scene.attacker.back = changing(RawCard, lambda frame: replace(frame, sequence=number))
    scene.line.run(3)
    scene.attacker.leave()
    assert scene.secure_again()
    assert scene.cards in ([], [card(7)])
    scene.nothing_was_won()


@pytest.mark.parametrize("number", range(4))
def test_another_number_makes_nothing_of_a_command(number: int) -> None:
    scene = attacked()
    scene.unlock(5)
    scene.attacker.onwards = changing(SetOutputs, lambda frame: replace(frame, sequence=number))
    scene.line.run(3)
    scene.attacker.leave()
    assert scene.secure_again()
    scene.nothing_was_won(ordered={5})


# --- somebody else's ---------------------------------------------------------------------


def test_our_own_commands_are_no_answers() -> None:
    """As they are, turned into replies, and turned into replies of the right kind."""
    scene = attacked()
    turned: list[Callable[[Frame], Frame]] = [
        lambda own: own,
        lambda own: replace(own, reply=True),
        lambda own: replace(own, reply=True, security=SecurityBlock(SIGNED_REPLY)),
    ]
    for turn in turned:

        def reflect(_: Frame, turn: Callable[[Frame], Frame] = turn) -> Frame:
            return turn(commands(scene)[-1])

        scene.attacker.back = changing(Ack, reflect)
        scene.line.run(3)
    scene.attacker.leave()
    assert scene.secure_again()
    assert Alarm.WRONG_MAC in scene.alarms
    scene.nothing_was_won()


def test_the_answers_of_another_unit_do_not_count_even_under_the_same_key() -> None:
    line = Line.with_units(2, keys={1: KEY, 2: KEY})
    one, two = Attacker.on(line, 1), Attacker.on(line, 2)
    line.run(0.5)
    line.device(2).report(card(7))
    line.run(0.5)
    (theirs,) = two.frames(RawCard)
    one.back = changing(Ack, lambda frame: replace(theirs, address=1, sequence=frame.sequence))
    line.run(3)
    told = [event.address for event in line.events(Identified)]
    assert told.count(2) == 1
    assert line.bus.counters(1).lost_sessions > 0


def test_another_unit_that_has_not_the_key_is_not_taken_for_it() -> None:
    scene = attacked()
    stranger = Witness(key=bytes.fromhex("c36a0ff18e2d947b5512a0de7c8849b1"))
    stranger.report(FORGED)
    scene.attacker.device = stranger
    scene.line.run(10)
    assert Alarm.WRONG_CRYPTOGRAM in scene.alarms
    assert not scene.line.connection(1)
    assert not scene.cards
    scene.nothing_was_won()
    scene.attacker.device = scene.unit
    assert scene.secure_again()


def test_another_unit_that_has_the_key_is_told_of_as_another() -> None:
    """Only a copied key does that; the brain compares it with who was approved here."""
    scene = attacked()
    scene.unit.swap(serial=0x0BADCAFE, firmware=9)
    assert scene.secure_again()
    told = scene.line.events(Identified)
    assert [each.identification.serial for each in told] == [0x1001, 0x0BADCAFE]
    assert [each.connection for each in told] == [1, 2]


# --- a second panel ----------------------------------------------------------------------


def test_somebody_who_speaks_to_the_unit_in_clear_costs_its_session_and_gets_nothing() -> None:
    scene = attacked()
    answers = []
    for _ in range(20):
        clear = Frame(1, 0, Poll.CODE, b"")
        answers += scene.attacker.ask(clear, scene.line.now)
        answers += scene.attacker.ask(in_clear(pulse(9), clear), scene.line.now)
        scene.line.run(0.5)
    assert {frame.code for frame in answers} == {Nak.CODE}
    assert scene.offline
    assert not scene.unit.pulses
    assert scene.secure_again()
    scene.nothing_was_won()


@pytest.mark.parametrize("key", [DEFAULT_KEY, *guesses()[:5]])
def test_somebody_who_wants_a_session_of_his_own_needs_the_key(key: bytes) -> None:
    scene = attacked()
    own = Handshake(1, key) if key != DEFAULT_KEY else Handshake.by_default_key(1)
    challenging = own.start(bytes(8))
    (answer,) = scene.attacker.ask(challenging.said.frame(1, 0), scene.line.now)
    assert answer.code in (Nak.CODE, ClientCryptogram.CODE)
    if answer.code == ClientCryptogram.CODE:
        body = bytes(16)
        forged = Frame(1, 1, ServerCryptogram.CODE, body, security=SecurityBlock(0x13, b"\1"))
        (end,) = scene.attacker.ask(forged, scene.line.now)
        assert end.security is not None
        assert end.security.data == b"\xff"
    assert not scene.unit.secure
    assert scene.secure_again()
    scene.nothing_was_won()


def repeated(scene: Scene) -> None:
    """Say to the unit again, in order, all that the panel said in its last session."""
    said = scene.attacker.frames(reply=False)
    first = [at for at, frame in enumerate(said) if frame.code == Challenge.CODE][-1]
    before = said[first - 2]
    assert before.code == Identify.CODE
    for frame in said[first:]:
        scene.attacker.ask(frame, scene.line.now)


def test_a_recorded_unlock_means_nothing_to_a_unit_that_draws_its_numbers() -> None:
    scene = attacked()
    scene.unlock(5)
    scene.line.run(1)
    (unlock,) = commands(scene, SetOutputs)
    for number in range(4):
        scene.attacker.ask(replace(unlock, sequence=number), scene.line.now)
    repeated(scene)
    assert len(scene.unit.pulses) == 1
    assert scene.secure_again()
    scene.nothing_was_won(ordered={5})


def test_a_unit_that_draws_the_same_number_again_obeys_a_recording() -> None:
    """Freshness of what a unit obeys is what it draws itself; what it says to us is fresh."""
    careless = Witness(chance=bytes)  # eight zeros, each time
    scene = attacked(careless)
    scene.unlock(5)
    scene.line.run(1)
    scene.attacker.onwards = drop()
    repeated(scene)
    assert len(careless.pulses) == 2


def test_a_unit_that_draws_the_same_number_again_is_told_of() -> None:
    careless = Witness(chance=bytes)
    scene = attacked(careless)
    careless.cycle_power()
    scene.line.run(60)
    assert scene.alarms == [Alarm.REPEATED_RANDOM]
    scene.nothing_was_won()


def test_the_end_of_a_recorded_handshake_ends_no_other() -> None:
    scene = attacked(settled=False)
    scene.line.run(0.4)
    (recorded,) = scene.attacker.frames(InitialRMac)
    scene.unit.cycle_power()
    scene.attacker.back = changing(InitialRMac, numbered(recorded))
    scene.line.run(3)
    assert Alarm.WRONG_RMAC in scene.alarms
    assert not scene.line.connection(1)
    scene.attacker.leave()
    assert scene.secure_again(RECOVERY)
