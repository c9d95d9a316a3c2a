"""The one directory that holds all state, and the lock that makes it ours alone.

The daemon, or a command-line tool while no daemon runs, takes an advisory lock (flock) on
a file in it; the kernel lets go of it when the process ends, however it ends. Directory
0700, files 0600. Nobody opens a database beside the holder of the lock.
"""

import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Self

from gatewayd.errors import StateError, StateInUse

LOCK = "lock"
_LONGEST_PID = 32


class StateDirectory:
    """A locked state directory. A context manager; `close` gives it back."""

    def __init__(self, path: Path, lock: BinaryIO) -> None:
        """Use `StateDirectory.open`."""
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the directory if need be and lock it.

        Raises StateInUse if another process has it, StateError if it cannot be used.
        """
        with ExitStack() as undo:
            try:
                lock = undo.enter_context(_lock_file(path))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StateInUse(f"{path} is in use by process {_holder(lock)}") from error
            except OSError as error:
                raise StateError(f"{path}: {error.strerror or error}") from error
            undo.pop_all()
        _sign(lock)
        return cls(path, lock)

    def close(self) -> None:
        """Let others have it."""
        self._lock.close()

    def __enter__(self) -> Self:
        """Nothing more to do: it is locked already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have it."""
        self.close()


def _lock_file(path: Path) -> BinaryIO:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        if any(path.iterdir()):  # maybe not ours at all: /tmp, somebody's home
            raise StateError(f"{path} must be for its owner only: chmod 700 {path}")
        path.chmod(0o700)
    handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "r+b", buffering=0)


def _sign(lock: BinaryIO) -> None:
    """Say who has it. On a full disk the name stays out; the lock holds all the same."""
    with suppress(OSError):
        os.ftruncate(lock.fileno(), 0)
        os.pwrite(lock.fileno(), f"{os.getpid()}\n".encode(), 0)


def _holder(lock: BinaryIO) -> str:
    return (
        os.pread(lock.fileno(), _LONGEST_PID, 0).decode(errors="replace").strip() or "unknown"
    )
