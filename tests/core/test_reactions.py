"""Local reactions: what fires them, what they do, and how that ends."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core import reactions as module
from gatewayd.core.actions import Action, Latch, Record, Release
from gatewayd.core.controllers import Controllers
from gatewayd.core.events import (
    DoorForced,
    DoorHeld,
    DoorModeChanged,
    DoorModeNotApplied,
    Event,
    ReactionFailed,
    ReactionFired,
    ReactionHeldBack,
    SiteLockdown,
    SiteThreatLevel,
)
from gatewayd.core.facts import (
    ControllerIdentified,
    InputsRead,
    InputState,
    OrderDone,
    Outcome,
)
from gatewayd.core.model import ControllerId, DoorId, DoorMode, Identity, Moment, OrderId, Point
from gatewayd.core.reaction import (
    Effect,
    LockDown,
    OnEvent,
    OnInput,
    Pulse,
    Reaction,
    SetMode,
    SiteEffect,
    Switch,
    ThreatLevel,
    Trigger,
)
from gatewayd.core.reactions import Reactions
from gatewayd.core.site import SiteConfig
from tests.core.site import CATALOGUE

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
UNIT, GATE = ControllerId("unit"), ControllerId("gate")
LOBBY = DoorId("lobby")
FORCED, BUTTON = OnEvent("door.forced", LOBBY), OnInput(Point(UNIT, 1))
SIREN = Pulse(Point(UNIT, 2), 30.0)
REST, ACTIVE, CUT = InputState.INACTIVE, InputState.ACTIVE, InputState.CUT


def moment(mono: float) -> Moment:
    return Moment(mono, NOON)


@dataclass
class Site:
    """Reactions, the controllers they drive, and what the rest of the brain is told."""

    reactions: tuple[Reaction, ...]
    applied: list[tuple[SiteEffect, str]] = field(default_factory=list)
    tells: tuple[Event, ...] = ()  # what the rest of the brain says to an effect
    mono: float = 100.0
    broken: bool = False

    def __post_init__(self) -> None:
        self.out: list[Action] = []
        config = SiteConfig(
            (), {UNIT: "north", GATE: "north"}, CATALOGUE, inventory_approved=True
        )
        self.controllers = Controllers(config, self.out)
        numbers = count(1)
        self.all = Reactions(
            self.reactions,
            self.controllers,
            self.out,
            number=lambda: OrderId(next(numbers)),
            apply=self.apply,
            guard=self.guard,
        )

    def guard(self, work: Callable[[], None], now: Moment) -> None:
        assert now.mono == self.mono
        with suppress(RuntimeError):
            work()

    def apply(self, effect: SiteEffect, by: str, now: Moment) -> None:
        assert now.mono == self.mono
        if self.broken:
            raise RuntimeError
        self.applied.append((effect, by))
        self.out += [Record(each) for each in self.tells]

    def online(self, unit: ControllerId = UNIT, model: int = 1) -> None:
        who = Identity("osdp", "00d0c9", model, 1, "00000001", (1, 0, 0), ((1, 4, 8),))
        self.controllers.identified(ControllerIdentified(unit, 1, who), moment(self.mono))
        self.out.clear()

    def tell(self, *events: Event) -> list[Action]:
        self.out += [Record(each) for each in events]
        return self.after(len(events))

    def inputs(self, *levels: InputState, stale: bool = False) -> list[Action]:
        self.all.inputs(InputsRead(UNIT, 1, levels), stale=stale)
        return self.after()

    def after(self, begin: int = 0) -> list[Action]:
        self.all.look(moment(self.mono))
        new = self.out[begin:]
        self.out.clear()
        return new

    def tick(self) -> list[Action]:
        self.all.tick(moment(self.mono))
        return self.after()

    def done(self, order: int, outcome: Outcome, detail: str = "") -> list[Action]:
        assert self.all.ended(OrderDone(OrderId(order), outcome, detail))
        return self.after()


def site(trigger: Trigger = FORCED, *effects: Effect, tells: tuple[Event, ...] = ()) -> Site:
    made = Site((Reaction("siren", trigger, effects or (SIREN,)),), tells=tells)
    made.online()
    return made


def fired(actions: list[Action]) -> list[str]:
    events = [each.event for each in actions if isinstance(each, Record)]
    return [each.trigger for each in events if isinstance(each, ReactionFired)]


# --- what fires --------------------------------------------------------------------


def test_a_forced_door_sounds_the_siren() -> None:
    assert site().tell(DoorForced(LOBBY)) == [
        Record(ReactionFired("siren", "door.forced lobby")),
        Release(OrderId(1), UNIT, 1, 2, 30.0, 102.0),
    ]


def test_another_event_fires_nothing() -> None:
    assert site().tell(DoorHeld(LOBBY), DoorForced(DoorId("lab"))) == []


def test_a_button_locks_the_site_down() -> None:
    here = site(BUTTON, LockDown(), ThreatLevel(3), SetMode(LOBBY, DoorMode.BLOCKED))
    assert here.inputs(REST, REST) == []
    assert here.inputs(REST, ACTIVE) == [Record(ReactionFired("siren", "input 1 of unit"))]
    by = "reaction siren"
    assert here.applied == [
        (LockDown(), by),
        (ThreatLevel(3), by),
        (SetMode(LOBBY, DoorMode.BLOCKED), by),
    ]


def test_an_input_fires_once_for_one_press() -> None:
    here = site(BUTTON)
    here.inputs(REST, REST)
    assert fired(here.inputs(REST, ACTIVE))
    here.mono += 5
    assert not fired(here.inputs(ACTIVE, ACTIVE))
    assert not fired(here.inputs(REST, REST))
    assert fired(here.inputs(REST, ACTIVE))


def test_an_input_that_is_active_when_it_is_seen_first_fires_nothing() -> None:
    here = site(BUTTON)
    assert here.inputs(REST, ACTIVE) == []
    assert here.inputs(REST, REST) == []
    assert fired(here.inputs(REST, ACTIVE))


def test_an_input_may_count_when_it_becomes_inactive() -> None:
    here = site(replace(BUTTON, active_when=False))
    here.inputs(REST, ACTIVE)
    assert fired(here.inputs(REST, REST))


@pytest.mark.parametrize("between", [(REST, CUT), (REST,)])
def test_a_fault_of_its_wiring_neither_fires_nor_hides_a_press(
    between: tuple[InputState, ...],
) -> None:
    here = site(BUTTON)
    here.inputs(REST, REST)
    assert here.inputs(*between) == []
    assert fired(here.inputs(REST, ACTIVE))
    here.mono += 5
    here.inputs(*between)
    assert here.inputs(REST, ACTIVE) == []


def test_what_is_seen_too_late_shuts_and_opens_or_moves_nothing() -> None:
    here = site(BUTTON, LockDown(), SIREN, SetMode(LOBBY, DoorMode.UNLOCKED))
    here.inputs(REST, REST)
    late = [
        ReactionFailed("siren", what, "not_sent", "it was seen too late")
        for what in ("output 2 of unit for 30 s", "lobby is unlocked")
    ]
    assert here.inputs(REST, ACTIVE, stale=True)[1:] == [Record(each) for each in late]
    assert here.applied == [(LockDown(), "reaction siren")]


def test_a_site_without_reactions_looks_at_nothing() -> None:
    here = Site(())
    assert here.all.deadline == math.inf
    assert here.tell(DoorForced(LOBBY)) == []
    assert here.inputs(ACTIVE, ACTIVE) == []


# --- no chains ---------------------------------------------------------------------


OURS, OFFICE = "reaction siren", "request office"


@pytest.mark.parametrize(
    ("event", "of_people"),
    [
        (DoorModeChanged(LOBBY, "blocked", OURS), DoorModeChanged(LOBBY, "blocked", OFFICE)),
        (SiteLockdown(on=True, by=OURS), SiteLockdown(on=True, by=OFFICE)),
        (SiteThreatLevel(3, OURS), SiteThreatLevel(3, OFFICE)),
    ],
)
def test_what_a_reaction_causes_triggers_no_other(event: Event, of_people: Event) -> None:
    first = Reaction("siren", FORCED, (LockDown(),))
    second = Reaction("next", OnEvent(event.KIND), (SIREN,))
    here = Site((first, second), tells=(event,))
    assert fired(here.tell(DoorForced(LOBBY))) == ["door.forced lobby"]
    assert fired(here.tell(event)) == []  # and not later, either
    assert fired(here.tell(of_people)) != []


def test_that_a_mode_ordered_by_a_reaction_fails_triggers_nothing() -> None:
    failed = DoorModeNotApplied(LOBBY, "blocked", "not_sent")
    ours = DoorModeChanged(LOBBY, "blocked", "reaction siren")
    order = Reaction("siren", FORCED, (SetMode(LOBBY, DoorMode.BLOCKED),))
    here = Site(
        (order, Reaction("b", OnEvent("door.mode_failed"), (LockDown(),))), tells=(ours,)
    )
    here.tell(DoorForced(LOBBY))
    assert fired(here.tell(failed)) == []
    here.tell(DoorModeChanged(LOBBY, "locked", "request office"))
    assert fired(here.tell(failed)) == ["door.mode_failed lobby"]


# --- a pause -----------------------------------------------------------------------


def test_a_reaction_fires_once_a_second_and_counts_what_it_holds_back() -> None:
    here = site()
    assert fired(here.tell(DoorForced(LOBBY), DoorForced(LOBBY)))
    here.mono += 0.5
    assert here.tell(DoorForced(LOBBY)) == []
    assert here.all.deadline == 101.0
    assert here.tick() == []
    here.mono = 101.0
    assert here.tick() == [Record(ReactionHeldBack("siren", 2))]
    assert fired(here.tell(DoorForced(LOBBY))) == ["door.forced lobby"]


def test_what_was_held_back_is_told_before_it_fires_again() -> None:
    here = site()
    here.tell(DoorForced(LOBBY), DoorForced(LOBBY))
    here.mono = 101.0
    held, again, _ = here.tell(DoorForced(LOBBY))
    assert held == Record(ReactionHeldBack("siren", 1))
    assert fired([again])


def test_one_reaction_that_pauses_holds_no_other_back() -> None:
    here = Site((Reaction("a", FORCED, (LockDown(),)), Reaction("b", BUTTON, (LockDown(),))))
    here.inputs(REST, REST)
    assert fired(here.tell(DoorForced(LOBBY)))
    assert fired(here.inputs(REST, ACTIVE)) == ["input 1 of unit"]


# --- outputs -----------------------------------------------------------------------


def test_an_output_is_switched_on_or_off() -> None:
    here = site(FORCED, Switch(SIREN.output, on=True), Switch(Point(UNIT, 3), on=False))
    assert here.tell(DoorForced(LOBBY))[1:] == [
        Latch(OrderId(1), UNIT, 1, 2, on=True, expires=102.0),
        Latch(OrderId(2), UNIT, 1, 3, on=False, expires=102.0),
    ]


def test_a_unit_that_is_not_there_or_not_approved_is_not_driven() -> None:
    here = Site((Reaction("siren", FORCED, (SIREN, Pulse(Point(GATE), 1.0))),))
    here.online(GATE, model=9)
    _, away, barred = here.tell(DoorForced(LOBBY))
    what = "output 2 of unit for 30 s"
    assert away == Record(ReactionFailed("siren", what, "not_sent", "unit is not there"))
    assert isinstance(barred, Record)
    assert isinstance(barred.event, ReactionFailed)
    assert barred.event.detail.startswith("gate is not driven: ")


def test_an_order_that_is_delivered_needs_no_more_words() -> None:
    here = site()
    here.tell(DoorForced(LOBBY))
    assert here.done(1, Outcome.DELIVERED) == []
    assert not here.all.ended(OrderDone(OrderId(1), Outcome.DELIVERED))
    assert here.all.deadline == math.inf


def test_an_order_that_ends_badly_is_told() -> None:
    here = site()
    here.tell(DoorForced(LOBBY))
    what = "output 2 of unit for 30 s"
    failed = ReactionFailed("siren", what, "refused", "no such output")
    assert here.done(1, Outcome.REFUSED, "no such output") == [Record(failed)]


def test_an_order_nobody_hears_of_again_counts_as_unconfirmed() -> None:
    here = site()
    here.tell(DoorForced(LOBBY))
    assert here.all.deadline == 103.0
    here.mono = 102.9
    assert here.tick() == []
    here.mono = 103.0
    (told,) = here.tick()
    assert isinstance(told, Record)
    assert isinstance(told.event, ReactionFailed)
    assert told.event.outcome == "unconfirmed"


def test_an_order_that_is_withdrawn_is_told() -> None:
    here = site()
    here.tell(DoorForced(LOBBY))
    here.all.withdraw(OrderId(1))
    here.all.withdraw(OrderId(7))  # none of ours
    failed = ReactionFailed("siren", "output 2 of unit for 30 s", "not_sent", "internal error")
    assert here.out == [Record(failed)]


def test_what_breaks_keeps_nothing_else_from_being_done() -> None:
    here = site(FORCED, LockDown(), SIREN)
    here.broken = True
    failed = ReactionFailed("siren", "the site is locked down", "not_sent", "internal error")
    _, told, order = here.tell(DoorForced(LOBBY))
    assert told == Record(failed)
    assert isinstance(order, Release)


def test_orders_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PENDING", 1)
    here = site(FORCED, SIREN, SIREN)
    (_, order, failed) = here.tell(DoorForced(LOBBY))
    assert isinstance(order, Release)
    what = "output 2 of unit for 30 s"
    full = ReactionFailed("siren", what, "not_sent", "1 orders are under way")
    assert failed == Record(full)


@given(st.lists(st.floats(0.0, 2.5), max_size=30))
def test_every_trigger_fires_or_is_counted_and_none_fires_too_soon(waits: list[float]) -> None:
    here, fired_at, held = site(), list[float](), 0
    for wait in [*waits, module.PAUSE]:
        here.mono += wait
        told = [*here.tell(DoorForced(LOBBY)), *here.tick()]
        fired_at += [here.mono] * len(fired(told))
        events = [each.event for each in told if isinstance(each, Record)]
        held += sum(each.count for each in events if isinstance(each, ReactionHeldBack))
    assert len(fired_at) + held == len(waits) + 1
    assert all(b - a >= module.PAUSE - 1e-9 for a, b in pairwise(fired_at))
