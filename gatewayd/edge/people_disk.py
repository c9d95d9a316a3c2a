"""What the people's files ask of a disk, beyond replacing files whole (`edge.disk`)."""

import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from gatewayd.edge.disk import Disk, Handle, SystemDisk
from gatewayd.edge.people_record import Memory


class PeopleDisk(Disk, Protocol):
    """All raise OSError."""

    def open(self, path: Path) -> Handle:
        """Open a file that is there, to write into it."""

    def write_at(self, handle: Handle, content: bytes, at: int) -> int:
        """Write some of it at this offset and return how much."""

    def listing(self, directory: Path) -> list[str]:
        """Return the names in a directory; make it if there is none."""

    def unlink(self, path: Path) -> None:
        """Take a file away; none is fine."""

    def map(self, path: Path) -> Memory:
        """Return a whole file, to be read in any order, without reading it now."""

    def blocks(self, path: Path, begin: int, size: int) -> Iterator[bytes]:
        """Return a file from `begin` on, in blocks of this size, the last one shorter."""


class SystemPeopleDisk(SystemDisk):
    """The real one."""

    def open(self, path: Path) -> Handle:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def write_at(self, handle: Handle, content: bytes, at: int) -> int:
        return os.pwrite(handle, content, at)

    def listing(self, directory: Path) -> list[str]:
        directory.mkdir(mode=0o700, exist_ok=True)
        return sorted(each.name for each in directory.iterdir())

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def map(self, path: Path) -> Memory:
        with path.open("rb") as file:
            number = file.fileno()
            length = os.fstat(number).st_size
            if not length:
                return b""
            with suppress(OSError):  # a hint: read ahead, so that no card waits for it
                os.posix_fadvise(number, 0, 0, os.POSIX_FADV_WILLNEED)
            return mmap.mmap(number, length, access=mmap.ACCESS_READ)

    def blocks(self, path: Path, begin: int, size: int) -> Iterator[bytes]:
        with path.open("rb", buffering=0) as file:
            file.seek(begin)
            while block := _whole(file, size):
                yield block


def _whole(file: IO[bytes], size: int) -> bytes:
    """Read a block; a short read is not the end yet."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


PEOPLE_DISK = SystemPeopleDisk()
