"""The brain's hands: who does what the brain wants done.

What goes to a line goes into the line's bounded queue, what is to be kept goes to the journal,
what is to be shown goes to the broker. Nothing here waits.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from gatewayd.app.board import Board
from gatewayd.app.saying import say
from gatewayd.app.wiring import Hand
from gatewayd.core.actions import (
    Action,
    Admit,
    Bar,
    CloseWindow,
    DisplayText,
    Identify,
    KeepCard,
    KeepState,
    Latch,
    OpenWindow,
    Order,
    PermissionsView,
    Record,
    Release,
    Show,
    Signal,
    TellMaker,
    UnitCommand,
)
from gatewayd.core.events import Event, InternalError
from gatewayd.core.model import AuditReport, ControllerId, ControllerView, DoorView, Moment
from gatewayd.edge.clock import Clock
from gatewayd.edge.journal import Journal
from gatewayd.edge.osdp import OsdpLine
from gatewayd.edge.payloads import encode_view

NOT_KEPT = "state_not_kept"

Hands = Mapping[type[Action], Hand]
ForLine = Admit | Bar | Identify | Order | UnitCommand | OpenWindow | CloseWindow

log = structlog.get_logger()


def hands_on_lines(line_of: Mapping[ControllerId, OsdpLine]) -> Hands:
    """Return what lines do; `line_of` is looked up when there is something to do."""

    def line(action: ForLine) -> OsdpLine:
        return line_of[action.controller]

    def send(each: Order | UnitCommand, _: Moment) -> None:
        line(each).send(each)

    return {
        **dict.fromkeys((Release, Latch, Signal, DisplayText, TellMaker, KeepCard), send),
        Admit: lambda each, _: line(each).admit(each.controller, each.connection),
        Bar: lambda each, _: line(each).bar(each.controller),
        Identify: lambda each, _: line(each).identify(each.controller),
        OpenWindow: lambda each, _: line(each).open_window(each.controller, each.until),
        CloseWindow: lambda each, _: line(each).close_window(each.controller),
    }


class Notes:
    """What the journal keeps."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    @property
    def hands(self) -> Hands:
        """What is recorded and what is kept."""
        return {Record: self._record, KeepState: self._keep}

    def note(self, event: Event) -> None:
        """Record something that happens outside the brain, and say it."""
        self._record(Record(event), self._clock.moment())

    def trouble(self, what: str) -> None:
        """Record that something of ours failed; whoever says so has logged it."""
        self._journal.note(InternalError(what), self._clock.moment())

    def _record(self, action: Record, now: Moment) -> None:
        self._journal.note(action.event, now)
        asyncio.get_running_loop().call_soon(say, action.event)  # what it explains goes first

    def _keep(self, action: KeepState, _now: Moment) -> None:
        """Keep what moved; what cannot be kept holds up nobody, and says so."""
        try:
            self._journal.keep(action.entries)
        except ValueError as error:
            keys = [key for key, _ in action.entries]
            log.error(NOT_KEPT, keys=keys, why=str(error))  # noqa: TRY400 - a disk, no bug: no traceback
            self.trouble(NOT_KEPT)


class Shown:
    """What is retained at the broker; the newest of some of it."""

    def __init__(self, board: Board, retain: Callable[[str, bytes], object]) -> None:
        self._board, self._retain = board, retain
        self.report: AuditReport | None = None
        self.permissions: PermissionsView | None = None

    @property
    def hands(self) -> Hands:
        """What is shown."""
        return {Show: lambda each, _: self._show(each.view)}

    def _show(self, view: DoorView | ControllerView | AuditReport | PermissionsView) -> None:
        match view:
            case DoorView():
                topic = f"doors/{view.door}"
            case ControllerView():
                self._board.show(view)
                return
            case AuditReport():
                topic, self.report = "audit", view
            case PermissionsView():
                topic, self.permissions = "permissions", view
        self._retain(topic, encode_view(view))
