"""An audit on request: every controller says again who it is, then the report is sent.

Gates close for it and open again as the answers come. Who has no connection cannot answer
and is not waited for; who stays silent for `PATIENCE` is reported as it stands. Whoever
asks meanwhile gets the same report.
"""

import math

from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.model import ControllerId, Moment
from gatewayd.core.requests import Request

PATIENCE = 2.0  # seconds


class Inspection:
    """The audit under way, if there is one."""

    def __init__(self, controllers: Controllers, desk: Desk) -> None:
        self._controllers = controllers
        self._desk = desk
        self._requests: list[Request] = []  # as many as the desk takes
        self._awaited: set[ControllerId] = set()
        self.deadline = math.inf

    def ask(self, request: Request, now: Moment) -> None:
        """Begin an audit, or join the one under way."""
        self._requests.append(request)
        if len(self._requests) == 1:
            self._awaited = self._controllers.ask_again()
            self.deadline = now.mono + PATIENCE
            self.look(now)

    def answered(self, controller: ControllerId, now: Moment) -> None:
        """A controller has identified itself, or has gone."""
        self._awaited.discard(controller)
        self.look(now)

    def look(self, now: Moment) -> None:
        """Answer if there is nobody left to wait for, or no time."""
        if not self._requests or (self._awaited and now.mono < self.deadline):
            return
        requests, self._requests = self._requests, []
        self._awaited, self.deadline = set(), math.inf
        report = self._controllers.report(now)
        for request in requests:
            self._desk.end(request, result=report)
