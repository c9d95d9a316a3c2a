"""`gatewayd demo`: the main job on simulated hardware."""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gatewayd.cli.options import AsJson
from gatewayd.simulate import demo

COLOURS = {
    "access.granted": "green",
    "access.denied": "red",
    "access.awaited": "yellow",
    "site.lockdown": "bold magenta",
    "audit.blocked": "magenta",
    "door.forced": "bold red",
    "door.held": "bold red",
    "lock.released": "green",
    "lock.release_failed": "bold red",
    "rex.pressed": "cyan",
}
HIDDEN = ("seq", "at", "mono", "clock", "kind")  # shown in front, or not worth a line


def command(
    *,
    seconds: Annotated[
        float | None, typer.Option(min=1, metavar="N", help="End by itself after N seconds.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End after everybody came N times.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a broker, a simulated site and the real daemon; show every event over MQTT.

    Ctrl-C ends it, and so do --seconds and --rounds.
    """
    show = _as_json if as_json else _for_people
    pause = demo.PAUSE / 3 if as_json else demo.PAUSE
    length = demo.Length(seconds, rounds, pause)
    try:
        asyncio.run(demo.run(length=length, sink=show, say=_say))
    except KeyboardInterrupt:
        _say("ended")


def _say(text: str) -> None:
    typer.echo(f"demo: {text}", err=True)


def _as_json(event: dict[str, object]) -> None:
    typer.echo(json.dumps(event))


def _for_people(event: dict[str, object]) -> None:
    kind = str(event.get("kind"))
    line = Text(f"{event.get('at', '')!s:.23}  ")
    line.append(f"{kind:20}", style=COLOURS.get(kind, ""))
    line.append(f" {_details(event)}")
    Console(soft_wrap=True, highlight=False).print(line)


def _details(event: Mapping[str, object]) -> str:
    shown = {key: value for key, value in event.items() if key not in HIDDEN and value}
    return "  ".join(f"{key}={value}" for key, value in shown.items())
