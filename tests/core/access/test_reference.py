"""The decision and its reference agree, whatever the site, the people and what happened.

A history is drawn as one number and a length; of one that fails, the shortest is told.
`EXAMPLES=100000 HYPOTHESIS_PROFILE=long` runs it for long.
"""

from dataclasses import replace
from datetime import timedelta

from hypothesis import event, given
from hypothesis import strategies as st

from gatewayd.core.access.attempt import Attempt, Decision, DoorNow
from gatewayd.core.access.explain import explain
from gatewayd.core.access.model import (
    CredentialState,
    Side,
)
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import (
    LockdownIs,
    Presence,
    PresenceIs,
    State,
    ThreatLevelIs,
    everybody_forgiven,
)
from gatewayd.core.access.state_values import restore, to_entry
from gatewayd.core.model import Card, DoorId, DoorMode, HolderId
from tests.core.access.histories import History, Step
from tests.core.access.reference import Moved, Place, Said
from tests.core.access.world import World, digits

STEPS = 40


class Both:
    """A site and its reference; the same happens to both."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.world, self.reference = history.world, history.reference

    def happens(self, step: Step) -> None:
        """Let a card or a PIN be presented to both, or anything else happen."""
        match step:
            case ("card" | "pin", (str(door), Side() as side), card, pin, bool(take)):
                assert card is None or isinstance(card, Card)
                assert pin is None or isinstance(pin, str)
                self.present((DoorId(door), side), card, pin, take=take)
            case _:
                self.do(step)

    def present(self, place: Place, card: Card | None, pin: str | None, *, take: bool) -> None:
        world = self.world
        door, side = place
        before = _all_of(world.state)
        expected = self.reference.decide(place, card, pin, world.now, world.doors)
        attempt_told = explain(
            world.book, world.state, world.around, _attempt(world, place, card, pin)
        )
        assert _all_of(world.state) == before  # asking changed nothing
        if card is None:
            assert pin is not None
            decision = world.pin(pin, door, side)
        else:
            decision = world.card(card, pin, door, side)
        assert _said(decision, world) == expected
        assert attempt_told.decision == decision
        spoken = [each.reason for each in attempt_told.findings if each.reason is not None]
        first = spoken[0] if spoken else Reason.GRANTED
        assert first is decision.reason
        event(decision.reason)
        self.history.told(place, decision)
        if decision.granted and take:
            keys = [each.credential for each in (decision.companion,) if each is not None]
            keys += [] if decision.credential is None else [decision.credential]
            self.reference.took(place, expected, keys, world.now)
            world.take(decision)

    def do(self, step: Step) -> None:  # noqa: C901, PLR0912 - one case for each kind of step
        """Let something else happen."""
        world, reference = self.world, self.reference
        match step:
            case ("wait", float(seconds)):
                world.wait(seconds)
            case ("mode", str(door), DoorMode() as mode):
                world.mode(mode, DoorId(door))
            case ("door", str(door), is_open, unlocked):
                mode = world.doors[DoorId(door)].mode
                world.doors[DoorId(door)] = DoorNow(mode, is_open, unlocked)  # type: ignore[arg-type]  # drawn so
            case ("threat", int(threat)):
                world.apply(ThreatLevelIs(threat))
                reference.threat_level = threat
            case ("lockdown", bool(on)):
                world.apply(LockdownIs(on))
                reference.lockdown = on
            case ("forgive", str(name)):
                holder = HolderId(name)
                world.wait(1)  # what everybody is forgiven ends before this
                presence = Presence(None, world.now.utc, forgiven=True)
                world.apply(PresenceIs(holder, presence))
                reference.diary.append(Moved(holder, None, world.now.utc, forgiven=True))
            case ("forgive all",):
                world.apply(everybody_forgiven(world.state, world.now.utc))
                reference.forgive_everybody(world.now)
            case ("jump", float(seconds)):
                utc = world.now.utc + timedelta(seconds=seconds)
                world.now = replace(world.now, utc=utc)
            case ("state", Card() as card, CredentialState() as state):
                world.credential(card, state=state)
            case ("clock", bool(trusted)):
                world.now = type(world.now)(world.now.mono, world.now.utc, trusted)
            case ("degraded", bool(degraded)):
                world.degraded = reference.degraded = degraded
            case ("stale", bool(stale)):
                world.stale = reference.stale = stale
            case ("restart",):
                world.state = restore([to_entry(each) for each in world.state.changes()])
                reference.restarted()
            case _:
                expected = reference.time_is_over(world.now)
                assert sorted(world.over()) == expected


def _all_of(state: State) -> tuple[object, ...]:
    return [*state.changes()], dict(state.cards), dict(state.companions)


def _attempt(world: World, place: Place, card: Card | None, pin: str | None) -> Attempt:
    return Attempt(*place, world.now, card, digits(pin))


def _said(decision: Decision, world: World) -> Said:
    portal = world.book.portals.get(decision.door)
    longer = portal is not None and decision.release_seconds == portal.extended_release_seconds
    return Said(
        decision.reason.value,
        decision.holder,
        None if decision.companion is None else decision.companion.holder,
        decision.duress,
        frozenset(decision.passback),
        longer,
    )


@given(st.integers(0, 2**64 - 1), st.integers(1, STEPS))
def test_both_say_the_same(seed: int, steps: int) -> None:
    history = History(seed)
    both = Both(history)
    for _ in range(steps):
        both.happens(history.step())
