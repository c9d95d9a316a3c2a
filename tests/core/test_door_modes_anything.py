"""Whatever is ordered, scheduled, burning or switched off: every door has the mode it must.

Beside the doors stands a model that knows no events and no deadlines, only what holds now and
which rule comes first. The clock of the site is two hours ahead of UTC all the time.
"""

from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatewayd.core.access.policy import ClockLost, Policy
from gatewayd.core.access.state import FirstPerson, FirstPersonIs
from gatewayd.core.access.state_values import restore
from gatewayd.core.actions import Action
from gatewayd.core.door_modes import LOOK_AGAIN
from gatewayd.core.events import DoorModeChanged, FireAlarm, FireEnded, SiteLockdown
from gatewayd.core.facts import InputState
from gatewayd.core.mode_orders import FIRE, MODE, ModeOrder, kept_modes
from gatewayd.core.model import DoorId, DoorMode
from gatewayd.core.requests import LockDownSite
from tests.core.mode_model import PLANS, Model, rules_of
from tests.core.modes import ANNA, FIRES, LAB, LOBBY, Modes, answers, events

DOORS = (LOBBY, LAB)
doors = st.sampled_from(DOORS)
modes = st.one_of(st.none(), st.sampled_from(DoorMode))
levels = st.sampled_from(
    [InputState.ACTIVE, InputState.INACTIVE, InputState.CUT, InputState.MISSING]
)
minutes = st.integers(0, 3 * 60)
ends = st.one_of(st.none(), st.integers(1, 30 * 60))
plans = st.sampled_from(PLANS)
OPENS = frozenset({DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN})


class Anything(RuleBasedStateMachine):
    @initialize(lobby=plans, lab=plans, goes_on=st.booleans())
    def start(self, lobby: str, lab: str, *, goes_on: bool) -> None:
        self.model = Model(FIRES)
        self.model.plan = {LOBBY: lobby, LAB: lab}
        self.goes_on = goes_on
        policy = Policy(clock_lost=ClockLost.GO_ON if goes_on else ClockLost.DENY)
        self.modes = Modes(rules=rules_of(self.model.plan), policy=policy)
        self.told: dict[DoorId, DoorMode] = {}
        self._see(self.modes.begun)

    @rule(door=doors, mode=modes, end=ends)
    def order(self, door: DoorId, mode: DoorMode | None, end: int | None) -> None:
        told = self.modes.order(mode, door, minutes=None if mode is None else end)
        assert answers(told) == [None]
        if mode is None:
            self.model.orders.pop(door, None)
        else:
            until = None if end is None else self.modes.now.utc + timedelta(minutes=end)
            self.model.orders[door] = mode, until
        self._see(told)

    @rule(on=st.booleans())
    def lock_down(self, *, on: bool) -> None:
        changed = self.model.lockdown is not on
        self.model.lockdown = on
        told = self.modes.ask(LockDownSite(on))
        assert changed is any(isinstance(each, SiteLockdown) for each in events(told))
        self._see(told)

    @rule(seen=st.tuples(levels, levels, levels))
    def inputs(self, seen: tuple[InputState, ...]) -> None:
        before = set(self.model.fires)
        for fire, level in zip(FIRES, seen, strict=True):
            if not level.faulty:
                active = (level is InputState.ACTIVE) is fire.active_when
                (self.model.fires.add if active else self.model.fires.discard)(fire.name)
        told = self.modes.inputs(*seen)
        alarms = {each.fire for each in events(told) if isinstance(each, FireAlarm)}
        ended = {each.fire for each in events(told) if isinstance(each, FireEnded)}
        assert alarms == self.model.fires - before
        assert ended == before - self.model.fires
        self._see(told)

    @rule(door=doors)
    def first_person(self, door: DoorId) -> None:
        at = self.modes.now.utc
        self.model.first[door] = at
        self.modes.moved.change([FirstPersonIs(door, FirstPerson(ANNA, at))])
        self.modes.modes.look_at(door, self.modes.now)
        self._see(self.modes.wait())

    @rule(door=doors, plan=plans)
    def other_rules(self, door: DoorId, plan: str) -> None:
        self.model.plan[door] = plan
        book = self.modes.book(rules_of(self.model.plan))
        self.modes.modes.rules_are(book, self.modes.now)
        self._see(self.modes.wait())

    @rule(length=minutes)
    def wait(self, length: int) -> None:
        told = self.modes.wait(length)
        if any(
            at > self.modes.now.utc - timedelta(minutes=length)
            for at in self.model.first.values()
        ):
            # whoever came before the clock was set back comes again, and nobody waits for that
            self.modes.modes.look(self.modes.now)
            told += self.modes.wait()
        self._see(told)

    @rule(shift=st.integers(-20 * 60, 40 * 60), trusted=st.booleans())
    def set_clock(self, shift: int, *, trusted: bool) -> None:
        utc = self.modes.now.utc + timedelta(minutes=shift)
        self.modes.set_clock(utc if trusted else self.modes.now.utc, trusted=trusted)
        self.model.believed = trusted or self.goes_on
        self._see(self.modes.wait(LOOK_AGAIN / 60))

    @rule(length=st.integers(0, 40 * 60))
    def restart(self, length: int) -> None:
        self.modes = self.modes.restarted(length, rules_of(self.model.plan))
        self.told = {}
        self._see(self.modes.begun)

    def _see(self, told: list[Action]) -> None:
        """Follow the modes by the events alone."""
        self.model.pass_(self.modes.now.utc)
        for event in events(told):
            if isinstance(event, DoorModeChanged):
                assert event.by
                self.told[event.door] = DoorMode(event.mode)

    @invariant()
    def every_door_has_its_mode(self) -> None:
        for door in DOORS:
            assert self.modes.mode(door) is self.model.mode(door, self.modes.now.utc)

    @invariant()
    def nothing_stands_open_that_no_event_explains(self) -> None:
        for door in DOORS:
            shown = self.modes.mode(door)
            assert self.told.get(door, DoorMode.LOCKED) is shown
            assert shown not in OPENS or self.modes.shown[door][1]

    @invariant()
    def what_is_kept_is_what_holds(self) -> None:
        kept = kept_modes(self.modes.kept)
        assert kept.fires == self.model.fires
        assert {door: _brief(each) for door, each in kept.orders.items()} == self.model.orders
        moved = {
            key: value
            for key, value in self.modes.kept.items()
            if not key.startswith((MODE, FIRE))
        }
        assert restore(moved.items()).lockdown is self.model.lockdown

    @invariant()
    def it_looks_again_in_time(self) -> None:
        assert self.modes.modes.deadline > self.modes.now.mono
        if self.model.orders and any(until for _, until in self.model.orders.values()):
            assert self.modes.modes.deadline <= self.modes.now.mono + LOOK_AGAIN


def _brief(order: ModeOrder) -> tuple[DoorMode, datetime | None]:
    return order.mode, order.until


TestAnything = Anything.TestCase
