"""The other end of the local channel: ask the running daemon one thing.

Plain blocking code, and few imports: a command-line tool waits for nothing else.
"""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from gatewayd.errors import GatewayError, NotPermitted, StateError, TryAgain, UsageError

LONGEST_REQUEST = 256 << 10  # bytes
LONGEST_ANSWER = 16 << 20  # bytes: the audit report of a large site
VALIDITY = timedelta(seconds=30)  # of a request
PATIENCE = 60.0  # seconds


class NotRunning(TryAgain):
    """No daemon serves this socket."""


def ask(
    path: Path,
    command: str,
    args: Mapping[str, Any],
    timeout: float = PATIENCE,
    validity: timedelta = VALIDITY,
) -> dict[str, Any]:
    """Return the daemon's answer: {"id", "ok": true, "result"} or {"id", "ok": false, "error"}.

    NotRunning if there is no daemon, NotPermitted if it is not for us, TryAgain after
    `timeout` seconds (of silence), StateError if the channel breaks, UsageError if the
    request is too long for it. `validity`: how long the request may still act.
    """
    request = (
        json.dumps({"command": command, "payload": _payload(args, validity)}).encode() + b"\n"
    )
    if len(request) > LONGEST_REQUEST:
        raise UsageError(f"the request is longer than {LONGEST_REQUEST} bytes")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout)
        try:
            channel.connect(str(path))
            with suppress(
                BrokenPipeError, ConnectionResetError
            ):  # refused; the answer says why
                channel.sendall(request)
            line = _line(channel)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                f"no gatewayd serves {path}; start it (`systemctl start gatewayd`), or name "
                "its configuration with --config"
            ) from None
        except PermissionError:
            raise NotPermitted(f"{path} is not for this user; try as root") from None
        except TimeoutError:
            raise TryAgain(f"{path}: no answer within {timeout:g} s") from None
        except OSError as error:
            raise StateError(f"{path}: {error.strerror or error}") from None
    return _answer(path, line)


def is_served(path: Path) -> bool:
    """Say whether a daemon listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        try:
            channel.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # not for us, or too busy: somebody is there all the same
            return True
    return True


def _payload(args: Mapping[str, Any], validity: timedelta) -> dict[str, Any]:
    """Wrap arguments as a request; the daemon itself writes who asks."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return {
        "id": str(uuid4()),
        "issued": now.isoformat(timespec="seconds") + "Z",
        "expires": (now + validity).isoformat(timespec="seconds") + "Z",
        "args": dict(args),
    }


def _line(channel: socket.socket) -> bytes:
    with channel.makefile("rb") as stream:
        return stream.readline(LONGEST_ANSWER)


def _answer(path: Path, line: bytes) -> dict[str, Any]:
    if not line:
        raise StateError(f"{path}: closed without an answer")
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    match answer:
        case {"ok": True, "result": _} | {
            "ok": False,
            "error": {"code": str(), "message": str()},
        }:
            return dict(answer)
    raise GatewayError(f"{path}: the answer makes no sense")
