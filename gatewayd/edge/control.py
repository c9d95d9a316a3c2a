"""The local channel: a Unix socket that serves the command-line tools.

One JSON object a line, both ways, one request at a time per connection:

    {"command": "door.unlock", "payload": {"id": …, "issued": …, "expires": …, "args": {…}}}
    {"id": …, "ok": true, "result": {…}}     or     {"id": …, "ok": false, "error": {…}}

What the daemon answers itself (`Handlers`: report, health) never leaves it; everything else
goes the way of a request over MQTT. `client` in a payload is always ours to write:
"local-<uid>", as the kernel says, so the journal tells who it was.

Who may ask: root, the daemon's own user, and the group of the socket. The kernel sees to that
by the file's mode (0660) when somebody connects, and we look again at the peer's credentials
(uid, gid and, where the kernel tells, its other groups), in case the mode was changed.
"""

import asyncio
import json
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import structlog

from gatewayd.core.model import ClientId
from gatewayd.edge.payloads import ErrorCode, encode_document, encode_error
from gatewayd.edge.request_values import REQUEST_ID
from gatewayd.errors import StateError, StateInUse

LONGEST_LINE = 256 << 10  # bytes of one request
MOST_CONNECTIONS = 16
IDLE_SECONDS = 60.0  # without a request; then the connection ends
ANSWER_SECONDS = 330.0  # for a request; whoever answers has a shorter bound of his own
MODE = 0o660
SO_PEERGROUPS = 59  # Linux 4.13; not in the socket module
MOST_GROUPS = 256  # of a peer that are looked at

log = structlog.get_logger()

Handler = Callable[[Mapping[str, Any]], Awaitable[object]]  # arguments in, result out
Handlers = Mapping[str, Handler]


class Submit(Protocol):
    """Where requests go that are not for us alone: `Router.submit`."""

    def __call__(
        self,
        command: str,
        payload: bytes,
        *,
        via: Literal["local"],
        reply: Callable[[bytes], None],
    ) -> None:
        """Take a request; `reply` is called exactly once, at once or later."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected, as the kernel says."""

    uid: int
    groups: frozenset[int]


class Unable(Exception):
    """A handler cannot do what it is asked; `code` and text are the answer."""

    def __init__(self, code: ErrorCode, why: str) -> None:
        super().__init__(why)
        self.code = code


class _Unreadable(ValueError):
    """A line that is no request."""


class Control:
    """The server. `open` once, then `run` until cancelled."""

    def __init__(self, path: Path, submit: Submit, handlers: Handlers) -> None:
        self._path = path
        self._submit = submit
        self._handlers = handlers
        self._socket: socket.socket | None = None
        self._connections = 0

    def open(self) -> None:
        """Take the socket's place. StateInUse if somebody answers there already."""
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _clear(self._path)
            self._socket = _bind(self._path)
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror or error}") from None

    async def run(self) -> None:
        """Serve until cancelled, then leave nothing behind."""
        assert self._socket is not None, "open first"
        inode = self._path.stat().st_ino
        try:
            async with asyncio.TaskGroup() as group:
                server = await asyncio.start_unix_server(
                    lambda reader, writer: self._accept(group, reader, writer),
                    sock=self._socket,
                    limit=LONGEST_LINE,
                )
                await server.serve_forever()
        finally:
            self._socket.close()
            with suppress(OSError):
                if self._path.stat().st_ino == inode:  # not a successor's
                    self._path.unlink()

    def _accept(
        self,
        group: asyncio.TaskGroup,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        refusal = self._refusal(writer)
        if refusal is not None:
            writer.write(refusal + b"\n")
            writer.close()
            return
        self._connections += 1
        group.create_task(self._attend(reader, writer))

    def _refusal(self, writer: asyncio.StreamWriter) -> bytes | None:
        peer = _peer(writer.get_extra_info("socket"))
        if not _may_ask(peer, self._path):
            log.warning("control_refused", uid=peer.uid)
            return encode_error(None, ErrorCode.NOT_PERMITTED, "this user may not ask here")
        if self._connections >= MOST_CONNECTIONS:
            log.warning("control_busy", uid=peer.uid)
            return encode_error(None, ErrorCode.BUSY, "too many connections; try again")
        return None

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = ClientId(f"local-{_peer(writer.get_extra_info('socket')).uid}")
        try:
            while line := await _next_line(reader):
                writer.write(await self._answer(client, line) + b"\n")
                async with asyncio.timeout(IDLE_SECONDS):
                    await writer.drain()
        except _Unreadable as error:
            writer.write(encode_error(None, ErrorCode.INVALID_REQUEST, str(error)) + b"\n")
        except (OSError, TimeoutError):  # gone, or asleep
            pass
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, client: ClientId, line: bytes) -> bytes:
        try:
            command, payload = _request(line)
        except _Unreadable as error:
            return encode_error(None, ErrorCode.INVALID_REQUEST, str(error))
        log.info("control_request", command=command, client=client)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if handler := self._handlers.get(command):
                    return await _handled(handler, payload)
                return await self._submitted(command, {**payload, "client": client})
        except TimeoutError:
            why = f"no answer within {ANSWER_SECONDS:.0f} s; the events tell how it ended"
            return encode_error(_id(payload), ErrorCode.OUTCOME_UNKNOWN, why)
        except Exception:  # one broken question must not end the channel, or the daemon
            log.exception("control_failed", command=command)
            return encode_error(_id(payload), ErrorCode.INTERNAL_ERROR, "failed; see the log")

    async def _submitted(self, command: str, payload: Mapping[str, Any]) -> bytes:
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def reply(body: bytes) -> None:
            if not answered.done():  # whoever asked may have left
                answered.set_result(body)

        self._submit(command, json.dumps(payload).encode(), via="local", reply=reply)
        return await answered


async def _handled(handler: Handler, payload: Mapping[str, Any]) -> bytes:
    args = payload.get("args", {})
    if not isinstance(args, dict):
        return encode_error(_id(payload), ErrorCode.INVALID_REQUEST, "args: must be an object")
    try:
        result = await handler(args)
    except Unable as error:
        return encode_error(_id(payload), error.code, str(error))
    return encode_document({"id": _id(payload), "ok": True, "result": result})


# --- lines ------------------------------------------------------------------------


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, b"" at the end. TimeoutError when nothing comes."""
    async with asyncio.timeout(IDLE_SECONDS):
        try:
            return await reader.readline()
        except ValueError:
            raise _Unreadable(f"longer than {LONGEST_LINE} bytes") from None


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        document = json.loads(line, object_pairs_hook=_no_duplicates)
    except _Unreadable:
        raise
    except (ValueError, RecursionError):
        raise _Unreadable("must be one JSON object in UTF-8 on one line") from None
    match document:
        case {"command": str(command), "payload": dict(payload), **rest} if not rest:
            return command, payload
    raise _Unreadable('must be {"command": "…", "payload": {…}}')


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unreadable("a key stands there twice")
    return found


def _id(payload: Mapping[str, Any]) -> str | None:
    """Return the id to answer under; half a surrogate pair could not even be sent back."""
    given = payload.get("id")
    return given if isinstance(given, str) and REQUEST_ID.fullmatch(given) else None


# --- the socket -------------------------------------------------------------------


def _clear(path: Path) -> None:
    """Make room: remove a socket that nobody serves any more, and nothing else."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StateError(f"{path}: is there already and is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
                return
            except BlockingIOError:  # somebody listens, and is busy
                pass
        raise StateInUse(f"{path}: another gatewayd serves it")


def _bind(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        os.fchmod(server.fileno(), MODE)  # Linux binds with this mode less the umask:
        server.bind(str(path))  # never wider than MODE, not even for a moment
        path.chmod(MODE)
        server.listen(MOST_CONNECTIONS)
    except OSError:
        server.close()
        raise
    return server


def _peer(connection: socket.socket) -> Peer:
    size = struct.calcsize("3i")
    _pid, uid, gid = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    try:
        groups = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * MOST_GROUPS)
    except OSError:  # an old kernel, or more groups than that
        groups = b""
    return Peer(uid, frozenset({gid, *struct.unpack(f"{len(groups) // 4}i", groups)}))


def _may_ask(peer: Peer, path: Path) -> bool:
    try:
        group = path.stat().st_gid
    except OSError:  # somebody removed the socket's name; only the two remain
        return peer.uid in (0, os.geteuid())
    return peer.uid in (0, os.geteuid()) or group in peer.groups
