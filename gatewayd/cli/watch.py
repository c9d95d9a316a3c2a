"""`gatewayd watch`: lines and controllers with their counters, as they are now."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import load
from gatewayd.edge.control_client import ask
from gatewayd.errors import GatewayError

INTERVAL = 1.0  # seconds
COLOURS = {"approved": "green", "unreachable": "yellow"}  # all others are red

Lines = list[Mapping[str, Any]]


def command(
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, then end.")] = False,
) -> None:
    """Show lines and controllers of the running daemon, anew every second until Ctrl-C.

    Round trips are from the end of a command to the end of its answer, in milliseconds. With
    --json one document a line.
    """
    socket = load(config).site.control_socket
    lines = _ask(socket)
    with suppress(KeyboardInterrupt):  # that is how it ends
        if as_json:
            _print(socket, lines, once=once)
        elif once:
            Console().print(_table(lines))
        else:
            _refresh(socket, lines)


def _print(socket: Path, lines: Lines, *, once: bool) -> None:
    typer.echo(json.dumps(lines))
    while not once:
        time.sleep(INTERVAL)
        typer.echo(json.dumps(_ask(socket)))


def _refresh(socket: Path, lines: Lines) -> None:
    with Live(_table(lines), auto_refresh=False) as live:
        while True:
            time.sleep(INTERVAL)
            live.update(_table(_ask(socket)), refresh=True)


def _ask(socket: Path) -> Lines:
    answer = ask(socket, "site.lines", {})
    if not answer["ok"]:
        raise GatewayError(answer["error"]["message"])
    return list(answer["result"])


def _table(lines: Lines) -> Table:
    table = Table("line", "controller", "state", "verdict", header_style="bold")
    for name in ("polls", "retries", "timeouts", "bad checks", "NAK", "BUSY"):
        table.add_column(name, justify="right")
    table.add_column("sessions", justify="right")
    table.add_column("restarts", justify="right")
    for name in ("p50", "p95", "p99", "max"):
        table.add_column(f"{name} ms", justify="right")
    for line in lines:
        if line["trouble"] is not None:
            table.add_row(Text(line["line"]), Text(line["trouble"], style="red"))
        for each in line["controllers"]:
            table.add_row(Text(line["line"]), *_row(each))
        table.add_section()
    return table


def _row(controller: Mapping[str, Any]) -> list[Text]:
    counted, verdict = controller["counters"], str(controller["verdict"])
    lost = counted["lost_sessions"]
    sessions = f"{counted['sessions']}" + (f" ({lost} lost)" if lost else "")
    trips = counted["round_trip_ms"]
    return [
        Text(controller["controller"]),
        _state(controller),
        Text(verdict, style=COLOURS.get(verdict, "red")),
        Text(str(counted["polls"])),
        *(_trouble(counted[each]) for each in ("retries", "timeouts", "bad_checks")),
        _trouble(sum(counted["naks"].values())),
        Text(str(counted["busy"])),
        Text(sessions, style="red" if lost else ""),
        _trouble(counted["resets"]),
        *(Text(f"{trips[each]:.1f}") for each in ("p50", "p95", "p99", "max")),
    ]


def _state(controller: Mapping[str, Any]) -> Text:
    if not controller["online"]:
        return Text("offline", style="yellow")
    wrong = [each for each in ("tamper", "power") if controller[each]]
    if wrong:
        return Text(", ".join(wrong), style="red")
    return Text("secure" if controller["secure"] else "clear", style="green")


def _trouble(count: int) -> Text:
    return Text(str(count), style="yellow" if count else "")
