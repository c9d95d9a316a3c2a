"""A line that tools talk on: one of the configuration, or a port that somebody names.

Tools need a line for themselves: two panels would answer each other's units. A serial port is
locked by whoever has it open, so the daemon and a tool cannot meet there. Nothing locks a
serial server, so while the daemon runs its TCP lines are not touched.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from gatewayd.app.lines import opener_of
from gatewayd.config import Config, SerialLine, TcpLine
from gatewayd.core.model import ControllerId
from gatewayd.edge.control_client import is_served
from gatewayd.edge.link import Opener
from gatewayd.edge.osdp import BITS_PER_CHARACTER
from gatewayd.errors import PortInUse, UsageError

BAUDS: tuple[int, ...] = get_args(SerialLine.model_fields["baud"].annotation)
NO_BAUD = 0  # of a TCP line: the serial server knows it


@dataclass(frozen=True, slots=True)
class Port:
    """One line, and the configuration it stands in, if it does."""

    line: SerialLine | TcpLine
    name: str | None = None  # of the configuration's line
    config: Config | None = None

    @property
    def baud(self) -> int:
        """The speed as configured; 0 over TCP."""
        return self.line.baud if isinstance(self.line, SerialLine) else NO_BAUD

    @property
    def place(self) -> str:
        """The device, or host and port."""
        if isinstance(self.line, SerialLine):
            return str(self.line.device)
        return f"{self.line.host}:{self.line.port}"

    def __str__(self) -> str:
        """What to call it."""
        return self.place if self.name is None else f"line {self.name} ({self.place})"

    def opener(self, baud: int) -> Opener:
        """Return how to open it at this speed."""
        if isinstance(self.line, TcpLine):
            return opener_of(self.line)
        return opener_of(self.line.model_copy(update={"baud": baud}))

    def require_free(self) -> None:
        """Raise PortInUse if the daemon has it and nothing else would show that."""
        if isinstance(self.line, SerialLine) or self.config is None:
            return
        if is_served(self.config.site.control_socket):
            raise PortInUse(
                f"{self} is in use by the running gatewayd: `systemctl stop gatewayd`, try "
                "again, and start it afterwards"
            )

    def controller_at(self, address: int) -> ControllerId | None:
        """Return who has this address by the configuration."""
        if self.config is None or self.name is None:
            return None
        for name, each in self.config.controllers.items():
            if (each.line, each.address) == (self.name, address):
                return ControllerId(name)
        return None


def port_of_line(config: Config, name: str) -> Port:
    """Return a line of the configuration; UsageError if there is none of this name."""
    if name not in config.lines:
        known = ", ".join(config.lines)
        raise UsageError(f"there is no line {name}; the configuration has {known}")
    return Port(config.lines[name], name, config)


def port_of_device(device: Path, config: Config | None = None) -> Port:
    """Return a serial port."""
    return Port(SerialLine(kind="serial", device=device.absolute()), config=config)


def port_of_address(text: str, config: Config | None = None) -> Port:
    """Return a TCP line by "host:port"; UsageError if it is none."""
    host, _, number = text.rpartition(":")
    if not host or not number.isdecimal() or not 1 <= int(number) <= 65535:
        raise UsageError(f"{text!r} is no HOST:PORT")
    line = TcpLine(kind="tcp", host=host.removeprefix("[").removesuffix("]"), port=int(number))
    return Port(line, config=config)


def character_time(baud: int) -> float:
    """Return the seconds that a character takes, 0 over TCP."""
    return BITS_PER_CHARACTER / baud if baud else 0.0
