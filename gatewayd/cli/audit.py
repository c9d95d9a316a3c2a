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

COLOURS = {"approved": "green", "unreachable": "yellow"}  # all others are red


def command(config: ConfigFile = DEFAULT, *, as_json: AsJson = False) -> None:
    """Show what the hardware audit says of every controller, and what to install instead.

    The running daemon is asked. If there is none, the lines are opened here, only to let every
    unit say who it is; nothing is driven. Exit code 69 if any verdict is not "approved".
    """
    report = _report(load(config))
    controllers = report["controllers"]
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(controllers))
        for advice in _advice(controllers):
            typer.echo(advice)
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


def _advice(controllers: list[Mapping[str, Any]]) -> Iterator[str]:
    """Say what can be done about what is not approved."""
    for each in controllers:
        name = each["controller"]
        match each["verdict"]:
            case "changed":
                serial = each["identity"]["serial"]
                yield (
                    f"{name}: look at the unit; if serial {serial} is printed on it and it "
                    f"belongs there, `gatewayd accept {name} {serial}`"
                )
            case "unknown":
                yield (
                    f"{name}: replace it, or approve its family in a catalogue of the site "
                    "(audit.catalogue)"
                )
            case "misconfigured":
                yield f"{name}: correct the configuration or the unit, as its row says"


def _table(controllers: list[Mapping[str, Any]]) -> Table:
    table = Table("controller", "line", "verdict", "unit", "why")
    for each in controllers:
        verdict = str(each["verdict"])
        table.add_row(
            Text(each["controller"]),
            Text(each["line"]),
            Text(verdict, style=COLOURS.get(verdict, "red")),
            Text(_unit(each["identity"])),
            Text(_why(each)),
        )
    return table


def _unit(identity: Mapping[str, Any] | None) -> str:
    if identity is None:
        return "-"
    firmware = ".".join(map(str, identity["firmware"]))
    claimed = "" if identity["proved"] else " (claimed)"
    return (
        f"vendor {identity['vendor']} model {identity['model']} "
        f"firmware {firmware} serial {identity['serial']}{claimed}"
    )


def _why(controller: Mapping[str, Any]) -> str:
    replacement = controller["replacement"]
    return f"{controller['why']}" + (f"; replace it by {replacement}" if replacement else "")
