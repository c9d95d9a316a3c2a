"""Commands that somebody wants a controller to have: a text, a smart card, its maker's own.

None of them moves a lock. Each goes to an approved controller in the connection that stands,
is sent once or not at all, and its one `OrderDone` is the answer to the request.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gatewayd.core.actions import Action, DisplayText, KeepCard, TellMaker, UnitCommand
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.facts import OrderDone, Outcome
from gatewayd.core.model import ControllerId, Door, Moment, OrderId
from gatewayd.core.orders import LOST_AFTER
from gatewayd.core.requests import AskMaker, KeepCardActive, Request, ShowText
from gatewayd.core.unit import Unit

PATIENCE = 5.0  # seconds from the request; the command is not sent later
MOST_PENDING = 64  # of all controllers
TEXT, SMART_CARD = 6, 12  # functions of OSDP PDCAP
COLUMNS, ROWS = 16, {1: 1, 2: 2, 3: 4}  # of a display, rows by its compliance

Asked = ShowText | AskMaker | KeepCardActive


@dataclass(frozen=True, slots=True)
class _Pending:
    request: Request
    until: float


class UnitCommands:
    """The commands under way."""

    def __init__(
        self,
        doors: Iterable[Door],
        controllers: Controllers,
        desk: Desk,
        out: list[Action],
        number: Callable[[], OrderId],
    ) -> None:
        self._doors = {door.id: door for door in doors}
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self._number = number
        self._pending: dict[OrderId, _Pending] = {}

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        return min((each.until for each in self._pending.values()), default=math.inf)

    def ask(self, request: Request, command: Asked, now: Moment) -> None:
        """Give a command to its controller, unless something speaks against it."""
        controller, reader = self._meant(command)
        if controller is None:
            self._desk.end(request, "not_supported", "this door has no reader")
            return
        unit = self._controllers[controller]
        if len(self._pending) >= MOST_PENDING:
            self._desk.end(request, "busy", f"{MOST_PENDING} commands are under way")
        elif unit.connection is None:
            self._desk.end(request, "controller_offline", f"{unit.id} is not there")
        elif not unit.admitted:
            self._desk.end(request, "unit_not_approved", f"{unit.id}: {unit.finding.why}")
        elif lacks := _lacking(unit, command):
            self._desk.end(request, "not_supported", lacks)
        else:
            expires = min(request.expires, now.mono + PATIENCE)
            self._give(unit.id, unit.connection, reader, request, command, expires)

    def _meant(self, command: Asked) -> tuple[ControllerId | None, int]:
        if not isinstance(command, ShowText):
            return command.controller, 0
        reader = self._doors[command.door].reader
        return (None, 0) if reader is None else (reader.controller, reader.number)

    def _give(  # noqa: PLR0913, PLR0917 - a command and where it goes
        self,
        controller: ControllerId,
        connection: int,
        reader: int,
        request: Request,
        command: Asked,
        expires: float,
    ) -> None:
        order = self._number()
        self._pending[order] = _Pending(request, expires + LOST_AFTER)
        head = order, controller, connection, expires
        given: UnitCommand
        match command:
            case ShowText(_, text, seconds):
                given = DisplayText(*head, reader, text, seconds)
            case AskMaker(_, vendor, data):
                given = TellMaker(*head, vendor, data)
            case _:
                given = KeepCard(*head, command.seconds)
        self._out.append(given)

    # --- how they ended ---------------------------------------------------------------

    def ended(self, fact: OrderDone) -> bool:
        """Answer whoever asked; False: it was none of these."""
        pending = self._pending.pop(fact.order, None)
        if pending is None:
            return False
        more = f": {fact.detail}" if fact.detail else ""
        match fact.outcome:
            case Outcome.DELIVERED:
                asked = isinstance(pending.request.command, AskMaker)
                result = {"reply": fact.reply} if asked else None
                self._desk.end(pending.request, result=result)
            case Outcome.REFUSED:
                self._desk.end(pending.request, "controller_refused", f"it refused{more}")
            case Outcome.UNCONFIRMED:
                why = f"sent but not confirmed, it may have obeyed{more}"
                self._desk.end(pending.request, "controller_silent", why)
            case _:
                why = f"nothing was sent{more}"
                self._desk.end(pending.request, "controller_offline", why)
        return True

    def withdraw(self, order: OrderId) -> None:
        """It was entered but will not be given: something of ours failed."""
        self._pending.pop(order, None)

    def tick(self, now: Moment) -> None:
        """Conclude what nobody will hear of again."""
        for order, pending in list(self._pending.items()):
            if now.mono >= pending.until:
                self.ended(OrderDone(order, Outcome.UNCONFIRMED, "its line says nothing"))


def _lacking(unit: Unit, command: Asked) -> str:
    """Say what the unit would need and does not have."""
    said = unit.identity.capabilities if unit.identity else ()
    able = {function: level for function, level, _ in said}
    if isinstance(command, ShowText):
        return _without_room(unit, COLUMNS * ROWS.get(able.get(TEXT, 0), 0), command.text)
    if isinstance(command, KeepCardActive) and not able.get(SMART_CARD):
        return f"{unit.id} reads no smart cards"
    return ""


def _without_room(unit: Unit, room: int, text: str) -> str:
    if not room:
        return f"{unit.id} has no display"
    if len(text) > room:
        return f"the display of {unit.id} has room for {room} characters"
    return ""
