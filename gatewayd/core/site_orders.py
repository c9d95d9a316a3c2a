"""What is ordered for the whole site: lockdown, threat level, forgiven anti-passback.

It is in force and kept at once, told by whom, and only if it is a change: these are wishes for
a state. A lockdown moves every door through `DoorModes`.
"""

from dataclasses import replace

from gatewayd.core.access.state import (
    LockdownIs,
    Presence,
    PresenceIs,
    ThreatLevelIs,
    everybody_forgiven,
)
from gatewayd.core.actions import Action, Record
from gatewayd.core.desk import Desk
from gatewayd.core.door_modes import DoorModes
from gatewayd.core.events import PassbackForgiven, SiteLockdown, SiteThreatLevel
from gatewayd.core.mode_orders import ModeOrder
from gatewayd.core.model import HolderId, Moment
from gatewayd.core.moved import Moved
from gatewayd.core.reaction import LockDown, SiteEffect, ThreatLevel
from gatewayd.core.requests import (
    AboutSite,
    LockDownSite,
    Request,
    SetThreatLevel,
)


class SiteOrders:
    """Whoever may order for all doors or people at once."""

    def __init__(self, moved: Moved, modes: DoorModes, desk: Desk, out: list[Action]) -> None:
        self._moved, self._modes, self._desk, self._out = moved, modes, desk, out

    def ask(self, request: Request, command: AboutSite, now: Moment) -> None:
        """Do as somebody asks, and answer."""
        by = f"request {request.client}"
        match command:
            case LockDownSite(on):
                self.lock_down(by, now, on=on)
                self._desk.end(request, result={"on": on})
            case SetThreatLevel(level):
                self.threat_level(level, by)
                self._desk.end(request, result={"level": level})
            case _:
                self._forgive(request, command.holder, by, now)

    def apply(self, effect: SiteEffect, by: str, now: Moment) -> None:
        """Do what a local reaction declares."""
        match effect:
            case LockDown():
                self.lock_down(by, now, on=True, at_once=True)  # all that follows is its
            case ThreatLevel(level):
                self.threat_level(level, by)
            case _:
                self._modes.order(effect.door, ModeOrder(effect.mode, by), by, now)

    def lock_down(self, by: str, now: Moment, *, on: bool, at_once: bool = False) -> None:
        """Lock the site down, or end that; every door follows."""
        if self._moved.state.lockdown is not on:
            self._out.append(Record(SiteLockdown(on, by)))
            self._moved.change([LockdownIs(on)])
            self._modes.look(now, at_once=at_once)

    def threat_level(self, level: int, by: str) -> None:
        """Ask so much clearance of everybody."""
        if self._moved.state.threat_level != level:
            self._out.append(Record(SiteThreatLevel(level, by)))
            self._moved.change([ThreatLevelIs(level)])

    def _forgive(self, request: Request, holder: HolderId | None, by: str, now: Moment) -> None:
        if holder is not None and self._modes.book.people.holder(holder) is None:
            self._desk.end(request, "no_such_holder", f"there is no holder {holder}")
            return
        self._out.append(Record(PassbackForgiven(holder, by)))
        if holder is None:
            self._moved.change([everybody_forgiven(self._moved.state, now.utc)])
        else:
            before = self._moved.state.presences.get(holder) or Presence(None, now.utc)
            self._moved.change([PresenceIs(holder, replace(before, forgiven=True))])
        self._desk.end(request, result={"holder": holder})
