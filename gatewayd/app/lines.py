"""From the configuration's tables to lines that run."""

from collections import defaultdict
from collections.abc import Callable

from gatewayd.config import Config, SerialLine, TcpLine
from gatewayd.core.facts import Fact
from gatewayd.core.model import ControllerId
from gatewayd.edge import serial_port, tcp
from gatewayd.edge.link import Opener
from gatewayd.edge.osdp import LineSettings, OsdpLine, Unit
from gatewayd.edge.osdp_keys import Keyring

Formats = dict[int, tuple[str, ...]]  # by reader


def make_lines(
    config: Config, tell: Callable[[Fact], None], keyring: Keyring
) -> dict[str, OsdpLine]:
    """Return every line of the site, by name."""
    units = _units(config, keyring)
    return {
        name: OsdpLine(
            LineSettings(
                name,
                opener_of(line),
                tuple(units[name]),
                baud=line.baud if isinstance(line, SerialLine) else 0,
                poll_interval=line.poll_interval_ms / 1000,
            ),
            tell,
            keyring,
        )
        for name, line in config.lines.items()
    }


def opener_of(line: SerialLine | TcpLine) -> Opener:
    """Return how the port or socket of a line is opened."""
    if isinstance(line, TcpLine):
        return tcp.opener(line.host, line.port)
    return serial_port.opener(
        line.device, line.baud, rs485=line.rs485 == "auto", low_latency=line.low_latency
    )


def _units(config: Config, keyring: Keyring) -> defaultdict[str, list[Unit]]:
    """Return the units of each line, and what cards their readers expect."""
    formats: defaultdict[str, Formats] = defaultdict(dict)
    for door in config.doors.values():
        for reader in (door.reader, door.exit_reader):
            if reader is not None:
                formats[reader.controller][reader.number] = door.card_formats
    units: defaultdict[str, list[Unit]] = defaultdict(list)
    for name, each in config.controllers.items():
        controller, secure = ControllerId(name), each.secure == "required"
        unit = Unit(
            controller,
            each.address,
            each.check == "crc",
            formats[name],
            secure,
            keyring.candidates(controller) if secure else (),
        )
        units[each.line].append(unit)
    return units
