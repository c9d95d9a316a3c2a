"""Marks in the state directory: small facts that must outlive everything, one file each."""

from pathlib import Path

from gatewayd.edge.disk import SYSTEM, Disk, replace

SUFFIX = ".mark"


class Marks:
    """What was marked once stays marked."""

    def __init__(self, directory: Path, disk: Disk = SYSTEM) -> None:
        self._directory = directory
        self._disk = disk

    def has(self, name: str) -> bool:
        """Say whether the mark is there."""
        return self._path(name).exists()

    def set(self, name: str, text: str) -> None:
        """Make the mark, whole or not at all, and make it last. Raises OSError."""
        replace(self._disk, self._path(name), text.encode() + b"\n")

    def _path(self, name: str) -> Path:
        return self._directory / (name + SUFFIX)
