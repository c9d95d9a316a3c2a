"""The file's tables as written, of which any may have the wrong type or be missing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gatewayd.tables import Table

KINDS = {
    "lock": "output",
    "reader": "reader",
    "exit_reader": "reader",
    "contact": "input",
    "exit_button": "input",
}


class Use(NamedTuple):
    """One reader, input or output of a controller, and the key that names it."""

    key: str  # "doors.lobby.lock"
    kind: str
    controller: str
    number: int

    @property
    def what(self) -> tuple[str, str, int]:
        """What is used, whoever uses it."""
        return self.kind, self.controller, self.number


def tables(data: Table, section: str) -> dict[str, Table]:
    """Return the entries of a section that are tables."""
    entries = table(data, section).items()
    return {name: entry for name, entry in entries if isinstance(entry, Mapping)}


def names(data: Table, section: str) -> Iterable[str]:
    """Return every name, also of entries that are wrong in themselves: they are not missing."""
    return table(data, section)


def table(data: Table, key: str) -> Table:
    """Return a table, empty if there is none."""
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def use(key: str, kind: str, value: object) -> Iterator[Use]:
    """Yield what a table names, if it is written well enough to compare."""
    match value:
        case {"controller": str(controller), "number": int(number)}:
            yield Use(key, kind, controller, number)
        case {"controller": str(controller), **rest} if "number" not in rest:
            yield Use(key, kind, controller, 0)


def purposes(data: Table) -> Iterator[Use]:
    """Yield everything that serves one purpose only: parts of doors, and fire inputs."""
    for door, parts in tables(data, "doors").items():
        for part, kind in KINDS.items():
            yield from use(f"doors.{door}.{part}", kind, parts.get(part))
    for name, fire in tables(data, "fire").items():
        yield from use(f"fire.{name}.input", "input", fire.get("input"))


def taken(data: Table) -> dict[tuple[str, str, int], str]:
    """Return which key each of these is first used by."""
    first: dict[tuple[str, str, int], str] = {}
    for each in purposes(data):
        first.setdefault(each.what, each.key)
    return first
