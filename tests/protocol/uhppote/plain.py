"""Messages in the plain words of a vector file."""

from dataclasses import fields, is_dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Any

from protocol.uhppote.values import Date, Minute, Moment, Segment, Time


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a field can hold
    """Turn a message, or what is in it, into what JSON can say."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    told = _words(value)
    if told is None and is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value if told is None else told


def _words(value: object) -> str | None:
    said: str | None = None
    match value:
        case Date():
            said = f"{value.year:04}-{value.month:02}-{value.day:02}"
        case Time():
            said = f"{value.hour:02}:{value.minute:02}:{value.second:02}"
        case Moment():
            said = f"{_words(value.date)} {_words(value.time)}"
        case Minute():
            said = f"{value.hour:02}:{value.minute:02}"
        case Segment():
            said = f"{_words(value.start)}-{_words(value.end)}"
        case IPv4Address():
            said = str(value)
        case IntEnum():
            said = value.name
    return said
