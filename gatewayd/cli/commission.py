"""`gatewayd commission`: give a unit its first key, after somebody has looked at who it is."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import Config, load
from gatewayd.edge.control_client import ask
from gatewayd.errors import GatewayError, UsageError

LONGEST = 300  # seconds of a window
SPARE = 10.0  # seconds beyond the end of a window in which the daemon must have answered

INSTALLATION_MODE = (
    "is the unit in its installation mode? Its manual says how; most leave it by themselves, "
    "and one that has a key already must be reset first"
)

COMMISSION, END = "controller.commission", "controller.end_commissioning"
_SERIAL = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)


def command(  # noqa: PLR0913  an argument for each option
    line: Annotated[str, typer.Option("--line", "-l", metavar="NAME", help="The line.")],
    address: Annotated[
        int, typer.Option("--address", "-a", metavar="N", help="The unit's address on it.")
    ],
    *,
    seconds: Annotated[
        int, typer.Option(min=1, max=LONGEST, metavar="N", help="How long to wait for it.")
    ] = 120,
    serial: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Its serial number; any other unit gets no key."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Give a key to whoever answers; do not ask.")
    ] = False,
    config: ConfigFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give a unit its first key. The daemon must run; the unit must be in installation mode.

    For this one unit, and for a time, the daemon tries the key that everybody knows. It shows
    who answers, and asks; with the serial number that is printed on the unit it need not. Then
    it gives the unit a key of its own, and the unit must prove that it has it.

        gatewayd commission --line north --address 1
    """
    if serial is not None and not _SERIAL.fullmatch(serial):
        raise UsageError("--serial must be 8 hexadecimal digits, as `gatewayd audit` shows it")
    settings = load(config)
    window = _Window(
        settings.site.control_socket, _controller(settings, line, address), seconds
    )
    try:
        if serial is None:
            serial = _looked_at(window.look(), yes=yes, as_json=as_json)
        typer.echo("giving it a key …", err=True)
        answer = window.commission(serial)
    except BaseException:  # also Ctrl-C: a window that nobody watches is closed
        window.end()
        raise
    if as_json or not answer["ok"]:
        _show(answer, as_json=as_json)
    else:
        result = answer["result"]
        typer.echo(
            f"{result['controller']} has a key of its own (change {result['generation']})"
        )


class _Window:
    """The window of one controller, asked for over the control socket."""

    def __init__(self, socket: Path, controller: str, seconds: int) -> None:
        self._socket = socket
        self._wanted: dict[str, object] = {"controller": controller, "seconds": seconds}
        self._seconds = seconds

    def look(self) -> dict[str, Any]:
        """Open it; return who answers."""
        typer.echo(f"waiting {self._seconds} s for the unit to answer …", err=True)
        return self._ask(COMMISSION, self._wanted)

    def commission(self, serial: str) -> dict[str, Any]:
        """Let the unit with this serial number have its key."""
        return self._ask(COMMISSION, {**self._wanted, "serial": serial})

    def end(self) -> None:
        """Close it; if it is closed already, so much the better."""
        with suppress(GatewayError):
            self._ask(END, {"controller": self._wanted["controller"]})

    def _ask(self, request: str, args: Mapping[str, object]) -> dict[str, Any]:
        validity = timedelta(seconds=self._seconds)
        return ask(self._socket, request, args, self._seconds + SPARE, validity)


def _controller(config: Config, line: str, address: int) -> str:
    if line not in config.lines:
        known = ", ".join(config.lines)
        raise UsageError(f"there is no line {line}; the configuration has {known}")
    for name, each in config.controllers.items():
        if (each.line, each.address) == (line, address):
            return name
    raise UsageError(f"no controller is configured at address {address} of line {line}")


def _looked_at(answer: Mapping[str, Any], *, yes: bool, as_json: bool) -> str:
    """Show who answered, and return the serial number; typer.Abort unless that is the one."""
    if not answer["ok"]:
        _show(answer, as_json=as_json)
    said = answer["result"]
    if as_json:
        typer.echo(json.dumps({"answered": said}))
    else:
        typer.echo(_in_words(said))
    if not yes:
        typer.confirm("Is this the unit? Give it a key", abort=True, err=True)
    return str(said["serial"])


def _show(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Show it; of a unit that did not come also what to look at."""
    if not answer["ok"] and answer["error"]["code"] == "not_commissioned":
        typer.echo(INSTALLATION_MODE, err=True)
    show(answer, as_json=as_json)


def _in_words(said: Mapping[str, Any]) -> str:
    rows = {
        "controller": said["controller"],
        "vendor": said["vendor"],
        "model": said["model"],
        "serial": said["serial"],
        "firmware": ".".join(map(str, said["firmware"])),
    }
    return "\n".join(f"  {name:11} {value}" for name, value in rows.items())
