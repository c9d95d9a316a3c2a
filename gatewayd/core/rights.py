"""Who may ask for what: a table of roles and commands, and the doors a client is kept to.

A client has a key, roles and doors. It may ask for what one of its roles may, and only for
that; no role stands above another. Who is kept to some doors may ask about these, and for
nothing that concerns the whole site. A command without a role is taken on the gateway's own
host only, and one that is not in the table is taken from nobody.

Permissions come from one place: `upstream` alone may change them, an administrator may not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from gatewayd.core.model import ClientId, DoorId, Moment
from gatewayd.core.objection import Objection
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


class Role(StrEnum):
    """What a client is there for."""

    VIEWER = "viewer"  # looks
    OPERATOR = "operator"  # works doors
    INSTALLER = "installer"  # works on controllers
    UPSTREAM = "upstream"  # says who may pass where
    ADMINISTRATOR = "administrator"  # all of that, but for permissions


class Kind(StrEnum):
    """Whose key it is."""

    SERVICE = "service"  # a program's, registered once
    OPERATOR_DEVICE = "operator_device"  # a person's


class About(StrEnum):
    """What a command concerns."""

    DOOR = "door"  # one door, which must be among the client's
    SITE = "site"  # all of it: only for who is not kept to some doors
    NOTHING = "nothing"  # only looks at how things are


class Against(StrEnum):
    """What speaks against it. Stable."""

    NOT_PERMITTED = "not_permitted"
    HOST_ONLY = "host_only"
    DOOR_NOT_PERMITTED = "door_not_permitted"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_EARLY = "client_early"
    CLIENT_EXPIRED = "client_expired"


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may ask, as registered. `id` is the thumbprint of the key."""

    id: ClientId
    name: str
    kind: Kind
    roles: frozenset[Role]
    doors: frozenset[DoorId] | None = None  # None: all
    valid_from: datetime | None = None
    valid_until: datetime | None = None  # not any more at that moment
    disabled: bool = False


class Right(NamedTuple):
    """Who may ask for a command, and what it concerns."""

    about: About
    roles: frozenset[Role] = frozenset()  # none: on the host only


_DOORS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
_UNITS = frozenset({Role.INSTALLER, Role.ADMINISTRATOR})
_PEOPLE = frozenset({Role.UPSTREAM})
_WHO_PASSES = frozenset({Role.UPSTREAM, Role.ADMINISTRATOR})

RIGHTS: Mapping[str, Right] = {
    UnlockDoor.COMMAND: Right(About.DOOR, _DOORS),
    SetDoorMode.COMMAND: Right(About.DOOR, _DOORS),
    ShowText.COMMAND: Right(About.DOOR, _DOORS),
    LockDownSite.COMMAND: Right(About.SITE, _DOORS),
    SetThreatLevel.COMMAND: Right(About.SITE, _DOORS),
    ForgivePassback.COMMAND: Right(About.SITE, _DOORS | _PEOPLE),
    ApplyPermissions.COMMAND: Right(About.SITE, _PEOPLE),
    ConfirmPermissions.COMMAND: Right(About.SITE, _PEOPLE),
    BeginSnapshot.COMMAND: Right(About.SITE, _PEOPLE),
    StagePart.COMMAND: Right(About.SITE, _PEOPLE),
    ReplacePermissions.COMMAND: Right(About.SITE, _PEOPLE),
    ExplainDecision.COMMAND: Right(About.DOOR, _DOORS | _WHO_PASSES),
    WhoCanOpen.COMMAND: Right(About.DOOR, _WHO_PASSES),
    WhatCanOpen.COMMAND: Right(About.SITE, _WHO_PASSES),
    RunAudit.COMMAND: Right(About.SITE, _UNITS),
    AcceptController.COMMAND: Right(About.SITE, _UNITS),
    RotateKey.COMMAND: Right(About.SITE, _UNITS),
    CommissionController.COMMAND: Right(About.SITE, _UNITS),
    EndCommissioning.COMMAND: Right(About.SITE, _UNITS),
    ReadHealth.COMMAND: Right(About.NOTHING, frozenset(Role)),
    SendFirmware.COMMAND: Right(About.SITE),
    EndFirmware.COMMAND: Right(About.SITE),
    AskMaker.COMMAND: Right(About.SITE),
    KeepCardActive.COMMAND: Right(About.SITE),
}


def may(client: Client, command: str, door: DoorId | None, now: Moment) -> Objection | None:
    """Say what speaks against a client's asking for a command, None if nothing does.

    `door` is the one it is about (`door_of`).
    """
    return (
        _of_client(client, now) or _of_role(client, command) or _of_door(client, command, door)
    )


def door_of(command: Command) -> DoorId | None:
    """Return the door that a command is about, if it is about one."""
    match command:
        case (
            UnlockDoor(door=door)
            | SetDoorMode(door=door)
            | ShowText(door=door)
            | ExplainDecision(door=door)
            | WhoCanOpen(door=door)
        ):
            return door
        case _:
            return None


def _of_client(client: Client, now: Moment) -> Objection | None:
    if client.disabled:
        return Objection(Against.CLIENT_DISABLED, f"{client.name} is disabled")
    if client.valid_from is not None and now.utc < client.valid_from:
        return Objection(Against.CLIENT_EARLY, f"{client.name} is not valid yet")
    if client.valid_until is None:
        return None
    if now.utc >= client.valid_until:
        return Objection(Against.CLIENT_EXPIRED, f"{client.name} is not valid any more")
    if not now.trusted:  # it is this late at least, and may be later
        text = f"the clock is not trusted, so {client.name} may not be valid any more"
        return Objection(Against.CLIENT_EXPIRED, text)
    return None


def _of_role(client: Client, command: str) -> Objection | None:
    right = RIGHTS.get(command)
    if right is not None and not right.roles:
        return Objection(Against.HOST_ONLY, "this is taken on the gateway's own host only")
    if right is None or not right.roles & client.roles:
        return Objection(Against.NOT_PERMITTED, "none of this client's roles may ask for this")
    return None


def _of_door(client: Client, command: str, door: DoorId | None) -> Objection | None:
    about = RIGHTS[command].about
    if client.doors is None or about is About.NOTHING:
        return None
    if about is About.SITE:
        text = "this concerns the whole site, and the client is kept to some doors"
        return Objection(Against.DOOR_NOT_PERMITTED, text)
    if door not in client.doors:
        return Objection(Against.DOOR_NOT_PERMITTED, "this door is none of the client's")
    return None
