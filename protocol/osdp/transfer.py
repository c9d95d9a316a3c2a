"""Sending a file to a unit (SIA OSDP 2.2, 6.26 and 7.25)."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar

from construct import Byte, Construct, GreedyBytes, Int16sl, Int16ul, Int32ul, Struct

from protocol.message import Choices, Message


class FileType(IntEnum):
    """What a file is; from 0x80 on the maker decides."""

    OPAQUE = 1
    BIOMETRIC_TEMPLATE = 2
    DISPLAY = 3


@dataclass(frozen=True, slots=True)
class TransferFile(Message):
    """osdp_FILETRANSFER: one fragment of a file; without data it only asks how far it is."""

    type: FileType | int
    total: int
    offset: int
    data: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x7C
    LAYOUT: ClassVar[Construct] = Struct(
        "type" / Byte,
        "total" / Int32ul,
        "offset" / Int32ul,
        "length" / Int16ul,
        "data" / GreedyBytes,
    )
    CHOICES: ClassVar[Choices] = {"type": FileType}

    def check(self) -> None:
        """A fragment ends within its file."""
        if self.data and self.offset + len(self.data) > self.total:
            raise ValueError("the fragment ends behind the file")


class TransferAction(IntFlag):
    """What the panel may or must do meanwhile."""

    INTERLEAVE = 0x01  # other commands may come between fragments
    LEAVE_SECURE = 0x02  # ask for the rest in clear; do not
    POLL_AVAILABLE = 0x04  # a poll has something to tell


class TransferResult(IntEnum):
    """How a transfer goes on."""

    PROCEED = 0
    PROCESSED = 1
    REBOOTING = 2
    FINISHING = 3  # send fragments without data until it is done
    ABORTED = -1
    UNRECOGNISED = -2
    MALFORMED = -3


@dataclass(frozen=True, slots=True)
class TransferStatus(Message):
    """osdp_FTSTAT: how the transfer goes on."""

    action: int  # bits of `TransferAction`
    delay: int  # milliseconds before the next fragment
    status: TransferResult | int
    longest: int  # bytes of a fragment's data from now on; 0 leaves it

    CODE: ClassVar[int] = 0x7A
    LAYOUT: ClassVar[Construct] = Struct(
        "action" / Byte, "delay" / Int16ul, "status" / Int16sl, "longest" / Int16ul
    )
    CHOICES: ClassVar[Choices] = {"status": TransferResult}


@dataclass(frozen=True, slots=True)
class SetReceiveSize(Message):
    """osdp_ACURXSIZE: the longest frame the panel can take, in bytes."""

    size: int

    CODE: ClassVar[int] = 0x7B
    LAYOUT: ClassVar[Construct] = Struct("size" / Int16ul)
