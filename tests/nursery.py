"""Processes of gatewayd that need not import it first: forked from one that has.

A process of its own with its own standard streams, arguments, environment and exit code, as
`python -m gatewayd` is; only the half second until everything is imported is spent once.
Whoever wants to see that too starts the program itself.

    test  --(socket: what to run and where, 4 descriptors)-->  nursery  --fork-->  gatewayd
    test  <--(the fourth: a pipe with "PID\n", later "EXIT CODE\n")--
"""

import asyncio
import atexit
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from gatewayd.__main__ import main
from gatewayd.cli.program import COMMANDS

PATIENCE = 30.0  # seconds until the nursery has ended
LONGEST_REQUEST = 1 << 17


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process said, and how it ended."""

    code: int
    out: str
    err: str


async def gatewayd_forked(
    arguments: list[str], typed: str, environment: Mapping[str, str], patience: float
) -> Ended:
    """Run the program to its end; TimeoutError if that does not come in time."""
    theirs_in, ours_in = os.pipe()
    ours, theirs = zip(os.pipe(), os.pipe(), os.pipe(), strict=True)  # out, error, end
    what = {"arguments": arguments, "environment": dict(environment), "place": str(Path.cwd())}
    socket.send_fds(_nursery(), [json.dumps(what).encode()], [theirs_in, *theirs])
    for descriptor in (theirs_in, *theirs):
        os.close(descriptor)
    with os.fdopen(ours_in, "wb", buffering=0) as keyboard:
        assert keyboard.write(typed.encode()) == len(typed.encode())  # a pipe takes 64 KiB
    async with AsyncExitStack() as stack:
        out, err, end = [await stack.enter_async_context(_reading(each)) for each in ours]
        pid = int(await end.readline())
        try:
            async with asyncio.timeout(patience):
                said = await asyncio.gather(out.read(), err.read(), end.read())
        except BaseException:
            if not end.at_eof():  # the number is still its own
                os.kill(pid, signal.SIGKILL)
            raise
    return Ended(int(said[2]), said[0].decode(), said[1].decode())


@asynccontextmanager
async def _reading(descriptor: int) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        yield reader
    finally:
        transport.close()


@cache
def _nursery() -> socket.socket:
    """Start it, once for all tests of this process; it ends when the socket is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait(PATIENCE)

    atexit.register(end)
    return ours


# --- the nursery --------------------------------------------------------------------------


def serve(requests: socket.socket) -> None:
    """Fork for every request; return from here in each child."""
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                selector.unregister(key.fd)
                _bury(key.fd, *key.data)
            elif started := _start(requests):
                selector.register(os.pidfd_open(started[0]), selectors.EVENT_READ, started)
            else:
                selector.close()
                return


def _start(requests: socket.socket) -> tuple[int, int] | None:
    """Return its number and the pipe that wants to know its end; None in the child."""
    request, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 4)
    if not request:
        sys.exit()  # the tests have ended
    *streams, status = descriptors
    if (pid := os.fork()) == 0:
        requests.close()
        os.close(status)
        _become(json.loads(request), streams)
        return None
    for each in streams:
        os.close(each)
    os.write(status, f"{pid}\n".encode())
    return pid, status


def _bury(descriptor: int, pid: int, status: int) -> None:
    _, how = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(how)}".encode())
    os.close(status)
    os.close(descriptor)


def _become(request: Mapping[str, Any], streams: list[int]) -> None:
    for stream, descriptor in enumerate(streams):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.chdir(request["place"])
    sys.argv[1:] = request["arguments"]
    os.environ.clear()
    os.environ.update(request["environment"])


def _begin() -> NoReturn:
    for name in COMMANDS:
        import_module(f"gatewayd.cli.{name}")
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    main()
    sys.exit()


if __name__ == "__main__":
    _begin()
