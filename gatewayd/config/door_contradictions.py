"""What is wrong between doors, fire inputs and the controllers they hang on."""

from collections.abc import Iterator, Mapping

from gatewayd.config.loose import names, purposes, tables, taken
from gatewayd.config.sections import DoorTable
from gatewayd.tables import Table, Wrong


def about_doors(data: Table) -> Iterator[Wrong]:
    """Look at the tables as written."""
    yield from _unknown_controllers(data)
    yield from _shared_parts(data)
    for name, door in tables(data, "doors").items():
        yield from _late_warning(name, door)
        yield from _short_extensions(name, door)
        match door:
            case {"inside": str(inside), "outside": str(outside)} if inside == outside:
                yield (f"doors.{name}.outside", "must be another area than inside")
    yield from _fires(data)


def _unknown_controllers(data: Table) -> Iterator[Wrong]:
    for each in purposes(data):
        if each.controller not in names(data, "controllers"):
            yield (f"{each.key}.controller", f"there is no controller {each.controller}")


def _shared_parts(data: Table) -> Iterator[Wrong]:
    """One output, reader or input serves one purpose at one door."""
    first = taken(data)
    for each in purposes(data):
        if first[each.what] != each.key:
            what = f"{each.kind} {each.number} of {each.controller}"
            yield (each.key, f"{what} is {first[each.what]} already")


def _fires(data: Table) -> Iterator[Wrong]:
    for name, fire in tables(data, "fire").items():
        doors = fire.get("doors")
        if doors == []:
            yield (f"fire.{name}.doors", "names no door; leave it out to name all")
        for number, door in enumerate(doors if isinstance(doors, list) else ()):
            if isinstance(door, str) and door not in names(data, "doors"):
                yield (f"fire.{name}.doors.{number}", f"there is no door {door}")


def _defaults() -> Mapping[str, object]:
    return {key: field.default for key, field in DoorTable.model_fields.items()}


def _late_warning(name: str, door: Table) -> Iterator[Wrong]:
    match {**_defaults(), **door}:
        case {
            "prealarm_seconds": (int() | float()) as prealarm,
            "open_seconds": (int() | float()) as longest,
        } if prealarm >= longest:
            yield (
                f"doors.{name}.prealarm_seconds",
                f"{prealarm:g} must be less than open_seconds, which is {longest:g}",
            )


def _short_extensions(name: str, door: Table) -> Iterator[Wrong]:
    for key in ("release_seconds", "open_seconds"):
        usual, extended = {**_defaults(), **door}[key], door.get(f"extended_{key}")
        match usual, extended:
            case ((int() | float()), (int() | float())) if extended < usual:
                yield (
                    f"doors.{name}.extended_{key}",
                    f"{extended:g} must be at least {key}, which is {usual:g}",
                )
