"""An operator takes another unit for a controller: `controller.accept`.

Whoever asks must know which unit it is: the serial they give must be that of the unit that is
there now, so nobody accepts a unit that was swapped for yet another meanwhile. Acceptance says
who the unit is, not that it may be driven: what the audit has against its kind still holds.
"""

from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.model import Moment, Verdict
from gatewayd.core.requests import AcceptController, Request


class Acceptance:
    """Hears those requests."""

    def __init__(self, controllers: Controllers, desk: Desk) -> None:
        self._controllers = controllers
        self._desk = desk

    def ask(self, request: Request, command: AcceptController, now: Moment) -> None:
        """Take the unit that is there, if it is the one that is meant."""
        if command.controller not in self._controllers:
            self._desk.end(
                request, "no_such_controller", f"there is no controller {command.controller}"
            )
            return
        unit = self._controllers[command.controller]
        if unit.connection is None or unit.identity is None:
            self._desk.end(request, "controller_offline", f"{unit.id} is not there")
        elif unit.identity.serial != command.serial:
            self._desk.end(
                request, "wrong_serial", f"{unit.id} has serial {unit.identity.serial} now"
            )
        elif unit.finding.verdict is Verdict.CHANGED:
            self._controllers.accept(unit.id, f"request {request.client}", now)
            self._desk.end(request, result=unit.view())
        elif unit.approved:
            self._desk.end(request, message="it is accepted", result=unit.view())
        else:
            self._desk.end(
                request, "unit_not_approved", f"{unit.id} is {unit.finding.verdict}: "
                f"{unit.finding.why}",
            )  # fmt: skip
