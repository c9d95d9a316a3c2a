"""What the panel says: one class per command (SIA OSDP 2.2, 6).

Names are plain English; the mnemonic of the standard opens each docstring, so a search for
either finds the class. Numbers are as on the wire unless a comment gives a unit. Numbers
that an enum does not know are kept as they are: it is the listener who refuses them.

Left out: osdp_DIAG and osdp_RMODE, which the standard has given up.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, GreedyBytes, Int16ul, Int32ul, Struct

from protocol.errors import UnknownMessage
from protocol.message import Bare, Choices, Message, Record, Records
from protocol.osdp.biometrics import MatchBiometric, ReadBiometric
from protocol.osdp.frame import Frame
from protocol.osdp.handshake import Challenge, KeyType, ServerCryptogram, SetKey
from protocol.osdp.lights import (
    BuzzerTone,
    LedColour,
    LedRecord,
    Permanent,
    SetLeds,
    ShowText,
    SoundBuzzer,
    Temporary,
    TextCommand,
)
from protocol.osdp.smartcard import (
    ChallengeAuthenticate,
    ExtendedWrite,
    GeneralAuthenticate,
    ReadPiv,
)
from protocol.osdp.transfer import FileType, SetReceiveSize, TransferFile

__all__ = [
    "COMMANDS",
    "Abort",
    "BuzzerTone",
    "Challenge",
    "ChallengeAuthenticate",
    "ExtendedWrite",
    "FileType",
    "GeneralAuthenticate",
    "Identify",
    "KeepActive",
    "KeyType",
    "LedColour",
    "LedRecord",
    "ManufacturerCommand",
    "MatchBiometric",
    "OutputAction",
    "OutputRecord",
    "Permanent",
    "Poll",
    "ReadBiometric",
    "ReadCapabilities",
    "ReadInputs",
    "ReadLocalStatus",
    "ReadOutputs",
    "ReadPiv",
    "ReadReaders",
    "ServerCryptogram",
    "SetCommunication",
    "SetKey",
    "SetLeds",
    "SetOutputs",
    "SetReceiveSize",
    "SetTime",
    "ShowText",
    "SoundBuzzer",
    "Temporary",
    "TextCommand",
    "TransferFile",
    "decode_command",
]


@dataclass(frozen=True, slots=True)
class Poll(Bare):
    """osdp_POLL: anything to report?"""

    CODE: ClassVar[int] = 0x60


@dataclass(frozen=True, slots=True)
class Identify(Message):
    """osdp_ID: who are you? 0 asks for the standard answer, 1 for the extended one."""

    type: int = 0

    CODE: ClassVar[int] = 0x61
    LAYOUT: ClassVar[Construct] = Struct("type" / Byte)


@dataclass(frozen=True, slots=True)
class ReadCapabilities(Message):
    """osdp_CAP: what can you do?"""

    type: int = 0

    CODE: ClassVar[int] = 0x62
    LAYOUT: ClassVar[Construct] = Struct("type" / Byte)


@dataclass(frozen=True, slots=True)
class ReadLocalStatus(Bare):
    """osdp_LSTAT: tamper and power."""

    CODE: ClassVar[int] = 0x64


@dataclass(frozen=True, slots=True)
class ReadInputs(Bare):
    """osdp_ISTAT: all inputs."""

    CODE: ClassVar[int] = 0x65


@dataclass(frozen=True, slots=True)
class ReadOutputs(Bare):
    """osdp_OSTAT: all outputs."""

    CODE: ClassVar[int] = 0x66


@dataclass(frozen=True, slots=True)
class ReadReaders(Bare):
    """osdp_RSTAT: the readers behind the unit."""

    CODE: ClassVar[int] = 0x67


class OutputAction(IntEnum):
    """What to do with an output, and what happens when the time is up."""

    LEAVE = 0
    OFF = 1  # and stop a running timer
    ON = 2
    OFF_AFTER_TIMER = 3  # let a running timer finish first
    ON_AFTER_TIMER = 4
    PULSE_ON = 5  # for the timer, then back to what it was
    PULSE_OFF = 6


@dataclass(frozen=True, slots=True)
class OutputRecord(Record):
    """One output of osdp_OUT.

    `PULSE_ON` falls back by itself, so a door locks again even if we die in between.
    """

    output: int
    action: OutputAction | int
    tenths: int = 0  # of a second

    LAYOUT: ClassVar[Construct] = Struct("output" / Byte, "action" / Byte, "tenths" / Int16ul)
    CHOICES: ClassVar[Choices] = {"action": OutputAction}


_OUT = struct.Struct("<BBH").pack


@dataclass(frozen=True, slots=True)
class SetOutputs(Records):
    """osdp_OUT: drive outputs, usually the strike of a door."""

    records: tuple[OutputRecord, ...]

    CODE: ClassVar[int] = 0x68
    RECORD: ClassVar[type[Record]] = OutputRecord

    def encode(self) -> bytes:
        """Return all records, by hand: somebody waits at the door."""
        try:
            return self._bounded(
                b"".join([_OUT(each.output, each.action, each.tenths) for each in self.records])
            )
        except struct.error:
            return Records.encode(self)  # which knows what to blame


@dataclass(frozen=True, slots=True)
class SetTime(Message):
    """osdp_TDSET: set the clock. Deprecated; units have no clock any more."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    CODE: ClassVar[int] = 0x6D
    LAYOUT: ClassVar[Construct] = Struct(
        "year" / Int16ul,
        "month" / Byte,
        "day" / Byte,
        "hour" / Byte,
        "minute" / Byte,
        "second" / Byte,
    )


@dataclass(frozen=True, slots=True)
class SetCommunication(Message):
    """osdp_COMSET: take another address and speed."""

    address: int
    baud: int

    CODE: ClassVar[int] = 0x6E
    LAYOUT: ClassVar[Construct] = Struct("address" / Byte, "baud" / Int32ul)


@dataclass(frozen=True, slots=True)
class ManufacturerCommand(Message):
    """osdp_MFG: what only units of one maker understand."""

    vendor: bytes  # OUI, three bytes in transmission order
    data: bytes = field(default=b"", repr=False)

    CODE: ClassVar[int] = 0x80
    LAYOUT: ClassVar[Construct] = Struct("vendor" / Bytes(3), "data" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class Abort(Bare):
    """osdp_ABORT: stop what is going on with a card or a finger."""

    CODE: ClassVar[int] = 0xA2


@dataclass(frozen=True, slots=True)
class KeepActive(Message):
    """osdp_KEEPACTIVE: keep the smart card powered; 0 lets it go."""

    milliseconds: int

    CODE: ClassVar[int] = 0xA7
    LAYOUT: ClassVar[Construct] = Struct("milliseconds" / Int16ul)


COMMANDS: tuple[type[Message], ...] = (
    Poll,
    Identify,
    ReadCapabilities,
    ReadLocalStatus,
    ReadInputs,
    ReadOutputs,
    ReadReaders,
    SetOutputs,
    SetLeds,
    SoundBuzzer,
    ShowText,
    SetTime,
    SetCommunication,
    ReadBiometric,
    MatchBiometric,
    SetKey,
    Challenge,
    ServerCryptogram,
    SetReceiveSize,
    TransferFile,
    ManufacturerCommand,
    ExtendedWrite,
    Abort,
    ReadPiv,
    GeneralAuthenticate,
    ChallengeAuthenticate,
    KeepActive,
)
_BY_CODE = {command.CODE: command for command in COMMANDS}


def decode_command(frame: Frame) -> Message:
    """Open the message inside a command frame; raises UnknownMessage or MalformedMessage."""
    kind = _BY_CODE.get(frame.code)
    if kind is None:
        raise UnknownMessage(frame.code)
    return kind.decode(frame.body)
