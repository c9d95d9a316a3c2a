"""What two values of config.toml say of each other.

Looked for in the tables as they stand in the file, so that one wrong value hides no other
mistake; whatever has the wrong type is passed over here, pydantic names it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from gatewayd.config.decision import Decision
from gatewayd.config.door_contradictions import about_doors
from gatewayd.config.loose import names, tables
from gatewayd.config.reaction_contradictions import about_reactions
from gatewayd.config.values import NUL
from gatewayd.tables import Table, Wrong


def contradictions(data: Table) -> Iterator[Wrong]:
    """Look at the tables as written; whatever has the wrong type is passed over here."""
    yield from _mqtt_halves(data.get("mqtt"))
    yield from _shared_ports(tables(data, "lines"))
    yield from _controllers(tables(data, "controllers"), names(data, "lines"))
    yield from about_doors(data)
    yield from about_reactions(data)
    yield from _deciding(data.get("decision"), data.get("permissions"))


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


def _deciding(decision: object, permissions: object) -> Iterator[Wrong]:
    if isinstance(decision, Mapping):
        if decision.get("facility_only") is True and not decision.get("facilities"):
            yield ("decision.facility_only", "needs facilities beside it")
        for key in ("holder_pins", "reader_pins", "site_pins"):
            yield from _short_lockouts(key, decision.get(key))
    match permissions:
        case {"on_stale": _, **rest} if "max_age_days" not in rest:
            yield ("permissions.on_stale", "needs max_age_days beside it")


def _short_lockouts(key: str, pins: object) -> Iterator[Wrong]:
    defaults = getattr(Decision(), key).model_dump()
    match {**defaults, **pins} if isinstance(pins, Mapping) else {}:
        case {
            "lock_seconds": (int() | float()) as first,
            "longest_seconds": (int() | float()) as longest,
        } if longest < first:
            yield (
                f"decision.{key}.longest_seconds",
                f"{longest:g} must be at least lock_seconds, which is {first:g}",
            )
