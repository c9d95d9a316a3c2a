"""Frames: the envelope around one message, and the reader that finds them.

    SOM 53 | address | length, 2 | control | [security block] | code | body | [MAC, 4] | check

(SIA OSDP 2.2, 5.9.) The body is opaque here: inside a secure session it is ciphertext, and
the MAC is over everything before it, which `Frame.head` returns.

The four reserved bits of the control byte are not judged but kept, so that a frame encodes
to the very bytes it was read from: older units used one of them, a MAC covers them, and the
check has already said that they are no noise.

Everything is read by hand here, since every byte on the line comes through;
`protocol/osdp/frame_layout.py` is the definition in construct, and tests prove both equal.
"""

import struct
from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from protocol.checks import CRC_START, checksum
from protocol.errors import BadCheck, FrameError, UnsendableMessage

MARK = 0x53  # SOM, start of message
REPLY = 0x80
LONGEST = 1440  # bytes, SOM to check (5.6)
SHORTEST = 7
BROADCAST = 0x7F  # every peripheral hears it and answers as 0xFF
IDLE = 0xFF  # what a sender puts before a frame to take the line

SEQUENCE = 0x03
USES_CRC = 0x04
HAS_SECURITY = 0x08
RESERVED = 0xF0

MAC_LENGTH = 4
FIRST_WITH_MAC, LAST_WITH_MAC = 0x15, 0x18  # SCS_15 … SCS_18
LONGEST_BLOCK_DATA = 0xFF - 2

_IDLE = bytes((IDLE,))
_HEAD = 4  # bytes that tell where a frame ends

_START = struct.Struct("<BBHB").pack
_START_AND_CODE = struct.Struct("<BBHBB").pack


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
        """Return length (its own byte included), type and data; raises UnsendableMessage."""
        if self.type >> 8 or len(self.data) > LONGEST_BLOCK_DATA:
            raise UnsendableMessage(f"security block {self.type} of {len(self.data)} bytes")
        return bytes((2 + len(self.data), self.type)) + self.data


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet on the line, checked and opened.

    `body` is not in `repr`: it may be a key or a PIN.
    """

    address: int
    sequence: int
    code: int
    body: bytes = field(repr=False)
    reply: bool = False
    crc: bool = True
    security: SecurityBlock | None = None
    mac: bytes = b""  # four bytes exactly if the security block says so
    reserved: int = 0  # the upper four bits of the control byte, in place

    def head(self) -> bytes:
        """Return everything a MAC is computed over: SOM to the end of the body.

        The length is already that of the whole frame, so `mac` may still be missing. Raises
        UnsendableMessage if a part does not fit.
        """
        security = self.security
        if security is None:
            block, extra = b"", 0
        else:
            block = security.encode()
            extra = len(block) + (MAC_LENGTH if security.has_mac else 0)
        length = 6 + extra + len(self.body) + (2 if self.crc else 1)
        if (
            length > LONGEST
            or self.address >> 7
            or self.sequence >> 2
            or self.code >> 8
            or self.reserved & ~RESERVED
        ):
            raise self._unsendable(length)
        address = self.address | REPLY if self.reply else self.address
        control = self.sequence | self.reserved | (USES_CRC if self.crc else 0)
        if not block:
            return _START_AND_CODE(MARK, address, length, control, self.code) + self.body
        start = _START(MARK, address, length, control | HAS_SECURITY)
        return b"".join((start, block, bytes((self.code,)), self.body))

    def encode(self) -> bytes:
        """Wrap the message in header, security block, MAC and check.

        Raises UnsendableMessage if a part does not fit.
        """
        sealed = self.head()
        security = self.security
        if security is not None and security.has_mac:
            if len(self.mac) != MAC_LENGTH:
                raise UnsendableMessage(
                    f"a MAC of {len(self.mac)} bytes must have {MAC_LENGTH}"
                )
            sealed += self.mac
        elif self.mac:
            raise UnsendableMessage("a MAC without a security block that announces it")
        if self.crc:
            return sealed + crc_hqx(sealed, CRC_START).to_bytes(2, "little")
        return sealed + bytes((checksum(sealed),))

    @classmethod
    def decode(cls, raw: bytes) -> "Frame":
        """Open exactly one frame.

        Raises BadCheck if the length is right and the check is not, FrameError for anything
        else.
        """
        size = len(raw)
        if size < SHORTEST or raw[0] != MARK:
            raise FrameError("does not begin like a frame")
        if raw[2] | raw[3] << 8 != size or size > LONGEST:
            raise FrameError(f"says {raw[2] | raw[3] << 8} bytes, has {size}")
        address, control = raw[1], raw[4]
        if control & USES_CRC:
            end = size - 2
            expected, found = crc_hqx(raw[:end], CRC_START), raw[end] | raw[end + 1] << 8
        else:
            end = size - 1
            expected, found = checksum(raw[:end]), raw[end]
        if expected != found:
            raise BadCheck(expected, found)
        if control & HAS_SECURITY:
            return cls._decode_secured(raw, end)
        if end <= 5:
            raise FrameError("has no room for a message code")
        return made(
            address & 0x7F,
            control & SEQUENCE,
            raw[5],
            raw[6:end],
            address > 0x7F,
            control & USES_CRC != 0,
            None,
            b"",
            control & RESERVED,
        )

    @classmethod
    def _decode_secured(cls, raw: bytes, end: int) -> "Frame":
        at = 5 + raw[5]
        if not 7 <= at < end:
            raise FrameError(f"a security block of {raw[5]} bytes")
        kind = raw[6]
        security = _EMPTY_BLOCKS[kind] if at == 7 else SecurityBlock(kind, raw[7:at])
        body_end = end - MAC_LENGTH if FIRST_WITH_MAC <= kind <= LAST_WITH_MAC else end
        if at >= body_end:
            raise FrameError("has no room for a message code")
        address, control = raw[1], raw[4]
        return made(
            address & 0x7F,
            control & SEQUENCE,
            raw[at],
            raw[at + 1 : body_end],
            address > 0x7F,
            control & USES_CRC != 0,
            security,
            raw[body_end:end],
            control & RESERVED,
        )

    def _unsendable(self, length: int) -> UnsendableMessage:
        return UnsendableMessage(
            f"a frame of {length} bytes to {self.address}, sequence {self.sequence}, code "
            f"{self.code}, reserved {self.reserved}: {LONGEST} bytes, 127, 3, 255 and 0xf0 "
            "are the limits"
        )


_EMPTY_BLOCKS = tuple(map(SecurityBlock, range(0x100)))  # by type


class _Draft:
    """A frame while it is put together.

    A frozen dataclass sets each of its fields by way of `object.__setattr__`, which takes
    four times as long. A draft has the same slots, so once it is filled it can be a frame.
    """

    __slots__ = (
        "address",
        "body",
        "code",
        "crc",
        "mac",
        "reply",
        "reserved",
        "security",
        "sequence",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - the fields of a frame
        self,
        address: int,
        sequence: int,
        code: int,
        body: bytes,
        reply: bool,  # noqa: FBT001
        crc: bool,  # noqa: FBT001
        security: SecurityBlock | None = None,
        mac: bytes = b"",
        reserved: int = 0,
    ) -> None:
        self.address = address
        self.sequence = sequence
        self.code = code
        self.body = body
        self.reply = reply
        self.crc = crc
        self.security = security
        self.mac = mac
        self.reserved = reserved
        self.__class__ = Frame  # type: ignore[assignment]  # noqa: PLE0237 - of the same slots


made = cast(type[Frame], _Draft)  # makes a frame like any other, quickly


def sealed(address: int, sequence: int, code: int, body: bytes, *, crc: bool = True) -> bytes:
    """Return a command in clear: what `Frame` would encode to, without making one.

    Raises UnsendableMessage.
    """
    length = 6 + len(body) + (2 if crc else 1)
    if length > LONGEST or address >> 7 or sequence >> 2 or code >> 8:
        return Frame(address, sequence, code, body, crc=crc).encode()  # says what is wrong
    if crc:
        head = _START_AND_CODE(MARK, address, length, sequence | USES_CRC, code) + body
        return head + crc_hqx(head, CRC_START).to_bytes(2, "little")
    head = _START_AND_CODE(MARK, address, length, sequence, code) + body
    return head + bytes((checksum(head),))


def _says_its_length(data: bytes) -> bool:
    return len(data) >= SHORTEST and data[0] == MARK and data[2] | data[3] << 8 == len(data)


class FrameReader:
    """Find frames in a noisy stream of bytes.

    Memory is bounded by the longest legal frame, whatever arrives, and so is the work for
    each byte. What cannot be a frame costs its first byte only: a frame may stand behind it.

    Noise can look like the head of a long frame and hide the good ones behind it until so
    many bytes have come, or until somebody who knows the time calls `rescan`. They are never
    looked for earlier: the body of a sound frame may hold the image of another one.

    `dropped` counts bytes that were no part of a frame, without the idle marks between
    frames; `bad_checks` counts what was as long as it said, with a wrong check.
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
        """Add bytes; return each frame they complete. All of them are taken at once."""
        if not self._buffer:
            whole = data[1:] if data[:1] == _IDLE else data
            if _says_its_length(whole):
                try:
                    return iter((Frame.decode(whole),))
                except FrameError:
                    pass  # which is for the scan to count
        found: list[Frame] = []
        for at in range(0, len(data), LONGEST):
            self._buffer += data[at : at + LONGEST]
            self._scan(found, more=True)
        return iter(found)

    def rescan(self) -> Iterator[Frame]:
        """Give up on a half-read frame, after a silence: its rest will not come.

        Returns the frames that were hidden behind it; nothing is pending afterwards.
        """
        found: list[Frame] = []
        self._scan(found, more=False)
        return iter(found)

    def forget(self) -> None:
        """Give up on everything pending, hidden frames included."""
        self._count_dropped(0, len(self._buffer))
        self._buffer.clear()

    def _scan(self, found: list[Frame], *, more: bool) -> None:
        """Take what is complete; the rest waits if `more` may come."""
        buffer = self._buffer
        size, at = len(buffer), 0
        while (at := self._next_mark(at)) < size:
            length = self._length_at(at)
            frame = None
            if at + length <= size:
                frame = self._open(at, length)
            elif more:
                break
            if frame is None:
                self.dropped += 1
                at += 1
            else:
                found.append(frame)
                at += length
        del buffer[:at]

    def _next_mark(self, at: int) -> int:
        """Return where the next frame may begin, counting what is skipped."""
        start = self._buffer.find(MARK, at)
        if start < 0:
            start = len(self._buffer)
        self._count_dropped(at, start)
        return start

    def _length_at(self, at: int) -> int:
        """Return how many bytes a head asks for: four to begin with, 0 if it is none."""
        buffer = self._buffer
        if len(buffer) - at < _HEAD:
            return _HEAD
        length = buffer[at + 2] | buffer[at + 3] << 8
        return length if SHORTEST <= length <= LONGEST else 0

    def _open(self, at: int, length: int) -> Frame | None:
        if length < SHORTEST:
            return None
        try:
            return Frame.decode(bytes(self._buffer[at : at + length]))
        except FrameError as exc:
            self.bad_checks += isinstance(exc, BadCheck)
            return None

    def _count_dropped(self, start: int, end: int) -> None:
        if end > start:
            self.dropped += end - start - self._buffer.count(IDLE, start, end)
