"""A message in words, for somebody who reads a trace.

    RawCard(reader=0, format=WIEGAND, bits=26, data=(4 bytes))

What is private (`trace_mask.PRIVATE`) is shown by its length, unless asked otherwise. Keys
and cryptograms are never shown: a cryptogram is enough to try weak keys on.
"""

from dataclasses import fields
from enum import IntEnum

from protocol.message import Record
from protocol.osdp.cards import FormattedCard, RawCard
from protocol.osdp.handshake import (
    ClientCryptogram,
    InitialRMac,
    ServerCryptogram,
    SetKey,
)
from protocol.osdp.trace_mask import PRIVATE

SECRET = (SetKey, ServerCryptogram, ClientCryptogram, InitialRMac)

_CARDS = {RawCard: "data", FormattedCard: "characters"}  # which `repr` shows


def describe(message: Record, *, unmasked: bool = False) -> str:
    """Return a message in words; `unmasked` shows cards, digits and data, never keys."""
    hidden = _hidden(message, unmasked=unmasked)
    said = [
        f"{each.name}={_value(getattr(message, each.name), hidden=each.name in hidden)}"
        for each in fields(message)
    ]
    return f"{type(message).__name__}({', '.join(said)})"


def _hidden(message: Record, *, unmasked: bool) -> set[str]:
    kind = type(message)
    if unmasked and kind in PRIVATE and kind not in SECRET:
        return set()
    return {each.name for each in fields(message) if not each.repr} | {_CARDS.get(kind, "")}


def _value(value: object, *, hidden: bool) -> str:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)" if hidden else value.hex() or "-"
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each, hidden=hidden) for each in value)}]"
    if isinstance(value, IntEnum):
        return value.name
    return describe(value) if isinstance(value, Record) else str(value)
