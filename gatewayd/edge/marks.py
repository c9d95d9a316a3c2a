"""Marks in the state directory: small facts that must outlive everything, one file each."""

import os
from pathlib import Path

SUFFIX = ".mark"


class Marks:
    """What was marked once stays marked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def has(self, name: str) -> bool:
        """Say whether the mark is there."""
        return self._path(name).exists()

    def set(self, name: str, text: str) -> None:
        """Make the mark, whole or not at all, and make it last. Raises OSError."""
        fresh = self._directory / f"{name}.new"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, text.encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        fresh.replace(self._path(name))
        self._sync()

    def _path(self, name: str) -> Path:
        return self._directory / (name + SUFFIX)

    def _sync(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
