"""What the brain wants done. The app carries it out, in order, without waiting.

An `Order` goes to one controller and ends in exactly one `OrderDone` with its number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gatewayd.core.access.records import Rules, Update
from gatewayd.core.access.state_values import Entry
from gatewayd.core.events import Event
from gatewayd.core.model import (
    AuditReport,
    ClientId,
    ControllerId,
    ControllerView,
    DoorView,
    OrderId,
    RequestId,
)
from gatewayd.core.places import Occupant
from gatewayd.core.requests import Request


@dataclass(frozen=True, slots=True)
class Admit:
    """The audit approved this controller for this connection: poll it, drive it."""

    controller: ControllerId
    connection: int


@dataclass(frozen=True, slots=True)
class Bar:
    """Close the gate: identity only, no polls for cards, no outputs."""

    controller: ControllerId


@dataclass(frozen=True, slots=True)
class Identify:
    """Close the gate and read the identity again (audit.run)."""

    controller: ControllerId


@dataclass(frozen=True, slots=True)
class Release:
    """Energise an output for a while; it falls back by itself even if we die."""

    order: OrderId
    controller: ControllerId
    connection: int
    output: int
    seconds: float
    expires: float  # monotonic; never sent later


@dataclass(frozen=True, slots=True)
class Latch:
    """Switch an output until further notice (door modes)."""

    order: OrderId
    controller: ControllerId
    connection: int
    output: int
    on: bool
    expires: float


class Tone(StrEnum):
    """What a reader tells the person in front of it."""

    GRANTED = "granted"
    DENIED = "denied"
    AWAITED = "awaited"  # go on: the PIN, the other person or the escort is missing
    HELD_OPEN = "held_open"  # the pre-alarm: please close the door


@dataclass(frozen=True, slots=True)
class Signal:
    """Light and sound at a reader."""

    order: OrderId
    controller: ControllerId
    connection: int
    reader: int
    tone: Tone
    expires: float


Order = Release | Latch | Signal


@dataclass(frozen=True, slots=True)
class DisplayText:
    """Show a text at a reader for a while."""

    order: OrderId
    controller: ControllerId
    connection: int
    expires: float
    reader: int
    text: str = field(repr=False)
    seconds: int


@dataclass(frozen=True, slots=True)
class TellMaker:
    """Send what only units of one maker understand; what it says to it is wanted."""

    order: OrderId
    controller: ControllerId
    connection: int
    expires: float
    vendor: bytes
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepCard:
    """Keep the smart card at a reader powered; 0 lets it go."""

    order: OrderId
    controller: ControllerId
    connection: int
    expires: float
    seconds: float


UnitCommand = DisplayText | TellMaker | KeepCard  # ends in one `OrderDone`, like an `Order`


@dataclass(frozen=True, slots=True)
class SendFile:
    """Read a file and send it to a controller, as long as that takes.

    It ends in `FileRefused`, or in `FileStarted` and later `FileEnded`.
    """

    controller: ControllerId
    path: str


@dataclass(frozen=True, slots=True)
class AbortFile:
    """Call it off; it ends in `FileEnded` all the same."""

    controller: ControllerId


@dataclass(frozen=True, slots=True)
class Record:
    """Write this to the journal; the journal sees to publishing it."""

    event: Event


@dataclass(frozen=True, slots=True)
class Answer:
    """The one answer to a request. `error` is a stable code, `message` a sentence."""

    request: RequestId
    error: str | None = None
    message: str = ""
    result: object = None  # a view or a plain mapping; the edge lays it out as JSON
    client: ClientId | None = None  # who asked: ids need to be unique for a client only


@dataclass(frozen=True, slots=True)
class ReportHealth:
    """Answer this request with the daemon's health, which the brain does not see whole."""

    request: Request


@dataclass(frozen=True, slots=True)
class SavePermissions:
    """Make this update survive a power cut, then say `PermissionsCommitted`.

    If its rules change, both are given: all of them after the update, and those that are in
    force if the disk fails, so that what was taken away stays so.
    """

    update: Update
    rules: Rules | None = None
    narrowed: Rules | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Check and keep what this request brings of a snapshot, and answer it."""

    request: Request


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Replace all permissions by what is staged for this version.

    It ends in `PermissionsCommitted` or `PermissionsNotCommitted`; updates go on meanwhile.
    """

    version: int


@dataclass(frozen=True, slots=True)
class KeepState:
    """Keep what moved (`core.access.state_values`): through a killed process at once, through
    a power cut with the next commit of the journal."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """Let this one unit be given a key until then, and nothing else; ends in `WindowClosed`."""

    controller: ControllerId
    until: float  # monotonic


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """End it before its time."""

    controller: ControllerId


@dataclass(frozen=True, slots=True)
class GiveKey:
    """Send a new key to the unit that answered in the window.

    It ends in `KeyProved` and `WindowClosed`, in `KeyNotGiven` or in `KeyNotKept`.
    """

    controller: ControllerId
    connection: int


@dataclass(frozen=True, slots=True)
class ReplaceKey:
    """Send a new key to a unit inside its session.

    It ends in `KeyProved`, `KeyNotGiven` or `KeyNotKept`.
    """

    controller: ControllerId
    connection: int
    expires: float  # monotonic; never sent later


@dataclass(frozen=True, slots=True)
class RememberPlaces:
    """Make what is known of who was approved in which place survive a power cut.

    Nothing waits for it: what is lost is pinned, or must be accepted, once more.
    """

    places: Mapping[ControllerId, Occupant | None]


@dataclass(frozen=True, slots=True)
class PermissionsView:
    """For `R/permissions`."""

    version: int
    digest: str  # of all records, 64 hexadecimal digits
    holders: int
    credentials: int
    rules: Mapping[str, int] = field(default_factory=dict)  # how many of each kind
    confirmed: datetime | None = None  # when upstream last said that this is the newest


@dataclass(frozen=True, slots=True)
class Show:
    """Retained state has changed."""

    view: DoorView | ControllerView | AuditReport | PermissionsView


@dataclass(frozen=True, slots=True)
class ApproveInventory:
    """Every configured controller has passed the audit: remember that across restarts."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The site may not be driven (audit): stop the daemon with exit code 69."""

    why: str


Action = (
    Admit
    | Bar
    | Identify
    | Order
    | UnitCommand
    | SendFile
    | AbortFile
    | Record
    | Answer
    | ReportHealth
    | SavePermissions
    | Stage
    | SaveSnapshot
    | KeepState
    | RememberPlaces
    | OpenWindow
    | CloseWindow
    | GiveKey
    | ReplaceKey
    | Show
    | ApproveInventory
    | Refuse
)
