"""What the panel says: one class per command, in code order (SIA OSDP 2.2, 6).

Names are plain English; the mnemonic of the standard opens each docstring, so a search for
either finds the class. Numbers are as on the wire unless a comment gives a unit.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from construct import (
    Byte,
    Bytes,
    Construct,
    Int16ul,
    Int32ul,
    Rebuild,
    Struct,
    len_,
    this,
)

from protocol.errors import UnknownMessage
from protocol.message import Message, many, one_of, record
from protocol.osdp.frame import Frame


@dataclass(frozen=True, slots=True)
class Poll(Message):
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
class ReadLocalStatus(Message):
    """osdp_LSTAT: tamper and power."""

    CODE: ClassVar[int] = 0x64


@dataclass(frozen=True, slots=True)
class ReadInputs(Message):
    """osdp_ISTAT: all inputs."""

    CODE: ClassVar[int] = 0x65


@dataclass(frozen=True, slots=True)
class ReadOutputs(Message):
    """osdp_OSTAT: all outputs."""

    CODE: ClassVar[int] = 0x66


@dataclass(frozen=True, slots=True)
class ReadReaders(Message):
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
class OutputRecord:
    """One output of osdp_OUT.

    `PULSE_ON` falls back by itself, so a door locks again even if we die in between.
    """

    output: int
    action: OutputAction
    tenths: int = 0  # of a second


@dataclass(frozen=True, slots=True)
class SetOutputs(Message):
    """osdp_OUT: drive outputs, usually the strike of a door."""

    records: tuple[OutputRecord, ...]

    CODE: ClassVar[int] = 0x68
    LAYOUT: ClassVar[Construct] = Struct(
        "records"
        / many(
            record(
                OutputRecord,
                Struct(
                    "output" / Byte, "action" / one_of(Byte, OutputAction), "tenths" / Int16ul
                ),
            )
        )
    )


class LedColour(IntEnum):
    """Colours of a light."""

    BLACK = 0
    RED = 1
    GREEN = 2
    AMBER = 3
    BLUE = 4
    MAGENTA = 5
    CYAN = 6
    WHITE = 7


@dataclass(frozen=True, slots=True)
class LedRecord:
    """One light of osdp_LED: what it does for a while, and what it does for good.

    Codes: temporary 0 leaves it, 1 cancels, 2 sets; permanent 0 leaves it, 1 sets. Times in
    tenths of a second; on and off of a half in use may not both be 0.
    """

    reader: int = 0
    led: int = 0
    temporary: int = 0
    temporary_on: int = 0
    temporary_off: int = 0
    temporary_on_colour: LedColour = LedColour.BLACK
    temporary_off_colour: LedColour = LedColour.BLACK
    timer: int = 0
    permanent: int = 0
    permanent_on: int = 0
    permanent_off: int = 0
    permanent_on_colour: LedColour = LedColour.BLACK
    permanent_off_colour: LedColour = LedColour.BLACK


_COLOUR = one_of(Byte, LedColour)
_LED = Struct(
    "reader" / Byte,
    "led" / Byte,
    "temporary" / Byte,
    "temporary_on" / Byte,
    "temporary_off" / Byte,
    "temporary_on_colour" / _COLOUR,
    "temporary_off_colour" / _COLOUR,
    "timer" / Int16ul,
    "permanent" / Byte,
    "permanent_on" / Byte,
    "permanent_off" / Byte,
    "permanent_on_colour" / _COLOUR,
    "permanent_off_colour" / _COLOUR,
)


@dataclass(frozen=True, slots=True)
class SetLeds(Message):
    """osdp_LED: drive lights."""

    records: tuple[LedRecord, ...]

    CODE: ClassVar[int] = 0x69
    LAYOUT: ClassVar[Construct] = Struct("records" / many(record(LedRecord, _LED)))


class BuzzerTone(IntEnum):
    """Tones of a buzzer."""

    NONE = 0
    OFF = 1
    DEFAULT = 2


@dataclass(frozen=True, slots=True)
class SoundBuzzer(Message):
    """osdp_BUZ: make a sound; on and off in tenths of a second, count 0 is for ever."""

    reader: int
    tone: BuzzerTone
    on: int
    off: int
    count: int

    CODE: ClassVar[int] = 0x6A
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte,
        "tone" / one_of(Byte, BuzzerTone),
        "on" / Byte,
        "off" / Byte,
        "count" / Byte,
    )


@dataclass(frozen=True, slots=True)
class SetCommunication(Message):
    """osdp_COMSET: take another address and speed."""

    address: int
    baud: int

    CODE: ClassVar[int] = 0x6E
    LAYOUT: ClassVar[Construct] = Struct("address" / Byte, "baud" / Int32ul)


@dataclass(frozen=True, slots=True)
class SetKey(Message):
    """osdp_KEYSET: take another secure channel key; type 1 is SCBK."""

    type: int
    key: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x75
    LAYOUT: ClassVar[Construct] = Struct(
        "type" / Byte, "length" / Rebuild(Byte, len_(this.key)), "key" / Bytes(this.length)
    )


@dataclass(frozen=True, slots=True)
class Challenge(Message):
    """osdp_CHLNG: begin a secure channel with eight random bytes."""

    random: bytes

    CODE: ClassVar[int] = 0x76
    LAYOUT: ClassVar[Construct] = Struct("random" / Bytes(8))


@dataclass(frozen=True, slots=True)
class ServerCryptogram(Message):
    """osdp_SCRYPT: prove that we know the key."""

    cryptogram: bytes

    CODE: ClassVar[int] = 0x77
    LAYOUT: ClassVar[Construct] = Struct("cryptogram" / Bytes(16))


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
    SetCommunication,
    SetKey,
    Challenge,
    ServerCryptogram,
)
_BY_CODE = {command.CODE: command for command in COMMANDS}


def decode_command(frame: Frame) -> Message:
    """Open the message inside a command frame; raises UnknownMessage or MalformedMessage."""
    kind = _BY_CODE.get(frame.code)
    if kind is None:
        raise UnknownMessage(frame.code)
    return kind.decode(frame.body)
