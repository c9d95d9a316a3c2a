"""What every UHPPOTE message has: 64 bytes, a mark, a function, a serial number.

    mark  function  0  0  serial (4, little-endian)  body (56)

The same 64 bytes go over UDP and TCP, and both ways. What a layout does not know is ignored:
real boards leave other data there. The mark is 0x17; firmware 6.62 marks its events with
0x19, which is legal for function 0x20 from a board and for nothing else.

Serial number 0 means every board and is legal in the one question that finds boards. A
message may carry a sequence number that boards of newer firmware repeat in their answer (a
vendor extension, unverified on hardware); 0 is none.
"""

from dataclasses import dataclass, field
from typing import Self

from protocol.errors import FrameError, UnsendableMessage

SIZE = 64
HEAD = 8
MARK = 0x17
ODD_MARK = 0x19  # of events, firmware 6.62

STATUS = 0x20  # the function of a status, and of an event
DISCOVERY = 0x94  # the function whose question every board answers

EVERY_BOARD = 0
MOST_SERIAL = 0xFFFFFFFF

_SEQUENCE_AT = 40
_SEQUENCE_END = 44


@dataclass(frozen=True, slots=True)
class Frame:
    """One message, its body still closed; a body may hold a PIN."""

    function: int
    serial: int
    body: bytes = field(repr=False)  # 56 bytes when read; what is short is filled with zeros
    sequence: int = 0
    mark: int = MARK

    def encode(self) -> bytes:
        """Return 64 bytes; raises UnsendableMessage."""
        if not 0 <= self.serial <= MOST_SERIAL:
            raise UnsendableMessage("a serial number has four bytes")
        if len(self.body) > SIZE - HEAD:
            raise UnsendableMessage(f"a body of {len(self.body)} bytes is too long")
        head = bytes((self.mark, self.function, 0, 0)) + self.serial.to_bytes(4, "little")
        raw = (head + self.body).ljust(SIZE, b"\0")
        if not self.sequence:
            return raw
        sequence = self.sequence.to_bytes(4, "little")
        return raw[:_SEQUENCE_AT] + sequence + raw[_SEQUENCE_END:]

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read one datagram; raises FrameError."""
        if len(raw) != SIZE:
            raise FrameError(f"a message has {SIZE} bytes, not {len(raw)}")
        mark, function = raw[0], raw[1]
        if mark != MARK and (mark, function) != (ODD_MARK, STATUS):
            raise FrameError(f"mark {mark:#04x} is not one of function {function:#04x}")
        sequence = int.from_bytes(raw[_SEQUENCE_AT:_SEQUENCE_END], "little")
        return cls(function, int.from_bytes(raw[4:HEAD], "little"), raw[HEAD:], sequence, mark)
