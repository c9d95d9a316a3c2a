"""Which mode each door has now, and why: fire, lockdown, order, schedule (`mode_rules`).

What stands above does not end what stands below: an order that is given during a lockdown
holds when that ends, and one whose end comes during a fire is over. An order that is over is
forgotten, also if the clock is set back later.

At start a door takes up what it had, and says so; one that has neither an order nor a schedule
is told nothing, as nothing moves by itself. Later such a door is told to lock again when what
moved it is over.

Ends and schedules are by the wall clock. It may be set, so it is looked at again every
`LOOK_AGAIN` seconds if there is anything that depends on it. While it is not trusted,
`access.unlock` says what a schedule is worth, and an order ends when the time that we go by
(which never stands behind what was seen before) has passed its end.

What concerns all doors is done a slice of them at a time, between everything else; a fire opens
its doors at once.

It fails closed: one door that fails keeps no other from its mode and is tried again, and an
order that failed is as if never given.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Protocol

from gatewayd.core.access.book import Book
from gatewayd.core.access.state import State
from gatewayd.core.actions import Action, KeepState
from gatewayd.core.desk import Desk
from gatewayd.core.fire import Fires
from gatewayd.core.mode_orders import KeptModes, ModeOrder, fire_entry, order_entry
from gatewayd.core.mode_rules import REST, ModeRules, Rule, Wish
from gatewayd.core.model import DoorId, DoorMode, Moment
from gatewayd.core.requests import Request, SetDoorMode

LOOK_AGAIN = 30.0  # seconds until the wall clock is looked at again, at most
TRY_AGAIN = 5.0  # seconds until a mode that could not be put is put again
SLICE = 64  # doors looked at in one go; a thousand would hold up everything else
RESTART, ORDER_ENDED = "restart", "order ended"

Guard = Callable[[Callable[[], None], Moment], None]  # do it; what it raises harms nobody else


class Lock(Protocol):
    """Where a door's mode goes."""

    def put(  # noqa: PLR0913 -- one mode, with all that is said of it
        self,
        door: DoorId,
        mode: DoorMode,
        by: str,
        now: Moment,
        request: Request | None = None,
        *,
        until: datetime | None = None,
    ) -> None:
        """Put a door into a mode, tell of it, tell its lock, and answer who asked for it."""


class DoorModes:
    """The modes of all doors."""

    def __init__(  # noqa: PLR0913 -- whatever can put a door into a mode
        self,
        doors: Iterable[DoorId],
        book: Book,
        state: State,
        kept: KeptModes,
        *,
        fires: Fires,
        lock: Lock,
        desk: Desk,
        out: list[Action],
        guard: Guard,
    ) -> None:
        self._doors = tuple(doors)
        self._fires = fires
        self._lock, self._desk, self._out, self._guard = lock, desk, out, guard
        self._kept = kept
        self._orders = {door: each for door, each in kept.orders.items() if door in self._doors}
        self._rules = ModeRules(book, state, self._orders, fires, out)
        self._stands: dict[DoorId, tuple[Wish, str]] = {}  # as put last, and what was said
        self._unsettled: set[DoorId] = set()  # whose newest mode could not be put
        self._left: deque[DoorId] = deque()  # doors that are to be looked at again
        self._due = math.inf

    @property
    def deadline(self) -> float:
        """Monotonic; call `tick` then."""
        return self._due

    @property
    def book(self) -> Book:
        """The rules that are in force."""
        return self._rules.book

    def begin(self, now: Moment) -> None:
        """Take up what every door had, or is to have by now."""
        gone = [
            order_entry(door, None) for door in self._kept.orders if door not in self._doors
        ]
        gone += [
            fire_entry(each, active=False)
            for each in sorted(self._kept.fires)
            if each not in self._fires
        ]
        if gone:
            self._out.append(KeepState(tuple(gone)))
        for door in self._doors:
            self._guard(partial(self._take_up, door, now), now)
        self._wait(now)

    def tick(self, now: Moment) -> None:
        """Do what is due by the clock."""
        if self._due > now.mono:
            return
        if not self._left:
            self._left.extend(self._doors)
        self._go_on(now, SLICE)

    def look(self, now: Moment, *, at_once: bool = False) -> None:
        """Look at every door again: something that concerns them all has changed."""
        waiting = frozenset(self._left)  # they come first, however often somebody asks
        self._left.extend(each for each in self._doors if each not in waiting)
        self._go_on(now, len(self._left) if at_once else SLICE)

    def _go_on(self, now: Moment, most: int) -> None:
        for _ in range(min(most, len(self._left))):
            self._guard(partial(self.look_at, self._left.popleft(), now), now)
        self._wait(now)

    def look_at(self, door: DoorId, now: Moment) -> None:
        """Look at one door again: a fire or a first person, say."""
        self._settle(door, now, "")

    def rules_are(self, book: Book, now: Moment) -> None:
        """Other rules are in force."""
        self._rules.book = book
        self.look(now)

    # --- orders -----------------------------------------------------------------------

    def ask(self, request: Request, command: SetDoorMode, now: Moment) -> None:
        """Do as somebody asks; the lock's controller has the last word."""
        by, order = f"request {request.client}", None
        if command.mode is not None:
            order = ModeOrder(command.mode, by, command.until)
        if order is not None and order.over(now.utc):
            self._desk.end(request, "until_passed", "the order would have ended already")
        else:
            self.order(command.door, order, by, now, request)

    def order(
        self,
        door: DoorId,
        order: ModeOrder | None,
        by: str,
        now: Moment,
        request: Request | None = None,
    ) -> None:
        """Let an order hold for a door from now on, or none."""
        before = self._orders.get(door)
        self._keep(door, order)
        try:
            self._settle(door, now, by, request)
        except Exception:
            self._keep(door, before)
            raise
        finally:
            self._wait(now)

    def _keep(self, door: DoorId, order: ModeOrder | None) -> None:
        if self._orders.get(door) == order:
            return
        if order is None:
            del self._orders[door]
        else:
            self._orders[door] = order
        self._out.append(KeepState((order_entry(door, order),)))

    def _ended(self, door: DoorId, now: Moment) -> bool:
        """Forget an order whose end has come."""
        order = self._orders.get(door)
        if order is None or not order.over(now.utc):
            return False
        self._keep(door, None)
        return True

    # --- what a door is to be ---------------------------------------------------------

    def _take_up(self, door: DoorId, now: Moment) -> None:
        ended = self._ended(door, now)
        wish = self._rules.wish(door, now)
        if wish.rule is Rule.ORDER:
            self._put(door, wish, RESTART, now)
        elif ended and wish.rule > Rule.ORDER:
            self._put(door, wish, f"{RESTART}: {ORDER_ENDED}", now)
        elif wish != REST:
            self._put(door, wish, wish.by, now)

    def _settle(
        self, door: DoorId, now: Moment, cause: str, request: Request | None = None
    ) -> None:
        """Put a door into the mode that it is to have, if that is another, or asked for."""
        ended = self._ended(door, now)
        wish = self._rules.wish(door, now)
        before, said = self._stands.get(door, (REST, ""))
        if wish != before:
            why = cause or (ORDER_ENDED if ended else f"{before.by} ended")
            self._put(door, wish, wish.by or why, now, request)
        elif request is not None or door in self._unsettled:
            self._put(door, wish, said or wish.by or cause, now, request)

    def _put(
        self, door: DoorId, wish: Wish, by: str, now: Moment, request: Request | None = None
    ) -> None:
        try:
            self._lock.put(door, wish.mode, by, now, request, until=wish.until)
        except Exception:
            self._unsettled.add(door)
            self._due = min(self._due, now.mono + TRY_AGAIN)
            raise
        self._unsettled.discard(door)
        self._stands[door] = wish, by

    # --- when to look again -----------------------------------------------------------

    def _wait(self, now: Moment) -> None:
        if self._left:
            self._due = now.mono
            return
        ends = [each.until for each in self._orders.values() if each.until is not None]
        changes = self._rules.next_changes(self._doors, now)
        if not (ends or self._unsettled) and changes is None:
            self._due = math.inf
            return
        ends += changes or ()
        left = min(((each - now.utc).total_seconds() for each in ends), default=LOOK_AGAIN)
        most = TRY_AGAIN if self._unsettled else LOOK_AGAIN
        self._due = now.mono + min(max(left, 0.0), most)
