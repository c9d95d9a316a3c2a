"""`gatewayd health`: how the running daemon is."""

import typer

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import load
from gatewayd.edge.control_client import ask

UNWELL = 74


def command(config: ConfigFile = DEFAULT, *, as_json: AsJson = False) -> None:
    """Show lines, controllers, journal, broker and permissions of the running daemon.

    Exit code 74 unless it is well: every line open, every controller online and approved, the
    journal written, the broker connected, the clock trusted. 75 if no daemon runs.
    """
    answer = ask(load(config).site.control_socket, "health.read", {})
    show(answer, as_json=as_json)
    result = answer["result"]
    if isinstance(result, dict) and result.get("well") is False:
        raise typer.Exit(UNWELL)
