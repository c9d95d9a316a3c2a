"""Fingers and faces (SIA OSDP 2.2, 6.16 f. and 7.13 f.). Templates stay out of `repr`."""

from dataclasses import dataclass, field
from typing import ClassVar

from construct import Byte, Construct, GreedyBytes, Int16ul, Struct

from protocol.message import Message


@dataclass(frozen=True, slots=True)
class ReadBiometric(Message):
    """osdp_BIOREAD: take a template; it comes with a later poll."""

    reader: int
    type: int
    format: int
    quality: int

    CODE: ClassVar[int] = 0x73
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte, "type" / Byte, "format" / Byte, "quality" / Byte
    )


@dataclass(frozen=True, slots=True)
class MatchBiometric(Message):
    """osdp_BIOMATCH: compare with this template; the result comes with a later poll."""

    reader: int
    type: int
    format: int
    threshold: int
    template: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x74
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte,
        "type" / Byte,
        "format" / Byte,
        "threshold" / Byte,
        "length" / Int16ul,
        "template" / GreedyBytes,
    )


@dataclass(frozen=True, slots=True)
class BiometricRead(Message):
    """osdp_BIOREADR: a template, or why there is none."""

    reader: int
    status: int
    type: int
    quality: int
    template: bytes = field(repr=False)

    CODE: ClassVar[int] = 0x57
    LAYOUT: ClassVar[Construct] = Struct(
        "reader" / Byte,
        "status" / Byte,
        "type" / Byte,
        "quality" / Byte,
        "length" / Int16ul,
        "template" / GreedyBytes,
    )


@dataclass(frozen=True, slots=True)
class BiometricMatched(Message):
    """osdp_BIOMATCHR: how well it matched."""

    reader: int
    status: int
    score: int

    CODE: ClassVar[int] = 0x58
    LAYOUT: ClassVar[Construct] = Struct("reader" / Byte, "status" / Byte, "score" / Byte)
