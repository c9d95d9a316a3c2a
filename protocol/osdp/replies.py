"""What a peripheral answers: one class per reply, in code order (SIA OSDP 2.2, 7)."""

from dataclasses import dataclass, field
from typing import ClassVar

from construct import (
    Byte,
    Bytes,
    Construct,
    GreedyBytes,
    Int16ul,
    Int32ul,
    Rebuild,
    Struct,
    len_,
    this,
)

from protocol.errors import UnknownMessage
from protocol.message import Message, many, record
from protocol.osdp.frame import Frame


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """osdp_ACK: heard, nothing to add."""

    CODE: ClassVar[int] = 0x40


@dataclass(frozen=True, slots=True)
class Nak(Message):
    """osdp_NAK: heard and refused."""

    reason: int
    details: bytes = b""

    CODE: ClassVar[int] = 0x41
    LAYOUT: ClassVar[Construct] = Struct("reason" / Byte, "details" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class Identification(Message):
    """osdp_PDID: maker, model, serial number, firmware."""

    vendor: bytes  # OUI, three bytes in transmission order
    model: int
    version: int
    serial: int
    firmware_major: int
    firmware_minor: int
    firmware_build: int

    CODE: ClassVar[int] = 0x45
    LAYOUT: ClassVar[Construct] = Struct(
        "vendor" / Bytes(3),
        "model" / Byte,
        "version" / Byte,
        "serial" / Int32ul,
        "firmware_major" / Byte,
        "firmware_minor" / Byte,
        "firmware_build" / Byte,
    )


@dataclass(frozen=True, slots=True)
class Capability:
    """One line of osdp_PDCAP."""

    function: int
    compliance: int
    count: int


@dataclass(frozen=True, slots=True)
class Capabilities(Message):
    """osdp_PDCAP: what the unit can do."""

    records: tuple[Capability, ...]

    CODE: ClassVar[int] = 0x46
    LAYOUT: ClassVar[Construct] = Struct(
        "records"
        / many(
            record(Capability, Struct("function" / Byte, "compliance" / Byte, "count" / Byte))
        )
    )


@dataclass(frozen=True, slots=True)
class LocalStatus(Message):
    """osdp_LSTATR: 1 is abnormal."""

    tamper: int
    power: int

    CODE: ClassVar[int] = 0x48
    LAYOUT: ClassVar[Construct] = Struct("tamper" / Byte, "power" / Byte)


@dataclass(frozen=True, slots=True)
class InputStatus(Message):
    """osdp_ISTATR: one byte an input."""

    inputs: bytes

    CODE: ClassVar[int] = 0x49
    LAYOUT: ClassVar[Construct] = Struct("inputs" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class OutputStatus(Message):
    """osdp_OSTATR: one byte an output."""

    outputs: bytes

    CODE: ClassVar[int] = 0x4A
    LAYOUT: ClassVar[Construct] = Struct("outputs" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class RawCard(Message):
    """osdp_RAW: the bits of a card, left-aligned, as the reader saw them."""

    reader: int
    format: int
    bits: int
    data: bytes

    CODE: ClassVar[int] = 0x50
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte,
        "format" / Byte,
        "bits" / Int16ul,
        "data" / Bytes((this.bits + 7) // 8),
    )


@dataclass(frozen=True, slots=True)
class Keypad(Message):
    """osdp_KEYPAD: keys, as ASCII; # is 0x0D, * is 0x7F."""

    reader: int
    keys: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x53
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte, "count" / Rebuild(Byte, len_(this.keys)), "keys" / Bytes(this.count)
    )


@dataclass(frozen=True, slots=True)
class CommunicationSettings(Message):
    """osdp_COM: the address and speed from now on."""

    address: int
    baud: int

    CODE: ClassVar[int] = 0x54
    LAYOUT: ClassVar[Construct] = Struct("address" / Byte, "baud" / Int32ul)


@dataclass(frozen=True, slots=True)
class Busy(Message):
    """osdp_BUSY: ask the same again later."""

    CODE: ClassVar[int] = 0x79


REPLIES: tuple[type[Message], ...] = (
    Ack,
    Nak,
    Identification,
    Capabilities,
    LocalStatus,
    InputStatus,
    OutputStatus,
    RawCard,
    Keypad,
    CommunicationSettings,
    Busy,
)
_BY_CODE = {reply.CODE: reply for reply in REPLIES}


def decode_reply(frame: Frame) -> Message:
    """Open the message inside a reply frame; raises UnknownMessage or MalformedMessage."""
    kind = _BY_CODE.get(frame.code)
    if kind is None:
        raise UnknownMessage(frame.code)
    return kind.decode(frame.body)
