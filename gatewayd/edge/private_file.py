"""Reading a file that holds secrets: refused if anybody else may read it.

What is checked is the file that was opened, not its name, so nothing can be put in its place
in between. The content is never in an error.
"""

import os
import stat
from pathlib import Path

from gatewayd.errors import StateError

OTHERS = 0o077  # group and everybody
ROOT = 0


def read_private(path: Path, longest: int, *, others: int = OTHERS) -> bytes:
    """Return the whole file of at most `longest` bytes.

    `others` are the permission bits nobody may have. Raises StateError naming the file.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            wrong = exposed(os.fstat(file.fileno()), os.geteuid(), others)
            content = b"" if wrong else file.read(longest + 1)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    if wrong:
        raise StateError(f"{path} {wrong}")
    if len(content) > longest:
        raise StateError(f"{path} is longer than {longest} bytes")
    return content


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever has the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def exposed(status: os.stat_result, me: int, others: int) -> str | None:
    """Say why a file cannot hold a secret of user `me`, None if it can."""
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_uid not in (ROOT, me):
        return f"belongs to user {status.st_uid}, who may read it: chown it"
    if status.st_mode & others:
        mode = f"{stat.S_IMODE(status.st_mode):03o}"
        return f"may be used by others than its owner (mode {mode}): chmod 600"
    return None
