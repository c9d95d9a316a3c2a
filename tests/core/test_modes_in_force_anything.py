"""Whatever happens around the locks: none is switched on that the newest event leaves shut.

The whole brain, with units that come, go, are barred and do not obey, restarts of ours and a
clock that is set; beside it the model of what holds and what comes first.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatewayd.core.access.book import Book, PermissionSet
from gatewayd.core.access.portals import portal_of
from gatewayd.core.access.records import Rules
from gatewayd.core.access.state_values import Value, restore
from gatewayd.core.actions import Action, KeepState, Latch, Record
from gatewayd.core.door_modes import LOOK_AGAIN
from gatewayd.core.events import DoorModeChanged
from gatewayd.core.facts import ControllerIdentified, InputState, Outcome
from gatewayd.core.fire import FireInput
from gatewayd.core.gateway import Gateway
from gatewayd.core.mode_orders import FIRE, MODE, kept_modes
from gatewayd.core.model import ControllerId, DoorId, DoorMode, Moment, Point, is_open_mode
from gatewayd.core.requests import LockDownSite, SetDoorMode, UnlockDoor
from gatewayd.core.schedules import Schedules
from tests.core.hours import schedule
from tests.core.mode_model import Model, rules_of
from tests.core.site import (
    DESK,
    HELD,
    KEY,
    LAB,
    LAB_DOOR,
    LOBBY,
    LOBBY_DOOR,
    STRIKE,
    World,
    anna,
    answers,
    identity,
    site,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DOORS = {LOBBY: LOBBY_DOOR, LAB: LAB_DOOR}
UNITS = (DESK, STRIKE)
FIRES = (
    FireInput("hall", Point(DESK, 2)),
    FireInput("shop", Point(DESK, 3), active_when=False, doors=frozenset({LAB})),
)
CONFIG = replace(site(inventory_approved=True), fires=FIRES)
SETTLED = 60.0  # seconds after which every request has its answer

doors = st.sampled_from(sorted(DOORS))
modes = st.one_of(st.none(), st.sampled_from(DoorMode))
levels = st.sampled_from([InputState.ACTIVE, InputState.INACTIVE, InputState.CUT])
ends = st.one_of(st.none(), st.integers(1, 30 * 60))
plans = st.fixed_dictionaries({door: st.sampled_from(["none", "office"]) for door in DOORS})
units = st.sampled_from(UNITS)
mostly = st.sampled_from([True, True, True, False])


class Site(World):
    """A world that keeps what it is told, and whose clock can be set."""

    def __init__(self, plan: dict[DoorId, str], kept: dict[str, Value], now: Moment) -> None:
        self.kept, self.time = kept, now
        self.explained: dict[DoorId, DoorMode] = {}  # by events of this run alone
        self.pending: list[Latch] = []
        self.answered: dict[str, int] = {}
        self.mono, self.views, self.numbers = now.mono, {}, 0
        hours = Schedules(UTC, [schedule(every="07:00-16:00")])
        rules = PermissionSet(hours, doors=rules_of(plan))
        self.book = Book([portal_of(each) for each in CONFIG.doors], rules, anna(), KEY)
        moved = (each for each in kept.items() if not each[0].startswith((MODE, FIRE)))
        self.state = restore(moved)
        self.brain = Gateway(
            CONFIG, self.book, self.state, HELD, Rules(), modes=kept_modes(kept)
        )

    @property
    def now(self) -> Moment:
        passed = timedelta(seconds=self.mono - self.time.mono)
        return Moment(self.mono, self.time.utc + passed, self.time.trusted)

    def _seen(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            match action:
                case Record(DoorModeChanged(door, mode, by)):
                    assert by
                    self.explained[door] = DoorMode(mode)
                case KeepState(entries):
                    for key, value in entries:
                        self.kept.pop(key, None)
                        if value is not None:
                            self.kept[key] = value
                case Latch():
                    self._is_explained(action)
                    self.pending.append(action)
        for request, _ in answers(actions):
            self.answered[request] = self.answered.get(request, 0) + 1
        return super()._seen(actions)

    def _is_explained(self, latch: Latch) -> None:
        lock = Point(latch.controller, latch.output)
        (door,) = (each.id for each in DOORS.values() if each.lock == lock)
        assert is_open_mode(self.explained[door]) is latch.on


class AnythingInForce(RuleBasedStateMachine):
    @initialize(plan=plans)
    def start(self, plan: dict[DoorId, str]) -> None:
        self.model = Model(FIRES)
        self.model.plan = plan
        self.connections = dict.fromkeys(UNITS, 0)
        self.up: set[ControllerId] = set()  # there and approved
        self.site = Site(plan, {}, Moment(100.0, NOON))
        self.site.tick()
        self.everybody_comes()

    @rule(door=doors, mode=modes, end=ends)
    def order(self, door: DoorId, mode: DoorMode | None, end: int | None) -> None:
        until = None
        if mode is not None and end is not None:
            until = self.site.now.utc + timedelta(minutes=end)
        self.site.ask(SetDoorMode(door, mode, until))
        if mode is None:
            self.model.orders.pop(door, None)
        else:
            self.model.orders[door] = mode, until

    @rule(on=st.booleans())
    def lock_down(self, *, on: bool) -> None:
        self.site.ask(LockDownSite(on))
        self.model.lockdown = on

    @rule(seen=st.tuples(levels, levels, levels, levels))
    def inputs(self, seen: tuple[InputState, ...]) -> None:
        self.site.inputs(*seen, connection=self.connections[DESK])
        for fire in FIRES if DESK in self.up else ():
            level = seen[fire.point.number]
            if not level.faulty:
                active = (level is InputState.ACTIVE) is fire.active_when
                (self.model.fires.add if active else self.model.fires.discard)(fire.name)

    @rule()
    def card(self) -> None:
        self.site.card(connection=self.connections[DESK])

    @rule(door=doors)
    def unlock(self, door: DoorId) -> None:
        self.site.ask(UnlockDoor(door))

    @rule()
    def everybody_comes(self) -> None:
        for unit in UNITS:
            self.comes(unit, approved=True)

    @rule(unit=units, approved=mostly)
    def comes(self, unit: ControllerId, *, approved: bool) -> None:
        self.goes(unit)
        self.connections[unit] += 1
        who = identity(model=1 if approved else 9)
        self.site.tell(ControllerIdentified(unit, self.connections[unit], who))
        if approved:
            self.up.add(unit)

    @rule(unit=units)
    def goes(self, unit: ControllerId) -> None:
        self.site.offline(unit, self.connections[unit])
        self.up.discard(unit)

    @rule(outcome=st.sampled_from(Outcome))
    def locks_answer(self, outcome: Outcome) -> None:
        pending, self.site.pending = self.site.pending, []
        for latch in pending:
            self.site.done(latch, outcome)

    @rule(seconds=st.integers(0, 300))
    def wait(self, seconds: int) -> None:
        self.site.wait(seconds)

    @rule(shift=st.integers(-20 * 60, 40 * 60), trusted=st.booleans())
    def set_clock(self, shift: int, *, trusted: bool) -> None:
        now = self.site.now
        utc = now.utc + timedelta(minutes=shift) if trusted else now.utc
        self.site.time = Moment(now.mono, utc, trusted)
        self.model.believed = trusted
        self.site.wait(LOOK_AGAIN)

    @rule(minutes=st.integers(0, 40 * 60), watched=mostly)
    def restart(self, minutes: int, *, watched: bool) -> None:
        now = self.site.now
        now = Moment(now.mono, now.utc + timedelta(minutes=minutes), now.trusted)
        self.up.clear()
        self.site = Site(self.model.plan, self.site.kept, now)
        self.site.tick()
        if watched:
            self.everybody_comes()

    @invariant()
    def every_door_has_its_mode_and_says_why(self) -> None:
        utc = self.site.now.utc
        self.model.pass_(utc)
        for door in DOORS:
            view = self.site.views[door]
            assert view.mode is self.model.mode(door, utc)
            assert view.by or view.mode is DoorMode.LOCKED
            assert self.site.explained.get(door, DoorMode.LOCKED) is view.mode

    def teardown(self) -> None:
        """Every request was answered, once."""
        if hasattr(self, "site"):
            self.site.wait(SETTLED)
            asked = {f"r{number + 1}" for number in range(self.site.numbers)}
            assert self.site.answered == dict.fromkeys(asked, 1)


TestAnythingInForce = AnythingInForce.TestCase
