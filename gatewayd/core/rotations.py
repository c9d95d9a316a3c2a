"""Giving a unit a new key in place of the one it has.

The edge writes the new key down before it is sent, and keeps both until a handshake proves
one of them, so whatever happens in between the unit can be reached. Whoever asked is answered
when one is proved, when it is certain that nothing was sent, or after `PATIENCE`: then both
are still kept, and the events tell which it was.
"""

import math
from dataclasses import dataclass

from gatewayd.core.actions import Action, Record, ReplaceKey
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.events import ControllerKeyChanged
from gatewayd.core.facts import KeyNotGiven, KeyNotKept, KeyProved, Outcome
from gatewayd.core.model import ControllerId, Moment
from gatewayd.core.requests import Request

SEND_WITHIN = 5.0  # seconds from the request; the key is not sent later
PATIENCE = 20.0  # seconds from the request until the unit must have proved it


@dataclass(frozen=True, slots=True)
class Rotation:
    """One that is under way."""

    request: Request
    until: float


class Rotations:
    """New keys on their way, one for each unit at most."""

    def __init__(self, controllers: Controllers, desk: Desk, out: list[Action]) -> None:
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self._under_way: dict[ControllerId, Rotation] = {}

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        return min((each.until for each in self._under_way.values()), default=math.inf)

    def ask(self, request: Request, controller: ControllerId, now: Moment) -> None:
        """Begin one."""
        unit = self._controllers[controller]
        if controller in self._under_way:
            self._desk.end(request, "busy", "it is being given a new key already")
        elif unit.connection is None:
            self._desk.end(request, "controller_offline", "it is not there; it keeps its key")
        elif not unit.admitted:
            self._desk.end(request, "unit_not_approved", unit.finding.why)
        else:
            self._under_way[controller] = Rotation(request, now.mono + PATIENCE)
            expires = min(request.expires, now.mono + SEND_WITHIN)
            self._out.append(ReplaceKey(controller, unit.connection, expires))

    def proved(self, fact: KeyProved) -> None:
        """A unit has proved which key it has; that it has a new one is worth keeping."""
        if fact.renewed:
            self._out.append(Record(ControllerKeyChanged(fact.controller, fact.generation)))
        rotation = self._under_way.pop(fact.controller, None)
        if rotation is None:
            return
        if fact.renewed:
            result = {"controller": fact.controller, "generation": fact.generation}
            self._desk.end(rotation.request, result=result)
        else:
            self._desk.end(rotation.request, "controller_refused", "it kept the key it had")

    def failed(self, fact: KeyNotGiven | KeyNotKept) -> None:
        """Answer, unless the unit may have the new key: then wait for its proof."""
        rotation = self._under_way.get(fact.controller)
        match fact:
            case _ if rotation is None:
                return
            case KeyNotKept(_, why):
                self._desk.end(rotation.request, "storage_failed", f"nothing was sent: {why}")
            case KeyNotGiven(_, Outcome.REFUSED, detail):
                why = f"it refused the new key and keeps the one it has: {detail}"
                self._desk.end(rotation.request, "controller_refused", why)
            case KeyNotGiven(_, Outcome.EXPIRED | Outcome.NOT_SENT, detail):
                why = f"nothing was sent, it keeps the key it has: {detail}"
                self._desk.end(rotation.request, "controller_offline", why)
            case _:
                return
        del self._under_way[fact.controller]

    def tick(self, now: Moment) -> None:
        """Wait for nobody for ever."""
        for controller, rotation in list(self._under_way.items()):
            if now.mono >= rotation.until:
                del self._under_way[controller]
                why = "it has not proved a key since; its old and its new one are both kept"
                self._desk.end(rotation.request, "controller_silent", why)
