"""`gatewayd audit`: which controllers may be driven, and why the others may not."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatewayd.app.audit import audit
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import Config, load
from gatewayd.edge import log
from gatewayd.edge.control_client import NotRunning, ask
from gatewayd.edge.payloads import encode_view
from gatewayd.errors import GatewayError, Refused, TryAgain

TABLE_WIDTH = 100  # characters; a narrower terminal wraps it
COLOURS = {"approved": "green", "unreachable": "yellow"}  # all others are red


def command(config: ConfigFile = DEFAULT, *, as_json: AsJson = False) -> None:
    """Show what the hardware audit says of every controller, and what to install instead.

    The running daemon is asked. If there is none, the lines are opened here, only to let every
    unit say who it is; nothing is driven. Exit code 69 if any verdict is not "approved".
    """
    settings = load(config)
    report = _report(settings)
    controllers = report["controllers"]
    if as_json:
        typer.echo(json.dumps(report))
    else:
        console = Console()
        Console(width=max(console.width, TABLE_WIDTH)).print(_table(controllers))
        for line in _in_words(settings, controllers):
            typer.echo(line)
    if report["refused"] or any(each["verdict"] != "approved" for each in controllers):
        raise typer.Exit(Refused.exit_code)


def _report(config: Config) -> dict[str, Any]:
    """Return an AuditReport as JSON lays it out."""
    try:
        answer = ask(config.site.control_socket, "audit.report", {})
    except NotRunning:
        log.configure("warning")
        return dict(json.loads(encode_view(audit(config))))
    if not answer["ok"]:
        raise GatewayError(answer["error"]["message"])
    if answer["result"] is None:
        raise TryAgain("the daemon has just started and has no report yet")
    return dict(answer["result"])


def _in_words(config: Config, controllers: list[Mapping[str, Any]]) -> Iterator[str]:
    """Say why of each, and what can be done about what is not approved."""
    for each in controllers:
        yield f"{each['controller']}: {_why(each)}"
        todo = _todo(config, each)
        if todo is not None:
            yield f"    {todo}"


def _todo(config: Config, each: Mapping[str, Any]) -> str | None:
    name = each["controller"]
    match each["verdict"]:
        case "changed":
            serial = each["identity"]["serial"]
            return (
                f"look at the unit; if serial {serial} is printed on it and it belongs there, "
                f"`gatewayd accept {name} {serial}`"
            )
        case "unknown":
            return (
                "replace it, or approve its family in a catalogue of the site (audit.catalogue)"
            )
        case "classic" if config.audit.on_classic == "refuse":
            return (
                "until it is replaced, a new site starts only without it, or with "
                'audit.on_classic = "block"'
            )
        case "misconfigured":
            return _correct(config, each)
    return None


def _correct(config: Config, each: Mapping[str, Any]) -> str:
    controller = config.controllers.get(each["controller"])
    proved = each["identity"] is not None and each["identity"]["proved"]
    if controller is None or controller.secure == "off" or proved:
        return "correct the configuration or the unit"
    place = f"--line {controller.line} --address {controller.address}"
    return f"to give it a key, with the daemon running: `gatewayd commission {place}`"


def _table(controllers: list[Mapping[str, Any]]) -> Table:
    columns = "controller line verdict vendor model serial firmware identity"
    table = Table(*columns.split(), box=None, padding=(0, 2, 0, 0), header_style="bold")
    for each in controllers:
        verdict = str(each["verdict"])
        table.add_row(
            Text(each["controller"]),
            Text(each["line"]),
            Text(verdict, style=COLOURS.get(verdict, "red")),
            *map(Text, _identity(each["identity"])),
        )
    return table


def _identity(identity: Mapping[str, Any] | None) -> tuple[str, ...]:
    if identity is None:
        return ("-",) * 5
    return (
        identity["vendor"],
        str(identity["model"]),
        identity["serial"],
        ".".join(map(str, identity["firmware"])),
        "proved" if identity["proved"] else "claimed",
    )


def _why(controller: Mapping[str, Any]) -> str:
    replacement = controller["replacement"]
    return f"{controller['why']}" + (f"; replace it by {replacement}" if replacement else "")
