"""What to write into the configuration for a unit that was found."""

import json
from collections.abc import Sequence

from gatewayd.app.discover import FoundUnit
from gatewayd.app.ports import Port
from gatewayd.config import SerialLine

NEW_LINE = "north"  # what a line is called that has no name yet
LONGEST_LINE = 28  # characters of a line's name that fit into a controller's


def known_as(port: Port, unit: FoundUnit) -> str | None:
    """Return the controller that has this address in the configuration."""
    return port.controller_at(unit.address)


def line_table(port: Port, unit: FoundUnit) -> str:
    """Return TOML for the line, at the speed of this unit; empty if it is there already."""
    if port.name is not None:
        return ""
    name, line = NEW_LINE, port.line
    if isinstance(line, SerialLine):
        device = json.dumps(str(line.device), ensure_ascii=False)  # TOML's strings are JSON's
        return f'[lines.{name}]\nkind = "serial"\ndevice = {device}\nbaud = {unit.baud}\n'
    host = json.dumps(line.host, ensure_ascii=False)
    return f'[lines.{name}]\nkind = "tcp"\nhost = {host}\nport = {line.port}\n'


def once_each(units: Sequence[FoundUnit]) -> list[FoundUnit]:
    """Return every unit once, as it was found first; some hear at any speed."""
    found: dict[tuple[object, ...], FoundUnit] = {}
    for unit in units:
        who = unit.address, unit.identity.vendor, unit.identity.model, unit.identity.serial
        found.setdefault(who, unit)
    return list(found.values())


def controller_tables(
    port: Port, units: Sequence[FoundUnit], *, checksum: bool = False
) -> list[str]:
    """Return TOML for the units that are new; one for an address, as on any line."""
    tables: dict[int, str] = {}
    for unit in units:
        tables.setdefault(unit.address, controller_table(port, unit, checksum=checksum))
    return list(tables.values())


def controller_table(port: Port, unit: FoundUnit, *, checksum: bool = False) -> str:
    """Return TOML for the unit; empty if it is there already."""
    if known_as(port, unit) is not None:
        return ""
    line = port.name or NEW_LINE
    name = f"{line[:LONGEST_LINE]}-{unit.address}"
    if port.config is not None and name in port.config.controllers:
        name = f"unit-{unit.identity.serial}"
    check = 'check = "checksum"\n' if checksum else ""
    return f'[controllers.{name}]\nline = "{line}"\naddress = {unit.address}\n{check}'
