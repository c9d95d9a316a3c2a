"""Smart cards: PIV objects, authentication, APDUs (SIA OSDP 2.2, 6.21 to 6.25).

What passes through may hold names and PINs, so data stays out of `repr`.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from construct import Byte, Bytes, Construct, GreedyBytes, Int16ul, Struct

from protocol.message import Message
from protocol.osdp.parts import Part

_SHORT_READ_PIV = 5


@dataclass(frozen=True, slots=True)
class ReadPiv(Message):
    """osdp_PIVDATA: read an object of a PIV card; it comes with a later poll."""

    object_id: bytes  # three bytes, most significant first
    element: int
    offset: int

    CODE: ClassVar[int] = 0xA3
    LAYOUT: ClassVar[Construct] = Struct(
        "object_id" / Bytes(3), "element" / Byte, "offset" / Int16ul
    )

    @classmethod
    def tolerate(cls, body: bytes) -> bytes:
        """Some send the offset in one byte."""
        return body + b"\0" if len(body) == _SHORT_READ_PIV else body


@dataclass(frozen=True, slots=True)
class PivData(Part):
    """osdp_PIVDATAR: one part of a PIV object."""

    CODE: ClassVar[int] = 0x80


_EXTRA = 2  # algorithm and key


@dataclass(frozen=True, slots=True)
class _AuthenticatePart(Message):
    """One part of a command with algorithm, key and data.

    `span` is the length the part claims. Some panels count algorithm and key in `total` and
    `span`, others put them in front of the first part uncounted; `data` holds both anyway.
    """

    total: int
    offset: int
    span: int
    data: bytes = field(repr=False)  # at offset 0 it begins with algorithm and key

    LAYOUT: ClassVar[Construct] = Struct(
        "total" / Int16ul, "offset" / Int16ul, "span" / Int16ul, "data" / GreedyBytes
    )

    def check(self) -> None:
        """The part is as long as it says, perhaps without algorithm and key."""
        uncounted = len(self.data) - self.span
        if uncounted and (uncounted != _EXTRA or self.offset):
            raise ValueError("the part's length does not match its data")
        if self.span and self.offset + self.span > self.total:
            raise ValueError("the part ends behind the whole")

    @property
    def algorithm(self) -> int | None:
        """The algorithm, if this is the first part."""
        return self.data[0] if self.offset == 0 and self.data else None

    @property
    def key(self) -> int | None:
        """The reference of the key, if this is the first part."""
        return self.data[1] if self.offset == 0 and len(self.data) >= _EXTRA else None


@dataclass(frozen=True, slots=True)
class GeneralAuthenticate(_AuthenticatePart):
    """osdp_GENAUTH: let the card sign."""

    CODE: ClassVar[int] = 0xA4


@dataclass(frozen=True, slots=True)
class ChallengeAuthenticate(_AuthenticatePart):
    """osdp_CRAUTH: let the card answer a challenge."""

    CODE: ClassVar[int] = 0xA5


@dataclass(frozen=True, slots=True)
class GeneralAuthentication(Part):
    """osdp_GENAUTHR: one part of what the card signed."""

    CODE: ClassVar[int] = 0x81


@dataclass(frozen=True, slots=True)
class ChallengeAuthentication(Part):
    """osdp_CRAUTHR: one part of the card's answer."""

    CODE: ClassVar[int] = 0x82


@dataclass(frozen=True, slots=True)
class ExtendedWrite(Message):
    """osdp_XWR: for the smart card behind the reader; `mode` says which language it is."""

    mode: int
    command: int
    data: bytes = field(default=b"", repr=False)

    CODE: ClassVar[int] = 0xA1
    LAYOUT: ClassVar[Construct] = Struct("mode" / Byte, "command" / Byte, "data" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class ExtendedRead(Message):
    """osdp_XRD: from the smart card behind the reader."""

    mode: int
    reply: int
    data: bytes = field(default=b"", repr=False)

    CODE: ClassVar[int] = 0xB1
    LAYOUT: ClassVar[Construct] = Struct("mode" / Byte, "reply" / Byte, "data" / GreedyBytes)
