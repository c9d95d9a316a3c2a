"""What each door is to be now: the first of these that says something.

1. A fire input of the door is active: LOCKED_OPEN.
2. The site is locked down: LOCKED_DOWN; a door that was ordered BLOCKED stays so.
3. An order: its mode.
4. The unlock schedule of the door (`access.unlock`): UNLOCKED or LOCKED.
5. Nothing: LOCKED.

A schedule that cannot be evaluated unlocks nothing, and that is told.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from gatewayd.core.access.book import Book
from gatewayd.core.access.state import State
from gatewayd.core.access.unlock import unlocked
from gatewayd.core.actions import Action, Record
from gatewayd.core.events import InternalError
from gatewayd.core.fire import Fires
from gatewayd.core.mode_orders import ModeOrder
from gatewayd.core.model import DoorId, DoorMode, Moment
from gatewayd.core.schedule import ALWAYS, ScheduleId

LOCKDOWN = "lockdown"


class Rule(IntEnum):
    """What a mode rests on."""

    FIRE = 1
    LOCKDOWN = 2
    ORDER = 3
    SCHEDULE = 4
    NOTHING = 5


class Wish(NamedTuple):
    """A mode, and what wants it."""

    rule: Rule
    mode: DoorMode
    by: str
    until: datetime | None = None


REST = Wish(Rule.NOTHING, DoorMode.LOCKED, "")


class ModeRules:
    """Everything that a door's mode depends on, apart from what it had before."""

    def __init__(
        self,
        book: Book,
        state: State,
        orders: Mapping[DoorId, ModeOrder],
        fires: Fires,
        out: list[Action],
    ) -> None:
        self.book = book
        self._state, self._orders, self._fires, self._out = state, orders, fires, out
        self._broken: set[DoorId] = set()  # whose schedule cannot be evaluated

    def wish(self, door: DoorId, now: Moment) -> Wish:
        """Return what a door is to be; an order counts as long as it is there."""
        fire = self._fires.at(door)
        if fire is not None:
            return Wish(Rule.FIRE, DoorMode.LOCKED_OPEN, f"fire {fire}")
        order = self._orders.get(door)
        blocked = order is not None and order.mode is DoorMode.BLOCKED
        if self._state.lockdown and not blocked:
            return Wish(Rule.LOCKDOWN, DoorMode.LOCKED_DOWN, LOCKDOWN)
        if order is not None:
            return Wish(Rule.ORDER, order.mode, order.by, order.until)
        schedule = self.schedule(door)
        if schedule is None:
            return REST
        mode = DoorMode.UNLOCKED if self._unlocked(door, now) else DoorMode.LOCKED
        return Wish(Rule.SCHEDULE, mode, f"schedule {schedule}")

    def schedule(self, door: DoorId) -> ScheduleId | None:
        """Return the unlock schedule of a door."""
        rules = self.book.rules.get(door)
        return None if rules is None else rules.unlock

    def _unlocked(self, door: DoorId, now: Moment) -> bool:
        try:
            wanted = unlocked(self.book, self._state, door, now)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it unlocks nothing
            if door not in self._broken:
                what = f"{type(error).__name__} in the unlock schedule of {door}"
                self._out.append(Record(InternalError(what)))
            self._broken.add(door)
            return False
        self._broken.discard(door)
        return wanted

    def next_changes(self, doors: Iterable[DoorId], now: Moment) -> list[datetime] | None:
        """Return when the schedules of doors next begin or end, as far as that is known.

        None: none of them depends on the time.
        """
        named = (self.schedule(door) for door in doors)
        asked = {each for each in named if each is not None and each != ALWAYS}
        if not asked:
            return None
        return [each for name in asked if (each := self._change(name, now)) is not None]

    def _change(self, schedule: ScheduleId, now: Moment) -> datetime | None:
        try:
            return self.book.schedules.next_change(now.utc, (schedule,))
        except Exception:  # noqa: BLE001 -- told when it was to say whether it is active
            return None
