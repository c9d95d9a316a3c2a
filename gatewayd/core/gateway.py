"""The brain: what happened goes in, what to do about it comes out.

    facts ──► Gateway ──┬─ Controllers   who may be believed and driven
                        ├─ Doors         what an input, an order means for a door
                        ├─ AccessPoints  what a card, a key means at a reader
                        ├─ Forgetting    who is not any more leaves no trace
                        ├─ Updates       permissions on their way to the memory that decides
                        ├─ Inspection    an audit somebody asked for
                        ├─ Acceptance    another unit in a controller's place
                        ├─ Windows       units that are given their first key
                        ├─ Rotations     units that are given another key
                        ├─ Firmware      files for controllers
                        ├─ UnitCommands  what else somebody wants a controller to have
                        └─ Desk          every request gets exactly one answer

The parts write their actions into one list, in the order in which they are to be done.
Plain synchronous code: one caller, one fact after the other, time as an argument.

It fails closed, in one place (`_guarded`): if anything raises, nothing that opens or
admits is given any more, the card is denied and the request is answered, and the journal
says what broke. The first call of all shows every door and controller as unknown.
"""

from collections.abc import Callable

from gatewayd.core.acceptance import Acceptance
from gatewayd.core.access.book import Book
from gatewayd.core.access.state import State
from gatewayd.core.access_points import AccessPoints
from gatewayd.core.actions import (
    Action,
    Admit,
    DisplayText,
    GiveKey,
    KeepCard,
    Latch,
    OpenWindow,
    PermissionsView,
    Record,
    Release,
    ReplaceKey,
    SendFile,
    Show,
    Signal,
    TellMaker,
)
from gatewayd.core.commissioning import Windows
from gatewayd.core.controllers import Controllers, Report
from gatewayd.core.desk import Desk, objection
from gatewayd.core.doors import Doors
from gatewayd.core.events import (
    AccessAwaited,
    AccessDenied,
    AccessGranted,
    AccessMustered,
    Event,
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
    FileEnded,
    FileRefused,
    FileStarted,
    HealthRead,
    InputsRead,
    KeyNotGiven,
    KeyNotKept,
    KeyProved,
    KeysRead,
    OrderDone,
    OutputsRead,
    PermissionsCommitted,
    PermissionsNotCommitted,
    ReadersRead,
    RequestCommitted,
    SetupFailed,
    UnitAnswered,
    WindowClosed,
)
from gatewayd.core.fault import named
from gatewayd.core.firmware import Firmware
from gatewayd.core.forgetting import Forgetting
from gatewayd.core.inspection import Inspection
from gatewayd.core.model import Moment
from gatewayd.core.moved import Moved
from gatewayd.core.permissions import Permissions
from gatewayd.core.requests import (
    AboutKeys,
    AboutUnit,
    AcceptController,
    ApplyPermissions,
    CommissionController,
    EndCommissioning,
    EndFirmware,
    ReadHealth,
    Request,
    RotateKey,
    RunAudit,
    SendFirmware,
    SetDoorMode,
    ShowText,
    UnlockDoor,
)
from gatewayd.core.rotations import Rotations
from gatewayd.core.site import SiteConfig
from gatewayd.core.unit_commands import UnitCommands
from gatewayd.core.updates import Updates

AboutController = (
    ControllerIdentified
    | ControllerSilent
    | ControllerAnswers
    | ControllerOffline
    | ControllerAlarmed
    | UnitAnswered
    | SetupFailed
    | WindowClosed
    | KeyProved
    | KeyNotGiven
    | KeyNotKept
    | FileStarted
    | FileRefused
    | FileEnded
)


class Gateway:
    """All state that decides anything, in one place, changed by one caller."""

    def __init__(
        self,
        site: SiteConfig,
        book: Book,
        state: State,
        held: PermissionsView,
        *,
        degraded: bool = False,
    ) -> None:
        """Take over `state`; nobody else may change it from now on.

        `held` is what `book` was made of; `degraded`: it cannot be relied on.
        """
        self._out: list[Action] = []
        moved = Moved(state, self._out)
        self._desk = Desk(self._out)
        self._controllers = Controllers(site, self._out)
        self._doors = Doors(
            site.doors, self._controllers, self._desk, self._out, site.stale_seconds
        )
        self._points = AccessPoints(
            self._doors, self._controllers, book, moved, self._out, site.stale_seconds
        )
        self._points.degraded = degraded
        self._forgetting = Forgetting(moved)
        self._updates = Updates(Permissions(held.version), self._doors, self._desk, self._out)
        self._inspection = Inspection(self._controllers, self._desk)
        self._acceptance = Acceptance(self._controllers, self._desk)
        self._windows = Windows(self._controllers, self._desk, self._out)
        self._rotations = Rotations(self._controllers, self._desk, self._out)
        self._firmware = Firmware(self._controllers, self._desk, self._out)
        self._commands = UnitCommands(
            site.doors, self._controllers, self._desk, self._out, self._doors.drive.number
        )
        self._secure = site.require_secure
        self._modes = site.modes
        self._begun = False

    @property
    def deadline(self) -> float:
        """Monotonic; call `tick` then (earlier does no harm). `inf` when nothing is due."""
        if not self._begun:
            return 0.0
        parts = self._controllers, self._doors, self._points, self._inspection
        keys = self._windows.deadline, self._rotations.deadline
        asked = self._firmware.deadline, self._commands.deadline, self._forgetting.deadline
        return min(*(part.deadline for part in parts), *keys, *asked)

    def handle(self, fact: Fact, now: Moment) -> list[Action]:
        """Return what to do about a fact, in the order to do it."""
        if not self._begun:
            self._begin(now)
        self._guarded(lambda: self._dispatch(fact, now), fact, now)
        self._guarded(lambda: self._points.follow(now), None, now)
        return self._taken()

    def tick(self, now: Moment) -> list[Action]:
        """Let time pass: alarms, ends of grants, patience that has run out."""
        if not self._begun:
            self._begin(now)
        self._guarded(lambda: self._controllers.tick(now), None, now)
        self._guarded(lambda: self._follow(now), None, now)
        self._guarded(lambda: self._doors.tick(now), None, now)
        self._guarded(lambda: self._points.tick(now), None, now)
        self._guarded(lambda: self._points.follow(now), None, now)
        self._guarded(lambda: self._inspection.look(now), None, now)
        self._guarded(lambda: self._windows.tick(now), None, now)
        self._guarded(lambda: self._rotations.tick(now), None, now)
        self._guarded(lambda: self._firmware.tick(now), None, now)
        self._guarded(lambda: self._commands.tick(now), None, now)
        self._guarded(lambda: self._forgetting.tick(self._points.book.people, now), None, now)
        return self._taken()

    # --- what happened ----------------------------------------------------------------

    def _dispatch(self, fact: Fact, now: Moment) -> None:
        match fact:
            case (
                CardRead()
                | KeysRead()
                | InputsRead()
                | OutputsRead()
                | HealthRead()
                | ReadersRead()
            ):
                if self._controllers.believes(fact):
                    self._report(fact, now)
            case OrderDone():
                if not self._commands.ended(fact):
                    self._doors.drive.ended(fact, now)
            case RequestCommitted(request):
                if self._desk.begin(request):
                    self._request(request, now)
            case PermissionsCommitted(version):
                self._updates.committed(version, now)
            case PermissionsNotCommitted(version, why):
                self._updates.not_committed(version, why, now)
            case _:
                self._about_controller(fact, now)

    def _report(self, fact: Report, now: Moment) -> None:
        match fact:
            case CardRead():
                self._points.card(fact, now)
            case KeysRead():
                self._points.keys(fact, now)
            case InputsRead():
                self._doors.inputs(fact, now)
            case OutputsRead():
                self._doors.outputs(fact, now)
            case HealthRead():
                self._controllers.health(fact)
            case _:
                self._controllers.readers(fact)

    def _about_controller(self, fact: AboutController, now: Moment) -> None:
        match fact:
            case UnitAnswered() | SetupFailed() | WindowClosed():
                self._about_window(fact)
            case KeyProved() | KeyNotGiven() | KeyNotKept():
                self._about_key(fact)
            case FileStarted() | FileRefused() | FileEnded():
                self._about_file(fact)
            case _:
                self._connection(fact, now)
                self._follow(now)

    def _connection(
        self,
        fact: ControllerIdentified
        | ControllerSilent
        | ControllerAnswers
        | ControllerOffline
        | ControllerAlarmed,
        now: Moment,
    ) -> None:
        match fact:
            case ControllerIdentified():
                self._controllers.identified(fact, now)
                self._inspection.answered(fact.controller, now)
            case ControllerOffline():
                self._controllers.offline(fact, now)
                self._inspection.answered(fact.controller, now)
            case ControllerAlarmed():
                self._controllers.alarmed(fact)
            case _:
                self._controllers.silent(fact, now)

    def _about_window(self, fact: UnitAnswered | SetupFailed | WindowClosed) -> None:
        match fact:
            case UnitAnswered():
                self._windows.answered(fact)
            case SetupFailed():
                self._windows.failed(fact)
            case _:
                self._windows.closed(fact)

    def _about_key(self, fact: KeyProved | KeyNotGiven | KeyNotKept) -> None:
        """First key or another one: whoever waits for it knows."""
        for each in (self._windows, self._rotations):
            if isinstance(fact, KeyProved):
                each.proved(fact)
            else:
                each.failed(fact)

    def _about_file(self, fact: FileStarted | FileRefused | FileEnded) -> None:
        match fact:
            case FileStarted():
                self._firmware.started(fact)
            case FileRefused():
                self._firmware.refused(fact)
            case _:
                self._firmware.ended(fact)

    def _request(self, request: Request, now: Moment) -> None:
        against = objection(request, self._doors, self._controllers, self._secure, now.mono)
        if against is not None:
            self._desk.end(request, against.error, against.message)
            return
        match request.command:
            case UnlockDoor(door):
                self._doors.unlock(request, door, now)
            case SetDoorMode(door, mode):
                self._doors.set_mode(request, door, mode, now)
            case ApplyPermissions(update):
                self._updates.submit(request, update)
            case RunAudit():
                self._inspection.ask(request, now)
            case AcceptController() as command:
                self._acceptance.ask(request, command, now)
                self._follow(now)
            case ReadHealth():
                self._desk.hand_over(request)
            case command:
                self._ask_controller(request, command, now)

    def _ask_controller(
        self, request: Request, command: AboutKeys | AboutUnit | ShowText, now: Moment
    ) -> None:
        match command:
            case RotateKey(controller):
                self._rotations.ask(request, controller, now)
            case CommissionController():
                self._windows.ask(request, command, now)
            case EndCommissioning():
                self._windows.end(request, command)
            case SendFirmware():
                self._firmware.ask(request, command, now)
            case EndFirmware():
                self._firmware.end(request, command)
            case _:
                self._commands.ask(request, command, now)

    def _follow(self, now: Moment) -> None:
        for unit in self._controllers.take_moved():
            self._doors.follow(unit, now)

    def _begin(self, now: Moment) -> None:
        self._begun = True
        self._controllers.begin(now)
        self._doors.begin(self._modes, now)
        self._out.append(Show(self._updates.view()))

    # --- the guard --------------------------------------------------------------------

    def _taken(self) -> list[Action]:
        taken = self._out[:]
        self._out.clear()
        return taken

    def _guarded(self, work: Callable[[], None], fact: Fact | None, now: Moment) -> None:
        """Do it; whatever goes wrong in it, nothing opens and everybody is answered."""
        start = len(self._out)
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the door stays shut
            done = self._take_back(start)
            self._out.append(Record(InternalError(_place(error, fact))))
            if fact is not None:
                self._guarded(lambda: self._refuse(fact, done, now), None, now)

    def _take_back(self, start: int) -> list[Action]:
        """Drop what could open, keep what tells of it; return all of it."""
        done, self._out[start:] = self._out[start:], []
        for action in done:
            match action:
                case Release() | Latch() | Signal():
                    self._doors.drive.withdraw(action.order)
                case DisplayText() | TellMaker() | KeepCard():
                    self._commands.withdraw(action.order)
                case SendFile():
                    self._firmware.withdraw(action.controller)
                case Admit():
                    self._controllers.bar(action.controller)
                case OpenWindow() | GiveKey() | ReplaceKey():
                    pass  # whoever waits for it is answered when its time is over
                case _:
                    self._out.append(action)
        return done

    def _refuse(self, fact: Fact, done: list[Action], now: Moment) -> None:
        """Deny the card and answer the request, if that has not happened."""
        match fact:
            case CardRead() | KeysRead():
                if not any(isinstance(each, Record) and _decides(each.event) for each in done):
                    self._points.deny(fact, now)
            case RequestCommitted(request):
                self._desk.end(request, "internal_error", "something failed; nothing moved")
            case _:
                pass


def _decides(event: Event) -> bool:
    return isinstance(event, AccessGranted | AccessDenied | AccessAwaited | AccessMustered)


def _place(error: Exception, fact: Fact | None) -> str:
    """Name what broke and where, and nothing of what was being handled."""
    doing = "time" if fact is None else type(fact).__name__
    return f"{named(error)} on {doing}"
