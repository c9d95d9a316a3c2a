"""What the outside may ask for, one frozen class per command.

The edge has parsed, authenticated and committed a request before the brain sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from gatewayd.core.access.model import Side
from gatewayd.core.access.records import Update
from gatewayd.core.model import ClientId, ControllerId, DoorId, DoorMode, HolderId, RequestId


@dataclass(frozen=True, slots=True)
class UnlockDoor:
    """Release a door once, for its release time."""

    COMMAND: ClassVar[str] = "door.unlock"
    door: DoorId


@dataclass(frozen=True, slots=True)
class SetDoorMode:
    """Put a door into a mode, for good or `until` (UTC); a wish for a state, never a toggle.

    Without a mode the order is taken back: the door is as its schedule says.
    """

    COMMAND: ClassVar[str] = "door.mode"
    door: DoorId
    mode: DoorMode | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LockDownSite:
    """Lock the whole site down, or end that."""

    COMMAND: ClassVar[str] = "site.lockdown"
    on: bool


@dataclass(frozen=True, slots=True)
class SetThreatLevel:
    """Ask so much clearance of everybody, 0 to 100; 0: none."""

    COMMAND: ClassVar[str] = "site.threat_level"
    level: int


@dataclass(frozen=True, slots=True)
class ForgivePassback:
    """Let a holder be anywhere; None: let everybody."""

    COMMAND: ClassVar[str] = "passback.forgive"
    holder: HolderId | None = None


@dataclass(frozen=True, slots=True)
class ApplyPermissions:
    """Lead the permissions from `base` to `version`, all or nothing."""

    COMMAND: ClassVar[str] = "permissions.apply"
    update: Update


@dataclass(frozen=True, slots=True)
class ConfirmPermissions:
    """Upstream is there, and means these to be the permissions. Nothing changes."""

    COMMAND: ClassVar[str] = "permissions.confirm"
    version: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands in for all permissions: its parts by their SHA-256, in hexadecimal.

    `digest` and `counts` (by kind, as in `access.records`) are those of all that is held then.
    """

    version: int
    digest: str
    parts: tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BeginSnapshot:
    """Make room for the parts of a manifest; those of another one go."""

    COMMAND: ClassVar[str] = "permissions.begin"
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class StagePart:
    """Keep a part of the manifest. `records` are JSON, not looked at yet."""

    COMMAND: ClassVar[str] = "permissions.part"
    version: int
    number: int
    records: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplacePermissions:
    """Replace all permissions by the parts that are staged for this version."""

    COMMAND: ClassVar[str] = "permissions.replace"
    version: int


@dataclass(frozen=True, slots=True)
class RunAudit:
    """Read every controller's identity again and report."""

    COMMAND: ClassVar[str] = "audit.run"


@dataclass(frozen=True, slots=True)
class AcceptController:
    """Take the unit with this serial for this controller, although another was approved."""

    COMMAND: ClassVar[str] = "controller.accept"
    controller: ControllerId
    serial: str  # eight hexadecimal digits in lower case


@dataclass(frozen=True, slots=True)
class ReadHealth:
    """Report lines, controllers, journal and permissions as they stand."""

    COMMAND: ClassVar[str] = "health.read"


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Give a unit a new key in place of the one it has."""

    COMMAND: ClassVar[str] = "controller.rotate_key"
    controller: ControllerId


@dataclass(frozen=True, slots=True)
class CommissionController:
    """Give a unit its first key, in a window of `seconds` that opens for it alone.

    Without `serial` (as in `Identity`) only say who answers; the window stays open.
    """

    COMMAND: ClassVar[str] = "controller.commission"
    controller: ControllerId
    seconds: float
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class EndCommissioning:
    """Close the window before its time."""

    COMMAND: ClassVar[str] = "controller.end_commissioning"
    controller: ControllerId


@dataclass(frozen=True, slots=True)
class ShowText:
    """Show a text at the reader of a door for so many seconds."""

    COMMAND: ClassVar[str] = "door.text"
    door: DoorId
    text: str = field(repr=False)  # printable ASCII
    seconds: int


@dataclass(frozen=True, slots=True)
class SendFirmware:
    """Send a file on the gateway's host to a controller, usually its firmware."""

    COMMAND: ClassVar[str] = "controller.firmware"
    controller: ControllerId
    path: str  # absolute


@dataclass(frozen=True, slots=True)
class EndFirmware:
    """Call off the file that a controller is being sent."""

    COMMAND: ClassVar[str] = "controller.end_firmware"
    controller: ControllerId


@dataclass(frozen=True, slots=True)
class AskMaker:
    """Pass on what only units of one maker understand."""

    COMMAND: ClassVar[str] = "controller.manufacturer"
    controller: ControllerId
    vendor: bytes  # three bytes
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepCardActive:
    """Keep the smart card at a reader powered for so many seconds; 0 lets it go."""

    COMMAND: ClassVar[str] = "controller.keep_active"
    controller: ControllerId
    seconds: float


@dataclass(frozen=True, slots=True)
class ExplainDecision:
    """Say whether a credential would open a door now, or at a time, and what every rule says.

    `credential`: `Card.decoded` or `Card.raw`.
    """

    COMMAND: ClassVar[str] = "decision.explain"
    door: DoorId
    side: Side
    credential: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WhoCanOpen:
    """Say by which credentials a door can be passed now, or at a time."""

    COMMAND: ClassVar[str] = "decision.who"
    door: DoorId
    side: Side
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WhatCanOpen:
    """Say which doors somebody can pass now, or at a time."""

    COMMAND: ClassVar[str] = "decision.what"
    holder: HolderId
    at: datetime | None = None


AboutSnapshot = BeginSnapshot | StagePart  # the edge keeps them until they are whole
AboutPermissions = ApplyPermissions | ConfirmPermissions | ReplacePermissions | AboutSnapshot
AboutSite = LockDownSite | SetThreatLevel | ForgivePassback
AboutKeys = RotateKey | CommissionController | EndCommissioning
AboutDecision = ExplainDecision | WhoCanOpen | WhatCanOpen
AboutUnit = SendFirmware | EndFirmware | AskMaker | KeepCardActive  # on the host only
Command = (
    UnlockDoor
    | SetDoorMode
    | AboutSite
    | AboutPermissions
    | AboutDecision
    | RunAudit
    | AcceptController
    | ReadHealth
    | AboutKeys
    | AboutUnit
    | ShowText
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of one client, to be answered exactly once."""

    id: RequestId
    client: ClientId
    command: Command
    expires: float  # monotonic seconds; later it must not act any more
