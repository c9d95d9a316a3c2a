"""The clock, time profiles and tasks of a board: 0x30, 0x32, 0x88, 0x8a, 0x98, 0xa6 to 0xac.

The clock is local time; no board knows zones or summer time, so it is the host that moves it.
Time profiles know no holidays. Tasks hold only after `RefreshTasks`, and cannot be read back:
clear, add each, refresh.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from construct import Byte, Bytes, Construct, Struct

from protocol.message import Choices, Form, Forms
from protocol.uhppote.cards import FIRST_PROFILE, LAST_PROFILE
from protocol.uhppote.message import (
    Done,
    Guarded,
    Reply,
    Request,
    check_choice,
    check_door,
)
from protocol.uhppote.values import (
    DATE,
    FLAGS,
    LOOSE_DATE,
    LOOSE_FLAGS,
    LOOSE_MOMENT,
    LOOSE_SEGMENTS,
    MINUTE,
    MOMENT,
    NO_SEGMENT,
    SEGMENTS,
    Date,
    Minute,
    Moment,
    Segments,
    Weekdays,
)

NO_PROFILE = 0


class TaskKind(IntEnum):
    """What a task does to its door, as numbered on the wire."""

    CONTROLLED = 0
    NORMALLY_OPEN = 1
    NORMALLY_CLOSED = 2
    IGNORE_PROFILES = 3
    HEED_PROFILES = 4
    CARD_ONLY = 5
    CARD_AND_PIN_IN = 6
    CARD_AND_PIN = 7
    MORE_CARDS = 8
    ONE_CARD = 9
    PULSE = 10
    DISABLE_BUTTON = 11
    ENABLE_BUTTON = 12


# --- the clock ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimeSet(Reply):
    """0x30: the clock as it was set."""

    now: Moment | None

    CODE: ClassVar[int] = 0x30
    LAYOUT: ClassVar[Construct] = Struct("now" / Bytes(7))
    FORMS: ClassVar[Forms] = {"now": LOOSE_MOMENT}


def _sound_moment(raw: bytes) -> Moment:
    moment: Moment | None = MOMENT.read(raw)
    if moment is None:
        raise ValueError("there is no time in it")
    return moment


@dataclass(frozen=True, slots=True)
class SetTime(Request):
    """0x30: set the clock, in local time."""

    now: Moment

    CODE: ClassVar[int] = 0x30
    REPLY: ClassVar[type[Reply] | None] = TimeSet
    LAYOUT: ClassVar[Construct] = Struct("now" / Bytes(7))
    FORMS: ClassVar[Forms] = {"now": Form(_sound_moment, MOMENT.write)}


@dataclass(frozen=True, slots=True)
class TimeHeld(TimeSet):
    """0x32: the clock; None is a fault."""

    CODE: ClassVar[int] = 0x32


@dataclass(frozen=True, slots=True)
class GetTime(Request):
    """0x32: what time is it?"""

    CODE: ClassVar[int] = 0x32
    REPLY: ClassVar[type[Reply] | None] = TimeHeld


# --- time profiles ------------------------------------------------------------------------


_NO_DAYS: Weekdays = (False, False, False, False, False, False, False)
_NO_SEGMENTS: Segments = (NO_SEGMENT, NO_SEGMENT, NO_SEGMENT)
_PROFILE = Struct(
    "profile" / Byte,
    "start" / Bytes(4),
    "end" / Bytes(4),
    "weekdays" / Bytes(7),
    "segments" / Bytes(12),
    "linked" / Byte,
)


def check_profile(profile: int) -> None:
    """Raise ValueError for a number that no time profile can have."""
    if not FIRST_PROFILE <= profile <= LAST_PROFILE:
        raise ValueError("time profiles are numbered 2 to 254")


@dataclass(frozen=True, slots=True)
class ProfileSet(Done):
    """0x88: whether it is stored."""

    CODE: ClassVar[int] = 0x88


@dataclass(frozen=True, slots=True)
class SetProfile(Request):
    """0x88: when a card with this profile may pass; `linked` adds another profile's times."""

    profile: int
    start: Date | None
    end: Date | None
    weekdays: Weekdays
    segments: Segments
    linked: int = NO_PROFILE

    CODE: ClassVar[int] = 0x88
    REPLY: ClassVar[type[Reply] | None] = ProfileSet
    LAYOUT: ClassVar[Construct] = _PROFILE
    FORMS: ClassVar[Forms] = {
        "start": DATE,
        "end": DATE,
        "weekdays": FLAGS,
        "segments": SEGMENTS,
    }

    def check(self) -> None:
        """Raise ValueError for a number that no time profile can have, or a link to itself."""
        check_profile(self.profile)
        if self.linked != NO_PROFILE:
            check_profile(self.linked)
        if self.linked == self.profile:
            raise ValueError("a time profile cannot go on with itself")


@dataclass(frozen=True, slots=True)
class ProfilesCleared(Done):
    """0x8a: whether all are gone."""

    CODE: ClassVar[int] = 0x8A


@dataclass(frozen=True, slots=True)
class ClearProfiles(Guarded):
    """0x8a: forget all time profiles."""

    CODE: ClassVar[int] = 0x8A
    REPLY: ClassVar[type[Reply] | None] = ProfilesCleared


@dataclass(frozen=True, slots=True)
class Profile(Reply):
    """0x98: a time profile as it is stored; profile 0 if it is not."""

    profile: int = NO_PROFILE
    start: Date | None = None
    end: Date | None = None
    weekdays: Weekdays = _NO_DAYS
    segments: Segments = _NO_SEGMENTS
    linked: int = NO_PROFILE

    CODE: ClassVar[int] = 0x98
    LAYOUT: ClassVar[Construct] = _PROFILE
    FORMS: ClassVar[Forms] = {
        "start": LOOSE_DATE,
        "end": LOOSE_DATE,
        "weekdays": LOOSE_FLAGS,
        "segments": LOOSE_SEGMENTS,
    }


@dataclass(frozen=True, slots=True)
class GetProfile(Request):
    """0x98: what is stored of this time profile?"""

    profile: int

    CODE: ClassVar[int] = 0x98
    REPLY: ClassVar[type[Reply] | None] = Profile
    LAYOUT: ClassVar[Construct] = Struct("profile" / Byte)

    def check(self) -> None:
        """Raise ValueError for a number that no time profile can have."""
        check_profile(self.profile)

    def fits(self, reply: Reply) -> bool:
        """Whether this is the profile asked for, or the answer that it is not stored."""
        return type(reply) is Profile and reply.profile in (NO_PROFILE, self.profile)


# --- tasks --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TasksCleared(Done):
    """0xa6: whether all are gone."""

    CODE: ClassVar[int] = 0xA6


@dataclass(frozen=True, slots=True)
class ClearTasks(Guarded):
    """0xa6: forget all tasks."""

    CODE: ClassVar[int] = 0xA6
    REPLY: ClassVar[type[Reply] | None] = TasksCleared


@dataclass(frozen=True, slots=True)
class TaskAdded(Done):
    """0xa8: whether it is stored."""

    CODE: ClassVar[int] = 0xA8


@dataclass(frozen=True, slots=True)
class AddTask(Request):
    """0xa8: what a door does at a time of day. Twice makes two tasks, so it is not repeated."""

    start: Date | None
    end: Date | None
    weekdays: Weekdays
    at: Minute
    door: int
    kind: TaskKind | int
    cards: int = 0  # of `MORE_CARDS`

    CODE: ClassVar[int] = 0xA8
    REPEATABLE: ClassVar[bool] = False
    REPLY: ClassVar[type[Reply] | None] = TaskAdded
    LAYOUT: ClassVar[Construct] = Struct(
        "start" / Bytes(4),
        "end" / Bytes(4),
        "weekdays" / Bytes(7),
        "at" / Bytes(2),
        "door" / Byte,
        "kind" / Byte,
        "cards" / Byte,
    )
    CHOICES: ClassVar[Choices] = {"kind": TaskKind}
    FORMS: ClassVar[Forms] = {"start": DATE, "end": DATE, "weekdays": FLAGS, "at": MINUTE}

    def check(self) -> None:
        """Raise ValueError for an unknown door or task."""
        check_door(self.door)
        check_choice(self.kind, TaskKind, "task")


@dataclass(frozen=True, slots=True)
class TasksRefreshed(Done):
    """0xac: whether they hold."""

    CODE: ClassVar[int] = 0xAC


@dataclass(frozen=True, slots=True)
class RefreshTasks(Guarded):
    """0xac: let the tasks added hold."""

    CODE: ClassVar[int] = 0xAC
    REPLY: ClassVar[type[Reply] | None] = TasksRefreshed
