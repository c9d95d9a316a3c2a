"""`gatewayd trace`: what was said on a line, and whether it holds; or record it."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.cli.trace_view import JsonView, View, show_trace
from gatewayd.config import load
from gatewayd.edge.control_client import ask
from gatewayd.edge.trace_keys import read_trace_keys
from gatewayd.errors import UsageError
from protocol.osdp.trace_follow import Follower

FORGED = 76  # EX_PROTOCOL of sysexits.h
LONGEST_SECONDS = 3600


def command(  # noqa: PLR0913  an argument for each option
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A recording to show.")
    ] = None,
    *,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keys, as lines of address and 32 hex digits."),
    ] = None,
    default_key: Annotated[
        bool, typer.Option("--default-key", help="Try the key that everybody knows as well.")
    ] = False,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="Show or record cards, digits and data as well.")
    ] = False,
    line: Annotated[
        str | None, typer.Option(metavar="LINE", help="Record this line of the daemon.")
    ] = None,
    seconds: Annotated[
        int, typer.Option(min=1, max=LONGEST_SECONDS, metavar="N", help="How long.")
    ] = 60,
    config: ConfigFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show a recording in OSDPCAP format, of any tool; or let the daemon record a line.

    With the units' keys (a file that only its owner may read) every cryptogram and MAC is
    checked and what was encrypted is shown. Exit code 76 if one of them is wrong, 74 if the
    file is no recording.

        gatewayd trace north.osdpcap --key-file keys

        gatewayd trace --line north --seconds 60

    What is recorded goes into a file in the state directory, masked: cards, digits, keys,
    biometrics are zeros. Ctrl-C ends it early.
    """
    if (file is None) == (line is None):
        raise UsageError("give a file to read or a --line to record, one of them")
    if line is not None:
        wanted = {"line": line, "seconds": seconds, "unmasked": unmasked}
        _record(load(config).site.control_socket, wanted, as_json=as_json)
    if file is not None:
        keys = read_trace_keys(key_file) if key_file is not None else {}
        view = JsonView() if as_json else View()
        if show_trace(file, Follower(keys, default_key=default_key), view, unmasked=unmasked):
            raise typer.Exit(FORGED)


def _record(socket: Path, wanted: dict[str, Any], *, as_json: bool) -> None:
    answer = ask(socket, "trace.start", wanted)
    if not answer["ok"]:
        show(answer, as_json=as_json)
    typer.echo(f"recording {wanted['line']} into {answer['result']['file']}", err=True)
    with suppress(KeyboardInterrupt):
        time.sleep(wanted["seconds"])  # the daemon records meanwhile; Ctrl-C ends it earlier
    show(ask(socket, "trace.stop", {"line": wanted["line"]}), as_json=as_json)
