"""A door as the outside sees it: what it is in itself, and which of its parts are there.

What hangs on a controller that does not answer is not known now; `contact_since` then says
since when.
"""

from collections.abc import Iterator

from gatewayd.core.controllers import Controllers
from gatewayd.core.door import DoorState
from gatewayd.core.model import ContactState, Door, DoorView, Point


def view_of(state: DoorState, controllers: Controllers) -> DoorView:
    """Return what stands on `R/doors/<door>`."""
    contact, since = state.contact, state.contact_since
    point = state.door.contact
    if point is not None and contact is not ContactState.UNKNOWN:
        unit = controllers[point.controller]
        if not unit.online:
            contact, since = ContactState.UNKNOWN, unit.since
    lock = controllers[state.door.lock.controller]
    return DoorView(
        door=state.door.id,
        mode=state.mode,
        by=state.by,
        until=state.until,
        locked=None if lock.connection is None else state.locked,
        contact=contact,
        contact_since=since,
        alarms=(*state.alarms, *_missing(state.door, controllers)),
    )


def _missing(door: Door, controllers: Controllers) -> Iterator[str]:
    """Name the parts whose controllers are not there or not approved."""
    named = (
        ("lock_offline", door.lock),
        ("reader_offline", door.reader),
        ("exit_reader_offline", door.exit_reader),
        ("contact_offline", door.contact),
        ("exit_offline", door.exit_button),
    )
    for alarm, point in named:
        if point is not None and not _present(point, controllers):
            yield alarm


def _present(point: Point, controllers: Controllers) -> bool:
    unit = controllers[point.controller]
    return unit.online and unit.approved
