"""What became of a card, a PIN or both at an access point."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gatewayd.core.access.model import Side
from gatewayd.core.model import DoorId, HolderId


@dataclass(frozen=True, slots=True)
class AccessGranted:
    """A credential was granted access; ONVIF AccessGranted/Credential.

    `credential` is its key, or "PIN" for a PIN alone, here and below.
    """

    KIND: ClassVar[str] = "access.granted"
    door: DoorId
    side: Side
    credential: str
    holder: HolderId | None  # nobody is known if the facility code was enough
    companion: HolderId | None = None  # who passes as well
    degraded: bool = False  # granted for the facility code alone


@dataclass(frozen=True, slots=True)
class AccessDenied:
    """Access was denied, and why; ONVIF Denied/*."""

    KIND: ClassVar[str] = "access.denied"
    door: DoorId
    side: Side
    credential: str
    reason: str
    holder: HolderId | None = None


@dataclass(frozen=True, slots=True)
class AccessAwaited:
    """Nothing is decided before a PIN, a second person or an escort comes, as `reason` says."""

    KIND: ClassVar[str] = "access.awaited"
    door: DoorId
    side: Side
    credential: str
    reason: str
    holder: HolderId | None = None


@dataclass(frozen=True, slots=True)
class AccessMustered:
    """Somebody is at a muster point; nothing opens."""

    KIND: ClassVar[str] = "access.muster"
    door: DoorId
    side: Side
    credential: str
    holder: HolderId | None


@dataclass(frozen=True, slots=True)
class AccessDuress:
    """Whoever presented this may be forced to. At the door nothing tells; ONVIF Duress."""

    KIND: ClassVar[str] = "access.duress"
    door: DoorId
    side: Side
    credential: str
    holder: HolderId | None


@dataclass(frozen=True, slots=True)
class AccessPassback:
    """Somebody granted access is, by the record, on the wrong side; ONVIF AntiPassback."""

    KIND: ClassVar[str] = "access.passback"
    door: DoorId
    side: Side
    holder: HolderId


@dataclass(frozen=True, slots=True)
class AccessLockedOut:
    """Too many wrong PINs: none is compared until then.

    `subject` is "holder", "point" or "site"; `id` is the holder's or the point's
    ("lobby:in"), and None for the site.
    """

    KIND: ClassVar[str] = "access.locked_out"
    subject: str
    id: str | None
    until: datetime


@dataclass(frozen=True, slots=True)
class AccessTaken:
    """The door was opened after a grant; ONVIF AccessTaken.

    After an exit request or a release by request there is no holder, and no side.
    """

    KIND: ClassVar[str] = "access.taken"
    door: DoorId
    side: Side | None = None
    holder: HolderId | None = None
    companion: HolderId | None = None


@dataclass(frozen=True, slots=True)
class AccessNotTaken:
    """The door stayed shut after a grant; ONVIF AccessNotTaken. As in AccessTaken."""

    KIND: ClassVar[str] = "access.not_taken"
    door: DoorId
    side: Side | None = None
    holder: HolderId | None = None
    companion: HolderId | None = None
