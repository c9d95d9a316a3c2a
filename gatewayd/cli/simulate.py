"""`gatewayd simulate`: a site's hardware without the hardware."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.edge.trace_keys import read_trace_keys
from gatewayd.simulate import site
from gatewayd.simulate.scene import UNITS


def command(
    link: Annotated[
        Path,
        typer.Option(metavar="PATH", help="Where the pseudo-terminal appears, as a link."),
    ] = Path("gatewayd-line"),
    baud: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="The only speed that the units hear at; any unless given."
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Units' keys: lines of address and 32 hex digits."),
    ] = None,
    *,
    install_mode: Annotated[
        bool,
        typer.Option("--install-mode", help="Units without a key wait to be given one."),
    ] = False,
) -> None:
    """Simulate OSDP units on a pseudo-terminal, the device of a serial line.

    Orders come as JSON lines on standard input, what the units were driven to leaves on
    standard output; gatewayd/simulate/site.py lists all. It ends with its input or Ctrl-C.

        {"do":"card","address":1,"format":"H10301","facility":12,"number":345}
        {"do":"input","address":1,"input":0,"active":true}
    """
    known = read_trace_keys(keys) if keys is not None else {}
    units = [
        replace(unit, key=known[unit.address][-1])
        if unit.address in known
        else replace(unit, install_mode=install_mode)
        for unit in UNITS
    ]
    asyncio.run(site.run(link, _say, units, baud=baud))


def _say(record: dict[str, object]) -> None:
    typer.echo(json.dumps(record))
