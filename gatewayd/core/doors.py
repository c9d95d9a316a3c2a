"""The doors and what they hang on.

Between the doors' states, which know no controllers, and the controllers, which know no
doors: reports are handed to the door they concern, and what a door needs becomes an order
to the right controller, with the connection it is for. Nothing is ever ordered from a
controller that is not admitted.

Every order has its explanation in the same list of actions, in front of it: a grant, an
exit request, a release on request or a changed mode. Only a latch that is given again (its
lock came back, or did not follow) has it further up in the journal.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gatewayd.core.actions import Action, Latch, Record, Release, Show, Signal, Tone
from gatewayd.core.controllers import Controllers, Unit
from gatewayd.core.decide import Grants, decide
from gatewayd.core.desk import Desk
from gatewayd.core.door import DoorState
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    DoorPreAlarm,
    DoorReleased,
    Event,
    ExitRequested,
    ReleaseFailed,
)
from gatewayd.core.facts import (
    CardRead,
    InputsRead,
    InputState,
    OrderDone,
    Outcome,
    OutputsRead,
)
from gatewayd.core.model import (
    Card,
    ContactState,
    ControllerId,
    Door,
    DoorId,
    DoorMode,
    DoorView,
    HolderId,
    Moment,
    OrderId,
    Point,
    Reason,
)
from gatewayd.core.orders import ORDER_SECONDS, Orders, Pending, in_words
from gatewayd.core.requests import Request
from gatewayd.core.site import parts


class _Wire(NamedTuple):
    """One input that means something."""

    number: int
    door: DoorState
    is_exit: bool


class Doors:
    """All doors, the orders under way for them, and their timers."""

    def __init__(
        self, doors: Iterable[Door], controllers: Controllers, desk: Desk, out: list[Action]
    ) -> None:
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self._orders = Orders()
        self._states = {door.id: DoorState(door) for door in doors}
        self._readers: dict[tuple[ControllerId, int], DoorState] = {}
        self._wires: dict[ControllerId, list[_Wire]] = {}
        self._locks: dict[ControllerId, list[DoorState]] = {}
        self._on: dict[ControllerId, list[DoorState]] = {}
        for state in self._states.values():
            self._hang(state)
        self._levels: dict[ControllerId, tuple[InputState, ...]] = {}
        self._followed: dict[ControllerId, int | None] = {}
        self._timed: dict[DoorId, DoorState] = {}
        self._deadline = math.inf  # of the doors, or earlier
        self._shown: dict[DoorId, DoorView] = {}

    def __contains__(self, door: object) -> bool:
        """Say whether there is such a door."""
        return door in self._states

    @property
    def deadline(self) -> float:
        """When `tick` is next needed, or earlier."""
        return min(self._deadline, self._orders.deadline)

    def begin(self) -> None:
        """Show every door as it is before anything is known of it."""
        for state in self._states.values():
            self._after(state)

    # --- cards ------------------------------------------------------------------------

    def card(self, fact: CardRead, grants: Grants, now: Moment) -> None:
        """Decide about a card, and do what follows."""
        state = self._readers.get((fact.controller, fact.reader))
        if state is None:
            self._controllers.ignore(fact, f"no door has its reader {fact.reader}")
            return
        decision = decide(state.door, state.mode, fact.card, grants, now)
        reason = decision.reason
        if decision.granted:
            reason = self._obstacle(state) or reason
        self._decided(state, fact.card, reason, decision.holder, now)

    def deny(self, fact: CardRead, now: Moment) -> None:
        """Deny a card because deciding about it went wrong."""
        state = self._readers.get((fact.controller, fact.reader))
        if state is not None:
            self._decided(state, fact.card, Reason.INTERNAL_ERROR, None, now)

    def _decided(
        self, state: DoorState, card: Card, reason: Reason, holder: HolderId | None, now: Moment
    ) -> None:
        key, door = card.decoded or card.raw, state.door.id
        if reason is Reason.GRANTED and holder is not None:
            self._out.append(Record(AccessGranted(door, key, holder)))
            self._open(state, holder, None, now)
            self._signal(state, Tone.GRANTED, now)
        else:
            self._out.append(Record(AccessDenied(door, key, reason, holder)))
            self._signal(state, Tone.DENIED, now)
        self._after(state)

    def _obstacle(self, state: DoorState) -> Reason | None:
        """Return why the lock cannot be released although it should be."""
        lock = self._controllers[state.door.lock.controller]
        if lock.admitted or state.mode is DoorMode.UNLOCKED:
            return None
        return Reason.UNIT_OFFLINE if lock.connection is None else Reason.UNIT_NOT_APPROVED

    # --- requests ---------------------------------------------------------------------

    def unlock(self, request: Request, door: DoorId, now: Moment) -> None:
        """Release a door for somebody far away; the lock's controller has the last word."""
        state = self._states[door]
        if state.mode is DoorMode.BLOCKED:
            self._desk.end(request, "door_blocked", f"door {door} is blocked")
        elif state.mode is DoorMode.UNLOCKED and state.held:
            self._desk.end(request, message="it is unlocked", result=self.view(door))
        elif self._refuse_without_lock(request, state):
            pass
        elif state.mode is DoorMode.UNLOCKED:
            self._latch(state, request, now)
        else:
            by = f"request {request.client}"
            self._out.append(Record(DoorReleased(door, by, state.door.release_seconds)))
            self._open(state, None, request, now)
        self._after(state)

    def set_mode(self, request: Request, door: DoorId, mode: DoorMode, now: Moment) -> None:
        """Put a door into a mode. It stands at once; the lock follows when it can."""
        state = self._states[door]
        self._record(state.set_mode(mode, f"request {request.client}", now))
        if not self._refuse_without_lock(request, state, "; it will be told when it is back"):
            self._latch(state, request, now)
        self._after(state)

    def _refuse_without_lock(self, request: Request, state: DoorState, more: str = "") -> bool:
        lock = self._controllers[state.door.lock.controller]
        if lock.admitted:
            return False
        if lock.connection is None:
            error, why = "controller_offline", f"{lock.id}, the lock's controller, is not there"
        else:
            error, why = "unit_not_approved", f"{lock.id}, the lock's controller, is barred"
        self._desk.end(request, error, why + more)
        return True

    # --- reports ----------------------------------------------------------------------

    def inputs(self, fact: InputsRead, now: Moment) -> None:
        """Hand every input to its door; a missing one is a fault."""
        if self._levels.get(fact.controller) == fact.inputs:
            return
        self._levels[fact.controller] = fact.inputs
        for wire in self._wires.get(fact.controller, ()):
            missing = wire.number >= len(fact.inputs)
            level = InputState.FAULT if missing else fact.inputs[wire.number]
            if wire.is_exit:
                self._exit(wire.door, level, now)
            else:
                contact = _contact(level, open_when=wire.door.door.contact_open_when)
                self._record(wire.door.contact_read(contact, now))
            self._after(wire.door)

    def outputs(self, fact: OutputsRead) -> None:
        """Take note of how the locks are."""
        for state in self._locks.get(fact.controller, ()):
            if state.door.lock.number < len(fact.outputs):
                state.output_read(on=fact.outputs[state.door.lock.number])
                self._after(state)

    def _exit(self, state: DoorState, level: InputState, now: Moment) -> None:
        """An exit request opens in every mode."""
        if level is not InputState.FAULT and not state.door.exit_active_when:
            level = _inverted(level)
        pressed, events = state.exit_read(level)
        self._record(events)
        if pressed:
            self._out.append(Record(ExitRequested(state.door.id)))
            self._open(state, None, None, now)

    # --- controllers ------------------------------------------------------------------

    def follow(self, unit: Unit, now: Moment) -> None:
        """Take note of what became of a controller; tell its locks what they must know."""
        connection = unit.connection if unit.approved else None
        if self._followed.get(unit.id) != connection:
            self._followed[unit.id] = connection
            self._levels.pop(unit.id, None)
            for wire in self._wires.get(unit.id, ()):
                if wire.is_exit:
                    wire.door.exit_lost()
                else:
                    wire.door.contact_lost(now)
            for state in self._locks.get(unit.id, ()):
                state.lock_lost()
        for state in self._on.get(unit.id, ()):
            self._tell_mode(state, now)
            self._after(state)

    # --- orders -----------------------------------------------------------------------

    def ended(self, fact: OrderDone, now: Moment) -> None:
        """Conclude an order; of signals nobody waits for the end."""
        pending = self._orders.end(fact.order)
        if pending is None:
            return
        state = self._states[pending.door]
        if pending.on is None:
            events = state.release_ended(fact.order, fact.outcome, fact.detail, now)
        else:
            events = state.latch_ended(
                fact.order, fact.outcome, fact.detail, now, on=pending.on
            )
        self._record(events)
        self._after(state)
        if pending.request is not None:
            error, message = in_words(fact.outcome, fact.detail)
            result = self.view(pending.door) if error is None else None
            self._desk.end(pending.request, error, message, result)

    def withdraw(self, order: OrderId) -> None:
        """An order was entered but will not be given: something of ours failed."""
        pending = self._orders.end(order)
        if pending is None:
            return
        state = self._states[pending.door]
        state.forget(order)
        if pending.on is None:
            failed = ReleaseFailed(pending.door, Outcome.NOT_SENT, "internal error")
            self._out.append(Record(failed))
        if pending.request is not None:
            self._desk.end(pending.request, "internal_error", "the lock did not move")

    def _open(
        self, state: DoorState, holder: HolderId | None, request: Request | None, now: Moment
    ) -> None:
        """Release the lock, or make sure that it is unlocked if that is the door's mode.

        A pulse would end an unlocked mode on some controllers, so there is none then.
        """
        if state.mode is DoorMode.UNLOCKED:
            if not state.held:
                self._latch(state, None, now)
            return
        lock = self._controllers[state.door.lock.controller]
        if not lock.admitted or lock.connection is None:
            failed = ReleaseFailed(state.door.id, Outcome.NOT_SENT, f"{lock.id} is not driven")
            self._out.append(Record(failed))
            return
        order, expires = self._enter(state, request, now, on=None)
        self._record(state.release_ordered(order, holder))
        door = state.door
        self._out.append(
            Release(
                order, lock.id, lock.connection, door.lock.number, door.release_seconds, expires
            )
        )

    def _latch(self, state: DoorState, request: Request | None, now: Moment) -> None:
        lock = self._controllers[state.door.lock.controller]
        if not lock.admitted or lock.connection is None:
            return
        on = state.mode is DoorMode.UNLOCKED
        order, expires = self._enter(state, request, now, on=on)
        state.latch_ordered(order)
        number = state.door.lock.number
        self._out.append(Latch(order, lock.id, lock.connection, number, on, expires))

    def _tell_mode(self, state: DoorState, now: Moment) -> None:
        if state.must_tell_mode:
            self._latch(state, None, now)

    def _enter(
        self, state: DoorState, request: Request | None, now: Moment, *, on: bool | None
    ) -> tuple[OrderId, float]:
        self._give_up_lost(now)
        order, expires = self._orders.number(), now.mono + ORDER_SECONDS
        if request is not None:
            expires = min(expires, request.expires)
        self._orders.begin(order, Pending(state.door.id, on, request, expires))
        return order, expires

    def _give_up_lost(self, now: Moment) -> None:
        for order in self._orders.lost(now.mono):
            self.ended(OrderDone(order, Outcome.UNCONFIRMED, "its line says nothing"), now)

    def _signal(self, state: DoorState, tone: Tone, now: Moment) -> None:
        """Tell the person at the reader; whether it arrives changes nothing."""
        reader = state.door.reader
        if reader is None:
            return
        unit = self._controllers[reader.controller]
        if unit.admitted and unit.connection is not None:
            order, expires = self._orders.number(), now.mono + ORDER_SECONDS
            self._out.append(
                Signal(order, unit.id, unit.connection, reader.number, tone, expires)
            )

    # --- time -------------------------------------------------------------------------

    def tick(self, now: Moment) -> None:
        """Let time pass for every door that waits for something."""
        if self._orders.deadline <= now.mono:
            self._give_up_lost(now)
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
            self._signal(state, Tone.HELD_OPEN, now)
        self._tell_mode(state, now)
        self._after(state)

    # --- views ------------------------------------------------------------------------

    def view(self, door: DoorId) -> DoorView:
        """Return what stands on `R/doors/<door>`.

        What hangs on a controller that does not answer is not known now; `contact_since`
        then says since when.
        """
        state = self._states[door]
        contact, since = state.contact, state.contact_since
        point = state.door.contact
        if point is not None and contact is not ContactState.UNKNOWN:
            unit = self._controllers[point.controller]
            if not unit.online:
                contact, since = ContactState.UNKNOWN, unit.since
        lock = self._controllers[state.door.lock.controller]
        return DoorView(
            door=door,
            mode=state.mode,
            locked=None if lock.connection is None else state.locked,
            contact=contact,
            contact_since=since,
            alarms=(*state.alarms, *self._missing(state.door)),
        )

    def _missing(self, door: Door) -> Iterator[str]:
        """Name the parts whose controllers are not there or not approved."""
        named = (
            ("lock_offline", door.lock),
            ("reader_offline", door.reader),
            ("contact_offline", door.contact),
            ("exit_offline", door.exit_button),
        )
        for alarm, point in named:
            if point is not None and not self._present(point):
                yield alarm

    def _present(self, point: Point) -> bool:
        unit = self._controllers[point.controller]
        return unit.online and unit.approved

    def _after(self, state: DoorState) -> None:
        """Show a door if it looks different now, and mind its timers."""
        door = state.door.id
        view = self.view(door)
        if self._shown.get(door) != view:
            self._shown[door] = view
            self._out.append(Show(view))
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
        if door.reader is not None:
            self._readers[door.reader.controller, door.reader.number] = state
        for point, is_exit in ((door.contact, False), (door.exit_button, True)):
            if point is not None:
                wire = _Wire(point.number, state, is_exit)
                self._wires.setdefault(point.controller, []).append(wire)

    def _record(self, events: Iterable[Event]) -> None:
        self._out.extend(Record(event) for event in events)


def _contact(level: InputState, *, open_when: bool) -> ContactState:
    if level is InputState.FAULT:
        return ContactState.FAULT
    is_open = (level is InputState.ACTIVE) is open_when
    return ContactState.OPEN if is_open else ContactState.CLOSED


def _inverted(level: InputState) -> InputState:
    return InputState.INACTIVE if level is InputState.ACTIVE else InputState.ACTIVE
