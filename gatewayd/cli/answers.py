"""What the daemon answered, for people and for programs, and its exit code."""

import json
from collections.abc import Mapping
from typing import Any

import typer

EXIT_CODES = {
    "invalid_request": 64,
    "unknown_command": 64,
    "no_such_controller": 64,
    "no_such_door": 64,
    "not_secure": 64,
    "no_window": 64,
    "no_transfer": 64,
    "file_refused": 64,
    "permissions_version": 64,
    "permissions_invalid": 64,
    "unit_not_approved": 69,
    "not_supported": 69,
    "wrong_serial": 69,
    "internal_error": 70,
    "busy": 75,
    "rate_limited": 75,
    "request_early": 75,
    "request_expired": 75,
    "not_permitted": 77,
}
OTHERWISE = 74  # the door, the line or the disk is in the way


def show(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an answer; if it is an error, end with its exit code."""
    if as_json:
        typer.echo(json.dumps(answer))
    elif answer["ok"]:
        typer.echo(_plain(answer["result"]))
    else:
        error = answer["error"]
        typer.echo(f"gatewayd: {error['code']}: {error['message']}", err=True)
    if not answer["ok"]:
        raise typer.Exit(EXIT_CODES.get(answer["error"]["code"], OTHERWISE))


def _plain(result: object) -> str:
    return "done" if result is None else json.dumps(result, indent=2)
