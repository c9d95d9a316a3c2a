"""A line's far end: a pseudo-terminal behind a path that stays the same.

The daemon opens `path`, a symbolic link to the pseudo-terminal's slave. `hang_up` takes the
port away as unplugging an adapter does; `plug_in` brings a new one back under the old path.
The slave is held open here too: without a reader the master would report an error.
"""

import os
import tty
from contextlib import suppress
from pathlib import Path
from typing import Protocol

CHUNK = 4096


class Port(Protocol):
    """Where units meet their panel. Never blocks."""

    @property
    def path(self) -> Path:
        """By what it is known."""

    @property
    def descriptor(self) -> int | None:
        """What to wait on for bytes; None while unplugged."""

    def plug_in(self) -> None:
        """Be there."""

    def hang_up(self) -> None:
        """Be gone."""

    def read(self) -> bytes:
        """Return what the panel wrote, perhaps nothing."""

    def write(self, data: bytes) -> None:
        """Answer."""


class PseudoTerminal:
    """The peripherals' side of a line. Never blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master: int | None = None
        self._slave: int | None = None

    def plug_in(self) -> None:
        """Make the port appear."""
        assert self._master is None
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.path)

    def hang_up(self) -> None:
        """Make the port disappear; whoever has it open is told by the kernel."""
        self.path.unlink(missing_ok=True)
        for end in (self._slave, self._master):
            if end is not None:
                os.close(end)
        self._master = self._slave = None

    @property
    def descriptor(self) -> int | None:
        """What to wait on for bytes; None while unplugged."""
        return self._master

    def read(self) -> bytes:
        """Return what the panel wrote, perhaps nothing."""
        if self._master is None:
            return b""
        try:
            return os.read(self._master, CHUNK)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Answer; on a full or unplugged line the bytes are lost, as on a wire."""
        if self._master is not None:
            with suppress(BlockingIOError):
                os.write(self._master, data)
