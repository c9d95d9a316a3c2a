"""What a bus has to tell, in the order it happened.

Every queued command ends in exactly one `Done`, after its `Replied` if it has one. After
`WentOffline` nothing more comes of that connection. `Identified` with a higher number
replaces an older connection of the same address.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from protocol.message import Message
from protocol.osdp.replies import Capabilities, Identification, Nak


@dataclass(frozen=True, slots=True)
class Delivered:
    """The peripheral accepted the command."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The peripheral answered NAK; it did nothing."""

    nak: Nak


@dataclass(frozen=True, slots=True)
class Expired:
    """Too late now; it will not be sent (again)."""

    sent: bool  # it went out at least once and was never acknowledged: it may have acted


@dataclass(frozen=True, slots=True)
class Dropped:
    """The connection ended or the gate closed before the command was acknowledged."""

    sent: bool


Ending = Delivered | Refused | Expired | Dropped


@dataclass(frozen=True, slots=True)
class Identified:
    """A peripheral said who it is. Its gate is closed until somebody opens it.

    `evidence` is the frames of its answers: two, or four if it proved itself, the last two
    unsealed. A unit with a key that did not prove itself has a `fault`, and its gate stays
    closed whoever wants to open it.
    """

    address: int
    connection: int
    identification: Identification
    capabilities: Capabilities
    evidence: tuple[bytes, ...]
    proved: bool = False  # read inside a session with the unit's own key
    fault: str | None = None  # why there is no such session
    key: str | None = None  # the name of the key that proved it


@dataclass(frozen=True, slots=True)
class Replied:
    """A peripheral with an open gate answered with more than a plain acknowledgement."""

    address: int
    connection: int
    command: Message
    reply: Message
    tag: int | None = None  # of the queued command; None for polls and status questions
    waited: float = field(default=0.0, compare=False)  # seconds in the unit, at most


@dataclass(frozen=True, slots=True)
class Done:
    """The end of one queued command."""

    tag: int
    outcome: Ending
    address: int


@dataclass(frozen=True, slots=True)
class WentSilent:
    """A peripheral left several tries in a row unanswered; its connection still stands."""

    address: int
    connection: int


@dataclass(frozen=True, slots=True)
class Answers:
    """A silent peripheral answers again, within the same connection."""

    address: int
    connection: int


@dataclass(frozen=True, slots=True)
class WentOffline:
    """A connection is over and the gate has closed with it."""

    address: int
    connection: int
    why: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A sound answer that was not passed on: senseless, or not asked for.

    Only its code is told; what it carried may be secret.
    """

    address: int
    connection: int
    code: int
    why: str


@dataclass(frozen=True, slots=True)
class SetUp:
    """A unit in its commissioning window answered inside a session with the default key.

    Whoever listened in can read that session: what is told here is as good as in clear.
    """

    address: int
    connection: int
    identification: Identification
    capabilities: Capabilities
    evidence: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SetUpFailed:
    """It did not work out this time; it is tried again until the window closes.

    The same reason is told once in a row.
    """

    address: int
    why: str


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """The one end of a commissioning window."""

    address: int
    why: str
    done: bool  # the unit proved the key it was given; its `Identified` came just before


class Alarm(StrEnum):
    """What does not happen to a unit with a key by wear and tear alone.

    The last one may be a supply that fails again and again.
    """

    IDENTITY_CHANGED = "the identity inside the session is another than outside"
    CAPABILITIES_CHANGED = "the capabilities inside the session are others than outside"
    DEFAULT_KEY = "the default key was offered"
    WRONG_SELECTOR = "another key was offered"
    WRONG_CRYPTOGRAM = "the unit does not know its key"
    CRYPTOGRAM_REFUSED = "the unit did not accept our proof of its key"
    REPEATED_RANDOM = "the unit drew the same random number again"
    WRONG_RMAC = "the end of the handshake was forged"
    CLEAR_ANSWER = "an answer came in clear where it must be sealed"
    WRONG_MAC = "an answer was forged, or meant for another session"
    WRONG_BODY = "a signed answer was not encrypted as it must be"
    SESSIONS_BROKEN = "its sessions are broken again and again"


@dataclass(frozen=True, slots=True)
class Alarming:
    """Somebody may be meddling with a unit; the same is told at most once a minute.

    The gate is closed by then. `WentOffline` or `Identified` follows, unless the unit was
    known not to prove itself before.
    """

    address: int
    what: Alarm


BusEvent = (
    Identified
    | Replied
    | Done
    | WentSilent
    | Answers
    | WentOffline
    | Unreadable
    | Alarming
    | SetUp
    | SetUpFailed
    | WindowClosed
)
