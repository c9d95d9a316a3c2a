"""Frames: the envelope around one message, and the reader that finds them.

    SOM 53 | address | length, 2 | control | [security block] | code | body | [MAC, 4] | check

(SIA OSDP 2.2, 5.9.) The body is opaque here: inside a secure session it is ciphertext, and
the MAC is over everything before it, which `Frame.head` returns.

`HEADER` defines the first five bytes in construct; `encode` and `decode` read the same bytes
by hand, an order of magnitude faster, and tests prove them equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from construct import Byte, Const, Construct, Int16ul, Struct

from protocol.checks import checksum, crc16
from protocol.errors import BadCheck, FrameError, UnsendableMessage

MARK = 0x53  # SOM, start of message
REPLY = 0x80
LONGEST = 1440  # bytes, SOM to check (5.6)
SHORTEST = 7
BROADCAST = 0x7F  # every peripheral hears it and answers as 0xFF

SEQUENCE = 0x03
USES_CRC = 0x04
HAS_SECURITY = 0x08

MAC_LENGTH = 4
FIRST_WITH_MAC, LAST_WITH_MAC = 0x15, 0x18  # SCS_15 … SCS_18


@dataclass(frozen=True, slots=True)
class SecurityBlock:
    """What a frame says of the secure channel: a type (SCS_11 … SCS_18) and its data."""

    type: int
    data: bytes = b""

    @property
    def has_mac(self) -> bool:
        """Whether four bytes of MAC follow the body."""
        return FIRST_WITH_MAC <= self.type <= LAST_WITH_MAC

    def encode(self) -> bytes:
        """Return length (its own byte included), type and data."""
        return bytes((2 + len(self.data), self.type)) + self.data


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet on the line, checked and opened."""

    address: int
    sequence: int
    code: int
    body: bytes
    reply: bool = False
    crc: bool = True
    security: SecurityBlock | None = None
    mac: bytes = b""

    HEADER: ClassVar[Construct] = Struct(
        Const(MARK, Byte), "address" / Byte, "length" / Int16ul, "control" / Byte
    )

    def head(self) -> bytes:
        """Return everything a MAC is computed over: SOM to the end of the body.

        The length is already that of the whole frame. Raises UnsendableMessage if a part
        does not fit.
        """
        block = b"" if self.security is None else self.security.encode()
        mac = MAC_LENGTH if self.security is not None and self.security.has_mac else 0
        length = 6 + len(block) + len(self.body) + mac + (2 if self.crc else 1)
        self._check_parts(length)
        control = self.sequence | (USES_CRC if self.crc else 0) | (HAS_SECURITY if block else 0)
        address = self.address | (REPLY if self.reply else 0)
        start = bytes((MARK, address, length & 0xFF, length >> 8, control))
        return start + block + bytes((self.code,)) + self.body

    def encode(self) -> bytes:
        """Wrap the message in header, security block, MAC and check."""
        sealed = self.head() + self.mac
        if self.crc:
            return sealed + crc16(sealed).to_bytes(2, "little")
        return sealed + bytes((checksum(sealed),))

    @classmethod
    def decode(cls, raw: bytes) -> "Frame":
        """Open exactly one frame. Reserved control bits are ignored (5.9).

        Raises BadCheck if only the check is wrong, FrameError for anything else.
        """
        if len(raw) < SHORTEST or raw[0] != MARK:
            raise FrameError("does not begin like a frame")
        length, control = raw[2] | raw[3] << 8, raw[4]
        if length != len(raw) or length > LONGEST:
            raise FrameError(f"says {length} bytes, has {len(raw)}")
        crc = bool(control & USES_CRC)
        end = _verified(raw, crc=crc)
        security, at = _security(raw, end) if control & HAS_SECURITY else (None, 5)
        body_end = end - (MAC_LENGTH if security is not None and security.has_mac else 0)
        if at >= body_end:
            raise FrameError("has no room for a message code")
        return cls(
            raw[1] & ~REPLY,
            control & SEQUENCE,
            raw[at],
            raw[at + 1 : body_end],
            bool(raw[1] & REPLY),
            crc,
            security,
            raw[body_end:end],
        )

    def _check_parts(self, length: int) -> None:
        if length > LONGEST:
            raise UnsendableMessage(f"a frame of {length} bytes; {LONGEST} is the longest")
        if not (0 <= self.address <= BROADCAST and 0 <= self.sequence <= SEQUENCE):
            raise UnsendableMessage(f"address {self.address}, sequence {self.sequence}")
        if not 0 <= self.code <= 0xFF:
            raise UnsendableMessage(f"code {self.code}")


def _verified(raw: bytes, *, crc: bool) -> int:
    """Return where the check begins, once it is right."""
    if crc:
        end = len(raw) - 2
        expected, found = crc16(raw[:end]), raw[end] | raw[end + 1] << 8
    else:
        end = len(raw) - 1
        expected, found = checksum(raw[:end]), raw[end]
    if expected != found:
        raise BadCheck(expected, found)
    return end


def _security(raw: bytes, end: int) -> tuple[SecurityBlock, int]:
    """Return the security block and where it ends."""
    length = raw[5]
    if length < 2 or 5 + length >= end:
        raise FrameError(f"a security block of {length} bytes")
    return SecurityBlock(raw[6], raw[7 : 5 + length]), 5 + length


class FrameReader:
    """Find frames in a noisy stream of bytes.

    Memory is bounded by the longest legal frame, whatever arrives. What cannot be a frame
    costs its first byte only: a frame may stand behind it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.dropped = 0
        self.bad_checks = 0

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add bytes; yield each frame they complete."""
        self._buffer += data
        while True:
            if not self._find_mark():
                return
            length = self._buffer[2] | self._buffer[3] << 8
            if not SHORTEST <= length <= LONGEST:
                self._drop(1)
            elif len(self._buffer) < length:
                return
            elif (frame := self._take(length)) is not None:
                yield frame

    def forget(self) -> None:
        """Give up on a half-read frame; after a silence its rest will not come."""
        self._drop(len(self._buffer))

    def _find_mark(self) -> bool:
        """Drop what precedes the next SOM; say whether four bytes stand there."""
        at = self._buffer.find(MARK)
        self._drop(len(self._buffer) if at < 0 else at)
        return len(self._buffer) >= 4

    def _take(self, length: int) -> Frame | None:
        try:
            frame = Frame.decode(bytes(self._buffer[:length]))
        except FrameError as exc:
            self.bad_checks += isinstance(exc, BadCheck)
            self._drop(1)
            return None
        del self._buffer[:length]
        return frame

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self.dropped += count
