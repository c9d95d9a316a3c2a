"""The site as configured: what the brain is told once, when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gatewayd.core.audit import Catalogue
from gatewayd.core.fire import FireInput
from gatewayd.core.model import ControllerId, Door, DoorId, DoorMode, Point
from gatewayd.core.places import Occupant
from gatewayd.core.reaction import Reaction

STALE_SECONDS = 5.0  # what may have waited longer in a unit opens nothing
SETTLE_SECONDS = 3.0  # how long a site that was never approved is only looked at


class OnClassic(StrEnum):
    """What a Classic unit costs a site."""

    REFUSE = "refuse"  # never approved before: nothing is driven, the daemon stops
    BLOCK = "block"  # that unit alone is not driven


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """Doors, controllers and the policy of the audit.

    Raises ValueError when its parts contradict each other; whoever reads
    configuration files says so earlier and better.
    """

    doors: tuple[Door, ...]
    controllers: Mapping[ControllerId, str]  # and the name of the line each is on
    catalogue: Catalogue = field(default_factory=Catalogue)
    on_classic: OnClassic = OnClassic.REFUSE
    inventory_approved: bool = False  # every controller has been approved once
    settle_seconds: float = SETTLE_SECONDS
    modes: Mapping[DoorId, DoorMode] = field(default_factory=dict)  # ordered before the start
    require_secure: frozenset[ControllerId] = frozenset()  # must prove who they are
    places: Mapping[ControllerId, Occupant | None] = field(default_factory=dict)
    stale_seconds: float = STALE_SECONDS
    fires: tuple[FireInput, ...] = ()
    reactions: tuple[Reaction, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a site that hangs in the air."""
        if len({door.id for door in self.doors}) < len(self.doors):
            raise ValueError("two doors have the same id")
        sides = [point for door in self.doors for point in (door.reader, door.exit_reader)]
        readers = [point for point in sides if point is not None]
        if len(set(readers)) < len(readers):
            raise ValueError("two sides of doors have the same reader")
        for each in sorted(self.require_secure - set(self.controllers)):
            raise ValueError(f"{each} must be secure, but is missing")
        for door in self.doors:
            for point in parts(door):
                if point.controller not in self.controllers:
                    raise ValueError(
                        f"door {door.id} hangs on {point.controller}, which is missing"
                    )


def parts(door: Door) -> list[Point]:
    """Return the points of a door that exist."""
    every = door.lock, door.reader, door.exit_reader, door.contact, door.exit_button
    return [point for point in every if point is not None]
