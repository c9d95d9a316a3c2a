"""What two values of config.toml say of each other.

Looked for in the tables as they stand in the file, so that one wrong value hides no other
mistake; whatever has the wrong type is passed over here, pydantic names it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from gatewayd.config.sections import DoorTable
from gatewayd.config.values import NUL
from gatewayd.tables import Table, Wrong


def contradictions(data: Table) -> Iterator[Wrong]:
    """Look at the tables as written; whatever has the wrong type is passed over here."""
    yield from _mqtt_halves(data.get("mqtt"))
    yield from _shared_ports(_tables(data, "lines"))
    yield from _controllers(_tables(data, "controllers"), _names(data, "lines"))
    doors, controllers = _tables(data, "doors"), _names(data, "controllers")
    yield from _unknown_controllers(doors, controllers)
    yield from _shared_parts(doors)
    yield from _late_warnings(doors)


def _tables(data: Table, section: str) -> dict[str, Table]:
    table = data.get(section)
    entries = table.items() if isinstance(table, Mapping) else ()
    return {name: entry for name, entry in entries if isinstance(entry, Mapping)}


def _names(data: Table, section: str) -> Iterable[str]:
    """Every name, also of entries that are wrong in themselves: they are not missing."""
    table = data.get(section)
    return table if isinstance(table, Mapping) else ()


def _mqtt_halves(mqtt: object) -> Iterator[Wrong]:
    if not isinstance(mqtt, Mapping):
        return
    for key, needed in (
        ("password_file", "username"),
        ("cert_file", "key_file"),
        ("key_file", "cert_file"),
        ("cert_file", "ca_file"),
    ):
        if key in mqtt and needed not in mqtt:
            yield (f"mqtt.{key}", f"needs {needed} beside it")


def _shared_ports(lines: Mapping[str, Table]) -> Iterator[Wrong]:
    taken: dict[object, str] = {}
    for name, line in lines.items():
        match line:
            case {"kind": "serial", "device": str(device)} if NUL not in device:
                key, port = "device", os.path.realpath(device)
            case {"kind": "tcp", "host": str(host), "port": int(number)}:
                key, port = "host", f"{host.lower()}:{number}"
            case _:
                continue
        first = taken.setdefault(port, name)
        if first != name:
            yield (f"lines.{name}.{key}", f"line {first} has {port} already")


def _controllers(controllers: Mapping[str, Table], lines: Iterable[str]) -> Iterator[Wrong]:
    taken: dict[object, str] = {}
    for name, controller in controllers.items():
        match controller:
            case {"line": str(line)} if line not in lines:
                yield (f"controllers.{name}.line", f"there is no line {line}")
            case {"line": str(line), "address": int(address)}:
                first = taken.setdefault((line, address), name)
                if first != name:
                    yield (
                        f"controllers.{name}.address",
                        f"controller {first} has address {address} on line {line} already",
                    )


def _parts(doors: Mapping[str, Table]) -> Iterator[tuple[str, str, str, int]]:
    """All (door, part, controller, number) that are written well enough to compare."""
    for door, table in doors.items():
        for part in ("lock", "reader", "contact", "exit_button"):
            match table.get(part):
                case {"controller": str(controller), "number": int(number)}:
                    yield door, part, controller, number
                case {"controller": str(controller), **rest} if "number" not in rest:
                    yield door, part, controller, 0


def _unknown_controllers(
    doors: Mapping[str, Table], controllers: Iterable[str]
) -> Iterator[Wrong]:
    for door, part, controller, _ in _parts(doors):
        if controller not in controllers:
            yield (f"doors.{door}.{part}.controller", f"there is no controller {controller}")


def _shared_parts(doors: Mapping[str, Table]) -> Iterator[Wrong]:
    """One output, reader or input serves one purpose at one door."""
    kinds = {"lock": "output", "reader": "reader", "contact": "input", "exit_button": "input"}
    taken: dict[tuple[str, str, int], str] = {}
    for door, part, controller, number in _parts(doors):
        mine = f"doors.{door}.{part}"
        first = taken.setdefault((kinds[part], controller, number), mine)
        if first != mine:
            yield (mine, f"{kinds[part]} {number} of {controller} is {first} already")


def _late_warnings(doors: Mapping[str, Table]) -> Iterator[Wrong]:
    defaults = {key: DoorTable.model_fields[key].default for key in DoorTable.model_fields}
    for name, door in doors.items():
        match {**defaults, **door}:
            case {
                "prealarm_seconds": (int() | float()) as prealarm,
                "open_seconds": (int() | float()) as longest,
            } if prealarm >= longest:
                yield (
                    f"doors.{name}.prealarm_seconds",
                    f"{prealarm:g} must be less than open_seconds, which is {longest:g}",
                )
