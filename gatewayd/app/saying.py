"""What of the journal is worth a line in the log, and what to do about it.

The log is for whoever installs and mends; the journal is the record. People at doors are
logged at debug level only.
"""

from dataclasses import asdict

import structlog

from gatewayd.core.events import (
    AuditBlocked,
    ControllerAccepted,
    ControllerCommissioning,
    ControllerFirmware,
    ControllerFirmwareChanged,
    ControllerInputFault,
    ControllerKeyChanged,
    ControllerOnline,
    ControllerReaderFault,
    ControllerSecurity,
    ControllerTampered,
    ControllerWentOffline,
    DoorFault,
    DoorForced,
    DoorFoundOpen,
    DoorHeld,
    DoorUnlockedUnexplained,
    Event,
    EventsLost,
    InternalError,
    JournalGapPossible,
    PermissionsChanged,
    PermissionsFresh,
    PermissionsStale,
    ReactionFailed,
    ReactionFired,
    ReleaseFailed,
)

log = structlog.get_logger()

_INFO = (
    ControllerOnline,
    ControllerAccepted,
    ControllerFirmware,
    ControllerKeyChanged,
    PermissionsChanged,
    PermissionsFresh,
    ReactionFired,
)
_WARNING: dict[type[Event], str] = {
    PermissionsStale: "see why upstream says nothing; what it took away may still open doors",
    ControllerWentOffline: "check its power, its wires and its address",
    ControllerTampered: "look at the unit",
    ControllerSecurity: "look at the unit and at its wires",
    ControllerFirmwareChanged: "ask who updated it",
    ControllerCommissioning: "if nobody knows of it, ask who asked for it",
    ControllerInputFault: "check the wires and resistors of that input",
    ControllerReaderFault: "look at that reader and its cable",
    DoorFault: "check the wires and resistors of that input",
    DoorForced: "look at the door",
    DoorFoundOpen: "look at the door; somebody may have opened it while its contact was away",
    DoorHeld: "close the door",
    DoorUnlockedUnexplained: "look at the door, then order its mode",
    ReactionFailed: "look at that output and its controller",
    ReleaseFailed: "if it happens again, look at the counters of its controller",
    JournalGapPossible: "compare with what the site saw in its last minute",
}
_ERROR: dict[type[Event], str] = {
    AuditBlocked: "ask `gatewayd audit` what can be done about it",
    EventsLost: "free space on the disk of the state directory",
    InternalError: "report it, with this log",
}


def say(event: Event) -> None:
    """Log an event as loudly as it deserves."""
    kind = type(event)
    if kind in _WARNING:
        log.warning(event.KIND, next=_WARNING[kind], **_fields(event))
    elif kind in _ERROR:
        log.error(event.KIND, next=_ERROR[kind], **_fields(event))
    elif kind in _INFO:
        log.info(event.KIND, **_fields(event))
    else:
        log.debug(event.KIND, **_fields(event))


def _fields(event: Event) -> dict[str, object]:
    return {key: value for key, value in asdict(event).items() if value not in (None, ())}
