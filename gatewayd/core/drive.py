"""What goes out to controllers for a door, and how it ended.

Nothing is ordered from a controller that is not admitted, and every order names the
connection it is for. A release is a pulse that falls back by itself; a door whose mode is an
open one gets no pulse, because on some controllers that would end the mode, but is told its
mode if it does not follow.
"""

from collections.abc import Callable, Iterable

from gatewayd.core.access.attempt import Decision
from gatewayd.core.access.model import Side
from gatewayd.core.access.portals import reader_at
from gatewayd.core.access.reasons import Reason
from gatewayd.core.actions import Action, Latch, Record, Release, Signal, Tone
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.door import DoorState
from gatewayd.core.events import Event, ReleaseFailed
from gatewayd.core.facts import OrderDone, Outcome
from gatewayd.core.model import Moment, OrderId
from gatewayd.core.orders import ORDER_SECONDS, Orders, Pending, in_words
from gatewayd.core.requests import Request
from gatewayd.core.views import view_of


class Drive:
    """Orders for doors, from the first thought to the answer."""

    def __init__(
        self,
        controllers: Controllers,
        desk: Desk,
        out: list[Action],
        *,
        changed: Callable[[DoorState], None],
    ) -> None:
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self._changed = changed
        self._orders = Orders()

    @property
    def deadline(self) -> float:
        """When `give_up_lost` is next needed."""
        return self._orders.deadline

    def number(self) -> OrderId:
        """Return a number that no order had before."""
        return self._orders.number()

    # --- may it be done ---------------------------------------------------------------

    def obstacle(self, state: DoorState) -> Reason | None:
        """Return why the lock cannot be released although it should be."""
        lock = self._controllers[state.door.lock.controller]
        if lock.admitted or state.stays_open:
            return None
        return Reason.UNIT_OFFLINE if lock.connection is None else Reason.UNIT_NOT_APPROVED

    def without_lock(self, request: Request, state: DoorState, more: str = "") -> bool:
        """Answer a request whose lock cannot be told anything; False: it can."""
        lock = self._controllers[state.door.lock.controller]
        if lock.admitted:
            return False
        if lock.connection is None:
            error, why = "controller_offline", f"{lock.id}, the lock's controller, is not there"
        else:
            error, why = "unit_not_approved", f"{lock.id}, the lock's controller, is barred"
        self._desk.end(request, error, why + more)
        return True

    # --- orders -----------------------------------------------------------------------

    def open(
        self, state: DoorState, grant: Decision | None, request: Request | None, now: Moment
    ) -> None:
        """Release the lock, or make sure that it is released if that is the door's mode."""
        lock = self._controllers[state.door.lock.controller]
        if state.stays_open:
            self._record(state.let_in(grant))
            if not state.held:
                self.latch(state, None, now)
            if lock.admitted or grant is not None:  # a grant has nothing to release here
                return
        if not lock.admitted or lock.connection is None:
            failed = ReleaseFailed(state.door.id, Outcome.NOT_SENT, f"{lock.id} is not driven")
            self._out.append(Record(failed))
            return
        asked = state.door.release_seconds if grant is None else grant.release_seconds
        seconds = state.release_seconds(asked, now)
        order, expires = self._enter(state, request, now, on=None)
        self._record(state.release_ordered(order, seconds, grant))
        number = state.door.lock.number
        self._out.append(Release(order, lock.id, lock.connection, number, seconds, expires))

    def latch(self, state: DoorState, request: Request | None, now: Moment) -> None:
        """Tell the lock the mode of its door, if it can be told."""
        lock = self._controllers[state.door.lock.controller]
        if not lock.admitted or lock.connection is None:
            return
        on = state.stays_open
        order, expires = self._enter(state, request, now, on=on)
        state.latch_ordered(order)
        number = state.door.lock.number
        self._out.append(Latch(order, lock.id, lock.connection, number, on, expires))

    def tell_mode(self, state: DoorState, now: Moment) -> None:
        """Tell the lock what it has yet to be told."""
        if state.must_tell_mode:
            self.latch(state, None, now)

    def signal(self, state: DoorState, side: Side, tone: Tone, now: Moment) -> None:
        """Tell the person at the reader; whether it arrives changes nothing."""
        reader = reader_at(state.door, side)
        if reader is None:
            return
        unit = self._controllers[reader.controller]
        if unit.admitted and unit.connection is not None:
            order, expires = self._orders.number(), now.mono + ORDER_SECONDS
            self._out.append(
                Signal(order, unit.id, unit.connection, reader.number, tone, expires)
            )

    def _enter(
        self, state: DoorState, request: Request | None, now: Moment, *, on: bool | None
    ) -> tuple[OrderId, float]:
        self.give_up_lost(now)
        order, expires = self._orders.number(), now.mono + ORDER_SECONDS
        if request is not None:
            expires = min(expires, request.expires)
        self._orders.begin(order, Pending(state, on, request, expires))
        return order, expires

    # --- how they ended ---------------------------------------------------------------

    def ended(self, fact: OrderDone, now: Moment) -> None:
        """Conclude an order; of signals nobody waits for the end."""
        pending = self._orders.end(fact.order)
        if pending is None:
            return
        state = pending.door
        if pending.on is None:
            events = state.release_ended(fact.order, fact.outcome, fact.detail, now)
        else:
            events = state.latch_ended(
                fact.order, fact.outcome, fact.detail, now, on=pending.on
            )
        self._record(events)
        self.tell_mode(state, now)  # an earlier order may be the last that was obeyed
        self._changed(state)
        if pending.request is not None:
            error, message = in_words(fact.outcome, fact.detail)
            result = view_of(state, self._controllers) if error is None else None
            self._desk.end(pending.request, error, message, result)

    def withdraw(self, order: OrderId) -> None:
        """An order was entered but will not be given: something of ours failed."""
        pending = self._orders.end(order)
        if pending is None:
            return
        state = pending.door
        state.forget(order)
        if pending.on is None:
            failed = ReleaseFailed(state.door.id, Outcome.NOT_SENT, "internal error")
            self._out.append(Record(failed))
        if pending.request is not None:
            self._desk.end(pending.request, "internal_error", "the lock did not move")

    def give_up_lost(self, now: Moment) -> None:
        """Conclude the orders nobody will hear of again."""
        for order in self._orders.lost(now.mono):
            self.ended(OrderDone(order, Outcome.UNCONFIRMED, "its line says nothing"), now)

    def _record(self, events: Iterable[Event]) -> None:
        self._out.extend(Record(event) for event in events)
