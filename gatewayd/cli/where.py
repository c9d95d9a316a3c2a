"""Which line a tool talks on: one of the configuration, a device, or a serial server."""

from pathlib import Path
from typing import Annotated

import typer

from gatewayd.app.ports import BAUDS, Port, port_of_address, port_of_device, port_of_line
from gatewayd.cli.options import DEFAULT
from gatewayd.config import load
from gatewayd.errors import UsageError

LineName = Annotated[
    str | None,
    typer.Option("--line", "-l", metavar="NAME", help="A line of the configuration."),
]
Device = Annotated[
    Path | None, typer.Option(metavar="PATH", help="A serial port, with no configuration.")
]
Tcp = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="A serial server, likewise.")
]
SomeConfig = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help=f"The configuration; {DEFAULT} with --line."
    ),
]


def port_of(
    line: str | None, device: Path | None, tcp: str | None, config: Path | None
) -> Port:
    """Return the port; UsageError unless exactly one is named."""
    if sum(each is not None for each in (line, device, tcp)) != 1:
        raise UsageError("say where: one of --line NAME, --device PATH and --tcp HOST:PORT")
    if line is not None:
        return port_of_line(load(config or DEFAULT), line)
    settings = None if config is None else load(config)
    if device is not None:
        return port_of_device(device, settings)
    assert tcp is not None
    return port_of_address(tcp, settings)


def require_baud(baud: int) -> int:
    """Return it; UsageError for a speed that no line can have."""
    if baud not in BAUDS:
        known = ", ".join(map(str, BAUDS))
        raise UsageError(f"{baud} baud is none of {known}")
    return baud
