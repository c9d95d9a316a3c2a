"""What holds at the doors, and which of it comes first: a model that knows no events.

Doors open from 7 to 16 o'clock UTC, if they have such a plan.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from gatewayd.core.access.model import DoorRules
from gatewayd.core.fire import FireInput
from gatewayd.core.model import DoorId, DoorMode
from tests.core.hours import OFFICE

PLANS = ("none", "office", "first person")
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Model:
    """What holds, and which of it comes first."""

    def __init__(self, fires: Iterable[FireInput] = ()) -> None:
        self._fires = tuple(fires)
        self.plan: dict[DoorId, str] = {}
        self.orders: dict[DoorId, tuple[DoorMode, datetime | None]] = {}
        self.fires: set[str] = set()
        self.lockdown = False
        self.first: dict[DoorId, datetime] = {}
        self.believed = True  # whether the clock is, or it does not matter

    def pass_(self, utc: datetime) -> None:
        for door, (_, until) in list(self.orders.items()):
            if until is not None and until <= utc:
                del self.orders[door]

    def mode(self, door: DoorId, utc: datetime) -> DoorMode:
        if any(
            each.name in self.fires and door in (each.doors or {door}) for each in self._fires
        ):
            return DoorMode.LOCKED_OPEN
        ordered = self.orders[door][0] if door in self.orders else None
        if self.lockdown and ordered is not DoorMode.BLOCKED:
            return DoorMode.LOCKED_DOWN
        if ordered is not None:
            return ordered
        return DoorMode.UNLOCKED if self._scheduled(door, utc) else DoorMode.LOCKED

    def _scheduled(self, door: DoorId, utc: datetime) -> bool:
        opening = utc.replace(hour=7, minute=0, second=0, microsecond=0)
        closing = utc.replace(hour=16, minute=0, second=0, microsecond=0)
        if self.plan[door] == "none" or not self.believed or not opening <= utc < closing:
            return False
        return self.plan[door] == "office" or opening <= self.first.get(door, NEVER) <= utc


def rules_of(plan: dict[DoorId, str]) -> tuple[DoorRules, ...]:
    return tuple(
        DoorRules(door, unlock=OFFICE, unlock_needs_first_person=plan[door] == "first person")
        for door in plan
        if plan[door] != "none"
    )
