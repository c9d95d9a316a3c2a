"""An attacker who does whatever comes to his mind, for a while, and then goes away.

Cards are shown and unlocks ordered meanwhile. Whatever he did:

* what the panel believes is what the unit said inside that session, in order, at most once
  (`Truth`, for every single thing it is told);
* no lock moves but for an unlock that was ordered, and not twice for one; what is told as
  delivered was obeyed;
* in clear nothing goes out but the questions for the identity, and no key goes out at all;
* once he is gone the unit is secure again within `RECOVERY`, and cards count.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol.message import Message
from protocol.osdp.commands import Challenge, Poll, SetOutputs
from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Ack, Busy, Capabilities, ClientCryptogram, Nak, RawCard
from protocol.osdp.secure_session import SIGNED_REPLY
from tests.attacks.scene import FORGED, attacked
from tests.simulate.attacker import Edit, drop, flipped, in_clear, instead, selecting, untouched

FORGERIES: tuple[Message, ...] = (
    Ack(),
    Busy(),
    Capabilities(()),
    FORGED,
    *map(Nak, (1, 4, 5, 6)),
)
WHILES = st.sampled_from([0.01, 0.05, 0.3, 1.0, 3.0, 9.0])
AHEAD = 3.0  # seconds: as long beforehand he says something
NUMBERS = st.integers(0, 3)


def sometimes(chance: Random, edit: Edit) -> Edit:
    """Do it to every third frame or so."""
    return lambda frame: edit(frame) if chance.random() < 0.3 else (frame,)


class AnyAttack(RuleBasedStateMachine):
    """One unit, its panel, and somebody in between."""

    @initialize(seed=st.integers(0, 2**32), settled=st.booleans())
    def begin(self, seed: int, settled: bool) -> None:  # noqa: FBT001 - drawn by name
        self.chance = Random(seed)  # noqa: S311 - repeatable
        self.scene = attacked(settled=settled)
        self.shown = 0
        self.ordered: list[int] = []

    @invariant()
    def he_has_won_nothing(self) -> None:
        self.scene.nothing_was_won(ordered=self.ordered)

    # --- what goes on meanwhile ---------------------------------------------------------

    @rule(seconds=WHILES)
    def time_passes(self, seconds: float) -> None:
        self.scene.line.run(seconds)

    @rule()
    def a_card_is_shown(self) -> None:
        self.shown += 1
        self.scene.show(self.shown)

    @rule(within=st.sampled_from([0.1, 1.0, 5.0]))
    def an_unlock_is_ordered(self, within: float) -> None:
        tag = len(self.ordered) + 1
        if self.scene.line.unlock(1, tag, within=within):
            self.ordered.append(tag)

    @rule()
    def the_unit_loses_power(self) -> None:
        self.scene.unit.cycle_power()

    # --- what he does to what goes by ---------------------------------------------------

    def _both(self, edit: Edit, *, back: bool, often: bool) -> None:
        edit = edit if often else sometimes(self.chance, edit)
        if back:
            self.scene.attacker.back = edit
        else:
            self.scene.attacker.onwards = edit

    @rule(back=st.booleans(), often=st.booleans())
    def he_swallows(self, back: bool, often: bool) -> None:  # noqa: FBT001 - drawn by name
        self._both(drop(), back=back, often=often)

    @rule(kind=st.sampled_from([RawCard, Ack, ClientCryptogram]), often=st.booleans())
    def he_swallows_some_answers(self, kind: type[Message], often: bool) -> None:  # noqa: FBT001 - drawn by name
        self._both(drop(kind), back=True, often=often)

    @rule(kind=st.sampled_from([Poll, SetOutputs, Challenge]), often=st.booleans())
    def he_swallows_some_commands(self, kind: type[Message], often: bool) -> None:  # noqa: FBT001 - drawn by name
        self._both(drop(kind), back=False, often=often)

    @rule(back=st.booleans(), often=st.booleans(), number=NUMBERS)
    def he_changes_numbers(self, back: bool, often: bool, number: int) -> None:  # noqa: FBT001 - drawn by name
        self._both(lambda frame: (replace(frame, sequence=number),), back=back, often=often)

    @rule(back=st.booleans(), often=st.booleans())
    def he_flips_bits(self, back: bool, often: bool) -> None:  # noqa: FBT001 - drawn by name
        def flip(frame: Frame) -> Iterable[bytes]:
            return (flipped(frame, self.chance.randrange(8 * (len(frame.encode()) - 2))),)

        self._both(flip, back=back, often=often)

    @rule(back=st.booleans(), often=st.booleans())
    def he_cuts(self, back: bool, often: bool) -> None:  # noqa: FBT001 - drawn by name
        def cut(frame: Frame) -> Iterable[bytes]:
            raw = frame.encode()
            return (raw[: self.chance.randrange(len(raw))],)

        self._both(cut, back=back, often=often)

    @rule(back=st.booleans(), often=st.booleans())
    def he_says_everything_twice(self, back: bool, often: bool) -> None:  # noqa: FBT001 - drawn by name
        self._both(lambda frame: (frame, frame), back=back, often=often)

    @rule(
        kind=st.sampled_from([None, Ack, RawCard, ClientCryptogram, Capabilities]),
        forged=st.sampled_from(FORGERIES),
        number=st.none() | NUMBERS,
        often=st.booleans(),
    )
    def he_answers_in_clear(
        self,
        kind: type[Message] | None,
        forged: Message,
        number: int | None,
        often: bool,  # noqa: FBT001 - drawn by name
    ) -> None:
        self._both(instead(kind, forged, sequence=number), back=True, often=often)

    @rule(often=st.booleans(), first=st.booleans())
    def he_answers_with_what_he_recorded(self, often: bool, first: bool) -> None:  # noqa: FBT001 - drawn by name
        def replay(frame: Frame) -> Iterable[Frame]:
            recorded = replace(self._recorded(reply=True), sequence=frame.sequence)
            return (recorded, frame) if first else (recorded,)

        self._both(replay, back=True, often=often)

    @rule(often=st.booleans())
    def he_reflects(self, often: bool) -> None:  # noqa: FBT001 - drawn by name
        def reflect(frame: Frame) -> Iterable[Frame]:
            own = self.scene.attacker.frames(reply=False)[-1]
            if own.security is None or not own.mac:
                return (frame,)
            return (replace(own, reply=True, security=SecurityBlock(SIGNED_REPLY)),)

        self._both(reflect, back=True, often=often)

    @rule(often=st.booleans())
    def he_wants_the_default_key(self, often: bool) -> None:  # noqa: FBT001 - drawn by name
        change: Callable[[Frame], Frame] = selecting(b"\0")
        self._both(
            lambda frame: (change(frame) if frame.code == ClientCryptogram.CODE else frame,),
            back=True,
            often=often,
        )

    @rule(back=st.booleans())
    def he_lets_one_direction_pass(self, back: bool) -> None:  # noqa: FBT001 - drawn by name
        self._both(untouched, back=back, often=True)

    # --- what he says himself -----------------------------------------------------------

    def _recorded(self, *, reply: bool) -> Frame:
        frames = self.scene.attacker.frames(reply=reply)
        return self.chance.choice(frames) if frames else Frame(1, 0, Ack.CODE, b"", reply=reply)

    @rule(after=st.sampled_from([0.0, 0.02, 0.3, AHEAD]))
    def he_repeats_an_answer(self, after: float) -> None:
        self.scene.line.noise(self._recorded(reply=True).encode(), after)

    @rule(forged=st.sampled_from(FORGERIES), number=NUMBERS)
    def he_answers_unasked(self, forged: Message, number: int) -> None:
        self.scene.attacker.say(in_clear(forged, Frame(1, number, 0, b"", reply=True)))

    @rule()
    def he_repeats_a_command(self) -> None:
        self.scene.attacker.ask(self._recorded(reply=False), self.scene.line.now)

    @rule(number=NUMBERS, kind=st.sampled_from([Poll.CODE, SetOutputs.CODE]))
    def he_plays_the_panel(self, number: int, kind: int) -> None:
        forged = Frame(1, number, kind, bytes(4) if kind == SetOutputs.CODE else b"")
        self.scene.attacker.ask(forged, self.scene.line.now)

    # --- and then ----------------------------------------------------------------------

    @rule()
    def he_leaves(self) -> None:
        scene = self.scene
        scene.attacker.leave()
        assert scene.secure_again(), "it is not secure again"
        scene.line.run(AHEAD)  # what he said ahead of time is over
        assert scene.secure_again(), "it does not stay secure"
        self.shown += 1
        shown = scene.show(self.shown)
        scene.line.run(5)
        assert shown in scene.cards


TestAnyAttack = AnyAttack.TestCase
TestAnyAttack.settings = settings(stateful_step_count=30)
