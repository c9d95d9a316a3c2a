"""Units on a secure channel that do no more than a panel needs, and both halves of their talk.

`SecureUnit` is the far end's: it proves itself, opens each command, seals an answer, and
repeats its last answer to a repeated command. `SecureTalk` is that of the panels we compare
ours with: the same `SecureSession`, and nothing around it. Neither forgives anything.
"""

from collections.abc import Mapping, Sequence
from secrets import token_bytes

from protocol.message import Message
from protocol.osdp.commands import OutputAction, OutputRecord, Poll, SetOutputs
from protocol.osdp.frame import Frame
from protocol.osdp.replies import RawCard
from protocol.osdp.secure_handshake import (
    SCS_11,
    SCS_13,
    Answering,
    Challenging,
    Established,
    Handshake,
    HandshakeAsPeripheral,
    Proving,
    Said,
    Welcoming,
)
from protocol.osdp.secure_session import PeripheralSession, SecureSession
from tests.bench.line_keys import key_of

CARD = RawCard(0, 1, 26, bytes.fromhex("12345680"))
PULSE = SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, 5),)).encode()
MARKED = b"\xff"

Answer = tuple[int, bytes]  # the command's code, the reply with its mark


class SecureUnit:
    """One unit. `replies`: what it says to which command."""

    def __init__(self, address: int, replies: Mapping[int, Message]) -> None:
        self._address = address
        self._replies = {code: (each.CODE, each.encode()) for code, each in replies.items()}
        self._identity = HandshakeAsPeripheral(address, key_of(address), bytes(8))
        self._answering: Answering | None = None
        self._session: PeripheralSession | None = None
        self._last: tuple[bytes, Answer] = b"", (0, b"")

    def answer(self, raw: bytes, *, card: bool) -> Answer:
        """Say what it says to a frame; `card`: there is one to report."""
        if raw != self._last[0]:
            code, reply = self._answered(Frame.decode(raw), card=card)
            self._last = raw, (code, MARKED + reply)
        return self._last[1]

    def _answered(self, frame: Frame, *, card: bool) -> Answer:
        block = frame.security
        if block is None:
            code, body = self._replies[frame.code]
            clear = Frame(self._address, frame.sequence, code, body, reply=True)
            return frame.code, clear.encode()
        if block.type == SCS_11:
            answering = self._identity.take(frame, token_bytes(8))
            assert isinstance(answering, Answering)
            self._answering = answering
            return frame.code, self._said(answering.said, frame)
        if block.type == SCS_13:
            assert self._answering is not None
            welcoming = self._answering.take(frame)
            assert isinstance(welcoming, Welcoming)
            self._session = welcoming.session
            return frame.code, self._said(welcoming.said, frame)
        return self._sealed(frame, card=card)

    def _said(self, said: Said, frame: Frame) -> bytes:
        return said.frame(self._address, frame.sequence, reply=True).encode()

    def _sealed(self, frame: Frame, *, card: bool) -> Answer:
        assert self._session is not None
        command = self._session.open(frame)
        assert command is not None
        asked = CARD.CODE if card and command.code == Poll.CODE else command.code
        return command.code, self._session.seal(command.sequence, *self._replies[asked])


class SecureTalk:
    """What to write next to units whose turn comes round, each first for its handshake."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self._addresses = tuple(addresses)
        self._turn = 0
        self._steps: dict[int, Challenging | Proving] = {}
        self._sessions: dict[int, SecureSession] = {}
        self._sequences = dict.fromkeys(addresses, 0)
        self.heard_card = False  # in the reply that `next` was given

    @property
    def address(self) -> int:
        """Whose turn it is."""
        return self._addresses[self._turn]

    @property
    def complete(self) -> bool:
        """Whether everybody has a session."""
        return len(self._sessions) == len(self._addresses)

    def next(self, reply: bytes) -> bytes:
        """Return what to write after a reply, nothing before the first."""
        self.heard_card = False
        if reply:
            self._hear(Frame.decode(reply))
        if self.heard_card:
            return self._seal(SetOutputs.CODE, PULSE)
        if self.address in self._steps:
            return MARKED + self._steps[self.address].said.frame(self.address, 1).encode()
        if reply:
            self._turn = (self._turn + 1) % len(self._addresses)
        if self.address in self._sessions:
            return self._seal(Poll.CODE, b"")
        return self._begin()

    def _hear(self, frame: Frame) -> None:
        session, step = self._sessions.get(self.address), self._steps.pop(self.address, None)
        if session is not None:
            opened = session.open(frame)
            assert opened is not None
            self.heard_card = opened.code == RawCard.CODE
        elif isinstance(step, Challenging):
            proving = step.take(frame)
            assert isinstance(proving, Proving)
            self._steps[self.address] = proving
        elif step is not None:
            established = step.take(frame)
            assert isinstance(established, Established)
            self._sessions[self.address] = established.session
            self._sequences[self.address] = 1

    def _begin(self) -> bytes:
        step = Handshake(self.address, key_of(self.address)).start(token_bytes(8))
        self._steps[self.address] = step
        return MARKED + step.said.frame(self.address, 0).encode()

    def _seal(self, code: int, body: bytes) -> bytes:
        address = self.address
        number = self._sequences[address] = self._sequences[address] % 3 + 1
        return MARKED + self._sessions[address].seal(number, code, body)
