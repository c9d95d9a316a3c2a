"""Reads a file that is to be sent to a controller, as much as may be and nothing else.

Whoever may use the control socket names a path and the daemon opens it with its own rights.
So it must be a regular file (opening anything else could hang, or act), not too long, and not
one of the daemon's own: the state directory holds keys and the journal.
"""

import hashlib
import os
import stat
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


def read_firmware(path: Path, state: Path) -> FirmwareFile:
    """Read a file that is not in the state directory. Raises Unfit. It may wait for a disk."""
    try:
        real = path.resolve(strict=True)
        if real.is_relative_to(state.resolve()):
            raise Unfit(f"{path} is in the state directory, where the daemon's own files are")
        content = _content(real)
    except (OSError, ValueError, RuntimeError) as error:  # the last: links in a circle
        raise Unfit(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not content:
        raise Unfit(f"{path} is empty")
    if len(content) > LARGEST_FILE:
        raise Unfit(f"{path} is longer than {LARGEST_FILE >> 20} MiB")
    return FirmwareFile(str(path), content, hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    """Return at most one byte more than may be sent."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unfit(f"{path} is no regular file")
        return file.read(LARGEST_FILE + 1)
