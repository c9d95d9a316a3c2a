"""`gatewayd accept`: take another unit for a controller than the one that was approved."""

from typing import Annotated

import typer

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import load
from gatewayd.edge.control_client import ask


def command(
    controller: Annotated[
        str, typer.Argument(metavar="CONTROLLER", help="As in the configuration.")
    ],
    serial: Annotated[
        str,
        typer.Argument(
            metavar="SERIAL", help="Eight hexadecimal digits, as the audit shows them."
        ),
    ],
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Take the unit that is there now for this controller, although another was approved.

    Look at the unit first: its serial number must be the one you name. The journal keeps who
    accepted what.
    """
    args = {"controller": controller, "serial": serial}
    answer = ask(load(config).site.control_socket, "controller.accept", args)
    if as_json or not answer["ok"]:
        show(answer, as_json=as_json)
    else:
        verdict = answer["result"]["verdict"]
        typer.echo(f"{controller} is the unit with serial {serial.lower()} now: {verdict}")
