"""Giving a unit its first key, as an explicit act: the windows that are open.

    opened ──► somebody answers (default key) ──► its serial number is the one that was named
           ──► it is sent a key ──► it proves it, and is still the same ──► closed

A window is for one controller and ends by itself. Who names a serial number gets one answer
at the end. Who names none is told who answers, looks at it, and asks again with the number
that is to have the key; until then nothing is sent. Any other number closes the window.
Nothing a unit does opens one.

A window has `request`, whoever waits just now, and remembers the newest trouble to say why
nothing came of it. Should its line never say that it has closed, it counts as closed `LATE`.
"""

import math
from dataclasses import dataclass

from gatewayd.core.actions import Action, CloseWindow, GiveKey, OpenWindow, Record
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.events import ControllerCommissioning
from gatewayd.core.facts import (
    KeyNotGiven,
    KeyNotKept,
    KeyProved,
    Outcome,
    SetupFailed,
    UnitAnswered,
    WindowClosed,
)
from gatewayd.core.model import ClientId, ControllerId, Identity, Moment, Verdict
from gatewayd.core.requests import CommissionController, EndCommissioning, Request

LATE = 2.0  # seconds after its end until a window's line must have said so
MOST_GIVEN = 3  # times that a key is sent in one window


@dataclass(slots=True)
class Window:
    """The window of one controller."""

    controller: ControllerId
    by: ClientId
    until: float
    request: Request | None = None  # who waits for an answer
    serial: str | None = None  # that is to have the key; None: whoever waits only looks
    answered: UnitAnswered | None = None  # who is there now
    seen: Identity | None = None  # who was there last
    given: int = 0
    generation: int | None = None  # of the key that was proved
    trouble: str = ""
    closing: str | None = None  # why it was closed before its time


class Windows:
    """All windows that are open: one on each line at most."""

    def __init__(self, controllers: Controllers, desk: Desk, out: list[Action]) -> None:
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self._windows: dict[ControllerId, Window] = {}

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        return min((each.until + LATE for each in self._windows.values()), default=math.inf)

    # --- what is asked ----------------------------------------------------------------

    def ask(self, request: Request, command: CommissionController, now: Moment) -> None:
        """Open a window, or go on with the one that is open."""
        window = self._windows.get(command.controller)
        if window is None:
            self._open(request, command, now)
        elif window.by != request.client or window.request or window.closing:
            self._desk.end(request, "busy", "this controller is being commissioned already")
        else:
            window.request, window.serial = request, command.serial
            self._look(window)

    def end(self, request: Request, command: EndCommissioning) -> None:
        """Close a window before its time."""
        window = self._windows.get(command.controller)
        if window is None:
            self._desk.end(request, "no_window", "this controller is not being commissioned")
            return
        self._close(window, "not_commissioned", f"{_by(request.client)} ended it")
        self._desk.end(request)

    def _open(self, request: Request, command: CommissionController, now: Moment) -> None:
        unit = self._controllers[command.controller]
        if unit.finding.verdict is Verdict.CLASSIC:
            self._desk.end(request, "unit_not_approved", unit.finding.why)
            return
        if any(self._controllers[each].line == unit.line for each in self._windows):
            self._desk.end(request, "busy", "another unit of its line is being commissioned")
            return
        until = min(now.mono + command.seconds, request.expires)
        window = Window(unit.id, request.client, until, request, command.serial)
        self._windows[unit.id] = window
        self._record(window, "opened", detail=f"for {until - now.mono:.0f} s")
        self._out.append(OpenWindow(unit.id, until))

    # --- what happens -----------------------------------------------------------------

    def answered(self, fact: UnitAnswered) -> None:
        """Somebody is there; tell of it once, unless it is somebody else now."""
        window = self._windows.get(fact.controller)
        if window is None or window.closing:
            return
        window.answered = fact
        before, window.seen = window.seen, fact.identity
        if before != fact.identity:
            said = fact.identity
            self._record(window, "answered", serial=said.serial, detail=_in_words(said))
        self._look(window)

    def failed(self, fact: SetupFailed | KeyNotGiven | KeyNotKept) -> None:
        """Remember why a try came to nothing; end it if the next one would be the same."""
        window = self._windows.get(fact.controller)
        if window is None or window.closing:
            return
        match fact:
            case SetupFailed(_, why):
                window.answered, window.trouble = None, why
            case KeyNotKept(_, why):
                self._close(window, "storage_failed", f"no key was sent: {why}")
            case KeyNotGiven(_, Outcome.REFUSED, detail):
                self._close(window, "controller_refused", f"it refused the key: {detail}")
            case _:  # the unit answers again, and may be sent another
                window.trouble = f"the key was not acknowledged: {fact.detail}"

    def proved(self, fact: KeyProved) -> None:
        """Note the number of the key it has now; the end of the window follows.

        Whoever named its serial number to give it a key wants it to be there.
        """
        window = self._windows.get(fact.controller)
        if window is None or not fact.renewed:
            return
        window.generation = fact.generation
        if window.seen is not None and window.serial == window.seen.serial:
            self._controllers.expect(fact.controller, window.seen, _by(window.by))

    def closed(self, fact: WindowClosed) -> None:
        """Answer whoever waits still."""
        window = self._windows.pop(fact.controller, None)
        if window is None:
            return
        why = window.closing or fact.why
        self._record(window, "closed", detail=why)
        if window.request is None:
            return
        if fact.done and window.seen is not None:
            result = _seen(fact.controller, window.seen)
            result["generation"] = window.generation
            self._desk.end(window.request, result=result)
        else:
            trouble = f"; {window.trouble}" if window.trouble else ""
            self._desk.end(window.request, "not_commissioned", f"{why}{trouble}")

    def tick(self, now: Moment) -> None:
        """Give up windows whose line has forgotten them."""
        for window in list(self._windows.values()):
            if now.mono >= window.until + LATE:
                self._out.append(CloseWindow(window.controller))
                self.closed(
                    WindowClosed(window.controller, "its line says nothing", done=False)
                )

    # --- inside -----------------------------------------------------------------------

    def _look(self, window: Window) -> None:
        """Compare who answered with who is meant."""
        request, answered = window.request, window.answered
        if request is None or answered is None:
            return
        serial = answered.identity.serial
        if window.serial is None:
            window.request = None
            self._desk.end(request, result=_seen(window.controller, answered.identity))
        elif window.serial != serial:
            why = f"the unit that answers has serial number {serial}; it was sent nothing"
            self._close(window, "wrong_serial", why)
        elif window.given == MOST_GIVEN:
            self._close(window, "controller_refused", "it took no key")
        else:
            window.given += 1
            self._out.append(GiveKey(window.controller, answered.connection))

    def _close(self, window: Window, error: str, why: str) -> None:
        window.closing = window.closing or why
        request, window.request = window.request, None
        if request is not None:
            self._desk.end(request, error, why)
        self._out.append(CloseWindow(window.controller))

    def _record(
        self, window: Window, step: str, *, serial: str | None = None, detail: str
    ) -> None:
        event = ControllerCommissioning(window.controller, step, _by(window.by), serial, detail)
        self._out.append(Record(event))


def _by(client: ClientId) -> str:
    return f"request {client}"


def _in_words(identity: Identity) -> str:
    firmware = ".".join(map(str, identity.firmware))
    return f"vendor {identity.vendor} model {identity.model} firmware {firmware}"


def _seen(controller: ControllerId, said: Identity) -> dict[str, object]:
    """Return who answered, for whoever has to decide."""
    return {
        "controller": controller,
        "vendor": said.vendor,
        "model": said.model,
        "serial": said.serial,
        "firmware": list(said.firmware),
        "capabilities": [list(each) for each in said.capabilities],
    }
