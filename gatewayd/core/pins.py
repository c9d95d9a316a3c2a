"""Who was approved in each place: another unit there is not taken for it.

The first unit that the audit approves as a controller is pinned: vendor, model and serial.
From then on only that unit is approved there. Whoever is in its place instead may be a
replacement that nobody told us of, or a box that somebody brought along; it is not driven until
an operator, who knows which, accepts it by its serial. A new firmware is the same unit; it is
told, as it is how units change their behaviour.

A pin is no proof: without a secure session a serial is copied as easily as read.

A place whose pin was lost (`None`: the file was damaged) takes nobody without being told, or
damaging the file would be a way in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gatewayd.core.model import ControllerId, Identity


@dataclass(frozen=True, slots=True)
class Pin:
    """Which unit was approved in a place, and its firmware then."""

    vendor: str  # as in `Identity`
    model: int
    serial: str
    firmware: tuple[int, int, int]

    @property
    def unit(self) -> tuple[str, int, str]:
        """What does not change as long as it is the same unit."""
        return self.vendor, self.model, self.serial


def pin_of(identity: Identity) -> Pin:
    """Return what is remembered of a unit."""
    return Pin(identity.vendor, identity.model, identity.serial, identity.firmware)


def dotted(firmware: tuple[int, int, int]) -> str:
    """Write a firmware as people do: 1.2.3."""
    return ".".join(map(str, firmware))


class Pins:
    """The pins of all places. A place that is not among them takes the first unit."""

    def __init__(self, known: Mapping[ControllerId, Pin | None]) -> None:
        self._known = dict(known)

    def __getitem__(self, place: ControllerId) -> Pin | None:
        """Return who was approved there; None if nobody was, or nobody knows who."""
        return self._known.get(place)

    @property
    def all(self) -> Mapping[ControllerId, Pin | None]:
        """Return what must be remembered."""
        return dict(self._known)

    def objection(self, place: ControllerId, identity: Identity) -> str | None:
        """Say why this unit is not the one that was approved there."""
        if place not in self._known:
            return None
        pin, now = self._known[place], pin_of(identity)
        if pin is None:
            was = "nobody knows any more which unit was approved here"
        elif pin.unit == now.unit:
            return None
        else:
            was = f"it was {_named(pin)} that was approved here"
        return f"this is {_named(now)}, and {was}; if it belongs here, accept its serial"

    def approved(self, place: ControllerId, identity: Identity) -> bool:
        """Pin the first, note a new firmware of the same; say if there is something new.

        Only for a unit without objection.
        """
        pin, now = self._known.get(place), pin_of(identity)
        self._known[place] = now if pin is None else replace(pin, firmware=now.firmware)
        return self._known[place] != pin

    def accept(self, place: ControllerId, identity: Identity) -> None:
        """Take this unit from now on."""
        self._known[place] = pin_of(identity)


def _named(pin: Pin) -> str:
    return f"vendor {pin.vendor} model {pin.model} serial {pin.serial}"
