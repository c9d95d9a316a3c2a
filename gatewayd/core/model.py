"""The nouns of the building. Values only: frozen, comparable, printable.

Names follow ONVIF (Credential, AccessPoint, Door, DoorMode) where it has one.
Times: `mono` is a monotonic number of seconds and the only thing timers are made
of; `utc` is what people read and what validity is compared with.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

DoorId = NewType("DoorId", str)
ControllerId = NewType("ControllerId", str)
HolderId = NewType("HolderId", str)
ClientId = NewType("ClientId", str)
RequestId = NewType("RequestId", str)
AreaId = NewType("AreaId", str)
OrderId = NewType(
    "OrderId", int
)  # one command to one controller, for as long as the process lives


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, as an argument."""

    mono: float
    utc: datetime
    trusted: bool = True  # False: the clock may be wrong, and what is flagged with it


# --- controllers ------------------------------------------------------------------


class Verdict(StrEnum):
    """What the hardware audit says of a controller."""

    APPROVED = "approved"
    CLASSIC = "classic"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    MISCONFIGURED = "misconfigured"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a controller said of itself, before anything else was asked of it."""

    protocol: str  # "osdp"
    vendor: str  # OUI as six hexadecimal digits
    model: int
    hardware: int  # OSDP: version
    serial: str  # eight hexadecimal digits
    firmware: tuple[int, int, int]
    capabilities: tuple[
        tuple[int, int, int], ...
    ] = ()  # OSDP PDCAP: function, compliance, count
    proved: bool = False  # read inside a secure session; otherwise only claimed
    evidence: str = ""  # the answers byte for byte, hexadecimal


@dataclass(frozen=True, slots=True)
class Point:
    """One reader, input or output of one controller."""

    controller: ControllerId
    number: int = 0


# --- doors ------------------------------------------------------------------------


class DoorMode(StrEnum):
    """ONVIF DoorMode, as far as a door can be ordered into it."""

    LOCKED = "locked"  # opens momentarily for a grant
    UNLOCKED = "unlocked"  # stays open; opening it is no alarm
    BLOCKED = "blocked"  # no grant opens it; exit requests still do
    LOCKED_DOWN = "locked_down"  # only exempt holders; exit requests still work
    LOCKED_OPEN = "locked_open"  # stays open until it is released from that


def is_open_mode(mode: DoorMode) -> bool:
    """Say whether the lock stays released in this mode, for anybody."""
    return mode in (DoorMode.UNLOCKED, DoorMode.LOCKED_OPEN)


class ContactState(StrEnum):
    """A door contact as last reported."""

    CLOSED = "closed"
    OPEN = "open"
    FAULT = "fault"  # short, cut or unknown on a supervised input
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Door:
    """A door as configured. Its parts may hang on different controllers."""

    id: DoorId
    lock: Point
    reader: Point | None = None  # lets people in
    exit_reader: Point | None = None  # lets people out
    contact: Point | None = None
    exit_button: Point | None = None
    contact_open_when: bool = True  # the input is active while the door is open
    exit_active_when: bool = True
    release_seconds: float = 5.0  # ONVIF ReleaseTime: how long the strike is released
    open_seconds: float = 30.0  # ONVIF OpenTime: then it is held open
    prealarm_seconds: float = 10.0  # ONVIF PreAlarmTime: warn that long before
    extended_release_seconds: float = 15.0  # ONVIF ExtendedReleaseTime: for who needs longer
    extended_open_seconds: float = 90.0  # ONVIF ExtendedOpenTime
    inside: AreaId | None = None  # where its reader leads; None: the world outside
    outside: AreaId | None = None  # where its exit reader leads
    card_formats: tuple[
        str, ...
    ] = ()  # as named in docs; empty: the standard one of each length


# --- credentials ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """A card as a reader saw it. The raw bits are always kept.

    `raw` is "<bits>:<hex>", left aligned, pad bits zero: "26:12345680".
    """

    raw: str
    format: str | None = None  # "H10301" …; None: no format of that length is known
    facility: int | None = None
    number: int | None = None
    parity_ok: bool = True

    @property
    def decoded(self) -> str | None:
        """Key of the decoded number: "H10301:12:345", or None."""
        if self.format is None or not self.parity_ok:
            return None
        return f"{self.format}:{'' if self.facility is None else self.facility}:{self.number}"


# --- what the outside sees --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DoorView:
    """A door as it stands, for `R/doors/<door>`. `None`: not known."""

    door: DoorId
    mode: DoorMode
    locked: bool | None = None  # the lock output, as far as we ordered or heard it
    contact: ContactState = ContactState.UNKNOWN
    contact_since: datetime | None = None  # as of when `contact` is known
    alarms: tuple[str, ...] = ()  # of "forced", "held", "pre_alarm", "lock_offline", …
    by: str = ""  # why it is in its mode, as in `DoorModeChanged`; empty: nothing ordered it
    until: datetime | None = None  # when the order ends that put it there


@dataclass(frozen=True, slots=True)
class ControllerView:
    """A controller as it stands, for `R/controllers/<controller>` and the audit report."""

    controller: ControllerId
    line: str
    online: bool = False
    secure: bool = False
    verdict: Verdict = Verdict.UNREACHABLE
    family: str | None = None  # the rule of the catalogue that matched
    why: str = ""  # the verdict in a sentence
    replacement: str | None = None
    identity: Identity | None = None
    since: datetime | None = None  # of the verdict
    tamper: bool | None = None  # as it says itself, while it is online
    power: bool | None = None  # True: its power is failing


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Every configured controller with its verdict, for `R/audit`."""

    at: datetime
    refused: bool  # the site may not be driven at all (on_classic = "refuse")
    controllers: tuple[ControllerView, ...] = field(default=())
