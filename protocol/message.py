"""A message is a frozen dataclass with a construct layout beside its fields.

This module is the only place where construct's untyped containers and foreign exceptions
exist: containers become dataclasses on the way in, exceptions become ours.

Layouts are compiled when they are first used, not at import: compiling all of them takes
longer than starting the daemon. What construct cannot compile stays interpreted. The few
messages of the poll cycle have a hand-written path beside their layout; tests prove both
equal, so the layout remains the definition.

Nothing here puts the bytes of a message into an error text: they may be a key or a PIN.
"""

import struct
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, ClassVar, Self, TypeVar

from construct import Construct, ConstructError, ExprAdapter, GreedyRange, Struct, Terminated

from protocol.errors import MalformedMessage, UnsendableMessage

# What construct's compiled code raises where its interpreter names the trouble.
_FOREIGN = (ConstructError, struct.error, ValueError, TypeError, KeyError, IndexError)

Enumeration = TypeVar("Enumeration", bound=IntEnum)


@dataclass(frozen=True, slots=True)
class Message:
    """Base of every command and reply."""

    CODE: ClassVar[int]
    LAYOUT: ClassVar[Construct] = Struct()

    def encode(self) -> bytes:
        """Return the body that follows the message code on the wire.

        Raises UnsendableMessage if a field holds what the wire cannot carry.
        """
        return lay_out(self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a body; every byte of it must belong to the message.

        Raises MalformedMessage.
        """
        return cls(**read(cls, body))


def lay_out(message: Message) -> bytes:
    """Build a body from the layout, whatever faster path the message may have."""
    try:
        return bytes(_layout(type(message)).build(_values(message)))
    except _FOREIGN as exc:
        raise UnsendableMessage(f"{type(message).__name__}: {type(exc).__name__}") from None


def read(kind: type[Message], body: bytes) -> dict[str, Any]:
    """Parse a body by the layout into the fields of `kind`."""
    try:
        parsed = _layout(kind).parse(body)
        return {name: parsed[name] for name in _names(kind)}
    except _FOREIGN as exc:
        raise malformed(kind, body, type(exc).__name__) from None


def malformed(kind: type[Message], body: bytes, why: str) -> MalformedMessage:
    """Say what did not fit, without saying what was in it."""
    return MalformedMessage(f"{kind.__name__} of {len(body)} bytes: {why}")


def record(kind: type[Any], layout: Construct) -> Construct:
    """Lay out a frozen dataclass inside a message."""
    names = [each.name for each in fields(kind)]
    return ExprAdapter(
        layout,
        lambda parsed, _: kind(**{name: parsed[name] for name in names}),
        lambda value, _: {name: getattr(value, name) for name in names},
    )


def many(subcon: Construct) -> Construct:
    """Lay out a tuple that fills the rest of the body."""
    return ExprAdapter(
        GreedyRange(subcon), lambda parsed, _: tuple(parsed), lambda value, _: value
    )


def one_of(subcon: Construct, choices: type[Enumeration]) -> Construct:
    """Lay out an enum member as the number behind it; other numbers stay numbers.

    A unit that says something newer than this program must be readable all the same.
    """
    known = {int(member): member for member in choices}
    return ExprAdapter(subcon, lambda raw, _: known.get(raw, raw), lambda value, _: int(value))


_LAYOUTS: dict[type[Message], Construct] = {}
_NAMES: dict[type[Message], tuple[str, ...]] = {}


def _layout(kind: type[Message]) -> Construct:
    """Return the layout with an end, compiled if construct can."""
    layout = _LAYOUTS.get(kind)
    if layout is None:
        layout = Struct(*kind.LAYOUT.subcons, Terminated)
        with suppress(NotImplementedError, ConstructError):
            layout = layout.compile()
        _LAYOUTS[kind] = layout
    return layout


def _names(kind: type[Message]) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(each.name for each in fields(kind))
    return names


def _values(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in _names(type(message))}
