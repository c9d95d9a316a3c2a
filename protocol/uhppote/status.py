"""What a board says of itself and of what happened: functions 0x20, 0xb0, 0xb2, 0xb4.

The same 64 bytes are the answer to `GetStatus` and the event that a board pushes to its
listener. Status and event are what a gateway hears all day, so both are read by hand; tests
prove it equal to the layouts.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, Int32ul, Struct

from protocol.message import Choices, Form, Forms, known
from protocol.uhppote.message import MAGIC, Done, Reply, Request, gap
from protocol.uhppote.values import (
    LOOSE_FLAGS,
    LOOSE_MOMENT,
    LOOSE_SHORT_DATE,
    LOOSE_TIME,
    Date,
    FourFlags,
    Moment,
    Time,
    write_moment,
)

OLDEST = 0  # as the index asked for
NEWEST = 0xFFFFFFFF


class EventType(IntEnum):
    """What kind of thing happened."""

    NONE = 0
    CARD = 1  # a simulator in wide use says DOOR for granted cards
    DOOR = 2  # contact, button, remote opening, power
    ALARM = 3
    OVERWRITTEN = 0xFF  # it happened too long ago


class Direction(IntEnum):
    """Through the door; 0 has been seen and means nothing."""

    IN = 1
    OUT = 2


class Reason(IntEnum):
    """Why a board did what it did; other numbers are kept as they are."""

    CARD = 1
    CARD_CLOSES = 2
    CARD_OPENS = 3
    CARD_LIMITED_TIMES = 4
    DENIED_HOST_DECIDES = 5
    DENIED_NO_PERMISSION = 6
    DENIED_WRONG_PIN = 7
    DENIED_ANTIPASSBACK = 8
    DENIED_MORE_CARDS = 9
    DENIED_FIRST_CARD = 10
    DENIED_NORMALLY_CLOSED = 11
    DENIED_INTERLOCK = 12
    DENIED_TIMES_USED_UP = 13
    DENIED_TOO_MANY_INSIDE = 14
    DENIED_TIME = 15  # outside the card's dates or its time profile
    DENIED_ORDER = 16
    DENIED_TOO_SOON = 17
    DENIED_UNKNOWN = 18
    DENIED_LIMITED_TIMES = 19
    BUTTON = 20
    BUTTON_OPENS = 21
    BUTTON_CLOSES = 22
    DOOR_OPENED = 23
    DOOR_CLOSED = 24
    PASSCODE = 25
    PASSCODE_OPENS = 26
    PASSCODE_CLOSES = 27
    POWER_ON = 28
    RESET = 29
    BUTTON_DISABLED = 30
    BUTTON_FORCED_LOCK = 31
    BUTTON_OFFLINE = 32
    BUTTON_INTERLOCK = 33
    THREAT = 34
    THREAT_OPENS = 35
    THREAT_CLOSES = 36
    HELD_OPEN = 37
    FORCED_OPEN = 38
    FIRE = 39
    FORCED_CLOSED = 40
    THEFT = 41
    ZONE = 42
    EMERGENCY = 43
    REMOTE = 44
    REMOTE_USB = 45


_TYPES = known(EventType)
_DIRECTIONS = known(Direction)
_REASONS = known(Reason)
_EVENT = struct.Struct("<IBBBBI7sB")
_STATUS = struct.Struct("<20s4s4sB3sI4xBBB3s")


@dataclass(frozen=True, slots=True)
class Event(Reply):
    """0xb0: one entry of the board's log, and the part of a status that tells the newest.

    `index` 0: there is none. `card` is a card only if the type says so; otherwise a small
    number for the source.
    """

    index: int = 0
    type: EventType | int = EventType.NONE
    granted: bool = False
    door: int = 0
    direction: Direction | int = 0
    card: int = 0
    at: Moment | None = None
    reason: Reason | int = 0

    CODE: ClassVar[int] = 0xB0
    LAYOUT: ClassVar[Construct] = Struct(
        "index" / Int32ul,
        "type" / Byte,
        "granted" / Bytes(1),
        "door" / Byte,
        "direction" / Byte,
        "card" / Int32ul,
        "at" / Bytes(7),
        "reason" / Byte,
    )
    CHOICES: ClassVar[Choices] = {"type": EventType, "direction": Direction, "reason": Reason}
    FORMS: ClassVar[Forms] = {
        "granted": Form(lambda raw: raw != b"\0", lambda granted: bytes((granted,))),
        "at": LOOSE_MOMENT,
    }

    def encode(self) -> bytes:
        """Lay it out by hand: logs are long."""
        at = write_moment(self.at)
        try:
            return _EVENT.pack(
                *(self.index, self.type, self.granted, self.door),
                *(self.direction, self.card, at, self.reason),
            )
        except struct.error:
            return Reply.encode(self)  # which knows what to blame

    @classmethod
    def tolerate(cls, body: bytes) -> bytes:
        """Cut off what nobody knows, and all of an event that is none."""
        return bytes(_EVENT.size) if _is_none(body) else body[: _EVENT.size]


def _is_none(body: bytes) -> bool:
    return len(body) >= _EVENT.size and not any(body[:4])


def read_event(body: bytes) -> Event:
    """Read by hand what `Event` describes; `body`: at least 20 bytes."""
    index, kind, granted, door, direction, card, at, reason = _EVENT.unpack_from(body)
    if not index:
        return NO_EVENT
    return Event(
        index,
        _TYPES.get(kind, kind),
        granted != 0,
        door,
        _DIRECTIONS.get(direction, direction),
        card,
        LOOSE_MOMENT.read(at),
        _REASONS.get(reason, reason),
    )


NO_EVENT = Event()
_QUIET: FourFlags = (False, False, False, False)


@dataclass(frozen=True, slots=True)
class Status(Reply):
    """0x20: the newest event, the doors, the clock; also what a board pushes by itself.

    Doors that the board does not have may say anything. `sequence` is the board's own count
    in a pushed event, and the host's number repeated in an answer (a vendor extension).
    """

    event: Event = NO_EVENT
    open: FourFlags = _QUIET  # by the door's contact
    button: FourFlags = _QUIET  # pressed
    error: int = 0  # not 0: the clock was lost
    time: Time | None = None
    sequence: int = 0
    special: int = 0  # the key pressed, while a passcode is entered
    relays: int = 0
    inputs: int = 0
    date: Date | None = None

    CODE: ClassVar[int] = 0x20
    LAYOUT: ClassVar[Construct] = Struct(
        "event" / Bytes(20),
        "open" / Bytes(4),
        "button" / Bytes(4),
        "error" / Byte,
        "time" / Bytes(3),
        "sequence" / Int32ul,
        gap(4),
        "special" / Byte,
        "relays" / Byte,
        "inputs" / Byte,
        "date" / Bytes(3),
    )
    FORMS: ClassVar[Forms] = {
        "event": Form(Event.decode, Event.encode),
        "open": LOOSE_FLAGS,
        "button": LOOSE_FLAGS,
        "time": LOOSE_TIME,
        "date": LOOSE_SHORT_DATE,
    }

    @property
    def clock(self) -> Moment | None:
        """The board's local time; None is a fault."""
        if self.date is None or self.time is None:
            return None
        return Moment(self.date, self.time)

    def unlocked(self, door: int) -> bool:
        """Whether the lock of a door (1 to 4) is energised."""
        return bool(self.relays >> (door - 1) & 1)

    @property
    def forced_lock(self) -> bool:
        """Whether the input for a forced lock is active."""
        return bool(self.inputs & 1)

    @property
    def fire(self) -> bool:
        """Whether the fire input is active."""
        return bool(self.inputs & 2)


def read_status(body: bytes) -> Status:
    """Read by hand what `Status` describes; `body`: at least 46 bytes."""
    (event, opened, button, error, time, sequence, special, relays, inputs, date) = (
        _STATUS.unpack_from(body)
    )
    return Status(
        read_event(event),
        LOOSE_FLAGS.read(opened),
        LOOSE_FLAGS.read(button),
        error,
        LOOSE_TIME.read(time),
        sequence,
        special,
        relays,
        inputs,
        LOOSE_SHORT_DATE.read(date),
    )


@dataclass(frozen=True, slots=True)
class GetStatus(Request):
    """0x20: how are you? Also what keeps a board under its host's control."""

    CODE: ClassVar[int] = 0x20
    REPLY: ClassVar[type[Reply] | None] = Status


@dataclass(frozen=True, slots=True)
class GetEvent(Request):
    """0xb0: one entry of the log, by number, or `OLDEST`, or `NEWEST`."""

    index: int

    CODE: ClassVar[int] = 0xB0
    REPLY: ClassVar[type[Reply] | None] = Event
    LAYOUT: ClassVar[Construct] = Struct("index" / Int32ul)

    def fits(self, reply: Reply) -> bool:
        """Whether this is the event asked for, or the answer that there is none."""
        return isinstance(reply, Event) and (
            not self.told_apart or reply.index in (0, self.index)
        )

    @property
    def told_apart(self) -> bool:
        """Whether the number asked for is in the answer."""
        return self.index not in (OLDEST, NEWEST)


@dataclass(frozen=True, slots=True)
class EventIndexSet(Done):
    """0xb2: whether it changed."""

    CODE: ClassVar[int] = 0xB2


@dataclass(frozen=True, slots=True)
class SetEventIndex(Request):
    """0xb2: keep a number for all hosts together. A gateway keeps its own."""

    index: int
    magic: int = MAGIC

    CODE: ClassVar[int] = 0xB2
    REPLY: ClassVar[type[Reply] | None] = EventIndexSet
    LAYOUT: ClassVar[Construct] = Struct("index" / Int32ul, "magic" / Int32ul)


@dataclass(frozen=True, slots=True)
class EventIndex(Reply):
    """0xb4: the number kept."""

    index: int

    CODE: ClassVar[int] = 0xB4
    LAYOUT: ClassVar[Construct] = Struct("index" / Int32ul)


@dataclass(frozen=True, slots=True)
class GetEventIndex(Request):
    """0xb4: the number kept for all hosts together."""

    CODE: ClassVar[int] = 0xB4
    REPLY: ClassVar[type[Reply] | None] = EventIndex
