"""Who was let in at one door and is not through yet.

The latest who was let in counts; one before who is not through yet has not taken it. An exit
button or a request has no name and takes nobody's place. Where nobody can see whether the
door is used (no contact or one at fault, a door that stands open, a mode that keeps it
unlocked), whoever is let in counts as through: so the record of who is where errs on the
side of those who use the door as they should.
"""

from collections.abc import Iterator
from typing import TypeVar

from gatewayd.core.access.attempt import Decision
from gatewayd.core.events import AccessNotTaken, AccessTaken, Event
from gatewayd.core.model import DoorId

E = TypeVar("E", AccessTaken, AccessNotTaken)


class Passage:
    """The newest grant at a door, until it is taken or not."""

    def __init__(self, door: DoorId) -> None:
        self._door = door
        self.grant: Decision | None = None  # that nobody has taken yet
        self.awaited = False  # whether somebody was let in, be it without a name
        self._passed: list[Decision] = []

    def let_in(self, grant: Decision | None, *, seen: bool) -> Iterator[Event]:
        """Expect somebody; `seen`: the opening of the door will be seen."""
        if not seen:
            self._passes(grant)
            return
        waiting = self.grant
        if grant is not None and waiting is not None and grant.holder != waiting.holder:
            yield _told(AccessNotTaken, self._door, self.grant)
        self.awaited, self.grant = True, grant or waiting

    def opened(self) -> Iterator[Event]:
        """The door was opened."""
        if self.awaited:
            grant = self.grant
            yield _told(AccessTaken, self._door, grant)
            self._passes(grant)
            self.drop()

    def given_up(self) -> Iterator[Event]:
        """The door stayed shut, and cannot be opened any more."""
        if self.awaited:
            yield _told(AccessNotTaken, self._door, self.grant)
            self.drop()

    def out_of_sight(self) -> None:
        """From now on nobody sees whether the door is used."""
        self._passes(self.grant)
        self.drop()

    def drop(self) -> None:
        """Nobody was let in after all."""
        self.awaited, self.grant = False, None

    def take_passed(self) -> list[Decision]:
        """Return the grants that were taken since this was asked last."""
        passed, self._passed = self._passed, []
        return passed

    def _passes(self, grant: Decision | None) -> None:
        if grant is not None:
            self._passed.append(grant)


def _told(kind: type[E], door: DoorId, grant: Decision | None) -> E:
    if grant is None:
        return kind(door)
    companion = None if grant.companion is None else grant.companion.holder
    return kind(door, grant.side, grant.holder, companion)
