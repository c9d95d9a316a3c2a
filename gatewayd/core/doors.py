"""All doors: what comes in for them is handed to the one it concerns.

It stands between the doors' states, which know no controllers, and the controllers, which
know no doors: an input or a request becomes an event and perhaps an order (see `drive`), a
controller that comes or goes becomes parts of doors in sight or out of sight. Cards and keys
are the business of `access_points`, which finds here how every door stands (`now`), who was
let in and is not through yet (`untaken`), and who is through (`take_passed`).

A press of an exit button that may have waited in a unit for longer than `stale_seconds`, and
so whatever waited there over an outage, opens nothing when it is heard at last: whoever
pressed it is gone.

Every order has its explanation in the same list of actions, in front of it: a grant, an
exit request, a release on request or a changed mode. Only a latch that is given again (its
lock came back, or did not follow) has it further up in the journal.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from gatewayd.core.access.attempt import Decision, DoorNow
from gatewayd.core.access.model import Side
from gatewayd.core.actions import Action, Record, Show, Tone
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.door import DoorState
from gatewayd.core.drive import Drive
from gatewayd.core.events import (
    DoorPreAlarm,
    DoorReleased,
    Event,
    ExitRequested,
    ReleaseFailed,
)
from gatewayd.core.facts import (
    InputsRead,
    InputState,
    Outcome,
    OutputsRead,
)
from gatewayd.core.model import (
    ContactState,
    ControllerId,
    DoorId,
    DoorMode,
    DoorView,
    Moment,
)
from gatewayd.core.orders import ORDER_SECONDS
from gatewayd.core.requests import Request
from gatewayd.core.site import SiteConfig, parts
from gatewayd.core.spare_inputs import SpareInputs
from gatewayd.core.unit import Unit
from gatewayd.core.views import view_of

_SHUT = (DoorMode.BLOCKED, DoorMode.LOCKED_DOWN)  # what was let in before is let in no more


class _Wire(NamedTuple):
    """One input that means something."""

    number: int
    door: DoorState
    is_exit: bool


class Doors:
    """All doors, and when the next of them waits for something."""

    def __init__(
        self,
        site: SiteConfig,
        controllers: Controllers,
        desk: Desk,
        out: list[Action],
    ) -> None:
        self._stale_seconds = site.stale_seconds
        self._spare = SpareInputs(site.doors, site.fires, site.reactions)
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self.drive = Drive(controllers, desk, out, changed=self.after)
        self._states = {door.id: DoorState(door) for door in site.doors}
        self.now = {door: DoorNow() for door in self._states}  # live: one for all who look
        self.untaken: dict[DoorId, Decision] = {}  # live as well
        self._passed: list[Decision] = []
        self._wires: dict[ControllerId, list[_Wire]] = {}
        self._locks: dict[ControllerId, list[DoorState]] = {}
        self._on: dict[ControllerId, list[DoorState]] = {}
        for state in self._states.values():
            self._hang(state)
        self._levels: dict[ControllerId, tuple[InputState, ...]] = {}
        self._followed: dict[ControllerId, int | None] = {}
        self._came: dict[ControllerId, int | None] = {}  # as in `Unit`
        self._leaving: dict[DoorId, float] = {}  # until when, while the lock cannot be told
        self._timed: dict[DoorId, DoorState] = {}
        self._deadline = math.inf  # of the doors, or earlier
        self._shown: dict[DoorId, DoorView] = {}

    def __contains__(self, door: object) -> bool:
        """Say whether there is such a door."""
        return door in self._states

    @property
    def deadline(self) -> float:
        """When `tick` is next needed, or earlier."""
        return min(self._deadline, self.drive.deadline)

    def begin(self) -> None:
        """Show every door before more is known of it."""
        for state in self._states.values():
            self.after(state)

    # --- what is asked of them --------------------------------------------------------

    def __iter__(self) -> Iterator[DoorState]:
        """Yield every door."""
        return iter(self._states.values())

    def __getitem__(self, door: DoorId) -> DoorState:
        """Return a door of this site."""
        return self._states[door]

    def take_passed(self) -> list[Decision]:
        """Return the grants that were taken since this was asked last."""
        passed, self._passed = self._passed, []
        return passed

    # --- requests ---------------------------------------------------------------------

    def unlock(self, request: Request, door: DoorId, now: Moment) -> None:
        """Release a door for somebody far away; the lock's controller has the last word."""
        state = self._states[door]
        if state.mode is DoorMode.BLOCKED:
            self._desk.end(request, "door_blocked", f"door {door} is blocked")
        elif state.mode is DoorMode.LOCKED_DOWN:
            self._desk.end(request, "door_locked_down", f"door {door} is locked down")
        elif state.stays_open and state.held:
            self._desk.end(
                request, message="it is unlocked", result=view_of(state, self._controllers)
            )
        elif self.drive.without_lock(request, state):
            pass
        elif state.stays_open:
            self.drive.latch(state, request, now)
        else:
            by = f"request {request.client}"
            self._out.append(Record(DoorReleased(door, by, state.door.release_seconds)))
            self.drive.open(state, None, request, now)
        self.after(state)

    def put(  # noqa: PLR0913, PLR0917 -- one mode, with all that is said of it
        self,
        door: DoorId,
        mode: DoorMode,
        by: str,
        now: Moment,
        request: Request | None = None,
        until: datetime | None = None,
    ) -> None:
        """Put a door into a mode. It stands at once; the lock follows when it can.

        A door that is blocked or locked down is shut, whatever it was released for before.
        Whoever asked for it has the lock told again, and hears what it made of it.
        """
        state = self._states[door]
        before = state.wanted
        shuts = mode is not state.mode and mode in _SHUT
        self._record(state.set_mode(mode, by, now, until))
        if request is not None:
            if not self.drive.without_lock(request, state, "; it will be told when it is back"):
                self.drive.latch(state, request, now)
        elif state.wanted is not before or (shuts and state.releasing_or_released):
            self.drive.latch(state, None, now)  # which ends a release that is under way, too
        else:
            self.drive.tell_mode(state, now)  # if it has not been told yet
        self.after(state)

    # --- reports ----------------------------------------------------------------------

    def inputs(self, fact: InputsRead, now: Moment) -> None:
        """Hand every input to its door; a missing one is a fault."""
        stale = fact.waited > self._stale_seconds
        if self._levels.get(fact.controller) == fact.inputs:
            return
        self._levels[fact.controller] = fact.inputs
        for wire in self._wires.get(fact.controller, ()):
            missing = wire.number >= len(fact.inputs)
            level = InputState.MISSING if missing else fact.inputs[wire.number]
            if wire.is_exit:
                self._exit(wire.door, level, now, stale=stale)
            else:
                contact = _contact(level, open_when=wire.door.door.contact_open_when)
                self._record(wire.door.contact_read(contact, now, level))
            self.after(wire.door)
        self._record(self._spare.read(fact))

    def outputs(self, fact: OutputsRead, now: Moment) -> None:
        """Take note of how the locks are."""
        for state in self._locks.get(fact.controller, ()):
            if state.door.lock.number < len(fact.outputs):
                state.output_read(now, on=fact.outputs[state.door.lock.number])
                self.after(state)

    def _exit(self, state: DoorState, level: InputState, now: Moment, *, stale: bool) -> None:
        """An exit request opens in every mode."""
        if not level.faulty and not state.door.exit_active_when:
            level = _inverted(level)
        pressed, events = state.exit_read(level)
        self._record(events)
        if not pressed:
            return
        self._out.append(Record(ExitRequested(state.door.id)))
        if stale:
            failed = ReleaseFailed(state.door.id, Outcome.NOT_SENT, "it was pressed long ago")
            self._out.append(Record(failed))
        elif self._controllers[state.door.lock.controller].asked:
            self._leaving[state.door.id] = now.mono + ORDER_SECONDS
        else:
            self.drive.open(state, None, None, now)

    def _let_out(self, state: DoorState, now: Moment) -> None:
        """Open for whoever wanted to leave while the lock's controller was being audited."""
        expires = self._leaving.pop(state.door.id, None)
        if expires is None:
            return
        if now.mono < expires:
            self.drive.open(state, None, None, now)
        else:
            failed = ReleaseFailed(state.door.id, Outcome.EXPIRED, "its controller was audited")
            self._out.append(Record(failed))

    # --- controllers ------------------------------------------------------------------

    def follow(self, unit: Unit, now: Moment) -> None:
        """Take note of what became of a controller; tell its locks what they must know."""
        connection = unit.connection if unit.approved else None
        if self._followed.get(unit.id) != connection:
            self._followed[unit.id] = connection
            self._follow_inputs(unit, now)
            for state in self._locks.get(unit.id, ()):
                state.lock_lost()
        for state in self._on.get(unit.id, ()):
            self.drive.tell_mode(state, now)
            self.after(state)
        if not unit.asked:
            for state in self._locks.get(unit.id, ()):
                self._let_out(state, now)
                self.after(state)

    def _follow_inputs(self, unit: Unit, now: Moment) -> None:
        """Forget the inputs of a unit that is away, or may have been.

        One that was only asked who it is was not away: what has changed meanwhile is news.
        """
        came = unit.came if unit.approved and unit.connection is not None else None
        if self._came.get(unit.id) == came:
            return
        self._came[unit.id] = came
        self._levels.pop(unit.id, None)
        for wire in self._wires.get(unit.id, ()):
            if wire.is_exit:
                wire.door.exit_lost()
            else:
                wire.door.contact_lost(now)

    # --- time -------------------------------------------------------------------------

    def tick(self, now: Moment) -> None:
        """Let time pass for every door that waits for something."""
        self.drive.give_up_lost(now)
        if self._deadline > now.mono:
            return
        for state in list(self._timed.values()):
            if state.deadline <= now.mono:
                self._ring(state, now)
        self._deadline = min((each.deadline for each in self._timed.values()), default=math.inf)

    def _ring(self, state: DoorState, now: Moment) -> None:
        events = state.tick(now)
        self._record(events)
        if any(isinstance(event, DoorPreAlarm) for event in events):
            for side in Side:
                self.drive.signal(state, side, Tone.HELD_OPEN, now)
        self.drive.tell_mode(state, now)
        self.after(state)

    def after(self, state: DoorState) -> None:
        """Show a door if it looks different now, and mind who passes it, and its timers."""
        door = state.door.id
        view = view_of(state, self._controllers)
        if self._shown.get(door) != view:
            self._shown[door] = view
            self._out.append(Show(view))
        self.now[door] = _as_it_stands(view, state)
        self._passed += state.passage.take_passed()
        if state.passage.grant is None:
            self.untaken.pop(door, None)
        else:
            self.untaken[door] = state.passage.grant
        deadline = state.deadline
        if deadline < math.inf:
            self._timed[door] = state
            self._deadline = min(self._deadline, deadline)
        else:
            self._timed.pop(door, None)

    # --- small things -----------------------------------------------------------------

    def _hang(self, state: DoorState) -> None:
        door = state.door
        for controller in {point.controller for point in parts(door)}:
            self._on.setdefault(controller, []).append(state)
        self._locks.setdefault(door.lock.controller, []).append(state)
        for point, is_exit in ((door.contact, False), (door.exit_button, True)):
            if point is not None:
                wire = _Wire(point.number, state, is_exit)
                self._wires.setdefault(point.controller, []).append(wire)

    def _record(self, events: Iterable[Event]) -> None:
        self._out.extend(Record(event) for event in events)


def _as_it_stands(view: DoorView, state: DoorState) -> DoorNow:
    """Return how a door stands; what is not known for certain is None.

    A door that somebody was let in at, be it by an exit button, may be open any moment.
    """
    is_open = None
    if view.contact is ContactState.OPEN:
        is_open = True
    elif view.contact is ContactState.CLOSED and not state.passage.awaited:
        is_open = False
    unlocked = None if state.releasing or view.locked is None else not view.locked
    return DoorNow(view.mode, is_open, unlocked)


def _contact(level: InputState, *, open_when: bool) -> ContactState:
    if level.faulty:
        return ContactState.FAULT
    is_open = (level is InputState.ACTIVE) is open_when
    return ContactState.OPEN if is_open else ContactState.CLOSED


def _inverted(level: InputState) -> InputState:
    return InputState.INACTIVE if level is InputState.ACTIVE else InputState.ACTIVE
