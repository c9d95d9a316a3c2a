"""The site as configured: what the brain is told once, when it is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gatewayd.core.audit import Catalogue
from gatewayd.core.fire import FireInput, contradiction
from gatewayd.core.model import ControllerId, Door, Point
from gatewayd.core.places import Occupant
from gatewayd.core.reaction import OnInput, Reaction, outputs

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
        for name, point in self._points():
            if point.controller not in self.controllers:
                raise ValueError(f"{name} hangs on {point.controller}, which is missing")
        against = contradiction(self.fires, self.doors)
        if against is not None:
            raise ValueError(against)
        locks = {door.lock for door in self.doors}
        for reaction in self.reactions:
            if locks & set(outputs(reaction)):
                raise ValueError(f"reaction {reaction.name} switches the lock of a door")

    def _points(self) -> Iterator[tuple[str, Point]]:
        """Yield all that must be there, and what needs it."""
        for door in self.doors:
            yield from ((f"door {door.id}", point) for point in parts(door))
        yield from ((f"fire {each.name}", each.point) for each in self.fires)
        for each in self.reactions:
            if isinstance(each.trigger, OnInput):
                yield f"reaction {each.name}", each.trigger.point
            yield from ((f"reaction {each.name}", output) for output in outputs(each))


def parts(door: Door) -> list[Point]:
    """Return the points of a door that exist."""
    every = door.lock, door.reader, door.exit_reader, door.contact, door.exit_button
    return [point for point in every if point is not None]
