"""What people hold to a reader and press on it (SIA OSDP 2.2, 7.10 to 7.12).

Keys stay out of `repr`: they are somebody's PIN.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self

from construct import Byte, Construct, GreedyBytes, Int16ul, Struct

from protocol.message import LONGEST_BODY, Choices, Message, known, malformed


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
