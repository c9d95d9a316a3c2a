"""How a message becomes bytes for one peripheral, and a reply a message again.

One `Session` object per peripheral is the only place where a frame is sealed before it is
written and opened after it was read. `Clear` does it without a secure channel. A session
is asked to seal a command once; what it returned is what every retry sends again.
"""

from typing import Protocol

from protocol.osdp.commands import Poll
from protocol.osdp.frame import Frame


class Session(Protocol):
    """Seals commands and opens replies of one connection."""

    def seal(self, sequence: int, code: int, body: bytes) -> bytes:
        """Return the whole frame, without the mark character before it."""

    def open(self, frame: Frame) -> Frame | None:
        """Return the reply in clear, or None if it does not belong to this session."""


class Clear:
    """No secure channel: frames go out and come in as they are."""

    def __init__(self, address: int, *, crc: bool) -> None:
        self._address = address
        self._crc = crc
        self._polls = tuple(self._frame(sequence, Poll.CODE, b"") for sequence in range(4))

    def seal(self, sequence: int, code: int, body: bytes) -> bytes:
        """Polls are laid out once: they are nearly all that is ever sent."""
        if code == Poll.CODE:
            return self._polls[sequence]
        return self._frame(sequence, code, body)

    def open(self, frame: Frame) -> Frame | None:
        """A reply with a security block is not meant for a clear session."""
        return frame if frame.security is None else None

    def _frame(self, sequence: int, code: int, body: bytes) -> bytes:
        return Frame(self._address, sequence, code, body, crc=self._crc).encode()
