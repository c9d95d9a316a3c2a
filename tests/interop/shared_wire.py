"""A wire that several processes hang on, so that one unit can die alone.

    async with SharedWire(path) as wire:
        OsdpLine on wire.path           the panel's end, a pseudo-terminal
        ForeignPeripherals(wire.meeting, [3], keys, shared=True)
        await wire.cut(3)               it hears nothing and nobody hears it

The wire itself is a process too (`shared_wire_process`). It has no speed: bytes are handed on
as they come, and those for a process that does not read are lost, as a serial port loses them.
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.interop.companion import Companion, Line
from tests.interop.pseudo_terminal import CHUNK


class WireEnd:
    """A unit's port. It says its address once, for whoever has to cut it off."""

    def __init__(self, path: Path, address: int) -> None:
        self.path = path
        self._address = address
        self._socket: socket.socket | None = None

    @property
    def descriptor(self) -> int | None:
        """What to wait on for bytes; None while unplugged."""
        return None if self._socket is None else self._socket.fileno()

    def plug_in(self) -> None:
        """Hang on the wire."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(str(self.path))
        self._socket.send(bytes((self._address,)))
        self._socket.settimeout(0)

    def hang_up(self) -> None:
        """Leave it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def read(self) -> bytes:
        """Return what was said, perhaps nothing."""
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return b""
        except ConnectionError:
            data = b""
        if not data:
            self.hang_up()  # there is no wire any more
        return data

    def write(self, data: bytes) -> None:
        """Answer; without a wire the bytes are lost."""
        if self._socket is not None:
            with suppress(BlockingIOError, ConnectionError):
                self._socket.send(data)


class SharedWire(Companion):
    """The wire, and the hand that cuts it. Moments are `time.monotonic()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meeting = path.with_name(path.name + ".wire")
        module = "tests.interop.shared_wire_process"
        super().__init__(module, "--port", str(path), "--meeting", str(self.meeting))

    async def cut(self, *addresses: int) -> Line:
        """Cut these off, all at one moment."""
        return await self.do("cut", addresses=addresses)

    async def join(self, *addresses: int) -> float:
        """Undo it, all at one moment; return that."""
        return float((await self.do("join", addresses=addresses))["at"])

    async def present(self, addresses: Sequence[int], *, after: int = 0) -> None:
        """Return once a process of each address hangs on the wire."""
        for address in addresses:
            await self.wait_for(partial(_came, address), after=after)


def _came(address: int, line: Line) -> bool:
    return line.get("came") == address
