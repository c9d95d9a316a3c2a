"""What the maker's papers add to the 34 functions. **None of it was verified on hardware.**

Each is behind a capability of the single board, off unless an audit of that board has proved
it. Left out, because no paper says what their bytes mean: events of QR readers (0x22), serial
settings (0xf2), alarm state (0xc0, 0xc2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Flag, IntEnum, auto
from typing import ClassVar

from construct import Byte, Bytes, Construct, Int32ul, Struct

from protocol.errors import FrameError
from protocol.message import Choices, Form, Forms
from protocol.uhppote.cards import PutCard
from protocol.uhppote.doors import DoorOpened
from protocol.uhppote.frame import SIZE, Frame
from protocol.uhppote.message import MAGIC, Reply, Request, check_door, gap
from protocol.uhppote.messages import decode_request
from protocol.uhppote.schedules import ProfileSet, SetProfile
from protocol.uhppote.status import Direction, Event
from protocol.uhppote.values import DATE, FLAG, FLAGS, NUMBERS, PIN, SEGMENTS

BATCH = 16  # messages in one datagram
KEY_LENGTH = 16
IV_LENGTH = 16
_IGNORE_PERMISSIONS = 0x5A
_LONG_CARD_AT = 44


class Capability(Flag):
    """What a board was proved to understand."""

    NONE = 0
    SEQUENCE = auto()  # bytes 40 to 43 of a question come back in its answer
    CARD_IN_LOG = auto()  # `OpenDoorFor`
    REPLACE_CARDS = auto()  # `ReplaceCard`
    BATCHES = auto()  # 16 messages in a datagram; firmware 6.60 and later
    CIPHER = auto()  # `SetCipherKey`, `SetChainedCipherKey`; firmware 6.62 and later
    LONG_CARDS = auto()  # `long_card`; firmware of 2017 and later
    LIMITED_PROFILES = auto()  # `SetLimitedProfile`


@dataclass(frozen=True, slots=True)
class OpenDoorFor(Request):
    """0x40: open a door for a card, which then stands in the board's log. Unverified."""

    door: int
    card: int
    direction: Direction | int = Direction.IN  # on the wire 0 is in and 1 is out
    rule: int = _IGNORE_PERMISSIONS

    CODE: ClassVar[int] = 0x40
    REPEATABLE: ClassVar[bool] = False
    REPLY: ClassVar[type[Reply] | None] = DoorOpened
    LAYOUT: ClassVar[Construct] = Struct(
        "door" / Byte, gap(11), "card" / Bytes(8), "direction" / Bytes(1), gap(3), "rule" / Byte
    )
    FORMS: ClassVar[Forms] = {
        "card": Form(
            lambda raw: int.from_bytes(raw, "little"), lambda card: card.to_bytes(8, "little")
        ),
        "direction": Form(
            lambda raw: Direction.OUT if raw[0] else Direction.IN,
            lambda direction: bytes((direction == Direction.OUT,)),
        ),
    }

    def check(self) -> None:
        """Raise ValueError for a door that boards cannot have."""
        check_door(self.door)
        if not 0 <= self.card < 1 << 64:
            raise ValueError("a card number has at most eight bytes")


class Replaced(IntEnum):
    """What becomes of one record of a new list."""

    OK = 1
    NOT_SORTED = 0xE1


@dataclass(frozen=True, slots=True)
class CardReplaced(Reply):
    """0x56: whether the record was taken. Unverified."""

    result: Replaced | int

    CODE: ClassVar[int] = 0x56
    LAYOUT: ClassVar[Construct] = Struct("result" / Byte)
    CHOICES: ClassVar[Choices] = {"result": Replaced}


_THREE_BYTES = Form(
    lambda raw: int.from_bytes(raw, "little"), lambda number: number.to_bytes(3, "little")
)


@dataclass(frozen=True, slots=True)
class ReplaceCard(PutCard):
    """0x56: one record of a list that replaces all cards once it is complete. Unverified.

    Cards must come in ascending order, `index` from 1 to `total`. Up to 80,000 cards, an
    interrupted list leaves the old one; a longer one leaves none.
    """

    total: int = 0
    index: int = 0

    CODE: ClassVar[int] = 0x56
    REPLY: ClassVar[type[Reply] | None] = CardReplaced
    LAYOUT: ClassVar[Construct] = Struct(
        *PutCard.LAYOUT.subcons, gap(4), "total" / Bytes(3), "index" / Bytes(3)
    )
    FORMS: ClassVar[Forms] = {
        "start": DATE,
        "end": DATE,
        "doors": NUMBERS,
        "pin": PIN,
        "total": _THREE_BYTES,
        "index": _THREE_BYTES,
    }

    def check(self) -> None:
        """Raise ValueError for what no board would store, or a place outside the list."""
        PutCard.check(self)
        if not 1 <= self.index <= self.total < 1 << 24:
            raise ValueError("the place is not in the list")


@dataclass(frozen=True, slots=True)
class CipherKeySet(Reply):
    """0xe0: the first byte of the answer; what it means is not written anywhere. Unverified."""

    result: int

    CODE: ClassVar[int] = 0xE0
    LAYOUT: ClassVar[Construct] = Struct("result" / Byte)


@dataclass(frozen=True, slots=True)
class SetCipherKey(Request):
    """0xe0: encrypt all that follows by SM4, block by block. Unverified."""

    key: bytes = field(repr=False)
    repeated: bytes = field(repr=False)  # the same again
    magic: int = MAGIC

    CODE: ClassVar[int] = 0xE0
    REPLY: ClassVar[type[Reply] | None] = CipherKeySet
    LAYOUT: ClassVar[Construct] = Struct(
        "magic" / Int32ul, "key" / Bytes(KEY_LENGTH), gap(16), "repeated" / Bytes(KEY_LENGTH)
    )

    def check(self) -> None:
        """Raise ValueError for two keys that differ."""
        _check_repeated(self.key, self.repeated)


@dataclass(frozen=True, slots=True)
class ChainedCipherKeySet(CipherKeySet):
    """0xe2: as 0xe0. Unverified."""

    CODE: ClassVar[int] = 0xE2


@dataclass(frozen=True, slots=True)
class SetChainedCipherKey(Request):
    """0xe2: encrypt all that follows by SM4 in chains; `iv`: 12 and 4 bytes. Unverified."""

    key: bytes = field(repr=False)
    repeated: bytes = field(repr=False)  # the same again
    iv: bytes = field(repr=False)
    iv_end: bytes = field(repr=False)
    magic: int = MAGIC

    CODE: ClassVar[int] = 0xE2
    REPLY: ClassVar[type[Reply] | None] = ChainedCipherKeySet
    LAYOUT: ClassVar[Construct] = Struct(
        "magic" / Int32ul,
        "key" / Bytes(KEY_LENGTH),
        "iv" / Bytes(12),
        gap(4),
        "repeated" / Bytes(KEY_LENGTH),
        "iv_end" / Bytes(4),
    )

    def check(self) -> None:
        """Raise ValueError for two keys that differ."""
        _check_repeated(self.key, self.repeated)


def _check_repeated(key: bytes, repeated: bytes) -> None:
    if key != repeated:
        raise ValueError("the key is not repeated")


@dataclass(frozen=True, slots=True)
class SetLimitedProfile(SetProfile):
    """0x88 with limits: how often a card may pass with this profile. Unverified."""

    count_type: int = 0
    per_day: int = 0
    per_month: int = 0
    per_segment: tuple[int, int, int] = (0, 0, 0)
    deny_weekend: bool = False

    REPLY: ClassVar[type[Reply] | None] = ProfileSet
    LAYOUT: ClassVar[Construct] = Struct(
        *SetProfile.LAYOUT.subcons,
        "count_type" / Byte,
        "per_day" / Byte,
        "per_month" / Byte,
        gap(4),
        "per_segment" / Bytes(3),
        "deny_weekend" / Bytes(1),
    )
    FORMS: ClassVar[Forms] = {
        "start": DATE,
        "end": DATE,
        "weekdays": FLAGS,
        "segments": SEGMENTS,
        "per_segment": NUMBERS,
        "deny_weekend": FLAG,
    }


_EXTENDED: tuple[tuple[Capability, type[Request]], ...] = (
    (Capability.CARD_IN_LOG, OpenDoorFor),
    (Capability.REPLACE_CARDS, ReplaceCard),
    (Capability.CIPHER, SetCipherKey),
    (Capability.CIPHER, SetChainedCipherKey),
    (Capability.LIMITED_PROFILES, SetLimitedProfile),
)
_REPLIES = {kind.CODE: kind for kind in (CardReplaced, CipherKeySet, ChainedCipherKeySet)}


def decode_extended_request(frame: Frame, capabilities: Capability) -> Request:
    """Open what a host asks a board of these capabilities; raises as `decode_request`."""
    for capability, kind in _EXTENDED:
        if frame.function == kind.CODE and capability in capabilities:
            request = kind.decode(frame.body)
            if not isinstance(request, OpenDoorFor) or request.rule == _IGNORE_PERMISSIONS:
                return request
    return decode_request(frame)


def decode_extended_reply(frame: Frame) -> Reply | None:
    """Open an answer that only these requests have; None for others. Raises MessageError."""
    kind = _REPLIES.get(frame.function)
    return None if kind is None else kind.decode(frame.body)


def long_card(frame: Frame, event: Event) -> int:
    """Return a card of 64 bits; its upper half lies behind the fields of a pushed event."""
    high = frame.body[_LONG_CARD_AT - 8 : _LONG_CARD_AT - 4]
    return int.from_bytes(high, "little") << 32 | event.card


def batches(datagrams: Sequence[bytes]) -> tuple[bytes, ...]:
    """Join messages, `BATCH` to a datagram. Unverified."""
    starts = range(0, len(datagrams), BATCH)
    return tuple([b"".join(datagrams[at : at + BATCH]) for at in starts])


def messages_of(datagram: bytes) -> tuple[bytes, ...]:
    """Take a batch apart; raises FrameError if it is none."""
    if not datagram or len(datagram) % SIZE or len(datagram) > BATCH * SIZE:
        raise FrameError(f"{len(datagram)} bytes are no batch of messages")
    return tuple([datagram[at : at + SIZE] for at in range(0, len(datagram), SIZE)])
