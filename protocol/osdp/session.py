"""How a message becomes bytes for one peripheral, and a reply a message again.

One `Session` object per peripheral is the only place where a frame is sealed before it is
written and opened after it was read. A session is asked to seal a command once; what it
returned is what every retry sends again.

* Clear            without a secure channel; it tells no key
* ClearIdentity    before a secure channel: nothing but who it is and what it can do
* Step             one step of a handshake
* SecureSession    inside a secure channel (`secure_session`)
"""

from typing import Protocol

from protocol.errors import UnsendableMessage
from protocol.osdp.commands import Identify, Poll, ReadCapabilities, SetKey
from protocol.osdp.frame import Frame
from protocol.osdp.secure_handshake import Said
from protocol.osdp.secure_session import Fault


class Session(Protocol):
    """Seals commands and opens replies of one connection."""

    @property
    def fault(self) -> Fault | None:
        """Why this session is over, None while it stands."""

    def seal(self, sequence: int, code: int, body: bytes) -> bytes:
        """Return the whole frame, without the mark character before it."""

    def open(self, frame: Frame) -> Frame | None:
        """Return the reply in clear, or None if it does not belong to this session."""

    def withdraw(self) -> None:
        """Take back the command sealed last: no byte of it went out."""


class Clear:
    """No secure channel: frames go out and come in as they are."""

    fault = None

    def __init__(self, address: int, *, crc: bool) -> None:
        self._address = address
        self._crc = crc
        self._polls = tuple(self._frame(sequence, Poll.CODE, b"") for sequence in range(4))

    def seal(self, sequence: int, code: int, body: bytes) -> bytes:
        """Polls are laid out once: they are nearly all that is ever sent.

        Raises UnsendableMessage for a key: whoever listens would have it.
        """
        if code == Poll.CODE:
            return self._polls[sequence]
        if code == SetKey.CODE:
            raise UnsendableMessage("a key is told inside a session only")
        return self._frame(sequence, code, body)

    def open(self, frame: Frame) -> Frame | None:
        """A reply with a security block is not meant for a clear session."""
        return frame if frame.security is None else None

    def withdraw(self) -> None:
        """A frame in clear is like any other of its number."""

    def _frame(self, sequence: int, code: int, body: bytes) -> bytes:
        return Frame(self._address, sequence, code, body, crc=self._crc).encode()


class ClearIdentity(Clear):
    """A secure unit, outside a session: all that may be said to it in clear."""

    def seal(self, sequence: int, code: int, body: bytes) -> bytes:
        """Raise UnsendableMessage for whatever belongs into a session."""
        if code not in (Identify.CODE, ReadCapabilities.CODE):
            raise UnsendableMessage(f"command {code:#04x} belongs into a secure session")
        return super().seal(sequence, code, body)


class Step:
    """One step of a handshake: a security block, but nothing is signed yet."""

    fault = None

    def __init__(self, address: int, said: Said, *, crc: bool) -> None:
        self._address = address
        self._said = said
        self._crc = crc

    def seal(self, sequence: int, _code: int, _body: bytes) -> bytes:
        """There is one thing to say."""
        return self._said.frame(self._address, sequence, crc=self._crc).encode()

    def open(self, frame: Frame) -> Frame | None:
        """The step itself judges its answer, block and all."""
        return frame

    def withdraw(self) -> None:
        """It is said again as it was."""
