"""What a bus has to tell, in the order it happened.

Every queued command ends in exactly one `Done`, after its `Replied` if it has one. After
`WentOffline` nothing more comes of that connection. `Identified` with a higher number
replaces an older connection of the same address.
"""

from dataclasses import dataclass

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

    `evidence` is the frames of its two answers, byte for byte.
    """

    address: int
    connection: int
    identification: Identification
    capabilities: Capabilities
    evidence: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Replied:
    """A peripheral with an open gate answered with more than a plain acknowledgement."""

    address: int
    connection: int
    command: Message
    reply: Message
    tag: int | None = None  # of the queued command; None for polls and status questions


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


BusEvent = Identified | Replied | Done | WentSilent | Answers | WentOffline | Unreadable
