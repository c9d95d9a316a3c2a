"""`gatewayd send`: ask the running daemon for something, as over MQTT."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import load
from gatewayd.edge.control_client import LONGEST_REQUEST, ask
from gatewayd.errors import StateError, UsageError


def command(
    request: Annotated[
        str, typer.Argument(metavar="COMMAND", help="door.unlock, permissions.apply, …")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="Its arguments.")
    ] = None,
    config: ConfigFile = DEFAULT,
    *,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=86_400, metavar="N", help="Seconds to wait.")
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Ask the running daemon for something and show its answer.

    A value is JSON if it can be read as such, and text otherwise; "@FILE" reads it from a file.

    docs/mqtt.md has every command with its arguments.

        gatewayd send door.unlock door=lobby
        gatewayd send permissions.apply base=3 version=4 credentials=@cards.json
    """
    args = dict(_argument(each) for each in arguments or ())
    if len(args) < len(arguments or ()):
        raise UsageError("a key stands there twice")
    show(ask(load(config).site.control_socket, request, args, timeout), as_json=as_json)


def _argument(text: str) -> tuple[str, object]:
    key, is_there, value = text.partition("=")
    if not key or not is_there:
        raise UsageError(f"{text!r} is no KEY=VALUE")
    if value.startswith("@"):
        return key, _value(_content(Path(value[1:])))
    return key, _value(value)


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_REQUEST + 1)
        text = data.decode()
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8") from None
    if len(data) > LONGEST_REQUEST:
        raise UsageError(f"{path}: longer than {LONGEST_REQUEST} bytes")
    return text
