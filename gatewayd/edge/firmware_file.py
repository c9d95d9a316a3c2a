"""Reads a file that is to be sent to a controller, as much as may be and nothing else.

Whoever may use the control socket names a path and the daemon opens it with its own rights.
So it must be a regular file (opening anything else could hang, or act), not too long, and none
that is private to the daemon: what lies in its state directory, its root key, its passwords.
What counts is the file that was opened, so neither a link nor a name that is changed meanwhile
gets around it. A file that has no size but something in it (below /proc) counts as empty.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from protocol.osdp.file_sender import LARGEST_FILE


class Unfit(Exception):
    """The file cannot be sent; the text says why."""


@dataclass(frozen=True, slots=True)
class FirmwareFile:
    """What was read. `digest`: SHA-256, hexadecimal."""

    path: str
    content: bytes = field(repr=False)
    digest: str


def read_firmware(path: Path, private: Iterable[Path]) -> FirmwareFile:
    """Read a file that is none of these and in no directory of these. Raises Unfit.

    It may wait for a disk.
    """
    try:
        content = _content(path, private)
    except (OSError, ValueError) as error:
        raise Unfit(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not content:
        raise Unfit(f"{path} is empty")
    if len(content) > LARGEST_FILE:
        raise Unfit(f"{path} is longer than {LARGEST_FILE >> 20} MiB")
    return FirmwareFile(str(path), content, hashlib.sha256(content).hexdigest())


def _content(path: Path, private: Iterable[Path]) -> bytes:
    """Return at most one byte more than may be sent."""
    _require_regular(path, path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _require_regular(path, status)
        if any(os.path.samestat(status, each) for each in _all_of(private)):
            raise Unfit(f"{path} is one of the daemon's own files, which it gives to nobody")
        return file.read(LARGEST_FILE + 1) if status.st_size else b""


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unfit(f"{path} is no regular file")


def _all_of(places: Iterable[Path]) -> Iterator[os.stat_result]:
    """Look at these files, and at all that is in those that are directories."""
    for place in places:
        for each in (place, *place.rglob("*")):
            with suppress(FileNotFoundError):
                yield each.stat()
