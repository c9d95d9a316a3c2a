"""The keys of one unit, and what a rotation does to them. Pure.

A unit has a current key, and while a new one is on its way to it, a pending one. Between the
moment the new key is sent and the next handshake nobody knows which of the two the unit has,
so both are kept until it has proved one. A unit that is commissioned has a pending key only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from gatewayd.edge.secret import Secret
from gatewayd.errors import UsageError


class KeyRefused(UsageError):
    """What was asked does not fit the keys that are held. Nothing was changed."""


class Slot(StrEnum):
    """Which of a unit's keys."""

    CURRENT = "current"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Keys:
    """Base keys (SCBK, 16 bytes) of one unit; none at all: it was never given one."""

    current: Secret | None = None
    pending: Secret | None = None

    def at(self, slot: Slot) -> Secret | None:
        """Return the key in a slot."""
        return self.current if slot is Slot.CURRENT else self.pending

    def all(self) -> Iterator[Secret]:
        """Return the keys there are."""
        yield from (key for key in (self.current, self.pending) if key is not None)

    def names(self) -> list[str]:
        """Return which slots have a key."""
        return [str(slot) for slot in Slot if self.at(slot) is not None]

    def with_first(self, key: Secret) -> "Keys":
        """Have the key the unit is known to have already. Again is fine, another is refused."""
        if self not in (Keys(), Keys(key)):
            raise KeyRefused("there is a key already: rotate it, or forget it first")
        return Keys(key)

    def beginning(self, new: Secret) -> "Keys":
        """Have a new key on its way."""
        if self.pending is not None:
            raise KeyRefused("a new key is on its way already and not yet proved")
        if new == self.current:
            raise KeyRefused("the new key is the one it has")
        return replace(self, pending=new)

    def beginning_anew(self, new: Secret) -> "Keys":
        """Have a new key on its way to a unit that has none of ours: a reset or another one.

        What was on its way before is dropped. The current one stays until the new one is
        proved: who it was taken from may come back.
        """
        if new in (self.current, self.pending):
            raise KeyRefused("the new key is one it had")
        return replace(self, pending=new)

    def proved(self, slot: Slot, among: "Keys") -> "Keys":
        """Learn that the unit has the key in `slot` of `among`, and not the other one.

        What changed after `among` was read is left alone: a handshake says nothing about a
        key that came later.
        """
        if among.at(slot) is None:
            raise KeyRefused(f"there is no {slot} key that could have been proved")
        if self != among:
            return self
        return Keys(current=among.at(slot))
