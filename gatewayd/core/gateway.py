"""The brain: what happened goes in, what to do about it comes out.

    facts ──► Gateway ──► Parts ──┬─ Controllers   who may be believed and driven
                                  ├─ Doors         what an input, an order means for a door
                                  ├─ AccessPoints  what a card or a key means at a reader
                                  ├─ DoorModes     which mode each door is to have
                                  ├─ Reactions     what the site does by itself
                                  ├─ …             (see `parts`)
                                  ├─ Asking        requests, handed to whoever does them
                                  └─ Desk          every request gets exactly one answer

The parts write their actions into one list, in the order in which they are to be done.
Plain synchronous code: one caller, one fact after the other, time as an argument.

It fails closed, in one place (`_guarded`): if anything raises, nothing that opens or
admits is given any more, the card is denied and the request is answered, and the journal
says what broke. The first call of all shows every door and controller as unknown.
"""

from collections.abc import Callable
from functools import partial

from gatewayd.core.access.book import Book
from gatewayd.core.access.records import Rules
from gatewayd.core.access.state import State
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
    Signal,
    TellMaker,
)
from gatewayd.core.asking import ask
from gatewayd.core.controllers import Report
from gatewayd.core.events import (
    AccessAwaited,
    AccessDenied,
    AccessGranted,
    AccessMustered,
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
from gatewayd.core.mode_orders import KeptModes
from gatewayd.core.model import DoorId, Moment
from gatewayd.core.parts import Parts
from gatewayd.core.permission_updates import Held
from gatewayd.core.site import SiteConfig

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


_FAILED = "something failed; nothing moved"
_DECISIONS = AccessGranted | AccessDenied | AccessAwaited | AccessMustered


class Gateway:
    """All state that decides anything, in one place, changed by one caller."""

    def __init__(  # noqa: PLR0913 -- whatever a brain begins with
        self,
        site: SiteConfig,
        book: Book,
        state: State,
        held: PermissionsView,
        rules: Rules,
        *,
        modes: KeptModes | None = None,
        degraded: bool = False,
    ) -> None:
        """Take over `state`; nobody else may change it from now on.

        `held` and `rules` are what `book` was made of, `modes` what stood above the schedules
        when it was kept. `degraded`: the permissions cannot be relied on.
        """
        self._out: list[Action] = []
        self._parts = Parts(
            site,
            Held(book, rules, held),
            state,
            modes or KeptModes(),
            self._out,
            guard=lambda work, now: self._guarded(work, None, now),
            degraded=degraded,
        )
        self._begun = False

    @property
    def deadline(self) -> float:
        """Monotonic; call `tick` then (earlier does no harm). `inf` when nothing is due."""
        return self._parts.deadline if self._begun else 0.0

    def handle(self, fact: Fact, now: Moment) -> list[Action]:
        """Return what to do about a fact, in the order to do it."""
        self._begin(now)
        if isinstance(fact, InputsRead):
            self._look_for_fire(fact, now)
        self._guarded(lambda: self._dispatch(fact, now), fact, now)
        return self._done(now)

    def tick(self, now: Moment) -> list[Action]:
        """Let time pass: alarms, ends of grants, patience that has run out."""
        self._begin(now)
        for work in self._parts.ticks(now):
            self._guarded(work, None, now)
        return self._done(now)

    def _begin(self, now: Moment) -> None:
        if not self._begun:
            self._begun = True
            for work in self._parts.begin(now):
                self._guarded(work, None, now)

    def _done(self, now: Moment) -> list[Action]:
        """Let everybody follow what has moved; return all that is to be done."""
        for work in self._parts.follow(now):
            self._guarded(work, None, now)
        taken = self._out[:]
        self._out.clear()
        return taken

    # --- what happened ----------------------------------------------------------------

    def _look_for_fire(self, fact: InputsRead, now: Moment) -> None:
        """Open what a fire opens; whatever else goes wrong with a report takes nothing back."""
        doors: list[DoorId] = []
        self._guarded(lambda: doors.extend(self._parts.fire_at(fact)), None, now)
        for door in doors:
            self._guarded(partial(self._parts.modes.look_at, door, now), None, now)

    def _dispatch(self, fact: Fact, now: Moment) -> None:
        parts = self._parts
        match fact:
            case (
                CardRead()
                | KeysRead()
                | InputsRead()
                | OutputsRead()
                | HealthRead()
                | ReadersRead()
            ):
                if parts.controllers.believes(fact):
                    self._report(fact, now)
            case OrderDone():
                if not (parts.commands.ended(fact) or parts.reactions.ended(fact)):
                    parts.doors.drive.ended(fact, now)
            case RequestCommitted(request):
                if parts.desk.begin(request):
                    ask(parts, request, now)
            case PermissionsCommitted() | PermissionsNotCommitted():
                parts.permissions(fact, now)
            case _:
                self._about_controller(fact, now)

    def _report(self, fact: Report, now: Moment) -> None:
        match fact:
            case CardRead():
                self._parts.points.card(fact, now)
            case KeysRead():
                self._parts.points.keys(fact, now)
            case InputsRead():
                self._parts.inputs(fact, now)
            case OutputsRead():
                self._parts.doors.outputs(fact, now)
            case HealthRead():
                self._parts.controllers.health(fact)
            case _:
                self._parts.controllers.readers(fact)

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
                self._parts.follow_controllers(now)

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
                self._parts.controllers.identified(fact, now)
                self._parts.inspection.answered(fact.controller, now)
            case ControllerOffline():
                self._parts.controllers.offline(fact, now)
                self._parts.inspection.answered(fact.controller, now)
            case ControllerAlarmed():
                self._parts.controllers.alarmed(fact)
            case _:
                self._parts.controllers.silent(fact, now)

    def _about_window(self, fact: UnitAnswered | SetupFailed | WindowClosed) -> None:
        match fact:
            case UnitAnswered():
                self._parts.windows.answered(fact)
            case SetupFailed():
                self._parts.windows.failed(fact)
            case _:
                self._parts.windows.closed(fact)

    def _about_key(self, fact: KeyProved | KeyNotGiven | KeyNotKept) -> None:
        """First key or another one: whoever waits for it knows."""
        for each in (self._parts.windows, self._parts.rotations):
            if isinstance(fact, KeyProved):
                each.proved(fact)
            else:
                each.failed(fact)

    def _about_file(self, fact: FileStarted | FileRefused | FileEnded) -> None:
        match fact:
            case FileStarted():
                self._parts.firmware.started(fact)
            case FileRefused():
                self._parts.firmware.refused(fact)
            case _:
                self._parts.firmware.ended(fact)

    # --- the guard --------------------------------------------------------------------

    def _guarded(self, work: Callable[[], object], fact: Fact | None, now: Moment) -> None:
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
                    self._parts.doors.drive.withdraw(action.order)
                    self._parts.reactions.withdraw(action.order)
                case DisplayText() | TellMaker() | KeepCard():
                    self._parts.commands.withdraw(action.order)
                case SendFile():
                    self._parts.firmware.withdraw(action.controller)
                case Admit():
                    self._parts.controllers.bar(action.controller)
                case OpenWindow() | GiveKey() | ReplaceKey():
                    pass  # whoever waits for it is answered when its time is over
                case _:
                    self._out.append(action)
        return done

    def _refuse(self, fact: Fact, done: list[Action], now: Moment) -> None:
        """Deny the card and answer the request, if that has not happened."""
        match fact:
            case CardRead() | KeysRead():
                events = (each.event for each in done if isinstance(each, Record))
                if not any(isinstance(each, _DECISIONS) for each in events):
                    self._parts.points.deny(fact, now)
            case RequestCommitted(request):
                self._parts.desk.end(request, "internal_error", _FAILED)
            case _:
                pass


def _place(error: Exception, fact: Fact | None) -> str:
    """Name what broke and where, and nothing of what was being handled."""
    doing = "time" if fact is None else type(fact).__name__
    return f"{named(error)} on {doing}"
