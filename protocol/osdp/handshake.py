"""What is said to begin a secure channel and to change its key (SIA OSDP 2.2, Annex D).

Keys and cryptograms stay out of `repr`: a cryptogram is enough to try weak keys on.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, GreedyBytes, Struct

from protocol.message import Choices, Message


class KeyType(IntEnum):
    """What a key is for."""

    SCBK = 1  # secure channel base key


@dataclass(frozen=True, slots=True)
class SetKey(Message):
    """osdp_KEYSET: take another key, 16 bytes for SCBK."""

    type: KeyType | int
    key: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x75
    LAYOUT: ClassVar[Construct] = Struct("type" / Byte, "length" / Byte, "key" / GreedyBytes)
    CHOICES: ClassVar[Choices] = {"type": KeyType}


@dataclass(frozen=True, slots=True)
class Challenge(Message):
    """osdp_CHLNG: begin a secure channel with eight random bytes, RND.A."""

    random: bytes

    CODE: ClassVar[int] = 0x76
    LAYOUT: ClassVar[Construct] = Struct("random" / Bytes(8))


@dataclass(frozen=True, slots=True)
class ServerCryptogram(Message):
    """osdp_SCRYPT: prove that the panel knows the key."""

    cryptogram: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x77
    LAYOUT: ClassVar[Construct] = Struct("cryptogram" / Bytes(16))


@dataclass(frozen=True, slots=True)
class ClientCryptogram(Message):
    """osdp_CCRYPT: who the unit is, its own random bytes RND.B, and proof of the key."""

    unit: bytes  # cUID
    random: bytes
    cryptogram: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x76
    LAYOUT: ClassVar[Construct] = Struct(
        "unit" / Bytes(8), "random" / Bytes(8), "cryptogram" / Bytes(16)
    )


@dataclass(frozen=True, slots=True)
class InitialRMac(Message):
    """osdp_RMAC_I: where the chain of MACs begins."""

    mac: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x78
    LAYOUT: ClassVar[Construct] = Struct("mac" / Bytes(16))
