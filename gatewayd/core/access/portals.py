"""What the decision needs to know of a door as it is configured."""

from gatewayd.core.access.model import Portal, Side
from gatewayd.core.model import Door, Point


def portal_of(door: Door) -> Portal:
    """Return a door as the decision sees it: what it is between, and its times."""
    return Portal(
        door.id,
        door.inside,
        door.outside,
        frozenset(side for side in Side if reader_at(door, side) is not None),
        door.release_seconds,
        door.open_seconds,
        door.extended_release_seconds,
        door.extended_open_seconds,
    )


def reader_at(door: Door, side: Side) -> Point | None:
    """Return the reader of one side."""
    return door.reader if side is Side.IN else door.exit_reader
