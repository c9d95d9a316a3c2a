"""Who a unit is and what it can do (SIA OSDP 2.2, 7.4, 7.5 and Annex B).

All of it is a claim until it was read inside a secure channel.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, GreedyBytes, Int16ul, Int32ul, Struct

from protocol.errors import MalformedMessage
from protocol.message import Choices, Message, Record, Records
from protocol.osdp.parts import Part


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


class Tag(IntEnum):
    """What an entry of the extended identification says."""

    MAKER = 0
    PRODUCT = 1
    SERIAL = 2
    FIRMWARE = 3
    HARDWARE = 4
    URL = 5
    CONFIGURATION = 6


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One entry of the extended identification; `text` is UTF-8."""

    tag: Tag | int
    text: bytes

    LAYOUT: ClassVar[Construct] = Struct("tag" / Byte, "length" / Int16ul, "text" / GreedyBytes)
    CHOICES: ClassVar[Choices] = {"tag": Tag}

    def check(self) -> None:
        """Text is UTF-8."""
        try:
            self.text.decode()
        except UnicodeDecodeError:
            raise ValueError("its text is not UTF-8") from None


@dataclass(frozen=True, slots=True)
class ExtendedIdentification(Part):
    """osdp_EXT_PDID: one part of the entries; `entries_of` reads the whole."""

    CODE: ClassVar[int] = 0x59


_ENTRY_HEAD = 3


def entries_of(whole: bytes) -> tuple[Entry, ...]:
    """Read the entries of an extended identification, its parts put together.

    Raises MalformedMessage.
    """
    entries = []
    at = 0
    while at < len(whole):
        head = whole[at : at + _ENTRY_HEAD]
        end = at + _ENTRY_HEAD + int.from_bytes(head[1:], "little")
        if len(head) < _ENTRY_HEAD or end > len(whole):
            raise MalformedMessage(f"entry at byte {at} of {len(whole)} is cut off")
        entries.append(Entry.decode(whole[at:end]))
        at = end
    return tuple(entries)


class Function(IntEnum):
    """What a capability is about; the meaning of compliance and count depends on it."""

    CONTACTS = 1  # count: inputs
    OUTPUTS = 2  # count: outputs
    CARD_FORMAT = 3
    LEDS = 4  # count: lights of each reader
    SOUND = 5
    TEXT = 6  # count: displays
    TIME = 7
    CHECK = 8  # compliance 1: CRC
    SECURITY = 9  # compliance bit 0: AES-128; count bit 0: default key
    RECEIVE_SIZE = 10  # compliance and count: low and high byte
    LARGEST_MESSAGE = 11  # likewise
    SMART_CARD = 12  # compliance bit 0: transparent, bit 1: extended packets
    READERS = 13  # count: readers, 0 for one
    BIOMETRICS = 14
    PIN_ENTRY = 15
    VERSION = 16  # compliance: 1 IEC 60839-11-5, 2 SIA 2.2
    EXTENDED_IDENTIFICATION = 17


@dataclass(frozen=True, slots=True)
class Capability(Record):
    """One line of osdp_PDCAP."""

    function: Function | int
    compliance: int
    count: int

    LAYOUT: ClassVar[Construct] = Struct("function" / Byte, "compliance" / Byte, "count" / Byte)
    CHOICES: ClassVar[Choices] = {"function": Function}

    @property
    def size(self) -> int:
        """Compliance and count as one number, for functions that are about bytes."""
        return self.compliance | self.count << 8


@dataclass(frozen=True, slots=True)
class Capabilities(Records):
    """osdp_PDCAP: what the unit can do. Never a reason for a decision about security."""

    records: tuple[Capability, ...]

    CODE: ClassVar[int] = 0x46
    RECORD: ClassVar[type[Record]] = Capability
