"""What each request may say: one pydantic model per command, and the envelope around it.

Strict: nothing is converted, unknown keys are refused, and no error shows what was sent. Only
shapes are judged here; what a door or a version may be is the core's to say.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gatewayd.core.model import ControllerId, DoorId, DoorMode, HolderId
from gatewayd.core.requests import (
    AcceptController,
    ApplyPermissions,
    AskMaker,
    BeginSnapshot,
    Command,
    CommissionController,
    ConfirmPermissions,
    EndCommissioning,
    EndFirmware,
    ExplainDecision,
    ForgivePassback,
    KeepCardActive,
    LockDownSite,
    Manifest,
    ReadHealth,
    ReplacePermissions,
    RotateKey,
    RunAudit,
    SendFirmware,
    SetDoorMode,
    SetThreatLevel,
    ShowText,
    StagePart,
    UnlockDoor,
    WhatCanOpen,
    WhoCanOpen,
)
from gatewayd.edge.permission_json import update_of
from gatewayd.edge.permission_models import ChangesModel
from gatewayd.edge.request_args import Args
from gatewayd.edge.request_questions import ExplainArgs, WhatArgs, WhoArgs
from gatewayd.edge.request_values import (
    Count,
    Id,
    Instant,
    Model,
    Name,
    Octets,
    Path,
    Serial,
    Sha256,
    Text,
    Vendor,
)

LONGEST_VALIDITY = timedelta(seconds=300)  # from `issued` to `expires`
LONGEST_HOLDER = 64  # characters
MOST_THREAT = 100
SCHEDULED = "scheduled"  # what `door.mode` calls a door that nobody ordered into a mode


class UnlockDoorArgs(Args):
    """`door.unlock`."""

    door: Name

    def command(self) -> Command:
        return UnlockDoor(DoorId(self.door))


class SetDoorModeArgs(Args):
    """`door.mode`; "scheduled" takes the order back, which has no end."""

    door: Name
    mode: Literal["locked", "unlocked", "blocked", "locked_down", "locked_open", "scheduled"]
    until: Instant | None = None

    @model_validator(mode="after")
    def _no_end_of_nothing(self) -> "SetDoorModeArgs":
        if self.mode == SCHEDULED and self.until is not None:
            raise PydanticCustomError("until", "scheduled has no until")
        return self

    def command(self) -> Command:
        mode = None if self.mode == SCHEDULED else DoorMode(self.mode)
        return SetDoorMode(DoorId(self.door), mode, self.until)


class LockDownSiteArgs(Args):
    """`site.lockdown`."""

    on: bool

    def command(self) -> Command:
        return LockDownSite(self.on)


class SetThreatLevelArgs(Args):
    """`site.threat_level`."""

    level: Annotated[int, Field(ge=0, le=MOST_THREAT)]

    def command(self) -> Command:
        return SetThreatLevel(self.level)


class ForgivePassbackArgs(Args):
    """`passback.forgive`; without a holder everybody is forgiven."""

    holder: Annotated[str, Field(min_length=1, max_length=LONGEST_HOLDER)] | None = None

    def command(self) -> Command:
        return ForgivePassback(None if self.holder is None else HolderId(self.holder))


class ApplyPermissionsArgs(ChangesModel, Args):
    """`permissions.apply`; null takes a record away.

    Only the shape is read here. What keys, ids and numbers may be, and that the update leads
    on from what is held, is the core's to say, all mistakes at once.
    """

    base: int
    version: int

    def command(self) -> Command:
        return ApplyPermissions(update_of(self, self.base, self.version))


class ConfirmPermissionsArgs(Args):
    """`permissions.confirm`."""

    version: int
    digest: Sha256 | None = None

    def command(self) -> Command:
        return ConfirmPermissions(self.version, self.digest)


class CountsModel(Model):
    """How many records of each kind there are."""

    schedules: Count = 0
    special_days: Count = 0
    levels: Count = 0
    doors: Count = 0
    areas: Count = 0
    holders: Count = 0
    credentials: Count = 0


class BeginSnapshotArgs(Args):
    """`permissions.begin`."""

    version: Annotated[int, Field(ge=1)]
    digest: Sha256
    parts: Annotated[list[Sha256], Field(min_length=1)]
    counts: CountsModel

    def command(self) -> Command:
        counts = self.counts.model_dump()
        return BeginSnapshot(Manifest(self.version, self.digest, tuple(self.parts), counts))


class StagePartArgs(Args):
    """`permissions.part`; the records are looked at on another thread."""

    version: int
    number: Count
    records: dict[str, Any]

    def command(self) -> Command:
        return StagePart(self.version, self.number, self.records)


class ReplacePermissionsArgs(Args):
    """`permissions.replace`."""

    version: int

    def command(self) -> Command:
        return ReplacePermissions(self.version)


class RunAuditArgs(Args):
    """`audit.run`."""

    def command(self) -> Command:
        return RunAudit()


class RotateKeyArgs(Args):
    """`controller.rotate_key`."""

    controller: Name

    def command(self) -> Command:
        return RotateKey(ControllerId(self.controller))


class CommissionArgs(Args):
    """`controller.commission`; the serial number is as the audit shows it."""

    controller: Name
    seconds: Annotated[float, Field(gt=0, le=LONGEST_VALIDITY.total_seconds())] = 120
    serial: Serial | None = None

    def command(self) -> Command:
        serial = None if self.serial is None else self.serial.lower()
        return CommissionController(ControllerId(self.controller), self.seconds, serial)


class EndCommissioningArgs(Args):
    """`controller.end_commissioning`."""

    controller: Name

    def command(self) -> Command:
        return EndCommissioning(ControllerId(self.controller))


class SendFirmwareArgs(Args):
    """`controller.firmware`; the path is one on the gateway's host."""

    controller: Name
    path: Path

    def command(self) -> Command:
        return SendFirmware(ControllerId(self.controller), self.path)


class EndFirmwareArgs(Args):
    """`controller.end_firmware`."""

    controller: Name

    def command(self) -> Command:
        return EndFirmware(ControllerId(self.controller))


class AskMakerArgs(Args):
    """`controller.manufacturer`; both in hexadecimal."""

    controller: Name
    vendor: Vendor
    data: Octets = ""

    def command(self) -> Command:
        vendor, data = bytes.fromhex(self.vendor), bytes.fromhex(self.data)
        return AskMaker(ControllerId(self.controller), vendor, data)


class KeepCardActiveArgs(Args):
    """`controller.keep_active`."""

    controller: Name
    seconds: Annotated[float, Field(ge=0, le=60)]

    def command(self) -> Command:
        return KeepCardActive(ControllerId(self.controller), self.seconds)


class ShowTextArgs(Args):
    """`door.text`."""

    door: Name
    text: Text
    seconds: Annotated[int, Field(ge=1, le=255)] = 5

    def command(self) -> Command:
        return ShowText(DoorId(self.door), self.text, self.seconds)


class AcceptControllerArgs(Args):
    """`controller.accept`; the serial number is as the audit shows it."""

    controller: Name
    serial: Serial

    def command(self) -> Command:
        return AcceptController(ControllerId(self.controller), self.serial.lower())


class ReadHealthArgs(Args):
    """`health.read`."""

    def command(self) -> Command:
        return ReadHealth()


A = TypeVar("A", bound=Args)


class Envelope(Model, Generic[A]):
    """What stands around the arguments: who asks, from when until when it counts."""

    id: Id
    client: Name
    issued: Instant
    expires: Instant
    args: A


ENVELOPES: Mapping[str, type[Envelope[Any]]] = {
    UnlockDoor.COMMAND: Envelope[UnlockDoorArgs],
    SetDoorMode.COMMAND: Envelope[SetDoorModeArgs],
    LockDownSite.COMMAND: Envelope[LockDownSiteArgs],
    SetThreatLevel.COMMAND: Envelope[SetThreatLevelArgs],
    ForgivePassback.COMMAND: Envelope[ForgivePassbackArgs],
    ApplyPermissions.COMMAND: Envelope[ApplyPermissionsArgs],
    ConfirmPermissions.COMMAND: Envelope[ConfirmPermissionsArgs],
    BeginSnapshot.COMMAND: Envelope[BeginSnapshotArgs],
    StagePart.COMMAND: Envelope[StagePartArgs],
    ReplacePermissions.COMMAND: Envelope[ReplacePermissionsArgs],
    ExplainDecision.COMMAND: Envelope[ExplainArgs],
    WhoCanOpen.COMMAND: Envelope[WhoArgs],
    WhatCanOpen.COMMAND: Envelope[WhatArgs],
    RunAudit.COMMAND: Envelope[RunAuditArgs],
    AcceptController.COMMAND: Envelope[AcceptControllerArgs],
    ReadHealth.COMMAND: Envelope[ReadHealthArgs],
    RotateKey.COMMAND: Envelope[RotateKeyArgs],
    CommissionController.COMMAND: Envelope[CommissionArgs],
    EndCommissioning.COMMAND: Envelope[EndCommissioningArgs],
    SendFirmware.COMMAND: Envelope[SendFirmwareArgs],
    EndFirmware.COMMAND: Envelope[EndFirmwareArgs],
    AskMaker.COMMAND: Envelope[AskMakerArgs],
    KeepCardActive.COMMAND: Envelope[KeepCardActiveArgs],
    ShowText.COMMAND: Envelope[ShowTextArgs],
}
