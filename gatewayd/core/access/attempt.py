"""What somebody presented, how the doors stand, and the answer."""

from collections.abc import Mapping
from typing import NamedTuple

from gatewayd.core.access.model import (
    Side,
)
from gatewayd.core.access.reasons import AWAITING, Reason
from gatewayd.core.access.state import StateChange
from gatewayd.core.model import Card, DoorId, DoorMode, HolderId, Moment
from gatewayd.core.pin_entry import Digits


class Attempt(NamedTuple):
    """What was presented at an access point: a card, a PIN, or both together.

    A PIN that belongs to a card shown before comes alone: the state knows the card. One
    that is too long is `Digits("")`, which is nobody's.
    """

    door: DoorId
    side: Side
    heard: Moment
    card: Card | None = None
    pin: Digits | None = None


class DoorNow(NamedTuple):
    """A door as it stands; None: not known."""

    mode: DoorMode = DoorMode.LOCKED
    open: bool | None = False
    unlocked: bool | None = False


class Around(NamedTuple):
    """What the decision needs to know beside permissions and state."""

    doors: Mapping[DoorId, DoorNow]
    degraded: bool = False  # the permission set cannot be relied on
    stale: bool = False  # nobody has confirmed it for longer than the policy allows


class Person(NamedTuple):
    """Who passes, and by what."""

    holder: HolderId
    credential: str


class Decision(NamedTuple):
    """The answer to one attempt. Times are seconds; `until` is monotonic."""

    door: DoorId
    side: Side
    reason: Reason
    card: Card | None = None  # also one that was shown before its PIN
    holder: HolderId | None = None  # as soon as the credential is known
    credential: str | None = None  # its key
    release_seconds: float = 0.0  # of a grant: how long the lock is released,
    open_seconds: float = 0.0  # and the door may stay open
    changes: tuple[StateChange, ...] = ()  # at once; what is due when taken says `taken`
    companion: Person | None = None  # of a grant: who passes as well
    duress: bool = False  # tell upstream, and nobody at the door
    passback: tuple[HolderId, ...] = ()  # of a grant: who violates a soft rule
    degraded: bool = False  # granted for the facility code alone
    until: float | None = None  # how long is waited
    fault: str | None = None  # of an internal error: what broke, and where

    @property
    def granted(self) -> bool:
        """Only one reason opens a door."""
        return self.reason is Reason.GRANTED

    @property
    def awaiting(self) -> bool:
        """Nothing is decided before more is presented."""
        return self.reason in AWAITING
