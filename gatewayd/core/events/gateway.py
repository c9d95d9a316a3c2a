"""Permissions, requests, the journal and the daemon itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gatewayd.core.model import ClientId, ControllerId, DoorId, RequestId


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
