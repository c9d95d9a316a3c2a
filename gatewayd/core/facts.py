"""What the brain is told. One frozen class per kind of fact.

Whatever comes from a controller carries the number of its `connection`. A connection
begins when a controller answers for the first time (or again) and ends when it goes
offline; its number only rises. An approval holds for one connection, so a fact or an
order that belongs to an older one is recognised and dropped.
"""

from dataclasses import dataclass
from enum import StrEnum

from gatewayd.core.access.book import Book
from gatewayd.core.access.records import Rules
from gatewayd.core.actions import PermissionsView
from gatewayd.core.model import Card, ControllerId, Identity, OrderId
from gatewayd.core.pin_entry import Keys
from gatewayd.core.requests import Request


@dataclass(frozen=True, slots=True)
class ControllerIdentified:
    """A controller answered and said who it is. It waits, barred, for `Admit`."""

    controller: ControllerId
    connection: int
    identity: Identity
    fault: str | None = None  # why a unit with a key did not prove its identity


@dataclass(frozen=True, slots=True)
class ControllerSilent:
    """A controller misses answers; its connection still stands."""

    controller: ControllerId
    connection: int


@dataclass(frozen=True, slots=True)
class ControllerAnswers:
    """A silent controller answers again within the same connection."""

    controller: ControllerId
    connection: int


@dataclass(frozen=True, slots=True)
class ControllerOffline:
    """A connection is over; the gate has closed with it."""

    controller: ControllerId
    connection: int
    why: str


@dataclass(frozen=True, slots=True)
class ControllerAlarmed:
    """Somebody may be meddling with a controller; its gate has closed."""

    controller: ControllerId
    what: str


def _age(waited: float, heard: float | None, now: float) -> float:
    return waited if heard is None else waited + now - heard


@dataclass(frozen=True, slots=True)
class CardRead:
    """A card was held to a reader.

    It may have waited in the unit until the unit was asked (`waited`, infinity if nobody
    knows since when), and in here since it was heard (`heard`, None: just now).
    """

    controller: ControllerId
    connection: int
    reader: int
    card: Card
    waited: float = 0.0  # seconds, at most
    heard: float | None = None  # monotonic

    def age(self, now: float) -> float:
        """Return how long ago it may have been held there, in seconds."""
        return _age(self.waited, self.heard, now)


@dataclass(frozen=True, slots=True)
class KeysRead:
    """Keys were pressed on a reader's keypad. `waited` and `heard` as in `CardRead`."""

    controller: ControllerId
    connection: int
    reader: int
    keys: Keys
    waited: float = 0.0
    heard: float | None = None

    def age(self, now: float) -> float:
        """Return how long ago the first of them may have been pressed, in seconds."""
        return _age(self.waited, self.heard, now)


class InputState(StrEnum):
    """One input as a controller reports it."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    SHORT = "short"  # from here on: the wiring of a supervised input is not in order
    CUT = "cut"
    FAULT = "fault"  # a fault of an unnamed kind
    UNKNOWN = "unknown"  # the unit does not know, or says what nobody understands
    MISSING = "missing"  # the unit said nothing of it

    @property
    def faulty(self) -> bool:
        """Whether it says neither active nor inactive."""
        return self not in (InputState.INACTIVE, InputState.ACTIVE)


@dataclass(frozen=True, slots=True)
class InputsRead:
    """All inputs of a controller, in order. `waited` as in `CardRead`."""

    controller: ControllerId
    connection: int
    inputs: tuple[InputState, ...]
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class OutputsRead:
    """All outputs of a controller, in order; True is energised."""

    controller: ControllerId
    connection: int
    outputs: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class HealthRead:
    """Tamper and power of a controller; True is abnormal."""

    controller: ControllerId
    connection: int
    tamper: bool
    power: bool


class ReaderState(StrEnum):
    """A reader that hangs on a controller, as that sees it."""

    NORMAL = "normal"
    NOT_CONNECTED = "not_connected"
    TAMPER = "tamper"
    UNKNOWN = "unknown"  # the unit says what nobody understands


@dataclass(frozen=True, slots=True)
class ReadersRead:
    """All readers behind a controller, in order."""

    controller: ControllerId
    connection: int
    readers: tuple[ReaderState, ...]


class Outcome(StrEnum):
    """How a command to a controller ended."""

    DELIVERED = "delivered"  # the controller acknowledged it
    REFUSED = "refused"  # the controller answered NAK, or says that it cannot do such a thing
    EXPIRED = "expired"  # never sent; too late now
    UNCONFIRMED = "unconfirmed"  # sent at least once, never acknowledged; it may have acted
    NOT_SENT = "not_sent"  # offline, barred, or the queue was full; nothing was sent


@dataclass(frozen=True, slots=True)
class OrderDone:
    """The end of one `Release`, `Latch` or `Signal`; each has exactly one."""

    order: OrderId
    outcome: Outcome
    detail: str = ""
    reply: str | None = None  # to a `TellMaker`: what the unit said, hexadecimal


@dataclass(frozen=True, slots=True)
class FileStarted:
    """A file was read, and its line sends it to a controller."""

    controller: ControllerId
    file: str  # its path
    size: int  # bytes
    digest: str  # SHA-256, hexadecimal


@dataclass(frozen=True, slots=True)
class FileRefused:
    """A file cannot be sent: it, its line or its controller is not fit for it."""

    controller: ControllerId
    why: str


@dataclass(frozen=True, slots=True)
class FileEnded:
    """The transfer of a file is over; if not well, `detail` says why."""

    controller: ControllerId
    well: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RequestCommitted:
    """A request's id and intent are on disk; now, and only now, it may act."""

    request: Request


@dataclass(frozen=True, slots=True)
class PermissionsCommitted:
    """The update saved last is on disk; from now on it decides, and people show already.

    `book` and `rules` are those after it, None if they are what they were.
    """

    version: int
    held: PermissionsView
    book: Book | None = None
    rules: Rules | None = None


@dataclass(frozen=True, slots=True)
class PermissionsNotCommitted:
    """The update saved last could not be written, or not be kept as it is (`mistakes`).

    `book` and `rules`: what both versions allow, None if rules are what they were.
    """

    version: int
    why: str
    book: Book | None = None
    rules: Rules | None = None
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitAnswered:
    """Somebody answered in the window of a controller, with the key that everybody knows.

    The number of the connection is good for one `GiveKey`; it comes again after each new
    session of the window.
    """

    controller: ControllerId
    connection: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class SetupFailed:
    """A try in the window of a controller came to nothing; the next one follows by itself."""

    controller: ControllerId
    why: str


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """The end of the window of a controller; each has exactly one."""

    controller: ControllerId
    why: str
    done: bool  # a unit has proved its new key, and that it is the one that answered


@dataclass(frozen=True, slots=True)
class KeyProved:
    """A unit has proved in a handshake which of its keys it has."""

    controller: ControllerId
    generation: int
    renewed: bool  # it is the one that was on its way to it


@dataclass(frozen=True, slots=True)
class KeyNotGiven:
    """A new key did not get to its unit for certain; both are kept until one is proved."""

    controller: ControllerId
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeyNotKept:
    """A new key could not be written down, so it was not sent."""

    controller: ControllerId
    why: str


Fact = (
    ControllerIdentified
    | ControllerSilent
    | ControllerAnswers
    | ControllerOffline
    | ControllerAlarmed
    | CardRead
    | KeysRead
    | InputsRead
    | OutputsRead
    | HealthRead
    | ReadersRead
    | OrderDone
    | FileStarted
    | FileRefused
    | FileEnded
    | RequestCommitted
    | PermissionsCommitted
    | PermissionsNotCommitted
    | UnitAnswered
    | SetupFailed
    | WindowClosed
    | KeyProved
    | KeyNotGiven
    | KeyNotKept
)
