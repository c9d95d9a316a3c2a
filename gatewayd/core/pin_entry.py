"""The keys of one reader, put together into PINs.

* Digits are gathered. `#` (or `E`, enter) ends the entry; `*` (or `C`, clear) throws away
  what was keyed and ends it too. Before anything was keyed, enter means nothing.
* An entry begins with its first digit, or with `begin`: somebody showed a card and is asked
  for a PIN. It must be complete before `whole_seconds` are over, however the keys come, and
  each digit within `key_seconds` of the one before. What comes at the limit comes too late.
* Of more than `MAX_DIGITS` digits none are kept. Entered, they are a PIN that is too long,
  which whoever decides takes for a wrong one; they are never cut to one that might be right.
* Other keys mean nothing and gain no time.

Keys and digits are in no repr, record or message of an error. How many there are stays inside
as well.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hmac import compare_digest
from typing import ClassVar, NoReturn, Self

MAX_DIGITS = 10
KEY_SECONDS = 10.0  # from one key to the next
WHOLE_SECONDS = 30.0  # for all of a PIN

DIGITS = frozenset("0123456789")
ENTER = frozenset("#E")
CLEAR = frozenset("*C")


class SecretText:
    """Text that nobody sees by accident; only `reveal` gives it away."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment]  # the documented way to be unhashable
    WHAT: ClassVar[str]  # it is, in the plural

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that uses it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare with its like in constant time."""
        if not isinstance(other, type(self)):
            return NotImplemented
        return compare_digest(self._text.encode(), other._text.encode())

    def __repr__(self) -> str:
        """Say nothing, not even how long it is."""
        return f"<{self.WHAT}>"

    def __copy__(self) -> Self:
        """It never changes."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """It never changes."""
        return self

    def __reduce__(self) -> NoReturn:
        """Stay in this process."""
        raise TypeError(f"{self.WHAT} cannot be pickled")


class Digits(SecretText):
    """A PIN as it was keyed."""

    __slots__ = ()
    WHAT = "digits"


class Keys(SecretText):
    """Keys in the order in which they were pressed: digits, `#` and `*`."""

    __slots__ = ()
    WHAT = "keys"


@dataclass(frozen=True, slots=True)
class PinEntered:
    """A PIN of 1 to `MAX_DIGITS` digits is complete."""

    digits: Digits


@dataclass(frozen=True, slots=True)
class PinTooLong:
    """More digits were entered than any PIN has."""


@dataclass(frozen=True, slots=True)
class PinCancelled:
    """Somebody cleared what was keyed, or did not want to key anything."""


@dataclass(frozen=True, slots=True)
class PinTimedOut:
    """A PIN was begun or asked for, and was not complete in time."""


PinEvent = PinEntered | PinTooLong | PinCancelled | PinTimedOut


class PinEntry:
    """The PIN being keyed at one reader, if any."""

    def __init__(
        self, key_seconds: float = KEY_SECONDS, whole_seconds: float = WHOLE_SECONDS
    ) -> None:
        self._key_seconds = key_seconds
        self._whole_seconds = whole_seconds
        self._keyed = False  # whether there was a digit; with none kept, there were too many
        self._digits = ""
        self._key_limit = self._whole_limit = math.inf

    @property
    def deadline(self) -> float:
        """When `tick` is next needed, in monotonic seconds."""
        return min(self._key_limit, self._whole_limit)

    def begin(self, now: float) -> None:
        """Ask for a PIN. What was keyed before does not belong to it."""
        self._forget()
        self._whole_limit = now + self._whole_seconds

    def press(self, keys: str, now: float) -> list[PinEvent]:
        """Take keys in the order in which they were pressed."""
        events = self.tick(now)
        for key in keys:
            events += self._take(key, now)
        return events

    def tick(self, now: float) -> list[PinEvent]:
        """End an entry whose time is over."""
        if now < self.deadline:
            return []
        self._forget()
        return [PinTimedOut()]

    def _take(self, key: str, now: float) -> Iterator[PinEvent]:
        if key in DIGITS:
            self._gather(key, now)
        elif key in ENTER and self._keyed:
            yield PinEntered(Digits(self._digits)) if self._digits else PinTooLong()
            self._forget()
        elif key in CLEAR and self._whole_limit < math.inf:
            self._forget()
            yield PinCancelled()

    def _gather(self, digit: str, now: float) -> None:
        if self._whole_limit == math.inf:
            self._whole_limit = now + self._whole_seconds
        self._key_limit = now + self._key_seconds
        if not self._keyed:
            self._digits = digit
        elif self._digits:
            self._digits = self._digits + digit if len(self._digits) < MAX_DIGITS else ""
        self._keyed = True

    def _forget(self) -> None:
        self._keyed = False
        self._digits = ""
        self._key_limit = self._whole_limit = math.inf
