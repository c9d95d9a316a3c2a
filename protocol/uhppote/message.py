"""What all UHPPOTE messages have in common, and what all requests and all replies have.

Layouts begin behind the serial number, at byte 8 of the datagram. Bytes that no layout knows
are zeros when we send and ignored when we hear. The known ones are strict in a request; in a
reply, a date that is none reads as None and a flag is true unless 0 (see `values`), so that a
board without a clock can still be talked to. Only "done" is exact: 1, or 0 for refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from construct import Bytes, Construct, Int32ul, Padding, Struct

from protocol.message import Forms, Message
from protocol.uhppote.values import FLAG

MAGIC = 0x55AAAA55  # guards what destroys
DOORS = 4

_SIZES: dict[type[Message], int] = {}


@dataclass(frozen=True, slots=True)
class UhppoteMessage(Message):
    """A message that ignores the bytes behind its layout."""

    @classmethod
    def tolerate(cls, body: bytes) -> bytes:
        """Cut off what nobody knows."""
        size = _SIZES.get(cls)
        if size is None:
            size = _SIZES[cls] = cls.LAYOUT.sizeof()
        return body[:size]


@dataclass(frozen=True, slots=True)
class Reply(UhppoteMessage):
    """Base of what a board says."""


@dataclass(frozen=True, slots=True)
class Done(Reply):
    """Base of the replies that only say whether it was done."""

    ok: bool = True

    LAYOUT: ClassVar[Construct] = Struct("ok" / Bytes(1))
    FORMS: ClassVar[Forms] = {"ok": FLAG}


@dataclass(frozen=True, slots=True)
class Request(UhppoteMessage):
    """Base of what a host asks.

    `REPEATABLE`: asking twice does what asking once does, so silence may be asked again.
    """

    REPEATABLE: ClassVar[bool] = True
    REPLY: ClassVar[type[Reply] | None] = None  # None: boards never answer it

    def fits(self, reply: Reply) -> bool:
        """Whether a reply is one to this very question, as far as it tells."""
        return self.REPLY is not None and type(reply) is self.REPLY

    @property
    def told_apart(self) -> bool:
        """Whether its reply names what was asked, so that no other can be taken for it."""
        return False


@dataclass(frozen=True, slots=True)
class Guarded(Request):
    """Base of the requests that are nothing but the magic number."""

    magic: int = MAGIC  # another one is refused by the board

    LAYOUT: ClassVar[Construct] = Struct("magic" / Int32ul)


def gap(size: int) -> Construct:
    """Return bytes that belong to nobody."""
    return Padding(size)


def check_door(door: int) -> None:
    """Raise ValueError unless boards can have such a door."""
    if not 1 <= door <= DOORS:
        raise ValueError("doors are numbered 1 to 4")


def check_choice(value: int, choices: Iterable[int], what: str) -> None:
    """Raise ValueError for a number that means nothing."""
    if value not in [int(each) for each in choices]:
        raise ValueError(f"no {what} has this number")
