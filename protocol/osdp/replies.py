"""What a peripheral answers: one class per reply (SIA OSDP 2.2, 7).

Codes that an enum does not know are kept as numbers: a unit that is newer than this program
must be readable all the same.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, GreedyBytes, Int32ul, Struct

from protocol.errors import UnknownMessage
from protocol.message import Bare, Choices, Message
from protocol.osdp.biometrics import BiometricMatched, BiometricRead
from protocol.osdp.cards import FormattedCard, Keypad, RawCard, RawFormat
from protocol.osdp.frame import Frame
from protocol.osdp.handshake import ClientCryptogram, InitialRMac
from protocol.osdp.identity import (
    Capabilities,
    Capability,
    Entry,
    ExtendedIdentification,
    Function,
    Identification,
    Tag,
    entries_of,
)
from protocol.osdp.parts import Part
from protocol.osdp.smartcard import (
    ChallengeAuthentication,
    ExtendedRead,
    GeneralAuthentication,
    PivData,
)
from protocol.osdp.transfer import TransferAction, TransferResult, TransferStatus

__all__ = [
    "REPLIES",
    "Ack",
    "BiometricMatched",
    "BiometricRead",
    "Busy",
    "Capabilities",
    "Capability",
    "ChallengeAuthentication",
    "ClientCryptogram",
    "CommunicationSettings",
    "Entry",
    "ExtendedIdentification",
    "ExtendedRead",
    "FormattedCard",
    "Function",
    "GeneralAuthentication",
    "Identification",
    "InitialRMac",
    "InputState",
    "InputStatus",
    "Keypad",
    "LocalStatus",
    "ManufacturerError",
    "ManufacturerReply",
    "ManufacturerStatus",
    "Nak",
    "NakReason",
    "OutputStatus",
    "Part",
    "PivData",
    "RawCard",
    "RawFormat",
    "ReaderState",
    "ReaderStatus",
    "Tag",
    "TransferAction",
    "TransferResult",
    "TransferStatus",
    "decode_reply",
    "entries_of",
]


@dataclass(frozen=True, slots=True)
class Ack(Bare):
    """osdp_ACK: heard, nothing to add."""

    CODE: ClassVar[int] = 0x40


class NakReason(IntEnum):
    """Why a unit refused; from 0x80 on the maker decides."""

    NONE = 0  # must not be sent
    CHECK = 1
    LENGTH = 2
    UNKNOWN_COMMAND = 3
    SEQUENCE = 4
    SECURITY_UNSUPPORTED = 5
    SECURITY_REQUIRED = 6
    BIOMETRIC_TYPE = 7
    BIOMETRIC_FORMAT = 8
    RECORD = 9


@dataclass(frozen=True, slots=True)
class Nak(Message):
    """osdp_NAK: heard and refused."""

    reason: NakReason | int
    details: bytes = b""

    CODE: ClassVar[int] = 0x41
    LAYOUT: ClassVar[Construct] = Struct("reason" / Byte, "details" / GreedyBytes)
    CHOICES: ClassVar[Choices] = {"reason": NakReason}


@dataclass(frozen=True, slots=True)
class LocalStatus(Message):
    """osdp_LSTATR: anything but 0 is abnormal."""

    tamper: int
    power: int

    CODE: ClassVar[int] = 0x48
    LAYOUT: ClassVar[Construct] = Struct("tamper" / Byte, "power" / Byte)


class InputState(IntEnum):
    """What an input says; the last four only if it is supervised."""

    INACTIVE = 0
    ACTIVE = 1
    SHORT = 2
    OPEN = 3
    FAULT = 4
    UNKNOWN = 5


@dataclass(frozen=True, slots=True)
class InputStatus(Message):
    """osdp_ISTATR: one byte an input, see `InputState`."""

    inputs: bytes

    CODE: ClassVar[int] = 0x49
    LAYOUT: ClassVar[Construct] = Struct("inputs" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class OutputStatus(Message):
    """osdp_OSTATR: one byte an output; anything but 0 is on."""

    outputs: bytes

    CODE: ClassVar[int] = 0x4A
    LAYOUT: ClassVar[Construct] = Struct("outputs" / GreedyBytes)


class ReaderState(IntEnum):
    """What a unit says of a reader behind it."""

    NORMAL = 0
    NOT_CONNECTED = 1
    TAMPER = 2


@dataclass(frozen=True, slots=True)
class ReaderStatus(Message):
    """osdp_RSTATR: one byte a reader, see `ReaderState`."""

    readers: bytes

    CODE: ClassVar[int] = 0x4B
    LAYOUT: ClassVar[Construct] = Struct("readers" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class CommunicationSettings(Message):
    """osdp_COM: the address and speed from now on; the old ones if the unit refuses."""

    address: int
    baud: int

    CODE: ClassVar[int] = 0x54
    LAYOUT: ClassVar[Construct] = Struct("address" / Byte, "baud" / Int32ul)


@dataclass(frozen=True, slots=True)
class Busy(Bare):
    """osdp_BUSY: ask the same again later."""

    CODE: ClassVar[int] = 0x79


@dataclass(frozen=True, slots=True)
class ManufacturerStatus(Message):
    """osdp_MFGSTATR: deprecated."""

    status: int

    CODE: ClassVar[int] = 0x83
    LAYOUT: ClassVar[Construct] = Struct("status" / Byte)


@dataclass(frozen=True, slots=True)
class ManufacturerError(Message):
    """osdp_MFGERRR: deprecated."""

    error: int

    CODE: ClassVar[int] = 0x84
    LAYOUT: ClassVar[Construct] = Struct("error" / Byte)


@dataclass(frozen=True, slots=True)
class ManufacturerReply(Message):
    """osdp_MFGREP: what only panels of one maker understand."""

    vendor: bytes  # OUI, three bytes in transmission order
    data: bytes = field(default=b"", repr=False)

    CODE: ClassVar[int] = 0x90
    LAYOUT: ClassVar[Construct] = Struct("vendor" / Bytes(3), "data" / GreedyBytes)


REPLIES: tuple[type[Message], ...] = (
    Ack,
    Nak,
    Identification,
    Capabilities,
    LocalStatus,
    InputStatus,
    OutputStatus,
    ReaderStatus,
    RawCard,
    FormattedCard,
    Keypad,
    CommunicationSettings,
    BiometricRead,
    BiometricMatched,
    ExtendedIdentification,
    ClientCryptogram,
    InitialRMac,
    Busy,
    TransferStatus,
    PivData,
    GeneralAuthentication,
    ChallengeAuthentication,
    ManufacturerStatus,
    ManufacturerError,
    ManufacturerReply,
    ExtendedRead,
)
_BY_CODE = {reply.CODE: reply for reply in REPLIES}


def decode_reply(frame: Frame) -> Message:
    """Open the message inside a reply frame; raises UnknownMessage or MalformedMessage."""
    kind = _BY_CODE.get(frame.code)
    if kind is None:
        raise UnknownMessage(frame.code)
    return kind.decode(frame.body)
