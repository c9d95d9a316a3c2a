"""A disk in memory whose power can be cut between any two steps.

What a file system owes us after a cut, and no more: the content of a file that was synced and
not written since; of the names in a directory, those of the last sync and then any first part
of what happened later, in order. The content of a file that was not synced may be gone, cut
off anywhere, of the right length and zero, or all there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CHUNK = 100  # bytes that one write takes: a long one is not one step
DIRECTORY = 0

Step = Literal["unlink", "create", "write", "sync", "rename", "sync names"]
Names = dict[Path, "Inode"]


class PowerCut(BaseException):
    """The process is gone. No error of ours: nobody may catch it."""


def nothing(_: Step) -> None:
    """Let every step happen."""


@dataclass(eq=False)
class Inode:
    content: bytes = b""
    durable: bytes | None = None  # None: it was written since

    def afterwards(self) -> Iterator[bytes]:
        """All it may hold after a power cut."""
        if self.durable is not None:
            yield self.durable
            return
        yield b""
        yield self.content[: len(self.content) // 2]
        yield bytes(len(self.content))
        yield self.content


@dataclass
class CrashingDisk:
    """`before_step` is told which step comes, and may raise OSError or PowerCut instead."""

    before_step: Callable[[Step], None] = nothing
    names: Names = field(default_factory=dict)
    _durable: Names = field(default_factory=dict)
    _since: list[Callable[[Names], object]] = field(default_factory=list)
    _open: dict[int, Inode] = field(default_factory=dict)
    _next: int = DIRECTORY + 1

    def read(self, path: Path, longest: int) -> bytes | None:
        inode = self.names.get(path)
        return None if inode is None else inode.content[:longest]

    def create(self, path: Path) -> int:
        if path in self.names:
            self.before_step("unlink")
            self._rename(lambda names: names.pop(path, None))
        self.before_step("create")
        inode = Inode(durable=b"")
        self._rename(lambda names: names.__setitem__(path, inode))
        self._next += 1
        self._open[self._next] = inode
        return self._next

    def write(self, handle: int, content: bytes) -> int:
        self.before_step("write")
        inode = self._open[handle]
        inode.content += content[:CHUNK]
        inode.durable = None
        return len(content[:CHUNK])

    def sync(self, handle: int) -> None:
        self.before_step("sync names" if handle == DIRECTORY else "sync")
        if handle == DIRECTORY:
            self._durable = dict(self.names)
            self._since.clear()
        else:
            self._open[handle].durable = self._open[handle].content

    def close(self, handle: int) -> None:
        self._open.pop(handle, None)

    def rename(self, old: Path, new: Path) -> None:
        self.before_step("rename")
        self._rename(lambda names: names.__setitem__(new, names.pop(old)))

    def open_directory(self, path: Path) -> int:
        assert path == Path("/")
        return DIRECTORY

    def copy(self) -> "CrashingDisk":
        """Return a disk with the same names for the same files; to be read only."""
        return CrashingDisk(names=dict(self.names))

    def images(self) -> Iterator["CrashingDisk"]:
        """Every disk that a power cut now may leave."""
        for count in range(len(self._since) + 1):
            names = dict(self._durable)
            for change in self._since[:count]:
                change(names)
            yield from _with_contents(list(names.items()))

    def _rename(self, change: Callable[[Names], object]) -> None:
        change(self.names)
        self._since.append(change)


def _with_contents(names: list[tuple[Path, Inode]]) -> Iterator[CrashingDisk]:
    if not names:
        yield CrashingDisk()
        return
    (path, inode), *others = names
    for disk in _with_contents(others):
        for content in inode.afterwards():
            kept = Inode(content, content)
            after = {**disk.names, path: kept}
            yield CrashingDisk(names=after, _durable=dict(after))
