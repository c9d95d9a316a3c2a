"""The program: finds the subcommand, runs it, and turns every end into an exit code.

    0   fine                              74  a file, port or socket failed
    64  the command line makes no sense   75  not now, try again
    69  the audit refuses the hardware    77  not permitted
    70  our own fault                     76  a trace holds something forged
                                          78  the configuration is wrong

Only the module of the subcommand that was asked for is imported; the others are known by name
and summary, which is all that `gatewayd --help` shows.
"""

import inspect
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from gatewayd.errors import GatewayError
from gatewayd.version import VERSION

COMMANDS = {
    "run": "Run the daemon.",
    "check": "List every mistake in the configuration.",
    "audit": "Show what the hardware audit says of every controller.",
    "discover": "Look for units on a line.",
    "osdp": "Set up one unit: identify, move, blink, pulse, update.",
    "keys": "Make the root key; import, list and forget units' keys.",
    "commission": "Give a unit its first key.",
    "accept": "Take another unit for a controller.",
    "health": "Show how the running daemon is.",
    "watch": "Show lines and controllers, live.",
    "explain": "Say why a card opens a door or does not.",
    "permissions": "Import people out of a spreadsheet.",
    "send": "Ask the running daemon for something.",
    "trace": "Show what was said on a line, or record it.",
    "demo": "Show the main job on simulated hardware.",
    "simulate": "Simulate a site's hardware on a pseudo-terminal.",
}

USAGE, FAULT, IO, INTERRUPTED = 64, 70, 74, 130
TYPERS_USAGE, TYPERS_ABORT = 2, 1  # what typer exits with
AS_IT_IS = "\b"  # begins a paragraph that must not be wrapped
LONGEST_TEXT = 300  # characters of an unexpected error on the terminal

Command = Callable[..., None]


def program(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; return the exit code."""
    try:
        _application(arguments)(args=list(arguments), prog_name="gatewayd")
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return _exit_code(end.code)
    except Exception as error:  # noqa: BLE001  the last place that can say what it was
        return _ended_by(error)
    return 0


def _application(arguments: Sequence[str]) -> typer.Typer:
    application = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        rich_markup_mode=None,  # as wide as its text, and the same in a pipe or a mail
    )
    application.callback()(_gatewayd)
    wanted = next((each for each in arguments if not each.startswith("-")), None)
    for name, summary in COMMANDS.items():
        if name == wanted:
            _add(application, name, summary)
        else:
            application.command(name, short_help=summary)(_not_loaded)
    return application


def _add(application: typer.Typer, name: str, summary: str) -> None:
    """Add what the module has: its `command`, or a group of `commands` by name."""
    found = _implementation(name)
    if not isinstance(found, Mapping):
        application.command(name, short_help=summary, help=_paragraphs(found))(found)
        return
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for each, function in found.items():
        said = _paragraphs(function)
        first = said.partition("\n")[0]
        group.command(each, short_help=first, help=said)(function)
    application.add_typer(group, name=name, short_help=summary, help=summary)


def _implementation(name: str) -> Command | Mapping[str, Command]:
    module = import_module(f"gatewayd.cli.{name}")
    found: Command | Mapping[str, Command] = getattr(module, "command", None) or module.commands
    return found


def _not_loaded() -> None:
    """Stand in for a command that was not asked for."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        typer.echo(VERSION)
        raise typer.Exit


def _gatewayd(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which."),
    ] = False,
) -> None:
    """Door-controller gateway: OSDP below, MQTT above, decisions in between."""


def _exit_code(code: object) -> int:
    if code is None or isinstance(code, str):
        return 0 if code is None else FAULT
    return {TYPERS_USAGE: USAGE, TYPERS_ABORT: INTERRUPTED}.get(int(str(code)), int(str(code)))


def _paragraphs(function: Callable[..., None]) -> str:
    """Return its docstring with lines joined, except where they are indented."""
    paragraphs = inspect.getdoc(function) or ""
    joined = re.sub(r"(?<=\S)\n(?=\S)", " ", paragraphs)
    return re.sub(r"\n\n(?= )", f"\n\n{AS_IT_IS}\n", joined)


def _ended_by(error: Exception) -> int:
    """Say in one line each what went wrong; several things may have, in tasks of a group."""
    leaves = list(_leaves(error))
    ours = [each for each in leaves if not isinstance(each, GatewayError | OSError)]
    for each in ours or leaves:
        typer.echo(f"gatewayd: {_in_words(each)}", err=True)
    first = (ours or leaves)[0]
    if isinstance(first, GatewayError):
        return first.exit_code
    return IO if isinstance(first, OSError) else FAULT


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _in_words(error: BaseException) -> str:
    if isinstance(error, GatewayError):
        return str(error)
    trouble = "input or output failed" if isinstance(error, OSError) else "our own fault"
    return f"{trouble}: {_in_one_line(error)}"


def _in_one_line(error: BaseException) -> str:
    """Say what and where; bounded, and nothing that could steer a terminal."""
    text = f"{type(error).__name__}: {error}"[:LONGEST_TEXT]
    shown = text if text.isprintable() else repr(text)
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    return shown + "".join(f" ({each.filename}:{each.lineno})" for each in frames)
