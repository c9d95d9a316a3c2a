"""The one secret that is not sealed: 32 random bytes, from which all sealing keys derive.

It comes as a systemd credential, or from a file that only its owner may read. It is made by
an explicit call and never on the way: a daemon that made itself a new root key would turn
every sealed key into noise. For each purpose HKDF-SHA256 (RFC 5869) derives a key of its own,
and one more value that is no secret: the root key's name, by which an error can say which
one is wanted.
"""

import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gatewayd.edge.disk import SYSTEM, sync_directory
from gatewayd.edge.private_file import OTHERS, read_private
from gatewayd.edge.secret import Secret
from gatewayd.errors import StateError

LENGTH = 32
CREDENTIAL = "gatewayd-root-key"
DIRECTORY = "CREDENTIALS_DIRECTORY"  # where systemd says that credentials are

_FEWEST = 12  # different bytes; 32 random ones have fewer once in 2**50 times
_EVERYBODY = 0o007


class RootKey:
    """A root key that is good enough to be one. Its repr shows its name only."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        """Take 32 bytes. ValueError says what is wrong with others, without showing them."""
        wrong = flaw(content)
        if wrong:
            raise ValueError(f"a root key {wrong}")
        self._content = Secret(content)

    @property
    def name(self) -> str:
        """16 hexadecimal digits that tell root keys apart and tell nothing about them."""
        return self.derive("name", 8).hex()

    def derive(self, purpose: str, length: int = LENGTH) -> bytes:
        """Return the key for one purpose."""
        info = f"gatewayd root key 1: {purpose}".encode()
        return HKDF(SHA256(), length, salt=None, info=info).derive(self._content.reveal())

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"<root key {self.name}>"


def flaw(content: bytes) -> str | None:
    """Say what is wrong with the bytes of a root key, None if nothing is."""
    if len(content) != LENGTH:
        return f"has {LENGTH} bytes, this one has {len(content)}"
    steps = {after - before & 0xFF for before, after in pairwise(content)}
    found = {
        "must not be all zero": not any(content),
        "must not repeat itself": content[:16] == content[16:],
        "must not count in equal steps": len(steps) == 1,
        "must be random bytes, not text": all(0x20 <= byte < 0x7F for byte in content),
        "must be random": len(set(content)) < _FEWEST,
    }
    return next((what for what, true in found.items() if true), None)


def create_root_key(path: Path) -> RootKey:
    """Make a root key and its file, 0600, and make it last. Never writes over a file.

    Raises StateError. After a power cut in here the file may be too short; `read_root_key`
    says so, nothing can have been sealed yet, and it may be removed.
    """
    content = os.urandom(LENGTH)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                file.write(content)
                os.fsync(handle)
            sync_directory(SYSTEM, path.parent)
        except OSError:
            path.unlink()
            raise
    except FileExistsError as error:
        raise StateError(f"{path}: File exists, and no root key is written over") from error
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    return RootKey(content)


def read_root_key(path: Path) -> RootKey:
    """Read the file of a root key; StateError if it is none or others may read it."""
    return _read(path, OTHERS)


def find_root_key(
    file: Path | None, environment: Mapping[str, str], credential: str = CREDENTIAL
) -> RootKey | None:
    """Return the root key from the named file, else from systemd; None if neither is there.

    Raises StateError if there is one that cannot be used.
    """
    if file is not None:
        if _is_missing(file):
            raise StateError(f"{file}: No such file; `gatewayd keys make-root` makes the first")
        return read_root_key(file)
    path = Path(environment.get(DIRECTORY, "/nonexistent")) / credential
    if not path.exists():
        return None
    # systemd may let the service's user in by an access list, whose mask then stands where
    # the group's bits are: 0440. The directory is for that user only.
    return _read(path, _EVERYBODY)


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:  # whoever reads it says what is wrong
        return False
    return False


def _read(path: Path, others: int) -> RootKey:
    content = read_private(path, 4 * LENGTH, others=others)
    try:
        return RootKey(content)
    except ValueError as error:
        raise StateError(f"{path}: {error}") from error
