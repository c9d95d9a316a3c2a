"""A small site whose doors only change their modes, and a lock that writes down what it hears.

`LOBBY` stands unlocked in office hours, `LAB` is as it is ordered; both hang on one fire input
each, and on a third that opens everything. `Modes` keeps the time and what was kept, and can
be started again with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gatewayd.core.access.book import Book, PermissionSet
from gatewayd.core.access.model import DoorRules, Holder, Portal
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.state_values import Value, restore
from gatewayd.core.actions import Action, Answer, KeepState, Record
from gatewayd.core.desk import Desk
from gatewayd.core.door_modes import DoorModes
from gatewayd.core.events import DoorModeChanged, Event, InternalError
from gatewayd.core.facts import InputsRead, InputState
from gatewayd.core.fire import FireInput, Fires
from gatewayd.core.mode_orders import FIRE, MODE, kept_modes
from gatewayd.core.model import (
    ClientId,
    ControllerId,
    DoorId,
    DoorMode,
    HolderId,
    Moment,
    Point,
    RequestId,
)
from gatewayd.core.moved import Moved
from gatewayd.core.requests import AboutSite, Request, SetDoorMode
from gatewayd.core.schedules import Schedules
from gatewayd.core.site_orders import SiteOrders
from tests.core.access.world import Town
from tests.core.hours import BERLIN, OFFICE, schedule

NOON = datetime(2026, 5, 8, 10, tzinfo=UTC)  # a Friday; 12:00 on the clocks of the site
LOBBY, LAB = DoorId("lobby"), DoorId("lab")
ANNA = HolderId("anna")
PANEL = ControllerId("panel")
FIRES = (
    FireInput("hall", Point(PANEL, 0)),
    FireInput("kitchen", Point(PANEL, 1), doors=frozenset({LOBBY})),
    FireInput("shop", Point(PANEL, 2), active_when=False, doors=frozenset({LAB})),
)
QUIET = (InputState.INACTIVE, InputState.INACTIVE, InputState.ACTIVE)  # no fire anywhere
IN_OFFICE_HOURS = (DoorRules(LOBBY, unlock=OFFICE),)
AT_NINE = schedule(every="09:00-18:00")
EVENING = datetime(2026, 5, 8, 16, tzinfo=UTC)  # when the office hours end


@dataclass
class Put:
    """What the lock is told, and how it looked then."""

    door: DoorId
    mode: DoorMode
    by: str
    until: datetime | None


class Modes:
    """The doors' modes, and everything around them."""

    def __init__(
        self,
        kept: Mapping[str, Value] | None = None,
        *,
        rules: tuple[DoorRules, ...] = IN_OFFICE_HOURS,
        utc: datetime = NOON,
        trusted: bool = True,
        policy: Policy | None = None,
    ) -> None:
        self.kept: dict[str, Value] = dict(kept or {})
        self.policy = policy
        self.now = Moment(100.0, utc, trusted)
        self.town = Town()
        self.town.holders[ANNA] = Holder(ANNA)
        self.out: list[Action] = []
        self.puts: list[Put] = []
        self.shown: dict[DoorId, tuple[DoorMode, str, datetime | None]] = {}
        self.broken: set[DoorId] = set()  # doors whose lock fails to be told
        self.numbers = 0
        self._begin(rules)

    def _begin(self, rules: tuple[DoorRules, ...]) -> None:
        state = restore(
            each for each in self.kept.items() if not each[0].startswith((MODE, FIRE))
        )
        kept = kept_modes(self.kept)
        self.desk = Desk(self.out)
        self.fires = Fires(FIRES, (LOBBY, LAB), kept.fires, self.out)
        self.modes = DoorModes(
            (LOBBY, LAB),
            self.book(rules),
            state,
            kept,
            fires=self.fires,
            lock=self,
            desk=self.desk,
            out=self.out,
            guard=self._guard,
        )
        self.moved = Moved(state, self.out)
        self.site = SiteOrders(self.moved, self.modes, self.desk, self.out)
        self.state = state
        self.modes.begin(self.now)
        self.begun = self._taken()

    def book(self, rules: tuple[DoorRules, ...]) -> Book:
        hours = Schedules(BERLIN, [AT_NINE])
        portals = (Portal(LOBBY), Portal(LAB))
        return Book(
            portals,
            PermissionSet(hours, doors=rules),
            self.town,
            SiteKey(bytes(32)),
            self.policy,
        )

    def put(
        self,
        door: DoorId,
        mode: DoorMode,
        by: str,
        now: Moment,
        request: Request | None = None,
        *,
        until: datetime | None = None,
    ) -> None:
        assert now is self.now
        if door in self.broken:
            raise LookupError(door)
        if self.shown.get(door) != (mode, by, until):
            self.out.append(Record(DoorModeChanged(door, mode, by, until)))
        self.shown[door] = mode, by, until
        self.puts.append(Put(door, mode, by, until))
        if request is not None:
            self.desk.end(request, result={"mode": mode})

    def _guard(self, work: Callable[[], None], now: Moment) -> None:
        assert now is self.now
        try:
            work()
        except LookupError:
            self.out.append(Record(InternalError("lock")))

    # --- what happens -----------------------------------------------------------------

    def mode(self, door: DoorId) -> DoorMode:
        return self.shown[door][0] if door in self.shown else DoorMode.LOCKED

    def order(
        self,
        mode: DoorMode | None,
        door: DoorId = LAB,
        *,
        minutes: float | None = None,
    ) -> list[Action]:
        until = None if minutes is None else self.now.utc + timedelta(minutes=minutes)
        command = SetDoorMode(door, mode, until)
        request = self.request(command)
        try:
            self.modes.ask(request, command, self.now)
        except LookupError:
            self.desk.end(request, "internal_error", "something failed; nothing moved")
        return self._taken()

    def ask(self, command: AboutSite) -> list[Action]:
        self.site.ask(self.request(command), command, self.now)
        return self._taken()

    def request(self, command: AboutSite | SetDoorMode) -> Request:
        self.numbers += 1
        id_ = RequestId(f"r{self.numbers}")
        request = Request(id_, ClientId("office"), command, self.now.mono + 30)
        assert self.desk.begin(request)
        return request

    def inputs(self, *levels: InputState) -> list[Action]:
        for door in self.fires.inputs(InputsRead(PANEL, 1, levels)):
            self._guard(lambda door=door: self.modes.look_at(door, self.now), self.now)  # type: ignore[misc]  # binds the loop's
        return self._taken()

    def wait(self, minutes: float = 0.0) -> list[Action]:
        """Let time pass, with a tick at every deadline on the way."""
        end, actions = self.now.mono + minutes * 60, list[Action]()
        while self.modes.deadline <= end:
            self._pass(max(0.0, self.modes.deadline - self.now.mono))
            self.modes.tick(self.now)
            actions += self._taken()
        self._pass(end - self.now.mono)
        self.modes.tick(self.now)
        return actions + self._taken()

    def _pass(self, seconds: float) -> None:
        utc = self.now.utc + timedelta(seconds=seconds)
        self.now = Moment(self.now.mono + seconds, utc, self.now.trusted)

    def set_clock(self, utc: datetime, *, trusted: bool = True) -> None:
        self.now = Moment(self.now.mono, utc, trusted)

    def restarted(
        self, minutes: float = 0.0, rules: tuple[DoorRules, ...] = IN_OFFICE_HOURS
    ) -> "Modes":
        """Return what is there after we were off for so long."""
        utc = self.now.utc + timedelta(minutes=minutes)
        return Modes(
            self.kept, rules=rules, utc=utc, trusted=self.now.trusted, policy=self.policy
        )

    def _taken(self) -> list[Action]:
        taken, self.out[:] = self.out[:], []
        for each in taken:
            if isinstance(each, KeepState):
                for key, value in each.entries:
                    self.kept.pop(key, None)
                    if value is not None:
                        self.kept[key] = value
        return taken


def events(actions: list[Action]) -> list[Event]:
    return [each.event for each in actions if isinstance(each, Record)]


def changes(actions: list[Action]) -> list[tuple[DoorId, str, str]]:
    """Return which doors are said to be in which mode now, and why."""
    found = [each for each in events(actions) if isinstance(each, DoorModeChanged)]
    return [(each.door, each.mode, each.by) for each in found]


def answers(actions: list[Action]) -> list[str | None]:
    return [each.error for each in actions if isinstance(each, Answer)]
