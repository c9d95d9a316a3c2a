"""Replacing a file so that a power cut leaves the old one or the new one, whole.

The new content goes into a draft beside the file, is synced, takes the file's name, and the
directory is synced: only then is it said to be written. `Disk` is the seam at which tests cut
the power between any two of these steps. Files are 0600.
"""

import os
from pathlib import Path
from typing import Protocol

Handle = int


class Disk(Protocol):
    """The few things we ask of a file system. All raise OSError."""

    def read(self, path: Path, longest: int) -> bytes | None:
        """Return up to `longest` bytes of a file, None if there is none."""

    def create(self, path: Path) -> Handle:
        """Make a new file for its owner only; one that is there is unlinked first."""

    def write(self, handle: Handle, content: bytes) -> int:
        """Write some of it and return how much."""

    def sync(self, handle: Handle) -> None:
        """Make a file's content, or a directory's names, last."""

    def close(self, handle: Handle) -> None:
        """Give the handle back."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file a name that another may have now, in one step."""

    def open_directory(self, path: Path) -> Handle:
        """Return a handle to sync a directory with."""


class SystemDisk:
    """The real one."""

    def read(self, path: Path, longest: int) -> bytes | None:
        try:
            with path.open("rb") as file:
                return file.read(longest)
        except FileNotFoundError:
            return None

    def create(self, path: Path) -> Handle:
        path.unlink(missing_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, handle: Handle, content: bytes) -> int:
        return os.write(handle, content)

    def sync(self, handle: Handle) -> None:
        os.fsync(handle)

    def close(self, handle: Handle) -> None:
        os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def open_directory(self, path: Path) -> Handle:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


SYSTEM = SystemDisk()


def replace(disk: Disk, path: Path, content: bytes) -> None:
    """Make `content` the file's, whole or not at all, and make it last.

    After an OSError the file is the old or the new one; nobody can know which.
    """
    draft = path.with_name(f"{path.name}.new")
    write_new(disk, draft, content)
    disk.rename(draft, path)
    sync_directory(disk, path.parent)


def write_new(disk: Disk, path: Path, content: bytes) -> None:
    """Make a file with this content. Its name lasts only once its directory is synced."""
    handle = disk.create(path)
    try:
        while content:
            content = content[disk.write(handle, content) :]
        disk.sync(handle)
    finally:
        disk.close(handle)


def sync_directory(disk: Disk, path: Path) -> None:
    """Make the names in a directory last."""
    handle = disk.open_directory(path)
    try:
        disk.sync(handle)
    finally:
        disk.close(handle)
