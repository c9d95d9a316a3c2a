"""`gatewayd osdp firmware`: have the running daemon send a file to a controller."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gatewayd.cli.answers import OTHERWISE, show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import load
from gatewayd.edge.control_client import ask
from gatewayd.errors import StateError

LOOK_INTERVAL = 0.5  # seconds between two looks at the progress


def command(
    controller: Annotated[str, typer.Argument(metavar="CONTROLLER", help="As configured.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to send.")],
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a file to a controller, usually its firmware, and show how far it is.

    The running daemon reads the file and sends it; doors come first meanwhile, so it takes
    minutes. The file must be where the daemon may read it: not in a home directory or /tmp if
    it runs under systemd. Exit code 74 if the unit did not take it. Ctrl-C ends the looking
    only; to call it off:

        gatewayd send controller.end_firmware controller=NAME
    """
    socket = load(config).site.control_socket
    wanted = {"controller": controller, "path": str(file.absolute())}
    begun = ask(socket, "controller.firmware", wanted)
    if not begun["ok"]:
        show(begun, as_json=as_json)
    with _bar() as bar:
        task = bar.add_task("sending", total=begun["result"]["size"])
        while (state := _look(socket, controller))["well"] is None:
            bar.update(task, completed=state["acknowledged"], description=state["stage"])
            time.sleep(LOOK_INTERVAL)  # the daemon sends meanwhile; there is no loop here
        bar.update(task, completed=state["acknowledged"], description=state["stage"])
    if as_json:
        typer.echo(json.dumps({**begun["result"], **state}))
    else:
        typer.echo(f"{controller}: {state['detail']}", err=not state["well"])
    if not state["well"]:
        raise typer.Exit(OTHERWISE)


def _look(socket: Path, controller: str) -> dict[str, Any]:
    answer = ask(socket, "firmware.progress", {"controller": controller})
    if not answer["ok"]:
        show(answer, as_json=False)
    state = answer["result"]
    if not isinstance(state, dict):
        raise StateError("the gateway was started anew; look into its events how it ended")
    return state


def _bar() -> Progress:
    """On a terminal only, and not where the answer goes."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
