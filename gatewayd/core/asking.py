"""Requests, each handed to whoever does it, after what speaks against it is asked for."""

from gatewayd.core.actions import ReportHealth, Stage
from gatewayd.core.desk import objection
from gatewayd.core.model import Moment
from gatewayd.core.parts import Parts
from gatewayd.core.requests import (
    AboutDecision,
    AboutKeys,
    AboutPermissions,
    AboutUnit,
    AcceptController,
    ApplyPermissions,
    BeginSnapshot,
    CommissionController,
    ConfirmPermissions,
    EndCommissioning,
    EndFirmware,
    ExplainDecision,
    ForgivePassback,
    LockDownSite,
    ReadHealth,
    ReplacePermissions,
    Request,
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


def ask(parts: Parts, request: Request, now: Moment) -> None:
    """Do what somebody asks for, or begin to, or say why not."""
    against = objection(request, parts.doors, parts.controllers, parts.secure, now.mono)
    if against is not None:
        parts.desk.end(request, against.error, against.message)
        return
    match request.command:
        case UnlockDoor(door):
            parts.doors.unlock(request, door, now)
        case SetDoorMode() as command:
            parts.modes.ask(request, command, now)
        case LockDownSite() | SetThreatLevel() | ForgivePassback() as command:
            parts.orders.ask(request, command, now)
        case RunAudit():
            parts.inspection.ask(request, now)
        case AcceptController() as command:
            parts.acceptance.ask(request, command, now)
            parts.follow_controllers(now)
        case ReadHealth():
            parts.desk.hand_over(request, ReportHealth(request))
        case command:
            _ask_further(parts, request, command, now)


def _ask_further(
    parts: Parts,
    request: Request,
    command: AboutPermissions | AboutDecision | AboutKeys | AboutUnit | ShowText,
    now: Moment,
) -> None:
    match command:
        case (
            ApplyPermissions()
            | ReplacePermissions()
            | ConfirmPermissions()
            | BeginSnapshot()
            | StagePart()
        ):
            _about_permissions(parts, request, command, now)
        case ExplainDecision():
            parts.questions.explain(request, command, now)
        case WhoCanOpen() | WhatCanOpen():
            parts.questions.search(request, command, now)
        case _:
            _about_controller(parts, request, command, now)


def _about_permissions(
    parts: Parts, request: Request, command: AboutPermissions, now: Moment
) -> None:
    match command:
        case ConfirmPermissions():
            parts.updates.confirm(request, command, now)
        case BeginSnapshot() | StagePart():
            parts.desk.hand_over(request, Stage(request))
        case _:
            parts.updates.submit(request, command)


def _about_controller(
    parts: Parts, request: Request, command: AboutKeys | AboutUnit | ShowText, now: Moment
) -> None:
    match command:
        case RotateKey(controller):
            parts.rotations.ask(request, controller, now)
        case CommissionController():
            parts.windows.ask(request, command, now)
        case EndCommissioning():
            parts.windows.end(request, command)
        case SendFirmware():
            parts.firmware.ask(request, command, now)
        case EndFirmware():
            parts.firmware.end(request, command)
        case _:
            parts.commands.ask(request, command, now)
