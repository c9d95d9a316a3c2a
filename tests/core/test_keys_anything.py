"""Windows and rotations against units, lines and clients that do what they like."""

from collections import Counter
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gatewayd.core.actions import Action, Answer, CloseWindow, GiveKey, OpenWindow, ReplaceKey
from gatewayd.core.commissioning import LATE
from gatewayd.core.events import ControllerCommissioning
from gatewayd.core.facts import (
    ControllerIdentified,
    ControllerOffline,
    Fact,
    KeyNotGiven,
    KeyNotKept,
    KeyProved,
    Outcome,
    RequestCommitted,
    SetupFailed,
    UnitAnswered,
    WindowClosed,
)
from gatewayd.core.model import ClientId, ControllerId, RequestId
from gatewayd.core.requests import (
    Command,
    CommissionController,
    EndCommissioning,
    Request,
    RotateKey,
)
from gatewayd.core.rotations import PATIENCE
from tests.core.site import DESK, STRIKE, World, events, identity, of, site

LONGEST = 300.0  # seconds that a request may count

controllers = st.sampled_from([DESK, STRIKE])
serials = st.sampled_from(["00000001", "00000002"])
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(RotateKey, controllers),
    st.builds(EndCommissioning, controllers),
    st.builds(CommissionController, controllers, st.floats(1, LONGEST), st.none() | serials),
)


class AnyKeys(RuleBasedStateMachine):
    """A line keeps one promise at most: it closes a window that it was told to close."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(site(require_secure=frozenset({DESK, STRIKE})))
        self.asked = 0
        self.open: dict[RequestId, Request] = {}
        self.answered: Counter[RequestId] = Counter()
        self.windows: set[ControllerId] = set()
        self.named: dict[ControllerId, set[str]] = {DESK: set(), STRIKE: set()}
        self.there: dict[ControllerId, str] = {}
        self.connections = 0
        self.do(self.world.tick())

    def tell(self, fact: Fact) -> None:
        self.do(self.world.tell(fact))

    def do(self, actions: list[Action]) -> None:
        for answer in of(Answer, actions):
            self.answered[answer.request] += 1
            self.open.pop(answer.request, None)
        for opened in of(OpenWindow, actions):
            assert opened.controller not in self.windows
            assert opened.until <= self.world.mono + LONGEST
            self.windows.add(opened.controller)
        for given in of(GiveKey, actions):
            assert given.controller in self.windows
            assert self.there[given.controller] in self.named[given.controller]
        for event in events(actions):
            if isinstance(event, ControllerCommissioning) and event.step == "closed":
                self.windows.remove(event.controller)
                self.named[event.controller].clear()
        for each in of(ReplaceKey, actions):
            assert each.connection <= self.connections
        for closing in of(CloseWindow, actions):
            if closing.controller in self.windows:
                self.tell(WindowClosed(closing.controller, "cancelled", done=False))

    @rule(
        command=commands,
        client=st.sampled_from(["office", "local-0"]),
        seconds=st.floats(1, LONGEST),
    )
    def somebody_asks(self, command: Command, client: str, seconds: float) -> None:
        self.asked += 1
        id_ = RequestId(f"r{self.asked}")
        request = Request(id_, ClientId(client), command, self.world.mono + seconds)
        self.open[id_] = request
        if isinstance(command, CommissionController) and command.serial:
            self.named[command.controller].add(command.serial)
        self.tell(RequestCommitted(request))

    @rule(controller=controllers, serial=st.integers(1, 3))
    def a_unit_answers_in_a_window(self, controller: ControllerId, serial: int) -> None:
        self.connections += 1
        self.there[controller] = f"{serial:08x}"
        self.tell(UnitAnswered(controller, self.connections, identity(serial)))

    @rule(controller=controllers, outcome=st.sampled_from(Outcome))
    def a_key_does_not_arrive(self, controller: ControllerId, outcome: Outcome) -> None:
        self.tell(KeyNotGiven(controller, outcome))

    @rule(controller=controllers, kept=st.booleans())
    def something_fails(self, controller: ControllerId, kept: bool) -> None:  # noqa: FBT001  hypothesis names it
        self.tell(SetupFailed(controller, "x") if kept else KeyNotKept(controller, "x"))

    @rule(controller=controllers, renewed=st.booleans())
    def a_key_is_proved(self, controller: ControllerId, renewed: bool) -> None:  # noqa: FBT001  hypothesis names it
        self.connections += 1
        self.tell(KeyProved(controller, 1, renewed))
        proved = replace(identity(), proved=True)
        self.tell(ControllerIdentified(controller, self.connections, proved))

    @rule(controller=controllers)
    def a_unit_goes(self, controller: ControllerId) -> None:
        self.tell(ControllerOffline(controller, self.connections, "gone"))

    @precondition(lambda self: self.windows)
    @rule(done=st.booleans())
    def a_window_closes(self, done: bool) -> None:  # noqa: FBT001  hypothesis names it
        self.tell(WindowClosed(min(self.windows), "over", done))

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.do(self.world.wait(seconds))

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        assert not [each for each, count in self.answered.items() if count > 1]

    def teardown(self) -> None:
        """In the end every window is closed and everybody is answered."""
        self.do(self.world.wait(LONGEST + LATE + PATIENCE))
        assert not self.windows
        assert not self.open


TestAnyKeys = AnyKeys.TestCase
