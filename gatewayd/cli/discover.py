"""`gatewayd discover`: who hangs on a line, and what to write into the configuration."""

import json
import re
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gatewayd import catalogue
from gatewayd.app import discover as scouts
from gatewayd.app.discover import FoundUnit, Survey, Wish
from gatewayd.app.ports import BAUDS, NO_BAUD, Port
from gatewayd.cli.options import AsJson
from gatewayd.cli.snippets import (
    controller_table,
    controller_tables,
    known_as,
    line_table,
    once_each,
)
from gatewayd.cli.where import Device, LineName, SomeConfig, Tcp, port_of, require_baud
from gatewayd.config import TcpLine
from gatewayd.core.audit import Needs, judge
from gatewayd.edge import log
from gatewayd.errors import UsageError
from protocol.osdp.replies import Function

LAST_ADDRESS = 126
TABLE_WIDTH = 100  # characters; a narrower terminal wraps it
_RANGE = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)


def command(  # noqa: PLR0913 - a command line has options
    *,
    line: LineName = None,
    device: Device = None,
    tcp: Tcp = None,
    config: SomeConfig = None,
    baud: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N", help="A speed to look at; may be given again. All unless given."
        ),
    ] = None,
    addresses: Annotated[
        str, typer.Option(metavar="A-B,C", help="Addresses to ask.")
    ] = "0-126",
    wait: Annotated[
        float,
        typer.Option(
            min=0.01, max=1.0, metavar="N", help="Seconds to wait for an answer to begin."
        ),
    ] = 0.05,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Look everywhere, also when one unit was found.")
    ] = False,
    checksum: Annotated[
        bool, typer.Option("--checksum", help="Ask as old units want it, without CRC.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for units on a line, at every speed and address, and say what to write into the
    configuration for each.

    Units are asked who they are and what they can do, and nothing else. The line must not be in
    use: exit code 75 if the running daemon has it.

        gatewayd discover --line north
        gatewayd discover --device /dev/ttyUSB0 --baud 9600 --baud 115200
    """
    log.configure("warning")
    port = port_of(line, device, tcp, config)
    wish = Wish(
        bauds=_bauds(port, baud or []),
        addresses=parse_addresses(addresses),
        thorough=everywhere,
        crc=not checksum,
        window=wait,
    )
    with _Bar() as bar:
        survey = scouts.run(port, wish, bar.show)
    if as_json:
        typer.echo(json.dumps(_as_json(port, survey, checksum=checksum)))
    else:
        _print(port, survey, checksum=checksum)


def _bauds(port: Port, wanted: list[int]) -> tuple[int, ...]:
    """Return the speeds to look at, the line's own first."""
    if isinstance(port.line, TcpLine):
        if wanted:
            raise UsageError("over TCP the serial server sets the speed: leave --baud out")
        return (NO_BAUD,)
    chosen = [require_baud(each) for each in wanted] or BAUDS
    return tuple(sorted(dict.fromkeys(chosen), key=lambda each: (each != port.baud, each)))


def parse_addresses(text: str) -> tuple[int, ...]:
    """Read "0-126" or "3,5,8-12"; UsageError for what are no addresses."""
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= LAST_ADDRESS:
            raise UsageError(f"{part!r} are no addresses; they go from 0 to {LAST_ADDRESS}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


# --- while it looks -------------------------------------------------------------------


class _Bar:
    """A bar on standard error, if somebody looks at it."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("looking", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, progress: scouts.Progress) -> None:
        """Called for everything that happens."""
        what = "everybody" if progress.everybody else "every address"
        self._progress.update(
            self._task,
            description=f"asking {what}{scouts.at(progress.baud)}",
            completed=progress.asked,
            total=progress.total or None,
        )


# --- what was found -------------------------------------------------------------------


def _as_json(port: Port, survey: Survey, *, checksum: bool) -> dict[str, object]:
    return {
        "port": port.place,
        "line": port.name,
        "units": [
            {
                "baud": unit.baud or None,
                "address": unit.address,
                "controller": known_as(port, unit),
                "vendor": unit.identity.vendor,
                "model": unit.identity.model,
                "hardware": unit.identity.hardware,
                "serial": unit.identity.serial,
                "firmware": list(unit.identity.firmware),
                "secure": _secure(unit),
                "verdict": _verdict(port, unit),
                "capabilities": [list(each) for each in unit.identity.capabilities],
                "toml": {
                    "line": line_table(port, unit),
                    "controller": controller_table(port, unit, checksum=checksum),
                },
            }
            for unit in survey.units
        ],
        "remarks": _remarks(port, survey),
    }


def _print(port: Port, survey: Survey, *, checksum: bool) -> None:
    console = Console()
    if survey.units:
        Console(width=max(console.width, TABLE_WIDTH)).print(_table(port, survey))
    else:
        typer.echo(f"nobody answered on {port}")
    for remark in _remarks(port, survey):
        typer.echo(f"remark: {remark}")
    tables = [line_table(port, unit) for unit in survey.units[:1]]
    tables += controller_tables(port, survey.units, checksum=checksum)
    for table in filter(None, tables):
        typer.echo(f"\n{table}", nl=False)


def _table(port: Port, survey: Survey) -> Table:
    columns = "baud", "address", "vendor", "model", "serial", "firmware", "secure", "verdict"
    table = Table(*columns, "controller", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for unit in once_each(survey.units):
        identity = unit.identity
        cells = (
            str(unit.baud or "-"),
            str(unit.address),
            identity.vendor,
            str(identity.model),
            identity.serial,
            ".".join(map(str, identity.firmware)),
            "yes" if _secure(unit) else "no",
            _verdict(port, unit),
            known_as(port, unit) or "new",
        )
        table.add_row(*map(Text, cells))
    return table


def _secure(unit: FoundUnit) -> bool:
    """Whether it says that it can encrypt."""
    return any(
        function == Function.SECURITY and compliance & 1
        for function, compliance, _ in unit.identity.capabilities
    )


def _verdict(port: Port, unit: FoundUnit) -> str:
    """What the catalogue says of its kind; what a door needs of it is for the audit."""
    site = None if port.config is None else port.config.audit.catalogue
    return judge(unit.identity, catalogue.load(site), Needs()).verdict.value


def _remarks(port: Port, survey: Survey) -> list[str]:
    """Return what the search has to say, and what does not fit the configuration."""
    remarks = list(survey.remarks)
    if not survey.units:
        remarks.append("look at power, wires (A and B may be swapped), and the end resistors")
    found = once_each(survey.units)
    if len(found) < len(survey.units):
        remarks.append("some answer at several speeds and stand here with the first only")
    return remarks + _at_other_speeds(port, found)


def _at_other_speeds(port: Port, found: list[FoundUnit]) -> list[str]:
    """Say how to bring all units to the speed of the line, or of the first that was found."""
    if not found or isinstance(port.line, TcpLine):
        return []
    place = f"--line {port.name}" if port.name else f"--device {port.line.device}"
    baud = port.baud if port.name else found[0].baud
    return [
        f"address {unit.address} speaks at {unit.baud} baud, the line at {baud}: "
        f"`gatewayd osdp address {place} --baud {unit.baud} "
        f"--address {unit.address} --to-baud {baud}` brings it there"
        for unit in found
        if unit.baud != baud
    ]
