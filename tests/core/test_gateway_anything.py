"""The whole brain against a world that does what it likes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Credential,
    Flag,
    Holder,
    Passback,
    PointRules,
    Side,
)
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.access.state import State
from gatewayd.core.access.state_values import Value, restore
from gatewayd.core.actions import (
    Action,
    Admit,
    Answer,
    Bar,
    Identify,
    KeepState,
    Latch,
    Order,
    Record,
    Refuse,
    Release,
    ReportHealth,
    SavePermissions,
    Show,
    Signal,
)
from gatewayd.core.events import (
    AccessGranted,
    DoorReleased,
    ExitRequested,
    InternalError,
)
from gatewayd.core.facts import (
    CardRead,
    ControllerAlarmed,
    ControllerAnswers,
    ControllerIdentified,
    ControllerOffline,
    ControllerSilent,
    Fact,
    HealthRead,
    InputsRead,
    InputState,
    KeysRead,
    OrderDone,
    Outcome,
    OutputsRead,
    PermissionsCommitted,
    PermissionsNotCommitted,
    RequestCommitted,
)
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import (
    Card,
    ControllerId,
    ControllerView,
    DoorId,
    DoorMode,
    DoorView,
    Moment,
    OrderId,
    RequestId,
)
from gatewayd.core.orders import ORDER_SECONDS
from gatewayd.core.pin_entry import Keys
from gatewayd.core.requests import (
    ApplyPermissions,
    Command,
    ExplainDecision,
    ForgivePassback,
    LockDownSite,
    ReadHealth,
    Request,
    RunAudit,
    SetDoorMode,
    SetThreatLevel,
    UnlockDoor,
    WhatCanOpen,
    WhoCanOpen,
)
from gatewayd.core.site import OnClassic
from gatewayd.core.views import view_of
from tests.core.access.world import Town
from tests.core.site import (
    ANNA,
    BORIS,
    BOTH_WAYS,
    CARD,
    DESK,
    HALL,
    HELD,
    LAB,
    LAB_DOOR,
    LOBBY,
    NOON,
    OFFICE,
    OTHER_CARD,
    STAFF,
    STRANGE_CARD,
    STRIKE,
    add,
    identity,
    permit,
    site,
)

controllers = st.sampled_from([DESK, STRIKE])
cards = st.sampled_from([CARD, OTHER_CARD, STRANGE_CARD])
levels = st.lists(st.sampled_from(InputState), min_size=1, max_size=3).map(tuple)
identities = st.sampled_from([identity()] * 5 + [identity(model=9)])
doors = st.sampled_from([LOBBY, LAB, DoorId("attic")])
keys = st.sampled_from(["1234#", "9999#", "0#", "12", "34#", "*", "#", "12341234123#"])
OTHER_KEY = "H10301:0:3"
updates = st.builds(
    Update,
    base=st.integers(0, 3),
    version=st.integers(0, 4),
    holders=st.sampled_from([{}, {BORIS: None}, {BORIS: Holder(BORIS, levels=(STAFF,))}]),
    credentials=st.sampled_from([{}, {OTHER_KEY: None}, {OTHER_KEY: Credential("x", BORIS)}]),
)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(UnlockDoor, doors),
    st.builds(SetDoorMode, doors, st.none() | st.sampled_from(DoorMode)),
    st.builds(LockDownSite, st.booleans()),
    st.builds(SetThreatLevel, st.sampled_from([0, 0, 1])),
    st.builds(ForgivePassback, st.sampled_from([None, ANNA, BORIS])),
    st.builds(ApplyPermissions, updates),
    st.builds(ExplainDecision, doors, st.sampled_from(Side), st.just(OTHER_KEY)),
    st.builds(WhoCanOpen, doors, st.sampled_from(Side)),
    st.builds(WhatCanOpen, st.just(ANNA)),
    st.just(RunAudit()),
    st.just(ReadHealth()),
)
OTHERS = "mode/", "fire/", "confirmed"  # whose state is kept beside
EXPLANATIONS = AccessGranted, ExitRequested, DoorReleased


class AnySite(RuleBasedStateMachine):
    """An edge that keeps its promises, and a world that makes none."""

    POLICY = OnClassic.BLOCK
    ENTRY, AREA = PointRules(), AreaRules(HALL, Passback.SOFT)

    def __init__(self) -> None:
        super().__init__()
        self.mono = 10.0
        self.connections: dict[ControllerId, int] = {}  # those that stand
        self.newest = 0
        self.gates: dict[ControllerId, int] = {}  # the connection each is open for
        self.under_way: list[OrderId] = []
        self.asked = 0
        self.answered: Counter[RequestId] = Counter()
        self.doors: dict[DoorId, DoorView] = {}
        self.units: dict[ControllerId, ControllerView] = {}
        self.refused = False
        self.saving: Update | None = None
        self.state, self.kept = State(), dict[str, Value | None]()
        config = site(BOTH_WAYS, LAB_DOOR, on_classic=self.POLICY)
        self.town = everybody()
        self.book = permit(config, town=self.town, entry=self.ENTRY, areas=(self.AREA,))
        self.brain = Gateway(config, self.book, self.state, HELD, Rules())
        self.do(self.brain.tick(self.now))
        if self.POLICY is OnClassic.BLOCK:
            self.begin_a_quiet_day()

    def begin_a_quiet_day(self) -> None:
        for controller in (DESK, STRIKE):
            self.a_controller_appears(controller, identity())
        self.inputs_are_read((InputState.INACTIVE, InputState.INACTIVE), 0)

    @property
    def now(self) -> Moment:
        return Moment(self.mono, NOON + timedelta(seconds=self.mono))

    def tell(self, fact: Fact) -> None:
        self.do(self.brain.handle(fact, self.now))

    def do(self, actions: list[Action]) -> None:
        """Check every action as it comes, and carry it out."""
        explained = 0
        for action in actions:
            match action:
                case Record(event):
                    assert not isinstance(event, InternalError), event
                    explained += isinstance(event, EXPLANATIONS)
                case Release() | Latch() | Signal():
                    explained -= isinstance(action, Release)
                    assert explained >= 0
                    self.give(action)
                case Show(view):
                    self.show(view)
                case Answer(request) | ReportHealth(Request(id=request)):
                    self.answered[request] += 1
                    assert self.answered[request] == 1
                case KeepState(entries):
                    self.kept.update(entries)
                case SavePermissions(update):
                    assert self.saving is None
                    self.saving = update
                case _:
                    self.mind_the_gate(action)

    def give(self, order: Order) -> None:
        assert self.gates.get(order.controller) == order.connection
        assert self.mono < order.expires <= self.mono + ORDER_SECONDS
        self.under_way.append(order.order)

    def show(self, view: object) -> None:
        match view:
            case DoorView():
                self.doors[view.door] = view
            case ControllerView():
                self.units[view.controller] = view
            case _:
                pass

    def mind_the_gate(self, action: Action) -> None:
        match action:
            case Admit(controller, connection):
                assert not self.refused
                assert self.connections[controller] == connection
                self.gates[controller] = connection
            case Bar(controller) | Identify(controller):
                self.gates.pop(controller, None)
            case Refuse():
                assert not self.refused
                self.refused = True
            case _:
                pass

    # --- the world ------------------------------------------------------------------------

    @rule(controller=controllers, said=identities)
    def a_controller_appears(self, controller: ControllerId, said: object) -> None:
        self.a_controller_leaves(controller)
        self.newest += 1
        self.connections[controller] = self.newest
        self.tell(ControllerIdentified(controller, self.newest, said))  # type: ignore[arg-type]  # samples

    @rule(controller=controllers)
    def a_controller_leaves(self, controller: ControllerId) -> None:
        connection = self.connections.pop(controller, None)
        if connection is not None:
            self.gates.pop(controller, None)
            self.tell(ControllerOffline(controller, connection, "gone"))

    @rule(controller=controllers, said=identities)
    def a_controller_identifies_itself_again(
        self, controller: ControllerId, said: object
    ) -> None:
        if controller in self.connections:
            connection = self.connections[controller]
            self.tell(ControllerIdentified(controller, connection, said))  # type: ignore[arg-type]  # samples

    @rule(controller=controllers, silent=st.booleans())
    def a_controller_is_silent_or_answers(
        self, controller: ControllerId, *, silent: bool
    ) -> None:
        kind = ControllerSilent if silent else ControllerAnswers
        self.tell(kind(controller, self.connections.get(controller, 0)))

    @rule(controller=controllers)
    def somebody_meddles_with_a_controller(self, controller: ControllerId) -> None:
        self.tell(ControllerAlarmed(controller, "forged"))
        assert controller not in self.gates
        self.a_controller_leaves(controller)

    def connection(self, controller: ControllerId, behind: int) -> int:
        return self.connections.get(controller, self.newest) - behind

    @rule(
        card=cards,
        reader=st.integers(0, 3),
        behind=st.sampled_from([0, 0, 0, 1]),
        waited=st.sampled_from([0.0, 0.0, 0.0, 9.0]),
    )
    def a_card_is_read(self, card: Card, reader: int, behind: int, waited: float) -> None:
        given, connection = len(self.under_way), self.connection(DESK, behind)
        self.tell(CardRead(DESK, connection, reader, card, waited))
        assert len(self.under_way) == given or self.gates.get(DESK) == connection

    @rule(pressed=keys, reader=st.integers(0, 3), waited=st.sampled_from([0.0, 0.0, 9.0]))
    def keys_are_read(self, pressed: str, reader: int, waited: float) -> None:
        connection = self.connection(DESK, 0)
        self.tell(KeysRead(DESK, connection, reader, Keys(pressed), waited))

    @rule(well=st.booleans())
    def the_disk_is_done(self, *, well: bool) -> None:
        if self.saving is None:
            return
        update, self.saving = self.saving, None
        if well:
            for holder in update.holders:
                self.town.holders.pop(holder, None)
            held = replace(HELD, version=update.version)
            self.tell(PermissionsCommitted(update.version, held))
        else:
            self.tell(PermissionsNotCommitted(update.version, "disk full"))

    @rule(inputs=levels, behind=st.sampled_from([0, 0, 0, 1]))
    def inputs_are_read(self, inputs: tuple[InputState, ...], behind: int) -> None:
        self.tell(InputsRead(DESK, self.connection(DESK, behind), inputs))

    @rule(controller=controllers, on=st.booleans())
    def outputs_are_read(self, controller: ControllerId, *, on: bool) -> None:
        self.tell(OutputsRead(controller, self.connection(controller, 0), (on,)))

    @rule(tamper=st.booleans())
    def health_is_read(self, *, tamper: bool) -> None:
        self.tell(HealthRead(DESK, self.connection(DESK, 0), tamper, power=False))

    @rule(outcome=st.sampled_from(Outcome), newest=st.booleans())
    def an_order_ends(self, outcome: Outcome, *, newest: bool) -> None:
        if self.under_way:
            self.tell(OrderDone(self.under_way.pop(-1 if newest else 0), outcome))

    @rule(command=commands, seconds=st.sampled_from([0, 0.3, 30]))
    def somebody_asks(self, command: Command, seconds: float) -> None:
        self.asked += 1
        id_ = RequestId(str(self.asked))
        self.tell(RequestCommitted(Request(id_, OFFICE, command, self.mono + seconds)))

    @rule(seconds=st.sampled_from([0.0, 0.1, 1, 2, 5, 20]))
    def time_passes(self, seconds: float) -> None:
        self.mono += seconds
        self.do(self.brain.tick(self.now))
        assert self.brain.deadline > self.mono

    # --- what always holds ----------------------------------------------------------------

    @invariant()
    def what_moved_is_kept(self) -> None:
        """After a crash everybody is where they are now."""
        ours = {key: it for key, it in self.kept.items() if not key.startswith(OTHERS)}
        again = restore(ours.items())
        assert set(again.changes()) == set(self.state.changes())
        assert again.occupancy == self.state.occupancy

    @invariant()
    def who_was_let_in_and_who_stands_there_is_told_by_the_doors(self) -> None:
        for state in self.brain._parts.doors:
            door = state.door.id
            assert self.brain._parts.doors.untaken.get(door) == state.passage.grant
            assert self.brain._parts.doors.now[door].mode is state.mode

    @invariant()
    def what_is_shown_is_what_stands(self) -> None:
        for door, view in self.doors.items():
            state = self.brain._parts.doors._states[door]
            assert view_of(state, self.brain._parts.controllers) == view
        for controller, unit in self.units.items():
            assert self.brain._parts.controllers[controller].view() == unit

    @invariant()
    def nobody_is_driven_who_is_not_there(self) -> None:
        for controller, connection in self.gates.items():
            assert self.connections[controller] == connection
            assert self.units[controller].verdict == "approved"

    def teardown(self) -> None:
        """In the end everybody has one answer, and nothing is under way."""
        while self.saving is not None:
            self.the_disk_is_done(well=True)
        self.time_passes(3.1)
        self.time_passes(5)
        self.time_passes(30)
        assert not self.brain._parts.points._entries
        assert not self.state.cards
        assert not self.state.companions
        assert sum(self.answered.values()) == self.asked
        assert len(self.brain._parts.desk) == 0
        assert len(self.brain._parts.doors.drive._orders) <= 2  # modes that are told again


class AnyStrictSite(AnySite):
    """A site that was never approved and refuses Classic units."""

    POLICY = OnClassic.REFUSE

    @invariant()
    def a_refused_site_is_barred(self) -> None:
        assert not (self.refused and self.gates)


class AnyGuardedSite(AnySite):
    """A site that asks for PINs and lets nobody in twice."""

    ENTRY = PointRules(default=Authentication.CARD_AND_PIN)
    AREA = AreaRules(HALL, Passback.HARD, max_occupancy=1)


class AnySiteOfPairs(AnySite):
    """A site that lets two people in at a time."""

    ENTRY = PointRules(two_person=True, default=Authentication.CARD_OR_PIN)


def everybody() -> Town:
    found = Town()
    add(found, ANNA, CARD, Flag.SUPERVISOR, pin="1234", duress_pin="9999")
    add(found, BORIS, OTHER_CARD, pin="0", max_uses=2)
    return found


TestAnySite = AnySite.TestCase
TestAnyGuardedSite = AnyGuardedSite.TestCase
TestAnySiteOfPairs = AnySiteOfPairs.TestCase
TestAnyStrictSite = AnyStrictSite.TestCase


# --- and an edge that does not keep its promises ------------------------------------------

anybody = st.sampled_from([DESK, STRIKE, ControllerId("nobody's")])
numbers = st.integers(-1, 4)
facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(ControllerIdentified, anybody, numbers, identities),
    st.builds(ControllerSilent, anybody, numbers),
    st.builds(ControllerAnswers, anybody, numbers),
    st.builds(ControllerOffline, anybody, numbers, st.just("gone")),
    st.builds(ControllerAlarmed, anybody, st.just("forged")),
    st.builds(CardRead, anybody, numbers, numbers, cards),
    st.builds(KeysRead, anybody, numbers, numbers, st.builds(Keys, st.text("0123456789#*"))),
    st.builds(InputsRead, anybody, numbers, levels),
    st.builds(OutputsRead, anybody, numbers, st.just((True,))),
    st.builds(HealthRead, anybody, numbers, st.booleans(), st.booleans()),
    st.builds(OrderDone, numbers, st.sampled_from(Outcome)),
    st.builds(PermissionsCommitted, numbers),
    st.builds(PermissionsNotCommitted, numbers, st.just("disk full")),
    st.builds(
        RequestCommitted,
        st.builds(
            Request, st.sampled_from(["a", "b"]), st.just(OFFICE), commands, st.just(30.0)
        ),
    ),
)


@given(st.lists(st.tuples(facts, st.sampled_from([0, 0.1, 3, -5])), max_size=30))
def test_no_sequence_of_facts_raises(story: list[tuple[Fact, float]]) -> None:
    config = site(on_classic=OnClassic.REFUSE)
    brain = Gateway(config, permit(config), State(), HELD, Rules())
    mono = 10.0
    for fact, seconds in story:
        mono += seconds
        now = Moment(mono, NOON)
        assert isinstance(brain.handle(fact, now), list)
        assert isinstance(brain.tick(now), list)
