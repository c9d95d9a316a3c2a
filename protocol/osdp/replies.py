"""What a peripheral answers: one class per reply (SIA OSDP 2.2, 7).

Codes that an enum does not know are kept as numbers: a unit that is newer than this program
must be readable all the same.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self

from construct import Byte, Bytes, Construct, GreedyBytes, Int16ul, Int32ul, Struct

from protocol.errors import UnknownMessage
from protocol.message import LONGEST_BODY, Bare, Choices, Message, known, malformed
from protocol.osdp.biometrics import BiometricMatched, BiometricRead
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


class RawFormat(IntEnum):
    """Where the bits of a card come from, as far as the reader says."""

    UNSPECIFIED = 0
    WIEGAND = 1
    UID = 2  # of old ASCII
    OSS_SID = 3


_RAW_FORMATS = known(RawFormat)
_RAW_HEAD = 4


@dataclass(frozen=True, slots=True)
class RawCard(Message):
    """osdp_RAW: the bits of a card, left-aligned, as the reader saw them.

    Readers number themselves 0 or 1, or 0xFF. Some leave rubbish behind the last bit; here
    those bits are 0.
    """

    reader: int
    format: RawFormat | int
    bits: int
    data: bytes

    CODE: ClassVar[int] = 0x50
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte, "format" / Byte, "bits" / Int16ul, "data" / GreedyBytes
    )
    CHOICES: ClassVar[Choices] = {"format": RawFormat}

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a card, by hand: somebody waits at the door. Raises MalformedMessage."""
        size = len(body)
        if not _RAW_HEAD <= size <= LONGEST_BODY:
            raise malformed(cls, body, f"must have {_RAW_HEAD} to {LONGEST_BODY}")
        bits, data = body[2] | body[3] << 8, body[4:]
        if size - _RAW_HEAD != bits + 7 >> 3:
            raise malformed(cls, body, "the number of bits does not match the data")
        rubbish = data[-1] & _RUBBISH[bits & 7] if data else 0
        if rubbish:
            data = data[:-1] + bytes((data[-1] ^ rubbish,))
        return cls(body[0], _RAW_FORMATS.get(body[1], body[1]), bits, data)

    @classmethod
    def tolerate(cls, body: bytes) -> bytes:
        """Clear what a reader left behind the last bit."""
        if len(body) <= _RAW_HEAD:
            return body
        keep = 0xFF ^ _RUBBISH[body[2] & 7]
        return body[:-1] + bytes((body[-1] & keep,))

    def check(self) -> None:
        """The data is as long as its bits, and nothing stands behind them."""
        if len(self.data) != self.bits + 7 >> 3:
            raise ValueError("the number of bits does not match the data")
        if self.data and self.data[-1] & _RUBBISH[self.bits & 7]:
            raise ValueError("something stands behind the last bit")


_RUBBISH = tuple(
    0xFF >> used if used else 0 for used in range(8)
)  # by bits used of the last byte


@dataclass(frozen=True, slots=True)
class FormattedCard(Message):
    """osdp_FMT: a card as characters. Deprecated; units disagree on `direction`."""

    reader: int
    direction: int
    characters: bytes

    CODE: ClassVar[int] = 0x51
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte, "direction" / Byte, "length" / Byte, "characters" / GreedyBytes
    )


@dataclass(frozen=True, slots=True)
class Keypad(Message):
    """osdp_KEYPAD: keys, as ASCII; # is 0x0D, * is 0x7F."""

    reader: int
    keys: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x53
    LAYOUT: ClassVar[Construct] = Struct("reader" / Byte, "length" / Byte, "keys" / GreedyBytes)


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
