"""How much a request asks to be looked at, counted before anybody looks.

Reading a request's records holds up every door: per object some 3 to 10 us, per other value
about 1 us. So both have a bound that keeps it below 10 ms, whatever they are; bytes say little,
as 256 KiB may be 24,000 empty records. What is read a little at a time has no need of it.
"""

from dataclasses import dataclass
from typing import Any

MOST_OBJECTS = 1_024  # in one request: records, and all objects in them
MOST_VALUES = 5_000  # the same, and lists, strings, numbers, true, false and null


@dataclass(frozen=True, slots=True)
class Extent:
    """How many objects there are, and how many values of any kind, objects among them."""

    objects: int
    values: int

    def __add__(self, other: "Extent") -> "Extent":
        """Return what both are together."""
        return Extent(self.objects + other.objects, self.values + other.values)

    @property
    def fits(self) -> bool:
        """Say whether a request may be as large."""
        return self.objects <= MOST_OBJECTS and self.values <= MOST_VALUES


def extent(document: object) -> Extent:
    """Count what is in a JSON value, and itself. The keys of objects do not count."""
    objects, values = 0, 1
    level: list[Any] = [document]
    while level:
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                objects += 1
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        values += len(inner)
        level = inner
    return Extent(objects, values)


def too_much(document: object) -> str | None:
    """Say what of it is too much for one request; None: nothing."""
    found = extent(document)
    if found.objects > MOST_OBJECTS:
        return _sentence(found.objects, "objects", MOST_OBJECTS)
    if found.values > MOST_VALUES:
        return _sentence(found.values, "values", MOST_VALUES)
    return None


def _sentence(count: int, what: str, most: int) -> str:
    return (
        f"{count} {what} in one request, at most {most}: "
        f"send several updates, or all anew with permissions.replace"
    )
