"""The tables of config.toml: what may stand in each, and what holds if it does not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gatewayd.config.decision import Decision, HolderPins, Permissions, ReaderPins, SitePins
from gatewayd.config.parts import Contact, ExitButton, InputPart, Part
from gatewayd.config.reacting import Fire, ReactionTable, Then, When
from gatewayd.config.values import (
    AbsolutePath,
    AnyPath,
    CredentialName,
    FormatName,
    Name,
    OpenSeconds,
    Prefix,
    PulseSeconds,
    ReadableFile,
    SecretFile,
    SocketPath,
    TcpPort,
    Text,
    TimeZone,
)
from gatewayd.core.model import ControllerId
from gatewayd.core.reaction import MOST_REACTIONS
from gatewayd.core.site import STALE_SECONDS
from gatewayd.tables import Section, Where


class Site(Section):
    """Which site this is, and where it keeps what it must not forget."""

    id: Name
    state_dir: AbsolutePath = Path("/var/lib/gatewayd")
    control_socket: SocketPath = Path("/run/gatewayd/control")
    stale_seconds: Annotated[float, Field(ge=1, le=60)] = STALE_SECONDS
    time_zone: TimeZone = "UTC"


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


class DoorTable(Section):
    """One door: its parts, wherever they hang, and its times in seconds."""

    lock: Part
    reader: Part | None = None
    exit_reader: Part | None = None
    contact: Contact | None = None
    exit_button: ExitButton | None = None
    release_seconds: PulseSeconds = 5.0
    open_seconds: OpenSeconds = 30.0
    extended_release_seconds: PulseSeconds | None = None  # None: three times the usual one
    extended_open_seconds: OpenSeconds | None = None
    prealarm_seconds: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    card_formats: tuple[FormatName, ...] = ()  # empty: all of them
    inside: Name | None = None  # None: no area, the world outside
    outside: Name | None = None


class Config(Section):
    """The whole file."""

    site: Site
    mqtt: Mqtt
    audit: Audit = Audit()
    log: Log = Log()
    journal: Journal = Journal()
    keys: Keys = Keys()
    decision: Decision = Decision()
    permissions: Permissions = Permissions()
    lines: Mapping[Name, Line]
    controllers: Mapping[Name, Controller]
    doors: Mapping[Name, DoorTable]
    fire: Mapping[Name, Fire] = Field(default_factory=dict)
    reactions: Mapping[Name, ReactionTable] = Field(
        default_factory=dict, max_length=MOST_REACTIONS
    )

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


SECTIONS: Mapping[Where, type[Section]] = {
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
    ("doors", "exit_reader"): Part,
    ("doors", "exit_button"): ExitButton,
    ("decision",): Decision,
    ("decision", "holder_pins"): HolderPins,
    ("decision", "reader_pins"): ReaderPins,
    ("decision", "site_pins"): SitePins,
    ("permissions",): Permissions,
    ("fire",): Fire,
    ("fire", "input"): InputPart,
    ("reactions",): ReactionTable,
    ("reactions", "when"): When,
    ("reactions", "when", "input"): InputPart,
    ("reactions", "then"): Then,
    ("reactions", "then", "output"): Part,
}
