"""The list of cards that a board keeps: functions 0x50 to 0x5c.

A card is valid by whole days. For each door it has 0 (never), 1 (always) or the number of a
time profile; a profile that the board does not know means never. Records that were deleted
keep their place and read as card 0xFFFFFFFF, so the count of cards says nothing of the last
place.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from construct import Byte, Bytes, Construct, Int32ul, Struct

from protocol.message import Forms
from protocol.uhppote.message import Done, Guarded, Reply, Request
from protocol.uhppote.values import (
    DATE,
    LOOSE_DATE,
    MOST_PIN,
    NO_PIN,
    NUMBERS,
    PIN,
    Date,
    FourNumbers,
)

NO_CARD = 0
DELETED = 0xFFFFFFFF
INVALID_CARDS = (NO_CARD, DELETED, 0x00FFFFFF)

NEVER = 0
ALWAYS = 1
FIRST_PROFILE = 2
LAST_PROFILE = 254

_RECORD = Struct(
    "card" / Int32ul,
    "start" / Bytes(4),
    "end" / Bytes(4),
    "doors" / Bytes(4),
    "pin" / Bytes(3),
    "first_card" / Byte,
)


def check_card(card: int) -> None:
    """Raise ValueError for the numbers that boards use otherwise."""
    if card in INVALID_CARDS:
        raise ValueError("this number is no card")


@dataclass(frozen=True, slots=True)
class CardPut(Done):
    """0x50: whether it is stored."""

    CODE: ClassVar[int] = 0x50


@dataclass(frozen=True, slots=True)
class PutCard(Request):
    """0x50: store a card, or replace it.

    `start` and `end`: both included; without both it is never valid. `first_card`: bit n-1
    lets it be the first card of door n.
    """

    card: int
    start: Date | None
    end: Date | None
    doors: FourNumbers
    pin: int = field(default=NO_PIN, repr=False)
    first_card: int = 0

    CODE: ClassVar[int] = 0x50
    REPLY: ClassVar[type[Reply] | None] = CardPut
    LAYOUT: ClassVar[Construct] = _RECORD
    FORMS: ClassVar[Forms] = {"start": DATE, "end": DATE, "doors": NUMBERS, "pin": PIN}

    def check(self) -> None:
        """Raise ValueError for what boards would store as something else."""
        check_card(self.card)
        if not 0 <= self.pin <= MOST_PIN:
            raise ValueError("a PIN has at most six digits")
        if max(self.doors) > LAST_PROFILE:
            raise ValueError("a door takes 0, 1 or a time profile, 2 to 254")


@dataclass(frozen=True, slots=True)
class CardDeleted(Done):
    """0x52: refused if the card was not stored."""

    CODE: ClassVar[int] = 0x52


@dataclass(frozen=True, slots=True)
class DeleteCard(Request):
    """0x52: forget a card."""

    card: int

    CODE: ClassVar[int] = 0x52
    REPLY: ClassVar[type[Reply] | None] = CardDeleted
    LAYOUT: ClassVar[Construct] = Struct("card" / Int32ul)


@dataclass(frozen=True, slots=True)
class CardsDeleted(Done):
    """0x54: whether all are gone."""

    CODE: ClassVar[int] = 0x54


@dataclass(frozen=True, slots=True)
class DeleteCards(Guarded):
    """0x54: forget all cards."""

    CODE: ClassVar[int] = 0x54
    REPLY: ClassVar[type[Reply] | None] = CardsDeleted


@dataclass(frozen=True, slots=True)
class CardCount(Reply):
    """0x58: how many cards are stored."""

    cards: int

    CODE: ClassVar[int] = 0x58
    LAYOUT: ClassVar[Construct] = Struct("cards" / Int32ul)


@dataclass(frozen=True, slots=True)
class CountCards(Request):
    """0x58: how many cards are stored?"""

    CODE: ClassVar[int] = 0x58
    REPLY: ClassVar[type[Reply] | None] = CardCount


@dataclass(frozen=True, slots=True)
class CardRecord(Reply):
    """0x5a: a card as it is stored; card 0 if it is not."""

    card: int = NO_CARD
    start: Date | None = None
    end: Date | None = None
    doors: FourNumbers = (NEVER, NEVER, NEVER, NEVER)
    pin: int = field(default=NO_PIN, repr=False)
    first_card: int = 0

    CODE: ClassVar[int] = 0x5A
    LAYOUT: ClassVar[Construct] = _RECORD
    FORMS: ClassVar[Forms] = {
        "start": LOOSE_DATE,
        "end": LOOSE_DATE,
        "doors": NUMBERS,
        "pin": PIN,
    }


@dataclass(frozen=True, slots=True)
class GetCard(Request):
    """0x5a: what is stored of this card?"""

    card: int

    CODE: ClassVar[int] = 0x5A
    REPLY: ClassVar[type[Reply] | None] = CardRecord
    LAYOUT: ClassVar[Construct] = Struct("card" / Int32ul)

    def fits(self, reply: Reply) -> bool:
        """Whether this is the card asked for, or the answer that it is not stored."""
        return type(reply) is CardRecord and reply.card in (NO_CARD, self.card)


@dataclass(frozen=True, slots=True)
class IndexedCard(CardRecord):
    """0x5c: card 0 behind the last place, `DELETED` where one was forgotten."""

    CODE: ClassVar[int] = 0x5C


@dataclass(frozen=True, slots=True)
class GetCardAtIndex(Request):
    """0x5c: what is stored at this place, from 1 on? The reply does not name the place."""

    index: int

    CODE: ClassVar[int] = 0x5C
    REPLY: ClassVar[type[Reply] | None] = IndexedCard
    LAYOUT: ClassVar[Construct] = Struct("index" / Int32ul)
