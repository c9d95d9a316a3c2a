"""A file that libosdp's peripheral takes: where it may write, and what came of it."""

import hashlib
from collections.abc import Callable
from typing import Any

LARGEST = 1 << 20  # bytes


class ReceivedFile:
    """One file after the other. `operations` are what the library wants to call."""

    def __init__(self, heard: Callable[[int, str], None]) -> None:
        """`heard` is told size and SHA-256 of every file that was closed."""
        self._heard = heard
        self._content = bytearray()

    @property
    def operations(self) -> dict[str, Callable[..., Any]]:
        """Return all four; it asks for all of them."""
        return {
            "open": self._open,
            "read": lambda _size, _offset: b"",
            "write": self._write,
            "close": self._close,
        }

    def _open(self, _file: int, size: int) -> int:
        if size > LARGEST:
            return -1
        self._content = bytearray(size)
        return size

    def _write(self, data: bytes, offset: int) -> int:
        self._content[offset : offset + len(data)] = data
        return len(data)

    def _close(self, _file: int) -> int:
        self._heard(len(self._content), hashlib.sha256(self._content).hexdigest())
        return 0
