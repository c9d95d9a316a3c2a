"""What outlasts a restart of what stands above a door's schedule, as plain values.

    mode/lobby    {"mode": "locked_down", "until": "2026-05-08T18:00:00.000000Z", "by": "…"}
    fire/hall     {"active": true}

An order holds until somebody orders something else or takes it back, or until its end. A fire
that was seen holds until its input is seen at rest. No value (None) forgets either. What is
read back is checked: whatever is not exactly as written raises `ValueError`, naming the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gatewayd.core.access.state_values import LONGEST, Entry, Fields, Value, stamp
from gatewayd.core.model import DoorId, DoorMode

MODE, FIRE = "mode/", "fire/"


@dataclass(frozen=True, slots=True)
class ModeOrder:
    """Somebody wants a door in a mode, for good or until before `until` (UTC)."""

    mode: DoorMode
    by: str  # "request <client>"
    until: datetime | None = None

    def over(self, utc: datetime) -> bool:
        """Say whether its end has come."""
        return self.until is not None and utc >= self.until


@dataclass(frozen=True, slots=True)
class KeptModes:
    """What stood above the schedules when it was kept."""

    orders: Mapping[DoorId, ModeOrder] = field(default_factory=dict)
    fires: frozenset[str] = frozenset()  # the names of those that were active


def order_entry(door: DoorId, order: ModeOrder | None) -> Entry:
    """Return a door's order as key and value; None: it has none any more."""
    if order is None:
        return f"{MODE}{door}", None
    until = None if order.until is None else stamp(order.until)
    return f"{MODE}{door}", {"mode": order.mode.value, "until": until, "by": order.by}


def fire_entry(name: str, *, active: bool) -> Entry:
    """Return what a fire input said last as key and value."""
    return f"{FIRE}{name}", {"active": True} if active else None


def kept_modes(kept: Mapping[str, Value]) -> KeptModes:
    """Return what was kept of orders and fires; keys of others do not matter here.

    Raises `ValueError`, which names the key.
    """
    orders: dict[DoorId, ModeOrder] = {}
    fires: set[str] = set()
    for key, value in kept.items():
        try:
            if key.startswith(MODE):
                orders[DoorId(_name(key, MODE))] = _order(value)
            elif key.startswith(FIRE):
                fires.add(_name(key, FIRE))
                _active(value)
        except ValueError as error:
            raise ValueError(f"state {key[:LONGEST]!r}: {error}") from None
    return KeptModes(orders, frozenset(fires))


def _name(key: str, kind: str) -> str:
    name = key.removeprefix(kind)
    if not 0 < len(name) <= LONGEST:
        raise ValueError("there is no such key")
    return name


def _order(value: Value) -> ModeOrder:
    fields = Fields(value)
    mode = fields.text("mode")
    if mode not in list(DoorMode):
        raise ValueError("mode is no mode of a door")
    until = fields.time("until") if fields.has("until") else None
    order = ModeOrder(DoorMode(mode), fields.text("by"), until)
    fields.done()
    return order


def _active(value: Value) -> None:
    fields = Fields(value)
    if not fields.flag("active"):
        raise ValueError("active is not true")
    fields.done()
