"""What a door does, and what is done to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gatewayd.core.model import DoorId


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """An exit button released the door; ONVIF AccessGranted/Anonymous."""

    KIND: ClassVar[str] = "rex.pressed"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorOpened:
    """The contact opened, and it was expected."""

    KIND: ClassVar[str] = "door.opened"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorClosed:
    """The contact closed; the alarms it ended."""

    KIND: ClassVar[str] = "door.closed"
    door: DoorId
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoorForced:
    """Opened without a grant, an exit request or an unlocked mode; ONVIF DoorForcedOpen."""

    KIND: ClassVar[str] = "door.forced"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorFoundOpen:
    """Closed when its contact was lost from sight, open when seen again: nobody saw how."""

    KIND: ClassVar[str] = "door.found_open"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorPreAlarm:
    """Soon open for too long."""

    KIND: ClassVar[str] = "door.pre_alarm"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorHeld:
    """Open for too long; ONVIF DoorOpenTooLong."""

    KIND: ClassVar[str] = "door.held"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorFault:
    """The wiring of a supervised input is at fault, or in order again; ONVIF DoorFault.

    `what` is "short", "cut", "fault", "unknown" or "missing" (the unit does not report it).
    """

    KIND: ClassVar[str] = "door.fault"
    door: DoorId
    fault: bool
    part: str = "contact"  # or "exit_button"
    what: str = ""


@dataclass(frozen=True, slots=True)
class DoorModeChanged:
    """A door's mode is another now, or for another reason; ONVIF DoorMode.

    `by` is "request <client>", "schedule <id>", "fire <name>", "lockdown", "order ended",
    "restart" …; `until` the end of an order that has one.
    """

    KIND: ClassVar[str] = "door.mode"
    door: DoorId
    mode: str
    by: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoorModeNotApplied:
    """The lock did not follow its door's mode for certain; it will be told again."""

    KIND: ClassVar[str] = "door.mode_failed"
    door: DoorId
    mode: str
    outcome: str  # as in ReleaseFailed
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DoorUnlockedUnexplained:
    """The lock's output is on, and neither the door's mode nor a release explains it."""

    KIND: ClassVar[str] = "door.unlocked_unexplained"
    door: DoorId


@dataclass(frozen=True, slots=True)
class DoorReleased:
    """A lock is released because somebody far away asked: `by` is "request <client>".

    A grant and an exit request explain their release themselves.
    """

    KIND: ClassVar[str] = "lock.released"
    door: DoorId
    by: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ReleaseFailed:
    """A release did not reach its lock for certain.

    `outcome` is "expired", "not_sent" or "refused" (the lock did not move), or
    "unconfirmed" (it may have).
    """

    KIND: ClassVar[str] = "lock.release_failed"
    door: DoorId
    outcome: str
    detail: str = ""
