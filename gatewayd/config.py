"""config.toml as types. A value that gets past here is right.

pydantic checks every value by itself (`gatewayd/tables.py`). What two values say of each
other is looked for in the tables as they stand in the file, so that one wrong value hides
no other mistake. `load` names all of them at once, each with file, key path and reason,
also those of the site's catalogue.

Secrets are never in here: the file holds paths of files that not everybody may read.
`site_config` turns the file's words into the core's.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from gatewayd import catalogue
from gatewayd.core.model import ControllerId, Door, DoorId, DoorMode, Point
from gatewayd.core.places import Occupant
from gatewayd.core.site import STALE_SECONDS, OnClassic, SiteConfig
from gatewayd.errors import ConfigError, Mistake, StateError
from gatewayd.tables import (
    Section,
    Table,
    Where,
    Wrong,
    read_toml,
    validate,
    wrong_values,
)
from protocol import wiegand

LONGEST_SECRET = 64 << 10  # bytes of a password or key file
LONGEST_SOCKET_PATH = 107  # bytes; sun_path of unix(7), without its final zero

NUL = "\0"  # TOML can write it, no file name can hold it

DEFAULT_PATH = Path("/etc/gatewayd/config.toml")


# --- single values ----------------------------------------------------------------


_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)  # safe as a level of a topic
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
_PREFIX = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", re.ASCII)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise PydanticCustomError("name", "a name is 1 to 32 of a-z, 0-9, _ and -")
    return text


def _credential(text: str) -> str:
    if not _CREDENTIAL.fullmatch(text):
        raise PydanticCustomError(
            "credential", "must be 1 to 64 of A-Z, a-z, 0-9, _, - and, not first, ."
        )
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise PydanticCustomError(
            "prefix", "must be up to 64 of A-Z, a-z, 0-9, _ and -, in levels separated by /"
        )
    return text


def _resolved(path: Path, info: ValidationInfo) -> Path:
    """Relative paths count from the directory of the file they stand in."""
    base = info.context.get("base") if info.context else None
    return base / path if base else path


def _readable(path: Path) -> Path:
    """Return the path of an existing regular file that can be opened."""
    if not path.is_file():
        raise PydanticCustomError("file", "no such file: {path}", {"path": str(path)})
    if not os.access(path, os.R_OK):
        raise PydanticCustomError("file", "cannot be read: {path}", {"path": str(path)})
    return path


def _secret(path: Path) -> Path:
    """Return the path of a file that not everybody may read."""
    status = path.stat()
    if status.st_mode & 0o007:
        raise PydanticCustomError(
            "secret",
            "{path} is open to everybody (mode {mode}); chmod o= it, or 600",
            {"path": str(path), "mode": f"{status.st_mode & 0o777:03o}"},
        )
    if status.st_size > LONGEST_SECRET:
        raise PydanticCustomError("secret", "{path} is too long", {"path": str(path)})
    return path


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise PydanticCustomError("path", "must be an absolute path")
    if NUL in str(path):
        raise PydanticCustomError("path", "must not contain a zero character")
    return path


def _socket_path(path: Path) -> Path:
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise PydanticCustomError(
            "path", "longer than {longest} bytes", {"longest": LONGEST_SOCKET_PATH}
        )
    return path


def _known_format(name: str) -> str:
    if name not in wiegand.FORMATS:
        known = ", ".join(wiegand.FORMATS)
        raise PydanticCustomError("format", "must be one of {known}", {"known": known})
    return name


Name = Annotated[str, AfterValidator(_name)]
Prefix = Annotated[str, AfterValidator(_prefix)]
CredentialName = Annotated[str, AfterValidator(_credential)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
TcpPort = Annotated[int, Field(ge=1, le=65535)]
Number = Annotated[int, Field(ge=0, le=255)]
AnyPath = Annotated[Path, AfterValidator(_resolved)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
SocketPath = Annotated[AbsolutePath, AfterValidator(_socket_path)]
ReadableFile = Annotated[AnyPath, AfterValidator(_readable)]
SecretFile = Annotated[ReadableFile, AfterValidator(_secret)]
FormatName = Annotated[str, AfterValidator(_known_format)]
Level = Literal["active", "inactive"]


# --- tables -----------------------------------------------------------------------


class Site(Section):
    """Which site this is, and where it keeps what it must not forget."""

    id: Name
    state_dir: AbsolutePath = Path("/var/lib/gatewayd")
    control_socket: SocketPath = Path("/run/gatewayd/control")
    stale_seconds: Annotated[float, Field(ge=1, le=60)] = STALE_SECONDS


class Mqtt(Section):
    """The broker. TLS is spoken as soon as `ca_file` is given."""

    host: Text
    port: TcpPort = 1883
    prefix: Prefix = "gatewayd"
    username: Text | None = None
    password_file: SecretFile | None = None
    ca_file: ReadableFile | None = None
    cert_file: ReadableFile | None = None
    key_file: SecretFile | None = None
    client_id: Text | None = None  # None: "gatewayd-<site>"
    trust: Literal["signed", "broker"] = "signed"


class Audit(Section):
    """What to do about hardware that may not be driven."""

    on_classic: Literal["refuse", "block"] = "refuse"
    catalogue: ReadableFile | None = None


class Keys(Section):
    """Where the root key is, under which the units' keys lie sealed in the state directory.

    Whether it is there is looked at when it is needed: who checks a configuration may not
    be who may read it.
    """

    root_key_file: AnyPath | None = None  # before the credential
    root_credential: CredentialName = "gatewayd-root-key"


class Log(Section):
    """How much is said."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Journal(Section):
    """How much is kept."""

    max_events: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000


class _Line(Section):
    """What all lines have. A peripheral gives its panel up after 8 s without a command."""

    poll_interval_ms: Annotated[int, Field(ge=0, le=4_000)] = 50


class SerialLine(_Line):
    """An RS-485 port."""

    kind: Literal["serial"]
    device: AbsolutePath
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600
    rs485: Literal["auto", "off"] = "auto"
    low_latency: bool = True


class TcpLine(_Line):
    """A serial server somewhere on the network."""

    kind: Literal["tcp"]
    host: Text
    port: TcpPort


Line = Annotated[SerialLine | TcpLine, Field(discriminator="kind")]


class Controller(Section):
    """One OSDP peripheral on a line; 0x7F is everybody's address and nobody's."""

    line: str
    address: Annotated[int, Field(ge=0, le=0x7E)]
    check: Literal["crc", "checksum"] = "crc"
    secure: Literal["required", "off"] = "required"


class Part(Section):
    """A reader or an output of a controller."""

    controller: str
    number: Number = 0


class Contact(Part):
    """An input that knows whether the door is open."""

    open_when: Level = "active"


class ExitButton(Part):
    """An input that somebody inside presses."""

    pressed_when: Level = "active"


class DoorTable(Section):
    """One door: its parts, wherever they hang, and its times in seconds."""

    lock: Part
    reader: Part | None = None
    contact: Contact | None = None
    exit_button: ExitButton | None = None
    release_seconds: Annotated[float, Field(ge=0.1, le=6553)] = 5.0  # the wire counts to 6553.5
    open_seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 30.0
    prealarm_seconds: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    card_formats: tuple[FormatName, ...] = ()  # empty: all of them


class Config(Section):
    """The whole file."""

    site: Site
    mqtt: Mqtt
    audit: Audit = Audit()
    log: Log = Log()
    journal: Journal = Journal()
    keys: Keys = Keys()
    lines: Mapping[Name, Line]
    controllers: Mapping[Name, Controller]
    doors: Mapping[Name, DoorTable]

    @property
    def secure(self) -> frozenset[ControllerId]:
        """The controllers that are spoken to inside a secure session only."""
        return frozenset(
            ControllerId(name)
            for name, each in self.controllers.items()
            if each.secure == "required"
        )

    @property
    def client_id(self) -> str:
        """Name of this gateway at the broker."""
        return self.mqtt.client_id or f"gatewayd-{self.site.id}"


# --- reading ----------------------------------------------------------------------


def load(path: Path) -> Config:
    """Read the file, or raise ConfigError with every mistake in it."""
    return parse(read_toml(path), path)


def parse(data: Table, path: Path) -> Config:
    """Turn tables into a Config; `path` is the file they came from."""
    base = path.absolute().parent
    wrong = list(_contradictions(data))
    try:
        config = validate(Config, data, base)
    except ValidationError as error:
        wrong = [*wrong_values(error, _SECTIONS), *wrong]
    mistakes = [Mistake(str(path), key, reason) for key, reason in wrong]
    mistakes += _catalogue_mistakes(data, base)
    if mistakes:
        raise ConfigError(mistakes)
    return config


def _catalogue_mistakes(data: Table, base: Path) -> tuple[Mistake, ...]:
    match data:
        case {"audit": {"catalogue": str(name)}} if (base / name).is_file():
            try:
                catalogue.families(base / name)
            except ConfigError as error:
                return error.mistakes
    return ()


def read_secret(path: Path) -> str:
    """Return what stands in a password file, without the line end an editor leaves."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_SECRET).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        # `from None`: a decoding error carries the bytes of the secret
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise StateError(f"{path}: {why}") from None


_SECTIONS: Mapping[Where, type[Section]] = {
    (): Config,
    ("site",): Site,
    ("mqtt",): Mqtt,
    ("audit",): Audit,
    ("log",): Log,
    ("journal",): Journal,
    ("keys",): Keys,
    ("lines", "serial"): SerialLine,
    ("lines", "tcp"): TcpLine,
    ("controllers",): Controller,
    ("doors",): DoorTable,
    ("doors", "lock"): Part,
    ("doors", "reader"): Part,
    ("doors", "contact"): Contact,
    ("doors", "exit_button"): ExitButton,
}


# --- what two values say of each other --------------------------------------------


def _contradictions(data: Table) -> Iterator[Wrong]:
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


# --- the core's words -------------------------------------------------------------


def site_config(
    config: Config,
    *,
    inventory_approved: bool = False,
    modes: Mapping[DoorId, DoorMode] = MappingProxyType({}),
    places: Mapping[ControllerId, Occupant | None] = MappingProxyType({}),
) -> SiteConfig:
    """Return the site as the brain is told of it.

    `inventory_approved` is remembered by the state directory, not by the file: every
    controller of this site has been approved once. So are `modes`, as ordered last, and
    `places`: which unit was approved as which controller.
    """
    return SiteConfig(
        doors=tuple(_door(name, table) for name, table in config.doors.items()),
        controllers={
            ControllerId(name): each.line for name, each in config.controllers.items()
        },
        catalogue=catalogue.load(config.audit.catalogue),
        on_classic=OnClassic(config.audit.on_classic),
        inventory_approved=inventory_approved,
        modes=modes,
        require_secure=config.secure,
        places=places,
        stale_seconds=config.site.stale_seconds,
    )


def _door(name: str, table: DoorTable) -> Door:
    contact, button = table.contact, table.exit_button
    return Door(
        id=DoorId(name),
        lock=_point(table.lock),
        reader=_point(table.reader) if table.reader else None,
        contact=_point(contact) if contact else None,
        exit_button=_point(button) if button else None,
        contact_open_when=contact is None or contact.open_when == "active",
        exit_active_when=button is None or button.pressed_when == "active",
        release_seconds=table.release_seconds,
        open_seconds=table.open_seconds,
        prealarm_seconds=table.prealarm_seconds,
        card_formats=table.card_formats,
    )


def _point(part: Part) -> Point:
    return Point(ControllerId(part.controller), part.number)
