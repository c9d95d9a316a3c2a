"""Strategies for messages, drawn from their layouts; none can be left out."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from construct import Bytes, Construct, GreedyBytes
from hypothesis import strategies as st

from protocol.message import Message, Record, Records
from protocol.osdp.commands import (
    COMMANDS,
    ChallengeAuthenticate,
    GeneralAuthenticate,
    TransferFile,
)
from protocol.osdp.replies import REPLIES, Entry, Part, RawCard

Parted = TypeVar("Parted", Part, TransferFile, GeneralAuthenticate, ChallengeAuthenticate)
Spanned = TypeVar("Spanned", GeneralAuthenticate, ChallengeAuthenticate)

KINDS: tuple[type[Message], ...] = COMMANDS + REPLIES

# What a layout cannot say: numbers and bytes that have to agree.
_AGREE: dict[type[Record], Callable[[Any, st.DrawFn], Any]] = {}


def values(part: Construct) -> st.SearchStrategy[Any]:
    """Values that one field of a layout can carry."""
    if part is GreedyBytes:
        return st.binary(max_size=40)
    if isinstance(part, Bytes):
        return st.binary(min_size=part.sizeof(), max_size=part.sizeof())
    width = part.sizeof() * 8
    signed = part.fmtstr.islower()
    return st.integers(-(1 << width - 1) if signed else 0, (1 << width - signed) - 1)


def bodies_of(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Draw records or messages that the wire can carry."""
    if issubclass(kind, Records):
        return st.lists(bodies_of(kind.RECORD), max_size=5).map(lambda each: kind(tuple(each)))
    return _fitting(kind)


@st.composite
def _fitting(draw: st.DrawFn, kind: type[Record]) -> Record:
    parts = {each.name: each.subcon for each in kind.LAYOUT.subcons}
    drawn = kind(**{each.name: draw(values(parts[each.name])) for each in fields(kind)})
    for base, agree in _AGREE.items():
        if issubclass(kind, base):
            drawn = agree(drawn, draw)
    return drawn


def _raw(card: RawCard, draw: st.DrawFn) -> RawCard:
    unused = draw(st.integers(0, 7)) if card.data else 0
    last = bytes((card.data[-1] >> unused << unused,)) if card.data else b""
    return replace(card, bits=len(card.data) * 8 - unused, data=card.data[:-1] + last)


def _whole(part: Parted, draw: st.DrawFn) -> Parted:
    offset = draw(st.integers(0, 0xFF00))
    return replace(part, offset=offset, total=offset + len(part.data) + draw(st.integers(0, 9)))


def _span(part: Spanned, draw: st.DrawFn) -> Spanned:
    uncounted = draw(st.sampled_from([0, 2])) if len(part.data) >= 2 else 0
    whole = _whole(part, draw)
    return replace(
        whole, offset=0 if uncounted else whole.offset, span=len(part.data) - uncounted
    )


_AGREE |= {
    RawCard: _raw,
    Part: _whole,
    TransferFile: _whole,
    GeneralAuthenticate: _span,
    ChallengeAuthenticate: _span,
    Entry: lambda entry, draw: replace(entry, text=draw(st.text(max_size=9)).encode()),
}

messages: st.SearchStrategy[Message] = st.sampled_from(KINDS).flatmap(bodies_of)  # type: ignore[arg-type]  # kinds of messages make messages
