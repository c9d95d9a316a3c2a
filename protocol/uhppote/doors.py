"""Doors: opening them, how they behave, what ties them together.

Functions 0x40, 0x80 to 0x86, 0x8c, 0xa2, 0xa4 and 0xaa. Interlock, keypads, passcodes and
first cards cannot be read back: the host is the only record of them.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, Struct

from protocol.message import Choices, Forms
from protocol.uhppote.message import DOORS, Done, Reply, Request, check_choice, check_door, gap
from protocol.uhppote.values import (
    FLAGS,
    MINUTE,
    MOST_PIN,
    PASSCODES,
    FourFlags,
    FourNumbers,
    Minute,
    Weekdays,
)


class DoorMode(IntEnum):
    """How a door behaves. `FIRST_CARD` can be set; boards report it as `CONTROLLED`."""

    NORMALLY_OPEN = 1
    NORMALLY_CLOSED = 2
    CONTROLLED = 3
    FIRST_CARD = 4


class Antipassback(IntEnum):
    """Which readers a card must pass in turn; within one board only."""

    OFF = 0
    READERS_1_2_AND_3_4 = 1
    READERS_13_24 = 2
    READERS_1_23 = 3
    READERS_1_234 = 4


class Interlock(IntEnum):
    """Of which doors only one may stand open."""

    OFF = 0
    DOORS_1_2 = 1
    DOORS_3_4 = 2
    DOORS_1_2_AND_3_4 = 3
    DOORS_1_2_3 = 4
    DOORS_1_2_3_4 = 8


class FirstCardMode(IntEnum):
    """What a door does in the window of its first card, and outside of it."""

    CONTROLLED = 0
    NORMALLY_OPEN = 1
    NORMALLY_CLOSED = 2
    FIRST_CARD_ONLY = 3  # outside only


@dataclass(frozen=True, slots=True)
class DoorOpened(Done):
    """0x40: whether the lock got its pulse."""

    CODE: ClassVar[int] = 0x40


@dataclass(frozen=True, slots=True)
class OpenDoor(Request):
    """0x40: one pulse, as long as the door's delay; twice is two pulses and two events."""

    door: int

    CODE: ClassVar[int] = 0x40
    REPEATABLE: ClassVar[bool] = False
    REPLY: ClassVar[type[Reply] | None] = DoorOpened
    LAYOUT: ClassVar[Construct] = Struct("door" / Byte)

    def check(self) -> None:
        """Raise ValueError for a door that boards cannot have."""
        check_door(self.door)


_CONTROL = Struct("door" / Byte, "mode" / Byte, "delay" / Byte)


@dataclass(frozen=True, slots=True)
class DoorControlSet(Reply):
    """0x80: what holds now."""

    door: int
    mode: DoorMode | int
    delay: int  # seconds

    CODE: ClassVar[int] = 0x80
    LAYOUT: ClassVar[Construct] = _CONTROL
    CHOICES: ClassVar[Choices] = {"mode": DoorMode}


@dataclass(frozen=True, slots=True)
class SetDoorControl(Request):
    """0x80: mode and delay, always both: to change one, read the other first."""

    door: int
    mode: DoorMode | int
    delay: int  # seconds

    CODE: ClassVar[int] = 0x80
    REPLY: ClassVar[type[Reply] | None] = DoorControlSet
    LAYOUT: ClassVar[Construct] = _CONTROL
    CHOICES: ClassVar[Choices] = {"mode": DoorMode}

    def check(self) -> None:
        """Raise ValueError for an unknown door or mode."""
        check_door(self.door)
        check_choice(self.mode, DoorMode, "door mode")

    def fits(self, reply: Reply) -> bool:
        """Whether this is about the same door."""
        return isinstance(reply, DoorControlSet) and reply.door == self.door


@dataclass(frozen=True, slots=True)
class DoorControl(DoorControlSet):
    """0x82: what holds."""

    CODE: ClassVar[int] = 0x82


@dataclass(frozen=True, slots=True)
class GetDoorControl(Request):
    """0x82: mode and delay of a door?"""

    door: int

    CODE: ClassVar[int] = 0x82
    REPLY: ClassVar[type[Reply] | None] = DoorControl
    LAYOUT: ClassVar[Construct] = Struct("door" / Byte)

    def check(self) -> None:
        """Raise ValueError for a door that boards cannot have."""
        check_door(self.door)

    def fits(self, reply: Reply) -> bool:
        """Whether this is about the same door."""
        return isinstance(reply, DoorControl) and reply.door == self.door

    @property
    def told_apart(self) -> bool:
        """The door is in the answer."""
        return True


@dataclass(frozen=True, slots=True)
class AntipassbackSet(Done):
    """0x84: whether it holds."""

    CODE: ClassVar[int] = 0x84


@dataclass(frozen=True, slots=True)
class SetAntipassback(Request):
    """0x84: which readers a card must pass in turn."""

    antipassback: Antipassback | int

    CODE: ClassVar[int] = 0x84
    REPLY: ClassVar[type[Reply] | None] = AntipassbackSet
    LAYOUT: ClassVar[Construct] = Struct("antipassback" / Byte)
    CHOICES: ClassVar[Choices] = {"antipassback": Antipassback}

    def check(self) -> None:
        """Raise ValueError for a number that means nothing."""
        check_choice(self.antipassback, Antipassback, "anti-passback")


@dataclass(frozen=True, slots=True)
class AntipassbackHeld(Reply):
    """0x86: which readers a card must pass in turn."""

    antipassback: Antipassback | int

    CODE: ClassVar[int] = 0x86
    LAYOUT: ClassVar[Construct] = Struct("antipassback" / Byte)
    CHOICES: ClassVar[Choices] = {"antipassback": Antipassback}


@dataclass(frozen=True, slots=True)
class GetAntipassback(Request):
    """0x86: which readers must a card pass in turn? Old firmware may not answer."""

    CODE: ClassVar[int] = 0x86
    REPLY: ClassVar[type[Reply] | None] = AntipassbackHeld


@dataclass(frozen=True, slots=True)
class PasscodesSet(Done):
    """0x8c: whether they hold."""

    CODE: ClassVar[int] = 0x8C


@dataclass(frozen=True, slots=True)
class SetPasscodes(Request):
    """0x8c: the four codes that open a door whatever its mode; 0 is none."""

    door: int
    passcodes: FourNumbers = field(repr=False)

    CODE: ClassVar[int] = 0x8C
    REPLY: ClassVar[type[Reply] | None] = PasscodesSet
    LAYOUT: ClassVar[Construct] = Struct("door" / Byte, gap(3), "passcodes" / Bytes(16))
    FORMS: ClassVar[Forms] = {"passcodes": PASSCODES}

    def check(self) -> None:
        """Raise ValueError for an unknown door or more than six digits."""
        check_door(self.door)
        if len(self.passcodes) != DOORS:
            raise ValueError("a door has four passcodes")
        if not all(0 <= each <= MOST_PIN for each in self.passcodes):
            raise ValueError("a passcode has at most six digits")


@dataclass(frozen=True, slots=True)
class InterlockSet(Done):
    """0xa2: whether it holds."""

    CODE: ClassVar[int] = 0xA2


@dataclass(frozen=True, slots=True)
class SetInterlock(Request):
    """0xa2: of which doors only one may stand open."""

    interlock: Interlock | int

    CODE: ClassVar[int] = 0xA2
    REPLY: ClassVar[type[Reply] | None] = InterlockSet
    LAYOUT: ClassVar[Construct] = Struct("interlock" / Byte)
    CHOICES: ClassVar[Choices] = {"interlock": Interlock}

    def check(self) -> None:
        """Raise ValueError for a number that means nothing."""
        check_choice(self.interlock, Interlock, "interlock")


@dataclass(frozen=True, slots=True)
class KeypadsActivated(Done):
    """0xa4: whether it holds."""

    CODE: ClassVar[int] = 0xA4


@dataclass(frozen=True, slots=True)
class ActivateKeypads(Request):
    """0xa4: at which readers PINs and passcodes can be entered."""

    readers: FourFlags

    CODE: ClassVar[int] = 0xA4
    REPLY: ClassVar[type[Reply] | None] = KeypadsActivated
    LAYOUT: ClassVar[Construct] = Struct("readers" / Bytes(4))
    FORMS: ClassVar[Forms] = {"readers": FLAGS}


@dataclass(frozen=True, slots=True)
class FirstCardSet(Done):
    """0xaa: whether it holds."""

    CODE: ClassVar[int] = 0xAA


@dataclass(frozen=True, slots=True)
class SetFirstCard(Request):
    """0xaa: what a door does once its first card of the day came, and before that."""

    door: int
    start: Minute
    active: FirstCardMode | int
    end: Minute
    inactive: FirstCardMode | int
    weekdays: Weekdays

    CODE: ClassVar[int] = 0xAA
    REPLY: ClassVar[type[Reply] | None] = FirstCardSet
    LAYOUT: ClassVar[Construct] = Struct(
        "door" / Byte,
        "start" / Bytes(2),
        "active" / Byte,
        "end" / Bytes(2),
        "inactive" / Byte,
        "weekdays" / Bytes(7),
    )
    CHOICES: ClassVar[Choices] = {"active": FirstCardMode, "inactive": FirstCardMode}
    FORMS: ClassVar[Forms] = {"start": MINUTE, "end": MINUTE, "weekdays": FLAGS}

    def check(self) -> None:
        """Raise ValueError for an unknown door or mode."""
        check_door(self.door)
        check_choice(self.active, list(FirstCardMode)[:3], "first card mode inside the window")
        check_choice(self.inactive, FirstCardMode, "first card mode")
