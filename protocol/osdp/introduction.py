"""How a unit introduces itself: in clear, and with a key once more inside a session.

    without a key   osdp_ID  osdp_CAP
    with a key      osdp_ID  osdp_CAP   osdp_CHLNG  osdp_SCRYPT   osdp_ID  osdp_CAP
                    └─ in clear, a claim ┘                        └─ sealed, proved ┘

Whether a unit has a key is configured; nothing a unit says or leaves unsaid can change it.
There is one key, the unit's own, and no other way on: an introduction either becomes
`complete`, which with a key is possible only inside a session, or it is forgotten and begins
anew. The challenge restarts the count of sequence numbers at 0, which every unit accepts.
"""

from collections.abc import Callable

from protocol.message import Message
from protocol.osdp.commands import Identify, ReadCapabilities
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Capabilities, Identification
from protocol.osdp.secure_handshake import (
    Challenging,
    Established,
    Failed,
    Handshake,
    Proving,
)
from protocol.osdp.secure_keys import RANDOM_LENGTH
from protocol.osdp.session import Clear, ClearIdentity, Session, Step

IDENTIFY = Identify()
READ_CAPABILITIES = ReadCapabilities()

Chance = Callable[[int], bytes]  # so many bytes that nobody could guess


class Introduction:
    """Who one unit says it is, how far that is proved, and the session it is proved in."""

    def __init__(
        self, address: int, *, crc: bool, key: bytes | None, chance: Chance | None
    ) -> None:
        """Raise ValueError for a key without chance, or of another length than 16 bytes."""
        self._address = address
        self._crc = crc
        self._start: Callable[[], Challenging] | None = None
        if key is not None:
            if chance is None:
                raise ValueError(f"address {address} has a key, so the bus needs chance")
            handshake = Handshake(address, key, crc=crc)
            self._start = lambda: handshake.start(chance(RANDOM_LENGTH))
        kind = Clear if key is None else ClearIdentity
        self._clear: Session = kind(address, crc=crc)
        self.forget()

    def forget(self) -> None:
        """Begin anew: nobody is known, no session stands."""
        self.session: Session = self._clear
        self.secure = False  # whether a session stands
        self.outside: tuple[Identification, Capabilities] | None = None  # in clear, before it
        self._step: Challenging | Proving | None = None
        self._evidence_outside: tuple[bytes, ...] = ()
        self._read_anew()

    def repeat(self) -> None:
        """Read the identity once more, inside the session if there is to be one."""
        if self.secure or self._start is None:
            self._read_anew()

    def _read_anew(self) -> None:
        self.identification: Identification | None = None
        self.capabilities: Capabilities | None = None
        self._evidence: tuple[bytes, ...] = ()

    # --- what is known ----------------------------------------------------------------

    @property
    def evidence(self) -> tuple[bytes, ...]:
        """The frames of all answers so far, those from inside the session unsealed."""
        return self._evidence_outside + self._evidence

    @property
    def proving(self) -> bool:
        """Whether the handshake is under way."""
        return self._step is not None

    @property
    def complete(self) -> bool:
        """Whether everything was said, and said where it has to be said."""
        return self.capabilities is not None and (self.secure or self._start is None)

    def claimed(self) -> tuple[Identification, Capabilities]:
        """Return what was said in clear, once it was."""
        if self.outside is not None:
            return self.outside
        assert self.identification is not None
        assert self.capabilities is not None
        return self.identification, self.capabilities

    def question(self) -> Message | None:
        """Return what to ask next, None once it is complete."""
        if self.identification is None:
            return IDENTIFY
        if self.capabilities is None:
            return READ_CAPABILITIES
        return None if self._step is None else self._step.said.message

    # --- what was answered ------------------------------------------------------------

    def identified(self, identification: Identification, frame: Frame) -> bool:
        """Take who it is; False if it is somebody else inside the session than outside."""
        if self.outside is not None and identification != self.outside[0]:
            return False
        self.identification = identification
        self._evidence = (frame.encode(),)
        return True

    def able(self, capabilities: Capabilities, frame: Frame) -> None:
        """Take what it can do; with a key, and in clear, the handshake follows."""
        self.capabilities = capabilities
        self._evidence = (*self._evidence, frame.encode())
        if self._start is not None and not self.secure:
            self._go_on(self._start())

    def proved(self, frame: Frame) -> Failed | None:
        """Take the answer to a step of the handshake; say if it does not go on."""
        assert self._step is not None
        taken = self._step.take(frame)
        if isinstance(taken, Failed):
            return taken
        if isinstance(taken, Established):
            self._enter(taken)
        else:
            self._go_on(taken)
        return None

    def _go_on(self, step: Challenging | Proving) -> None:
        self._step = step
        self.session = Step(self._address, step.said, crc=self._crc)

    def _enter(self, established: Established) -> None:
        assert self.identification is not None
        assert self.capabilities is not None
        self._step = None
        self.session, self.secure = established.session, True
        self.outside = self.identification, self.capabilities
        self._evidence_outside = self._evidence
        self._read_anew()
