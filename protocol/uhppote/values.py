"""Dates, times and flags as UHPPOTE boards write them, each with its form on the wire.

Dates and times are binary-coded decimals in the board's own local time, without a zone. They
are values of their own here because this ring has no clock. Boards that lost theirs, or never
had one, send what is no date at all: where a board speaks, that reads as None, the same as
"none", and whoever depends on the time must treat None as a fault. Where a host speaks, it is
an error.

A flag is 0 or 1. Boards leave odd bytes where a door does not exist, so what a board says is
true if it is not 0; what a host says must be exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TypeVar

from protocol.message import Form

Value = TypeVar("Value")

MOST_PIN = 999_999  # six digits
NO_PIN = 0

_DIGITS = {high * 16 + low: high * 10 + low for high in range(10) for low in range(10)}
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_BCD = bytes(number // 10 * 16 + number % 10 for number in range(100))


@dataclass(frozen=True, slots=True, order=True)
class Date:
    """A day; raises ValueError if there is no such day between the years 1 and 9999."""

    year: int
    month: int
    day: int

    def __post_init__(self) -> None:
        """Raise ValueError for what does not exist."""
        if not (1 <= self.year <= 9999 and 1 <= self.month <= 12):
            raise ValueError("no such date")
        leap = self.year % 4 == 0 and (self.year % 100 != 0 or self.year % 400 == 0)
        if not 1 <= self.day <= _DAYS[self.month - 1] + (leap and self.month == 2):
            raise ValueError("no such date")


@dataclass(frozen=True, slots=True, order=True)
class Time:
    """A second of a day; raises ValueError if there is none like it."""

    hour: int
    minute: int
    second: int

    def __post_init__(self) -> None:
        """Raise ValueError for what does not exist."""
        if not (0 <= self.hour <= 23 and 0 <= self.minute <= 59 and 0 <= self.second <= 59):
            raise ValueError("no such time")


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A second, in the board's local time."""

    date: Date
    time: Time


@dataclass(frozen=True, slots=True, order=True)
class Minute:
    """A minute of a day, 00:00 to 24:00; raises ValueError for others."""

    hour: int
    minute: int

    def __post_init__(self) -> None:
        """Raise ValueError for what does not exist."""
        inside = 0 <= self.hour <= 23 and 0 <= self.minute <= 59
        if not inside and (self.hour, self.minute) != (24, 0):
            raise ValueError("no such minute")


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a day; None is a minute that cannot be read."""

    start: Minute | None
    end: Minute | None


MIDNIGHT = Minute(0, 0)
END_OF_DAY = Minute(24, 0)
NO_SEGMENT = Segment(MIDNIGHT, MIDNIGHT)
_NO_DATE = Date(1, 1, 1)

Segments = tuple[Segment, Segment, Segment]
Weekdays = tuple[bool, bool, bool, bool, bool, bool, bool]  # from Monday
FourFlags = tuple[bool, bool, bool, bool]
FourNumbers = tuple[int, int, int, int]

EVERY_DAY: Weekdays = (True, True, True, True, True, True, True)


# --- reading ------------------------------------------------------------------------------


def read_date(raw: bytes) -> Date | None:
    """Read YYYYMMDD; None for nothing and for year 1. Raises ValueError."""
    if not any(raw):
        return None
    century, year, month, day = _numbers(raw)
    date = Date(century * 100 + year, month, day)
    return None if date == _NO_DATE else date


def read_moment(raw: bytes) -> Moment | None:
    """Read YYYYMMDDhhmmss; None for nothing. Raises ValueError."""
    date = read_date(raw[:4])
    return None if date is None else Moment(date, read_time(raw[4:]))


def read_short_date(raw: bytes) -> Date | None:
    """Read YYMMDD of this century; None for nothing. Raises ValueError."""
    return read_date(b"\x20" + raw) if any(raw) else None


def read_time(raw: bytes) -> Time:
    """Read hhmmss; raises ValueError."""
    return Time(*_numbers(raw))


def read_minute(raw: bytes) -> Minute:
    """Read HHmm; raises ValueError."""
    return Minute(*_numbers(raw))


def _numbers(raw: bytes) -> list[int]:
    try:
        return [_DIGITS[byte] for byte in raw]
    except KeyError:
        raise ValueError("these are not decimal digits") from None


def _if_sound(read: Callable[[bytes], Value]) -> Callable[[bytes], Value | None]:
    def tolerant(raw: bytes) -> Value | None:
        try:
            return read(raw)
        except ValueError:
            return None

    return tolerant


def _read_flags(raw: bytes) -> tuple[bool, ...]:
    if any(byte > 1 for byte in raw):
        raise ValueError("a flag is 0 or 1")
    return _read_loose_flags(raw)


def _read_loose_flags(raw: bytes) -> tuple[bool, ...]:
    return tuple([byte != 0 for byte in raw])


def _read_flag(raw: bytes) -> bool:
    return _read_flags(raw)[0]


def _read_segments(raw: bytes) -> tuple[Segment, ...]:
    read = _if_sound(read_minute)
    minutes = [read(raw[at : at + 2]) for at in range(0, len(raw), 2)]
    return tuple(map(Segment, minutes[::2], minutes[1::2]))


def _read_sound_segments(raw: bytes) -> tuple[Segment, ...]:
    segments = _read_segments(raw)
    if any(each.start is None or each.end is None for each in segments):
        raise ValueError("no such minute")
    return segments


def _read_version(raw: bytes) -> str:
    return f"{raw[0]:x}.{raw[1]:02x}"


# --- writing ------------------------------------------------------------------------------


def write_date(date: Date | None) -> bytes:
    """Write YYYYMMDD, or nothing."""
    if date is None:
        return bytes(4)
    return bytes((_BCD[date.year // 100], _BCD[date.year % 100], *_month_and_day(date)))


def write_moment(moment: Moment | None) -> bytes:
    """Write YYYYMMDDhhmmss, or nothing."""
    if moment is None:
        return bytes(7)
    return write_date(moment.date) + write_time(moment.time)


def _write_short_date(date: Date | None) -> bytes:
    if date is None:
        return bytes(3)
    if date.year // 100 != 20:
        raise ValueError("the year of a short date is one of this century")
    return bytes((_BCD[date.year % 100], *_month_and_day(date)))


def _month_and_day(date: Date) -> tuple[int, int]:
    return _BCD[date.month], _BCD[date.day]


def write_time(time: Time | None) -> bytes:
    """Write hhmmss; midnight if there is none."""
    if time is None:
        return bytes(3)
    return bytes((_BCD[time.hour], _BCD[time.minute], _BCD[time.second]))


def write_minute(minute: Minute | None) -> bytes:
    """Write HHmm; raises ValueError for None, which is only ever read."""
    if minute is None:
        raise ValueError("a minute is missing")
    return bytes((_BCD[minute.hour], _BCD[minute.minute]))


def _write_segments(segments: Segments) -> bytes:
    return b"".join([write_minute(each.start) + write_minute(each.end) for each in segments])


def _write_pin(pin: int) -> bytes:
    if not 0 <= pin < 1 << 24:
        raise ValueError("the PIN does not fit three bytes")
    return pin.to_bytes(3, "little")


def _read_pin(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _write_flag(flag: bool) -> bytes:  # noqa: FBT001 - the form of a flag
    return bytes((flag,))


def _write_passcodes(passcodes: FourNumbers) -> bytes:
    return b"".join([each.to_bytes(4, "little") for each in passcodes])


def _read_passcodes(raw: bytes) -> tuple[int, ...]:
    return tuple([_read_pin(raw[at : at + 4]) for at in range(0, len(raw), 4)])


def _write_version(version: str) -> bytes:
    major, minor = version.split(".")
    return bytes((int(major, 16), int(minor, 16)))


DATE = Form(read_date, write_date)
LOOSE_DATE = Form(_if_sound(read_date), write_date)
LOOSE_SHORT_DATE = Form(_if_sound(read_short_date), _write_short_date)
MOMENT = Form(read_moment, write_moment)
LOOSE_MOMENT = Form(_if_sound(read_moment), write_moment)
LOOSE_TIME = Form(_if_sound(read_time), write_time)
MINUTE = Form(read_minute, write_minute)
SEGMENTS = Form(_read_sound_segments, _write_segments)
LOOSE_SEGMENTS = Form(_read_segments, _write_segments)
FLAG = Form(_read_flag, _write_flag)
FLAGS = Form(_read_flags, bytes)
LOOSE_FLAGS = Form(_read_loose_flags, bytes)
NUMBERS = Form(tuple, bytes)
PIN = Form(_read_pin, _write_pin)
PASSCODES = Form(_read_passcodes, _write_passcodes)
ADDRESS = Form(IPv4Address, lambda address: address.packed)
VERSION = Form(_read_version, _write_version)
