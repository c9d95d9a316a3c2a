"""Facts worth keeping: everything that is written to the journal and published.

One frozen class per kind, `KIND` is its name on the wire and forever. The journal adds
`seq` (no holes), `at` (UTC), `mono` and `clock` (trusted or not); nobody else numbers
events. Events carry holder ids, never names; card numbers as keys, never PINs.
Kinds are those of docs/mqtt.md, derived from ONVIF topics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gatewayd.core.access.model import Side
from gatewayd.core.model import ClientId, ControllerId, DoorId, HolderId, RequestId


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


@dataclass(frozen=True, slots=True)
class ControllerOnline:
    """A controller passed the audit and is polled and driven from now on."""

    KIND: ClassVar[str] = "controller.online"
    controller: ControllerId


@dataclass(frozen=True, slots=True)
class ControllerWentOffline:
    """A controller is gone."""

    KIND: ClassVar[str] = "controller.offline"
    controller: ControllerId
    why: str


@dataclass(frozen=True, slots=True)
class ControllerTampered:
    """Its tamper or power state changed; True is abnormal."""

    KIND: ClassVar[str] = "controller.tamper"
    controller: ControllerId
    tamper: bool
    power: bool


@dataclass(frozen=True, slots=True)
class ControllerInputFault:
    """The wiring of an input that belongs to no door is at fault, or in order again."""

    KIND: ClassVar[str] = "controller.input_fault"
    controller: ControllerId
    input: int
    fault: bool
    what: str = ""  # as in DoorFault


@dataclass(frozen=True, slots=True)
class ControllerReaderFault:
    """A reader behind a controller is cut off or was tampered with, or is in order again."""

    KIND: ClassVar[str] = "controller.reader_fault"
    controller: ControllerId
    reader: int
    fault: bool
    what: str = ""  # "not_connected", "tamper" or "unknown"; empty when in order


@dataclass(frozen=True, slots=True)
class ControllerFirmwareChanged:
    """The unit that was approved here has another firmware than it had then."""

    KIND: ClassVar[str] = "controller.firmware_changed"
    controller: ControllerId
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ControllerAccepted:
    """Another unit than before is taken for this controller from now on, and by whom.

    `before` is the serial of the unit that was approved here; None: nobody knows any more.
    """

    KIND: ClassVar[str] = "controller.accepted"
    controller: ControllerId
    serial: str
    before: str | None
    by: str  # "request <client>"


@dataclass(frozen=True, slots=True)
class ControllerSecurity:
    """Somebody may be meddling with a controller: it must pass the audit again.

    The same is said of one controller at most once a minute.
    """

    KIND: ClassVar[str] = "controller.security"
    controller: ControllerId
    what: str


@dataclass(frozen=True, slots=True)
class ControllerCommissioning:
    """A unit may be given its first key: a window opens, somebody answers in it, it closes.

    `step` is "opened", "answered" or "closed", `by` is "request <client>".
    """

    KIND: ClassVar[str] = "controller.commissioning"
    controller: ControllerId
    step: str
    by: str
    serial: str | None = None  # of the unit that answered
    detail: str = ""  # for how long, what else it said of itself, or why


@dataclass(frozen=True, slots=True)
class ControllerKeyChanged:
    """A controller has another key now.

    `generation` only rises; `how` is "proved" (a unit has proved a new key), "imported" or
    "forgotten" (by an operator). After a crash the same may be told twice.
    """

    KIND: ClassVar[str] = "controller.key_changed"
    controller: ControllerId
    generation: int
    how: str = "proved"


@dataclass(frozen=True, slots=True)
class ControllerFirmware:
    """A controller is being sent a file: `step` is "started", "finished" or "failed".

    `detail` says what the unit made of it, or why it failed.
    """

    KIND: ClassVar[str] = "controller.firmware"
    controller: ControllerId
    step: str
    by: str  # "request <client>"
    file: str  # path on the gateway's host
    size: int
    digest: str  # SHA-256, hexadecimal
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditBlocked:
    """The audit keeps a controller from being driven, and why."""

    KIND: ClassVar[str] = "audit.blocked"
    controller: ControllerId
    verdict: str
    why: str


@dataclass(frozen=True, slots=True)
class ReportsIgnored:
    """A controller reported something while it may not be believed; said once a connection."""

    KIND: ClassVar[str] = "controller.ignored"
    controller: ControllerId
    what: str  # the kind of the first such report
    why: str


@dataclass(frozen=True, slots=True)
class FireAlarm:
    """A fire input is active: these doors stand open above every rule."""

    KIND: ClassVar[str] = "fire.alarm"
    fire: str
    doors: tuple[DoorId, ...]


@dataclass(frozen=True, slots=True)
class FireEnded:
    """A fire input is not active any more."""

    KIND: ClassVar[str] = "fire.ended"
    fire: str
    doors: tuple[DoorId, ...]


@dataclass(frozen=True, slots=True)
class FireFault:
    """The wiring of a fire input is at fault, or in order again.

    While it is at fault, what was stands: `active` says whether that is an alarm.
    """

    KIND: ClassVar[str] = "fire.fault"
    fire: str
    fault: bool
    active: bool
    what: str = ""  # as in DoorFault


@dataclass(frozen=True, slots=True)
class SiteLockdown:
    """The whole site is locked down, or not any more, and by whom."""

    KIND: ClassVar[str] = "site.lockdown"
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class SiteThreatLevel:
    """So much clearance is asked of everybody from now on, and by whom."""

    KIND: ClassVar[str] = "site.threat_level"
    level: int
    by: str


@dataclass(frozen=True, slots=True)
class PassbackForgiven:
    """One holder may be anywhere (None: everybody may), so the next move is no violation."""

    KIND: ClassVar[str] = "passback.forgiven"
    holder: HolderId | None
    by: str


@dataclass(frozen=True, slots=True)
class ReactionFired:
    """A local reaction begins, and what triggered it: "door.forced lobby"."""

    KIND: ClassVar[str] = "reaction.fired"
    reaction: str
    trigger: str


@dataclass(frozen=True, slots=True)
class ReactionHeldBack:
    """So many triggers of a local reaction came right after it had fired, and did nothing."""

    KIND: ClassVar[str] = "reaction.held_back"
    reaction: str
    count: int


@dataclass(frozen=True, slots=True)
class ReactionFailed:
    """Something that a local reaction was to do was not done for certain.

    `what` is "output 2 of lobby-io for 30 s"; `outcome` as in ReleaseFailed.
    """

    KIND: ClassVar[str] = "reaction.failed"
    reaction: str
    what: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PermissionsChanged:
    """A new version decides. `rules`: how many there are of each other kind."""

    KIND: ClassVar[str] = "permissions.changed"
    version: int
    digest: str
    holders: int
    credentials: int
    rules: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PermissionsStale:
    """Nobody has confirmed the permissions for too long; `confirmed`: when last, if ever."""

    KIND: ClassVar[str] = "permissions.stale"
    version: int
    confirmed: datetime | None


@dataclass(frozen=True, slots=True)
class PermissionsFresh:
    """Stale permissions were confirmed, or replaced by newer ones."""

    KIND: ClassVar[str] = "permissions.fresh"
    version: int
    confirmed: datetime | None


@dataclass(frozen=True, slots=True)
class RequestAccepted:
    """Somebody asked for something that moves; written before it does."""

    KIND: ClassVar[str] = "request.accepted"
    request: RequestId
    client: ClientId
    command: str
    door: DoorId | None = None
    controller: ControllerId | None = None


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """How a request ended; `error` is None or a stable code."""

    KIND: ClassVar[str] = "request.ended"
    request: RequestId
    client: ClientId
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The journal could not keep this many events."""

    KIND: ClassVar[str] = "events.lost"
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class JournalGapPossible:
    """The machine was not stopped cleanly: the last moment before may be missing."""

    KIND: ClassVar[str] = "journal.gap_possible"
    why: str


@dataclass(frozen=True, slots=True)
class GatewayStarted:
    """The daemon runs."""

    KIND: ClassVar[str] = "gateway.started"
    version: str


@dataclass(frozen=True, slots=True)
class GatewayStopped:
    """The daemon ends on purpose."""

    KIND: ClassVar[str] = "gateway.stopped"
    why: str


@dataclass(frozen=True, slots=True)
class InternalError:
    """Something of ours failed; what it cost stands in `what`. Never a reason to open."""

    KIND: ClassVar[str] = "gateway.error"
    what: str


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
