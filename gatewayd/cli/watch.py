"""`gatewayd watch`: lines and controllers with their counters, as they are now."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import load
from gatewayd.edge.control_client import ask
from gatewayd.errors import GatewayError

INTERVAL = 1.0  # seconds
HEADINGS = (
    "", "state", "polls", "again", "silent", "bad", "NAK", "BUSY", "sess.", "lost", "reset",
    "p50 p95 p99 max ms",
)  # fmt: skip
ALL = tuple(range(len(HEADINGS)))
HALVES = ALL[:-1], (0, ALL[-1])  # where there is no room for all of them
WIDE = 104  # characters that all of them take beside names of usual length

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
            console = Console()
            console.print(_view(lines, console.width))
        else:
            _refresh(socket, lines)


def _print(socket: Path, lines: Lines, *, once: bool) -> None:
    typer.echo(json.dumps(lines))
    while not once:
        time.sleep(INTERVAL)  # nothing else goes on in this process
        typer.echo(json.dumps(_ask(socket)))


def _refresh(socket: Path, lines: Lines) -> None:
    console = Console()
    with Live(_view(lines, console.width), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(INTERVAL)  # nothing else goes on in this process
            live.update(_view(_ask(socket), console.width), refresh=True)


def _ask(socket: Path) -> Lines:
    answer = ask(socket, "site.lines", {})
    if not answer["ok"]:
        raise GatewayError(answer["error"]["message"])
    return list(answer["result"])


def _view(lines: Lines, width: int) -> Group:
    """Return one table, or two where it would not fit, and what is wrong with the lines."""
    tables = (
        [_table(lines, ALL, gap=2)]
        if width >= WIDE
        else [_table(lines, half, gap=1) for half in HALVES]
    )
    said = [f"{each['line']}: {each['trouble']}" for each in lines if each["trouble"]]
    return Group(*tables, *(Text(each, style="red") for each in said))


def _table(lines: Lines, columns: Sequence[int], gap: int) -> Table:
    table = Table(box=None, padding=(0, gap, 0, 0), header_style="bold")
    for at in columns:
        table.add_column(HEADINGS[at], justify="right" if at > 1 else "left", no_wrap=True)
    for line in lines:
        rows = [_head(line), *map(_row, line["controllers"])]
        for row in rows:
            table.add_row(*(row[at] for at in columns))
    return table


def _head(line: Mapping[str, Any]) -> list[Text]:
    is_open = line["trouble"] is None
    port = Text("open", style="green") if is_open else Text("closed", style="red")
    return [Text(line["line"], style="bold"), port, *(Text() for _ in ALL[2:])]


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
