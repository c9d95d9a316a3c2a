"""Lights and sounds of a reader (SIA OSDP 2.2, 6.10 and 6.11). Times in tenths of a second.

A light has two halves: what it does for good, and what it does for a while before it falls
back. A half that is not wanted has code 0; a half in use must be on or off for some time,
readers refuse it otherwise (NAK 9).
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Construct, GreedyBytes, Int16ul, Struct

from protocol.message import Choices, Message, Record, Records


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


class Temporary(IntEnum):
    """What a record does to what a light does for a while."""

    LEAVE = 0
    CANCEL = 1
    SET = 2


class Permanent(IntEnum):
    """What a record does to what a light does for good."""

    LEAVE = 0
    SET = 1


@dataclass(frozen=True, slots=True)
class LedRecord(Record):
    """One light of osdp_LED: what it does for a while, and what it does for good."""

    reader: int = 0
    led: int = 0
    temporary: Temporary | int = Temporary.LEAVE
    temporary_on: int = 0
    temporary_off: int = 0
    temporary_on_colour: LedColour | int = LedColour.BLACK
    temporary_off_colour: LedColour | int = LedColour.BLACK
    timer: int = 0
    permanent: Permanent | int = Permanent.LEAVE
    permanent_on: int = 0
    permanent_off: int = 0
    permanent_on_colour: LedColour | int = LedColour.BLACK
    permanent_off_colour: LedColour | int = LedColour.BLACK

    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte,
        "led" / Byte,
        "temporary" / Byte,
        "temporary_on" / Byte,
        "temporary_off" / Byte,
        "temporary_on_colour" / Byte,
        "temporary_off_colour" / Byte,
        "timer" / Int16ul,
        "permanent" / Byte,
        "permanent_on" / Byte,
        "permanent_off" / Byte,
        "permanent_on_colour" / Byte,
        "permanent_off_colour" / Byte,
    )
    CHOICES: ClassVar[Choices] = {
        "temporary": Temporary,
        "temporary_on_colour": LedColour,
        "temporary_off_colour": LedColour,
        "permanent": Permanent,
        "permanent_on_colour": LedColour,
        "permanent_off_colour": LedColour,
    }


_LED = struct.Struct("<7BH5B").pack


@dataclass(frozen=True, slots=True)
class SetLeds(Records):
    """osdp_LED: drive lights."""

    records: tuple[LedRecord, ...]

    CODE: ClassVar[int] = 0x69
    RECORD: ClassVar[type[Record]] = LedRecord

    def encode(self) -> bytes:
        """Return all records, by hand: every decision sends some."""
        try:
            return self._bounded(b"".join([_packed(each) for each in self.records]))
        except struct.error:
            return Records.encode(self)  # which knows what to blame


def _packed(led: LedRecord) -> bytes:
    return _LED(
        led.reader,
        led.led,
        led.temporary,
        led.temporary_on,
        led.temporary_off,
        led.temporary_on_colour,
        led.temporary_off_colour,
        led.timer,
        led.permanent,
        led.permanent_on,
        led.permanent_off,
        led.permanent_on_colour,
        led.permanent_off_colour,
    )


class BuzzerTone(IntEnum):
    """Tones of a buzzer."""

    NONE = 0
    OFF = 1
    DEFAULT = 2


@dataclass(frozen=True, slots=True)
class SoundBuzzer(Message):
    """osdp_BUZ: make a sound; `on` at least 1 unless the tone is OFF, `count` 0 is for ever."""

    reader: int
    tone: BuzzerTone | int
    on: int
    off: int
    count: int

    CODE: ClassVar[int] = 0x6A
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte, "tone" / Byte, "on" / Byte, "off" / Byte, "count" / Byte
    )
    CHOICES: ClassVar[Choices] = {"tone": BuzzerTone}


class TextCommand(IntEnum):
    """How long a text stays, and whether it wraps."""

    FOR_GOOD = 1
    FOR_GOOD_WRAPPED = 2
    FOR_A_WHILE = 3
    FOR_A_WHILE_WRAPPED = 4


@dataclass(frozen=True, slots=True)
class ShowText(Message):
    """osdp_TEXT: write on a display. Row and column count from 1."""

    reader: int
    command: TextCommand | int
    seconds: int  # for a temporary text
    row: int
    column: int
    text: bytes  # ASCII

    CODE: ClassVar[int] = 0x6B
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte,
        "command" / Byte,
        "seconds" / Byte,
        "row" / Byte,
        "column" / Byte,
        "length" / Byte,
        "text" / GreedyBytes,
    )
    CHOICES: ClassVar[Choices] = {"command": TextCommand}
