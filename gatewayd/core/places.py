"""Who was approved in each place: another unit there is not taken for it.

The first unit that the audit approves as a controller is remembered: vendor, model and serial.
From then on only that unit is approved there. Whoever is in its place instead may be a
replacement that nobody told us of, or a box that somebody brought along; it is not driven until
an operator, who knows which, accepts it by its serial. A new firmware is the same unit; it is
told, as it is how units change their behaviour.

This is no proof: without a secure session a serial is copied as easily as read.

A place of which nobody knows any more who belongs there (`None`: the file was damaged) takes
nobody without being told, or damaging the file would be a way in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gatewayd.core.model import ControllerId, Identity


@dataclass(frozen=True, slots=True)
class Occupant:
    """Which unit was approved in a place, and its firmware."""

    vendor: str  # as in `Identity`
    model: int
    serial: str
    firmware: tuple[int, int, int]

    @property
    def unit(self) -> tuple[str, int, str]:
        """What does not change as long as it is the same unit."""
        return self.vendor, self.model, self.serial


def occupant_of(identity: Identity) -> Occupant:
    """Return what is remembered of a unit."""
    return Occupant(identity.vendor, identity.model, identity.serial, identity.firmware)


def dotted(firmware: tuple[int, int, int]) -> str:
    """Write a firmware as people do: 1.2.3."""
    return ".".join(map(str, firmware))


class Places:
    """All places. One that is not among them takes the first unit."""

    def __init__(self, known: Mapping[ControllerId, Occupant | None]) -> None:
        self._known = dict(known)

    def __getitem__(self, place: ControllerId) -> Occupant | None:
        """Return who was approved there; None if nobody was, or nobody knows who."""
        return self._known.get(place)

    @property
    def all(self) -> Mapping[ControllerId, Occupant | None]:
        """Return what must be remembered."""
        return dict(self._known)

    def objection(self, place: ControllerId, identity: Identity) -> str | None:
        """Say why this unit is not the one that was approved there."""
        if place not in self._known:
            return None
        before, now = self._known[place], occupant_of(identity)
        if before is None:
            was = "nobody knows any more which unit was approved here"
        elif before.unit == now.unit:
            return None
        else:
            was = f"it was {_named(before)} that was approved here"
        return f"this is {_named(now)}, and {was}; if it belongs here, accept its serial"

    def approved(self, place: ControllerId, identity: Identity) -> bool:
        """Remember the first, note a new firmware of the same; say if there is something new.

        Only for a unit without objection.
        """
        before, now = self._known.get(place), occupant_of(identity)
        self._known[place] = now
        return now != before

    def accept(self, place: ControllerId, identity: Identity) -> None:
        """Take this unit from now on."""
        self._known[place] = occupant_of(identity)


def _named(unit: Occupant) -> str:
    return f"vendor {unit.vendor} model {unit.model} serial {unit.serial}"
