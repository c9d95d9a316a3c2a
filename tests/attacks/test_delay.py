"""Somebody who only cuts, holds and repeats: nothing is forged, and something is missing.

He can always stop a door from opening. What he cannot do is to do it unseen, or to make us say
that something was done which was not. How late a frame may still count is the unit's business
as soon as it has left us: one unlock that we sent can be kept back and delivered once.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from protocol.osdp.bus import (
    Delivered,
    Dropped,
    Expired,
    Identified,
    Replied,
    WentOffline,
    WentSilent,
)
from protocol.osdp.commands import Challenge, Poll, SetOutputs
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Busy, RawCard
from tests.attacks.scene import Scene, attacked, card, commands
from tests.simulate.attacker import drop

HELD = 7.0  # seconds, below the 8 of an offline unit


def test_a_cut_wire_is_told_of_within_nine_seconds() -> None:
    scene = attacked()
    scene.attacker.onwards = drop()
    scene.line.run(9)
    assert scene.line.events(WentSilent)
    assert scene.offline == ["no valid message for 8 s"]
    assert not scene.line.unlock(1, 5)
    scene.nothing_was_won()
    scene.attacker.leave()
    assert scene.secure_again(2)


def test_a_noisy_wire_is_told_of_too() -> None:
    scene = attacked()
    scene.attacker.back = lambda frame: (b"\x53" * len(frame.encode()),)
    scene.line.run(10)
    assert scene.line.events(WentSilent)
    assert scene.offline
    scene.nothing_was_won()


def test_whoever_swallows_cards_only_is_noticed() -> None:
    """He can tell them by their code, but he cannot answer in their place."""
    scene = attacked()
    scene.attacker.back = drop(RawCard)
    scene.line.run(5)
    assert not scene.line.events(WentSilent)
    scene.show(7)
    scene.line.run(10)
    assert scene.line.events(WentSilent)
    assert not scene.cards
    scene.nothing_was_won()


def test_whoever_swallows_unlocks_only_is_noticed() -> None:
    scene = attacked()
    scene.attacker.onwards = drop(SetOutputs)
    scene.unlock(5)
    scene.line.run(10)
    (ending,) = scene.line.endings()[5]
    assert ending in (Expired(sent=True), Dropped(sent=True))
    assert scene.offline
    scene.nothing_was_won(ordered={5})


def test_whoever_swallows_acknowledgements_makes_nothing_done() -> None:
    """The lock did open: what was not acknowledged is told as "it may have acted"."""
    scene = attacked()
    scene.unlock(5)
    scene.attacker.back = drop()
    scene.line.run(10)
    assert scene.line.endings()[5] in ([Expired(sent=True)], [Dropped(sent=True)])
    assert len(scene.unit.pulses) == 1
    scene.nothing_was_won(ordered={5})


def holding(scene: Scene, hold: Callable[[Frame], bool], seconds: float) -> None:
    """Keep the unit's answers back from the first that is so on, and then let them go."""
    held: list[Frame] = []

    def keep(frame: Frame) -> tuple[Frame, ...]:
        if not held and not hold(frame):
            return (frame,)
        held.append(frame)
        return ()

    scene.attacker.back = keep
    scene.line.run_until(lambda: bool(held), 2)
    scene.line.run(seconds)
    scene.attacker.leave()
    scene.attacker.say(held[0])
    scene.line.run(1)


def believed(scene: Scene, shown: RawCard) -> list[float]:
    """Return how old a card may have been each time it was believed."""
    return [each.waited for each in scene.line.events(Replied) if each.reply == shown]


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0, HELD])
def test_a_card_that_was_held_back_says_how_old_it_may_be(seconds: float) -> None:
    """Whoever decides takes no card that is older than five seconds."""
    scene = attacked()
    shown = scene.show(7)
    holding(scene, lambda frame: frame.code == RawCard.CODE, seconds)
    (waited,) = believed(scene, shown)
    assert waited >= seconds
    scene.nothing_was_won()


def test_a_card_that_was_held_back_longer_is_lost() -> None:
    scene = attacked()
    scene.show(7)
    holding(scene, lambda frame: frame.code == RawCard.CODE, 10)
    assert not scene.cards
    assert scene.secure_again()


BUSY = Frame(1, 0, Busy.CODE, b"", reply=True)


def keep_busy(scene: Scene, seconds: float) -> None:
    """Say BUSY in the unit's place; it hears nothing of it."""
    place = scene.line.place(1)
    place.between = lambda _wire, _now: BUSY.encode()
    scene.line.run(seconds)
    place.between = scene.attacker.answer


def test_a_card_kept_back_by_busy_says_how_old_it_may_be() -> None:
    scene = attacked()
    shown = scene.show(7)
    keep_busy(scene, 4)
    scene.line.run(1)
    (waited,) = believed(scene, shown)
    assert waited >= 4


def test_a_unit_kept_busy_is_cut_off() -> None:
    scene = attacked()
    keep_busy(scene, 10)
    assert "busy for too long" in scene.offline
    assert scene.secure_again()
    scene.nothing_was_won()


def test_an_unlock_is_not_sent_after_its_time() -> None:
    scene = attacked()
    scene.attacker.onwards = drop(Poll)
    scene.line.run(0.3)
    scene.unlock(5, within=1.0)
    scene.line.run(30)
    late = scene.line.now
    scene.attacker.leave()
    assert scene.secure_again()
    scene.line.run(10)
    assert [when for when, _ in scene.line.heard(1, SetOutputs.CODE) if when > late] == []
    (ending,) = scene.line.endings()[5]
    assert ending in (Expired(sent=False), Dropped(sent=False))
    assert not scene.unit.pulses
    scene.nothing_was_won(ordered={5})


def kept_back(scene: Scene, *, awake: bool, seconds: float) -> None:
    """Keep an unlock from the unit for so long; `awake`: repeat its last command to it."""
    held: list[Frame] = []

    def keep(frame: Frame) -> tuple[Frame, ...]:
        if frame.code != SetOutputs.CODE and not held:
            return (frame,)
        held.append(frame)
        return ()

    scene.attacker.onwards = keep
    scene.unlock(5)
    scene.line.run_until(lambda: bool(held), 1)
    last = commands(scene, Poll)[-1]
    for _ in range(int(seconds / 2)):
        scene.line.run(2)
        if awake:
            scene.attacker.ask(last, scene.line.now)
    scene.attacker.ask(held[0], scene.line.now)
    scene.attacker.ask(held[0], scene.line.now)


def test_an_unlock_kept_back_counts_once_at_most_and_we_never_call_it_done() -> None:
    """The unit's chain has not moved, so the frame is still the next one for it: OSDP has no
    times in it. We say that it was sent, that it may have acted, and that the unit is gone."""
    scene = attacked()
    kept_back(scene, awake=True, seconds=60)
    assert len(scene.unit.pulses) == 1  # a minute late, and no second time
    assert scene.line.endings() == {5: [Expired(sent=True)]}
    assert scene.offline
    scene.attacker.leave()
    assert scene.secure_again()
    scene.nothing_was_won(ordered={5})


def test_a_good_unit_forgets_its_session_after_eight_seconds_of_silence() -> None:
    scene = attacked()
    kept_back(scene, awake=False, seconds=10)
    assert not scene.unit.pulses
    assert scene.line.endings() == {5: [Expired(sent=True)]}


def test_an_unlock_kept_back_means_nothing_once_the_unit_has_heard_of_us_again() -> None:
    scene = attacked()
    scene.attacker.onwards = drop(SetOutputs)
    scene.unlock(5)
    scene.line.run(4)
    assert scene.secure_again()
    held = commands(scene, SetOutputs)
    for number in range(4):
        scene.attacker.ask(replace(held[0], sequence=number), scene.line.now)
    assert not scene.unit.pulses
    scene.nothing_was_won(ordered={5})


def test_a_door_is_driven_again_soon_after_he_left() -> None:
    scene = attacked()
    scene.attacker.onwards = drop(Challenge)
    scene.unit.cycle_power()
    scene.line.run(120)
    scene.attacker.leave()
    assert scene.secure_again()
    scene.unlock(6)
    scene.line.run(1)
    assert scene.line.endings()[6] == [Delivered()]
    shown = scene.show(8)
    scene.line.run(1)
    assert scene.cards == [shown] == [card(8)]
    assert len(scene.line.events(WentOffline)) >= 1
    assert scene.line.events(Identified)[-1].proved
