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

Lines = list[Mapping[str, Any]]


def command(
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, then end.")] = False,
) -> None:
    """Show lines and controllers of the running daemon, anew every second until Ctrl-C.

    Since the start of the daemon: polls answered, commands sent again, tries without an answer,
    answers with bad check characters, refusals and delays, secure sessions begun and lost, and
    connections that had to begin anew. The last column is from the end of a command to the end
    of its answer: what a half, 95 and 99 percent of the answers did not exceed, the slowest.

    With --json everything that is known, one document a line.
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
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", caption_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("polls", "again", "silent", "bad", "NAK", "BUSY", "sess.", "lost", "reset"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("p50 p95 p99 max ms", justify="right", no_wrap=True)
    for line in lines:
        is_open = line["trouble"] is None
        port = Text("open", style="green") if is_open else Text("closed", style="red")
        table.add_row(Text(line["line"], style="bold"), port)
        for each in line["controllers"]:
            table.add_row(*_row(each))
    table.caption = _troubles(lines)
    return table


def _troubles(lines: Lines) -> Text | None:
    said = [f"{each['line']}: {each['trouble']}" for each in lines if each["trouble"]]
    return Text("\n".join(said), style="red") if said else None


def _row(controller: Mapping[str, Any]) -> list[Text]:
    counted = controller["counters"]
    trips = counted["round_trip_ms"]
    shown = (f"{trips[each]:.1f}" for each in ("p50", "p95", "p99", "max"))
    return [
        Text(f"  {controller['controller']}"),
        _state(controller),
        Text(str(counted["polls"])),
        *(_trouble(counted[each]) for each in ("retries", "timeouts", "bad_checks")),
        _trouble(sum(counted["naks"].values())),
        Text(str(counted["busy"])),
        Text(str(counted["sessions"])),
        *(_trouble(counted[each]) for each in ("lost_sessions", "resets")),
        Text(" ".join(shown)),
    ]


def _state(controller: Mapping[str, Any]) -> Text:
    """Say the worst of it."""
    if not controller["online"]:
        return Text("offline", style="yellow")
    if controller["verdict"] != "approved":
        return Text(controller["verdict"], style="red")
    wrong = [each for each in ("tamper", "power") if controller[each]]
    if wrong:
        return Text(", ".join(wrong), style="red")
    return Text("secure" if controller["secure"] else "clear", style="green")


def _trouble(count: int) -> Text:
    return Text(str(count), style="yellow" if count else "")
