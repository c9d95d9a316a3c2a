"""`gatewayd simulate`: a site's hardware without the hardware."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.edge.trace_keys import read_trace_keys
from gatewayd.simulate import site


def command(
    link: Annotated[
        Path,
        typer.Option(metavar="PATH", help="Where the pseudo-terminal appears, as a link."),
    ] = Path("gatewayd-line"),
    baud: Annotated[
        int | None,
        typer.Option(metavar="N", help="The only speed that the units hear at."),
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
    standard output; see gatewayd/simulate/site.py. It ends with its input or when asked to.
    """
    held = (
        {} if keys is None else {each: own[-1] for each, own in read_trace_keys(keys).items()}
    )
    asyncio.run(site.run(link, _say, baud=baud, keys=held, install_mode=install_mode))


def _say(record: dict[str, object]) -> None:
    typer.echo(json.dumps(record))
