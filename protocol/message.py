"""A message is a frozen dataclass with a construct layout beside its fields.

This module is the only place where construct's untyped containers and foreign exceptions
exist: containers become dataclasses on the way in, exceptions become ours.

A layout is flat: fields of fixed size, and at its end perhaps `GreedyBytes`, the tail. A
field called `length` counts the tail and belongs to the layout only. Everything construct
could do beyond that it can only do interpreted, ten times slower; so records are read one by
one, numbers become enum members and bytes become dates here, and `check` says what a layout
cannot. Layouts are compiled when they are first used: compiling all of them takes longer than
importing them. The compiled code trusts its input, which is why lengths are checked before it
runs.

The few messages of the poll cycle have a hand-written path. Tests prove it equal to the
layout, which therefore remains the definition. Nothing here puts the content of a message
into an error text: it may be a key or a PIN.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, ClassVar, Self

from construct import Bytes, Construct, ConstructError, GreedyBytes, Struct

from protocol.errors import MalformedMessage, UnsendableMessage

LONGEST_BODY = 1433  # what the longest OSDP frame has left beside header, code and checksum

Choices = Mapping[str, type[IntEnum]]


@dataclass(frozen=True, slots=True)
class Form:
    """What the bytes of a field mean; both ways raise ValueError, without naming a value."""

    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


Forms = Mapping[str, Form]

_COUNT = "length"
_UNFIT = (ConstructError, struct.error, TypeError)  # compiled code lets the last two through


@dataclass(frozen=True, slots=True)
class Record:
    """Fields with a layout: a whole message, or one of several alike inside a message."""

    LAYOUT: ClassVar[Construct] = Struct()
    CHOICES: ClassVar[Choices] = {}  # numbers unknown to them stay numbers
    FORMS: ClassVar[Forms] = {}  # for fields that the layout holds as `Bytes`

    def encode(self) -> bytes:
        """Return the bytes on the wire; for a message, those after its code.

        Raises UnsendableMessage if a field holds what the wire cannot carry.
        """
        return _plan(type(self)).build(self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a body; every byte of it must belong to the message.

        Raises MalformedMessage.
        """
        _check_bound(cls, body)
        return cls._checked(cls(**_plan(cls).read(cls, cls.tolerate(body))), body)

    @classmethod
    def tolerate(cls, body: bytes) -> bytes:
        """Turn what units really send into what the standard says."""
        return body

    def check(self) -> None:
        """Raise ValueError for what does not fit together, without naming a value."""

    @classmethod
    def _checked(cls, message: Self, body: bytes) -> Self:
        try:
            message.check()
        except ValueError as exc:
            raise malformed(cls, body, str(exc)) from None
        return message


@dataclass(frozen=True, slots=True)
class Message(Record):
    """Base of every command and reply."""

    CODE: ClassVar[int]


@dataclass(frozen=True, slots=True)
class Bare(Message):
    """A message without a body."""

    def encode(self) -> bytes:
        """Return nothing: the code says it all."""
        return b""

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a body that must be empty; raises MalformedMessage."""
        if body:
            raise malformed(cls, body, "it has none")
        return cls()


@dataclass(frozen=True, slots=True)
class Records(Message):
    """A message that is nothing but records, all of the same size."""

    records: tuple[Record, ...]

    RECORD: ClassVar[type[Record]]

    def encode(self) -> bytes:
        """Return all records, one after the other; raises UnsendableMessage."""
        return self._bounded(b"".join([each.encode() for each in self.records]))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read records to the end of the body; raises MalformedMessage."""
        _check_bound(cls, body)
        size = _plan(cls.RECORD).head
        if len(body) % size:
            raise malformed(cls, body, f"records have {size} bytes")
        starts = range(0, len(body), size)
        return cls(tuple([cls.RECORD.decode(body[at : at + size]) for at in starts]))

    def _bounded(self, body: bytes) -> bytes:
        if len(body) > LONGEST_BODY:
            raise UnsendableMessage(f"{type(self).__name__} of {len(body)} bytes is too long")
        return body


def malformed(kind: type[Record], body: bytes, why: str) -> MalformedMessage:
    """Say what did not fit, without saying what was in it."""
    return MalformedMessage(f"{kind.__name__} with a body of {len(body)} bytes: {why}")


def known(choices: type[IntEnum]) -> dict[int, IntEnum]:
    """Return the members of an enum by number."""
    return {int(member): member for member in choices}


def _check_bound(kind: type[Record], body: bytes) -> None:
    if len(body) > LONGEST_BODY:
        raise malformed(kind, body, f"{LONGEST_BODY} is the longest")


class _Plan:
    """What is worked out once about a layout."""

    def __init__(self, kind: type[Record]) -> None:
        layout = kind.LAYOUT
        self.names = tuple(each.name for each in fields(kind))
        self.parts = {each.name: each.subcon for each in layout.subcons if each.name}
        self.tail = next((name for name, part in self.parts.items() if part is GreedyBytes), "")
        self.head = sum(each.sizeof() for each in layout.subcons if each.name != self.tail)
        self.counted = _COUNT in self.parts
        self.sizes = {
            name: part.sizeof() for name, part in self.parts.items() if isinstance(part, Bytes)
        }
        self.choices = {name: known(enum) for name, enum in kind.CHOICES.items()}
        self.forms = kind.FORMS
        self.compiled: Any = layout.compile()

    def read(self, kind: type[Record], body: bytes) -> dict[str, Any]:
        """Parse a body into the fields of its dataclass."""
        if len(body) < self.head or (not self.tail and len(body) > self.head):
            raise malformed(kind, body, f"must be {self.head}{' or more' if self.tail else ''}")
        parsed = self.compiled.parse(body)
        if self.counted and parsed[_COUNT] != len(body) - self.head:
            raise malformed(kind, body, f"its count does not match its {self.tail}")
        values = {name: parsed[name] for name in self.names}
        for name, members in self.choices.items():
            values[name] = members.get(values[name], values[name])
        try:
            for name, form in self.forms.items():
                values[name] = form.read(values[name])
        except ValueError as exc:
            raise malformed(kind, body, str(exc)) from None
        return values

    def build(self, message: Record) -> bytes:
        """Lay out the fields of a dataclass."""
        values = {name: getattr(message, name) for name in self.names}
        try:
            message.check()
            for name, form in self.forms.items():
                values[name] = form.write(values[name])
            self._complete(values)
            body = bytes(self.compiled.build(values))
        except ValueError as exc:
            raise UnsendableMessage(f"{type(message).__name__}: {exc}") from None
        except _UNFIT:
            blamed = self._blame(values)
            raise UnsendableMessage(
                f"{type(message).__name__}: {blamed} does not fit the wire"
            ) from None
        if len(body) > LONGEST_BODY:
            raise UnsendableMessage(
                f"{type(message).__name__} of {len(body)} bytes is too long"
            )
        return body

    def _complete(self, values: dict[str, Any]) -> None:
        """Count the tail; measure what must have a certain size."""
        if self.counted:
            values[_COUNT] = len(values[self.tail])
        for name, size in self.sizes.items():
            if len(values[name]) != size:
                raise ValueError(f"{name} must have {size} bytes")

    def _blame(self, values: Mapping[str, Any]) -> str:
        """Name the field that does not fit, never what is in it."""
        misfits = (name for name, part in self.parts.items() if not _fits(part, values, name))
        blamed = next(misfits, "a field")
        return self.tail if blamed == _COUNT else blamed


def _fits(part: Any, values: Mapping[str, Any], name: str) -> bool:
    try:
        part.build(values[name])
    except (KeyError, *_UNFIT):
        return False
    return True


_PLANS: dict[type[Record], _Plan] = {}  # one for each class that was used


def _plan(kind: type[Record]) -> _Plan:
    plan = _PLANS.get(kind)
    if plan is None:
        plan = _PLANS[kind] = _Plan(kind)
    return plan
