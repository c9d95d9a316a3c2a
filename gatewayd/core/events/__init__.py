"""Facts worth keeping: everything that is written to the journal and published.

One frozen class per kind, `KIND` is its name on the wire and forever. The journal adds
`seq` (no holes), `at` (UTC), `mono` and `clock` (trusted or not); nobody else numbers
events. Events carry holder ids, never names; card numbers as keys, never PINs.
Kinds are those of docs/mqtt.md, derived from ONVIF topics.

access   what became of a card or a PIN      doors    what a door does
units    controllers                         site     fire, lockdown, reactions
gateway  permissions, requests, the journal, the daemon
"""

from gatewayd.core.events.access import (
    AccessAwaited,
    AccessDenied,
    AccessDuress,
    AccessGranted,
    AccessLockedOut,
    AccessMustered,
    AccessNotTaken,
    AccessPassback,
    AccessTaken,
)
from gatewayd.core.events.doors import (
    DoorClosed,
    DoorFault,
    DoorForced,
    DoorFoundOpen,
    DoorHeld,
    DoorModeChanged,
    DoorModeNotApplied,
    DoorOpened,
    DoorPreAlarm,
    DoorReleased,
    DoorUnlockedUnexplained,
    ExitRequested,
    ReleaseFailed,
)
from gatewayd.core.events.gateway import (
    EventsLost,
    GatewayStarted,
    GatewayStopped,
    InternalError,
    JournalGapPossible,
    PermissionsChanged,
    PermissionsFresh,
    PermissionsStale,
    RequestAccepted,
    RequestEnded,
)
from gatewayd.core.events.site import (
    FireAlarm,
    FireEnded,
    FireFault,
    PassbackForgiven,
    ReactionFailed,
    ReactionFired,
    ReactionHeldBack,
    SiteLockdown,
    SiteThreatLevel,
)
from gatewayd.core.events.units import (
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
    ReportsIgnored,
)

__all__ = [
    "AccessAwaited",
    "AccessDenied",
    "AccessDuress",
    "AccessGranted",
    "AccessLockedOut",
    "AccessMustered",
    "AccessNotTaken",
    "AccessPassback",
    "AccessTaken",
    "AuditBlocked",
    "ControllerAccepted",
    "ControllerCommissioning",
    "ControllerFirmware",
    "ControllerFirmwareChanged",
    "ControllerInputFault",
    "ControllerKeyChanged",
    "ControllerOnline",
    "ControllerReaderFault",
    "ControllerSecurity",
    "ControllerTampered",
    "ControllerWentOffline",
    "DoorClosed",
    "DoorFault",
    "DoorForced",
    "DoorFoundOpen",
    "DoorHeld",
    "DoorModeChanged",
    "DoorModeNotApplied",
    "DoorOpened",
    "DoorPreAlarm",
    "DoorReleased",
    "DoorUnlockedUnexplained",
    "Event",
    "EventsLost",
    "ExitRequested",
    "FireAlarm",
    "FireEnded",
    "FireFault",
    "GatewayStarted",
    "GatewayStopped",
    "InternalError",
    "JournalGapPossible",
    "PassbackForgiven",
    "PermissionsChanged",
    "PermissionsFresh",
    "PermissionsStale",
    "ReactionFailed",
    "ReactionFired",
    "ReactionHeldBack",
    "ReleaseFailed",
    "ReportsIgnored",
    "RequestAccepted",
    "RequestEnded",
    "SiteLockdown",
    "SiteThreatLevel",
]

Event = (
    AccessGranted
    | AccessDenied
    | AccessAwaited
    | AccessMustered
    | AccessDuress
    | AccessPassback
    | AccessLockedOut
    | AccessTaken
    | AccessNotTaken
    | ExitRequested
    | DoorOpened
    | DoorClosed
    | DoorForced
    | DoorFoundOpen
    | DoorPreAlarm
    | DoorHeld
    | DoorFault
    | DoorModeChanged
    | DoorModeNotApplied
    | DoorUnlockedUnexplained
    | DoorReleased
    | ReleaseFailed
    | ControllerOnline
    | ControllerWentOffline
    | ControllerTampered
    | ControllerInputFault
    | ControllerReaderFault
    | ControllerFirmwareChanged
    | ControllerAccepted
    | ControllerSecurity
    | ControllerCommissioning
    | ControllerKeyChanged
    | ControllerFirmware
    | AuditBlocked
    | ReportsIgnored
    | FireAlarm
    | FireEnded
    | FireFault
    | SiteLockdown
    | SiteThreatLevel
    | PassbackForgiven
    | ReactionFired
    | ReactionHeldBack
    | ReactionFailed
    | PermissionsChanged
    | PermissionsStale
    | PermissionsFresh
    | RequestAccepted
    | RequestEnded
    | EventsLost
    | JournalGapPossible
    | GatewayStarted
    | GatewayStopped
    | InternalError
)
